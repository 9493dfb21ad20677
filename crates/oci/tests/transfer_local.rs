//! Copies between layouts and archives: every byte and every tag arrives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::transfer::{self, Attachments, Conflict, Options, Platforms, Progress};
use waxseal_oci::{Archive, Attached, ErrorKind, Layout, LocalName, Look, Store, Which};
use waxseal_testkit::layout::Layout as Files;
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder, fixtures};

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

async fn open(path: &Path) -> Store {
    Store::from(Layout::open(path).await.unwrap())
}

async fn create(path: &Path) -> Store {
    Store::from(Layout::create(path).await.unwrap())
}

fn digests(path: &Path) -> BTreeSet<Digest> {
    Files::read(path).objects().into_iter().map(|(digest, _)| digest).collect()
}

async fn copy(from: &Store, which: impl Into<Which>, to: &Store, options: &Options) -> transfer::Copied {
    transfer::copy(from, &which.into(), to, Some(&tag("1.0")), options).await.unwrap()
}

async fn referrers(store: &Store, subject: &Digest) -> BTreeSet<Digest> {
    let found = store.referrers(subject).await.required(String::new).unwrap();
    found.descriptors.iter().map(|found| found.digest).collect()
}

/// Manifests of fallback indexes: they are made anew where they are needed.
fn fallbacks(path: &Path) -> BTreeSet<Digest> {
    let files = Files::read(path);
    let is_fallback = |entry: &&Descriptor| {
        let name = entry.annotations.get("org.opencontainers.image.ref.name");
        name.is_some_and(|name| name.starts_with("sha256-") && !name.contains('.'))
    };
    files.entries().iter().filter(is_fallback).map(|entry| entry.digest).collect()
}

#[tokio::test]
async fn every_repository_and_saved_layout_survives_a_round_trip() {
    let cases = fixtures::cases().into_iter().map(|case| (case.id, case.repository, case.digest));
    let saved = fixtures::saved().into_iter().map(|saved| (saved.id, saved.layout, saved.digest));
    let directory = tempfile::tempdir().unwrap();
    let (mut attached, mut complete, mut others) = (0, 0, BTreeSet::new());
    for (number, (id, path, digest)) in cases.chain(saved).enumerate() {
        let at = |name: &str| directory.path().join(format!("{number}-{name}"));
        let path = fixtures::path(&format!("cosign/{path}"));
        let from = open(&path).await;
        let first = create(&at("first")).await;
        let copied = copy(&from, digest, &first, &Options::default()).await;
        assert_eq!(copied.root.digest, digest, "{id}");
        assert!(copied.rejected.is_empty(), "{id}: {:?}", copied.rejected);
        attached += copied.attached;
        let archive = Store::from(Archive::create(at("image.tar")).await.unwrap());
        copy(&first, digest, &archive, &Options::default()).await;
        archive.commit().await.unwrap();
        let archive = Store::from(Archive::open(at("image.tar")).await.unwrap());
        let second = create(&at("second")).await;
        copy(&archive, digest, &second, &Options::default()).await;

        // Everything of the first copy is in the second, byte for byte, and under the same names.
        assert_eq!(Files::read(&at("first")).objects(), Files::read(&at("second")).objects(), "{id}");
        let tags = first.tags().await.unwrap();
        assert_eq!(archive.tags().await.unwrap(), tags, "{id}");
        assert_eq!(second.tags().await.unwrap(), tags, "{id}");
        // Everything that the source says of the image and its children is there too.
        for (subject, _) in Files::read(&at("first")).objects() {
            let expected = referrers(&from, &subject).await;
            for store in [&first, &archive, &second] {
                assert_eq!(referrers(store, &subject).await, expected, "{id}");
            }
            for kind in Attached::ALL {
                let Some(tag) = kind.tag(&subject) else { continue };
                let found = |look: Look<waxseal_oci::Fetched>| match look {
                    Look::Found(found) => Some(found.descriptor.digest),
                    Look::Absent => None,
                    other => panic!("{id}: {other:?}"),
                };
                let expected = found(from.manifest(&tag.clone().into()).await);
                assert_eq!(found(second.manifest(&tag.into()).await), expected, "{id}");
            }
        }
        let missing: BTreeSet<Digest> = digests(&path).difference(&digests(&at("second"))).copied().collect();
        // Some repositories also hold what belongs to another image, which was not asked for.
        if missing == fallbacks(&path) {
            complete += 1;
        } else {
            others.insert(id);
        }
    }
    assert!(attached > 80, "{attached}");
    assert_eq!((complete, others), (87, BTreeSet::from(["neg-bundle-moved".to_owned()])));
}

