//! Copies between registries of both kinds and layouts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use waxseal_core::reference::Tag;
use waxseal_core::{Digest, Repository};
use waxseal_oci::registry::Retries;
use waxseal_oci::transfer::{self, Attachments, Delivered, Options};
use waxseal_oci::{Attached, Client, ClientOptions, ErrorKind, Layout, Location, Store, Which};
use waxseal_testkit::layout::Layout as Files;
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn client() -> Client {
    let mut options = ClientOptions::default();
    options.retries = Retries::new(1, Duration::from_millis(1));
    Client::new(options).unwrap()
}

fn store(client: &Client, registry: &Registry, path: &str) -> Store {
    Store::from(client.repository(&Repository::new(&registry.host(), path).unwrap()))
}

async fn layout(path: &Path) -> Store {
    Store::from(Layout::create(path).await.unwrap())
}

async fn referrers(store: &Store, subject: &Digest) -> BTreeSet<Digest> {
    match store.referrers(subject).await {
        waxseal_oci::Look::Absent => BTreeSet::new(),
        look => look.required(String::new).unwrap().descriptors.iter().map(|found| found.digest).collect(),
    }
}

/// An index whose image and self have something attached in both ways.
fn image() -> (BuiltImage, Vec<BuiltImage>) {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let subjects = [index.descriptor(), index.children[0].0.clone()];
    let referrers = subjects
        .into_iter()
        .map(|subject| ImageBuilder::new().artifact("text/example").subject(subject).build())
        .collect();
    (index, referrers)
}

fn push(registry: &Registry, repository: &str) -> (BuiltImage, Vec<BuiltImage>) {
    let (index, referrers) = image();
    index.push_to(registry, repository, "1.0");
    for referrer in &referrers {
        referrer.push_untagged(registry, repository);
    }
    let name = Attached::Signatures.tag(&index.digest()).unwrap();
    ImageBuilder::new().file("sig", "x").build().push_to(registry, repository, name.as_str());
    (index, referrers)
}

#[tokio::test]
async fn everything_arrives_in_registries_with_and_without_referrers() {
    for with_api in [true, false] {
        let source = Registry::start();
        let target = if with_api { Registry::start() } else { Registry::start().without_referrers_api() };
        let (index, attached) = push(&source, "prod/app");
        let client = client();
        let (from, to) = (store(&client, &source, "prod/app"), store(&client, &target, "site/app"));
        let copied = transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default())
            .await
            .unwrap();
        assert_eq!((copied.root.digest, copied.attached), (index.digest(), 3));
        for (referrer, subject) in attached.iter().zip([index.digest(), index.children[0].0.digest]) {
            assert_eq!(referrers(&to, &subject).await, BTreeSet::from([referrer.digest()]), "{with_api}");
        }
        for (descriptor, bytes) in index.blobs.iter().chain(attached.iter().flat_map(|image| &image.blobs)) {
            assert_eq!(target.blob("site/app", &descriptor.digest).as_ref(), Some(bytes));
        }
        let name = Attached::Signatures.tag(&index.digest()).unwrap();
        assert!(target.tags("site/app").contains(&name.to_string()));
        // The tag of the image is written behind everything else.
        let lines = target.lines();
        let last = lines.iter().rfind(|line| line.starts_with("PUT")).unwrap();
        assert!(last.contains("/v2/site/app/manifests/1.0"), "{lines:?}");
    }
}

/// Some builders put what refers to an image into the index beside it.
#[tokio::test]
async fn a_referrer_that_is_an_image_of_the_index_too_is_listed() {
    let (source, target) = (Registry::start(), Registry::start().without_referrers_api());
    let image = ImageBuilder::new().file("a", "1").build();
    let referrer = ImageBuilder::new().artifact("text/example").subject(image.descriptor()).build();
    IndexBuilder::new().image(image.clone()).image(referrer.clone()).build().push_to(&source, "app", "1.0");
    let client = client();
    let (from, to) = (store(&client, &source, "app"), store(&client, &target, "app"));
    let name = tag("1.0");
    transfer::copy(&from, &name.clone().into(), &to, Some(&name), &Options::default()).await.unwrap();
    assert_eq!(referrers(&to, &image.digest()).await, BTreeSet::from([referrer.digest()]));
}

#[tokio::test]
async fn a_second_copy_sends_no_blob_and_moves_no_tag() {
    let (source, target) = (Registry::start(), Registry::start().with_immutable_tags(409));
    let _ = push(&source, "app");
    let client = client();
    let (from, to) = (store(&client, &source, "app"), store(&client, &target, "app"));
    let copy = || async {
        transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await.unwrap()
    };
    let first = copy().await;
    assert!(first.blobs > 0);
    target.clear_requests();
    let second = copy().await;
    assert_eq!((second.blobs, second.bytes), (0, 0));
    assert_eq!(second.blobs_there, first.blobs + first.blobs_there);
    assert_eq!(target.count("POST", "/blobs/"), 0);
    assert_eq!(target.count("PUT", "/manifests/1.0"), 0);
}

