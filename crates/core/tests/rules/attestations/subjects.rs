//! What an attestation is about: S3, S4, S9, P3, T-02, T-03.

use waxseal_core::candidate::{EvidenceStore, Origin, Unreadable};
use waxseal_core::digest::Algorithm;
use waxseal_core::policy::SignedFor;
use waxseal_core::predicate::{CYCLONE_DX, VULN};
use waxseal_core::verify::PlatformVerdict;
use waxseal_core::{Digest, Format, Policy, Reason, Subject, Verifier};
use waxseal_testkit::rng::now;
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder};

use super::make::{about, ago, attested, beside, materials, sbom, scan_predicate, wanted};
use crate::make::{
    BOTH, Case, REPOSITORY, admitted, annotations, changed, image, key, other_image, pair, refused,
    signed_as, subject, undecided,
};

fn case(policy: &Policy, statement: &str) -> Case {
    Case::new(policy, BOTH.map(|format| attested(format, &key("release"), statement)))
}

#[test]
fn s3_an_attestation_about_another_image() {
    let other = about(other_image(), CYCLONE_DX, "{}");
    pair("another digest", &case(&sbom(), &materials()), &case(&sbom(), &other), Reason::SubjectMismatch);
    let report = case(&sbom(), &other).verdict().report().clone();
    let miss = report.findings.iter().find(|finding| finding.reason == Reason::SubjectMismatch).unwrap();
    assert_eq!(miss.expected.as_deref(), Some(image().to_string().as_str()));
    assert_eq!(miss.found.as_deref(), Some(other_image().to_string().as_str()));
    // Another image's SHA-256 beside our own SHA-512 is another image's.
    let sha512 = Digest::of_with(Algorithm::Sha512, "x").hex();
    let both = changed(&other, "\"digest\":{", &format!("\"digest\":{{\"sha512\":\"{sha512}\","));
    refused("another algorithm", &case(&sbom(), &both).verdict(), Reason::SubjectMismatch);
    let none = changed(&materials(), "\"sha256\"", "\"gitCommit\"");
    refused("no digest that is ours", &case(&sbom(), &none).verdict(), Reason::SubjectMismatch);
}

#[test]
fn s3_one_of_several_subjects() {
    let first = format!("[{{\"name\":\"other\",\"digest\":{{\"sha256\":\"{}\"}}}},{{", other_image().hex());
    let verdict = case(&sbom(), &changed(&materials(), "[{", &first)).verdict();
    admitted("the second of two", &verdict);
    for attestation in verdict.attestations() {
        assert_eq!((attestation.digest, attestation.name.as_deref()), (image(), Some(REPOSITORY)));
    }
}

#[test]
fn s4_annotations_of_the_subject() {
    let policy = Policy::requiring(
        wanted("cyclonedx", &["release"]).annotations(annotations(&[("stage", "release")])),
    );
    let with = |value: &str| {
        changed(&materials(), "\"digest\"", &format!("\"annotations\":{{\"stage\":{value}}},\"digest\""))
    };
    let good = case(&policy, &with("\"release\""));
    pair("none", &good, &case(&policy, &materials()), Reason::AnnotationMissing);
    pair("another", &good, &case(&policy, &with("\"test\"")), Reason::AnnotationMismatch);
    pair("no text", &good, &case(&policy, &with("1")), Reason::AnnotationMismatch);
    // Beside the subject, or at another one, it is none of ours.
    let elsewhere = changed(&materials(), "{\"_type\"", "{\"annotations\":{\"stage\":\"release\"},\"_type\"");
    refused("of the statement", &case(&policy, &elsewhere).verdict(), Reason::AnnotationMissing);
    let foreign = format!(
        "[{{\"annotations\":{{\"stage\":\"release\"}},\"digest\":{{\"sha256\":\"{}\"}}}},{{",
        other_image().hex()
    );
    let foreign = changed(&materials(), "[{", &foreign);
    refused("of another subject", &case(&policy, &foreign).verdict(), Reason::AnnotationMissing);
    // The image stands there twice: one of the two must meet all of it.
    let same = Policy::requiring(
        wanted("cyclonedx", &["release"])
            .annotations(annotations(&[("stage", "release")]))
            .signed_for(SignedFor::Same),
    );
    let twice = |name: &str| {
        let more = format!(
            "[{{\"name\":\"{name}\",\"annotations\":{{\"stage\":\"release\"}},\"digest\":{{\"sha256\":\"{}\"}}}},{{",
            image().hex()
        );
        changed(&materials(), "[{", &more)
    };
    pair(
        "twice",
        &case(&same, &twice(REPOSITORY)),
        &case(&same, &twice("localhost/x")),
        Reason::SignedForMismatch,
    );
}

