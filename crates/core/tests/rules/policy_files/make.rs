//! The policy that most tests change, and its keys.

use std::collections::BTreeMap;

use waxseal_core::policy::file::{PolicyFile, PolicyFileError, Problem};
use waxseal_core::{PublicKey, Signer as _};

use crate::make::{changed, key};

/// A policy without anything to warn of.
pub(crate) const POLICY: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: production
serial: 7
keys:
  release: { file: keys/release.pub }
  security: { key: "env://SECURITY", validFrom: 2020-01-01T00:00:00Z, validUntil: 2099-12-31 }
  alice: alice.pub
  bob: { file: bob.pub, algorithms: [ecdsa-p256-sha256] }
mirrors:
  - { from: registry.site.local/prod, to: registry.example.com/prod }
rules:
  - name: prod
    images: ["registry.example.com/prod/**"]
    namespaces: ["prod-*"]
    mode: enforce
    platforms: [linux/amd64, linux/arm64]
    signatureRepository: registry.example.com/signatures
    require:
      - signature: { by: [release], annotations: { stage: release }, signedFor: same }
      - signature: { by: [alice, bob], threshold: 2 }
      - attestation:
          type: scan
          by: [security]
          maxAge: 7d
          scan:
            maxSeverity: High
            ignore:
              - { id: CVE-2026-1234, reason: not reachable, expires: 2099-12-31 }
            vex: [{ by: [release], justifications: [component_not_present] }]
      - attestation: { types: [cyclonedx, spdx], by: [release], inherit: true }
exempt:
  - images: ["registry.example.com/prod/legacy"]
    digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
    reason: until the first quarter
    expires: 2099-01-31
unmatched: refuse
"#;

/// The keys of these names, the same in every run.
pub(crate) fn keys(names: &[&str]) -> BTreeMap<String, PublicKey> {
    names.iter().map(|name| ((*name).to_owned(), key(name).public_key().clone())).collect()
}

/// The four keys of [`POLICY`].
pub(crate) fn four() -> BTreeMap<String, PublicKey> {
    keys(&["release", "security", "alice", "bob"])
}

pub(crate) fn parse(text: &str) -> Result<PolicyFile, PolicyFileError> {
    PolicyFile::parse(text.as_bytes())
}

/// [`POLICY`] with one place changed.
pub(crate) fn with(from: &str, to: &str) -> String {
    changed(POLICY, from, to)
}

/// What is wrong with a text, at once with its keys.
pub(crate) fn problems(text: &str) -> Vec<Problem> {
    match parse(text).and_then(|file| file.resolve(&four())) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().to_vec(),
    }
}