/// An index with something attached to everything, over several levels.
struct Rich {
    index: BuiltImage,
    attached: Vec<BuiltImage>,
}

impl Rich {
    fn new() -> Self {
        let inner = IndexBuilder::of_platforms(&["linux/arm64", "linux/arm/v6", "linux/arm/v7"]).build();
        let amd64 = ImageBuilder::new().file("p", "amd64").platform("linux/amd64").build();
        let index = IndexBuilder::new().image(amd64.clone()).image(inner).build_attestation(&amd64).build();
        let artifact = |name: &str, subject: &BuiltImage| {
            ImageBuilder::new()
                .artifact("text/example")
                .file("name", name.to_owned())
                .subject(subject.descriptor())
                .build()
        };
        let first = artifact("of the index", &index);
        let second = artifact("of the artifact", &first);
        let third = artifact("of amd64", &amd64);
        let list = IndexBuilder::new()
            .image(ImageBuilder::new().file("p", "in a list").build())
            .artifact_type("text/list")
            .subject(index.descriptor())
            .build();
        Self { index, attached: vec![first, second, third, list] }
    }

    fn write(&self, path: &Path) {
        self.index.write_layout(path, "1.0");
        for attached in &self.attached {
            attached.write_layout_untagged(path);
        }
        for (kind, digest) in [
            (Attached::Signatures, self.index.digest()),
            (Attached::Sbom, self.index.children[0].0.digest),
            (Attached::Signatures, self.attached[0].digest()),
        ] {
            let image = ImageBuilder::new().file(kind.suffix(), digest.to_string()).build();
            image.write_layout(path, kind.tag(&digest).unwrap().as_str());
        }
    }
}

#[tokio::test]
async fn an_index_arrives_with_everything_attached_to_anything() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("source"), directory.path().join("target"));
    let rich = Rich::new();
    rich.write(&source);
    let (from, to) = (open(&source).await, create(&target).await);
    let copied = copy(&from, tag("1.0"), &to, &Options::default()).await;
    assert_eq!(copied.attached, 7);
    assert_eq!(digests(&source), digests(&target));
    assert_eq!(from.tags().await.unwrap(), to.tags().await.unwrap());
    let resolved = Layout::open(&target).await.unwrap().resolve(&LocalName::Only, None).await.unwrap();
    assert_eq!(*resolved.0.digest(), rich.index.digest());
    // Started again, nothing is sent, and nothing changes.
    let before = std::fs::read(target.join("index.json")).unwrap();
    let again = copy(&from, tag("1.0"), &to, &Options::default()).await;
    assert_eq!((again.blobs, again.bytes), (0, 0));
    assert_eq!(again.blobs_there, copied.blobs + copied.blobs_there);
    assert_eq!(std::fs::read(target.join("index.json")).unwrap(), before);
}

#[tokio::test]
async fn without_attachments_the_image_alone_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("source"), directory.path().join("target"));
    let rich = Rich::new();
    rich.write(&source);
    let (from, to) = (open(&source).await, create(&target).await);
    let mut options = Options::default();
    options.attachments = Attachments::None;
    let copied = copy(&from, tag("1.0"), &to, &options).await;
    assert_eq!(copied.attached, 0);
    assert_eq!(to.tags().await.unwrap(), [tag("1.0")]);
    let expected: BTreeSet<Digest> = [&rich.index.manifest]
        .into_iter()
        .chain(&rich.index.children)
        .chain(&rich.index.blobs)
        .map(|(descriptor, _)| descriptor.digest)
        .collect();
    assert_eq!(digests(&target), expected);
}

