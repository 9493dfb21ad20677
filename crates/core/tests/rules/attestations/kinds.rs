//! S3: what an attestation is, and what never passes as one. S1, S7, L4, L6.

use waxseal_core::candidate::{Candidate, EvidenceStore, Origin};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::media_type::{DSSE_ENVELOPE, IN_TOTO, SIMPLE_SIGNING};
use waxseal_core::predicate::{CYCLONE_DX, VULN};
use waxseal_core::statement::{COSIGN_SIGN, STATEMENT_V01, STATEMENT_V1};
use waxseal_core::{Descriptor, Format, Policy, Reason};

use super::make::{attested, envelope, layer_of, materials, sbom, wanted};
use crate::make::{
    BOTH, Case, admitted, bundle, bundle_bytes, by, by_release, changed, image, key, layer, over, pair,
    payload, refused, signed, statement, undecided,
};

/// The honest attestation beside the text with one change, signed as validly, in both formats.
fn pairs(cases: &[(&str, String, Reason)]) {
    let release = key("release");
    for format in BOTH {
        let good = Case::new(&sbom(), [attested(format, &release, &materials())]);
        for (name, bad, reason) in cases {
            pair(name, &good, &Case::new(&sbom(), [attested(format, &release, bad)]), *reason);
        }
    }
}

