//! Rules P1, P2 and P4: which images of an index are judged, and whose signature covers which.

use waxseal::{Error, ErrorKind, Finding, Platforms, Verification};
use waxseal_core::media_type::{OCI_CONFIG, OCI_INDEX};
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Reason, Verdict};
use waxseal_oci::ErrorKind as Store;
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::{
    BOTH, Scene, admitted, by, client, failed, refused, sign, signer, status, undecided, verify, verify_with,
};

/// A registry with an index at `team/app:1.0`.
struct Stage {
    registry: Registry,
    index: BuiltImage,
}

impl Stage {
    fn new(index: BuiltImage) -> Self {
        let registry = Registry::start();
        index.push_to(&registry, Scene::REPOSITORY, "1.0");
        Self { registry, index }
    }

    fn of_two() -> Self {
        Self::new(IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build())
    }

    fn name(&self, digest: &Digest) -> String {
        self.registry.image(Scene::REPOSITORY, &digest.to_string())
    }

    fn child(&self, at: usize) -> Digest {
        self.index.children[at].0.digest
    }

    async fn sign(&self, digest: &Digest) {
        sign(&self.name(digest), BOTH, &signer("alice")).await.unwrap();
    }

    async fn judge(&self, platforms: Platforms) -> Result<Verdict, Error> {
        let mut verification = Verification::new(by(&signer("alice")), now());
        verification.platforms = platforms;
        let name = self.registry.image(Scene::REPOSITORY, "1.0");
        verify_with(&client(), &name, &Finding::default(), &verification).await
    }

    async fn one(&self, platform: &str) -> Result<Verdict, Error> {
        self.judge(Platforms::One(platform.parse().unwrap())).await
    }
}

#[tokio::test]
async fn p1_the_named_digest_is_judged_and_pinned() {
    let stage = Stage::of_two();
    // A signature on an image of the index says nothing about the index.
    stage.sign(&stage.child(0)).await;
    refused(&stage.judge(Platforms::Named).await.unwrap(), Reason::NoSignature);
    stage.sign(&stage.index.digest()).await;
    let verdict = stage.judge(Platforms::Named).await.unwrap();
    admitted(&verdict);
    assert_eq!(*verdict.verified().unwrap().digest(), stage.index.digest());
    let verdict = stage.one("linux/amd64").await.unwrap();
    assert_eq!(*verdict.verified().unwrap().digest(), stage.child(0));
}

#[tokio::test]
async fn p2_an_image_is_covered_by_its_own_signature_or_its_indexs() {
    let stage = Stage::of_two();
    refused(&stage.one("linux/arm64").await.unwrap(), Reason::NoSignature);
    // Another image's signature does not do.
    stage.sign(&stage.child(0)).await;
    refused(&stage.one("linux/arm64").await.unwrap(), Reason::NoSignature);
    admitted(&stage.one("linux/amd64").await.unwrap());
    stage.sign(&stage.index.digest()).await;
    admitted(&stage.one("linux/arm64").await.unwrap());
    // Not reached through the index, it is not covered by it.
    let name = stage.name(&stage.child(1));
    refused(&verify(&name, by(&signer("alice"))).await, Reason::NoSignature);
}

#[tokio::test]
async fn p2_a_signature_on_an_outer_index_covers_what_nested_ones_list() {
    let inner = IndexBuilder::of_platforms(&["linux/arm64", "linux/s390x"]).build();
    let amd64 = ImageBuilder::new().file("platform", "amd64").platform("linux/amd64").build();
    let stage = Stage::new(IndexBuilder::new().image(amd64).image(inner.clone()).build());
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&inner.digest()).await;
    // The image beside the nested index is not covered by it.
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&stage.index.digest()).await;
    let verdict = stage.judge(Platforms::All).await.unwrap();
    admitted(&verdict);
    assert_eq!(*verdict.verified().unwrap().digest(), stage.index.digest());
}

