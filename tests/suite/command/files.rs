use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{RUNTIMES, ended, json, run, seaworthy, temporary};
use tempfile::TempDir;

/// A folder with what folders may hold.
fn folder() -> TempDir {
    let folder = temporary();
    let root = folder.path();
    fs::create_dir_all(root.join("a/deeper")).expect("a folder");
    fs::create_dir_all(root.join("empty")).expect("a folder");
    for (name, bytes) in [("a.txt", 3), ("a/deeper/large", 300_000), ("a-b", 0), ("with\nnewline", 9)] {
        fs::write(root.join(name), vec![b'x'; bytes]).expect("a file");
    }
    std::os::unix::fs::symlink(root, root.join("link")).expect("a link");
    let made = Command::new("mkfifo").arg(root.join("pipe")).status().expect("mkfifo is there");
    assert!(made.success());
    folder
}

#[test]
fn the_root_hash_is_what_sha256sum_makes_of_the_folder() {
    let folder = folder();
    // Some file systems take UTF-8 alone.
    let odd = fs::write(folder.path().join(OsStr::from_bytes(b"not utf-8 \xff")), "odd").is_ok();
    let dir = folder.path().to_str().expect("UTF-8");
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "tasks", "--json", "--runtime", runtime, "--dir", dir]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        let data = json(&out)["chapters"][0]["data"].take();
        assert_eq!(data["files"], 4 + u64::from(odd));
        assert_eq!(data["folders"], 4);
        assert_eq!(data["skipped"], serde_json::json!({ "symlinks": 1, "special": 1 }));
        let check = data["root_check"].as_str().expect("a command");
        let checked = Command::new("sh").args(["-c", check]).current_dir(folder.path()).output().expect("sh");
        let checked = String::from_utf8(checked.stdout).expect("UTF-8");
        match checked.split_whitespace().next().filter(|hash| hash.len() == 64 && cfg!(target_os = "linux")) {
            Some(hash) => assert_eq!(data["root_sha256"], hash),
            None => eprintln!("skipped: there is no GNU sha256sum here to compare with"),
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_hashed() {
    let folder = folder();
    // Anyone may look in, but not into these.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("permissions");
    let locked = folder.path().join("locked");
    fs::write(&locked, "secret").expect("a file");
    let odd = folder.path().join(OsStr::from_bytes(b"locked \xff"));
    let odd = fs::write(&odd, "secret").is_ok().then_some(odd);
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    for path in [&locked, &closed].into_iter().chain(&odd) {
        fs::set_permissions(path, Permissions::from_mode(0o000)).expect("permissions");
    }
    for runtime in RUNTIMES {
        let own = temporary();
        let mut command = unprivileged(&own, &locked);
        command.args(["tour", "tasks", "--runtime", runtime, "--dir"]).arg(folder.path());
        let (code, text, _) = ended(&command.output().expect("it starts"));
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("locked: Permission denied"), "{text}");
        assert!(text.contains("closed: Permission denied"), "{text}");

        let (code, out, _) = ended(&command.arg("--json").output().expect("it starts"));
        assert_eq!(code, 1, "{out}");
        let document = json(&out);
        let chapter = &document["chapters"][0];
        assert_eq!((&document["outcome"], &chapter["outcome"]), (&"failed".into(), &"failed".into()));
        assert_eq!(chapter["data"]["hashed"], 4);
        let claims = chapter["claims"].as_array().expect("claims");
        assert!(claims.iter().all(|claim| claim["held"] == true), "the claims hold all the same: {claims:?}");
        let failures = chapter["failures"].as_array().expect("failures");
        assert_eq!(failures.len(), 2 + usize::from(odd.is_some()), "{failures:?}");
        let bytes = odd.iter().flat_map(|path| path.as_os_str().as_bytes());
        let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        let kept = failures.iter().find_map(|failure| failure["path_hex"].as_str()).unwrap_or_default();
        assert_eq!(kept, hex, "every byte of a name that is not UTF-8 is kept");
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("permissions");
}

/// The command as somebody whom permissions apply to, if they do not apply to us.
fn unprivileged(own: &TempDir, locked: &Path) -> Command {
    if fs::read(locked).is_err() {
        return seaworthy(own);
    }
    // It may not reach the binary where it is.
    fs::set_permissions(own.path(), Permissions::from_mode(0o777)).expect("permissions");
    let copy = own.path().join("seaworthy");
    fs::copy(env!("CARGO_BIN_EXE_seaworthy"), &copy).expect("a copy");
    let mut command = Command::new(copy);
    command.env("TMPDIR", own.path()).uid(65_534).gid(65_534);
    command
}

#[test]
fn a_folder_without_files_is_no_failure() {
    let folder = temporary();
    let dir = folder.path().to_str().expect("UTF-8");
    let (code, out, err) = run(["tour", "tasks", "--json", "--dir", dir]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(json(&out)["chapters"][0]["data"]["files"], 0);
}
