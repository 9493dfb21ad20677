//! Writing into layout directories: whole or not at all, and nobody's entry is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::registry::TagChange;
use waxseal_oci::{Attached, BlobStream, Error, ErrorKind, Fetched, Layout, LocalName, Look, Store, Which};
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder};

fn manifest(image: &BuiltImage) -> Fetched {
    let (descriptor, bytes) = &image.manifest;
    Fetched::of(descriptor.media_type.clone(), bytes.clone())
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn index(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join("index.json")).unwrap()).unwrap()
}

/// Every name below the directory, temporary files included.
fn names(directory: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(current) = open.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                names.insert(path.strip_prefix(directory).unwrap().display().to_string());
            }
        }
    }
    names
}

async fn put(layout: &Layout, image: &BuiltImage, name: Option<&str>) {
    for (descriptor, bytes) in &image.blobs {
        layout.put_blob(descriptor, bytes.clone()).await.unwrap();
    }
    layout.put_image(&manifest(image), name.map(tag).as_ref()).await.unwrap();
}

#[tokio::test]
async fn a_new_layout_holds_what_was_put_in_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/layout");
    let image = ImageBuilder::new().file("hello", "world").build();
    let layout = Layout::create(&path).await.unwrap();
    put(&layout, &image, Some("1.0")).await;
    let mut expected: BTreeSet<String> = ["index.json".to_owned(), "oci-layout".to_owned()].into();
    let digests = image.blobs.iter().map(|(blob, _)| blob.digest).chain([image.digest()]);
    expected.extend(digests.map(|digest| format!("blobs/sha256/{}", digest.hex())));
    assert_eq!(names(&path), expected);
    let layout = Layout::open(&path).await.unwrap();
    let (pinned, _) = layout.resolve(&LocalName::Only, None).await.unwrap();
    assert_eq!(pinned.to_string(), format!("oci:{}@{}", path.display(), image.digest()));
    for (descriptor, bytes) in &image.blobs {
        assert!(layout.has_blob(descriptor).await.unwrap());
        assert_eq!(layout.blob(descriptor, 1 << 20).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_directory_of_other_things_does_not_become_a_layout() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Layout::create(directory.path()).await.is_ok());
    assert!(Layout::create(directory.path()).await.is_ok());
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.txt"), "").unwrap();
    let error = Layout::create(other.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidLayout);
    assert_eq!(names(other.path()).len(), 1);
    let file = other.path().join("thesis.txt");
    assert_eq!(Layout::open(&file).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    let missing = other.path().join("missing");
    assert_eq!(Layout::open(&missing).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_blob_that_breaks_off_or_is_another_one_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let before = names(directory.path());
    let descriptor = Descriptor::of("t", "abcd");
    let pieces = |pieces: Vec<Result<&'static str, ErrorKind>>| {
        let pieces = pieces.into_iter().map(|piece| match piece {
            Ok(text) => Ok(Bytes::from_static(text.as_bytes())),
            Err(kind) => Err(Error::new(kind, "broke")),
        });
        BlobStream::new(descriptor.clone(), stream::iter(pieces.collect::<Vec<_>>()))
    };
    for (stream, kind) in [
        (pieces(vec![Ok("ab"), Err(ErrorKind::Transport)]), ErrorKind::Transport),
        (pieces(vec![Ok("ab"), Ok("cx")]), ErrorKind::DigestMismatch),
        (pieces(vec![Ok("ab")]), ErrorKind::SizeMismatch),
        (pieces(vec![Ok("abcde")]), ErrorKind::SizeMismatch),
    ] {
        assert_eq!(layout.put_blob_stream(stream).await.unwrap_err().kind(), kind);
        assert_eq!(names(directory.path()), before);
    }
    layout.put_blob_stream(pieces(vec![Ok("ab"), Ok("cd")])).await.unwrap();
    assert_eq!(names(directory.path()).len(), before.len() + 1);
}

#[tokio::test]
async fn a_damaged_blob_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let descriptor = Descriptor::of("t", "abcd");
    layout.put_blob(&descriptor, Bytes::from_static(b"abcd")).await.unwrap();
    let path = directory.path().join("blobs/sha256").join(descriptor.digest.hex());
    fs::write(&path, "abcx").unwrap();
    assert!(!layout.has_blob(&descriptor).await.unwrap());
    layout.put_blob(&descriptor, Bytes::from_static(b"abcd")).await.unwrap();
    assert!(layout.has_blob(&descriptor).await.unwrap());
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_old_index() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let first = ImageBuilder::new().file("a", "1").build();
    put(&layout, &first, Some("1.0")).await;
    let before = fs::read(directory.path().join("index.json")).unwrap();
    // No subject, so it cannot be listed as a referrer.
    let second = ImageBuilder::new().file("a", "2").build();
    assert_eq!(layout.put_referrer(&manifest(&second)).await.unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(fs::read(directory.path().join("index.json")).unwrap(), before);
    // A crash between the temporary file and its name: what it left is in nobody's way.
    fs::write(directory.path().join(".waxseal-0000000000000000.tmp"), "{\"schemaVer").unwrap();
    let layout = Layout::open(directory.path()).await.unwrap();
    assert_eq!(*layout.resolve(&LocalName::Only, None).await.unwrap().0.digest(), first.digest());
    put(&layout, &second, Some("2.0")).await;
    assert_eq!(layout.tags().await.unwrap(), [tag("1.0"), tag("2.0")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_of_writers_at_the_same_time_all_survive() {
    let directory = tempfile::tempdir().unwrap();
    Layout::create(directory.path()).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..8 {
        let path = directory.path().to_owned();
        writers.push(tokio::spawn(async move {
            let layout = Layout::open(&path).await.unwrap();
            for number in 0..8 {
                let name = format!("{writer}.{number}");
                let image = ImageBuilder::new().file("name", name.clone()).build();
                put(&layout, &image, Some(&name)).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let layout = Layout::open(directory.path()).await.unwrap();
    assert_eq!(layout.tags().await.unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_tag_at_the_same_time_are_all_made() {
    let directory = tempfile::tempdir().unwrap();
    Layout::create(directory.path()).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let path = directory.path().to_owned();
        writers.push(tokio::spawn(async move {
            let store = Store::from(Layout::open(&path).await.unwrap());
            let change = |standing: Option<Fetched>| async move {
                let mut names: Vec<String> = match standing {
                    Some(standing) => {
                        let json: Value = serde_json::from_slice(&standing.bytes).unwrap();
                        serde_json::from_value(json["annotations"]["names"].clone()).map_or_else(
                            |_| Vec::new(),
                            |names: String| names.split(',').map(ToOwned::to_owned).collect(),
                        )
                    }
                    None => Vec::new(),
                };
                names.push(writer.to_string());
                let image = ImageBuilder::new().annotation("names", &names.join(",")).build();
                let (descriptor, bytes) = image.manifest;
                Ok(TagChange::Write { bytes, media_type: descriptor.media_type })
            };
            store.update_tag(&tag("shared"), change, |_| true).await.unwrap()
        }));
    }
    for writer in writers {
        assert!(writer.await.unwrap().written);
    }
    let layout = Layout::open(directory.path()).await.unwrap();
    let Look::Found(found) = layout.manifest(&Which::Tag(tag("shared"))).await else { panic!("no tag") };
    let json: Value = serde_json::from_slice(&found.bytes).unwrap();
    assert_eq!(json["annotations"]["names"].as_str().unwrap().split(',').count(), 4);
}

#[tokio::test]
async fn what_others_wrote_into_the_index_survives() {
    let directory = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().file("a", "1").build();
    image.write_layout(directory.path(), "1.0");
    let path = directory.path().join("index.json");
    let mut before = index(directory.path());
    before["annotations"] = json!({"made": "by others"});
    before["x-number"] = serde_json::from_str("12345678901234567890123").unwrap_or(json!(1));
    before["manifests"][0]["x-member"] = json!({"kept": [1, 2.50]});
    before["manifests"][0]["annotations"]["theirs"] = json!("kept");
    let text = before.to_string().replace("[1,2.5]", "[1,2.50]");
    fs::write(&path, text).unwrap();
    let layout = Layout::open(directory.path()).await.unwrap();
    put(&layout, &ImageBuilder::new().file("a", "2").build(), Some("2.0")).await;
    put(&layout, &image, Some("1.0")).await;
    let after = index(directory.path());
    assert_eq!(after["annotations"], before["annotations"]);
    assert_eq!(after["manifests"][0]["x-member"], before["manifests"][0]["x-member"]);
    assert_eq!(after["manifests"][0]["annotations"]["theirs"], "kept");
    assert_eq!(after["manifests"][0]["annotations"]["kind"], "dev.cosignproject.cosign/image");
    assert!(fs::read_to_string(&path).unwrap().contains("2.50"));
}

#[tokio::test]
async fn entries_have_the_kinds_that_cosign_looks_for() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let image = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let signature = |text: &str| manifest(&ImageBuilder::new().file("sig", text.to_owned()).build());
    let root = Attached::Signatures.tag(&image.digest()).unwrap();
    let child = Attached::Signatures.tag(&image.children[0].0.digest).unwrap();
    let statement = Attached::Attestations.tag(&image.digest()).unwrap();
    // One before the image is there, two after it.
    layout.put_manifest(&signature("root"), Some(&root)).await.unwrap();
    layout.put_image(&manifest(&image), None).await.unwrap();
    layout.put_manifest(&signature("child"), Some(&child)).await.unwrap();
    layout.put_manifest(&signature("statement"), Some(&statement)).await.unwrap();
    let kinds: Vec<(String, String)> = index(directory.path())["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let annotation = |key: &str| entry["annotations"][key].as_str().unwrap_or("-").to_owned();
            (annotation("org.opencontainers.image.ref.name"), annotation("kind"))
        })
        .collect();
    let cosign = |kind: &str| format!("dev.cosignproject.cosign/{kind}");
    assert_eq!(
        kinds,
        [
            (root.to_string(), cosign("sigs")),
            ("-".to_owned(), cosign("imageIndex")),
            (child.to_string(), "-".to_owned()),
            (statement.to_string(), cosign("atts")),
        ]
    );
    assert_eq!(*layout.resolve(&LocalName::Only, None).await.unwrap().0.digest(), image.digest());
}

/// A manifest that refers to `subject`.
fn referrer(subject: &Descriptor) -> Fetched {
    let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let text = json!({
        "schemaVersion": 2, "mediaType": media_type, "artifactType": "application/example",
        "config": empty, "layers": [empty],
        "subject": {"mediaType": subject.media_type, "digest": subject.digest.to_string(), "size": subject.size},
    })
    .to_string();
    Fetched::of(media_type, Bytes::from(text))
}

fn kinds(directory: &Path) -> Vec<Option<String>> {
    let entries = index(directory)["manifests"].clone();
    entries.as_array().unwrap().iter().map(|e| e["annotations"]["kind"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_image_of_another_tool_gets_its_kind_with_the_first_signature() {
    let image = ImageBuilder::new().file("a", "1").build();
    let other = ImageBuilder::new().file("a", "2").build();
    let signature = manifest(&ImageBuilder::new().file("sig", "1").build());
    let signatures = |image: &BuiltImage| Attached::Signatures.tag(&image.digest()).unwrap();
    let (of_image, of_signatures) =
        (Some("dev.cosignproject.cosign/image".to_owned()), Some("dev.cosignproject.cosign/sigs".to_owned()));

    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let layout = Layout::open(directory.path()).await.unwrap();
    layout.put_manifest(&signature, Some(&signatures(&image))).await.unwrap();
    assert_eq!(kinds(directory.path()), [of_image.clone(), of_signatures.clone()]);

    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let layout = Layout::open(directory.path()).await.unwrap();
    layout.put_referrer(&referrer(&image.manifest.0)).await.unwrap();
    assert_eq!(kinds(directory.path()), [of_image.clone(), None]);

    // As go-containerregistry writes it: the configuration's type as artifact type.
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let mut json = index(directory.path());
    json["manifests"][0]["artifactType"] = json!("application/vnd.oci.image.config.v1+json");
    fs::write(directory.path().join("index.json"), json.to_string()).unwrap();
    let layout = Layout::open(directory.path()).await.unwrap();
    layout.put_manifest(&signature, Some(&signatures(&image))).await.unwrap();
    assert_eq!(kinds(directory.path()), [of_image.clone(), of_signatures.clone()]);

    // A layout has one image for cosign: a signature beside another image changes nothing.
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let layout = Layout::open(directory.path()).await.unwrap();
    layout.put_manifest(&signature, Some(&signatures(&other))).await.unwrap();
    assert_eq!(kinds(directory.path()), [None, None]);
    put(&layout, &other, Some("2.0")).await;
    layout.put_referrer(&referrer(&image.manifest.0)).await.unwrap();
    assert_eq!(kinds(directory.path()), [None, of_signatures, of_image.clone(), None]);

    // What refers to a referrer does not make that an image.
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let first = referrer(&image.manifest.0);
    layout.put_referrer(&first).await.unwrap();
    layout.put_referrer(&referrer(&first.descriptor)).await.unwrap();
    assert_eq!(kinds(directory.path()), [None, None]);
}

#[tokio::test]
async fn a_signature_that_replaces_a_nameless_one_of_cosign_is_the_only_one() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let image = ImageBuilder::new().file("a", "1").build();
    put(&layout, &image, None).await;
    let signature = |text: &str| ImageBuilder::new().file("sig", text.to_owned()).build();
    signature("old").write_layout_untagged(directory.path());
    let path = directory.path().join("index.json");
    let mut json = index(directory.path());
    json["manifests"][1]["annotations"] = json!({"kind": "dev.cosignproject.cosign/sigs"});
    fs::write(&path, json.to_string()).unwrap();
    let tag = Attached::Signatures.tag(&image.digest()).unwrap();
    let digest = |look: Look<Fetched>| look.required(String::new).unwrap().descriptor.digest;
    let look = layout.manifest(&Which::Tag(tag.clone())).await;
    assert_eq!(digest(look), signature("old").digest());
    layout.put_manifest(&manifest(&signature("new")), Some(&tag)).await.unwrap();
    assert_eq!(digest(layout.manifest(&Which::Tag(tag)).await), signature("new").digest());
    assert_eq!(index(directory.path())["manifests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn names_of_other_tools_are_understood() {
    for (key, name, identity) in [
        ("org.opencontainers.image.ref.name", "1.0", None),
        (
            "org.opencontainers.image.ref.name",
            "registry.example.com/app:1.0",
            Some("registry.example.com/app"),
        ),
        ("org.opencontainers.image.ref.name", "team/app:1.0", None),
        ("io.containerd.image.name", "docker.io/library/app:1.0", Some("docker.io/library/app")),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new().file("a", "1").build();
        image.write_layout(directory.path(), "other");
        ImageBuilder::new().file("a", "2").build().write_layout(directory.path(), "2.0");
        let mut json = index(directory.path());
        json["manifests"][0]["annotations"] = json!({ key: name });
        fs::write(directory.path().join("index.json"), json.to_string()).unwrap();
        let layout = Layout::open(directory.path()).await.unwrap();
        let (pinned, _) = layout.resolve(&LocalName::Tag(tag("1.0")), None).await.unwrap();
        assert_eq!(*pinned.digest(), image.digest());
        assert_eq!(pinned.repository().map(ToString::to_string).as_deref(), identity, "{name}");
        let given = "other.example.com/app".parse().unwrap();
        let (pinned, _) = layout.resolve(&LocalName::Tag(tag("1.0")), Some(&given)).await.unwrap();
        assert_eq!(pinned.repository(), Some(&given));
        let error = layout.resolve(&LocalName::Only, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName);
        assert!(error.to_string().contains(":1.0, :2.0"), "{error}");
        let error = layout.resolve(&LocalName::Tag(tag("3.0")), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).await.unwrap();
    let image = ImageBuilder::new().file("a", "1").build();
    put(&layout, &image, Some("1.0")).await;
    let referrer = ImageBuilder::new().artifact("text/example").subject(image.descriptor()).build();
    for (descriptor, bytes) in &referrer.blobs {
        layout.put_blob(descriptor, bytes.clone()).await.unwrap();
    }
    layout.put_referrer(&manifest(&referrer)).await.unwrap();
    let count = |look: Look<waxseal_oci::Referrers>| look.required(String::new).unwrap().descriptors.len();
    assert_eq!(count(layout.referrers(&image.digest()).await), 1);
    layout.delete_manifest(&referrer.digest()).await.unwrap();
    assert_eq!(count(layout.referrers(&image.digest()).await), 0);
    assert!(matches!(layout.manifest(&Which::Digest(referrer.digest())).await, Look::Absent));
    assert!(matches!(layout.manifest(&Which::Digest(Digest::of("?"))).await, Look::Absent));
}
