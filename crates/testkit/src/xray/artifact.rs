//! An artifact that Xray knows, and how its scan goes.

use std::collections::VecDeque;

use serde_json::{Value, json};
use waxseal_core::Digest;

/// One manifest in Artifactory, and what Xray says of it.
///
/// ```
/// use waxseal_core::Digest;
/// use waxseal_testkit::xray::Artifact;
/// let digest = Digest::of("a manifest");
/// let artifact = Artifact::new("docker-local", "app/1.0/manifest.json", &digest)
///     .vulnerability("CVE-2026-0001", "High")
///     .states(&["PENDING", "SCANNING", "DONE"]);
/// ```
#[derive(Clone, Debug)]
pub struct Artifact {
    pub(super) repository: String,
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) issues: Vec<Value>,
    pub(super) licenses: Vec<Value>,
    pub(super) violations: Vec<Value>,
    pub(super) violations_state: Option<String>,
    pub(super) sca_state: Option<String>,
    pub(super) exports: Option<Vec<(String, Vec<u8>)>>,
    states: VecDeque<String>,
    after_trigger: VecDeque<String>,
    /// How often a scan was ended; the time of the status follows it.
    ends: u32,
    finished: Option<String>,
}

impl Artifact {
    /// A manifest that was scanned, and in which nothing was found.
    pub fn new(repository: &str, path: &str, digest: &Digest) -> Self {
        Self {
            repository: repository.to_owned(),
            path: path.to_owned(),
            sha256: digest.hex(),
            issues: Vec::new(),
            licenses: Vec::new(),
            violations: Vec::new(),
            violations_state: None,
            sca_state: None,
            exports: None,
            states: VecDeque::from(["DONE".to_owned()]),
            after_trigger: VecDeque::new(),
            ends: 0,
            finished: None,
        }
    }

    /// When the scan was finished, as RFC 3339 has it: the time of every status, in place of one in November 2026.
    #[must_use]
    pub fn finished(mut self, time: &str) -> Self {
        self.finished = Some(time.to_owned());
        self
    }

    /// What the status says, one word a request; the last one stays.
    #[must_use]
    pub fn states(mut self, words: &[&str]) -> Self {
        self.states = words.iter().map(ToString::to_string).collect();
        self
    }

    /// What the status says once a scan was asked for, one word a request; the last one stays.
    #[must_use]
    pub fn after_trigger(mut self, words: &[&str]) -> Self {
        self.after_trigger = words.iter().map(ToString::to_string).collect();
        self
    }

    /// The search for vulnerable components has a state of its own.
    #[must_use]
    pub fn sca(mut self, word: &str) -> Self {
        self.sca_state = Some(word.to_owned());
        self
    }

    /// The comparison with watches has a state of its own.
    #[must_use]
    pub fn violations_state(mut self, word: &str) -> Self {
        self.violations_state = Some(word.to_owned());
        self
    }

    /// Adds a vulnerability in the package `openssl`, which has a fix.
    #[must_use]
    pub fn vulnerability(mut self, cve: &str, severity: &str) -> Self {
        let number = self.issues.len() + 1;
        self.issues.push(json!({
            "issue_id": format!("XRAY-{number}"),
            "summary": format!("{cve} in openssl"),
            "description": "made up",
            "issue_type": "security",
            "severity": severity,
            "provider": "JFrog",
            "cves": [{ "cve": cve, "cvss_v3": "7.5/CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" }],
            "created": "2026-01-02T03:04:05.000Z",
            "impact_path": [format!("default/{}/{}", self.repository, self.path)],
            "components": [{ "component_id": "alpine://3.18:openssl:3.1.1-r1", "fixed_versions": ["[3.1.1-r3]"] }],
        }));
        self
    }

    /// Adds a licence of the package `openssl`.
    #[must_use]
    pub fn license(mut self, name: &str) -> Self {
        self.licenses.push(json!({
            "name": name,
            "full_name": name,
            "components": ["alpine://3.18:openssl:3.1.1-r1"],
            "more_info_url": null,
        }));
        self
    }

    /// Adds this many violations of the watch `prod`: by the vulnerabilities so far, in turn, or by a licence where
    /// there are none.
    #[must_use]
    pub fn violations(mut self, count: usize) -> Self {
        for _ in 0..count {
            self = match self.issues.len() {
                0 => self.violation("GPL-3.0", "License"),
                issues => {
                    let id = format!("XRAY-{}", self.violations.len() % issues + 1);
                    self.violation(&id, "Security")
                }
            };
        }
        self
    }

    /// Adds a violation of the watch `prod` by this issue, of the type `Security`, `License` or `Operational_Risk`.
    #[must_use]
    pub fn violation(mut self, id: &str, kind: &str) -> Self {
        let number = self.violations.len() + 1;
        self.violations.push(json!({
            "issue_id": id,
            "type": kind,
            "watch_name": "prod",
            "severity": "High",
            "created": "2026-01-02T03:04:05Z",
            "violation_id": format!("v-{number:05}"),
            "matched_policies": [{ "policy": "no-high", "rule": "high", "is_build_failed": true, "is_blocking": true }],
        }));
        self
    }

    /// What stands in an export, in place of what would be made up.
    #[must_use]
    pub fn exports(mut self, files: &[(&str, &[u8])]) -> Self {
        self.exports =
            Some(files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect());
        self
    }

    /// The name by which Xray knows it: `app:1.0`.
    pub(super) fn component(&self) -> String {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match folder.rsplit_once('/') {
            Some((image, tag)) => format!("{image}:{tag}"),
            None => folder.to_owned(),
        }
    }

    /// The word of the next status request.
    pub(super) fn next_state(&mut self) -> String {
        let word = if self.states.len() > 1 { self.states.pop_front() } else { self.states.front().cloned() };
        let word = word.expect("an artifact has at least one state");
        if word == "DONE" {
            self.ends = self.ends.max(1);
        }
        word
    }

    /// The word of the last status request, without going on.
    pub(super) fn state(&self) -> &str {
        self.states.front().expect("an artifact has at least one state")
    }

    /// Somebody asked for a scan.
    pub(super) fn trigger(&mut self) {
        if !self.after_trigger.is_empty() {
            self.states = core::mem::take(&mut self.after_trigger);
            self.ends += 1;
        }
    }

    /// The time of the last end of a scan.
    pub(super) fn time(&self) -> String {
        self.finished.clone().unwrap_or_else(|| format!("2026-11-01T10:{:02}:00Z", self.ends))
    }

    /// What an export of it holds.
    pub(super) fn export(&self, cyclonedx: bool, spdx: bool) -> Vec<(String, Vec<u8>)> {
        if let Some(files) = &self.exports {
            return files.clone();
        }
        let name = self.component().replace([':', '/'], "_");
        let mut files = Vec::new();
        if cyclonedx {
            let document = json!({
                "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
                "metadata": { "component": { "type": "container", "name": self.component() } },
                "components": [{ "type": "library", "name": "openssl", "version": "3.1.1-r1" }],
            });
            files.push((format!("{name}_CycloneDX.json"), document.to_string().into_bytes()));
        }
        if spdx {
            let document = json!({
                "spdxVersion": "SPDX-2.2", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
                "name": self.component(),
                "packages": [{ "name": "openssl", "SPDXID": "SPDXRef-1", "versionInfo": "3.1.1-r1", "licenseConcluded": "NOASSERTION" }],
            });
            files.push((format!("{name}_SPDX.json"), document.to_string().into_bytes()));
        }
        files
    }
}
