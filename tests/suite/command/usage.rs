use std::fs;

use super::{ended, json, run, seaworthy, temporary};

#[track_caller]
fn refused(args: &[&str], why: &str) {
    let (code, out, err) = run(args);
    assert_eq!(code, 2, "{args:?}: {err}");
    assert_eq!(out, "", "{args:?}");
    assert!(err.contains(why), "{args:?}: {err}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_runs() {
    refused(&["tour", "9"], "there is no such chapter; there are 1 event-loop, 2 tasks");
    refused(&["tour", "--concurrency", "0"], "a whole number from 1 to 256");
    refused(&["tour", "--concurrency", "257"], "a whole number from 1 to 256");
    refused(&["tour", "-j", "many"], "a whole number from 1 to 256");
    refused(&["tour", "--dir", "/not/there"], "`/not/there` cannot be hashed\n  why: No such file");
    refused(&["tour", "--dir", "/dev/null"], "why: it is not a folder");
    refused(&["tour", "--config", "/not/there"], "`/not/there` cannot be read\n  why: No such file");
    refused(&["tour", "--runtime", "threads"], "invalid value 'threads'");
    refused(&["tour", "--loud"], "unexpected argument '--loud'");
    refused(&["sail"], "unrecognized subcommand 'sail'");
    refused(&[], "Usage: seaworthy");
}

#[cfg(not(all(feature = "tokio", feature = "smol")))]
#[test]
fn a_runtime_that_is_not_built_in_is_refused() {
    for missing in ["tokio", "smol"].iter().filter(|name| !super::RUNTIMES.contains(name)) {
        refused(&["tour", "--runtime", missing], "was built without it");
    }
}

#[test]
fn a_config_file_with_an_unknown_key_or_a_bad_value_is_refused() {
    let folder = temporary();
    let path = folder.path().join("seaworthy.toml");
    let path = path.to_str().expect("UTF-8");
    for (text, why) in [
        ("colour = true", "unknown field `colour`"),
        ("[tour]\nconcurency = 3", "unknown field `concurency`"),
        ("[tour]\nconcurrency = 0", "`tour.concurrency` = 0 is refused"),
        ("runtime = \"threads\"", "unknown variant `threads`"),
        ("[tour", "why: TOML parse error"),
    ] {
        fs::write(path, text).expect("a config file");
        refused(&["tour", "--config", path], why);
    }
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let (own, folder) = (temporary(), temporary());
    let (data, config) = (folder.path().join("data"), folder.path().join("seaworthy.toml"));
    fs::create_dir(&data).expect("a folder");
    fs::write(data.join("file"), "text").expect("a file");
    fs::write(&config, format!("[tour]\njson = true\nconcurrency = 3\ndir = {data:?}\n"))
        .expect("a config file");
    let concurrency = |variable: Option<&str>, flag: Option<&str>| {
        let mut command = seaworthy(&own);
        command.args(["tour", "tasks"]).env("SEAWORTHY_CONFIG", &config);
        command.envs(variable.map(|value| ("SEAWORTHY_CONCURRENCY", value)));
        command.args(flag.into_iter().flat_map(|value| ["-j", value]));
        let (code, out, err) = ended(&command.output().expect("it starts"));
        assert_eq!(code, 0, "{err}");
        let data = &json(&out)["chapters"][0]["data"];
        assert_eq!(data["files"], 1);
        data["concurrency"].as_u64().expect("a number")
    };
    assert_eq!(concurrency(None, None), 3);
    assert_eq!(concurrency(Some("2"), None), 2);
    assert_eq!(concurrency(Some("2"), Some("1")), 1);
}

#[test]
fn the_list_names_every_chapter_and_runs_none() {
    let (code, out, err) = run(["tour", "--list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let names: Vec<_> =
        out.lines().filter(|line| line.starts_with(|char: char| char.is_ascii_digit())).collect();
    let chapters = [
        "1  event-loop", //
        "2  tasks",
        "3  pool",
        "4  streams",
        "5  http",
        "7  resilience",
    ];
    assert_eq!(names.len(), chapters.len(), "{out}");
    assert!(names.iter().zip(chapters).all(|(name, chapter)| name.starts_with(chapter)), "{out}");
}

#[test]
fn help_has_examples_and_completions_are_scripts() {
    for args in [&["--help"][..], &["tour", "--help"]] {
        let (code, out, _) = run(args);
        assert!(code == 0 && out.contains("Examples:\n  seaworthy tour"), "{out}");
    }
    let (code, out, _) = run(["--version"]);
    assert_eq!((code, out.as_str()), (0, concat!("seaworthy ", env!("CARGO_PKG_VERSION"), "\n")));
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(["completions", shell]);
        assert!(code == 0 && out.contains("seaworthy") && out.contains("concurrency"), "{shell}");
    }
}
