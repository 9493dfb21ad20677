//! The layouts that cosign wrote, and dumps of the repositories that it wrote to: all of them open, and everything
//! that is attached to an image is found.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use waxseal_core::Digest;
use waxseal_oci::{Attached, ErrorKind, Layout, LocalName, Location, Look, Store};
use waxseal_testkit::fixtures;
use waxseal_testkit::layout::Layout as Files;

/// Every manifest with a subject, found by reading the files without waxseal.
fn subjects(files: &Files) -> BTreeMap<String, BTreeSet<String>> {
    let mut subjects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (digest, bytes) in files.objects() {
        let Ok(json) = serde_json::from_slice::<Value>(&bytes) else { continue };
        if let Some(subject) = json["subject"]["digest"].as_str() {
            subjects.entry(subject.to_owned()).or_default().insert(digest.to_string());
        }
    }
    subjects
}

async fn found(layout: &Layout, subject: &Digest) -> BTreeSet<String> {
    match layout.referrers(subject).await {
        Look::Found(found) => found.descriptors.iter().map(|found| found.digest.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_repository_is_read_with_its_tags_and_referrers() {
    let cases = fixtures::cases();
    assert_eq!(cases.len(), 81);
    let mut referrers = 0;
    for case in cases {
        let path = fixtures::path(&format!("cosign/{}", case.repository));
        let layout = Layout::open(&path).await.unwrap();
        let files = Files::read(&path);
        let tags = layout.tags().await.unwrap();
        assert!(tags.iter().any(|tag| tag.as_str() == case.tag), "{}", case.id);
        let name = LocalName::Tag(case.tag.parse().unwrap());
        let (pinned, manifest) = layout.resolve(&name, None).await.unwrap();
        assert_eq!(*pinned.digest(), case.digest, "{}", case.id);
        assert!(manifest.descriptor.matches(&manifest.bytes));
        let subjects = subjects(&files);
        for (subject, expected) in &subjects {
            assert_eq!(found(&layout, &subject.parse().unwrap()).await, *expected, "{}", case.id);
            referrers += expected.len();
        }
        for (digest, _) in files.objects() {
            if !subjects.contains_key(&digest.to_string()) {
                assert_eq!(found(&layout, &digest).await, BTreeSet::new(), "{}", case.id);
            }
        }
    }
    assert!(referrers > 20, "{referrers}");
}

#[tokio::test]
async fn the_image_of_a_repository_is_the_one_that_is_not_attached_to_another() {
    for case in fixtures::cases() {
        let path = fixtures::path(&format!("cosign/{}", case.repository));
        let layout = Layout::open(&path).await.unwrap();
        match layout.resolve(&LocalName::Only, None).await {
            Ok((pinned, _)) => assert_eq!(*pinned.digest(), case.digest, "{}", case.id),
            // Some hold a second image.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidName, "{}", case.id);
                assert!(error.to_string().contains(&format!(":{}", case.tag)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn every_saved_layout_is_read_with_referrers_that_it_does_not_list() {
    let mut orphans = 0;
    for saved in fixtures::saved() {
        let path = fixtures::path(&format!("cosign/{}", saved.layout));
        let location: Location = format!("oci:{}", path.display()).parse().unwrap();
        let store = Store::open_local(&location).await.unwrap().unwrap();
        let resolved = store.resolve(&location, None).await.unwrap();
        assert_eq!(*resolved.pinned.digest(), saved.digest, "{}", saved.id);
        let files = Files::read(&path);
        let listed: BTreeSet<String> = files.entries().iter().map(|entry| entry.digest.to_string()).collect();
        for (subject, expected) in subjects(&files) {
            let layout = Layout::open(&path).await.unwrap();
            assert_eq!(found(&layout, &subject.parse().unwrap()).await, expected, "{}", saved.id);
            orphans += expected.difference(&listed).count();
        }
    }
    assert!(orphans >= 4, "{orphans}");
}

/// `cosign save` gives what stood under a tag a kind, and no name.
#[tokio::test]
async fn what_was_attached_by_tag_is_found_by_its_kind() {
    let mut tags = 0;
    for saved in fixtures::saved() {
        let path = fixtures::path(&format!("cosign/{}", saved.layout));
        let layout = Layout::open(&path).await.unwrap();
        let files = Files::read(&path);
        for (kind, word) in [(Attached::Signatures, "sigs"), (Attached::Attestations, "atts")] {
            let word = format!("dev.cosignproject.cosign/{word}");
            let entry = files.entries().iter().find(|entry| entry.annotations.get("kind") == Some(&word));
            let tag = kind.tag(&saved.digest).unwrap();
            match (layout.manifest(&tag.into()).await, entry) {
                (Look::Found(found), Some(entry)) => {
                    assert_eq!(found.descriptor.digest, entry.digest);
                    tags += 1;
                }
                (Look::Absent, None) => {}
                other => panic!("{}: {other:?}", saved.id),
            }
            let other = kind.tag(&Digest::of("another image")).unwrap();
            assert!(matches!(layout.manifest(&other.into()).await, Look::Absent));
        }
    }
    assert!(tags >= 5, "{tags}");
}
