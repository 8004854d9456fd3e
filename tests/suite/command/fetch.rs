//! `seaworthy fetch` against a server that is as bad as it is told to be.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use seaworthy::testing::http::{Handler, Received, Reply, Server, routes};
use serde_json::Value;

use super::{RUNTIMES, ended, run, seaworthy, temporary};

/// Runs `test` in a thread that may block, beside a server.
fn beside(handler: impl Handler, test: impl FnOnce(&Server) + Send + 'static) {
    let program = async move |rt: seaworthy::rt::Rt| {
        let server = Server::start(&rt, ([127, 0, 0, 1], 0), handler).await.expect("a free port");
        rt.spawn_blocking("test", move || test(&server)).await.expect("the test passes");
    };
    #[cfg(feature = "tokio")]
    seaworthy::tokio::run(program);
    #[cfg(not(feature = "tokio"))]
    seaworthy::smol::run(program);
}

fn records(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// What is in the folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let names: BTreeSet<_> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
    names.into_iter().collect()
}

#[test]
fn each_url_has_its_record_and_each_failure_its_reason() {
    beside(routes, |server| {
        for runtime in RUNTIMES {
            let own = temporary();
            let list = own.path().join("urls.txt");
            let urls = [
                server.url("/bytes/100"),
                "# a comment".to_owned(),
                server.url("/status/404"),
                String::new(),
                "ftp://example.org/x".to_owned(),
                server.url("/reset"),
                server.url("/truncated/1000"),
                server.url("/redirect/2"),
            ];
            fs::write(&list, urls.join("\n")).expect("a file");
            let args = ["fetch", "-i", &text(&list), "--ordered", "--retries", "1", "--runtime", runtime];
            let (code, out, err) = run(args);
            assert_eq!(code, 1, "{err}");
            let records = records(&out);
            let field = |name: &str| -> Vec<Value> { records.iter().map(|one| one[name].clone()).collect() };
            assert_eq!(field("index"), [0, 1, 2, 3, 4, 5]);
            assert_eq!(field("outcome"), ["fetched", "failed", "failed", "failed", "failed", "fetched"]);
            let phases: Vec<_> = records.iter().map(|one| one["error"]["phase"].as_str()).collect();
            let expected =
                [None, Some("status"), Some("building the request"), Some("first byte"), Some("body"), None];
            assert_eq!(phases, expected, "{out}");
            assert_eq!(records[0]["bytes"], 100);
            assert_eq!(records[0]["sha256"].as_str().map(str::len), Some(64));
            assert_eq!((&records[3]["attempts_made"], &records[5]["redirects"]), (&2.into(), &2.into()));
            assert!(err.contains("2 fetched, 4 failed"), "{err}");
        }
    });
}

#[test]
fn what_broke_off_is_gone_on_with_where_it_was() {
    const LEN: usize = 300_000;
    let whole: Arc<Vec<u8>> = Arc::new((0..LEN).map(|n| (n * 31 % 251) as u8).collect());
    let served = Arc::clone(&whole);
    let handler = move |request: &Received| {
        let reply = match request.header("range").and_then(|range| range.strip_prefix("bytes=")) {
            None => Reply::bytes(served.to_vec()).truncated(200_000),
            Some(range) => {
                let from: usize = range.trim_end_matches('-').parse().expect("a number");
                Reply::bytes(served[from..].to_vec())
                    .status(206)
                    .header("content-range", format!("bytes {from}-{}/{LEN}", LEN - 1))
            }
        };
        reply.header("etag", "\"one\"")
    };
    beside(handler, move |server| {
        for runtime in RUNTIMES {
            let own = temporary();
            let folder = own.path().join("in");
            let url = server.url("/large");
            let args = ["fetch", &url, "-o", &text(&folder), "--retries", "0", "--runtime", runtime];
            let (code, _, err) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
            assert_eq!(
                (code, names(&folder)),
                (1, vec!["large.part".to_owned(), "large.part.json".to_owned()]),
                "{err}"
            );
            let (code, out, err) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
            assert_eq!((code, names(&folder)), (0, vec!["large".to_owned()]), "{out}{err}");
            assert_eq!(fs::read(folder.join("large")).expect("a file"), *whole);
            let last = server.requests().pop().expect("a request");
            assert_eq!(
                (last.header("range"), last.header("if-range")),
                (Some("bytes=200000-"), Some("\"one\""))
            );
            // A third time there is nothing to do.
            let before = server.requests().len();
            let (code, out, _) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
            assert_eq!((code, server.requests().len()), (0, before), "{out}");
            assert!(out.contains("is there already"), "{out}");
        }
    });
}

#[test]
fn what_has_changed_meanwhile_is_fetched_anew() {
    let asked = AtomicUsize::new(0);
    let handler = move |_: &Received| match asked.fetch_add(1, Relaxed) {
        0 => Reply::bytes(vec![b'o'; 2000]).header("etag", "\"old\"").truncated(1000),
        // Not what it was: all of it, whatever range was asked for.
        _ => Reply::bytes(vec![b'n'; 1500]).header("etag", "\"new\""),
    };
    beside(handler, |server| {
        let own = temporary();
        let folder = own.path().join("in");
        let args = ["fetch", &server.url("/thing"), "-o", &text(&folder), "--retries", "2"];
        let (code, out, err) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(fs::read(folder.join("thing")).expect("a file"), [b'n'; 1500]);
    });
}

