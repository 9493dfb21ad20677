//! Layouts that images are saved in: what cosign finds there, what a killed program leaves, and what stays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use waxseal_core::reference::Tag;
use waxseal_oci::transfer::{self, Options};
use waxseal_oci::{Attached, ErrorKind, Layout, LocalName, Location, Store, Which};
use waxseal_testkit::{BuiltImage, ImageBuilder, fixtures};

const PREFIX: &str = "dev.cosignproject.cosign/";

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// What cosign reads: digest and kind of each entry that has one, in order.
fn kinds(directory: &Path) -> Vec<(String, String)> {
    let json: Value = serde_json::from_slice(&fs::read(directory.join("index.json")).unwrap()).unwrap();
    let entries = json["manifests"].as_array().unwrap();
    let kind = |entry: &Value| {
        let kind = entry["annotations"]["kind"].as_str()?.strip_prefix(PREFIX)?.to_owned();
        Some((entry["digest"].as_str()?.to_owned(), kind))
    };
    entries.iter().filter_map(kind).collect()
}

/// A layout with an image under a tag and a list of signatures beside it.
fn source(directory: &Path, content: &str, name: &str) -> (BuiltImage, BuiltImage) {
    let image = ImageBuilder::new().file("a", content.to_owned()).build();
    image.write_layout(directory, name);
    let list = ImageBuilder::new().file("sig", content.to_owned()).build();
    list.write_layout(directory, Attached::Signatures.tag(&image.digest()).unwrap().as_str());
    (image, list)
}

async fn save(from: &Path, to: &Path, name: &str) {
    let from = Store::from(Layout::open(from).await.unwrap());
    let to = Store::from(Layout::create(to).await.unwrap());
    transfer::copy(&from, &Which::Tag(tag(name)), &to, Some(&tag(name)), &Options::default()).await.unwrap();
}

#[tokio::test]
async fn when_a_tag_moves_cosign_finds_the_signatures_of_the_new_image() {
    let (first, second, to) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    source(first.path(), "1", "1.0");
    let (image, list) = source(second.path(), "2", "1.0");
    save(first.path(), to.path(), "1.0").await;
    save(second.path(), to.path(), "1.0").await;
    let mut found = kinds(to.path());
    found.sort();
    let mut expected = vec![
        (image.digest().to_string(), "image".to_owned()),
        (list.digest().to_string(), "sigs".to_owned()),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn signatures_that_cosign_saved_stay_those_of_their_image() {
    let saved = fixtures::saved().into_iter().find(|saved| saved.id == "mixed-3x").unwrap();
    let to = tempfile::tempdir().unwrap();
    copy_files(&saved.layout(), to.path());
    let other = tempfile::tempdir().unwrap();
    source(other.path(), "other", "2.0");
    save(other.path(), to.path(), "2.0").await;
    let layout = Layout::open(to.path()).await.unwrap();
    for kind in [Attached::Signatures, Attached::Attestations] {
        let name = kind.tag(&saved.digest).unwrap();
        let found = layout.resolve(&LocalName::Tag(name.clone()), None).await;
        assert!(found.is_ok(), "{name}: {found:?}");
    }
    let location: Location = format!("oci:{}", to.path().display()).parse().unwrap();
    let error = Store::from(layout).resolve(&location, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidName);
}

#[tokio::test]
async fn what_a_killed_program_left_is_removed_and_what_another_writes_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (left, used) =
        (directory.path().join(".waxseal-0123456789abcdef.tmp"), directory.path().join(".waxseal-used.tmp"));
    fs::write(&left, "half a blob").unwrap();
    fs::write(&used, "half a blob").unwrap();
    let writer = fs::File::open(&used).unwrap();
    writer.lock().unwrap();
    // Killed before the marker file was written.
    fs::write(
        directory.path().join("index.json"),
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
    )
    .unwrap();
    Layout::create(directory.path()).await.unwrap();
    assert!(!left.exists() && used.exists());
    drop(writer);
    Layout::create(directory.path()).await.unwrap();
    assert!(!used.exists());
}

#[tokio::test]
async fn a_directory_with_anything_else_is_refused() {
    for (name, text) in [
        ("notes.txt", "mine"),
        ("index.json", "{}"),
        ("index.json", r#"{"schemaVersion":2,"manifests":[]}"#),
        (".waxseal-notes", "mine"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), text).unwrap();
        let error = Layout::create(directory.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLayout, "{name} {text}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