#[test]
fn s9_the_name_of_the_subject() {
    let policy = Policy::requiring(wanted("cyclonedx", &["release"]).signed_for(SignedFor::Same));
    let named = |name: &str| changed(&materials(), REPOSITORY, name);
    let good = case(&policy, &materials());
    pair(
        "another name",
        &good,
        &case(&policy, &named("registry.example.com/app")),
        Reason::SignedForMismatch,
    );
    pair("no name", &good, &case(&policy, &named("")), Reason::SignedForMismatch);
    admitted("any", &case(&sbom(), &named("registry.example.com/app")).verdict());
    let unchecked =
        |policy: &Policy| case(policy, &materials()).verdict().report().unchecked.contains(&"signed-name");
    assert!(unchecked(&sbom()) && !unchecked(&policy));
}

fn amd64() -> BuiltImage {
    ImageBuilder::new().file("hello", "world").platform("linux/amd64").build()
}

fn bytes(index: &BuiltImage) -> &[u8] {
    &index.manifest.1
}

/// Rule P3: an attestation covers its own subject, and what an index lists only where that is asked for.
#[test]
pub(crate) fn p3_an_attestation_about_the_index() {
    let child_image = amd64();
    let index = IndexBuilder::new().image(amd64()).build();
    let child = subject(index.digest()).child(bytes(&index), None, &child_image.digest()).unwrap();
    let inherited = Policy::requiring(wanted("cyclonedx", &["release"]).inherit(true));
    let of = |digest, place| beside(place, &key("release"), &about(digest, CYCLONE_DX, "{}"));
    let (own, above) = (child_image.digest(), index.digest());
    let judge =
        |policy: &Policy, subject: &Subject, candidate| Case::new(policy, [candidate]).about(subject.clone());
    for (digest, place) in [(above, above), (above, own), (own, above)] {
        let inherits = judge(&inherited, &child, of(digest, place));
        pair("without inherit", &inherits, &judge(&sbom(), &child, of(digest, place)), Reason::NotInherited);
    }
    admitted("its own", &judge(&sbom(), &child, of(own, own)).verdict());
    admitted("its own, too", &judge(&inherited, &child, of(own, own)).verdict());
    // Never from a child to the index, nor from an index that it was not reached through.
    let upwards = judge(&inherited, &subject(above), of(own, above)).verdict();
    refused("upwards", &upwards, Reason::SubjectMismatch);
    let not_reached = judge(&inherited, &subject(own), of(above, own)).verdict();
    refused("not reached", &not_reached, Reason::SubjectMismatch);
    // What could not be read beside the index is missed only by who looks there.
    let unread = |policy: &Policy| {
        let mut case = judge(policy, &child, of(own, own));
        let place = Origin::new(EvidenceStore::Referrer, above);
        case.evidence.unreadable.push(Unreadable::new(place, None, "unavailable", "503"));
        case.evidence.candidates.clear();
        case.verdict()
    };
    refused("nobody looks there", &unread(&sbom()), Reason::NoAttestation);
    undecided("somebody looks there", &unread(&inherited));
}