#[test]
fn names_stay_in_the_folder_and_do_not_collide() {
    beside(
        |request: &Received| Reply::text(&request.target),
        |server| {
            let own = temporary();
            let folder = own.path().join("in");
            let base = server.url("");
            let urls = ["/a", "/a", "/b/a", "/../../etc/a", "/%2e%2e%2fpasswd", "/", "/c%00d", "/.hidden"];
            let mut command = seaworthy(&own);
            command.args(["fetch", "-o", &text(&folder)]);
            command.args(urls.map(|path| format!("{base}{path}")));
            let (code, out, err) = ended(&command.output().expect("it starts"));
            assert_eq!(code, 0, "{out}{err}");
            assert_eq!(names(own.path()), ["in"], "none is elsewhere");
            let names = names(&folder);
            assert_eq!(names.len(), urls.len(), "each has a file of its own: {names:?}");
            assert!(
                names.iter().all(|name| !name.starts_with('.') && !name.contains(['/', '\0'])),
                "{names:?}"
            );
        },
    );
}

#[test]
fn a_file_that_cannot_be_written_harms_no_other() {
    beside(routes, |server| {
        let own = temporary();
        let folder = own.path().join("in");
        fs::create_dir_all(folder.join("10.part")).expect("a folder");
        let args = ["fetch", &server.url("/bytes/10"), &server.url("/bytes/20"), "-o", &text(&folder)];
        let (code, out, err) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
        assert_eq!(code, 1, "{out}{err}");
        assert!(out.contains("cannot be written") && out.contains("phase: write"), "{out}");
        assert_eq!(fs::read(folder.join("20")).expect("a file").len(), 20);
    });
}

#[test]
fn what_is_asked_for_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let handler = move |request: &Received| match asked.fetch_add(1, Relaxed) {
        0 => Reply::new(429).header("retry-after", "1"),
        _ => Reply::text(request.header("x-ship").unwrap_or_default()),
    };
    beside(handler, |server| {
        let (code, out, err) = run(["fetch", &server.url("/"), "-H", "X-Ship: Fram", "--rate", "100/s"]);
        assert_eq!(code, 0, "{err}");
        let record = &records(&out)[0];
        assert_eq!((&record["status"], &record["bytes"]), (&200.into(), &4.into()));
        assert!(record["attempts"][0]["pause_seconds"].as_f64() >= Some(1.0), "{record}");
        let [first, second] = &server.requests()[..] else { panic!("two requests") };
        assert!(second.at.duration_since(first.at) >= Duration::from_secs(1));
    });
}

#[test]
fn ctrl_c_keeps_what_has_come_and_ends_with_130() {
    let handler = |_: &Received| {
        Reply::bytes(vec![b'a'; 300_000])
            .header("etag", "\"a\"")
            .truncated(290_000)
            .pause_before_cut(Duration::from_secs(600))
    };
    beside(handler, |server| {
        for runtime in RUNTIMES {
            let own = temporary();
            let folder = own.path().join("in");
            let mut command = seaworthy(&own);
            command.args(["fetch", &server.url("/slow"), "-o", &text(&folder), "--runtime", runtime]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
            let part = folder.join("slow.part");
            while !fs::metadata(&part).is_ok_and(|part| part.len() > 200_000) {
                std::thread::yield_now();
            }
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(sent.expect("kill is there").success());
            let (code, _, err) = ended(&child.wait_with_output().expect("it ends"));
            assert_eq!(code, 130, "{err}");
            assert!(err.contains("run it again to go on"), "{err}");
            assert_eq!(names(&folder), ["slow.part", "slow.part.json"]);
        }
    });
}

#[test]
fn two_thousand_at_two_hundred_at_once_are_all_there_once() {
    let answer = |request: &Received| match request.path().len() % 7 {
        0 => Reply::new(404),
        _ => Reply::text(request.path()),
    };
    beside(answer, |server| {
        let own = temporary();
        let list = own.path().join("urls.txt");
        let urls: String =
            (0..2000).map(|n| format!("{}{}\n", server.url("/"), "x".repeat(n % 14))).collect();
        fs::write(&list, urls).expect("a file");
        let args = ["fetch", "-i", &text(&list), "-j", "200"];
        let (code, out, err) = ended(&seaworthy(&own).args(args).output().expect("it starts"));
        assert_eq!(code, 1, "{err}");
        let records = records(&out);
        let indices: BTreeSet<_> = records.iter().map(|record| record["index"].as_u64()).collect();
        assert_eq!((records.len(), indices.len()), (2000, 2000));
        let failed = records.iter().filter(|record| record["status"] == 404).count();
        // Paths of 7 and 14 characters, of the lengths 1 to 14.
        assert_eq!(failed, (0..2000).filter(|n| (n % 14 + 1) % 7 == 0).count());
        assert!(server.connections().accepted <= 200, "{:?}", server.connections());
    });
}

#[test]
fn flags_that_cannot_be_are_refused_with_a_remedy() {
    for (args, says) in [
        (&["fetch"][..], "required arguments were not provided"),
        (&["fetch", "example.org"], "write https://example.org"),
        (&["fetch", "http://a", "-j", "0"], "a whole number from 1 to 1000"),
        (&["fetch", "http://a", "--rate", "fast"], "it takes a rate like 50/s"),
        (&["fetch", "http://a", "--timeout", "soon"], "a duration like 10s"),
        (&["fetch", "http://a", "-H", "nonsense"], "there is no colon in it"),
        (&["fetch", "http://a", "-H", "Bad Name: x"], "Bad Name"),
        (&["fetch", "http://a", "-X", "G E T"], "the method `G E T` is refused"),
        (&["fetch", "http://a", "--data", "@/no/such/file"], "name a readable file"),
        (&["fetch", "-i", "/no/such/list"], "/no/such/list"),
        (&["fetch", "http://a", "-o", "/dev/null/x"], "cannot be made"),
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, &*out), (2, ""), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
}
