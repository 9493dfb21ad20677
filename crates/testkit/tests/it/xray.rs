//! The platform as JFrog's pages have it.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_testkit::xray::{Artifact, Xray};
use waxseal_testkit::{Behaviour, Match};

use crate::client;

fn platform() -> (Xray, Digest) {
    let (xray, digest) = (Xray::start(), Digest::of("a manifest"));
    let artifact = Artifact::new("docker-local", "app/1.0/manifest.json", &digest);
    xray.add(artifact.vulnerability("CVE-2026-0001", "High").violations(60).states(&["PENDING", "DONE"]));
    (xray, digest)
}

/// Status and answer of a POST.
async fn ask(xray: &Xray, part: &str, asked: &Value) -> (u16, Value) {
    let request = client().post(format!("{}/xray/api/{part}", xray.url()));
    let request = request.header("content-type", "application/json").body(asked.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn an_artifact_that_is_not_known_is_told_with_status_200() {
    let (xray, digest) = platform();
    let (status, answer) = ask(&xray, "v2/summary/artifact", &json!({ "paths": ["default/a/b"] })).await;
    assert_eq!((status, &answer["artifacts"]), (200, &json!([])));
    assert!(answer["errors"][0]["error"].as_str().unwrap().contains("not indexed"));
    let known = json!({ "checksums": [digest.hex()] });
    let (_, answer) = ask(&xray, "v2/summary/artifact", &known).await;
    assert_eq!(answer["artifacts"][0]["general"]["sha256"], digest.hex());
    assert_eq!(answer.get("errors"), None);
    let (_, answer) = ask(&xray, "v1/summary/artifact", &known).await;
    assert_eq!(answer["artifacts"][0]["issues"][0].get("components"), None);
}

#[tokio::test]
async fn violations_come_25_at_a_time() {
    let (xray, _) = platform();
    let resources = json!({ "artifacts": [{ "repo": "docker-local", "path": "app/1.0/manifest.json" }] });
    for (pagination, count) in [
        (json!({}), 25),
        (json!({ "limit": 10 }), 10),
        (json!({ "limit": 100, "offset": 3 }), 10),
        (json!({ "offset": 4 }), 0),
    ] {
        let asked = json!({ "filters": { "resources": resources }, "pagination": pagination });
        let (_, answer) = ask(&xray, "v1/violations", &asked).await;
        assert_eq!(
            (&answer["total_violations"], answer["violations"].as_array().unwrap().len()),
            (&json!(60), count)
        );
    }
}

#[tokio::test]
async fn a_status_goes_on_word_by_word() {
    let (xray, _) = platform();
    let asked = json!({ "repo": "docker-local", "path": "app/1.0/manifest.json" });
    for word in ["PENDING", "DONE", "DONE"] {
        let (_, answer) = ask(&xray, "v1/artifact/status", &asked).await;
        assert_eq!(answer["overall"]["status"], word);
    }
    assert_eq!(ask(&xray, "v1/artifact/status", &json!({ "repo": "a", "path": "b" })).await.0, 404);
    assert_eq!(ask(&xray, "v1/artifact/status", &json!({})).await.0, 400);
    let (_, answer) = ask(&xray, "v1/scanArtifact", &json!({ "componentID": "docker://app:1.0" })).await;
    assert_eq!(answer["info"], "Scan of artifact is in progress");
    let plain = client().post(format!("{}/xray/api/v1/scanArtifact", xray.url())).body("{}").send().await;
    assert_eq!(plain.unwrap().status(), 415);
}

#[tokio::test]
async fn it_asks_who_is_there_lies_on_request_and_keeps_a_log() {
    let xray = platform().0.with_token("t0ken");
    let version = format!("{}/xray/api/v1/system/version", xray.url());
    let get = async |token: &str| {
        let request = client().get(&version).header("authorization", format!("Bearer {token}"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((get("t0ken").await, get("other").await), (200, 401));
    xray.rule(Match::path("version").times(1), Behaviour::status(503));
    assert_eq!((get("t0ken").await, get("t0ken").await), (503, 200));
    let statuses: Vec<_> = xray.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 401, 503, 200]);
}