#[tokio::test]
async fn p2_only_the_index_by_which_it_was_reached_covers_an_image() {
    let amd64 = ImageBuilder::new().file("platform", "amd64").platform("linux/amd64").build();
    let signed = IndexBuilder::new().image(amd64.clone()).annotation("of", "release").build();
    let other = IndexBuilder::new().image(amd64).annotation("of", "nobody").build();
    let stage = Stage::new(other);
    signed.push_to(&stage.registry, Scene::REPOSITORY, "signed");
    stage.sign(&signed.digest()).await;
    refused(&stage.one("linux/amd64").await.unwrap(), Reason::NoSignature);
    stage.registry.tag(Scene::REPOSITORY, "1.0", &signed.digest());
    admitted(&stage.one("linux/amd64").await.unwrap());
}

#[tokio::test]
async fn p2_an_index_with_other_bytes_covers_nothing() {
    let stage = Stage::of_two();
    stage.sign(&stage.index.digest()).await;
    let amd64 = ImageBuilder::new().file("platform", "evil").platform("linux/amd64").build();
    let evil = IndexBuilder::new().image(amd64).build();
    evil.push_untagged(&stage.registry, Scene::REPOSITORY);
    let judge = async |stage: &Stage| {
        let mut verification = Verification::new(by(&signer("alice")), now());
        verification.platforms = Platforms::One("linux/amd64".parse().unwrap());
        let name = stage.name(&stage.index.digest());
        verify_with(&client(), &name, &Finding::default(), &verification).await
    };
    admitted(&judge(&stage).await.unwrap());
    stage.registry.corrupt(Scene::REPOSITORY, &stage.index.digest(), evil.manifest.1.clone());
    failed(judge(&stage).await, ErrorKind::Store(Store::DigestMismatch));
}

#[tokio::test]
async fn p2_a_platform_that_is_not_there_or_not_one_is_an_error() {
    let stage = Stage::of_two();
    stage.sign(&stage.index.digest()).await;
    failed(stage.one("linux/riscv64").await, ErrorKind::InvalidImage);
    failed(stage.one("windows/amd64").await, ErrorKind::InvalidImage);
    let image =
        |text: &str, platform| ImageBuilder::new().file("f", text.to_owned()).platform(platform).build();
    let twice = IndexBuilder::new().image(image("1", "linux/amd64")).image(image("2", "linux/amd64")).build();
    let stage = Stage::new(twice);
    stage.sign(&stage.index.digest()).await;
    failed(stage.one("linux/amd64").await, ErrorKind::InvalidImage);
    // Variants: what was typed without one means the entry without one, if there is one.
    let variants = IndexBuilder::new()
        .image(image("1", "linux/arm/v6"))
        .image(image("2", "linux/arm/v7"))
        .image(image("3", "linux/arm64"))
        .build();
    let stage = Stage::new(variants);
    stage.sign(&stage.index.digest()).await;
    failed(stage.one("linux/arm").await, ErrorKind::InvalidImage);
    assert_eq!(*stage.one("linux/arm/v7").await.unwrap().verified().unwrap().digest(), stage.child(1));
}

