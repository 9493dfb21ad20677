//! Writing archives: equal bytes for equal content, nothing visible before it is whole, nobody overwritten.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use waxseal_core::digest::Algorithm;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::{Archive, BlobStream, Error, ErrorKind, Fetched, LocalName, Look, Which};
use waxseal_testkit::{BuiltImage, ImageBuilder};

fn manifest(image: &BuiltImage) -> Fetched {
    let (descriptor, bytes) = &image.manifest;
    Fetched::of(descriptor.media_type.clone(), bytes.clone())
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn image(text: &str) -> BuiltImage {
    ImageBuilder::new().file("name", text.to_owned()).build()
}

async fn put(archive: &Archive, image: &BuiltImage, name: &str) {
    for (descriptor, bytes) in &image.blobs {
        archive.put_blob(descriptor, bytes.clone()).await.unwrap();
    }
    archive.put_image(&manifest(image), Some(&tag(name))).await.unwrap();
}

async fn written(path: &Path, name: &str) -> Archive {
    let archive = Archive::create(path).await.unwrap();
    put(&archive, &image(name), name).await;
    archive.commit().await.unwrap();
    archive
}

async fn tags(path: &Path) -> Vec<String> {
    let tags = Archive::open(path).await.unwrap().tags().await.unwrap();
    tags.iter().map(ToString::to_string).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn equal_content_gives_equal_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1.tar"), directory.path().join("2.tar"));
    written(&first, "1.0").await;
    written(&second, "1.0").await;
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!(names(directory.path()), ["1.tar", "2.tar"]);
}

#[tokio::test]
async fn other_readers_of_tar_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    let archive = written(&path, "1.0").await;
    let long = Digest::of_with(Algorithm::Sha512, "long");
    archive.put_blob(&Descriptor::new("t", long, 4), Bytes::from_static(b"long")).await.unwrap();
    archive.commit().await.unwrap();
    let mut tar = tar::Archive::new(fs::File::open(&path).unwrap());
    let mut found = Vec::new();
    for entry in tar.entries().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        assert_eq!(entry.header().mode().unwrap(), 0o644);
        assert_eq!(entry.header().uid().unwrap(), 0);
        found.push(entry.path().unwrap().display().to_string());
    }
    assert_eq!(found.last().map(String::as_str), Some("index.json"));
    assert!(found.contains(&"oci-layout".to_owned()));
    assert!(found.contains(&format!("blobs/sha512/{}", long.hex())));
    assert_eq!(found.len(), 2 + 3 + 1);
    let read = Archive::open(&path).await.unwrap();
    assert_eq!(read.blob(&Descriptor::new("t", long, 4), 4).await.unwrap(), "long");
}

#[tokio::test]
async fn nothing_is_visible_before_it_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    let archive = Archive::create(&path).await.unwrap();
    put(&archive, &image("1.0"), "1.0").await;
    assert!(!path.exists());
    let (pinned, _) = archive.resolve(&LocalName::Only, None).await.unwrap();
    assert_eq!(*pinned.digest(), image("1.0").digest());
    drop(archive);
    assert_eq!(names(directory.path()), Vec::<String>::new());
    written(&path, "1.0").await;
    let before = fs::read(&path).unwrap();
    let archive = Archive::open(&path).await.unwrap();
    put(&archive, &image("2.0"), "2.0").await;
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(archive.tags().await.unwrap(), [tag("1.0"), tag("2.0")]);
    drop(archive);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(directory.path()), ["image.tar"]);
}

#[tokio::test]
async fn an_archive_is_added_to_more_than_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    let archive = written(&path, "1.0").await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let archive_again = Archive::open(&path).await.unwrap();
    drop(archive);
    put(&archive_again, &image("2.0"), "2.0").await;
    archive_again.commit().await.unwrap();
    let referrer = ImageBuilder::new().artifact("text/example").subject(image("1.0").descriptor()).build();
    for (descriptor, bytes) in &referrer.blobs {
        archive_again.put_blob(descriptor, bytes.clone()).await.unwrap();
    }
    archive_again.put_referrer(&manifest(&referrer)).await.unwrap();
    archive_again.commit().await.unwrap();
    archive_again.commit().await.unwrap();
    assert_eq!(tags(&path).await, ["1.0", "2.0"]);
    let read = Archive::open(&path).await.unwrap();
    let found = read.referrers(&image("1.0").digest()).await.required(String::new).unwrap();
    assert_eq!(found.descriptors.len(), 1);
    assert_eq!(found.descriptors[0].artifact_type.as_deref(), Some("text/example"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn files_of_others_in_an_archive_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    written(&path, "1.0").await;
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 1024);
    let mut builder = tar::Builder::new(bytes);
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_cksum();
    builder.append_data(&mut header, "manifest.json", &b"[]"[..]).unwrap();
    fs::write(&path, builder.into_inner().unwrap()).unwrap();
    let archive = Archive::open(&path).await.unwrap();
    put(&archive, &image("2.0"), "2.0").await;
    archive.commit().await.unwrap();
    let mut tar = tar::Archive::new(fs::File::open(&path).unwrap());
    let names: Vec<String> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert!(names.contains(&"manifest.json".to_owned()));
    assert_eq!(names.iter().filter(|name| *name == "index.json").count(), 1);
}

