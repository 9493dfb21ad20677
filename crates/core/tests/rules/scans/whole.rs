//! Scans as a whole: which one is judged (rules N1 to N6), and that nothing else passes for one.

use jiff::SignedDuration;
use waxseal_core::candidate::Candidate;
use waxseal_core::policy::{AttestationRequirement, Oldest, ScanRules, ScannerRule};
use waxseal_core::predicate::{CYCLONE_DX, SCAN, VULN};
use waxseal_core::scan::foreign::ReportReader;
use waxseal_core::scan::{Package, Scan, ScanFinding, Scanner, Severity};
use waxseal_core::{Format, Policy, Reason};

use super::make::{finding, judged, requirement, rules, scan, statement, with};
use crate::attestations::make::{about, ago, attested, layer_of};
use crate::make::{Case, admitted, changed, image, key, other_image, pair, refused, trusted, undecided};

fn at_most_high() -> ScanRules {
    rules(|rules| rules.max_severity = Some(Severity::High))
}

fn critical(seconds: i64) -> Scan {
    with(|scan| {
        scan.findings = vec![finding("CVE-9", Severity::Critical)];
        scan.run.finished_on = Some(ago(seconds));
    })
}

fn good(seconds: i64) -> Scan {
    with(|scan| scan.run.finished_on = Some(ago(seconds)))
}

fn by(name: &str, text: &str) -> Candidate {
    attested(Format::Bundle, &key(name), text)
}

fn case(candidates: impl IntoIterator<Item = Candidate>) -> Case {
    Case::new(&Policy::requiring(requirement(at_most_high())), candidates)
}

#[test]
pub(crate) fn n1_an_old_good_scan_does_not_stand_beside_a_newer_bad_one() {
    let (good_case, bad) = (
        judged(at_most_high(), &[critical(20), good(10)]),
        judged(at_most_high(), &[good(20), critical(10)]),
    );
    pair("newest", &good_case, &bad, Reason::SeverityTooHigh);
}

#[test]
pub(crate) fn n2_a_tie_must_pass_together() {
    let tie = |other: Scan| judged(at_most_high(), &[good(10), other]);
    let also_good = with(|scan| {
        scan.run.finished_on = Some(ago(10));
        scan.findings.clear();
    });
    pair("a tie", &tie(also_good), &tie(critical(10)), Reason::SeverityTooHigh);
}

#[test]
pub(crate) fn n2_a_date_to_come_fails() {
    let far = with(|scan| scan.run.finished_on = Some("2099-01-01T00:00:00Z".parse().unwrap()));
    pair(
        "2099",
        &judged(at_most_high(), &[good(10)]),
        &judged(at_most_high(), &[good(10), far]),
        Reason::TimeAhead,
    );
    let timeless = with(|scan| scan.run.finished_on = None);
    pair(
        "none",
        &judged(at_most_high(), &[good(10)]),
        &judged(at_most_high(), &[good(10), timeless]),
        Reason::TimeMissing,
    );
}

#[test]
pub(crate) fn n3_what_cannot_be_read_may_be_newer() {
    let seen = || case([by("security", &statement(&good(10)))]);
    admitted("seen whole", &seen().verdict());
    undecided("unreadable", &seen().unreadable(None).verdict());
}

#[test]
pub(crate) fn n4_each_scanner_must_pass() {
    let other = |severity| {
        with(|scan| {
            scan.scanner = Scanner::new("Other", "pkg:generic/other");
            scan.findings = vec![finding("CVE-9", severity)];
            // Older than the first scanner's, and still its own scanner's newest.
            scan.run.finished_on = Some(ago(500));
        })
    };
    let both = |severity| judged(at_most_high(), &[good(10), other(severity)]);
    pair("two scanners", &both(Severity::Low), &both(Severity::Critical), Reason::SeverityTooHigh);
    let narrowed = |name: &str| {
        let rules = rules(|rules| {
            rules.max_severity = Some(Severity::High);
            rules.scanners = vec![ScannerRule::new(name)];
        });
        judged(rules, &[good(10), other(Severity::Critical)])
    };
    pair("narrowed", &narrowed("Scanner"), &narrowed("Other"), Reason::SeverityTooHigh);
}

/// Scanners that say no uri are told apart by their names.
#[test]
pub(crate) fn n4_scanners_without_a_uri_are_not_one() {
    let named = |name: &str, severity, seconds| {
        with(|scan| {
            scan.scanner = Scanner::new(name, "");
            scan.findings = vec![finding("CVE-9", severity)];
            scan.run.finished_on = Some(ago(seconds));
        })
    };
    let both = |first: &str| {
        let scans = [named(first, Severity::Critical, 100), named("Docker Scout", Severity::Low, 10)];
        judged(at_most_high(), &scans)
    };
    pair("another name", &both("docker scout"), &both("Snyk Container"), Reason::SeverityTooHigh);
}