/// What a scanner said about the index takes nothing back that it said about the image itself.
#[test]
pub(crate) fn p3_a_scan_of_the_index_does_not_supersede_that_of_the_image() {
    let child_image = amd64();
    let index = IndexBuilder::new().image(amd64()).build();
    let child = subject(index.digest()).child(bytes(&index), None, &child_image.digest()).unwrap();
    let (own, above) = (child_image.digest(), index.digest());
    let policy = Policy::requiring(
        wanted("vuln", &["release"]).inherit(true).annotations(annotations(&[("stage", "release")])),
    );
    let scan = |digest, seconds, stage: &str| {
        let predicate = scan_predicate("pkg:generic/scanner", &ago(seconds).to_string());
        let text = about(digest, VULN, &predicate);
        let annotation = format!("\"annotations\":{{\"stage\":\"{stage}\"}},\"digest\"");
        beside(digest, &key("release"), &changed(&text, "\"digest\"", &annotation))
    };
    let judge = |older_digest, stage: &str| {
        Case::new(&policy, [scan(older_digest, 100, stage), scan(above, 10, "release")]).about(child.clone())
    };
    pair("the image's own", &judge(own, "release"), &judge(own, "dev"), Reason::AnnotationMismatch);
    // Of the index itself the newest counts.
    admitted("the index's own", &judge(above, "dev").verdict());
}

/// Rule P4: what the signatures of an index vouch for does not depend on what is attested about it.
#[test]
fn p4_a_build_attestation_of_a_signed_index_needs_no_attestation() {
    let amd64 = amd64();
    let index = IndexBuilder::new().image(amd64.clone()).build_attestation(&amd64).build();
    let policy = crate::make::by_release().and(wanted("cyclonedx", &["release"]));
    let own = subject(index.digest());
    let judge = |signed: bool, policy: &Policy| {
        let release = key("release");
        let signature = signed.then(|| signed_as(Format::Bundle, &release, index.digest(), REPOSITORY, &[]));
        let materials = beside(amd64.digest(), &release, &about(amd64.digest(), CYCLONE_DX, "{}"));
        let on_index = Case::new(policy, signature.clone()).about(own.clone()).verdict();
        let child = own.child(bytes(&index), None, &amd64.digest()).unwrap();
        let child = Case::new(policy, signature.into_iter().chain([materials])).about(child).verdict();
        let images = [PlatformVerdict::new(amd64.digest(), child)];
        Verifier::new().combine(&own, bytes(&index), None, &on_index, &images, policy).unwrap()
    };
    let verdict = judge(true, &policy);
    admitted("signed, and attested for each platform", &verdict);
    assert_eq!(verdict.attestations().len(), 1);
    assert_eq!(verdict.report().at, now());
    assert!(
        verdict.report().requirements.iter().all(|requirement| requirement.met && requirement.counted == 1)
    );
    // An index of nothing else has to be attested itself: nothing may be admitted because there was nothing to judge.
    let empty = IndexBuilder::new().build_attestation(&amd64).build();
    let own_of = |attested: bool| {
        let release = key("release");
        let mut all = vec![signed_as(Format::Bundle, &release, empty.digest(), REPOSITORY, &[])];
        all.extend(
            attested.then(|| beside(empty.digest(), &release, &about(empty.digest(), CYCLONE_DX, "{}"))),
        );
        let own = subject(empty.digest());
        let on_index = Case::new(&policy, all).about(own.clone()).verdict();
        Verifier::new().combine(&own, bytes(&empty), None, &on_index, &[], &policy).unwrap()
    };
    admitted("attested", &own_of(true));
    refused("nothing but a build attestation", &own_of(false), Reason::PlatformNotAdmitted);
    refused("not signed", &judge(false, &policy), Reason::PlatformNotAdmitted);
    // Where no signature is asked for, nothing vouches for the index.
    refused("no signature asked for", &judge(true, &sbom()), Reason::PlatformNotAdmitted);
}
