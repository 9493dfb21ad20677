//! `attest`, `attest-blob`, `attach sbom` and `download sbom`.

use serde_json::{Value, json};
use waxseal_core::digest::Algorithm;
use waxseal_core::encoding::base64_decode;
use waxseal_core::media_type::OCI_MANIFEST;
use waxseal_core::{Descriptor, Digest};
use waxseal_testkit::{IndexBuilder, Registry};

use crate::room::{Room, image, pushed, small};

/// 2^53 + 1, which no float holds, and blanks of its own.
const BIG: &str = r#"{ "n": 9007199254740993,  "f": 1.0 }"#;

/// A room with a key and the password for it.
fn room() -> Room {
    let room = Room::new().variable("WAXSEAL_PASSWORD", "example");
    room.keys("p256");
    room.keys("p256-other");
    room.write("review.json", BIG);
    room
}

/// The statement in an envelope or in a bundle.
pub(crate) fn statement(made: &[u8]) -> String {
    let made: Value = serde_json::from_slice(made).unwrap();
    let envelope = made.get("dsseEnvelope").unwrap_or(&made);
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    String::from_utf8(base64_decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

/// The statements at the tag `.att` of an image.
pub(crate) fn attested(registry: &Registry, repository: &str, image: &Digest) -> Vec<String> {
    let tag = format!("sha256-{}.att", image.hex());
    let Some(manifest) = registry.manifest(repository, &tag) else { return Vec::new() };
    let layers = manifest.json()["layers"].as_array().unwrap().clone();
    let blob = |layer: &Value| {
        let digest = layer["digest"].as_str().unwrap().parse().unwrap();
        statement(&registry.blob(repository, &digest).unwrap())
    };
    layers.iter().map(blob).collect()
}

const REVIEW: [&str; 6] =
    ["attest", "--key", "p256.key", "--type", "https://example.com/review/v1", "--predicate=review.json"];

#[test]
fn an_image_is_attested_and_a_second_run_writes_nothing() {
    let room = room();
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    let ran = room.run(&[&REVIEW[..], &[&name]].concat()).ends(0);
    ran.says_each(&[
        "attesting sha256:",
        "attested by ",
        "(legacy): https://example.com/review/v1",
        "(bundle)",
    ]);
    let statements = attested(&registry, "app", &digest);
    assert!(statements[0].ends_with(&format!(r#""predicate":{BIG}}}"#)), "{statements:?}");
    assert_eq!(registry.referrers("app", &digest).len(), 1);
    registry.clear_requests();
    let record = room.run(&[&REVIEW[..], &["-o", "json", &name]].concat()).ends(0).json();
    assert_eq!(record["schema"], "waxseal/attest/v1");
    let image = &record["images"][0];
    assert_eq!(image["digest"], digest.to_string());
    for (at, format) in ["legacy", "bundle"].into_iter().enumerate() {
        let one = &image["attestations"][at];
        assert_eq!(
            (&one["format"], &one["already"], &one["replaced"]),
            (&format.into(), &true.into(), &0.into())
        );
        assert_eq!(one["predicateType"], "https://example.com/review/v1");
    }
    assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
    // It verifies in both formats, with the key that made it, as what it is.
    let verify = |key: &str, kind: &str, format: &str| {
        room.run(&[
            "verify-attestation",
            "--key",
            key,
            "--type",
            kind,
            "--format",
            format,
            "-o",
            "json",
            &name,
        ])
    };
    for format in ["legacy", "bundle"] {
        let ran = verify("p256.pub", "https://example.com/review/v1", format).ends(0);
        assert!(statement(ran.data().trim_end().as_bytes()).contains(BIG));
        verify("p256-other.pub", "https://example.com/review/v1", format).ends(1);
        verify("p256.pub", "vuln", format).ends(1);
    }
    // A signature it is not.
    room.verify(&name, &[]).ends(1).says_each(&["predicate-type-mismatch"]);
}

#[test]
fn types_are_short_names_or_uris_and_custom_is_the_default() {
    let room = room();
    room.write("notes.txt", "any \"text\"\n");
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    for (arguments, predicate_type, predicate) in [
        (&["--predicate=notes.txt"][..], "https://cosign.sigstore.dev/attestation/v1", "{\"Data\":\"any "),
        (&["--type=spdx", "--predicate=notes.txt"], "https://spdx.dev/Document", "\"any \\\"text"),
        (&["--type=spdxjson", "--predicate=review.json"], "https://spdx.dev/Document", BIG),
        (&["--type=cyclonedx", "--predicate=review.json"], "https://cyclonedx.org/bom", BIG),
        (&["--type=slsaprovenance1", "--predicate=review.json"], "https://slsa.dev/provenance/v1", BIG),
        (&["--type=urn:example:a", "--predicate=review.json"], "urn:example:a", BIG),
    ] {
        room.run(&[&["attest", "--key=p256.key"][..], arguments, &[&name]].concat()).ends(0);
        let statements = attested(&registry, "app", &digest);
        let last = statements.last().unwrap();
        let expected = format!(r#""predicateType":"{predicate_type}","predicate":{predicate}"#);
        assert!(last.contains(&expected), "{last}");
    }
    // From a pipe.
    room.pipe(BIG, &["attest", "--key=p256.key", "--type=vuln", "--predicate=-", &name])
        .ends(0)
        .says_each(&["does not say when it was finished"]);
    assert!(attested(&registry, "app", &digest).last().unwrap().contains(BIG));
}

#[test]
fn what_cannot_be_attested_is_said_before_anything_is_written() {
    let room = room();
    room.write("list.json", "[]");
    room.write("twice.json", r#"{"a":1,"a":2}"#);
    room.write("text.txt", "text");
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    let about = |digest: &Digest, more: &str| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://example.com/review/v1",{more}"predicate":{BIG}}}"#,
            digest.hex()
        )
    };
    room.write("good.json", about(&digest, ""));
    room.write("other.json", about(&Digest::of("another image"), ""));
    room.write("doubled.json", about(&digest, "\"predicate\":{},"));
    room.write(
        "signature.json",
        about(&digest, "").replace("example.com/review", "sigstore.dev/cosign/sign"),
    );
    registry.clear_requests();
    for (arguments, says) in [
        (&["--type=vuln", "--predicate=list.json"][..], "JSON object"),
        (&["--type=vuln", "--predicate=text.txt"], "--type custom"),
        (&["--type=vuln", "--predicate=twice.json"], "stands twice"),
        (&["--type=review", "--predicate=review.json"], "cyclonedx"),
        (&["--type=https://sigstore.dev/cosign/sign/v1", "--predicate=review.json"], "no attestations"),
        (&["--statement=other.json"], &digest.hex()),
        (&["--statement=doubled.json"], "stands twice"),
        (&["--statement=signature.json"], "no attestations"),
        (&["--statement=review.json"], "review.json"),
        (&["--type=vuln", "--statement=good.json"], "https://example.com/review/v1"),
        (&["--statement=good.json", "--predicate=review.json"], "cannot be used with"),
        (&[], "--predicate"),
        (&["--predicate=review.json", "-r", "--platform=linux/amd64"], "cannot be used with"),
        (&["--predicate=review.json", "--platform=x"], "--platform"),
        (&["--predicate=-", "--registry-password-stdin", "--registry-username=u"], "standard input"),
        (&["--predicate=review.json", "--bundle=p256.key"], "overwritten"),
        (&["--predicate=review.json", "--bundle=review.json"], "overwritten"),
        (&["--predicate=review.json", "--bundle=a.json", "--format=legacy"], "--bundle"),
        (&["--predicate=review.json", "--bundle=a.json", "--recursive"], "--bundle"),
    ] {
        let ran = room.run(&[&["attest", "--key=p256.key"][..], arguments, &[&name]].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {ran}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {ran}");
    }
    assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
    room.run(&["attest", "--key=p256.key", "--statement=good.json", &name]).ends(0);
    assert_eq!(attested(&registry, "app", &digest), [about(&digest, "")]);
    room.run(&["attest", "--key=p256.key", "--predicate=missing.json", &name]).says_each(&["missing.json"]);
}

#[test]
fn replace_takes_the_keys_own_and_what_could_not_be_written_is_named() {
    let room = room();
    room.write("new.json", r#"{"round":2}"#);
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    for key in ["p256.key", "p256-other.key"] {
        room.run(&["attest", "--key", key, "--type=vuln", "--predicate=review.json", &name]).ends(0);
    }
    room.run(&["attest", "--key=p256.key", "--type=vuln", "--predicate=new.json", "--replace", &name])
        .ends(0)
        .says_each(&["in the place of an earlier one"]);
    let left = attested(&registry, "app", &digest);
    assert_eq!(left.len(), 2);
    assert!(left[0].contains(BIG) && left[1].contains("round"), "{left:?}");
    assert_eq!(registry.referrers("app", &digest).len(), 2);
    // Rule G3.
    registry.change(|settings| settings.immutable_tags = Some(409));
    let ran = room.run(&[&REVIEW[..], &[&name]].concat());
    assert_eq!(ran.code, 3, "{ran}");
    ran.says_each(&["the bundle attestation was written, the legacy attestation was not", "hint: "]);
}

#[test]
fn platforms_and_recursion_attest_each_image() {
    let room = room();
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    let count = |arguments: &[&str]| {
        let json = room.run(&[&REVIEW[..], arguments, &["-o", "json", &name]].concat()).ends(0).json();
        json["images"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--platform", "linux/arm64"]), 1);
    assert!(attested(&registry, "app", &index.digest()).is_empty());
    assert_eq!(count(&["--platform", "linux/arm64", "--platform", "linux/amd64"]), 2);
    assert!(attested(&registry, "app", &index.digest()).is_empty());
    assert_eq!(count(&["-r"]), 3);
    assert_eq!(attested(&registry, "app", &index.digest()).len(), 1);
}

#[test]
fn what_is_not_uploaded_is_printed() {
    let room = room();
    let registry = Registry::start();
    let name = image(&registry);
    registry.clear_requests();
    for (arguments, bundle) in [
        (&["--upload=false"][..], false),
        (&["--no-upload"], false),
        (&["--no-upload=true", "--format=legacy"], false),
        (&["--upload=false", "--format=bundle"], true),
    ] {
        let ran = room.run(&[&REVIEW[..], arguments, &[&name]].concat()).ends(0);
        let made: Value = serde_json::from_str(ran.data()).unwrap();
        assert_eq!(made.get("dsseEnvelope").is_some(), bundle, "{arguments:?}");
        assert!(statement(ran.data().as_bytes()).contains(BIG));
    }
    let ran = room.run(&[&REVIEW[..], &["--upload=false", "--bundle=app.json", &name]].concat()).ends(0);
    assert!(statement(ran.data().as_bytes()).contains("Statement/v0.1"));
    assert!(statement(&room.read("app.json")).contains("Statement/v1"));
    // Rule G7: there is no envelope for it.
    let stored = registry.manifest("app", "1.0").unwrap();
    let long = Digest::of_with(Algorithm::Sha512, &stored.bytes);
    registry.put_manifest("app", &long.to_string(), OCI_MANIFEST, stored.bytes);
    let ran =
        room.run(&[&REVIEW[..], &["--upload=false", &registry.image("app", &long.to_string())]].concat());
    assert!(ran.ends(0).json().get("dsseEnvelope").is_some());
    assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
}

#[test]
fn a_script_for_cosign_attests() {
    let room = Room::new().variable("COSIGN_PASSWORD", "example").variable("COSIGN_KEY", "p256.key");
    room.keys("p256");
    room.write("review.json", BIG);
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    for arguments in [
        &["--tlog-upload=false", "-y"][..],
        &["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--replace=true"],
        &["--new-bundle-format", "--record-creation-timestamp=false"],
    ] {
        let all =
            [&["attest", "--type", "vuln", "--predicate", "review.json"][..], arguments, &[&name]].concat();
        room.run(&all).ends(0);
    }
    assert_eq!(attested(&registry, "app", &digest).len(), 1);
    assert_eq!(registry.referrers("app", &digest).len(), 1);
    for (arguments, says) in [
        (&["attest", "--rekor-entry-type=dsse", "--predicate", "review.json"][..], "log"),
        (&["attach", "sbom", "--sbom", "sbom.json"], "attest --type spdxjson"),
        (&["attach", "sbom"], "attest --key KEY --type spdxjson"),
    ] {
        room.run(&[arguments, &[&name]].concat()).ends(2).says_each(&[says]);
    }
}

#[test]
fn a_blob_is_attested_into_files_or_stdout() {
    let room = room();
    room.write("app.tar", "an archive");
    let blob = ["attest-blob", "--key=p256.key", "--type=vuln", "--predicate=review.json"];
    let ran = room.run(&[&blob[..], &["app.tar"]].concat()).ends(0);
    let printed = statement(ran.data().as_bytes());
    let digest = Digest::of("an archive");
    let subject = format!(r#""subject":[{{"name":"app.tar","digest":{{"sha256":"{}"}}}}]"#, digest.hex());
    assert!(printed.contains(&subject) && printed.contains(BIG), "{printed}");
    let files = ["--bundle=b.json", "--output-signature=s.json", "--output-attestation=a.json"];
    let ran = room.run(&[&blob[..], &files, &["app.tar"]].concat()).ends(0);
    assert!(ran.data().is_empty());
    assert_eq!(statement(&room.read("s.json")), printed);
    assert_eq!(room.text("a.json"), printed);
    assert_eq!(statement(&room.read("b.json")), printed.replace("Statement/v0.1", "Statement/v1"));
    // By its digest, from a pipe, in cosign's older bundle, and as a whole statement.
    let hash = format!("--hash={}", digest.hex());
    let ran = room.run(&[&blob[..], &[&hash, "elsewhere/app.tar"]].concat()).ends(0);
    assert_eq!(statement(ran.data().as_bytes()), printed);
    let ran = room.pipe("an archive", &[&blob[..], &["-"]].concat()).ends(0);
    assert_eq!(statement(ran.data().as_bytes()), printed.replace("app.tar", "-"));
    let ran =
        room.run(&[&blob[..], &["--new-bundle-format=false", "--bundle=o.json", "app.tar"]].concat()).ends(0);
    let old: Value = serde_json::from_slice(&room.read("o.json")).unwrap();
    let inside = base64_decode(old["base64Signature"].as_str().unwrap()).unwrap();
    assert_eq!(inside, ran.data().trim_end().as_bytes());
    let ran = room.run(&["attest-blob", "--key=p256.key", "--statement=a.json"]).ends(0);
    assert_eq!(statement(ran.data().as_bytes()), printed);
    room.run(&["attest-blob", "--key=p256.key", "--statement=a.json", "app.tar"]).ends(0);
    room.write("other.tar", "another");
    for (arguments, says) in [
        (&["--statement=a.json", "other.tar"][..], "is not about"),
        (&["--predicate=review.json"], "FILE"),
        (&["--predicate=review.json", "--hash=abc", "app.tar"], "--hash"),
        (&["--predicate=-", "-"], "standard input"),
        (&["--predicate=review.json", "--bundle=app.tar", "app.tar"], "overwritten"),
        (&["--predicate=review.json", "--bundle=x", "--output-signature=x", "app.tar"], "overwritten"),
        (&["--predicate=review.json", "--output-attestation=p256.key", "app.tar"], "overwritten"),
    ] {
        let ran = room.run(&[&["attest-blob", "--key=p256.key"][..], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {ran}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {ran}");
    }
}

#[test]
fn a_layout_is_attested_under_the_name_that_is_given() {
    let room = room();
    let layout = room.path("layout");
    small("app").write_layout(&layout, "1.0");
    let name = format!("oci:{}:1.0", layout.display());
    room.run(&[&REVIEW[..], &[&name]].concat()).ends(4).says_each(&["--identity"]);
    room.run(&[&REVIEW[..], &["--identity=registry.example.com/app", &name]].concat()).ends(0);
    room.run(&[&REVIEW[..], &["--identity=registry.example.com/app", &name]].concat())
        .ends(0)
        .says_each(&["already attested"]);
}

/// An envelope and a bundle about an image, which stands elsewhere with nothing attached to it.
fn made(room: &Room, name: &str, files: [&str; 2]) {
    let bundle = format!("--bundle={}", files[1]);
    let ran = room.run(&[&REVIEW[..], &["--upload=false", &bundle, name]].concat()).ends(0);
    room.write(files[0], ran.data());
}

#[test]
fn what_was_attested_elsewhere_is_attached_once_it_verifies() {
    let room = room();
    let registry = Registry::start();
    let digest = pushed(&registry, "app").digest();
    let name = registry.image("app", "1.0");
    made(&room, &name, ["a.att", "a.json"]);
    let attach = |more: &[&str]| room.run(&[&["attach", "attestation"][..], more, &[&name]].concat());
    let files = ["--attestation=a.att", "--attestation=a.json"];
    let ran = attach(&[&["--key=p256.pub"][..], &files].concat()).ends(0);
    ran.says_each(&["attached (legacy): https://example.com/review/v1, signed by ", "attached (bundle)"]);
    assert_eq!(attested(&registry, "app", &digest).len(), 1);
    let tag = registry.manifest("app", &format!("sha256-{}.att", digest.hex())).unwrap().json();
    assert_eq!(tag["layers"][0]["annotations"]["predicateType"], "https://example.com/review/v1");
    assert_eq!(registry.referrers("app", &digest).len(), 1);
    // What stands there is not written again, with a key or without one.
    registry.clear_requests();
    for key in [&["--key=p256.pub", "--key=p256-other.pub"][..], &[]] {
        let record = attach(&[key, &files, &["-o", "json"]].concat()).ends(0).json();
        assert_eq!(record["schema"], "waxseal/attach-attestation/v1");
        for one in record["attestations"].as_array().unwrap() {
            assert_eq!((&one["already"], one["key"].is_null()), (&true.into(), key.is_empty()));
        }
    }
    assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
    // Several in one file, as cosign takes them; without a key nobody has verified them, and it is said.
    room.write("b.txt", "text");
    let other = ["attest", "--key=p256-other.key", "--predicate=b.txt", "--upload=false", &name];
    let lines = format!("{}\n{}\n", room.ok(&other), room.text("a.att"));
    room.pipe(lines, &["attach", "attestation", "--attestation=-", &name]).ends(0).says_each(&[
        "attached (legacy): https://cosign.",
        "verified by nobody",
        "already attached (legacy)",
    ]);
    assert_eq!(attested(&registry, "app", &digest).len(), 2);
}

#[test]
fn what_does_not_hold_is_not_attached() {
    let room = room();
    let registry = Registry::start();
    let name = image(&registry);
    made(&room, &name, ["a.att", "a.json"]);
    let elsewhere = Registry::start();
    let digest =
        waxseal_testkit::ImageBuilder::new().file("app", "2.0").build().push_to(&elsewhere, "app", "1.0");
    let another = elsewhere.image("app", "1.0");
    made(&room, &another, ["b.att", "b.json"]);
    let signature =
        ["sign", "--key=p256.key", "--upload=false", "--format=bundle", "--bundle=s.json", &another];
    room.ok(&signature);
    let changed = room.text("b.att").replace("\"sig\":\"M", "\"sig\":\"N");
    room.write("changed.att", changed);
    room.write("empty.att", "");
    elsewhere.clear_requests();
    for (key, files, exit, says) in [
        (&["--key=p256.pub"][..], &["--attestation=a.att"][..], 1, "[subject-mismatch]"),
        (&[], &["--attestation=a.json"], 1, "[subject-mismatch]"),
        (&["--key=p256-other.pub"], &["--attestation=b.att"], 1, "[signature-mismatch]"),
        (&["--key=p256-other.pub"], &["--attestation=b.json"], 1, "[untrusted-key]"),
        (&["--key=p256.pub"], &["--attestation=changed.att"], 1, "[signature-mismatch]"),
        // A signature is no attestation (rule S3).
        (&["--key=p256.pub"], &["--attestation=s.json"], 1, "[not-an-attestation]"),
        (&[], &["--attestation=s.json"], 1, "[not-an-attestation]"),
        // One that does not hold takes the others with it.
        (&["--key=p256.pub"], &["--attestation=b.att", "--attestation=a.att"], 1, "attestation 2 does not"),
        (&[], &["--attestation=review.json"], 1, "[malformed-envelope]"),
        (&[], &["--attestation=empty.att"], 2, "DSSE envelope"),
        (&["--key=-"], &["--attestation=-"], 2, "standard input"),
        (&["--key=p256.pub"], &[], 2, "--attestation"),
    ] {
        let ran = room.run(&[&["attach", "attestation"][..], key, files, &[&another]].concat());
        assert_eq!(ran.code, exit, "{files:?}: {ran}");
        assert!(ran.stderr.contains(says), "{files:?}: {ran}");
    }
    assert_eq!(elsewhere.count("PUT", "") + elsewhere.count("POST", ""), 0);
    room.run(&["attach", "attestation", "--key=p256.pub", "--attestation=b.att", &another]).ends(0);
    assert_eq!(attested(&elsewhere, "app", &digest).len(), 1);
}

/// Tag-value text, and a byte that is none.
const SBOM: &[u8] = b"SPDXVersion: SPDX-2.3\n\xff";

/// What cosign's `attach sbom` leaves.
pub(crate) fn with_sbom(registry: &Registry, layers: usize, sbom: &'static [u8]) {
    let digest = pushed(registry, "app").digest();
    registry.put_blob("app", sbom);
    let config = b"{}";
    registry.put_blob("app", &config[..]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor::of("application/vnd.oci.image.config.v1+json", config),
        "layers": vec![Descriptor::of("text/spdx", sbom); layers],
    });
    let tag = format!("sha256-{}.sbom", digest.hex());
    registry.put_manifest("app", &tag, OCI_MANIFEST, manifest.to_string());
}

#[test]
fn an_sbom_that_was_attached_is_printed_as_it_stands() {
    let room = room();
    let registry = Registry::start();
    with_sbom(&registry, 1, SBOM);
    let name = registry.image("app", "1.0");
    let ran = room.run(&["download", "sbom", &name]).ends(0);
    assert_eq!(ran.stdout, SBOM);
    ran.says_each(&["Found SBOM of media type: text/spdx", "nobody has signed it"]);
    let other = Registry::start();
    let none = image(&other);
    room.run(&["download", "sbom", &none]).ends(1).says_each(&["no SBOM is attached"]);
    let two = Registry::start();
    with_sbom(&two, 2, SBOM);
    room.run(&["download", "sbom", &two.image("app", "1.0")]).ends(3).says_each(&["2 layers"]);
    let closed = Registry::start();
    with_sbom(&closed, 1, SBOM);
    closed.rule(waxseal_testkit::Match::get(".sbom"), crate::room::refusal(403, "DENIED", "no"));
    room.run(&["download", "sbom", &closed.image("app", "1.0")]).ends(3);
}
