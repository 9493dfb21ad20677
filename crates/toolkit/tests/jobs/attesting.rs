//! Attesting: what is written, what stands there already, what gives way to a newer statement and what never does.

use std::collections::BTreeMap;

use serde_json::Value;
use waxseal::attest::{Attested, BlobAbout, Claim, attest_blob};
use waxseal::blob::BlobSource;
use waxseal::{Attesting, Error, ErrorKind, Image};
use waxseal_core::bundle::{Bundle, Content};
use waxseal_core::digest::Algorithm;
use waxseal_core::dsse::Envelope;
use waxseal_core::encoding::base64_decode;
use waxseal_core::key::LocalSigner;
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::media_type::{BUNDLE_V03, DSSE_ENVELOPE, OCI_MANIFEST};
use waxseal_core::signing::Predicate;
use waxseal_core::{Digest, Format, Reason, Signer};
use waxseal_oci::{Attached, ErrorKind as Store, Location};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::{
    BOTH, Layer, Scene, admitted, by, client, failed, manifest, refused, signer, status, verify,
};

const REVIEW: &str = "https://example.com/review/v1";
/// 2^53 + 1, which no float holds.
const BIG: &str = r#"{ "n": 9007199254740993, "f": 1.0 }"#;

pub(crate) fn claim(typed: &str, json: &str) -> Claim {
    Claim::Predicate(Predicate::of_file(typed, json.as_bytes(), now()).unwrap())
}

pub(crate) fn job(formats: &[Format]) -> Attesting {
    let mut job = Attesting::new(now());
    job.formats = formats.to_vec();
    job
}

pub(crate) async fn attest_with(
    job: &Attesting,
    name: &str,
    claim: &Claim,
    signers: &[&LocalSigner],
) -> Result<Vec<Attested>, Error> {
    let location: Location = name.parse().unwrap();
    let image = Image::find(&client(), &location, &waxseal::Finding::default()).await?;
    let signers: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|&signer| signer as &(dyn Signer + Sync)).collect();
    job.attest(image, claim, &signers).await
}

async fn attest(scene: &Scene, typed: &str, json: &str, signer: &LocalSigner) -> Attested {
    let done = attest_with(&job(BOTH), &scene.by_tag(), &claim(typed, json), &[signer]).await;
    done.unwrap().remove(0)
}

pub(crate) fn att_tag(image: &Digest) -> String {
    Attached::Attestations.tag(image).unwrap().to_string()
}

