use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use super::{RUNTIMES, ended, is_empty, json, seaworthy, temporary};
use tempfile::TempDir;

fn start(own: &TempDir, args: &[&str]) -> Child {
    let mut command = seaworthy(own);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Reads on until a line has `text` in it, and gives the reader back: dropping it closes the pipe.
fn wait_for(child: &mut Child, text: &str) -> impl BufRead + use<> {
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(reader.read_line(&mut line).expect("text") > 0, "it ended before it said `{text}`");
    }
    reader
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

#[test]
fn ctrl_c_puts_everything_away_and_ends_with_130() {
    for runtime in RUNTIMES {
        // While the folder is being made, and while it is being hashed.
        for line in ["10,000 files in", "to make them"] {
            let own = temporary();
            let mut child = start(&own, &["tour", "2", "--runtime", runtime, "-j", "1"]);
            let mut stdout = wait_for(&mut child, line);
            assert!(!is_empty(&own));
            signal(&child, "-INT");
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).expect("text");
            let (code, _, err) = ended(&child.wait_with_output().expect("it ends"));
            assert_eq!(code, 130, "{runtime}, {line}: {rest}{err}");
            assert!(err.contains("stopping, and putting things away"), "{err}");
            assert!(rest.contains("interrupted"), "{rest}");
            assert!(is_empty(&own), "{runtime}, {line}: the temporary folder is still there");
        }
    }
}

#[test]
fn a_request_to_terminate_is_heeded_likewise_and_json_stays_whole() {
    for runtime in RUNTIMES {
        let own = temporary();
        let mut child = start(&own, &["-v", "tour", "2", "--json", "--runtime", runtime]);
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("temporary folder") {
            line.clear();
            assert!(stderr.read_line(&mut line).expect("text") > 0, "it ended early");
        }
        signal(&child, "-TERM");
        stderr.read_to_string(&mut line).expect("text");
        let (code, out, _) = ended(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, 143, "{line}");
        assert_eq!(json(&out)["outcome"], "interrupted");
        assert!(is_empty(&own));
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    for runtime in RUNTIMES {
        let own = temporary();
        let mut child = start(&own, &["tour", "2", "--runtime", runtime]);
        drop(wait_for(&mut child, "10,000 files in"));
        let (code, _, err) = ended(&child.wait_with_output().expect("it ends"));
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}");
        assert!(is_empty(&own));
    }
}
