//! What a reader of a report should know about it.

use std::fmt;

/// A remark on a report. Texts that came with the report may stand in it: escape them before a terminal shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Rows are missing: a page of a longer report.
    MissingRows {
        /// How many rows there are, by the report's own word.
        expected: u64,
        /// How many stand in it.
        found: u64,
    },
    /// The scanner's own figures are not those of its list.
    FiguresDiffer {
        /// What its summary says.
        stated: String,
        /// What its list holds.
        found: String,
    },
    /// The scanner reports an error.
    ScannerError(String),
    /// The scanner's own status is not that of a finished scan.
    Status(String),
    /// The report has no status.
    NoStatus,
    /// The report lists no image that the scanner knows.
    NotKnownToScanner,
    /// The report does not show that anything was looked at.
    NothingCounted,
    /// The report does not show that vulnerabilities were looked for.
    NoVulnerabilityScan,
    /// Packages are listed and not one vulnerability, which is what a run that did not look for any writes too.
    NoVulnerabilityListed,
    /// The report lists violations of policies, not what was found.
    ViolationsOnly,
    /// A violation is about a vulnerability that the report does not list.
    ViolationNotListed(String),
    /// The scanner no longer gets data for this system.
    EndOfLife(String),
    /// Findings that the scanner put aside are counted.
    PutAsideCounted(u64),
    /// Findings were left out by an option of the scanner.
    Option(String),
    /// Findings of another kind stand in the report, which no rule of ours judges.
    OtherFindings {
        /// What kind.
        kind: &'static str,
        /// How many.
        found: u64,
    },
}

impl Note {
    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingRows { .. } => "missing-rows",
            Self::FiguresDiffer { .. } => "figures-differ",
            Self::ScannerError(_) => "scanner-error",
            Self::Status(_) => "scanner-status",
            Self::NoStatus => "no-status",
            Self::NotKnownToScanner => "not-known-to-scanner",
            Self::NothingCounted => "nothing-counted",
            Self::NoVulnerabilityScan => "no-vulnerability-scan",
            Self::NoVulnerabilityListed => "no-vulnerability-listed",
            Self::ViolationsOnly => "violations-only",
            Self::ViolationNotListed(_) => "violation-not-listed",
            Self::EndOfLife(_) => "end-of-life",
            Self::PutAsideCounted(_) => "put-aside-counted",
            Self::Option(_) => "option-leaves-out",
            Self::OtherFindings { .. } => "other-findings",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingRows { expected, found } => {
                write!(f, "the report has {found} of {expected} rows: read all pages")
            }
            Self::FiguresDiffer { stated, found } => {
                write!(f, "the report's summary says {stated}, its list holds {found}")
            }
            Self::ScannerError(error) => write!(f, "the scanner reports an error: {error}"),
            Self::Status(status) => write!(f, "the scanner's status is {status}"),
            Self::NoStatus => f.write_str("the report does not say whether the scan came to its end"),
            Self::NotKnownToScanner => f.write_str("the scanner does not know the image"),
            Self::NothingCounted => f.write_str("the report does not show that any package was looked at"),
            Self::NoVulnerabilityScan => {
                f.write_str("the report does not show that vulnerabilities were looked for")
            }
            Self::NoVulnerabilityListed => f.write_str(
                "packages are listed and no vulnerability: a run that did not look for any (--scanners) writes the same",
            ),
            Self::ViolationsOnly => {
                f.write_str("the report lists violations of the scanner's policies, not all vulnerabilities")
            }
            Self::ViolationNotListed(id) => {
                write!(
                    f,
                    "{id} violates a policy of the scanner and is not among the vulnerabilities: some are missing"
                )
            }
            Self::EndOfLife(system) => write!(f, "{system} is at the end of its life: fixes may be unknown"),
            Self::PutAsideCounted(found) => {
                write!(
                    f,
                    "{found} findings that the scanner put aside are counted: rules of a policy decide on them"
                )
            }
            Self::Option(option) => write!(f, "{option} leaves findings out"),
            Self::OtherFindings { kind, found } => write!(f, "{found} findings of another kind: {kind}"),
        }
    }
}