/// An image that stands in no index is for the platform that its configuration states, and for no other.
#[tokio::test]
async fn p2_a_single_image_is_held_to_the_platform_that_was_asked_for() {
    let built = ImageBuilder::new().file("f", "x").platform("linux/arm64/v8");
    let nowhere = ImageBuilder::new().file("f", "x").config(OCI_CONFIG, r#"{"rootfs":{}}"#);
    let artifact = ImageBuilder::new().artifact("application/example").layer("x");
    for (image, platform, fits) in [
        (&built, "linux/arm64", true),
        (&built, "linux/arm64/v8", true),
        (&built, "linux/amd64", false),
        (&built, "linux/arm64/v9", false),
        (&built, "windows/arm64", false),
        (&nowhere, "linux/amd64", false),
        (&artifact, "linux/amd64", false),
    ] {
        let stage = Stage::new(image.clone().build());
        stage.sign(&stage.index.digest()).await;
        admitted(&stage.judge(Platforms::Named).await.unwrap());
        let verdict = stage.one(platform).await;
        if fits { admitted(&verdict.unwrap()) } else { failed(verdict, ErrorKind::InvalidImage) }
    }
    // Two members that could each be the platform.
    let config = r#"{"os":"linux","architecture":"amd64","Architecture":"arm64"}"#;
    let stage = Stage::new(ImageBuilder::new().file("f", "x").config(OCI_CONFIG, config).build());
    stage.sign(&stage.index.digest()).await;
    failed(stage.one("linux/amd64").await, ErrorKind::Store(Store::Malformed));
}

/// What an index says nothing about, the image's configuration says; nested indexes are looked through.
#[tokio::test]
async fn p2_a_platform_is_found_wherever_it_is_stated() {
    let image =
        |platform: &str| ImageBuilder::new().file("f", platform.to_owned()).platform(platform).build();
    let silent = image("linux/s390x");
    let mut entry = silent.descriptor();
    entry.platform = None;
    let inner = IndexBuilder::new().image(image("linux/arm64")).image_as(silent, entry).build();
    let inner_digest = inner.digest();
    let stage = Stage::new(IndexBuilder::new().image(image("linux/amd64")).image(inner).build());
    for platform in ["linux/amd64", "linux/arm64", "linux/s390x"] {
        refused(&stage.one(platform).await.unwrap(), Reason::NoSignature);
    }
    failed(stage.one("linux/riscv64").await, ErrorKind::InvalidImage);
    // The inner index covers what it lists, and nothing else.
    stage.sign(&inner_digest).await;
    for platform in ["linux/arm64", "linux/s390x"] {
        admitted(&stage.one(platform).await.unwrap());
    }
    refused(&stage.one("linux/amd64").await.unwrap(), Reason::NoSignature);
}

#[tokio::test]
async fn p4_every_image_of_the_index_must_be_admitted() {
    let stage = Stage::of_two();
    stage.sign(&stage.child(0)).await;
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&stage.child(1)).await;
    let verdict = stage.judge(Platforms::All).await.unwrap();
    admitted(&verdict);
    assert!(verdict.report().requirements.iter().all(|requirement| requirement.met));
    // The index itself, asked for alone, is still signed by nobody.
    refused(&stage.judge(Platforms::Named).await.unwrap(), Reason::NoSignature);
}

#[tokio::test]
async fn p4_an_image_that_stands_twice_is_judged_for_both() {
    let image = |text: &str| ImageBuilder::new().file("f", text.to_owned()).platform("linux/amd64").build();
    let (first, second) = (image("1"), image("2"));
    let stage = Stage::new(
        IndexBuilder::new().image(first.clone()).image(second.clone()).image(first.clone()).build(),
    );
    stage.sign(&second.digest()).await;
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&first.digest()).await;
    admitted(&stage.judge(Platforms::All).await.unwrap());
    stage.registry.clear_requests();
    admitted(&stage.judge(Platforms::All).await.unwrap());
    assert_eq!(stage.registry.count("GET", &format!("/manifests/{}", first.digest())), 1);
}

#[tokio::test]
async fn p4_a_build_attestation_is_skipped_only_in_an_index_that_is_signed() {
    let image = ImageBuilder::new().file("f", "1").platform("linux/amd64").build();
    let stage = Stage::new(IndexBuilder::new().image(image.clone()).build_attestation(&image).build());
    stage.sign(&image.digest()).await;
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&stage.index.digest()).await;
    admitted(&stage.judge(Platforms::All).await.unwrap());
    failed(stage.one("unknown/amd64").await, ErrorKind::InvalidImage);
}

