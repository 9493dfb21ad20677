//! The figures of a scan, computed from its findings.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Scan, ScanFinding, Severity, SeverityCounts};
use crate::scan::Applicability;

/// The figures of a scan. A vulnerability counts once, whatever the number of packages that have it, with the highest
/// severity of its findings; a finding without an id counts as a vulnerability of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// [`Scan::score`].
    pub score: Severity,
    unit: Unit,
    /// All.
    pub by_severity: SeverityCounts,
    /// Those for which at least one package has a fix.
    pub fixable_by_severity: SeverityCounts,
    /// Those that at least one finding does not call not applicable.
    pub applicable_by_severity: SeverityCounts,
    /// How many vulnerabilities.
    pub total: u64,
}

impl Summary {
    pub(super) fn of(scan: &Scan) -> Self {
        let mut named: HashMap<&str, One> = HashMap::new();
        let mut unnamed = Vec::new();
        for finding in &scan.findings {
            let one = One::of(finding);
            if finding.id.is_empty() {
                unnamed.push(one);
            } else {
                named.entry(&finding.id).and_modify(|known| known.join(&one)).or_insert(one);
            }
        }
        let mut summary = Self {
            score: scan.score(),
            unit: Unit::Vulnerability,
            by_severity: SeverityCounts::default(),
            fixable_by_severity: SeverityCounts::default(),
            applicable_by_severity: SeverityCounts::default(),
            total: 0,
        };
        for one in named.values().chain(&unnamed) {
            summary.by_severity.add(one.severity);
            if one.fixable {
                summary.fixable_by_severity.add(one.severity);
            }
            if one.applicable {
                summary.applicable_by_severity.add(one.severity);
            }
        }
        summary.total = summary.by_severity.total();
        summary
    }
}

/// One vulnerability, over all its findings.
struct One {
    severity: Severity,
    fixable: bool,
    applicable: bool,
}

impl One {
    fn of(finding: &ScanFinding) -> Self {
        Self {
            severity: finding.severity(),
            fixable: finding.is_fixable(),
            applicable: finding.applicability.is_none_or(Applicability::counts),
        }
    }

    fn join(&mut self, other: &Self) {
        self.severity = self.severity.max(other.severity);
        self.fixable |= other.fixable;
        self.applicable |= other.applicable;
    }
}

/// What is counted: vulnerabilities, each id once, not findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Vulnerability,
}
