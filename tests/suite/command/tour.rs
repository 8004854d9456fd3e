use super::{RUNTIMES, json, run, temporary};

#[test]
fn chapter_1_says_whether_its_claims_held_in_its_exit_code() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "loop", "--json", "--runtime", runtime]);
        assert_eq!(err, "", "{runtime}");
        let document = json(&out);
        assert_eq!(document["runtime"], *runtime);
        let chapter = &document["chapters"][0];
        assert_eq!(chapter["name"], "event-loop");
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!(claims.len(), 6, "{claims:?}");
        assert!(chapter["error"].is_null());
        // Its claims are about time. On a machine that is too busy one may fail; then the code must say so.
        let held = claims.iter().all(|claim| claim["held"] == true);
        assert_eq!((code == 0, code == 1), (held, !held), "{claims:?}");
        assert_eq!(document["outcome"], if held { "held" } else { "failed" });
    }
}

#[test]
fn chapter_2_hashes_ten_thousand_files_and_every_claim_holds() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "2", "--json", "--runtime", runtime, "-j", "3"]);
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}: {out}");
        let chapter = &json(&out)["chapters"][0];
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!(claims.len(), 11, "{claims:?}");
        assert!(claims.iter().all(|claim| claim["held"] == true), "{runtime}: {claims:?}");
        let data = &chapter["data"];
        assert_eq!((&data["files"], &data["hashed"]), (&10_000.into(), &10_000.into()));
        assert_eq!(data["concurrency"], 3);
        // The same files each time, so the same hash on every runtime and machine.
        assert_eq!(data["root_sha256"], "4d04b7abd35f0e0d76af3c5e7f8a1b2066ef69bb2c199acd9e4ba1b50af0601c");
    }
}

#[test]
fn chapter_3_shares_connections_and_every_claim_holds() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "3", "--json", "--runtime", runtime]);
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}: {out}");
        let chapter = &json(&out)["chapters"][0];
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!((claims.len(), &chapter["data"]["queries"]), (16, &5_000.into()), "{claims:?}");
        assert!(claims.iter().all(|claim| claim["held"] == true), "{runtime}: {claims:?}");
    }
}

#[test]
fn chapter_4_merges_all_days_and_every_claim_holds() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "4", "--json", "--runtime", runtime]);
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}: {out}");
        let chapter = &json(&out)["chapters"][0];
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!((claims.len(), &chapter["data"]["rows"]), (11, &2_922.into()), "{claims:?}");
        assert!(claims.iter().all(|claim| claim["held"] == true), "{runtime}: {claims:?}");
    }
}

#[test]
fn chapter_5_asks_a_bad_server_and_every_claim_holds() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "http", "--json", "--runtime", runtime]);
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}: {out}");
        let chapter = &json(&out)["chapters"][0];
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!((claims.len(), &chapter["data"]["requests"]), (12, &4_000.into()), "{claims:?}");
        assert!(claims.iter().all(|claim| claim["held"] == true), "{runtime}: {claims:?}");
    }
}

#[test]
fn chapter_7_fails_on_purpose_and_every_claim_holds() {
    for runtime in RUNTIMES {
        let (code, out, err) = run(["tour", "breaker", "--json", "--runtime", runtime]);
        assert_eq!((code, err.as_str()), (0, ""), "{runtime}: {out}");
        let chapter = &json(&out)["chapters"][0];
        assert_eq!(chapter["name"], "resilience");
        let claims = chapter["claims"].as_array().expect("claims");
        assert_eq!(claims.len(), 15, "{claims:?}");
        assert!(chapter["data"]["calls_turned_away"].as_u64().is_some_and(|calls| calls > 0));
    }
}

#[test]
fn in_a_pipe_the_text_is_plain_and_quiet_leaves_the_table() {
    let folder = temporary();
    std::fs::write(folder.path().join("file"), "text").expect("a file");
    let dir = folder.path().to_str().expect("UTF-8");
    let (code, out, err) = run(["tour", "tasks", "--dir", dir]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!out.contains('\x1b'), "{out}");
    assert!(out.contains("ok  2 tasks"), "{out}");
    let (code, table, err) = run(["tour", "tasks", "--dir", dir, "--quiet"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(table.contains("ok  2 tasks") && table.lines().count() < 8, "{table}");
}
