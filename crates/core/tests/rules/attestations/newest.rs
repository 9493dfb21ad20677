//! N: what a later statement can take back is judged by the newest, on a complete view.

use jiff::{SignedDuration, Timestamp};
use waxseal_core::candidate::{Candidate, EvidenceStore, Origin, Unreadable};
use waxseal_core::key::LocalSigner;
use waxseal_core::limits::AHEAD_SECONDS;
use waxseal_core::predicate::{CYCLONE_DX, OPEN_VEX, VULN};
use waxseal_core::{Format, Policy, Reason};
use waxseal_testkit::rng::now;

use super::make::{about, ago, attested, layer_of, materials, sbom, scan, scan_predicate, scanned, wanted};
use crate::make::{
    BOTH, Case, admitted, annotations, changed, image, key, other_image, pair, refused, undecided,
};

/// A scan with the annotation that the policy of these tests asks for, so that passing is told from being newest.
fn passing(finished: Timestamp) -> String {
    changed(&scanned(finished), "\"digest\"", "\"annotations\":{\"stage\":\"release\"},\"digest\"")
}

fn policy() -> Policy {
    Policy::requiring(wanted("vuln", &["release"]).annotations(annotations(&[("stage", "release")])))
}

fn release(statement: &str) -> Candidate {
    attested(Format::Bundle, &key("release"), statement)
}

fn case(statements: &[String]) -> Case {
    Case::new(&policy(), statements.iter().map(|statement| release(statement)))
}

#[test]
pub(crate) fn n1_the_newest_is_judged_and_it_alone() {
    let (older, newer) = (ago(100), ago(50));
    for turned in [false, true] {
        let order = |mut both: Vec<String>| {
            if turned {
                both.reverse();
            }
            case(&both)
        };
        let good = order(vec![scanned(older), passing(newer)]);
        let bad = order(vec![passing(older), scanned(newer)]);
        pair("an older one passes", &good, &bad, Reason::AnnotationMissing);
        let verdict = good.verdict();
        assert_eq!(verdict.attestations().len(), 1);
        assert_eq!(verdict.attestations()[0].finished, Some(newer));
        assert!(verdict.report().findings.iter().any(|finding| finding.reason == Reason::Superseded));
    }
    // Wherever it stands.
    for (old_place, new_place) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let release = key("release");
        let both = |old: String, new: String| {
            Case::new(&policy(), [attested(old_place, &release, &old), attested(new_place, &release, &new)])
        };
        let good = both(scanned(older), passing(newer));
        pair("in the other place", &good, &both(passing(older), scanned(newer)), Reason::AnnotationMissing);
    }
}

/// Of what nothing takes back, any one is enough.
#[test]
fn n1_a_bill_of_materials_is_not_taken_back() {
    let policy = Policy::requiring(
        wanted("cyclonedx", &["release"]).annotations(annotations(&[("stage", "release")])),
    );
    let with = |time: Timestamp| {
        about(image(), CYCLONE_DX, &format!("{{\"metadata\":{{\"timestamp\":\"{time}\"}}}}"))
    };
    let annotated =
        changed(&with(ago(100)), "\"digest\"", "\"annotations\":{\"stage\":\"release\"},\"digest\"");
    let verdict = Case::new(&policy, [release(&annotated), release(&with(ago(50)))]).verdict();
    admitted("the older one", &verdict);
}

/// What fails selection is ignored, so that junk blocks nothing.
#[test]
fn n1_what_is_not_selected_blocks_nothing() {
    let newest = scanned(ago(10));
    let other = key("other");
    let junk: Vec<(&str, Candidate)> = vec![
        ("by another key", attested(Format::Bundle, &other, &newest)),
        ("by another key, in a tag", attested(Format::Legacy, &other, &newest)),
        ("about another image", release(&changed(&newest, &image().hex(), &other_image().hex()))),
        ("of another type", release(&changed(&newest, VULN, OPEN_VEX))),
        ("no statement", attested(Format::Bundle, &other, "{}")),
        ("no envelope", layer_of(b"{}")),
        ("no bundle", Candidate::bundle(Origin::new(EvidenceStore::Referrer, image()), b"{}", 100)),
        ("an image signature", crate::make::signed(Format::Bundle, &key("release"))),
    ];
    for (name, junk) in junk {
        let good = Case::new(&policy(), [release(&passing(ago(50))), junk]);
        let bad = Case::new(&policy(), [release(&passing(ago(50))), release(&newest)]);
        pair(name, &good, &bad, Reason::AnnotationMissing);
    }
}

