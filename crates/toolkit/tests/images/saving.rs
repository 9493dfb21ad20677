//! Saving and loading: cosign's layouts and ours, both ways, through registries of both kinds.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use waxseal::tree::{Attachment, ImageNode};
use waxseal::{CopiedImage, Copying, Error, ErrorKind, Finding, Loading, Saving, Verification};
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Policy, PublicKey, Repository, SignatureRequirement, TrustedKey};
use waxseal_oci::{Attached, ErrorKind as Store};
use waxseal_testkit::fixtures::{Expect, Kind, cases, saved};
use waxseal_testkit::layout::Layout;
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

use crate::{client, image, oci, tree};

fn both_kinds() -> [Registry; 2] {
    [Registry::start(), Registry::start().without_referrers_api()]
}

async fn save(job: &Saving, from: &str, directory: &Path) -> Result<CopiedImage, Error> {
    job.save(&client(), &from.parse().unwrap(), directory, &Finding::default()).await
}

async fn load(directory: &Path, to: &str) -> Result<CopiedImage, Error> {
    Loading::default().load(&client(), directory, &to.parse().unwrap(), &Finding::default()).await
}

/// What a signature by this key comes to.
async fn outcome(name: &str, key: &str) -> Outcome {
    let pem = fixtures::public_key_pem(key);
    let key = TrustedKey::new(key, PublicKey::from_pem(pem.as_bytes()).unwrap());
    let policy = Policy::requiring(SignatureRequirement::by(vec![key]).unwrap());
    Verification::new(policy, now()).verify(image(name).await).await.unwrap().outcome()
}

/// The digests of an image, of its images, and of everything that hangs on them, each with what it hangs on.
async fn digests(name: &str) -> BTreeSet<(Digest, Digest)> {
    fn attached(on: Digest, found: &[Attachment], all: &mut BTreeSet<(Digest, Digest)>) {
        for attachment in found {
            assert!(attachment.unreadable.is_empty(), "{attachment:?}");
            all.insert((on, attachment.digest));
            attached(attachment.digest, &attachment.attached, all);
        }
    }
    fn walk(node: &ImageNode, all: &mut BTreeSet<(Digest, Digest)>) {
        attached(node.digest, &node.attached, all);
        for image in &node.images {
            all.insert((node.digest, image.digest));
            walk(image, all);
        }
    }
    let tree = tree(name).await;
    assert!(tree.complete, "{name}");
    let mut all = BTreeSet::from([(tree.root.digest, tree.root.digest)]);
    walk(&tree.root, &mut all);
    all
}

/// An object of a registry, manifest or blob.
fn object(registry: &Registry, repository: &str, digest: &Digest) -> Option<Bytes> {
    let manifest = registry.manifest(repository, &digest.to_string()).map(|manifest| manifest.bytes);
    manifest.or_else(|| registry.blob(repository, digest))
}

#[tokio::test]
async fn every_layout_that_cosign_saved_loads_everywhere_and_verifies_there() {
    let registries = both_kinds();
    let directory = tempfile::tempdir().unwrap();
    let mut hanging = 0;
    for saved in saved() {
        let source = digests(&format!("oci:{}", saved.layout().display())).await;
        hanging += source.len();
        let mut places: Vec<String> =
            registries.iter().map(|registry| registry.image(&saved.id, "1.0")).collect();
        places.push(oci(&directory.path().join(&saved.id), "1.0"));
        let archive = directory.path().join(format!("{}.tar", saved.id));
        places.push(format!("oci-archive:{}:1.0", archive.display()));
        for place in places {
            let loaded = load(&saved.layout(), &place).await.unwrap();
            assert_eq!(loaded.copied.root.digest, saved.digest, "{place}");
            assert!(loaded.copied.rejected.is_empty(), "{place}");
            assert_eq!(digests(&place).await, source, "{place}");
            assert_eq!(outcome(&place, &saved.key).await, Outcome::Admit, "{place}");
        }
        // Not a byte of what cosign saved is left behind.
        for (digest, bytes) in Layout::read(&saved.layout()).objects() {
            for registry in &registries {
                assert_eq!(object(registry, &saved.id, &digest).as_ref(), Some(&bytes), "{}", saved.id);
            }
        }
    }
    assert!(hanging > 20, "{hanging}");
}

