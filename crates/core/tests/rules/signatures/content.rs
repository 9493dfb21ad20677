//! S4: annotations are those that were signed. S7: no member stands twice.

use serde_json::json;
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::{Candidate, Format, Policy, Reason, Signer as _};
use waxseal_testkit::hostile::replace_member;

use crate::make::{
    BOTH, Case, admitted, annotated, annotations, bundle, bundle_bytes, by, by_release, changed, image, key,
    layer, origin, other_image, over, pair, payload, refused, statement,
};

fn wanting(all: &[(&str, &str)]) -> Policy {
    Policy::requiring(by(&["release"]).annotations(annotations(all)))
}

/// The signed text with `annotations` as they stand in JSON, in the place where each format has them.
fn annotated_text(format: Format, value: &serde_json::Value) -> String {
    let text = match format {
        Format::Legacy => replace_member(payload(&[]).as_bytes(), "/optional", value),
        _ => replace_member(statement(&[("x", "y")]).as_bytes(), "/subject/0/annotations", value),
    };
    String::from_utf8(text).unwrap()
}

#[test]
pub(crate) fn s4_an_annotation_has_exactly_the_wanted_value() {
    let wanted = "caf\u{e9}";
    let policy = wanting(&[("stage", wanted)]);
    for format in BOTH {
        let case = |value| {
            Case::new(
                &policy,
                [over(format, &key("release"), &annotated_text(format, &json!({ "stage": value })))],
            )
        };
        for (name, value) in [
            ("another value", json!("prod")),
            ("no value", json!("")),
            ("a blank behind", json!("caf\u{e9} ")),
            ("upper case", json!("CAF\u{c9}")),
            ("two characters for one", json!("cafe\u{301}")),
            ("a mark that turns the reading direction", json!("caf\u{e9}\u{202e}")),
            ("a number", json!(7)),
            ("null", json!(null)),
            ("a list", json!([wanted])),
            ("an object", json!({ "value": wanted })),
        ] {
            pair(name, &case(json!(wanted)), &case(value), Reason::AnnotationMismatch);
        }
    }
}

/// A number or a truth value that prints as what is wanted is still no text.
#[test]
fn s4_values_are_text() {
    for format in BOTH {
        for (wanted, value) in
            [("7", json!(7)), ("true", json!(true)), ("null", json!(null)), ("1.0", json!(1.0))]
        {
            let case = |value| {
                Case::new(
                    &wanting(&[("n", wanted)]),
                    [over(format, &key("release"), &annotated_text(format, &json!({ "n": value })))],
                )
            };
            pair(wanted, &case(json!(wanted)), &case(value), Reason::AnnotationMismatch);
        }
    }
}

#[test]
pub(crate) fn s4_every_wanted_annotation_is_signed() {
    let policy = wanting(&[("stage", "prod"), ("team", "blue")]);
    let all = json!({ "stage": "prod", "team": "blue", "more": 1 });
    for format in BOTH {
        let case =
            |value| Case::new(&policy, [over(format, &key("release"), &annotated_text(format, &value))]);
        for (name, value) in [
            ("one of two", json!({ "stage": "prod" })),
            ("none", json!({})),
            ("no annotations", json!(null)),
            ("a name in other case", json!({ "stage": "prod", "Team": "blue" })),
            ("a blank in the name", json!({ "stage": "prod", "team ": "blue" })),
            ("one level too deep", json!({ "stage": "prod", "more": { "team": "blue" } })),
        ] {
            pair(name, &case(all.clone()), &case(value), Reason::AnnotationMissing);
        }
    }
}

