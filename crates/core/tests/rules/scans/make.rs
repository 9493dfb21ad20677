//! Scans of any content, attested by a trusted key.

use jiff::{SignedDuration, Timestamp};
use waxseal_core::policy::{AttestationRequirement, Oldest, ScanRules};
use waxseal_core::predicate::SCAN;
use waxseal_core::scan::{
    License, Package, Scan, ScanFinding, ScanStatus, Scanner, ScannerDatabase, Secrets, Severity,
};
use waxseal_core::{Format, Policy};
use waxseal_testkit::rng::now;

use crate::attestations::make::{about, ago, attested, wanted};
use crate::make::{Case, image, key};

/// A complete scan with one finding: `CVE-1`, High, in `openssl 1.0`, fixed in `1.1`.
pub(crate) fn scan() -> Scan {
    let mut scanner = Scanner::new("Scanner", "pkg:generic/scanner@2.5");
    "2.5.0".clone_into(&mut scanner.version);
    let mut database = ScannerDatabase::default();
    database.last_update = Some(ago(3_600));
    scanner.db = Some(database);
    let mut scan = Scan::new(scanner);
    scan.run.finished_on = Some(ago(60));
    scan.run.status = ScanStatus::Complete;
    scan.run.components = Some(3);
    let covered = &mut scan.run.coverage;
    covered.vulnerabilities = true;
    covered.licenses = Some(true);
    covered.applicability = Some(true);
    covered.secrets = Some(true);
    covered.violations = Some(true);
    scan.secrets = Some(Secrets::new(2, 1));
    scan.licenses = vec![License::new("MIT", 3)];
    scan.findings = vec![finding("CVE-1", Severity::High)];
    scan
}

/// A finding with a fix.
pub(crate) fn finding(id: &str, severity: Severity) -> ScanFinding {
    let mut finding = ScanFinding::new(id, severity, Package::new("deb", "openssl", "1.0"));
    finding.package.purl = Some("pkg:deb/openssl@1.0".to_owned());
    finding.fixed_versions = vec!["1.1".to_owned()];
    finding
}

/// The scan after a change.
pub(crate) fn with(change: impl FnOnce(&mut Scan)) -> Scan {
    let mut scan = scan();
    change(&mut scan);
    scan
}

/// The rules after a change: what always holds, and what the change adds.
pub(crate) fn rules(change: impl FnOnce(&mut ScanRules)) -> ScanRules {
    let mut rules = ScanRules::new();
    change(&mut rules);
    rules
}

pub(crate) fn requirement(rules: ScanRules) -> AttestationRequirement {
    wanted("scan", &["security"]).scan(rules, Oldest::Unlimited).unwrap()
}

/// The statement of a scan of the image.
pub(crate) fn statement(scan: &Scan) -> String {
    about(image(), SCAN, &scan.to_predicate().unwrap())
}

/// Scans by the key `security`, held against the rules.
pub(crate) fn judged(rules: ScanRules, scans: &[Scan]) -> Case {
    let security = key("security");
    let candidates = scans.iter().map(|scan| attested(Format::Bundle, &security, &statement(scan)));
    Case::new(&Policy::requiring(requirement(rules)), candidates)
}

/// So many days from the time of the verdict.
pub(crate) fn days(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}