#[tokio::test]
async fn every_repository_that_cosign_wrote_is_saved_whole_and_loads_elsewhere() {
    let [with_api, without_api] = both_kinds();
    let directory = tempfile::tempdir().unwrap();
    let mut admitted = 0;
    for case in cases() {
        let (from, to) =
            if case.has_referrers_api() { (&with_api, &without_api) } else { (&without_api, &with_api) };
        let source = from.image(&case.id, &case.tag);
        from.push_layout(&case.layout(), &case.id);
        let path = directory.path().join(&case.id);
        let done = save(&Saving::default(), &source, &path).await.unwrap();
        assert_eq!(done.destination.digest(), &case.digest);
        let layout = oci(&path, &case.tag);
        let loaded = to.image(&format!("loaded/{}", case.id), &case.tag);
        load(&path, &loaded).await.unwrap();
        let (there, expected) = (digests(&source).await, outcome(&source, &case.key).await);
        for name in [&layout, &loaded] {
            assert_eq!(digests(name).await, there, "{name}");
            assert_eq!(outcome(name, &case.key).await, expected, "{name}");
        }
        let plain = case.kind == Kind::Signature && case.flags.is_empty();
        if plain && case.expect == Expect::Admit {
            assert_eq!(expected, Outcome::Admit, "{}", case.id);
            admitted += 1;
        }
        // Every object has the bytes that it had, and every one that hangs on the image is there.
        let objects = Layout::read(&path).objects();
        for (digest, bytes) in &objects {
            assert_eq!(object(from, &case.id, digest).as_ref(), Some(bytes), "{}", case.id);
            let repository = format!("loaded/{}", case.id);
            assert_eq!(object(to, &repository, digest).as_ref(), Some(bytes), "{}", case.id);
        }
        let saved: BTreeSet<Digest> = objects.iter().map(|(digest, _)| *digest).collect();
        assert!(there.iter().all(|(_, digest)| saved.contains(digest)), "{}", case.id);
    }
    assert!(admitted > 30, "{admitted}");
}

/// What cosign's readers of layouts look for: the kinds of the image and of what is attached to it by tag.
#[tokio::test]
async fn the_layout_has_cosigns_kinds_for_the_image_and_names_for_everything() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "app", "1.0");
    let beside = |digest: &Digest, kind: Attached| {
        let list = ImageBuilder::new().file("list", format!("{digest}{kind:?}")).build();
        let tag = kind.tag(digest).unwrap();
        list.push_to(&registry, "app", tag.as_str());
        tag.to_string()
    };
    let child = index.children[0].0.digest;
    let signatures = beside(&index.digest(), Attached::Signatures);
    let attestations = beside(&index.digest(), Attached::Attestations);
    let of_child = beside(&child, Attached::Signatures);
    let referrer = ImageBuilder::new().artifact("text/example").subject(index.descriptor()).build();
    referrer.push_untagged(&registry, "app");
    let directory = tempfile::tempdir().unwrap();
    save(&Saving::default(), &registry.image("app", "1.0"), directory.path()).await.unwrap();
    let layout = Layout::read(directory.path());
    let mut entries: Vec<_> = layout
        .entries()
        .iter()
        .map(|entry| {
            let annotation = |key: &str| entry.annotations.get(key).map_or("", String::as_str);
            let kind = annotation("kind").trim_start_matches("dev.cosignproject.cosign/");
            (annotation("org.opencontainers.image.ref.name").to_owned(), kind.to_owned())
        })
        .collect();
    entries.sort();
    let mut expected = [
        ("1.0", "imageIndex"),
        (signatures.as_str(), "sigs"),
        (attestations.as_str(), "atts"),
        (of_child.as_str(), ""),
        ("", ""),
    ]
    .map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    expected.sort();
    assert_eq!(entries, expected);
    let listed = layout.entries().iter().find(|entry| entry.digest == referrer.digest()).unwrap();
    assert_eq!(listed.artifact_type.as_deref(), Some("text/example"));
}