/// A scanner is wanted by its name; another tool's predicate says that in its report only.
#[test]
pub(crate) fn n4_a_wanted_scanner_is_found_in_every_form() {
    let vuln = |word: &str, seconds| {
        let text = format!(
            r#"{{"scanner":{{"uri":"pkg:generic/x","result":"{word}"}},"metadata":{{"scanStartedOn":"{0}","scanFinishedOn":"{0}"}}}}"#,
            ago(seconds)
        );
        by("security", &about(image(), VULN, &text))
    };
    let wanted = |name: &str| {
        let types = vec!["vuln".parse().unwrap(), "scan".parse().unwrap()];
        let rules = rules(|rules| {
            rules.max_severity = Some(Severity::High);
            rules.scanners = vec![ScannerRule::new(name)];
        });
        let wanted = AttestationRequirement::by(types, vec![trusted("security")]).unwrap();
        Policy::requiring(wanted.scan(rules, Oldest::Unlimited).unwrap())
    };
    let older =
        || by("security", &statement(&with(|scan| scan.scanner = Scanner::new("X", "pkg:generic/x"))));
    let case = |word: &str| Case::new(&wanted("X"), [older(), vuln(word, 1)]).reading(&OneWord);
    pair("its newest", &case("good"), &case("bad"), Reason::SeverityTooHigh);
    let named = |name: &str| Case::new(&wanted(name), [vuln("good", 1)]).reading(&OneWord);
    pair("by name", &named("X"), &named("Y"), Reason::OtherScanner);
}

/// A trusted key signed something about the image that nobody can read: it may be newer.
#[test]
pub(crate) fn n3_what_a_trusted_key_signed_and_nobody_reads_is_not_ignored() {
    let doubled = changed(&statement(&critical(1)), "\"findings\":", "\"findings\":[],\"findings\":");
    let with_it =
        |signer: &str| case([by("security", &statement(&good(10))), by(signer, &doubled)]).verdict();
    admitted("by anybody", &with_it("nobody"));
    undecided("by the key", &with_it("security"));
}

