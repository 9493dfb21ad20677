//! The tools that write SARIF, by the names in it.

use waxseal_core::scan::Scanner;

use crate::report::{grype, trivy, xray};

/// What a run looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Known vulnerabilities: an empty list of results says that there are none.
    Vulnerabilities,
    /// Nobody knows: results that look like vulnerabilities are some, and an empty list says nothing.
    Any,
    /// Secrets.
    Secrets,
    /// Violations of the scanner's policies.
    Policies,
    /// Malicious code.
    Malicious,
    /// Whether vulnerabilities that another run found can be reached.
    Applicability,
    /// Something that no rule of ours judges.
    Other,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |word: &str| name.contains(word);
        if !has("jfrog") {
            let known =
                ["trivy", "grype", "snyk container", "docker scout", "clair", "anchore", "osv-scanner"];
            return if known.iter().any(|word| has(word)) { Self::Vulnerabilities } else { Self::Any };
        }
        if has("xray") {
            Self::Vulnerabilities
        } else if has("secrets") {
            Self::Secrets
        } else if has("policy") {
            Self::Policies
        } else if has("malicious") {
            Self::Malicious
        } else if has("applicability") {
            Self::Applicability
        } else {
            Self::Other
        }
    }
}

pub(super) fn scanner(name: &str) -> Scanner {
    let lower = name.to_lowercase();
    let known =
        [("jfrog", "JFrog Xray", xray::URI), ("trivy", "Trivy", trivy::URI), ("grype", "Grype", grype::URI)];
    let found = known.iter().find(|(word, ..)| lower.contains(word));
    found.map_or_else(|| Scanner::new(name, ""), |(_, name, uri)| Scanner::new(*name, *uri))
}
