//! What changed between two scans of an image, or of two images.
//!
//! A vulnerability in a package is compared by its id and the package's name, not by the package's version: an upgrade
//! that does not help changes nothing. Where the newer scan is not complete, what seems to have gone may only not have
//! been looked at: [`ScanDiff::is_certain`] says so.

use core::fmt;
use core::str::FromStr;
use std::collections::{BTreeMap, BTreeSet};

use waxseal_core::scan::{Scan, ScanFinding, Severity};

/// Everything that two scans do not agree about, and what they agree about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScanDiff {
    /// What changed, the worst first.
    pub changed: Vec<Changed>,
    /// What both have in the same way, the worst first.
    pub unchanged: Vec<Changed>,
    /// Whether the older scan is complete: if not, what is new may have been there before.
    pub old_is_complete: bool,
    /// Whether the newer scan is complete: if not, what has gone may still be there.
    pub new_is_complete: bool,
    /// Whether the same scanner made both. Two scanners differ about the same image.
    pub same_scanner: bool,
}

/// A vulnerability in a package, in both scans.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// The vulnerability's id; empty where the scanner gives none.
    pub id: String,
    /// The kind of the package.
    pub kind: String,
    /// The name of the package.
    pub package: String,
    /// How the older scan has it.
    pub old: Option<Seen>,
    /// How the newer scan has it.
    pub new: Option<Seen>,
}

/// A vulnerability in a package, as one scan has it, over all versions of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The worst severity.
    pub severity: Severity,
    /// The versions of the package that have it.
    pub versions: BTreeSet<String>,
    /// The versions that have a fix.
    pub fixed_versions: BTreeSet<String>,
    /// How many findings.
    pub count: usize,
}

/// One way in which a vulnerability can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// It is in the newer scan only.
    New,
    /// It is in the older scan only.
    Gone,
    /// Its severity rose.
    Worse,
    /// Its severity fell.
    Better,
    /// There is a fix now.
    Fixable,
    /// There is no fix any more.
    NoFix,
}

impl Change {
    /// The word that is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Fixable => "fixable",
            Self::NoFix => "no-fix",
        }
    }
}

impl Changed {
    /// In which ways it changed.
    pub fn changes(&self) -> Vec<Change> {
        let (old, new) = match (&self.old, &self.new) {
            (Some(old), Some(new)) => (old, new),
            (None, _) => return vec![Change::New],
            (_, None) => return vec![Change::Gone],
        };
        let mut changes = Vec::new();
        match weight(new.severity).cmp(&weight(old.severity)) {
            core::cmp::Ordering::Greater => changes.push(Change::Worse),
            core::cmp::Ordering::Less => changes.push(Change::Better),
            core::cmp::Ordering::Equal => {}
        }
        match (old.fixed_versions.is_empty(), new.fixed_versions.is_empty()) {
            (true, false) => changes.push(Change::Fixable),
            (false, true) => changes.push(Change::NoFix),
            _ => {}
        }
        // Without an id only their number says that there are more than before.
        if self.id.is_empty() && new.count > old.count {
            changes.push(Change::New);
        }
        if self.id.is_empty() && new.count < old.count {
            changes.push(Change::Gone);
        }
        changes
    }

    /// Its severity in the newer scan, or in the older one if it has gone.
    pub fn severity(&self) -> Severity {
        let seen = self.new.as_ref().or(self.old.as_ref());
        seen.map_or(Severity::Unknown, |seen| seen.severity)
    }
}

impl ScanDiff {
    /// Compares two scans.
    pub fn between(old: &Scan, new: &Scan) -> Self {
        let mut all: BTreeMap<Key<'_>, Changed> = BTreeMap::new();
        for (scan, is_new) in [(old, false), (new, true)] {
            for finding in &scan.findings {
                let key = Key::of(finding);
                let changed = all.entry(key).or_insert_with(|| Changed {
                    id: name(finding).to_owned(),
                    kind: finding.package.kind.clone(),
                    package: finding.package.name.clone(),
                    old: None,
                    new: None,
                });
                let side = if is_new { &mut changed.new } else { &mut changed.old };
                side.get_or_insert_with(Seen::nothing).add(finding);
            }
        }
        let mut all: Vec<_> = all.into_values().collect();
        all.sort_by_key(|changed| core::cmp::Reverse(weight(changed.severity())));
        let (changed, unchanged) = all.into_iter().partition(|changed| !changed.changes().is_empty());
        Self {
            changed,
            unchanged,
            old_is_complete: old.is_complete(),
            new_is_complete: new.is_complete(),
            same_scanner: old.scanner.identity() == new.scanner.identity(),
        }
    }