#[tokio::test]
async fn a_blob_that_breaks_off_leaves_a_good_archive() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    let archive = written(&path, "1.0").await;
    let large = Bytes::from(vec![7; 1 << 20]);
    let descriptor = Descriptor::of("t", &large);
    for (pieces, kind) in [
        (vec![Ok(large.slice(..1000)), Err(Error::new(ErrorKind::Transport, "x"))], ErrorKind::Transport),
        (vec![Ok(large.slice(1..))], ErrorKind::SizeMismatch),
        (vec![Ok(Bytes::from(vec![8; 1 << 20]))], ErrorKind::DigestMismatch),
    ] {
        let stream = BlobStream::new(descriptor.clone(), stream::iter(pieces));
        assert_eq!(archive.put_blob_stream(stream).await.unwrap_err().kind(), kind);
        assert!(!archive.has_blob(&descriptor).await.unwrap());
    }
    put(&archive, &image("2.0"), "2.0").await;
    archive.put_blob(&descriptor, large.clone()).await.unwrap();
    archive.put_blob(&descriptor, large.clone()).await.unwrap();
    archive.commit().await.unwrap();
    let read = Archive::open(&path).await.unwrap();
    assert_eq!(read.blob(&descriptor, 1 << 20).await.unwrap(), large);
    assert_eq!(tags(&path).await, ["1.0", "2.0"]);
}

#[tokio::test]
async fn of_two_writers_the_second_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    written(&path, "1.0").await;
    let (first, second) = (Archive::open(&path).await.unwrap(), Archive::open(&path).await.unwrap());
    put(&first, &image("2.0"), "2.0").await;
    put(&second, &image("3.0"), "3.0").await;
    first.commit().await.unwrap();
    for _ in 0..2 {
        assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::LostUpdate);
    }
    assert_eq!(tags(&path).await, ["1.0", "2.0"]);
    let new = directory.path().join("new.tar");
    let (first, second) = (Archive::create(&new).await.unwrap(), Archive::create(&new).await.unwrap());
    put(&first, &image("1.0"), "1.0").await;
    put(&second, &image("2.0"), "2.0").await;
    first.commit().await.unwrap();
    assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::LostUpdate);
    assert_eq!(tags(&new).await, ["1.0"]);
    assert_eq!(names(directory.path()), ["image.tar", "new.tar"]);
}

#[tokio::test]
async fn a_commit_that_failed_is_tried_again_and_not_taken_for_done() {
    for more in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.tar");
        let archive = Archive::create(&path).await.unwrap();
        put(&archive, &image("1.0"), "1.0").await;
        fs::create_dir(&path).unwrap();
        for _ in 0..2 {
            assert_eq!(archive.commit().await.unwrap_err().kind(), ErrorKind::InvalidLayout);
        }
        // What was put in is still read, and more can be put in.
        assert_eq!(archive.tags().await.unwrap(), [tag("1.0")]);
        if more {
            put(&archive, &image("2.0"), "2.0").await;
        }
        fs::remove_dir(&path).unwrap();
        archive.commit().await.unwrap();
        assert_eq!(tags(&path).await, if more { vec!["1.0", "2.0"] } else { vec!["1.0"] });
        // There is nothing left to do.
        let before = fs::read(&path).unwrap();
        archive.commit().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(names(directory.path()), ["image.tar"]);
        let alone = directory.path().join("alone.tar");
        if !more {
            written(&alone, "1.0").await;
            assert_eq!(fs::read(&alone).unwrap(), before, "the same bytes as without the failure");
        }
    }
}

#[tokio::test]
async fn a_link_at_the_target_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real.tar"), directory.path().join("link.tar"));
    written(&real, "1.0").await;
    let before = fs::read(&real).unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(Archive::create(&link).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    let archive = Archive::open(&link).await.unwrap();
    put(&archive, &image("2.0"), "2.0").await;
    assert_eq!(archive.commit().await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    assert_eq!(fs::read(&real).unwrap(), before);
    let dangling = directory.path().join("dangling.tar");
    symlink(directory.path().join("nowhere.tar"), &dangling).unwrap();
    assert_eq!(Archive::create(&dangling).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    let archive = written(&path, "1.0").await;
    let referrer = ImageBuilder::new().artifact("text/example").subject(image("1.0").descriptor()).build();
    archive.put_referrer(&manifest(&referrer)).await.unwrap();
    archive.commit().await.unwrap();
    archive.delete_manifest(&referrer.digest()).await.unwrap();
    archive.commit().await.unwrap();
    let read = Archive::open(&path).await.unwrap();
    assert!(matches!(read.manifest(&Which::Digest(referrer.digest())).await, Look::Absent));
    let found = read.referrers(&image("1.0").digest()).await.required(String::new).unwrap();
    assert!(found.descriptors.is_empty());
    assert_eq!(tags(&path).await, ["1.0"]);
}

#[tokio::test]
async fn a_tag_is_replaced_only_if_it_has_not_moved() {
    let directory = tempfile::tempdir().unwrap();
    let archive = written(&directory.path().join("image.tar"), "1.0").await;
    let (old, new) = (image("1.0").digest(), manifest(&image("2.0")));
    assert!(!archive.replace_tag(&new, &tag("1.0"), None).await.unwrap());
    assert!(!archive.replace_tag(&new, &tag("1.0"), Some(Digest::of("?"))).await.unwrap());
    assert!(archive.replace_tag(&new, &tag("1.0"), Some(old)).await.unwrap());
    assert!(archive.replace_tag(&new, &tag("new"), None).await.unwrap());
}
