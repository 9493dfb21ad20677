//! Bills of materials out of archives.

use bytes::Bytes;
use serde_json::Value;
use waxseal_core::Digest;
use waxseal_scan::xray::{ErrorKind, SbomFormat};
use waxseal_testkit::xray::zip;
use waxseal_testkit::{Behaviour, Match};

use super::{artifact, client, digest, place, refused, server};

#[tokio::test]
async fn both_forms_are_taken_out_of_the_archive() {
    let server = server(artifact());
    let xray = client(&server);
    let sbom = xray.sbom(&place(), &digest(), SbomFormat::CycloneDx, true).await.unwrap();
    let document: Value = serde_json::from_slice(&sbom.document).unwrap();
    assert_eq!((&document["bomFormat"], sbom.format), (&Value::from("CycloneDX"), SbomFormat::CycloneDx));
    let sbom = xray.sbom(&place(), &digest(), SbomFormat::Spdx, false).await.unwrap();
    let document: Value = serde_json::from_slice(&sbom.document).unwrap();
    assert_eq!(document["spdxVersion"], "SPDX-2.2");
    let asked: Vec<Value> = server
        .requests()
        .iter()
        .map(|one| serde_json::from_str(one.json.as_ref().unwrap()).unwrap())
        .collect();
    let expected = serde_json::json!({
        "package_type": "docker", "component_name": "app:1.0", "path": "docker-local/app/1.0/manifest.json",
        "output_format": "json", "cyclonedx": true, "cyclonedx_format": "json", "vex": true,
    });
    assert_eq!(asked[0], expected);
    assert_eq!((&asked[1]["spdx"], asked[1].get("cyclonedx")), (&Value::from(true), None));
}

#[tokio::test]
async fn an_old_xray_is_asked_by_checksum() {
    let server = server(artifact()).old();
    client(&server).sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await.unwrap();
    let asked: Value = serde_json::from_str(server.requests()[1].json.as_ref().unwrap()).unwrap();
    assert_eq!((&asked["sha_256"], asked.get("path")), (&Value::from(digest().hex()), None));
    let why = refused(
        client(&server).sbom(&place(), &Digest::of("other"), SbomFormat::CycloneDx, false).await,
        ErrorKind::NotFound,
    );
    assert!(why.contains("component not found"), "{why}");
}

fn component(hash: &str) -> String {
    format!(
        r#"{{"bomFormat":"CycloneDX","metadata":{{"component":{{"hashes":[{{"alg":"SHA-1","content":"ab"}},{{"alg":"SHA-256","content":"{hash}"}}]}}}}}}"#
    )
}

#[tokio::test]
async fn a_document_that_names_other_bytes_is_refused() {
    let own = component(&digest().hex().to_uppercase());
    let server = server(artifact().exports(&[("a.json", own.as_bytes())]));
    let xray = client(&server);
    xray.sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await.unwrap();
    let other = component(&Digest::of("other").hex());
    server.add(artifact().exports(&[("a.json", other.as_bytes())]));
    let why =
        refused(xray.sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await, ErrorKind::OtherImage);
    assert!(why.contains(&Digest::of("other").hex()), "{why}");
}

#[tokio::test]
async fn there_is_one_document_of_the_form_that_was_asked_for() {
    let cyclonedx: &[u8] = br#"{"bomFormat":"CycloneDX"}"#;
    let spdx: &[u8] = br#"{"spdxVersion":"SPDX-2.2"}"#;
    for (files, expected) in [
        (vec![("a.json", cyclonedx), ("b.json", spdx), ("c.pdf", b"%PDF")], None),
        (vec![("a.json", spdx)], Some(ErrorKind::Protocol)),
        (vec![("a.json", cyclonedx), ("b.json", cyclonedx)], Some(ErrorKind::Protocol)),
        (vec![("a.json", b"{\"bomFormat\":")], Some(ErrorKind::Protocol)),
        (vec![("a.txt", cyclonedx)], Some(ErrorKind::Protocol)),
        (vec![], Some(ErrorKind::Protocol)),
    ] {
        let server = server(artifact().exports(&files));
        let sbom = client(&server).sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await;
        match expected {
            None => assert_eq!(sbom.unwrap().document, cyclonedx),
            Some(kind) => drop(refused(sbom, kind)),
        }
    }
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let server = server(artifact());
    let many: Vec<_> = (0..65).map(|number| (format!("{number}.json"), b"{}".to_vec())).collect();
    for (body, kind) in [
        (Bytes::from_static(b"<html>"), ErrorKind::UnsafeArchive),
        (Bytes::new(), ErrorKind::UnsafeArchive),
        (Bytes::from_static(br#"{"error":"the component is not scanned"}"#), ErrorKind::Reported),
        (Bytes::from(zip(&many)), ErrorKind::UnsafeArchive),
    ] {
        server.rule(Match::path("exportDetails"), Behaviour::OtherBody(body));
        refused(client(&server).sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await, kind);
        server.clear_rules();
    }
    server.rule(Match::path("exportDetails"), Behaviour::ContentLengthLie(65 << 20));
    refused(
        client(&server).sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await,
        ErrorKind::LimitExceeded,
    );
}
