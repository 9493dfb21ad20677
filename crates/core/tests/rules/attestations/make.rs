//! Attestations of any content under a valid signature, in either format.

use jiff::{SignedDuration, Timestamp};
use waxseal_core::candidate::{Candidate, EvidenceStore, Origin};
use waxseal_core::dsse::{Envelope, pae};
use waxseal_core::key::LocalSigner;
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::media_type::{DSSE_ENVELOPE, IN_TOTO};
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::predicate::{CYCLONE_DX, VULN};
use waxseal_core::statement::STATEMENT_V1;
use waxseal_core::{Descriptor, Digest, Format, Policy, Signer as _};
use waxseal_testkit::rng::now;

use crate::make::{REPOSITORY, bundle_bytes, bundle_over, image, trusted};

/// What is wanted: attestations of this type by any one of these keys.
pub(crate) fn wanted(kind: &str, keys: &[&str]) -> AttestationRequirement {
    AttestationRequirement::by(vec![kind.parse().unwrap()], keys.iter().map(|name| trusted(name)).collect())
        .unwrap()
}

/// A policy that wants a bill of materials by the key `release`: any one counts.
pub(crate) fn sbom() -> Policy {
    Policy::requiring(wanted("cyclonedx", &["release"]))
}

/// A policy that wants a scan by the key `release`: the newest counts.
pub(crate) fn scan() -> Policy {
    Policy::requiring(wanted("vuln", &["release"]))
}

/// A statement about a digest.
pub(crate) fn about(digest: Digest, kind: &str, predicate: &str) -> String {
    format!(
        r#"{{"_type":"{STATEMENT_V1}","subject":[{{"name":"{REPOSITORY}","digest":{{"sha256":"{}"}}}}],"predicateType":"{kind}","predicate":{predicate}}}"#,
        digest.hex()
    )
}

/// A bill of materials of the image.
pub(crate) fn materials() -> String {
    about(image(), CYCLONE_DX, r#"{"bomFormat":"CycloneDX"}"#)
}

/// A predicate of a scan that was finished then.
pub(crate) fn scan_predicate(scanner: &str, finished: &str) -> String {
    format!(r#"{{"scanner":{{"uri":"{scanner}"}},"metadata":{{"scanFinishedOn":"{finished}"}}}}"#)
}

/// A scan of the image that was finished then.
pub(crate) fn scanned(finished: Timestamp) -> String {
    about(image(), VULN, &scan_predicate("pkg:generic/scanner@1", &finished.to_string()))
}

/// A time that is so many seconds before the verdict.
pub(crate) fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

/// A layer of an `.att` manifest.
pub(crate) fn layer_of(bytes: &[u8]) -> Candidate {
    let origin = Origin::new(EvidenceStore::AttestationTag, image());
    Candidate::attestation(origin, &Descriptor::of(DSSE_ENVELOPE, bytes), bytes, BUNDLE_BYTES)
}

/// Any statement in a bundle beside any digest, validly signed.
pub(crate) fn beside(digest: Digest, signer: &LocalSigner, statement: &str) -> Candidate {
    let bytes = bundle_bytes(&[signer], IN_TOTO, statement.as_bytes());
    Candidate::bundle(Origin::new(EvidenceStore::Referrer, digest), &bytes, BUNDLE_BYTES)
}

/// An envelope around any payload of any type, validly signed by each of the signers.
pub(crate) fn envelope(signers: &[&LocalSigner], payload_type: &str, payload: &str) -> String {
    let message = pae(payload_type, payload.as_bytes());
    let signatures = signers.iter().map(|signer| signer.sign(&message).unwrap().into_bytes()).collect();
    Envelope::new(payload_type, payload.as_bytes().to_vec(), signatures).to_json()
}

/// Any statement as a candidate of either format, validly signed.
pub(crate) fn attested(format: Format, signer: &LocalSigner, statement: &str) -> Candidate {
    match format {
        Format::Legacy => layer_of(envelope(&[signer], IN_TOTO, statement).as_bytes()),
        _ => bundle_over(signer, statement.as_bytes()),
    }
}