#[tokio::test]
async fn one_platform_becomes_the_image() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    let rich = Rich::new();
    rich.write(&source);
    let from = open(&source).await;
    for (number, (platform, outcome)) in [
        ("linux/amd64", Ok("linux/amd64")),
        ("linux/arm64", Ok("linux/arm64")),
        ("linux/arm64/v8", Ok("linux/arm64")),
        ("linux/arm/v7", Ok("linux/arm/v7")),
        ("linux/arm", Err(ErrorKind::InvalidName)),
        ("linux/riscv64", Err(ErrorKind::NotFound)),
        ("windows/amd64", Err(ErrorKind::NotFound)),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(number.to_string());
        let to = create(&path).await;
        let mut options = Options::default();
        options.platforms = Platforms::Only(platform.parse().unwrap());
        let copied = transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("one")), &options).await;
        let outcome: Result<&str, ErrorKind> = outcome;
        match (copied, outcome) {
            (Ok(copied), Ok(expected)) => {
                let child = rich.index.children.iter().find(|(child, _)| {
                    child.platform.as_ref().is_some_and(|platform| platform.to_string() == expected)
                });
                assert_eq!(copied.root.digest, child.unwrap().0.digest, "{platform}");
                assert!(!digests(&path).contains(&rich.index.digest()));
                assert!(to.tags().await.unwrap().contains(&tag("one")));
            }
            (Err(error), Err(expected)) => assert_eq!(error.kind(), expected, "{platform}: {error}"),
            other => panic!("{platform}: {other:?}"),
        }
    }
    // A single image is asked for its own platform.
    let image = ImageBuilder::new().file("p", "x").platform("linux/s390x").build();
    image.write_layout(&source, "single");
    let from = open(&source).await;
    let to = create(&directory.path().join("single")).await;
    for (platform, fits) in [("linux/s390x", true), ("linux/amd64", false)] {
        let mut options = Options::default();
        options.platforms = Platforms::Only(platform.parse().unwrap());
        let copied = transfer::copy(&from, &tag("single").into(), &to, None, &options).await;
        assert_eq!(copied.is_ok(), fits, "{platform}");
    }
}

#[tokio::test]
async fn what_is_missing_or_damaged_ends_the_copy_before_the_tag() {
    let directory = tempfile::tempdir().unwrap();
    let rich = Rich::new();
    let objects = [
        rich.index.children[0].0.clone(),
        rich.index.blobs[0].0.clone(),
        rich.attached[0].manifest.0.clone(),
        rich.attached[1].manifest.0.clone(),
        rich.attached[2].blobs[0].0.clone(),
    ];
    for (number, object) in objects.iter().enumerate() {
        for damage in [None, Some("{damaged")] {
            let source = directory.path().join(format!("{number}-{}", damage.is_some()));
            let target = source.with_extension("target");
            rich.write(&source);
            let path = source.join("blobs/sha256").join(object.digest.hex());
            match damage {
                None => std::fs::remove_file(&path).unwrap(),
                Some(text) => std::fs::write(&path, text).unwrap(),
            }
            let (from, to) = (open(&source).await, create(&target).await);
            let copied =
                transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await;
            assert!(copied.is_err(), "{number} {damage:?}");
            assert!(to.tags().await.unwrap().is_empty(), "{number} {damage:?}");
        }
    }
}