#[tokio::test]
async fn a_save_that_broke_off_lists_nothing_and_goes_on() {
    let registry = Registry::start();
    let image = (0..4).fold(ImageBuilder::new(), |image, seed| image.random_layer(1 << 16, seed)).build();
    image.push_to(&registry, "app", "1.0");
    let source = registry.image("app", "1.0");
    let directory = tempfile::tempdir().unwrap();
    let mut job = Saving::default();
    job.options.concurrency = 1;
    registry.rule(Match::get("/blobs/").after(2), Behaviour::status(503));
    let broken = save(&job, &source, directory.path()).await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Store(Store::ServerTrouble));
    let layout = Layout::read(directory.path());
    assert!(layout.entries().is_empty());
    assert_eq!(layout.objects().len(), 2);
    assert_eq!(load(directory.path(), &source).await.unwrap_err().kind(), ErrorKind::Store(Store::NotFound));
    registry.clear_rules();
    registry.clear_requests();
    let done = save(&job, &source, directory.path()).await.unwrap();
    assert_eq!((done.copied.blobs_there, done.copied.blobs), (2, 3));
    assert_eq!(registry.count("GET", "/blobs/"), 3);
    assert_eq!(Layout::read(directory.path()).tag("1.0"), Some(image.digest()));
    // Once more: nothing is fetched.
    registry.clear_requests();
    assert_eq!(save(&job, &source, directory.path()).await.unwrap().copied.blobs, 0);
    assert_eq!(registry.count("GET", "/blobs/"), 0);
}

/// Bytes that are cut, or that are others, are never saved; a blob that was damaged on disk is fetched again.
#[tokio::test]
async fn what_is_saved_has_its_digest() {
    let registry = Registry::start();
    let image = ImageBuilder::new().random_layer(1 << 16, 1).build();
    image.push_to(&registry, "app", "1.0");
    let source = registry.image("app", "1.0");
    let layer = image.blobs.iter().find(|(blob, _)| blob.size >= 1 << 16).unwrap();
    for lie in [Behaviour::TruncateAt(1_000), Behaviour::OtherBody(Bytes::from(vec![0; layer.1.len()]))] {
        let directory = tempfile::tempdir().unwrap();
        registry.rule(Match::get(format!("/blobs/{}", layer.0.digest)), lie);
        assert!(save(&Saving::default(), &source, directory.path()).await.is_err());
        let layout = Layout::read(directory.path());
        assert!(layout.entries().is_empty());
        assert!(layout.objects().iter().all(|(digest, _)| *digest != layer.0.digest));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3, "a temporary file is left");
        registry.clear_rules();
        save(&Saving::default(), &source, directory.path()).await.unwrap();
        let file = directory.path().join("blobs/sha256").join(layer.0.digest.hex());
        std::fs::write(&file, "damaged").unwrap();
        assert!(load(directory.path(), &registry.image("copy", "1.0")).await.is_err());
        save(&Saving::default(), &source, directory.path()).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), layer.1);
    }
}

#[tokio::test]
async fn loading_writes_blobs_first_and_the_tag_last() {
    for registry in both_kinds() {
        for saved in saved() {
            let to = registry.image(&saved.id, "1.0");
            registry.clear_requests();
            load(&saved.layout(), &to).await.unwrap();
            let lines = registry.lines();
            let puts: Vec<&String> =
                lines.iter().filter(|line| line.starts_with("PUT") && line.contains("/manifests/")).collect();
            assert!(puts.last().unwrap().ends_with("/manifests/1.0"), "{puts:?}");
            let last_blob =
                lines.iter().rposition(|line| line.starts_with('P') && line.contains("/blobs/")).unwrap();
            let first = lines.iter().position(|line| line == puts[0]).unwrap();
            assert!(last_blob < first, "{lines:?}");
        }
    }
}

