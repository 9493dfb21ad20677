use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use waxseal::tree::{Attachment, AttachmentKind, FoundAt, ImageNode, SignerHint};
use waxseal_core::limits::{ATTACHED_DEPTH, INDEX_DEPTH};
use waxseal_core::manifest::Manifest;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::Attached;
use waxseal_oci::attached::{fallback_tag, is_attached_tag};
use waxseal_testkit::layout::{Layout, REF_NAME};
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

use crate::{oci, tree};

/// Every attachment below a node: what it hangs on, and its digest.
fn listed(node: &ImageNode) -> Vec<(Digest, Digest)> {
    fn below(on: Digest, attached: &[Attachment], all: &mut Vec<(Digest, Digest)>) {
        for attachment in attached {
            all.push((on, attachment.digest));
            below(attachment.digest, &attachment.attached, all);
        }
    }
    let mut all = Vec::new();
    below(node.digest, &node.attached, &mut all);
    for child in &node.images {
        all.extend(listed(child));
    }
    all
}

/// The manifests of a layout that hang on an image of it, and all its images: found without the code under test.
fn hanging(directory: &Path) -> (BTreeSet<Digest>, BTreeSet<Digest>) {
    let layout = Layout::read(directory);
    let manifests: BTreeMap<Digest, Manifest> = layout
        .objects()
        .into_iter()
        .filter_map(|(digest, bytes)| Some((digest, Manifest::parse(&bytes, None).ok()?)))
        .collect();
    let tagged: BTreeMap<String, Digest> = layout
        .entries()
        .iter()
        .filter_map(|entry| Some((entry.annotations.get(REF_NAME)?.clone(), entry.digest)))
        .collect();
    let kind = |digest: &Digest| {
        let entry = layout.entries().iter().find(|entry| entry.digest == *digest)?;
        entry.annotations.get("kind").map(|kind| kind.rsplit('/').next().unwrap().to_owned())
    };
    let mut images: BTreeSet<Digest> = manifests
        .keys()
        .filter(|digest| {
            let named = tagged.iter().any(|(tag, of)| of == *digest && !is_attached_tag(tag));
            named || kind(digest).is_some_and(|kind| kind.starts_with("image"))
        })
        .copied()
        .collect();
    for digest in images.clone() {
        if let Some(Manifest::Index(index)) = manifests.get(&digest) {
            images.extend(index.manifests.iter().map(|child| child.digest));
        }
    }
    let fallback: BTreeSet<Digest> = tagged
        .iter()
        .filter(|(tag, _)| is_attached_tag(tag) && !tag.contains('.'))
        .map(|(_, digest)| *digest)
        .collect();
    let hanging = manifests
        .iter()
        .filter(|(digest, manifest)| {
            let on_nothing = |on: &Digest| !images.contains(on);
            !images.contains(digest)
                && !fallback.contains(digest)
                && !manifest.subject().is_some_and(|subject| on_nothing(&subject.digest))
        })
        .map(|(digest, _)| *digest)
        .collect();
    (images, hanging)
}

#[tokio::test]
async fn everything_in_every_layout_of_cosign_is_listed_once() {
    let cases = fixtures::cases().into_iter().map(|case| (case.layout(), case.digest, case.id));
    let saved = fixtures::saved().into_iter().map(|saved| (saved.layout(), saved.digest, saved.id));
    let (mut layouts, mut found) = (0, 0);
    for (directory, digest, id) in cases.chain(saved) {
        let (images, hanging) = hanging(&directory);
        assert!(images.contains(&digest), "{id}");
        let mut all = Vec::new();
        for tagged in Layout::read(&directory).entries() {
            let image = images.contains(&tagged.digest);
            if !image {
                continue;
            }
            let tree = tree(&format!("oci:{}@{}", directory.display(), tagged.digest)).await;
            assert!(tree.complete, "{id}: {:?}", tree.root);
            let listed = listed(&tree.root);
            let once: BTreeSet<_> = listed.iter().collect();
            assert_eq!(once.len(), listed.len(), "{id}: something is listed twice");
            all.extend(listed);
        }
        let all: BTreeSet<Digest> = all.into_iter().map(|(_, digest)| digest).collect();
        assert_eq!(all, hanging, "{id}");
        layouts += 1;
        found += all.len();
    }
    assert_eq!(layouts, 88);
    assert!(found > 88, "{found}");
}