/// The statement in an envelope, as text.
fn statement(envelope: &[u8]) -> String {
    let envelope: Value = serde_json::from_slice(envelope).unwrap();
    let envelope = envelope.get("dsseEnvelope").unwrap_or(&envelope);
    String::from_utf8(base64_decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

/// The statements that stand in the layers of the tag.
fn in_tag(scene: &Scene, image: &Digest) -> Vec<String> {
    let stored = scene.registry.manifest(Scene::REPOSITORY, &att_tag(image));
    stored.map_or_else(Vec::new, |stored| layers(scene, &stored.json()))
}

/// The statements that stand in bundles that refer to the image.
fn in_bundles(scene: &Scene, image: &Digest) -> Vec<String> {
    let all = scene.registry.referrers(Scene::REPOSITORY, image);
    all.iter().flat_map(|stored| layers(scene, &stored.json())).collect()
}

fn layers(scene: &Scene, manifest: &Value) -> Vec<String> {
    let layers = manifest["layers"].as_array().unwrap();
    let blob = |layer: &Value| {
        let digest = layer["digest"].as_str().unwrap().parse().unwrap();
        statement(&scene.registry.blob(Scene::REPOSITORY, &digest).unwrap())
    };
    layers.iter().map(blob).collect()
}

/// How often each word stands among the statements of both formats, which hold the same.
#[track_caller]
fn stand(scene: &Scene, words: &[(&str, usize)]) {
    for (place, statements) in
        [("tag", in_tag(scene, &scene.digest())), ("bundles", in_bundles(scene, &scene.digest()))]
    {
        for (word, times) in words {
            let found = statements.iter().filter(|statement| statement.contains(word)).count();
            assert_eq!(found, *times, "{word} in the {place}: {statements:#?}");
        }
    }
}

#[tokio::test]
async fn what_is_written_is_what_cosign_writes() {
    let scene = Scene::new();
    let done = attest(&scene, "vuln", BIG, &scene.alice).await;
    assert_eq!(done.attestations.iter().map(|one| one.format).collect::<Vec<_>>(), BOTH);
    let uri = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let tag = scene.registry.manifest(Scene::REPOSITORY, &att_tag(&scene.digest())).unwrap().json();
    let layer = &tag["layers"][0];
    assert_eq!(layer["mediaType"], DSSE_ENVELOPE);
    let annotations = serde_json::json!({ "dev.cosignproject.cosign/signature": "", "predicateType": uri });
    assert_eq!(layer["annotations"], annotations);
    assert_eq!(tag["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    let referrers = scene.registry.referrers(Scene::REPOSITORY, &scene.digest());
    let referrer = referrers[0].json();
    assert_eq!(referrer["artifactType"], BUNDLE_V03);
    assert_eq!(referrer["config"]["artifactType"], BUNDLE_V03);
    assert_eq!(referrer["layers"][0]["mediaType"], BUNDLE_V03);
    assert_eq!(referrer["annotations"]["dev.sigstore.bundle.content"], "dsse-envelope");
    assert_eq!(referrer["annotations"]["dev.sigstore.bundle.predicateType"], uri);
    // Byte for byte, in both; the subject has the repository's name and the digest.
    let subject = format!(
        r#"[{{"name":"{}/{}","digest":{{"sha256":"{}"}}}}]"#,
        scene.registry.host(),
        Scene::REPOSITORY,
        scene.digest().hex()
    );
    for (version, found) in
        [("v0.1", in_tag(&scene, &scene.digest())), ("v1", in_bundles(&scene, &scene.digest()))]
    {
        let expected = format!(
            r#"{{"_type":"https://in-toto.io/Statement/{version}","subject":{subject},"predicateType":"{uri}","predicate":{BIG}}}"#
        );
        assert_eq!(found, [expected]);
    }
    // Its signatures are alice's, and it is no signature of the image (rule S3).
    let made = &done.attestations[0].signed;
    let envelope = Envelope::parse(made.envelope.as_deref().unwrap()).unwrap();
    let verified = scene.alice.public_key().verify(
        &envelope.signed_bytes(),
        &envelope.signatures()[0].signature,
        &[scene.alice.scheme()],
    );
    assert!(verified.is_some());
    refused(&scene.verify().await, Reason::PredicateTypeMismatch);
}

#[tokio::test]
async fn requests_are_few_and_signatures_are_left_alone() {
    for (registry, formats, measured) in [
        (Registry::start(), &[Format::Legacy][..], 7),
        (Registry::start(), &[Format::Bundle], 5),
        (Registry::start(), BOTH, 11),
        (Registry::start().without_referrers_api(), BOTH, 15),
    ] {
        let scene = Scene::of(registry);
        attest_with(&job(formats), &scene.by_tag(), &claim("vuln", BIG), &[&scene.alice]).await.unwrap();
        let lines = scene.registry.lines();
        assert_eq!(lines.len(), measured, "{formats:?}: {lines:#?}");
        assert!(!lines.iter().any(|line| line.contains(".sig")), "{lines:#?}");
    }
}

#[tokio::test]
async fn g3_the_same_statement_by_the_same_key_is_not_written_again() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let scene = Scene::of(registry);
        attest(&scene, REVIEW, BIG, &scene.alice).await;
        scene.registry.clear_requests();
        let again = attest(&scene, REVIEW, BIG, &scene.alice).await;
        assert!(again.attestations.iter().all(|one| one.already));
        let lines = scene.registry.lines();
        assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:#?}");
        // The twins: other content, another type, another key.
        for (typed, json, signer) in [
            (REVIEW, r#"{ "n": 9007199254740992, "f": 1.0 }"#, &scene.alice),
            ("vuln", BIG, &scene.alice),
            (REVIEW, BIG, &scene.mallory),
        ] {
            let other = attest(&scene, typed, json, signer).await;
            assert!(other.attestations.iter().all(|one| !one.already));
        }
        stand(&scene, &[("sha256", 4), (REVIEW, 3), ("9007199254740993", 3)]);
    }
}

#[tokio::test]
async fn replace_takes_out_the_signers_own_of_that_type_and_nothing_else() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let scene = Scene::of(registry);
        attest(&scene, REVIEW, r#"{"round":"alice-1"}"#, &scene.alice).await;
        attest(&scene, REVIEW, r#"{"round":"alice-2"}"#, &scene.alice).await;
        attest(&scene, "vuln", r#"{"round":"alice-vuln"}"#, &scene.alice).await;
        attest(&scene, REVIEW, r#"{"round":"mallory"}"#, &scene.mallory).await;
        scene.sign(BOTH).await;
        let mut job = job(BOTH);
        // Without being asked nothing goes.
        attest_with(&job, &scene.by_tag(), &claim(REVIEW, r#"{"round":"alice-3"}"#), &[&scene.alice])
            .await
            .unwrap();
        stand(&scene, &[("alice-1", 1), ("alice-2", 1), ("alice-3", 1), ("alice-vuln", 1), ("mallory", 1)]);
        job.replace = true;
        let fourth = claim(REVIEW, r#"{"round":"alice-4"}"#);
        let done = attest_with(&job, &scene.by_tag(), &fourth, &[&scene.alice]).await.unwrap();
        assert!(done[0].attestations.iter().all(|one| one.replaced == 3 && !one.already));
        let left = [("alice-1", 0), ("alice-2", 0), ("alice-3", 0), ("alice-4", 1), ("alice-vuln", 1)];
        stand(&scene, &left);
        stand(&scene, &[("mallory", 1)]);
        admitted(&scene.verify().await);
        // Once more: it stands there alone, and stays.
        let done = attest_with(&job, &scene.by_tag(), &fourth, &[&scene.alice]).await.unwrap();
        assert!(done[0].attestations.iter().all(|one| one.replaced == 0 && one.already));
        stand(&scene, &left);
        // The configuration names the layers that stand.
        let tag = scene.registry.manifest(Scene::REPOSITORY, &att_tag(&scene.digest())).unwrap().json();
        let config = tag["config"]["digest"].as_str().unwrap().parse().unwrap();
        let config = scene.registry.blob(Scene::REPOSITORY, &config).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        let digests: Vec<_> =
            tag["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].clone()).collect();
        assert_eq!(config["rootfs"]["diff_ids"], Value::from(digests));
    }
}

#[tokio::test]
async fn replace_leaves_what_another_scanner_found() {
    let scan = |uri: &str, round: &str| format!(r#"{{"scanner":{{"uri":{uri}}},"round":"{round}"}}"#);
    for kind in ["scan", "vuln", "https://in-toto.io/attestation/vulns/v0.2"] {
        let scene = Scene::new();
        for (uri, round) in [
            (r#""pkg:github/example/one@1""#, "one-old"),
            (r#""pkg:github/example/two@1""#, "two-old"),
            ("7", "not-readable"),
        ] {
            attest(&scene, kind, &scan(uri, round), &scene.alice).await;
        }
        attest(&scene, kind, r#"{"round":"nobody"}"#, &scene.alice).await;
        let mut replace = job(BOTH);
        replace.replace = true;
        // Another version of the same scanner takes its place.
        let new = claim(kind, &scan(r#""pkg:github/example/one@2""#, "one-new"));
        let done = attest_with(&replace, &scene.by_tag(), &new, &[&scene.alice]).await.unwrap();
        assert!(done[0].attestations.iter().all(|one| one.replaced == 1), "{kind}");
        stand(&scene, &[("one-old", 0), ("one-new", 1), ("two-old", 1), ("not-readable", 1), ("nobody", 1)]);
        // Who cannot be told takes the place of nothing.
        let unknown = claim(kind, &scan("7", "who"));
        attest_with(&replace, &scene.by_tag(), &unknown, &[&scene.alice]).await.unwrap();
        stand(&scene, &[("one-new", 1), ("two-old", 1), ("not-readable", 1), ("nobody", 1), ("who", 1)]);
    }
}

#[tokio::test]
async fn replace_leaves_a_referrer_that_holds_somebody_elses_too() {
    let bundle = |scene: &Scene, json: &str, signer: &LocalSigner| {
        let about =
            BlobAbout::Digest(scene.digest(), format!("{}/{}", scene.registry.host(), Scene::REPOSITORY));
        let made = attest_blob(about, &claim(REVIEW, json), signer, &[Format::Bundle]).unwrap();
        Layer::new(BUNDLE_V03, made.signed.bundle.unwrap())
    };
    let mut replace = job(&[Format::Bundle]);
    replace.replace = true;
    for (theirs, left) in [(true, 2), (false, 1)] {
        let scene = Scene::new();
        let mut layers = vec![bundle(&scene, r#"{"round":"old"}"#, &scene.alice)];
        if theirs {
            layers.push(bundle(&scene, r#"{"round":"theirs"}"#, &scene.mallory));
        }
        scene.put_referrer(&layers, &scene.image.descriptor());
        attest_with(&replace, &scene.by_tag(), &claim(REVIEW, BIG), &[&scene.alice]).await.unwrap();
        let found = scene.registry.referrers(Scene::REPOSITORY, &scene.digest()).len();
        assert_eq!(found, left, "somebody else's: {theirs}");
    }
}

#[tokio::test]
async fn replace_says_what_could_not_be_taken_away() {
    let scene = Scene::of(Registry::start().without_deletes());
    attest(&scene, REVIEW, r#"{"round":"old"}"#, &scene.alice).await;
    let mut replace = job(BOTH);
    replace.replace = true;
    let error = attest_with(&replace, &scene.by_tag(), &claim(REVIEW, r#"{"round":"new"}"#), &[&scene.alice])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartlyWritten);
    assert!(error.to_string().contains("the new attestation stands"), "{error}");
    let (tag, bundles) = (in_tag(&scene, &scene.digest()), in_bundles(&scene, &scene.digest()));
    assert_eq!((tag.len(), bundles.len()), (1, 2));
    assert!(tag[0].contains("new"));
    // The legacy format needs no deletion.
    let mut legacy = replace.clone();
    legacy.formats = vec![Format::Legacy];
    attest_with(&legacy, &scene.by_tag(), &claim(REVIEW, r#"{"round":"newer"}"#), &[&scene.alice])
        .await
        .unwrap();
    assert_eq!(in_tag(&scene, &scene.digest()).len(), 1);
}

#[tokio::test]
async fn g3_one_format_that_cannot_be_written_is_named_and_a_second_run_completes_it() {
    for code in [403, 409, 405] {
        let scene = Scene::new();
        attest_with(&job(&[Format::Legacy]), &scene.by_tag(), &claim("vuln", "{}"), &[&scene.mallory])
            .await
            .unwrap();
        scene.registry.change(|settings| settings.immutable_tags = Some(code));
        let again =
            || async { attest_with(&job(BOTH), &scene.by_tag(), &claim(REVIEW, BIG), &[&scene.alice]).await };
        let error = again().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PartlyWritten, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("the bundle attestation was written, the legacy attestation was not"),
            "{text}"
        );
        assert_eq!(in_bundles(&scene, &scene.digest()).len(), 1);
        scene.registry.change(|settings| settings.immutable_tags = None);
        let done = again().await.unwrap();
        let already: BTreeMap<_, _> =
            done[0].attestations.iter().map(|written| (written.format, written.already)).collect();
        assert_eq!(already, BTreeMap::from([(Format::Legacy, false), (Format::Bundle, true)]));
        assert_eq!(in_tag(&scene, &scene.digest()).len(), 2);
        assert_eq!(in_bundles(&scene, &scene.digest()).len(), 1);
    }
}

#[tokio::test]
async fn g1_what_others_write_at_the_same_time_is_kept() {
    let other = |scene: &Scene| {
        let about = BlobAbout::Digest(scene.digest(), "app".to_owned());
        let made = attest_blob(about, &claim(REVIEW, BIG), &scene.mallory, &[Format::Legacy]).unwrap();
        let layer = Layer::new(DSSE_ENVELOPE, made.signed.envelope.unwrap());
        scene.registry.put_blob(Scene::REPOSITORY, layer.bytes.clone().unwrap());
        Behaviour::LoseUpdate { media_type: OCI_MANIFEST.to_owned(), bytes: manifest(&[layer], None) }
    };
    for between in [Match::get(".att"), Match::put(".att")] {
        let scene = Scene::new();
        scene.registry.rule(between, other(&scene));
        attest(&scene, "vuln", "{}", &scene.alice).await;
        assert_eq!(in_tag(&scene, &scene.digest()).len(), 2);
    }
    // What cannot be read is not written over.
    let scene = Scene::new();
    scene.registry.rule(Match::get(".att"), status(403));
    let result = attest_with(&job(BOTH), &scene.by_tag(), &claim("vuln", "{}"), &[&scene.alice]).await;
    failed(result, ErrorKind::Store(Store::Forbidden));
    assert_eq!(scene.registry.count("PUT", "") + scene.registry.count("POST", ""), 0);
}

#[tokio::test]
async fn a_statement_is_about_every_image_or_nothing_is_written() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, Scene::REPOSITORY, "1.0");
    let name = registry.image(Scene::REPOSITORY, "1.0");
    let children: Vec<Digest> = index_children(&registry, &index.digest());
    let about = |digests: &[&Digest]| {
        let subjects: Vec<_> = digests
            .iter()
            .map(|digest| format!(r#"{{"name":"x","digest":{{"sha256":"{}"}}}}"#, digest.hex()))
            .collect();
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"{REVIEW}","predicate":{BIG}}}"#,
            subjects.join(",")
        );
        (Claim::Statement(text.clone().into_bytes()), text)
    };
    let alice = signer("alice");
    let mut all = job(BOTH);
    all.recursive = true;
    let (of_two, _) = about(&[&index.digest(), &children[0]]);
    registry.clear_requests();
    failed(attest_with(&all, &name, &of_two, &[&alice]).await, ErrorKind::Usage);
    assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
    let (of_all, text) = about(&[&index.digest(), &children[0], &children[1]]);
    let done = attest_with(&all, &name, &of_all, &[&alice]).await.unwrap();
    assert_eq!(done.len(), 3);
    for one in &done {
        for written in &one.attestations {
            let made = written.signed.envelope.as_deref().or(written.signed.bundle.as_deref()).unwrap();
            assert_eq!(statement(made), text);
        }
    }
}

fn index_children(registry: &Registry, index: &Digest) -> Vec<Digest> {
    let index = registry.manifest(Scene::REPOSITORY, &index.to_string()).unwrap().json();
    let children = index["manifests"].as_array().unwrap();
    children.iter().map(|child| child["digest"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn platforms_are_attested_by_themselves() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64", "windows/amd64"]).build();
    index.push_to(&registry, Scene::REPOSITORY, "1.0");
    let name = registry.image(Scene::REPOSITORY, "1.0");
    let children = index_children(&registry, &index.digest());
    let alice = signer("alice");
    let mut some = job(BOTH);
    some.platforms = vec!["linux/arm64".parse().unwrap(), "linux/amd64".parse().unwrap()];
    let done = attest_with(&some, &name, &claim("vuln", "{}"), &[&alice]).await.unwrap();
    let attested: Vec<_> = done.iter().map(|one| *one.image.digest()).collect();
    assert_eq!(attested, [children[1], children[0]]);
    for one in &done {
        let made = one.attestations[0].signed.envelope.as_deref().unwrap();
        assert!(statement(made).contains(&one.image.digest().hex()));
    }
    assert!(registry.manifest(Scene::REPOSITORY, &att_tag(&index.digest())).is_none());
    some.platforms.push("linux/s390x".parse().unwrap());
    failed(attest_with(&some, &name, &claim("vuln", "{}"), &[&alice]).await, ErrorKind::InvalidImage);
    some.recursive = true;
    failed(attest_with(&some, &name, &claim("vuln", "{}"), &[&alice]).await, ErrorKind::Usage);
}

#[tokio::test]
async fn a_layout_and_a_sha512_image_are_attested_too() {
    let image = ImageBuilder::new().file("hello", "layout").build();
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "registry.example.com/team/app:1.0");
    let name = format!("oci:{}@{}", directory.path().display(), image.digest());
    let alice = signer("alice");
    failed(
        attest_with(
            &job(BOTH),
            &format!("oci:{}:1.0", directory.path().display()),
            &claim("vuln", "{}"),
            &[],
        )
        .await,
        ErrorKind::Usage,
    );
    let mut replace = job(BOTH);
    replace.replace = true;
    for (json, already, replaced) in [("{}", false, 0), ("{}", true, 0), (BIG, false, 1)] {
        let done = attest_with(&replace, &name, &claim("vuln", json), &[&alice]).await.unwrap();
        for one in &done[0].attestations {
            assert_eq!((one.already, one.replaced), (already, replaced), "{json} {:?}", one.format);
        }
    }
    refused(&verify(&name, by(&alice)).await, Reason::PredicateTypeMismatch);
    // Rule G7: there is no tag for it.
    let scene = Scene::new();
    let stored = scene.registry.manifest(Scene::REPOSITORY, "1.0").unwrap();
    let long = Digest::of_with(Algorithm::Sha512, &stored.bytes);
    scene.registry.put_manifest(Scene::REPOSITORY, &long.to_string(), OCI_MANIFEST, stored.bytes);
    let name = scene.registry.image(Scene::REPOSITORY, &long.to_string());
    let done = attest_with(&job(BOTH), &name, &claim("vuln", BIG), &[&alice]).await.unwrap();
    let formats: Vec<_> = done[0].attestations.iter().map(|one| one.format).collect();
    assert_eq!(formats, [Format::Bundle]);
    let legacy = attest_with(&job(&[Format::Legacy]), &name, &claim("vuln", BIG), &[&alice]).await;
    failed(legacy, ErrorKind::Usage);
}

#[tokio::test]
async fn without_uploading_nothing_is_looked_at_or_written() {
    let scene = Scene::new();
    let mut job = job(BOTH);
    job.upload = false;
    let done = attest_with(&job, &scene.by_digest(), &claim("vuln", BIG), &[&scene.alice]).await.unwrap();
    assert!(done[0].attestations[0].signed.envelope.is_some());
    assert_eq!(scene.registry.lines().len(), 1, "{:#?}", scene.registry.lines());
    job.upload = true;
    job.expect = Some(Digest::of("what was pushed"));
    let result = attest_with(&job, &scene.by_tag(), &claim("vuln", BIG), &[&scene.alice]).await;
    failed(result, ErrorKind::TagMoved);
}

#[test]
fn a_blob_is_attested_by_its_bytes_or_its_digest() {
    let alice = signer("alice");
    let pipe = || BlobSource::Pipe(Box::new(&b"a blob"[..]));
    let digest = Digest::of("a blob");
    let about_bytes = BlobAbout::Blob(pipe(), "app.tar".to_owned());
    let made = attest_blob(about_bytes, &claim("vuln", BIG), &alice, BOTH).unwrap();
    assert_eq!(
        (made.digest, made.predicate_type.as_str()),
        (Some(digest), "https://cosign.sigstore.dev/attestation/vuln/v1")
    );
    let text = statement(made.signed.envelope.as_deref().unwrap());
    assert_eq!(made.statement.as_deref(), Some(text.as_bytes()));
    let subject = format!(r#"[{{"name":"app.tar","digest":{{"sha256":"{}"}}}}]"#, digest.hex());
    assert!(text.contains(&subject) && text.contains("Statement/v0.1") && text.contains(BIG), "{text}");
    let bundle = Bundle::parse(made.signed.bundle.as_deref().unwrap(), BUNDLE_BYTES).unwrap();
    assert!(matches!(bundle.content, Content::Envelope(_)));
    let by_digest = BlobAbout::Digest(digest, "app.tar".to_owned());
    let same = attest_blob(by_digest, &claim("vuln", BIG), &alice, BOTH).unwrap();
    assert_eq!(same.signed, made.signed);
    // A statement that is brought has to be about the blob that is named.
    let brought = Claim::Statement(text.clone().into_bytes());
    let about =
        |bytes: &'static str| BlobAbout::Blob(BlobSource::Pipe(Box::new(bytes.as_bytes())), "x".into());
    assert!(attest_blob(about("a blob"), &brought, &alice, BOTH).is_ok());
    failed(attest_blob(about("another"), &brought, &alice, BOTH), ErrorKind::Usage);
    assert!(attest_blob(BlobAbout::Statement, &brought, &alice, BOTH).is_ok());
    failed(attest_blob(BlobAbout::Statement, &claim("vuln", "{}"), &alice, BOTH), ErrorKind::Usage);
}
