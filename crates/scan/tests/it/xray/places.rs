//! Where an image stands: the search by checksum.

use bytes::Bytes;
use waxseal_scan::xray::ErrorKind;
use waxseal_testkit::xray::{Artifact, Xray as Server};
use waxseal_testkit::{Behaviour, Match};

use super::{client, digest, refused};

async fn places(server: &Server, repository: Option<&str>) -> Vec<String> {
    let places = client(server).places(&digest(), repository).await.unwrap();
    places.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_manifest_is_found_by_its_checksum() {
    let server = Server::start();
    server.add(Artifact::new("docker-local", "app/1.0/manifest.json", &digest()));
    server.add(Artifact::new("docker-prod", "app/1.0/manifest.json", &digest()));
    server.add(Artifact::new("docker-local", "app/2.0/list.manifest.json", &digest()));
    server.add(Artifact::new("docker-local", "blob/sha256__ab", &digest()));
    server.add(Artifact::new("docker-local", "other/1.0/manifest.json", &waxseal_core::Digest::of("x")));
    let local = ["docker-local/app/1.0/manifest.json", "docker-local/app/2.0/list.manifest.json"];
    assert_eq!(places(&server, Some("docker-local")).await, local);
    assert_eq!(places(&server, None).await.len(), 3);
    assert_eq!(places(&server, Some("elsewhere")).await, [""; 0]);
}

#[tokio::test]
async fn a_search_that_is_not_allowed_is_told_apart_from_nothing_found() {
    let server = Server::start();
    assert_eq!(places(&server, None).await, [""; 0]);
    server.change(|settings| settings.checksum_search = false);
    refused(client(&server).places(&digest(), None).await, ErrorKind::Forbidden);
}

#[tokio::test]
async fn addresses_that_lead_elsewhere_are_no_places() {
    let server = Server::start();
    let body = r#"{"results":[
        {"uri":"https://evil.example/artifactory/api/storage/a/../../etc/manifest.json"},
        {"uri":"https://evil.example/artifactory/api/storage/a/app/1.0/manifest.json"},
        {"uri":"file:///etc/passwd"},{"uri":""}]}"#;
    server.rule(Match::path("checksum"), Behaviour::OtherBody(Bytes::from_static(body.as_bytes())));
    // Repository and path are read of an address, and it is not asked.
    assert_eq!(places(&server, None).await, ["a/app/1.0/manifest.json"]);
    let many: Vec<_> = (0..1_025).map(|_| serde_json::json!({ "uri": "" })).collect();
    server.clear_rules();
    let body = serde_json::json!({ "results": many }).to_string();
    server.rule(Match::path("checksum"), Behaviour::OtherBody(body.into()));
    refused(client(&server).places(&digest(), None).await, ErrorKind::LimitExceeded);
}