#[tokio::test]
async fn a_registry_of_either_kind_shows_the_same() {
    for case in fixtures::cases() {
        let registry = Registry::start();
        let registry = if case.has_referrers_api() { registry } else { registry.without_referrers_api() };
        registry.push_layout(&case.layout(), "app");
        let from_registry = tree(&registry.image("app", &case.tag)).await;
        let from_layout = tree(&format!("oci:{}:{}", case.layout().display(), case.tag)).await;
        let sorted = |tree: &waxseal::Tree| listed(&tree.root).into_iter().collect::<BTreeSet<_>>();
        assert!(from_registry.complete, "{}", case.id);
        assert_eq!(sorted(&from_registry), sorted(&from_layout), "{}", case.id);
        for attachment in &from_registry.root.attached {
            let api = attachment.places.contains(&FoundAt::ReferrersApi);
            assert!(!api || case.has_referrers_api(), "{}: {:?}", case.id, attachment.places);
        }
    }
}

#[tokio::test]
async fn each_kind_is_told_apart() {
    let mixed = fixtures::saved().into_iter().find(|saved| saved.id == "mixed-3x").unwrap();
    let tree = tree(&format!("oci:{}", mixed.layout().display())).await;
    let kinds: Vec<_> = tree.root.attached.iter().map(|attachment| attachment.kind).collect();
    assert_eq!(
        kinds,
        [
            AttachmentKind::Signature,
            AttachmentKind::Attestation,
            AttachmentKind::Bundle,
            AttachmentKind::Bundle,
            AttachmentKind::Bundle,
        ]
    );
    let claims: BTreeSet<_> =
        tree.root.attached.iter().flat_map(|attachment| attachment.claimed_predicate_types.clone()).collect();
    let expected = [
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        "https://cyclonedx.org/bom",
        "https://sigstore.dev/cosign/sign/v1",
    ];
    assert_eq!(claims, expected.map(str::to_owned).into());
    let key = waxseal_core::PublicKey::from_pem(fixtures::public_key_pem(&mixed.key).as_bytes()).unwrap();
    let hint = SignerHint::Key { hint: Some(key.id().hint()), key_id: Some(key.id().to_string()) };
    // Several keys signed here; each bundle names one of them.
    let bundles: Vec<_> =
        tree.root.attached.iter().filter(|found| found.kind == AttachmentKind::Bundle).collect();
    assert!(bundles.iter().any(|bundle| bundle.signed_with == [hint.clone()]));
    for bundle in bundles {
        assert!(matches!(&bundle.signed_with[..], [SignerHint::Key { key_id: Some(_), .. }]));
        assert!(bundle.claimed_created.is_some());
        assert_eq!(bundle.layers, 1);
    }
}