#[test]
fn n2_all_that_tie_for_newest_must_pass() {
    let time = ago(50);
    let good = case(&[passing(time), changed(&passing(time), ",\"subject\"", ", \"subject\"")]);
    pair("one of two", &good, &case(&[passing(time), scanned(time)]), Reason::AnnotationMissing);
    assert_eq!(good.verdict().attestations().len(), 2);
    // The same moment, written in another way.
    let bad = changed(&scanned(time), &time.to_string(), &time.to_string().replace('Z', "+00:00"));
    refused("another spelling", &case(&[passing(time), bad]).verdict(), Reason::AnnotationMissing);
}

#[test]
pub(crate) fn n2_a_statement_without_a_readable_time_fails() {
    let time = ago(50).to_string();
    let good = case(&[passing(ago(50)), passing(ago(60))]);
    for bad in [
        changed(&scanned(ago(50)), "scanFinishedOn", "scanStartedOn"),
        changed(&scanned(ago(50)), &time, "yesterday"),
        changed(&scanned(ago(50)), &time, "0001-01-01T00:00:00Z"),
        changed(&scanned(ago(50)), &format!("\"{time}\""), "1"),
        changed(
            &scanned(ago(50)),
            "\"scanFinishedOn\"",
            "\"ScanFinishedOn\":\"2020-01-01T00:00:00Z\",\"scanFinishedOn\"",
        ),
        about(image(), VULN, "{}"),
    ] {
        let bad = case(&[passing(ago(50)), bad]);
        pair("no time", &good, &bad, Reason::TimeMissing);
        // Nothing that could not be read would make up for it.
        refused("and a place unread", &unread(bad).verdict(), Reason::TimeMissing);
    }
    let absent = changed(&scanned(ago(50)), ",\"predicate\":", ",\"p\":");
    refused("no predicate", &case(&[passing(ago(50)), absent]).verdict(), Reason::TimeMissing);
}

#[test]
pub(crate) fn n2_a_time_that_is_still_to_come_fails() {
    let at = |seconds| passing(now() + SignedDuration::from_secs(seconds));
    pair("ahead", &case(&[at(AHEAD_SECONDS)]), &case(&[at(AHEAD_SECONDS + 1)]), Reason::TimeAhead);
    let both = |seconds| case(&[passing(ago(50)), at(seconds)]);
    pair("beside one that passes", &both(AHEAD_SECONDS), &both(AHEAD_SECONDS + 1), Reason::TimeAhead);
}

/// The time is the predicate's, whatever else says one.
#[test]
fn n2_only_the_signed_predicate_says_the_time() {
    let older = changed(&passing(ago(100)), "\"_type\"", &format!("\"timestamp\":\"{}\",\"_type\"", ago(1)));
    let verdict = case(&[older, scanned(ago(50))]).verdict();
    refused("beside the predicate", &verdict, Reason::AnnotationMissing);
    let started = changed(
        &passing(ago(100)),
        "\"metadata\":{",
        &format!("\"metadata\":{{\"scanStartedOn\":\"{}\",", ago(1)),
    );
    refused("the start", &case(&[started, scanned(ago(50))]).verdict(), Reason::AnnotationMissing);
}

fn unread(mut case: Case) -> Case {
    let origin = Origin::new(EvidenceStore::AttestationTag, image());
    case.evidence.unreadable.push(Unreadable::new(origin, Some(Format::Legacy), "unavailable", "503"));
    case
}

#[test]
fn n3_the_view_must_be_complete() {
    let good = case(&[passing(ago(50))]);
    admitted("complete", &good.verdict());
    undecided("a place could not be read", &unread(good.clone()).verdict());
    undecided("and the rest does not pass", &unread(case(&[scanned(ago(50))])).verdict());
    // What is over a limit was not read either.
    let mut over = good.clone();
    let place = Origin::new(EvidenceStore::Referrer, image());
    over.evidence.candidates.push(Candidate::rejected(place, Reason::LimitExceeded, "33 MiB"));
    undecided("an object over a limit", &over.verdict());
    // The tag of signatures holds no attestation.
    let mut signatures = good;
    let place = Origin::new(EvidenceStore::SignatureTag, image());
    signatures.evidence.unreadable.push(Unreadable::new(place, Some(Format::Legacy), "unavailable", "503"));
    admitted("the tag of signatures", &signatures.verdict());
    // Of what nothing takes back, one that was read is enough (rule V1).
    let plain = Case::new(&sbom(), [release(&materials())]);
    admitted("a bill of materials", &unread(plain).verdict());
}

