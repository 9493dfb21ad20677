//! Verification summaries: what a verifier says that it has verified (SLSA, `verification_summary/v1`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::digest::Digest;
use crate::reference::{ImageRef, Repository};

/// The only result that counts.
pub(crate) const PASSED: &str = "PASSED";

/// A verification summary, read from a verified statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) verifier: String,
    /// The digests of the policy, of algorithms that we know.
    pub(crate) policy: Vec<Digest>,
    pub(crate) resource: String,
    pub(crate) result: String,
    pub(crate) levels: Vec<String>,
}

impl Summary {
    /// Reads a predicate. What the specification requires has to stand there.
    pub(crate) fn parse(predicate: Option<&RawValue>) -> Result<Self, String> {
        let text = predicate.ok_or("no predicate")?.get();
        let wire: Wire = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if wire.verifier.id.is_empty() {
            return Err("a verifier without an id".to_owned());
        }
        let policy = wire.policy.digest.unwrap_or_default();
        let policy = policy.iter().filter_map(|(name, hex)| format!("{name}:{hex}").parse().ok()).collect();
        Ok(Self {
            verifier: wire.verifier.id,
            policy,
            resource: wire.resource_uri,
            result: wire.verification_result,
            levels: wire.verified_levels.unwrap_or_default(),
        })
    }

    /// The repository that the resource is in, if its name is one of an image: as it is typed, behind `oci://`,
    /// `docker://` or `https://`, or a package URL of type `oci` with its `repository_url`.
    pub(crate) fn repository(&self) -> Option<Repository> {
        if let Some(package) = self.resource.strip_prefix("pkg:oci/") {
            let (_, qualifiers) = package.split_once('?')?;
            let qualifiers = qualifiers.split_once('#').map_or(qualifiers, |(before, _)| before);
            let url = qualifiers.split('&').find_map(|one| one.strip_prefix("repository_url="))?;
            return Some(
                url.replace("%2F", "/")
                    .replace("%2f", "/")
                    .replace("%3A", ":")
                    .parse::<ImageRef>()
                    .ok()?
                    .repository()
                    .clone(),
            );
        }
        let schemes = ["oci://", "docker://", "https://"];
        let name =
            schemes.iter().find_map(|scheme| self.resource.strip_prefix(scheme)).unwrap_or(&self.resource);
        Some(name.parse::<ImageRef>().ok()?.repository().clone())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    verifier: Verifier,
    policy: Policy,
    resource_uri: String,
    verification_result: String,
    verified_levels: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Verifier {
    id: String,
}

#[derive(Deserialize)]
struct Policy {
    digest: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(resource: &str) -> Summary {
        let text = format!(
            r#"{{"verifier":{{"id":"v"}},"policy":{{}},"resourceUri":"{resource}","verificationResult":"PASSED"}}"#
        );
        Summary::parse(Some(&RawValue::from_string(text).unwrap())).unwrap()
    }

    #[test]
    fn a_resource_is_in_a_repository() {
        for (resource, repository) in [
            ("registry.example.com/app:1.0", Some("registry.example.com/app")),
            ("oci://registry.example.com/team/app", Some("registry.example.com/team/app")),
            ("docker://registry.example.com:5000/app:1", Some("registry.example.com:5000/app")),
            ("https://registry.example.com/app", Some("registry.example.com/app")),
            (
                "pkg:oci/app@sha256:00?repository_url=registry.example.com/team%2Fapp&tag=1",
                Some("registry.example.com/team/app"),
            ),
            ("pkg:oci/app@sha256:00", None),
            ("git+https://example.com/repo", None),
            ("", None),
        ] {
            assert_eq!(
                summary(resource).repository().map(|name| name.to_string()).as_deref(),
                repository,
                "{resource}"
            );
        }
    }

    #[test]
    fn what_is_required_has_to_stand_there() {
        let whole = r#"{"verifier":{"id":"v"},"policy":{"digest":{"sha256":"x"}},"resourceUri":"r","verificationResult":"PASSED"}"#;
        let parse = |text: String| Summary::parse(Some(&RawValue::from_string(text).unwrap()));
        assert_eq!(parse(whole.to_owned()).unwrap().policy, []);
        for (from, to) in [
            ("\"verifier\"", "\"Verifier\""),
            ("\"v\"", "\"\""),
            ("\"v\"", "1"),
            ("\"policy\"", "\"x\""),
            ("\"resourceUri\"", "\"resource_uri\""),
            ("\"verificationResult\"", "\"result\""),
            ("\"PASSED\"", "true"),
        ] {
            assert!(parse(whole.replace(from, to)).is_err(), "{to}");
        }
        assert!(Summary::parse(None).is_err());
    }
}