/// Anybody can write annotations beside what is signed.
#[test]
fn s4_what_is_not_signed_is_no_annotation() {
    let (release, policy) = (key("release"), wanting(&[("stage", "prod")]));
    let bytes = payload(&[]).into_bytes();
    let mut lying = layer(&bytes, &release.sign(&bytes).unwrap().to_base64());
    lying.annotations.insert("stage".to_owned(), "prod".to_owned());
    let bad = Candidate::legacy(origin(Format::Legacy), &lying, bytes);
    let good = annotated(Format::Legacy, &release, &[("stage", "prod")]);
    pair("of the layer", &Case::new(&policy, [good]), &Case::new(&policy, [bad]), Reason::AnnotationMissing);

    let good = Case::new(&policy, [annotated(Format::Bundle, &release, &[("stage", "prod")])]);
    let bare = String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    for (name, from, to) in [
        ("of the bundle", "{\"mediaType\"", "{\"annotations\":{\"stage\":\"prod\"},\"mediaType\""),
        ("of the signature", "{\"sig\"", "{\"annotations\":{\"stage\":\"prod\"},\"sig\""),
    ] {
        let bad = Case::new(&policy, [bundle(changed(&bare, from, to).as_bytes())]);
        pair(name, &good, &bad, Reason::AnnotationMissing);
    }
    let annotations = "\"annotations\":{\"stage\":\"prod\"}";
    let other = other_image().hex();
    for (name, from, to) in [
        ("of the predicate", "\"predicate\":{}".to_owned(), format!("\"predicate\":{{{annotations}}}")),
        ("of the statement", "\"predicate\":{}".to_owned(), format!("\"predicate\":{{}},{annotations}")),
        (
            "of another subject",
            "\"subject\":[".to_owned(),
            format!("\"subject\":[{{\"digest\":{{\"sha256\":\"{other}\"}},{annotations}}},"),
        ),
        // Two subjects name the image: what the first says is what counts, and not both together.
        (
            "of a second subject",
            "}],\"predicateType\"".to_owned(),
            format!(
                "}},{{\"digest\":{{\"sha256\":\"{}\"}},{annotations}}}],\"predicateType\"",
                image().hex()
            ),
        ),
    ] {
        let bad = Case::new(&policy, [over(Format::Bundle, &release, &changed(&statement(&[]), &from, &to))]);
        pair(name, &good, &bad, Reason::AnnotationMissing);
    }
}

#[test]
fn s4_annotations_that_nobody_asked_for_do_no_harm() {
    for format in BOTH {
        let text = annotated_text(format, &json!({ "n": 7, "list": [1, { "a": null }], "": "" }));
        let verdict = Case::new(&by_release(), [over(format, &key("release"), &text)]).verdict();
        admitted(format.name(), &verdict);
        assert_eq!(verdict.signatures()[0].annotations["n"], json!(7));
    }
}

