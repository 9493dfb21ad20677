//! What the client puts together, read back by the readers of reports.

use jiff::Timestamp;
use waxseal_core::scan::{ScanStatus, Severity};
use waxseal_scan::report::{Concern, ImageDigests};
use waxseal_scan::xray::{Document, Parts};
use waxseal_scan::{Note, Report, ReportFormat};
use waxseal_testkit::xray::Artifact;

use super::{artifact, client, digest, place, server};

/// Fetches all of this artifact and reads it.
async fn read(artifact: Artifact, with_violations: bool) -> Report {
    let server = server(artifact);
    let (xray, place, digest) = (client(&server), place(), digest());
    let version = xray.version().await.unwrap();
    let status = xray.status(&place, &digest).await.unwrap();
    let summary = xray.summary(&digest, Some(&place)).await.unwrap();
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut parts = Parts::new("registry.example.com/app", &digest, &version, summary, now);
    parts.status = Some(&status);
    if with_violations {
        parts.violations = Some(xray.violations(&place).await.unwrap());
    }
    let document = Document::new(&xray, parts).to_json().unwrap();
    Report::read(document.as_bytes(), None).unwrap()
}

fn found() -> Artifact {
    artifact().vulnerability("CVE-2026-0001", "High").license("Apache-2.0")
}

#[tokio::test]
async fn a_whole_scan_is_complete_and_of_the_image() {
    let report = read(found().violations(30), true).await;
    assert_eq!(report.format, ReportFormat::XrayDocument);
    assert!(report.notes.iter().all(|note| !note.to_string().ends_with("DONE")), "{:?}", report.notes);
    let of = |digest| {
        let mut digests = ImageDigests::default();
        digests.own.push(digest);
        digests
    };
    assert_eq!(report.subject.concerns(&of(digest())), Concern::Same);
    assert_eq!(report.subject.concerns(&of(waxseal_core::Digest::of("other"))), Concern::Other);
    let scan = report.scan;
    assert!(scan.is_complete());
    assert_eq!((scan.score(), scan.findings.len(), scan.violations.len()), (Severity::High, 1, 30));
    assert_eq!(scan.scanner.version, "3.111.9");
    assert_eq!(scan.run.finished_on.unwrap().to_string(), "2026-11-01T10:01:00Z");
    let clean = read(artifact().license("Apache-2.0"), true).await;
    assert_eq!((clean.scan.is_complete(), clean.scan.score()), (true, Severity::None));
}

#[tokio::test]
async fn a_scan_that_did_not_come_to_its_end_is_not_complete() {
    for (word, status) in
        [("PARTIAL", ScanStatus::Partial), ("FAILED", ScanStatus::Failed), ("PENDING", ScanStatus::Pending)]
    {
        let report = read(artifact().license("MIT").states(&[word]), false).await;
        assert_eq!(report.scan.run.status, status);
        // The whole is called done, and the search for vulnerable components is not.
        let report = read(artifact().license("MIT").sca(word), false).await;
        assert_eq!(report.scan.run.status, status);
        assert!(report.scan.score() > Severity::None);
    }
    assert!(read(artifact().license("MIT").sca("DONE"), false).await.scan.is_complete());
}

/// Xray lists an image before it has looked into it, and an index: neither is a component of itself.
#[tokio::test]
async fn an_image_of_which_nothing_is_shown_is_not_clean() {
    let empty = read(artifact(), false).await;
    assert_eq!((empty.scan.score(), empty.scan.run.components), (Severity::Unknown, None));
    assert!(empty.notes.contains(&Note::NothingCounted) && !empty.notes.contains(&Note::NoStatus));
    let shown = read(artifact().license("MIT"), false).await;
    assert_eq!((shown.scan.score(), shown.scan.run.components), (Severity::None, Some(1)));
}

#[tokio::test]
async fn a_violation_of_an_exposure_is_about_no_vulnerability() {
    for (id, is_complete) in [("XRAY-1", true), ("EXP-1552-00002", true), ("XRAY-99", false), ("", false)] {
        let report = read(found().violation(id, "Security"), true).await;
        assert_eq!(report.scan.is_complete(), is_complete, "{id}");
        assert_eq!(report.scan.violations.len(), 1);
    }
}

#[tokio::test]
async fn no_violations_and_none_looked_for_are_two_answers() {
    let looked = read(found(), true).await.scan;
    assert_eq!((looked.violations.len(), looked.run.coverage.violations), (0, Some(true)));
    let skipped = read(found(), false).await.scan;
    assert_eq!((skipped.violations.len(), skipped.run.coverage.violations), (0, Some(false)));
}
