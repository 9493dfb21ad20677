//! JFrog evidence: what we write can be uploaded as it, and what was downloaded is verified by its signed content.

use serde_json::Value;
use waxseal_core::encoding::base64_decode;
use waxseal_testkit::{Registry, fixtures};

use crate::room::{Room, small};

const TYPE: &str = "https://jfrog.com/evidence/approval/v1";

/// `jf evd create --sigstore-bundle` wants a name and a digest in the first subject; the same file is a referrer.
#[test]
fn a_bundle_is_evidence_and_a_referrer() {
    let room = Room::new().variable("COSIGN_PASSWORD", "example");
    let [key, public, _] = room.keys("p256");
    let registry = Registry::start();
    let digest = small("app").push_to(&registry, "team/app", "1.0");
    let name = registry.image("team/app", "1.0");
    room.write("approval.json", r#"{"by":"qa"}"#);
    room.run(&[
        "attest",
        "--key",
        &key,
        "--type",
        TYPE,
        "--predicate",
        "approval.json",
        "--bundle",
        "evidence.json",
        &name,
    ])
    .ends(0);
    let bundle: Value = serde_json::from_slice(&room.read("evidence.json")).unwrap();
    let payload = base64_decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest.hex());
    assert_eq!(statement["subject"][0]["name"], registry.image("team/app", "").trim_end_matches(':'));
    assert_eq!(registry.referrers("team/app", &digest).len(), 1);

    // Downloaded again, it says by itself what it is about.
    let verify = |digest: &str| {
        room.run(&[
            "verify-blob-attestation",
            "--key",
            &public,
            "--type",
            TYPE,
            "--bundle",
            "evidence.json",
            "--digest",
            digest,
        ])
    };
    verify(&digest.to_string()).ends(0).says("Verified OK");
    verify(&waxseal_core::Digest::of("another").to_string()).ends(1).says("subject-mismatch");
}

#[test]
fn what_artifactory_says_beside_it_is_no_evidence() {
    let room = Room::new();
    let [_, public, _] = room.keys("p256");
    let verify = |file: &str| {
        room.write("evidence.json", fixtures::read(&format!("scans/evidence/{file}")));
        let digest = "sha256:2e173de76a17faab5b126309357e3fc39cf70678d484ef4a9eb08ae6752ac9fa";
        room.run(&[
            "verify-blob-attestation",
            "--key",
            &public,
            "--bundle",
            "evidence.json",
            "--digest",
            digest,
        ])
    };
    for listing in ["get-output-multiple.json", "graphql-multiple.json", "graphql-predicate.json"] {
        verify(listing).ends(1).says("downloadPath");
    }
    verify("sigstore-bundle.json").ends(1).says("certificate-signature-unsupported");
}