#[tokio::test]
async fn p4_what_cannot_be_read_of_one_image_leaves_the_whole_open() {
    let stage = Stage::of_two();
    stage.sign(&stage.child(0)).await;
    stage.sign(&stage.child(1)).await;
    admitted(&stage.judge(Platforms::All).await.unwrap());
    let hex = stage.child(1).hex();
    stage.registry.rule(Match::get(format!("sha256-{hex}.sig")), status(500));
    // The bundle still counts (rule V1).
    admitted(&stage.judge(Platforms::All).await.unwrap());
    stage.registry.rule(Match::get(format!("/referrers/sha256:{hex}")), Behaviour::status(500));
    let verdict = stage.judge(Platforms::All).await.unwrap();
    undecided(&verdict, Store::ServerTrouble);
    // What is refused beside it is refused.
    let amd64 = stage.child(0).hex();
    stage.registry.remove_tag(Scene::REPOSITORY, &format!("sha256-{amd64}.sig"));
    for referrer in stage.registry.referrers(Scene::REPOSITORY, &stage.child(0)) {
        stage.registry.remove_manifest(Scene::REPOSITORY, &referrer.digest);
    }
    assert_eq!(stage.judge(Platforms::All).await.unwrap().outcome(), Outcome::Refuse);
}

#[tokio::test]
async fn p4_an_index_without_images_or_too_deep_is_never_admitted_by_default() {
    let stage = Stage::new(IndexBuilder::new().build());
    refused(&stage.judge(Platforms::All).await.unwrap(), Reason::PlatformNotAdmitted);
    stage.sign(&stage.index.digest()).await;
    admitted(&stage.judge(Platforms::All).await.unwrap());
    let nest = |levels: usize| {
        let leaf = IndexBuilder::of_platforms(&["linux/amd64"]).build();
        (1..levels).fold(leaf, |inner, _| IndexBuilder::new().image(inner).build())
    };
    for (levels, fits) in [(4, true), (5, false)] {
        let stage = Stage::new(nest(levels));
        stage.sign(&stage.index.digest()).await;
        let verdict = stage.judge(Platforms::All).await;
        if fits { admitted(&verdict.unwrap()) } else { failed(verdict, ErrorKind::InvalidImage) }
    }
}

/// S7: an unsigned index whose images are signed, by one reading of it.
#[tokio::test]
async fn p4_an_index_that_other_readers_read_otherwise_is_no_index() {
    let stage = Stage::of_two();
    for at in [0, 1] {
        stage.sign(&stage.child(at)).await;
    }
    admitted(&stage.judge(Platforms::All).await.unwrap());
    let honest = String::from_utf8(stage.index.manifest.1.to_vec()).unwrap();
    let evil = Digest::of("evil");
    for (from, to) in [
        ("\"digest\":", format!("\"Digest\":\"{evil}\",\"digest\":")),
        ("\"size\":", format!("\"DIGEST\":\"{evil}\",\"size\":")),
        ("\"manifests\":", format!("\"Manifests\":[{{\"digest\":\"{evil}\"}}],\"manifests\":")),
    ] {
        let changed = honest.replacen(from, &to, 1);
        assert_ne!(changed, honest);
        stage.registry.put_manifest(Scene::REPOSITORY, "1.0", OCI_INDEX, changed);
        for platforms in [Platforms::All, Platforms::One("linux/arm64".parse().unwrap())] {
            failed(stage.judge(platforms).await, ErrorKind::InvalidImage);
        }
    }
}

#[tokio::test]
async fn p4_an_image_that_is_listed_and_not_there_is_an_error() {
    let stage = Stage::of_two();
    stage.sign(&stage.index.digest()).await;
    admitted(&stage.judge(Platforms::All).await.unwrap());
    stage.registry.remove_manifest(Scene::REPOSITORY, &stage.child(1));
    failed(stage.judge(Platforms::All).await, ErrorKind::Store(Store::NotFound));
    let body = r#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#;
    stage.registry.put_manifest(Scene::REPOSITORY, "junk", OCI_INDEX, body);
    let mut verification = Verification::new(by(&signer("alice")), now());
    verification.platforms = Platforms::All;
    let name = stage.registry.image(Scene::REPOSITORY, "junk");
    failed(verify_with(&client(), &name, &Finding::default(), &verification).await, ErrorKind::InvalidImage);
}
