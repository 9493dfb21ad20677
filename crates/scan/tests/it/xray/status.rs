//! How far a scan is: each word, both APIs, and what a trigger does.

use bytes::Bytes;
use waxseal_scan::xray::{ErrorKind, State};
use waxseal_testkit::{Behaviour, Match};

use super::{artifact, client, digest, place, refused, server};

#[tokio::test]
async fn every_word_is_a_state_of_its_own() {
    for (word, state) in [
        ("DONE", State::Done),
        ("PENDING", State::Pending),
        ("SCANNING", State::Scanning),
        ("PARTIAL", State::Partial),
        ("FAILED", State::Failed),
        ("NOT_SCANNED", State::NotScanned),
        ("NOT_SUPPORTED", State::NotSupported),
    ] {
        let server = server(artifact().states(&[word]));
        let status = client(&server).status(&place(), &digest()).await.unwrap();
        assert_eq!((status.state(), state.word()), (state, word));
        assert!(status.answer.is_some());
    }
}

#[tokio::test]
async fn a_word_that_is_not_known_is_no_end() {
    for word in ["COMPLETED", "done", ""] {
        let server = server(artifact().states(&[word]));
        let why = refused(client(&server).status(&place(), &digest()).await, ErrorKind::Protocol);
        assert!(why.contains("not known"), "{why}");
    }
}

#[tokio::test]
async fn the_search_for_components_counts_and_not_the_sum_alone() {
    for (word, state) in [("FAILED", State::Failed), ("PARTIAL", State::Partial), ("DONE", State::Done)] {
        let server = server(artifact().sca(word));
        let status = client(&server).status(&place(), &digest()).await.unwrap();
        assert_eq!((status.overall, status.state()), (State::Done, state));
    }
    let server = server(artifact().violations_state("FAILED"));
    let status = client(&server).status(&place(), &digest()).await.unwrap();
    assert_eq!((status.state(), status.violations), (State::Done, Some(State::Failed)));
    assert_eq!(status.time.unwrap().to_string(), "2026-11-01T10:01:00Z");
}

#[tokio::test]
async fn an_old_xray_is_asked_in_its_own_way() {
    for (word, state) in [
        ("DONE", State::Done),
        ("SCANNING", State::Scanning),
        ("FAILED", State::Failed),
        ("NOT_SCANNED", State::NotScanned),
        ("NOT_SUPPORTED", State::NotSupported),
    ] {
        let server = server(artifact().states(&[word])).old();
        let status = client(&server).status(&place(), &digest()).await.unwrap();
        assert_eq!(status.state(), state);
        assert_eq!(
            server.lines(),
            ["POST /xray/api/v1/artifact/status", "POST /xray/api/v1/scan/status/artifact"]
        );
    }
}

#[tokio::test]
async fn what_xray_does_not_know_is_not_scanned() {
    let server = waxseal_testkit::xray::Xray::start();
    let status = client(&server).status(&place(), &digest()).await.unwrap();
    assert_eq!(status.state(), State::NotScanned);
    assert!(status.answer.is_none());
}

#[tokio::test]
async fn an_answer_that_is_no_status_is_an_error() {
    let server = server(artifact());
    for body in [
        "",
        "[]",
        "{}",
        r#"{"overall":{}}"#,
        r#"{"overall":{"status":"DONE"},"overall":{"status":"DONE"}}"#,
        "<html>",
    ] {
        server.rule(
            Match::path("/artifact/status").times(1),
            Behaviour::OtherBody(Bytes::from_static(body.as_bytes())),
        );
        refused(client(&server).status(&place(), &digest()).await, ErrorKind::Protocol);
        server.clear_rules();
    }
    client(&server).status(&place(), &digest()).await.unwrap();
}

#[tokio::test]
async fn a_scan_is_asked_for_by_the_name_of_the_component() {
    let server = server(artifact().states(&["NOT_SCANNED"]).after_trigger(&["PENDING", "DONE"]));
    let xray = client(&server);
    xray.trigger(&place()).await.unwrap();
    assert_eq!(server.requests()[0].json.as_deref(), Some(r#"{"componentID":"docker://app:1.0"}"#));
    assert_eq!(xray.status(&place(), &digest()).await.unwrap().state(), State::Pending);
    assert_eq!(xray.status(&place(), &digest()).await.unwrap().state(), State::Done);

    let server = waxseal_testkit::xray::Xray::start();
    let why = refused(client(&server).trigger(&place()).await, ErrorKind::NotFound);
    assert!(why.contains("docker://app:1.0 not found"), "{why}");
}

#[tokio::test]
async fn a_start_that_reports_an_error_is_none() {
    let server = server(artifact());
    let body = Bytes::from_static(br#"{"error":"the repository is not indexed"}"#);
    server.rule(Match::path("scanArtifact"), Behaviour::OtherBody(body));
    let why = refused(client(&server).trigger(&place()).await, ErrorKind::Reported);
    assert!(why.contains("not indexed"), "{why}");
}