#[tokio::test]
async fn blobs_are_mounted_within_a_registry() {
    for mounts in [true, false] {
        let registry = Registry::start();
        let registry = if mounts { registry } else { registry.without_mounts() };
        let (index, _) = push(&registry, "staging/app");
        let client = client();
        let (from, to) = (store(&client, &registry, "staging/app"), store(&client, &registry, "prod/app"));
        let copied = transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default())
            .await
            .unwrap();
        assert_eq!(copied.bytes == 0, mounts);
        for (descriptor, bytes) in &index.blobs {
            assert_eq!(registry.blob("prod/app", &descriptor.digest).as_ref(), Some(bytes));
        }
    }
}

#[tokio::test]
async fn repositories_of_cosign_travel_to_a_layout_and_back() {
    for case in fixtures::cases().into_iter().step_by(4) {
        let path = fixtures::path(&format!("cosign/{}", case.repository));
        let directory = tempfile::tempdir().unwrap();
        let (source, target) = (Registry::start(), Registry::start());
        let source = if case.has_referrers_api() { source } else { source.without_referrers_api() };
        source.push_layout(&path, "app");
        let client = client();
        let (from, to) = (store(&client, &source, "app"), store(&client, &target, "app"));
        let between = layout(directory.path()).await;
        let which = Which::Tag(tag(&case.tag));
        let name = tag(&case.tag);
        for (from, to) in [(&from, &between), (&between, &to)] {
            let copied = transfer::copy(from, &which, to, Some(&name), &Options::default()).await.unwrap();
            assert_eq!(copied.root.digest, case.digest, "{}", case.id);
        }
        for (digest, bytes) in Files::read(directory.path()).objects() {
            let manifest = target.manifest("app", &digest.to_string()).map(|manifest| manifest.bytes);
            let found = manifest.or_else(|| target.blob("app", &digest));
            assert_eq!(found, Some(bytes), "{}", case.id);
            assert_eq!(referrers(&to, &digest).await, referrers(&from, &digest).await, "{}", case.id);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_listed_or_read_ends_the_copy() {
    let source = Registry::start();
    let (index, attached) = push(&source, "app");
    let client = client();
    let from = store(&client, &source, "app");
    let referrer = attached[0].digest();
    for (path, kind) in [
        ("/referrers/".to_owned(), ErrorKind::ServerTrouble),
        (format!("/manifests/{referrer}"), ErrorKind::ServerTrouble),
        (format!(".{}", "sig"), ErrorKind::ServerTrouble),
        (format!("/manifests/{}", index.children[1].0.digest), ErrorKind::ServerTrouble),
        (format!("/blobs/{}", index.blobs[0].0.digest), ErrorKind::ServerTrouble),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let to = layout(directory.path()).await;
        source.rule(Match::get(path.clone()), Behaviour::status(503));
        let copied =
            transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await;
        assert_eq!(copied.unwrap_err().kind(), kind, "{path}");
        assert!(to.tags().await.unwrap().is_empty(), "{path}");
        source.clear_rules();
        // Started again, it goes on.
        transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await.unwrap();
        assert!(to.tags().await.unwrap().contains(&tag("1.0")), "{path}");
    }
}

#[tokio::test]
async fn a_child_or_a_referrer_that_is_gone_ends_the_copy() {
    for attached in [false, true] {
        let source = Registry::start().without_referrers_api();
        let (index, referrers) = push(&source, "app");
        let gone = if attached { referrers[0].digest() } else { index.children[0].0.digest };
        if attached {
            // Without the API, the index at the fallback tag still lists it.
            let list = IndexBuilder::new().image(referrers[0].clone()).build();
            list.push_to(&source, "app", &format!("sha256-{}", index.digest().hex()));
        }
        source.remove_manifest("app", &gone);
        let directory = tempfile::tempdir().unwrap();
        let to = layout(directory.path()).await;
        let from = store(&client(), &source, "app");
        let copied =
            transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &Options::default()).await;
        assert_eq!(copied.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(to.tags().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_name_is_resolved_to_a_digest_once() {
    let registry = Registry::start();
    let (index, _) = push(&registry, "app");
    let store = store(&client(), &registry, "app");
    let by_tag: Location = registry.image("app", "1.0").parse().unwrap();
    let resolved = store.resolve(&by_tag, None).await.unwrap();
    assert_eq!(resolved.pinned.to_string(), format!("{}/app@{}", registry.host(), index.digest()));
    assert_eq!(resolved.manifest.bytes, index.manifest.1);
    // The digest wins over a tag that has moved.
    registry.tag("app", "1.0", &index.children[0].0.digest);
    let both: Location = format!("{by_tag}@{}", index.digest()).parse().unwrap();
    assert_eq!(*store.resolve(&both, None).await.unwrap().pinned.digest(), index.digest());
    let other: Location = registry.image("other", "1.0").parse().unwrap();
    assert_eq!(store.resolve(&other, None).await.unwrap_err().kind(), ErrorKind::InvalidName);
    let missing: Location = registry.image("app", "missing").parse().unwrap();
    assert_eq!(store.resolve(&missing, None).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_copy_made_again_writes_nothing_where_it_looks_first() {
    for with_api in [true, false] {
        let source = Registry::start();
        let target = if with_api { Registry::start() } else { Registry::start().without_referrers_api() };
        push(&source, "prod/app");
        let client = client();
        let (from, to) = (store(&client, &source, "prod/app"), store(&client, &target, "site/app"));
        let mut options = Options::default();
        options.look_first = true;
        let first = transfer::copy(&from, &tag("1.0").into(), &to, None, &options).await.unwrap();
        assert!(first.written >= first.manifests, "{first:?}");
        target.clear_requests();
        let again = transfer::copy(&from, &tag("1.0").into(), &to, None, &options).await.unwrap();
        assert_eq!((again.written, again.manifests), (0, first.manifests), "{with_api}");
        assert_eq!(target.count("PUT", "") + target.count("POST", ""), 0, "{:?}", target.lines());
    }
}

#[tokio::test]
async fn chosen_referrers_go_along_and_no_others() {
    let (source, target) = (Registry::start(), Registry::start());
    let (index, attached) = push(&source, "prod/app");
    let client = client();
    let (from, to) = (store(&client, &source, "prod/app"), store(&client, &target, "site/app"));
    let mut options = Options::default();
    let chosen = [(index.digest(), vec![attached[0].descriptor()])].into();
    options.attachments = Attachments::Referrers(std::sync::Arc::new(chosen));
    let copied = transfer::copy(&from, &tag("1.0").into(), &to, None, &options).await.unwrap();
    assert_eq!(copied.attached, 1);
    assert_eq!(referrers(&to, &index.digest()).await, BTreeSet::from([attached[0].digest()]));
    assert_eq!(referrers(&to, &index.children[0].0.digest).await, BTreeSet::new());
    assert!(target.tags("site/app").is_empty());
}

/// Images that share a layer, copied at once into repositories of their own: its bytes are sent once.
#[tokio::test]
async fn a_shared_blob_is_sent_once_to_a_registry() {
    let (source, target) = (Registry::start(), Registry::start());
    let shared = "shared".repeat(10_000);
    let names: Vec<String> = (0..6).map(|n| format!("app{n}")).collect();
    let mut unique = BTreeSet::new();
    for name in &names {
        let image = ImageBuilder::new().layer(shared.clone()).layer(name.clone()).build();
        image.push_to(&source, name, "1.0");
        unique.extend(image.blobs.iter().map(|(blob, _)| (blob.digest, blob.size)));
    }
    let client = client();
    let mut options = Options::default();
    options.delivered = Some(Delivered::default());
    let copies = names.iter().map(|name| {
        let (client, options, source, target) = (&client, &options, &source, &target);
        async move {
            let (from, to) = (store(client, source, name), store(client, target, &format!("site/{name}")));
            transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), options).await.unwrap()
        }
    });
    let copied = futures_util::future::join_all(copies).await;
    let sent: u64 = copied.iter().map(|one| one.bytes).sum();
    assert_eq!(sent, unique.iter().map(|(_, size)| size).sum::<u64>());
    assert_eq!(copied.iter().map(|one| one.blobs).sum::<usize>(), unique.len());
    assert!(copied.iter().map(|one| one.mounted).sum::<usize>() >= names.len() - 1);
    for name in &names {
        assert_eq!(target.tags(&format!("site/{name}")), ["1.0"]);
    }
    // The same copies again send nothing, and ask for nothing that is known.
    target.clear_requests();
    let (from, to) = (store(&client, &source, &names[0]), store(&client, &target, "site/app0"));
    let again = transfer::copy(&from, &tag("1.0").into(), &to, Some(&tag("1.0")), &options).await.unwrap();
    assert_eq!((again.blobs, again.bytes), (0, 0));
    assert_eq!(target.count("HEAD", "/blobs/"), 0, "{:?}", target.lines());
}