#[test]
pub(crate) fn s7_a_member_twice_in_what_is_signed() {
    let release = key("release");
    for (format, text, cases) in [
        (
            Format::Legacy,
            payload(&[("stage", "prod")]),
            &[
                ("{\"critical\"", "{\"critical\":{},\"critical\""),
                ("{\"critical\"", "{\"Critical\":{},\"critical\""),
                ("{\"critical\"", "{\"\\u0063ritical\":{},\"critical\""),
                (",\"optional\"", ",\"OPTIONAL\":{},\"optional\""),
                ("\"image\"", "\"image\":{},\"image\""),
                ("\"image\"", "\"Image\":{},\"image\""),
                ("\"identity\"", "\"IDENTITY\":{},\"identity\""),
                ("\"type\"", "\"Type\":\"x\",\"type\""),
                ("\"docker-manifest-digest\"", "\"Docker-Manifest-Digest\":\"\",\"docker-manifest-digest\""),
                (
                    "\"docker-manifest-digest\"",
                    "\"doc\u{212a}er-manifest-digest\":\"\",\"docker-manifest-digest\"",
                ),
                ("\"docker-reference\"", "\"docker-reference\":\"\",\"docker-reference\""),
                ("\"stage\"", "\"stage\":\"x\",\"stage\""),
                ("\"prod\"", "{\"a\":1,\"a\":2}"),
            ][..],
        ),
        (
            Format::Bundle,
            statement(&[("stage", "prod")]),
            &[
                ("{\"_type\"", "{\"_type\":\"\",\"_type\""),
                ("{\"_type\"", "{\"_TYPE\":\"\",\"_type\""),
                ("\"subject\"", "\"subject\":[],\"subject\""),
                ("\"subject\"", "\"Subject\":[],\"subject\""),
                ("\"subject\"", "\"\u{17f}ubject\":[],\"subject\""),
                ("\"predicateType\"", "\"predicatetype\":\"\",\"predicateType\""),
                ("\"predicate\":{}", "\"predicate\":{},\"Predicate\":{}"),
                ("\"predicate\":{}", "\"predicate\":{\"a\":{\"b\":1,\"b\":2}}"),
                ("\"digest\"", "\"digest\":{},\"digest\""),
                ("\"digest\"", "\"Digest\":{},\"digest\""),
                ("\"sha256\"", "\"sha256\":\"\",\"sha256\""),
                ("\"name\"", "\"NAME\":\"\",\"name\""),
                ("\"annotations\"", "\"Annotations\":{},\"annotations\""),
                ("\"stage\"", "\"stage\":\"x\",\"stage\""),
            ][..],
        ),
    ] {
        let good = Case::new(&by_release(), [over(format, &release, &text)]);
        for (from, to) in cases {
            let bad = Case::new(&by_release(), [over(format, &release, &changed(&text, from, to))]);
            pair(to, &good, &bad, Reason::DuplicateMember);
        }
        // Names that are not ours are compared as they stand.
        let cased = changed(&text, "\"stage\"", "\"Stage\":\"x\",\"stage\"");
        admitted(
            "annotations in two cases",
            &Case::new(&by_release(), [over(format, &release, &cased)]).verdict(),
        );
    }
}

/// Around what is signed a member twice could show one reader another signature than the other one.
#[test]
fn s7_a_member_twice_in_a_bundle() {
    let release = key("release");
    let honest = String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let good = Case::new(&by_release(), [bundle(honest.as_bytes())]);
    for (from, to) in [
        ("\"mediaType\"", "\"mediaType\":\"\",\"mediaType\""),
        ("\"mediaType\"", "\"MediaType\":\"\",\"mediaType\""),
        ("\"verificationMaterial\"", "\"VerificationMaterial\":{},\"verificationMaterial\""),
        ("\"publicKey\"", "\"publickey\":{},\"publicKey\""),
        ("\"publicKey\"", "\"publicKey\":{},\"publicKey\""),
        ("\"hint\"", "\"Hint\":\"\",\"hint\""),
        ("\"dsseEnvelope\"", "\"dsseEnvelope\":{},\"dsseEnvelope\""),
        ("\"dsseEnvelope\"", "\"DSSEEnvelope\":{},\"dsseEnvelope\""),
        ("\"dsseEnvelope\"", "\"d\u{17f}seEnvelope\":{},\"dsseEnvelope\""),
        ("\"payload\"", "\"payload\":\"\",\"payload\""),
        ("\"payload\"", "\"Payload\":\"\",\"payload\""),
        ("\"payloadType\"", "\"payloadtype\":\"\",\"payloadType\""),
        ("\"signatures\"", "\"Signatures\":[],\"signatures\""),
        ("\"signatures\"", "\"\u{17f}ignatures\":[],\"signatures\""),
        ("\"sig\"", "\"sig\":\"\",\"sig\""),
        ("\"sig\"", "\"SIG\":\"\",\"sig\""),
    ] {
        let bad = Case::new(&by_release(), [bundle(changed(&honest, from, to).as_bytes())]);
        pair(to, &good, &bad, Reason::DuplicateMember);
    }
    refused("no JSON", &Case::new(&by_release(), [bundle(b"{")]).verdict(), Reason::MalformedBundle);
}
