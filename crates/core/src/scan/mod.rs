//! Scan results: what a scanner found in an image, in one shape for every scanner.
//!
//! A [`Scan`] is the predicate of type [`SCAN_PREDICATE`]. `waxseal-scan` makes it from a scanner's report,
//! [`Scan::to_predicate`] writes it into an attestation, [`Scan::parse`] reads it back for judging. What other tools
//! sign about an image is read into the same shape.
//!
//! This module decides nothing: it says what was found, and how much of the image the scanner looked at. Being
//! readable is not being clean: an image is clean only where [`Scan::is_complete`] holds and components were counted,
//! and [`Scan::summary`] is always computed from the findings, never taken from what a report or a predicate says of
//! itself (rule N6). It must not learn scanners' own formats: those are read by `waxseal-scan`.

mod error;
mod extras;
mod finding;
pub mod foreign;
mod list;
mod predicate;
mod run;
mod severity;
mod source;
mod summary;

pub use error::ScanError;
pub use extras::{License, OperationalRisk, Secrets, Violation, ViolationKind};
pub use finding::{Applicability, Cvss, CvssRating, CvssScore, Package, ScanFinding};
pub use run::{Coverage, ScanRun, ScanStatus};
pub use severity::{Severity, SeverityCounts};
pub use source::{Invocation, RawReport, Scanner, ScannerDatabase};
pub use summary::Summary;

/// The predicate type of a scan that waxseal writes.
pub const SCAN_PREDICATE: &str = "urn:waxseal:predicate:scan:v1";

/// What a scanner found in an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scan {
    /// Which scanner looked, with which database.
    pub scanner: Scanner,
    /// How the scanner was called.
    pub invocation: Invocation,
    /// When it looked, how far it came, and at what.
    pub run: ScanRun,
    /// Every finding: one vulnerability in one package each.
    pub findings: Vec<ScanFinding>,
    /// The licences, each once.
    pub licenses: Vec<License>,
    /// Where the scanner's own policies were violated.
    pub violations: Vec<Violation>,
    /// Secrets in the image; none where they were not looked for.
    pub secrets: Option<Secrets>,
    /// Packages that are risky to depend on.
    pub operational_risk: Vec<OperationalRisk>,
    /// The report that all this was read from.
    pub report: Option<RawReport>,
    /// What a predicate says of itself, beside what [`Scan::summary`] computes.
    stated: Option<Summary>,
}

impl Scan {
    /// A scan of which nothing is known but the scanner: not scanned, nothing covered, nothing found.
    pub fn new(scanner: Scanner) -> Self {
        Self {
            scanner,
            invocation: Invocation::default(),
            run: ScanRun::default(),
            findings: Vec::new(),
            licenses: Vec::new(),
            violations: Vec::new(),
            secrets: None,
            operational_risk: Vec::new(),
            report: None,
            stated: None,
        }
    }

    /// Whether the scanner says that it looked for vulnerabilities in all of the image and left nothing out.
    ///
    /// That something was there to look at is a question of its own: [`ScanRun::components`].
    pub fn is_complete(&self) -> bool {
        self.run.status == ScanStatus::Complete && self.run.coverage.vulnerabilities && !self.run.filtered
    }

    /// The highest severity of a finding, in the order of [`Severity`].
    ///
    /// [`Severity::None`] only if the scan is complete and looked at one component at least. Otherwise the score is at
    /// least [`Severity::Unknown`]: a scan that saw nothing, or that left things out, is never clean.
    pub fn score(&self) -> Severity {
        let highest = self.findings.iter().map(ScanFinding::severity).max();
        let floor = match (self.is_complete(), self.run.components) {
            (true, Some(1..)) => Severity::None,
            (true, _) if highest.is_some() => Severity::None,
            _ => Severity::Unknown,
        };
        highest.map_or(floor, |highest| highest.max(floor))
    }

    /// The figures, computed from the findings (rule N6).
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The figures that the predicate states, for a judge to hold against [`Scan::summary`]; none where the scan was
    /// not read from a predicate of type [`SCAN_PREDICATE`].
    pub fn stated_summary(&self) -> Option<&Summary> {
        self.stated.as_ref()
    }
}