#[test]
fn n3_more_than_can_be_checked_is_no_complete_view() {
    let foreign = vec![attested(Format::Legacy, &key("other"), &materials()); 2_100];
    let passing = || release(&scanned(ago(50)));
    let few = foreign.iter().take(100).cloned();
    admitted("few", &Case::new(&scan(), few.chain([passing()])).verdict());
    // The one that passes comes first, and is not enough.
    undecided("many", &Case::new(&scan(), [passing()].into_iter().chain(foreign)).verdict());
}

#[test]
fn n4_each_scanner_has_a_newest() {
    let of = |scanner: &str, time, passes: bool| {
        let text = about(image(), VULN, &scan_predicate(scanner, &ago(time).to_string()));
        if passes {
            changed(&text, "\"digest\"", "\"annotations\":{\"stage\":\"release\"},\"digest\"")
        } else {
            text
        }
    };
    let good = case(&[of("pkg:a/x@1", 50, true), of("pkg:a/y@1", 100, true)]);
    let bad = case(&[of("pkg:a/x@1", 50, true), of("pkg:a/y@1", 100, false)]);
    pair("an older one of another scanner", &good, &bad, Reason::AnnotationMissing);
    assert_eq!(good.verdict().attestations().len(), 2);
    // Another version is the same scanner.
    let good = case(&[of("pkg:a/x@2", 50, true), of("pkg:a/x@1", 100, false)]);
    let bad = case(&[of("pkg:a/x@2", 50, false), of("pkg:a/x@1", 100, true)]);
    pair("another version", &good, &bad, Reason::AnnotationMissing);
    // A threshold is met by each scanner's newest.
    let policy = Policy::requiring(wanted("vuln", &["a", "b"]).threshold(2).unwrap());
    let by = |signers: [&LocalSigner; 2], scanner| {
        let text = of(scanner, 50, true);
        signers.map(|signer| attested(Format::Bundle, signer, &text))
    };
    let (a, b) = (key("a"), key("b"));
    let both =
        |second| Case::new(&policy, by([&a, &b], "pkg:a/x").into_iter().chain(by([&a, second], "pkg:a/y")));
    pair("of one scanner only", &both(&b), &both(&a), Reason::ThresholdNotMet);
}

#[test]
pub(crate) fn a_statement_has_a_greatest_age() {
    let policy = |kind: &str, seconds| {
        let oldest = SignedDuration::from_secs(seconds);
        Policy::requiring(wanted(kind, &["release"]).max_age(oldest).unwrap())
    };
    let at = |seconds| Case::new(&policy("vuln", 60), [release(&scanned(ago(seconds)))]);
    pair("a second more", &at(60), &at(61), Reason::TooOld);
    // An older one beside it makes no difference, whether it is young enough or not.
    let both = Case::new(&policy("vuln", 60), [release(&scanned(ago(10))), release(&scanned(ago(100)))]);
    admitted("an older one, too old", &both.verdict());
    let with = |seconds| {
        let text = format!("{{\"metadata\":{{\"timestamp\":\"{}\"}}}}", ago(seconds));
        release(&about(image(), CYCLONE_DX, &text))
    };
    let plain = |all: Vec<Candidate>| Case::new(&policy("cyclonedx", 60), all);
    pair("a bill of materials", &plain(vec![with(60)]), &plain(vec![with(61)]), Reason::TooOld);
    pair("without a time", &plain(vec![with(60)]), &plain(vec![release(&materials())]), Reason::TimeMissing);
    pair("ahead", &plain(vec![with(-300)]), &plain(vec![with(-301)]), Reason::TimeAhead);
    admitted(
        "any one that is young enough",
        &plain(vec![with(61), release(&materials()), with(60)]).verdict(),
    );
}

/// Rule Y6: that a result was attested says nothing of the result, and the verdict says so.
#[test]
fn a_result_that_nobody_judged_is_told() {
    let unchecked = |policy: &Policy, statement: &str| {
        let verdict = Case::new(policy, [release(statement)]).verdict();
        admitted("attested", &verdict);
        verdict.report().unchecked.contains(&"attested-result")
    };
    assert!(unchecked(&scan(), &scanned(ago(50))));
    assert!(!unchecked(&sbom(), &materials()));
}
