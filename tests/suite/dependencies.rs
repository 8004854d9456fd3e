//! Core knows no runtime, and what comes near one brings its traits only.

use std::process::Command;

/// What is in core's tree with all its features on: `name feature "x"` or `name vX.Y.Z`, a line each.
fn tree_of_core() -> Vec<String> {
    let args =
        ["tree", "--package=seaworthy-core", "--all-features", "--edges=normal,features", "--prefix=none"];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(args).arg("--locked").output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    tree.lines().map(str::to_owned).collect()
}

#[test]
fn no_runtime_is_in_cores_tree() {
    let tree = tree_of_core();
    assert!(tree.iter().any(|line| line.starts_with("event-listener v")), "this is the tree: {tree:?}");
    let runtimes = [
        "async-executor",
        "async-io",
        "async-global-executor",
        "async-std",
        "blocking",
        "mio",
        "polling",
        "smol",
    ];
    let found: Vec<_> = tree
        .iter()
        .filter(|line| runtimes.iter().any(|name| line.starts_with(&format!("{name} "))))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn of_tokio_core_has_the_traits_alone() {
    let harmless = ["bytes", "default", "io-util", "sync"];
    let tree = tree_of_core();
    assert!(tree.iter().any(|line| line.starts_with("tokio v")), "the feature `tokio-io` brings its traits");
    let features = tree.iter().filter_map(|line| line.strip_prefix("tokio feature \"")?.split('"').next());
    let found: Vec<_> = features.filter(|feature| !harmless.contains(feature)).collect();
    assert!(found.is_empty(), "{found:?}");
}