#[test]
fn s3_both_versions_of_a_statement_are_read() {
    let old = changed(&materials(), STATEMENT_V1, STATEMENT_V01);
    for format in BOTH {
        for text in [materials(), old.clone()] {
            let verdict = Case::new(&sbom(), [attested(format, &key("release"), &text)]).verdict();
            admitted("a version", &verdict);
            let attestation = &verdict.attestations()[0];
            assert_eq!(attestation.statement(), text.as_bytes());
            assert_eq!(attestation.format, format);
            assert_eq!(attestation.predicate.as_ref().unwrap().get(), r#"{"bomFormat":"CycloneDX"}"#);
            assert!(verdict.signatures().is_empty());
        }
    }
}

#[test]
pub(crate) fn s3_the_predicate_type_is_the_signed_one() {
    let kind = |to: &str| changed(&materials(), CYCLONE_DX, to);
    let mismatch = Reason::PredicateTypeMismatch;
    pairs(&[
        ("another type", kind(VULN), mismatch),
        ("a version more", kind("https://cyclonedx.org/bom/v1.4"), mismatch),
        ("upper case", kind("https://CycloneDX.org/bom"), mismatch),
        ("a slash more", kind("https://cyclonedx.org/bom/"), mismatch),
        ("its short name", kind("cyclonedx"), mismatch),
        ("no type", kind(""), mismatch),
        (
            "the type in the predicate",
            changed(
                &kind(VULN),
                "{\"bomFormat\"",
                &format!("{{\"predicateType\":\"{CYCLONE_DX}\",\"bomFormat\""),
            ),
            mismatch,
        ),
    ]);
}

/// Rule L6: annotations of layers and manifests say nothing.
#[test]
fn l6_a_layer_that_lies_about_its_type() {
    let release = key("release");
    let hinted = |statement: &str, hint: &str| {
        let bytes = envelope(&[&release], IN_TOTO, statement).into_bytes();
        let mut layer = Descriptor::of(DSSE_ENVELOPE, &bytes);
        layer.annotations.insert("predicateType".to_owned(), hint.to_owned());
        let origin = Origin::new(EvidenceStore::AttestationTag, image());
        Case::new(&sbom(), [Candidate::attestation(origin, &layer, &bytes, BUNDLE_BYTES)])
    };
    let scan = changed(&materials(), CYCLONE_DX, VULN);
    pair("a lie", &hinted(&materials(), VULN), &hinted(&scan, CYCLONE_DX), Reason::PredicateTypeMismatch);
}

#[test]
pub(crate) fn s3_a_signature_never_passes_as_an_attestation() {
    let release = key("release");
    let good = Case::new(&sbom(), [attested(Format::Bundle, &release, &materials())]);
    let honest = Case::new(&sbom(), [signed(Format::Bundle, &release)]);
    pair("an image signature", &good, &honest, Reason::ImageSignature);
    // However it stands there.
    for format in BOTH {
        let bad = Case::new(&sbom(), [attested(format, &release, &statement(&[]))]);
        pair("its statement", &good, &bad, Reason::ImageSignature);
    }
    // Nor one with a predicate of an attestation in it.
    let dressed = changed(&materials(), CYCLONE_DX, COSIGN_SIGN);
    let bad = Case::new(&sbom(), [attested(Format::Bundle, &release, &dressed)]);
    pair("a dressed one", &good, &bad, Reason::ImageSignature);
}

/// Rule L4: what the tag `.sig` holds is no attestation, and what `.att` holds no signature, wherever a policy makes
/// somebody look.
#[test]
pub(crate) fn l4_each_tag_has_its_own_kind() {
    let release = key("release");
    let att = attested(Format::Legacy, &release, &materials());
    let sig = signed(Format::Legacy, &release);
    pair(
        "only a signature",
        &Case::new(&sbom(), [att.clone()]),
        &Case::new(&sbom(), [sig.clone()]),
        Reason::NoAttestation,
    );
    pair(
        "only an attestation",
        &Case::new(&by_release(), [sig.clone()]),
        &Case::new(&by_release(), [att.clone()]),
        Reason::NoSignature,
    );
    // A statement that would sign the image, in the place of attestations.
    let hidden = attested(Format::Legacy, &release, &statement(&[]));
    refused("a hidden signature", &Case::new(&by_release(), [hidden]).verdict(), Reason::NoSignature);
    let in_sig = Candidate::attestation(
        Origin::new(EvidenceStore::SignatureTag, image()),
        &Descriptor::of(DSSE_ENVELOPE, b""),
        envelope(&[&release], IN_TOTO, &materials()).as_bytes(),
        BUNDLE_BYTES,
    );
    refused("in the tag of signatures", &Case::new(&sbom(), [in_sig]).verdict(), Reason::NoAttestation);
    // Both are asked for, and both are there.
    let policy = by_release().and(wanted("cyclonedx", &["release"]));
    admitted("both", &Case::new(&policy, [sig.clone(), att.clone()]).verdict());
    refused("no attestation", &Case::new(&policy, [sig]).verdict(), Reason::NoAttestation);
    refused("no signature", &Case::new(&policy, [att]).verdict(), Reason::NoSignature);
}

#[test]
pub(crate) fn s3_what_is_of_another_kind() {
    let release = key("release");
    let good = Case::new(&sbom(), [attested(Format::Bundle, &release, &materials())]);
    let message = waxseal_core::bundle::Bundle::write_message(
        &waxseal_core::Signer::public_key(&release).id(),
        waxseal_core::Signer::sign(&release, materials().as_bytes()).unwrap().as_bytes(),
        None,
    );
    pair(
        "a blob's signature",
        &good,
        &Case::new(&sbom(), [bundle(message.as_bytes())]),
        Reason::NotAnAttestation,
    );
    let text = payload(&[]);
    let mut other = layer(text.as_bytes(), "AA==");
    other.media_type = SIMPLE_SIGNING.to_owned();
    let origin = Origin::new(EvidenceStore::AttestationTag, image());
    let bad = Candidate::attestation(origin, &other, text.as_bytes(), BUNDLE_BYTES);
    pair("a layer of another type", &good, &Case::new(&sbom(), [bad]), Reason::NotAnAttestation);
}

/// T-07: the type is signed together with the payload.
#[test]
fn s3_another_payload_type() {
    let release = key("release");
    for other in ["application/json", "", "application/vnd.in-toto+json;x=1"] {
        let envelope = |kind: &str| envelope(&[&release], kind, &materials());
        let good = Case::new(&sbom(), [layer_of(envelope(IN_TOTO).as_bytes())]);
        let bad = Case::new(&sbom(), [layer_of(envelope(other).as_bytes())]);
        pair("signed as another", &good, &bad, Reason::PayloadTypeMismatch);
        let bad = changed(&envelope(IN_TOTO), IN_TOTO, other);
        pair(
            "changed since",
            &good,
            &Case::new(&sbom(), [layer_of(bad.as_bytes())]),
            Reason::SignatureMismatch,
        );
        let bad = Case::new(&sbom(), [bundle(&bundle_bytes(&[&release], other, materials().as_bytes()))]);
        pair("in a bundle", &good, &bad, Reason::PayloadTypeMismatch);
    }
    // What signs an image in the legacy format is no statement.
    let bad = Case::new(&sbom(), [over(Format::Bundle, &release, &payload(&[]))]);
    refused("simple signing", &bad.verdict(), Reason::MalformedPayload);
}

/// T-06: what does not read as a statement is refused before anything is said of it.
#[test]
pub(crate) fn s3_a_statement_that_does_not_read() {
    let text = materials();
    let subject = &text[text.find("[{").unwrap()..=text.find("}]").unwrap() + 1];
    let change = |from: &str, to: &str| changed(&text, from, to);
    let cases = [
        ("no subject", change(subject, "[]")),
        ("a subject of null", change(subject, "null")),
        ("no member for subjects", change("\"subject\"", "\"subjects\"")),
        ("a subject without digest", change("\"digest\"", "\"digests\"")),
        ("a subject with an empty digest", change(&format!("\"sha256\":\"{}\"", image().hex()), "")),
        ("upper case", change(&image().hex(), &image().hex().to_uppercase())),
        ("a short digest", change(&image().hex(), &image().hex()[..62])),
        ("another _type", change("Statement/v1", "Statement/v2")),
        ("no predicate type", change("\"predicateType\"", "\"type\"")),
        ("a predicate that is text", change("{\"bomFormat\":\"CycloneDX\"}", "\"x\"")),
        ("a predicate that is a list", change("{\"bomFormat\":\"CycloneDX\"}", "[]")),
        ("cut off", text[..text.len() - 1].to_owned()),
        ("something behind it", format!("{text} x")),
        ("a byte-order mark", format!("\u{feff}{text}")),
        ("deep", change("\"CycloneDX\"", &format!("{}1{}", "[".repeat(64), "]".repeat(64)))),
    ];
    pairs(&cases.map(|(name, bad)| (name, bad, Reason::MalformedPayload)));
}

#[test]
fn s7_a_member_twice_in_an_attestation() {
    let text = materials();
    let twice = |name: &str, value: &str| {
        changed(&text, &format!("\"{name}\""), &format!("\"{name}\":{value},\"{name}\""))
    };
    let mut cases = vec![
        ("a subject twice", twice("subject", "[]")),
        ("a type twice", twice("predicateType", "\"x\"")),
        ("a predicate twice", twice("predicate", "{}")),
        ("a digest twice", twice("digest", "{}")),
        ("in the predicate", twice("bomFormat", "\"x\"")),
    ];
    for (name, other) in [("subject", "Subject"), ("predicateType", "PREDICATETYPE"), ("digest", "Digest")] {
        let to = format!("\"{other}\":[],\"{name}\"");
        cases.push(("in another case", changed(&text, &format!("\"{name}\""), &to)));
    }
    let cases: Vec<_> = cases.into_iter().map(|(name, bad)| (name, bad, Reason::DuplicateMember)).collect();
    pairs(&cases);
    let release = key("release");
    let good = envelope(&[&release], IN_TOTO, &text);
    for bad in [
        changed(&good, "\"payload\"", "\"payload\":\"\",\"payload\""),
        changed(&good, "\"payload\"", "\"Payload\":\"\",\"payload\""),
        changed(&good, "\"sig\"", "\"sig\":\"\",\"sig\""),
    ] {
        let case = |text: &str| Case::new(&sbom(), [layer_of(text.as_bytes())]);
        pair("in the envelope", &case(&good), &case(&bad), Reason::DuplicateMember);
    }
}

/// Numbers beyond 2^53 and the order of members are what was signed.
#[test]
fn a_predicate_is_the_text_that_was_signed() {
    let predicate = r#"{ "z": 9007199254740993, "a": 1.0, "b": 1e400 }"#;
    let text = changed(&materials(), r#"{"bomFormat":"CycloneDX"}"#, predicate);
    for format in BOTH {
        let verdict = Case::new(&sbom(), [attested(format, &key("release"), &text)]).verdict();
        admitted("big numbers", &verdict);
        assert_eq!(verdict.attestations()[0].predicate.as_ref().unwrap().get(), predicate);
        assert_eq!(verdict.attestations()[0].envelope().payload_type(), IN_TOTO);
    }
}

/// Rule S1: a key that may sign images may not attest, unless the requirement names it.
#[test]
fn s1_a_key_that_signs_images_does_not_attest() {
    let (release, scanner) = (key("release"), key("scanner"));
    let policy = Policy::requiring(by(&["release"])).and(wanted("cyclonedx", &["scanner"]));
    let signature = signed(Format::Bundle, &release);
    for format in BOTH {
        let case = |signer| {
            let mut case = Case::new(&policy, [signature.clone(), attested(format, signer, &materials())]);
            if format == Format::Legacy {
                case.evidence.candidates.remove(0);
                case.evidence.candidates.push(signed(Format::Legacy, &release));
            }
            case
        };
        // The nearest miss is of the requirement that is not met, however near others came to the one that is.
        let reason = if format == Format::Legacy { Reason::SignatureMismatch } else { Reason::UntrustedKey };
        pair("the signing key", &case(&scanner), &case(&release), reason);
        let report = case(&release).verdict().report().clone();
        assert!(report.requirements[0].met && !report.requirements[1].met);
        // The other way round: the key that attests does not sign.
        let swapped = Policy::requiring(by(&["scanner"])).and(wanted("cyclonedx", &["scanner"]));
        let report = Case::new(&swapped, case(&scanner).evidence.candidates).verdict().report().clone();
        assert!(!report.requirements[0].met && report.requirements[1].met);
    }
}

#[test]
pub(crate) fn l4_only_the_wanted_format_attests() {
    let release = key("release");
    for format in BOTH {
        let policy = Policy::requiring(wanted("cyclonedx", &["release"]).only(format));
        let other = if format == Format::Legacy { Format::Bundle } else { Format::Legacy };
        let case = |format| Case::new(&policy, [attested(format, &release, &materials())]);
        pair("the other format", &case(format), &case(other), Reason::FormatExcluded);
    }
}

/// Rules L2, V1: what could not be read could be an attestation, or could not.
#[test]
fn v1_what_could_not_be_read_and_could_have_attested() {
    let origin = |store| Origin::new(store, image());
    let with = |policy: &Policy, store, format| {
        let mut case = Case::new(policy, []);
        let unreadable =
            waxseal_core::candidate::Unreadable::new(origin(store), format, "unavailable", "503");
        case.evidence.unreadable.push(unreadable);
        case.verdict()
    };
    let legacy = Some(Format::Legacy);
    undecided("the tag .att", &with(&sbom(), EvidenceStore::AttestationTag, legacy));
    undecided("the referrers", &with(&sbom(), EvidenceStore::Referrer, None));
    refused("the tag .sig", &with(&sbom(), EvidenceStore::SignatureTag, legacy), Reason::NoAttestation);
    refused("the tag .att", &with(&by_release(), EvidenceStore::AttestationTag, legacy), Reason::NoSignature);
    undecided("the tag .sig", &with(&by_release(), EvidenceStore::SignatureTag, legacy));
}
