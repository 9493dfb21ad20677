//! Violations: every page, both ways to count them, and lists that do not hold.

use bytes::Bytes;
use serde_json::Value;
use waxseal_scan::xray::ErrorKind;
use waxseal_testkit::xray::Xray as Server;
use waxseal_testkit::{Behaviour, Match};

use super::{artifact, client, place, refused, server};

async fn ids(server: &Server) -> Vec<String> {
    let violations = client(server).violations(&place()).await.unwrap();
    let id = |entry: &Value| entry["violation_id"].as_str().unwrap().to_owned();
    violations.entries.iter().map(|entry| id(&serde_json::from_str(entry.get()).unwrap())).collect()
}

fn expected(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("v-{number:05}")).collect()
}

#[tokio::test]
async fn all_pages_are_read_however_they_are_counted() {
    for counts_entries in [false, true] {
        for (count, page) in
            [(0, 25), (1, 25), (25, 25), (26, 25), (77, 25), (150, 1_000), (250, 1_000), (7, 1), (3, 2)]
        {
            let server = server(artifact().violations(count));
            server.change(|settings| {
                settings.page = page;
                settings.offset_counts_entries = counts_entries;
            });
            assert_eq!(ids(&server).await, expected(count), "{count} by {page}, entries: {counts_entries}");
        }
    }
}

#[tokio::test]
async fn one_artifact_is_asked_about_with_all_details() {
    let server = server(artifact().violations(1));
    ids(&server).await;
    let asked: Value = serde_json::from_str(server.requests()[0].json.as_ref().unwrap()).unwrap();
    let expected = serde_json::json!([{ "repo": "docker-local", "path": "app/1.0/manifest.json" }]);
    assert_eq!(asked["filters"]["resources"]["artifacts"], expected);
    assert_eq!(asked["filters"]["include_details"], true);
    assert_eq!(asked["filters"].get("min_severity"), None);
}

#[tokio::test]
async fn fewer_or_more_than_promised_is_not_the_whole() {
    let server = server(artifact().violations(30));
    assert_eq!(ids(&server).await.len(), 30);
    server.change(|settings| settings.wrong_total = Some(31));
    let why = refused(client(&server).violations(&place()).await, ErrorKind::Incomplete);
    assert!(why.contains("31 are promised, and only 30"), "{why}");
    server.change(|settings| settings.wrong_total = Some(24));
    let why = refused(client(&server).violations(&place()).await, ErrorKind::Incomplete);
    assert!(why.contains("24 are promised, and 25"), "{why}");
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_not_the_whole() {
    let server = server(artifact().violations(30));
    let page = |ids: std::ops::Range<usize>, total: usize| {
        let entries: Vec<_> =
            ids.map(|id| serde_json::json!({ "violation_id": format!("v-{id:05}") })).collect();
        Bytes::from(serde_json::json!({ "total_violations": total, "violations": entries }).to_string())
    };
    let second = || Match::path("violations").after(1).times(1);
    // The second page overlaps the first by one.
    server.rule(second(), Behaviour::OtherBody(page(25..30, 30)));
    let why = refused(client(&server).violations(&place()).await, ErrorKind::Incomplete);
    assert!(why.contains("came twice"), "{why}");
    server.clear_rules();
    server.rule(second(), Behaviour::OtherBody(page(26..32, 31)));
    let why = refused(client(&server).violations(&place()).await, ErrorKind::Incomplete);
    assert!(why.contains("there were 30, and 31"), "{why}");
    server.clear_rules();
    server.rule(second(), Behaviour::OtherBody(page(26..31, 30)));
    assert_eq!(client(&server).violations(&place()).await.unwrap().entries.len(), 30);
}

#[tokio::test]
async fn a_list_without_a_count_or_without_end_is_refused() {
    let server = server(artifact());
    let bodies = [
        (r#"{"violations":[{"issue_id":"XRAY-1"}]}"#, Some(ErrorKind::Protocol)),
        (r#"{"total_violations":100001,"violations":[{}]}"#, Some(ErrorKind::LimitExceeded)),
        (r#"{"total_violations":-1,"violations":[]}"#, Some(ErrorKind::Protocol)),
        (r#"{"total_violations":1,"violations":["x"]}"#, Some(ErrorKind::Protocol)),
        // The same page again and again: without names the texts tell.
        (r#"{"total_violations":2,"violations":[{"a":1}]}"#, Some(ErrorKind::Incomplete)),
        (r#"{"total_violations":2,"violations":[{"a":1},{"a":1}]}"#, None),
        // None are told in three ways; an answer about nothing is not one of them.
        (r#"{"total_violations":0,"violations":[]}"#, None),
        (r#"{"total_violations":0,"violations":null}"#, None),
        (r#"{"violations":[]}"#, None),
        ("{}", Some(ErrorKind::Protocol)),
        (r#"{"total_violations":0}"#, Some(ErrorKind::Protocol)),
        (r#"{"error":"no"}"#, Some(ErrorKind::Protocol)),
    ];
    for (body, kind) in bodies {
        server.rule(Match::path("violations"), Behaviour::OtherBody(Bytes::from_static(body.as_bytes())));
        let read = client(&server).violations(&place()).await;
        match kind {
            Some(kind) => drop(refused(read, kind)),
            None => drop(read.unwrap()),
        }
        server.clear_rules();
    }
}