#[test]
pub(crate) fn n4_a_bill_of_materials_is_no_scan() {
    let sbom = about(image(), CYCLONE_DX, r#"{"bomFormat":"CycloneDX","components":[{"name":"a"}]}"#);
    pair(
        "by type",
        &case([by("security", &statement(&good(10)))]),
        &case([by("security", &sbom)]),
        Reason::PredicateTypeMismatch,
    );
    // Nor under the type of one.
    let posing =
        about(image(), SCAN, r#"{"bomFormat":"CycloneDX","scan":{"finishedOn":"2020-01-01T00:00:00Z"}}"#);
    pair(
        "by content",
        &case([by("security", &statement(&good(10)))]),
        &case([by("security", &posing)]),
        Reason::MalformedScan,
    );
}

#[test]
pub(crate) fn n5_a_scan_has_a_greatest_age() {
    let at_most = |seconds| {
        let oldest = Oldest::Age(SignedDuration::from_secs(seconds));
        let wanted = wanted_scan().scan(at_most_high(), oldest).unwrap();
        Case::new(&Policy::requiring(wanted), [by("security", &statement(&good(100)))])
    };
    pair("seconds", &at_most(100), &at_most(99), Reason::TooOld);
    // An old good one does not stand in for a newer one that is refused.
    let both = |newer: &Scan| {
        let wanted = wanted_scan().scan(at_most_high(), Oldest::Unlimited).unwrap();
        let scans = [statement(&good(100)), statement(newer)];
        Case::new(&Policy::requiring(wanted), scans.iter().map(|text| by("security", text)))
    };
    pair("newer", &both(&good(1)), &both(&critical(1)), Reason::SeverityTooHigh);
    let negative = Oldest::Age(SignedDuration::from_secs(-1));
    assert_eq!(wanted_scan().scan(at_most_high(), negative).unwrap_err().code(), "policy-max-age");
}

fn wanted_scan() -> AttestationRequirement {
    crate::attestations::make::wanted("scan", &["security"])
}

#[test]
pub(crate) fn n6_a_summary_that_lies_is_refused() {
    let text = statement(&good(10));
    let lying = changed(
        &text,
        "\"bySeverity\":{\"Critical\":0,\"High\":1",
        "\"bySeverity\":{\"Critical\":0,\"High\":0",
    );
    let reason = Reason::SummaryMismatch;
    pair("a count", &case([by("security", &text)]), &case([by("security", &lying)]), reason);
    let score = changed(&text, "\"score\":\"High\"", "\"score\":\"Low\"");
    pair("a score", &case([by("security", &text)]), &case([by("security", &score)]), reason);
}

#[test]
pub(crate) fn junk_beside_a_good_scan_blocks_nothing() {
    let scanned = || by("security", &statement(&good(10)));
    let junk = [
        layer_of(b"{}"),
        by("nobody", &statement(&critical(1))),
        by("security", &about(other_image(), SCAN, &critical(1).to_predicate().unwrap())),
    ];
    admitted("with junk", &case(junk.into_iter().chain([scanned()])).verdict());
    refused("only junk", &case([by("nobody", &statement(&good(10)))]).verdict(), Reason::UntrustedKey);
}

#[test]
pub(crate) fn a_key_for_signatures_is_none_for_scans() {
    let text = statement(&good(10));
    pair("another key", &case([by("security", &text)]), &case([by("release", &text)]), Reason::UntrustedKey);
}

/// Reads reports that say one word.
struct OneWord;

impl ReportReader for OneWord {
    fn read_result(&self, scanner_uri: &str, result: &str) -> Result<Scan, String> {
        let mut scan = scan();
        scan.scanner = Scanner::new("X", scanner_uri);
        match result {
            "\"good\"" => Ok(scan),
            "\"bad\"" => {
                scan.findings.push(ScanFinding::new("CVE-9", Severity::Critical, Package::default()));
                Ok(scan)
            }
            other => Err(other.to_owned()),
        }
    }

    fn read_document(&self, kind: &str, document: &str) -> Option<Result<Scan, String>> {
        let mut scan = scan();
        scan.run.coverage.vulnerabilities = document.contains("vulnerabilities");
        (kind == CYCLONE_DX).then_some(Ok(scan))
    }
}

fn wanted(types: &[&str]) -> Policy {
    let types = types.iter().map(|kind| kind.parse().unwrap()).collect();
    let wanted = AttestationRequirement::by(types, vec![trusted("security")]).unwrap();
    Policy::requiring(wanted.scan(at_most_high(), Oldest::Unlimited).unwrap())
}

/// N4, N6: what another tool's predicate says is read by whoever knows it, and refused where nobody does.
#[test]
pub(crate) fn n6_foreign_scans_are_read_by_their_reader() {
    let predicate = |word: &str| {
        let text = format!(
            r#"{{"scanner":{{"uri":"pkg:generic/x","result":"{word}"}},"metadata":{{"scanStartedOn":"{0}","scanFinishedOn":"{0}"}}}}"#,
            ago(10)
        );
        by("security", &about(image(), VULN, &text))
    };
    let judge = |word: &str| Case::new(&wanted(&["vuln", "scan"]), [predicate(word)]);
    pair(
        "its content",
        &judge("good").reading(&OneWord),
        &judge("bad").reading(&OneWord),
        Reason::SeverityTooHigh,
    );
    pair(
        "its reader",
        &judge("good").reading(&OneWord),
        &judge("other").reading(&OneWord),
        Reason::MalformedScan,
    );
    pair("no reader", &judge("good").reading(&OneWord), &judge("good"), Reason::MalformedScan);
}

/// N4: a bill of materials counts where it is listed, and only if it states what was found.
#[test]
pub(crate) fn n4_a_document_counts_only_if_it_states_vulnerabilities() {
    let document = |member: &str| {
        let text =
            format!(r#"{{"bomFormat":"CycloneDX","metadata":{{"timestamp":"{}"}},"{member}":[]}}"#, ago(10));
        by("security", &about(image(), CYCLONE_DX, &text))
    };
    let judge =
        |types: &[&str], member: &str| Case::new(&wanted(types), [document(member)]).reading(&OneWord);
    let good = judge(&["scan", "cyclonedx"], "vulnerabilities");
    pair("coverage", &good, &judge(&["scan", "cyclonedx"], "components"), Reason::ScanIncomplete);
    pair("listed", &good, &judge(&["scan"], "vulnerabilities"), Reason::PredicateTypeMismatch);
}

/// T-18: every choice is part of the policy's digest.
#[test]
fn y3_the_digest_of_a_policy_covers_the_rules_on_scans() {
    let changes: [fn(&mut ScanRules); 15] = [
        |_| {},
        |rules| rules.scanners = vec![ScannerRule::new("a")],
        |rules| rules.scanners = vec![ScannerRule::new("a").from_version("1")],
        |rules| rules.max_severity = Some(Severity::Low),
        |rules| rules.unknown_severity_as = Severity::Low,
        |rules| rules.max_count = [(Severity::Low, 1)].into(),
        |rules| rules.only_fixable = true,
        |rules| rules.only_applicable = true,
        |rules| rules.deny_ids = vec!["CVE-1".to_owned()],
        |rules| rules.deny_malicious = false,
        |rules| rules.require_complete = false,
        |rules| rules.min_components = 0,
        |rules| rules.watches = vec!["a".to_owned()],
        |rules| rules.require_no_fail_build_violation = true,
        |rules| rules.max_db_age = Some(SignedDuration::from_secs(1)),
    ];
    let digests: std::collections::BTreeSet<_> =
        changes.into_iter().map(|change| Policy::requiring(requirement(rules(change))).digest()).collect();
    assert_eq!(digests.len(), changes.len());
}