#[tokio::test]
async fn foreign_layers_are_copied_from_the_source_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let layer = b"foreign".to_vec();
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let config = b"{}".to_vec();
    for (media_type, urls) in [
        (foreign, json!(["https://layers.example.com/x"])),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", json!([])),
        ("application/vnd.oci.image.layer.v1.tar", json!(["https://layers.example.com/x"])),
    ] {
        for there in [true, false] {
            let source = tempfile::tempdir_in(directory.path()).unwrap();
            let target = tempfile::tempdir_in(directory.path()).unwrap();
            let (from, to) = (create(source.path()).await, create(target.path()).await);
            let mut descriptor = json!(Descriptor::of(media_type, &layer));
            descriptor["urls"] = urls.clone();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": media_type::OCI_MANIFEST,
                "config": Descriptor::of(media_type::OCI_CONFIG, &config),
                "layers": [descriptor],
            });
            let manifest = bytes::Bytes::from(manifest.to_string());
            let root = Descriptor::of(media_type::OCI_MANIFEST, &manifest);
            let config = Descriptor::of(media_type::OCI_CONFIG, &config);
            from.put_blob(&config, "{}".into()).await.unwrap();
            if there {
                from.put_blob(&Descriptor::of(media_type, &layer), layer.clone().into()).await.unwrap();
            }
            let fetched = waxseal_oci::Fetched::of(root.media_type, manifest);
            from.put_image(&fetched, Some(&tag("1.0"))).await.unwrap();
            let copied =
                transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await;
            match copied {
                Ok(copied) => assert_eq!((there, copied.blobs), (true, 2)),
                Err(error) => {
                    assert!(!there, "{error}");
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                    assert!(error.to_string().contains("never followed"), "{error}");
                }
            }
        }
    }
}