#[tokio::test]
async fn nothing_attached_is_complete_and_empty() {
    let registry = Registry::start();
    ImageBuilder::new().file("a", "1").build().push_to(&registry, "app", "1.0");
    let tree = tree(&registry.image("app", "1.0")).await;
    assert!(tree.complete && !tree.verified);
    assert!(tree.root.attached.is_empty() && tree.root.unreadable.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_not_absent() {
    let image = ImageBuilder::new().file("a", "1").build();
    let sbom = ImageBuilder::new().layer_of("text/spdx+json", "{}").build();
    let bundle = ImageBuilder::new()
        .artifact(waxseal_core::media_type::BUNDLE_V03)
        .layer_of(waxseal_core::media_type::BUNDLE_V03, "no bundle")
        .subject(image.descriptor())
        .build();
    let tag = |kind: Attached| kind.tag(&image.digest()).unwrap().to_string();
    let cases = [
        (format!("/manifests/{}", tag(Attached::Attestations)), tag(Attached::Attestations)),
        (format!("/referrers/{}", image.digest()), "referrers".to_owned()),
        (format!("/manifests/{}", bundle.digest()), bundle.digest().to_string()),
        (format!("/blobs/{}", bundle.blobs[1].0.digest), bundle.blobs[1].0.digest.to_string()),
    ];
    for (path, what) in cases {
        let registry = Registry::start();
        image.push_to(&registry, "app", "1.0");
        sbom.push_to(&registry, "app", &tag(Attached::Sbom));
        bundle.push_untagged(&registry, "app");
        let whole = tree(&registry.image("app", "1.0")).await;
        assert!(whole.complete, "{path}");
        assert_eq!(whole.root.attached.len(), 2);
        assert_eq!(whole.root.attached[0].kind, AttachmentKind::Sbom);
        assert_eq!(whole.root.attached[1].problems[0].code, "malformed-bundle");
        registry.rule(Match::get(path.clone()), Behaviour::status(403));
        let partly = tree(&registry.image("app", "1.0")).await;
        assert!(!partly.complete, "{path}");
        let mut unreadable = partly.root.unreadable.clone();
        unreadable.extend(partly.root.attached.iter().flat_map(|attachment| attachment.unreadable.clone()));
        assert_eq!(unreadable.len(), 1, "{path}: {unreadable:?}");
        assert_eq!(
            (unreadable[0].what.as_str(), unreadable[0].code.as_str()),
            (what.as_str(), "registry-forbidden")
        );
        assert!(partly.root.attached.iter().any(|attachment| attachment.kind == AttachmentKind::Sbom));
    }
}

#[tokio::test]
async fn a_listed_referrer_that_is_gone_is_unreadable() {
    let registry = Registry::start().without_referrers_api();
    let image = ImageBuilder::new().file("a", "1").build();
    let gone = ImageBuilder::new().artifact("text/example").subject(image.descriptor()).build();
    image.push_to(&registry, "app", "1.0");
    let fallback = IndexBuilder::new().entry(gone.descriptor()).build();
    registry.put_manifest(
        "app",
        fallback_tag(&image.digest()).unwrap().as_str(),
        &fallback.manifest.0.media_type,
        fallback.manifest.1.clone(),
    );
    let before = tree(&registry.image("app", "1.0")).await;
    assert_eq!(before.root.unreadable[0].code, "not-found");
    gone.push_untagged(&registry, "app");
    let after = tree(&registry.image("app", "1.0")).await;
    assert!(after.complete);
    assert_eq!(after.root.attached[0].places, [FoundAt::FallbackTag]);
    assert_eq!(after.root.attached[0].artifact_type.as_deref(), Some("text/example"));
}

#[tokio::test]
async fn a_referrer_of_something_else_is_shown_with_what_is_wrong() {
    let registry = Registry::start().without_referrers_api();
    let image = ImageBuilder::new().file("a", "1").build();
    let other = ImageBuilder::new().file("b", "2").build();
    let own = ImageBuilder::new().artifact("text/own").subject(image.descriptor()).build();
    let foreign = ImageBuilder::new().artifact("text/foreign").subject(other.descriptor()).build();
    for built in [&own, &foreign] {
        built.push_untagged(&registry, "app");
    }
    image.push_to(&registry, "app", "1.0");
    let fallback = IndexBuilder::new().entry(own.descriptor()).entry(foreign.descriptor()).build();
    let tag = fallback_tag(&image.digest()).unwrap();
    registry.put_manifest("app", tag.as_str(), &fallback.manifest.0.media_type, fallback.manifest.1.clone());
    let tree = tree(&registry.image("app", "1.0")).await;
    assert!(tree.complete);
    let problem = |artifact: &str| {
        let found = tree.root.attached.iter().find(|found| found.artifact_type.as_deref() == Some(artifact));
        found.unwrap().problems.first().map(|problem| problem.code.clone())
    };
    assert_eq!(problem("text/own"), None);
    assert_eq!(problem("text/foreign").as_deref(), Some("referrer-mismatch"));
}

#[tokio::test]
async fn the_same_manifest_at_two_places_is_one_attachment() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    let both = ImageBuilder::new().artifact("text/example").subject(image.descriptor()).build();
    image.push_to(&registry, "app", "1.0");
    let tag = Attached::Sbom.tag(&image.digest()).unwrap().to_string();
    both.push_to(&registry, "app", &tag);
    let tree = tree(&registry.image("app", "1.0")).await;
    assert_eq!(tree.root.attached.len(), 1);
    assert_eq!(tree.root.attached[0].places, [FoundAt::Tag { tag }, FoundAt::ReferrersApi]);
}

/// Artifacts that hang on one another, the first one on `image`.
fn chain(image: &BuiltImage, length: usize) -> Vec<BuiltImage> {
    let mut chain: Vec<BuiltImage> = Vec::new();
    let mut subject = image.descriptor();
    for _ in 0..length {
        let next = ImageBuilder::new().artifact("text/example").subject(subject).build();
        subject = next.descriptor();
        chain.push(next);
    }
    chain
}

#[tokio::test]
async fn referrers_of_referrers_are_listed_to_a_bounded_depth() {
    for (length, complete) in [(ATTACHED_DEPTH, true), (ATTACHED_DEPTH + 1, false)] {
        let directory = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new().file("a", "1").build();
        image.write_layout(directory.path(), "1.0");
        for artifact in chain(&image, length) {
            artifact.write_layout_untagged(directory.path());
        }
        let tree = tree(&oci(directory.path(), "1.0")).await;
        assert_eq!(tree.complete, complete, "{length}");
        let mut at = &tree.root.attached[0];
        let mut depth = 1;
        while let Some(next) = at.attached.first() {
            at = next;
            depth += 1;
        }
        assert_eq!(depth, length);
        assert_eq!(
            at.unreadable.first().map(|place| place.code.as_str()),
            (!complete).then_some("limit-exceeded")
        );
    }
}

#[tokio::test]
async fn a_signature_of_an_attachment_is_listed_below_it() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    let sbom = ImageBuilder::new().artifact("application/spdx+json").subject(image.descriptor()).build();
    let signature = ImageBuilder::new().layer_of(waxseal_core::media_type::SIMPLE_SIGNING, "{}").build();
    image.push_to(&registry, "app", "1.0");
    sbom.push_untagged(&registry, "app");
    signature.push_to(&registry, "app", Attached::Signatures.tag(&sbom.digest()).unwrap().as_str());
    let tree = tree(&registry.image("app", "1.0")).await;
    let below = &tree.root.attached[0];
    assert_eq!((below.kind, below.attached[0].kind), (AttachmentKind::Sbom, AttachmentKind::Signature));
}