    /// Whether both scans are complete, so that nothing else can have changed.
    pub const fn is_certain(&self) -> bool {
        self.old_is_complete && self.new_is_complete
    }

    /// What one of the conditions is about.
    pub fn failing<'a>(&'a self, conditions: &'a [FailOn]) -> impl Iterator<Item = &'a Changed> {
        self.changed
            .iter()
            .chain(&self.unchanged)
            .filter(|changed| conditions.iter().any(|condition| condition.is_met(changed)))
    }
}

impl Seen {
    const fn nothing() -> Self {
        Self {
            severity: Severity::None,
            versions: BTreeSet::new(),
            fixed_versions: BTreeSet::new(),
            count: 0,
        }
    }

    fn add(&mut self, finding: &ScanFinding) {
        if self.count == 0 || weight(finding.severity()) > weight(self.severity) {
            self.severity = finding.severity();
        }
        if !finding.package.version.is_empty() {
            self.versions.insert(finding.package.version.clone());
        }
        self.fixed_versions.extend(finding.fixed_versions.iter().cloned());
        self.count = self.count.saturating_add(1);
    }
}

/// What makes two findings the same vulnerability in the same package.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    id: String,
    kind: &'a str,
    package: &'a str,
    /// Where there is no id: what else tells findings apart.
    version: &'a str,
}

impl<'a> Key<'a> {
    fn of(finding: &'a ScanFinding) -> Self {
        let id = name(finding).to_ascii_uppercase();
        let version = if id.is_empty() { finding.package.version.as_str() } else { "" };
        Self { id, kind: &finding.package.kind, package: &finding.package.name, version }
    }
}

/// The id that scanners agree about best: the CVE, wherever the scanner writes it.
fn name(finding: &ScanFinding) -> &str {
    let is_cve = |id: &&String| id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("CVE-"));
    let mut ids = core::iter::once(&finding.id).chain(&finding.aliases);
    ids.find(is_cve).unwrap_or(&finding.id)
}

/// A severity as a gate counts it: what nobody knows is as bad as High (rule N6).
fn weight(severity: Severity) -> Severity {
    if severity == Severity::Unknown { Severity::High } else { severity }
}

/// When a comparison fails: `new`, `worse`, `fixable` or `any`, each with the lowest severity that counts behind a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailOn {
    /// What happened.
    pub what: FailOnWhat,
    /// The lowest severity, in the newer scan, that counts.
    pub from: Severity,
}

/// What happened to a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailOnWhat {
    /// It is new.
    New,
    /// It is new, or its severity rose.
    Worse,
    /// It is there, and has a fix that it had not before.
    Fixable,
    /// It is there, new or not.
    Any,
}

impl FailOn {
    /// Whether this vulnerability is what the condition is about.
    pub fn is_met(&self, changed: &Changed) -> bool {
        let Some(new) = &changed.new else { return false };
        if weight(new.severity) < self.from {
            return false;
        }
        let is = |change| changed.changes().contains(&change);
        match self.what {
            FailOnWhat::New => is(Change::New),
            FailOnWhat::Worse => is(Change::New) || is(Change::Worse),
            FailOnWhat::Fixable => is(Change::Fixable),
            FailOnWhat::Any => true,
        }
    }
}

impl FromStr for FailOn {
    type Err = FailOnError;

    fn from_str(text: &str) -> Result<Self, FailOnError> {
        let (what, from) = match text.split_once(':') {
            Some((what, from)) => (what, Some(from)),
            None => (text, None),
        };
        let what = match what {
            "new" => FailOnWhat::New,
            "worse" => FailOnWhat::Worse,
            "fixable" => FailOnWhat::Fixable,
            "any" => FailOnWhat::Any,
            _ => return Err(FailOnError),
        };
        let from = match from {
            None => Severity::Information,
            Some(word) => *Severity::OF_FINDINGS
                .iter()
                .find(|severity| {
                    **severity != Severity::Unknown && severity.as_str().eq_ignore_ascii_case(word)
                })
                .ok_or(FailOnError)?,
        };
        Ok(Self { what, from })
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            FailOnWhat::New => "new",
            FailOnWhat::Worse => "worse",
            FailOnWhat::Fixable => "fixable",
            FailOnWhat::Any => "any",
        };
        write!(f, "{what}:{}", self.from)
    }
}

/// A text is no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected new, worse, fixable or any, and behind a colon Critical, High, Medium, Low or Information: new:High"
)]
#[non_exhaustive]
pub struct FailOnError;