#[tokio::test]
async fn of_several_images_the_digest_chooses() {
    let registry = Registry::start();
    let directory = tempfile::tempdir().unwrap();
    let images = ["1.0", "2.0"].map(|name| {
        let image = ImageBuilder::new().file("name", name).build();
        image.push_to(&registry, "app", name);
        image
    });
    for name in ["1.0", "2.0"] {
        save(&Saving::default(), &registry.image("app", name), directory.path()).await.unwrap();
    }
    let error = load(directory.path(), &registry.image("copy", "2.0")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(Store::InvalidName));
    assert!(error.to_string().contains(":1.0, :2.0"), "{error}");
    let by_digest = registry.image("copy", &images[1].digest().to_string());
    load(directory.path(), &by_digest).await.unwrap();
    assert_eq!(registry.manifests("copy"), [images[1].digest()]);
}

#[tokio::test]
async fn evidence_of_its_own_repository_is_saved_along_and_loaded_to_its_own_repository() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    image.push_to(&registry, "app", "1.0");
    let list = ImageBuilder::new().file("sig", "1").build();
    let tag = Attached::Signatures.tag(&image.digest()).unwrap();
    list.push_to(&registry, "evidence", tag.as_str());
    let finding = |path: &str| {
        let mut finding = Finding::default();
        finding.evidence_repository = Some(Repository::new(&registry.host(), path).unwrap());
        finding
    };
    let directory = tempfile::tempdir().unwrap();
    let from = registry.image("app", "1.0").parse().unwrap();
    Saving::default().save(&client(), &from, directory.path(), &finding("evidence")).await.unwrap();
    assert_eq!(Layout::read(directory.path()).tag(tag.as_str()), Some(list.digest()));
    let to = registry.image("copy", "1.0").parse().unwrap();
    Loading::default().load(&client(), directory.path(), &to, &finding("other")).await.unwrap();
    assert_eq!(registry.tags("copy"), ["1.0"]);
    assert_eq!(registry.tags("other"), [tag.as_str()]);
}

#[tokio::test]
async fn a_directory_that_is_no_layout_is_neither_saved_to_nor_loaded_from() {
    let registry = Registry::start();
    ImageBuilder::new().file("a", "1").build().push_to(&registry, "app", "1.0");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("notes"), "mine").unwrap();
    let name = registry.image("app", "1.0");
    for error in [
        save(&Saving::default(), &name, directory.path()).await.unwrap_err(),
        load(directory.path(), &name).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Store(Store::InvalidLayout));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// The only image of an archive of `docker save` keeps its tag.
#[tokio::test]
async fn an_archive_of_docker_save_can_be_copied_and_then_verified() {
    let directory = tempfile::tempdir().unwrap();
    let layer = Bytes::from(vec![0; 1024]);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&layer)
    );
    let list = r#"[{"Config":"config.json","RepoTags":["app:1.0"],"Layers":["a/layer.tar"]}]"#;
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in
        [("config.json", config.as_bytes()), ("a/layer.tar", &layer), ("manifest.json", list.as_bytes())]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    let archive = directory.path().join("saved.tar");
    std::fs::write(&archive, tar.into_inner().unwrap()).unwrap();
    let from = format!("docker-archive:{}", archive.display());
    let found = waxseal::Image::find(&client(), &from.parse().unwrap(), &Finding::default()).await;
    assert_eq!(found.unwrap_err().kind(), ErrorKind::Store(Store::Unsupported));
    let layout = format!("oci:{}", directory.path().join("layout").display());
    let job = Copying::default();
    let copied = job
        .copy(&client(), &from.parse().unwrap(), &layout.parse().unwrap(), &Finding::default())
        .await
        .unwrap();
    assert_eq!(copied.tag.unwrap().as_str(), "1.0");
    assert_eq!(image(&layout).await.digest(), copied.destination.digest());
    let mut platform = Copying::default();
    platform.options.platforms = waxseal_oci::transfer::Platforms::Only("linux/arm64".parse().unwrap());
    let other = format!("oci:{}", directory.path().join("other").display());
    let refused =
        platform.copy(&client(), &from.parse().unwrap(), &other.parse().unwrap(), &Finding::default()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Store(Store::NotFound));
}