/// What stands at `.sig` of the destination is not lost.
#[tokio::test]
async fn attachments_of_the_destination_are_not_overwritten() {
    let image = ImageBuilder::new().file("a", "1").build();
    let signatures = |layers: &[&str]| {
        let mut built = ImageBuilder::new();
        for layer in layers {
            built = built.layer_of("application/vnd.dev.cosign.simplesigning.v1+json", (*layer).to_owned());
        }
        built.build()
    };
    let name = Attached::Signatures.tag(&image.digest()).unwrap();
    for (held, brought, outcome) in [
        (&["a"][..], &["a"][..], Ok(&["a"][..])),
        (&["a"], &["a", "b"], Ok(&["a", "b"])),
        (&["a", "b"], &["a"], Ok(&["a", "b"])),
        (&["a"], &["b"], Err(ErrorKind::Conflict)),
    ] {
        for conflict in [Conflict::Refuse, Conflict::Replace] {
            let directory = tempfile::tempdir().unwrap();
            let (source, target) = (directory.path().join("source"), directory.path().join("target"));
            for (path, layers) in [(&source, brought), (&target, held)] {
                image.write_layout(path, "1.0");
                signatures(layers).write_layout(path, name.as_str());
            }
            let (from, to) = (open(&source).await, open(&target).await);
            let mut options = Options::default();
            options.conflict = conflict;
            let copied = transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &options).await;
            let standing = to.manifest(&name.clone().into()).await.required(String::new).unwrap();
            let standing = standing.descriptor.digest;
            match (copied, outcome, conflict) {
                (Ok(copied), Ok(expected), _) => {
                    assert_eq!(standing, signatures(expected).digest());
                    assert_eq!(copied.kept.len(), usize::from(expected == held));
                }
                (Ok(_), Err(_), Conflict::Replace) => assert_eq!(standing, signatures(brought).digest()),
                (Err(error), Err(expected), Conflict::Refuse) => {
                    assert_eq!(error.kind(), expected);
                    assert_eq!(standing, signatures(held).digest());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A listing of referrers names what is none, or refers to another image: that blocks nothing, and is reported.
#[tokio::test]
async fn junk_in_a_listing_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("source"), directory.path().join("target"));
    let image = ImageBuilder::new().file("a", "1").build();
    let other = ImageBuilder::new().file("a", "2").build();
    let artifact = |name: &str, subject: &BuiltImage| {
        ImageBuilder::new().artifact(name).subject(subject.descriptor()).build()
    };
    let (good, wrong) = (artifact("text/good", &image), artifact("text/wrong", &other));
    image.write_layout(&source, "1.0");
    good.write_layout_untagged(&source);
    wrong.write_layout_untagged(&source);
    let list = IndexBuilder::new().image(good.clone()).image(wrong.clone()).image(other.clone()).build();
    list.write_layout(&source, &format!("sha256-{}", image.digest().hex()));
    let (from, to) = (open(&source).await, create(&target).await);
    let copied = copy(&from, tag("1.0"), &to, &Options::default()).await;
    assert_eq!(copied.attached, 1);
    let rejected: BTreeSet<Digest> =
        copied.rejected.iter().map(|rejected| rejected.descriptor.digest).collect();
    assert_eq!(rejected, BTreeSet::from([wrong.digest(), other.digest()]));
    assert_eq!(referrers(&to, &image.digest()).await, BTreeSet::from([good.digest()]));
}

#[tokio::test]
async fn objects_attached_to_attached_objects_without_end_are_refused() {
    let limit = waxseal_core::limits::ATTACHED_DEPTH;
    for (depth, fits) in [(limit, true), (limit + 1, false)] {
        let directory = tempfile::tempdir().unwrap();
        let (source, target) = (directory.path().join("source"), directory.path().join("target"));
        let image = ImageBuilder::new().file("a", "1").build();
        image.write_layout(&source, "1.0");
        let mut subject = image;
        for _ in 0..depth {
            subject = ImageBuilder::new().artifact("text/example").subject(subject.descriptor()).build();
            subject.write_layout_untagged(&source);
        }
        let (from, to) = (open(&source).await, create(&target).await);
        let copied =
            transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await;
        match copied {
            Ok(copied) => assert_eq!((fits, copied.attached), (true, depth)),
            Err(error) => assert_eq!((fits, error.kind()), (false, ErrorKind::LimitExceeded)),
        }
    }
}

#[tokio::test]
async fn attached_objects_may_stand_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let image = ImageBuilder::new().file("a", "1").build();
    image.write_layout(&at("images"), "1.0");
    let name = Attached::Signatures.tag(&image.digest()).unwrap();
    let signatures = ImageBuilder::new().file("sig", "x").build();
    signatures.write_layout(&at("evidence"), name.as_str());
    let mut options = Options::default();
    options.evidence_from = Some(open(&at("evidence")).await);
    options.evidence_to = Some(create(&at("their-evidence")).await);
    let to = create(&at("their-images")).await;
    let copied = copy(&open(&at("images")).await, tag("1.0"), &to, &options).await;
    assert_eq!(copied.attached, 1);
    assert_eq!(to.tags().await.unwrap(), [tag("1.0")]);
    assert_eq!(digests(&at("images")), digests(&at("their-images")));
    assert_eq!(digests(&at("evidence")), digests(&at("their-evidence")));
}

#[derive(Default)]
struct Counted {
    total: AtomicU64,
    done: AtomicU64,
}

impl Progress for Counted {
    fn add(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn progress_ends_at_the_total() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("source"), directory.path().join("target"));
    let image = ImageBuilder::new().random_layer(3 << 20, 1).random_layer(100, 2).build();
    image.write_layout(&source, "1.0");
    let (from, to) = (open(&source).await, create(&target).await);
    let total: u64 = image.blobs.iter().map(|(blob, _)| blob.size).sum();
    for _ in 0..2 {
        let counted = Arc::new(Counted::default());
        let options = Options::default().with_progress(Arc::clone(&counted) as Arc<dyn Progress>);
        copy(&from, tag("1.0"), &to, &options).await;
        assert_eq!(counted.total.load(Ordering::Relaxed), total);
        assert_eq!(counted.done.load(Ordering::Relaxed), total);
    }
}