#[tokio::test]
async fn each_image_of_an_index_is_listed_once_with_its_platforms() {
    let registry = Registry::start();
    let amd64 = ImageBuilder::new().file("a", "1").platform("linux/amd64").build();
    let arm64 = ImageBuilder::new().file("a", "1").platform("linux/arm64/v8").build();
    let mut again: Descriptor = amd64.descriptor();
    again.platform = Some("linux/amd64/v2".parse().unwrap());
    let nested = IndexBuilder::new().image(arm64.clone()).build();
    let index = IndexBuilder::new()
        .image(amd64.clone())
        .image_as(amd64.clone(), again)
        .image(nested.clone())
        .build_attestation(&amd64)
        .build();
    index.push_to(&registry, "app", "1.0");
    let on = |image: &BuiltImage| {
        let artifact = ImageBuilder::new().artifact("text/example").subject(image.descriptor()).build();
        artifact.push_untagged(&registry, "app")
    };
    let (on_index, on_amd64, on_nested, on_arm64) = (on(&index), on(&amd64), on(&nested), on(&arm64));
    let tree = tree(&registry.image("app", "1.0")).await;
    assert!(tree.complete);
    let root = &tree.root;
    assert_eq!(root.attached[0].digest, on_index);
    assert_eq!(root.images.len(), 3);
    assert_eq!(root.images[0].platforms, ["linux/amd64", "linux/amd64/v2"]);
    assert_eq!(root.images[0].attached[0].digest, on_amd64);
    assert_eq!(root.images[1].attached[0].digest, on_nested);
    assert_eq!(root.images[1].images[0].attached[0].digest, on_arm64);
    assert_eq!(root.images[2].claimed_role.as_deref(), Some("attestation-manifest"));
}

#[tokio::test]
async fn indexes_nest_to_a_bounded_depth() {
    for (levels, complete) in [(INDEX_DEPTH, true), (INDEX_DEPTH + 1, false)] {
        let directory = tempfile::tempdir().unwrap();
        let mut image = ImageBuilder::new().file("a", "1").build();
        for _ in 0..=levels {
            image = IndexBuilder::new().image(image).build();
        }
        image.write_layout(directory.path(), "1.0");
        let tree = tree(&oci(directory.path(), "1.0")).await;
        assert_eq!(tree.complete, complete, "{levels}");
    }
}

#[tokio::test]
async fn claims_are_kept_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().file("a", "1").build();
    let hostile = "https://example.com/\u{1b}[31m\u{202e}red\n";
    image.write_layout(directory.path(), "1.0");
    ImageBuilder::new()
        .artifact(hostile)
        .annotation("dev.sigstore.bundle.predicateType", hostile)
        .annotation("org.opencontainers.image.created", hostile)
        .subject(image.descriptor())
        .build()
        .write_layout_untagged(directory.path());
    let tree = tree(&oci(directory.path(), "1.0")).await;
    let found = &tree.root.attached[0];
    assert_eq!(found.claimed_predicate_types, [hostile]);
    assert_eq!(
        (found.artifact_type.as_deref(), found.claimed_created.as_deref()),
        (Some(hostile), Some(hostile))
    );
    let json: serde_json::Value = serde_json::to_value(&tree).unwrap();
    assert_eq!(json["schema"], "waxseal/tree/v1");
    assert_eq!(json["root"]["attached"][0]["claimedPredicateTypes"][0], hostile);
    assert_eq!(json["root"]["attached"][0]["places"][0]["place"], "layout");
}
