use waxseal::tree::ImageNode;
use waxseal::{Copying, ErrorKind, Finding};
use waxseal_core::Repository;
use waxseal_oci::transfer::{Conflict, Platforms};
use waxseal_oci::{Attached, ErrorKind as Store};
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder, Registry};

use crate::{client, oci, tree};

fn attached(node: &ImageNode) -> usize {
    node.attached.len() + node.images.iter().map(attached).sum::<usize>()
}

/// An index of two platforms with something on the index and on each image.
fn pushed(registry: &Registry, repository: &str) -> BuiltImage {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(registry, repository, "1.0");
    for on in index.children.iter().chain([&index.manifest]) {
        beside(registry, repository, &on.0.digest, "one");
        ImageBuilder::new()
            .artifact("text/example")
            .subject(on.0.clone())
            .build()
            .push_untagged(registry, repository);
    }
    index
}

fn beside(registry: &Registry, repository: &str, digest: &waxseal_core::Digest, layer: &str) {
    let list =
        ImageBuilder::new().layer_of(waxseal_core::media_type::SIMPLE_SIGNING, layer.to_owned()).build();
    list.push_to(registry, repository, Attached::Signatures.tag(digest).unwrap().as_str());
}

async fn copy(job: &Copying, from: &str, to: &str) -> Result<waxseal::CopiedImage, waxseal::Error> {
    job.copy(&client(), &from.parse().unwrap(), &to.parse().unwrap(), &Finding::default()).await
}

#[tokio::test]
async fn everything_arrives_in_every_kind_of_place_and_back() {
    for api in [true, false] {
        let registry = Registry::start();
        let registry = if api { registry } else { registry.without_referrers_api() };
        let directory = tempfile::tempdir().unwrap();
        // A registry without the API lists referrers at the fallback tag: the copy writes it.
        let source = Registry::start();
        let index = pushed(&source, "app");
        let archive = format!("oci-archive:{}:1.0", directory.path().join("app.tar").display());
        let layout = oci(&directory.path().join("layout"), "1.0");
        let hops = [
            source.image("app", "1.0"),
            registry.image("first", "1.0"),
            layout,
            archive,
            registry.image("last", "2.0"),
        ];
        for hop in hops.windows(2) {
            let copied = copy(&Copying::default(), &hop[0], &hop[1]).await.unwrap();
            assert_eq!(copied.copied.root.digest, index.digest());
            let tree = tree(&hop[1]).await;
            assert!(tree.complete, "{}", hop[1]);
            assert_eq!(attached(&tree.root), 6, "{}", hop[1]);
        }
    }
}

#[tokio::test]
async fn a_tag_is_taken_over_or_left_alone() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    image.push_to(&registry, "app", "1.0");
    let directory = tempfile::tempdir().unwrap();
    let bare = format!("oci:{}", directory.path().join("bare").display());
    let copied = copy(&Copying::default(), &registry.image("app", "1.0"), &bare).await.unwrap();
    assert_eq!(copied.tag.unwrap().as_str(), "1.0");
    assert_eq!(copied.destination.to_string(), format!("{bare}@{}", image.digest()));
    let mut job = Copying::default();
    job.keep_tag = true;
    copy(&job, &registry.image("app", "1.0"), &registry.image("other", "1.0")).await.unwrap();
    assert!(registry.tags("other").is_empty());
    assert_eq!(registry.manifests("other"), [image.digest()]);
}

#[tokio::test]
async fn a_digest_at_the_destination_is_held_to() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    let other = ImageBuilder::new().file("b", "2").build();
    image.push_to(&registry, "app", "1.0");
    let to = |digest: waxseal_core::Digest| registry.image("copy", &digest.to_string());
    let from = registry.image("app", "1.0");
    let refused = copy(&Copying::default(), &from, &to(other.digest())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(registry.manifests("copy").is_empty());
    let copied = copy(&Copying::default(), &from, &to(image.digest())).await.unwrap();
    assert_eq!(copied.tag, None);
    assert_eq!(registry.manifests("copy"), [image.digest()]);
    let mut job = Copying::default();
    job.options.platforms = Platforms::Only("linux/amd64".parse().unwrap());
    assert_eq!(copy(&job, &from, &to(image.digest())).await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn an_image_that_is_not_there_makes_nothing() {
    let registry = Registry::start();
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("layout");
    let digest = waxseal_core::Digest::of("nothing").to_string();
    let missing = copy(&Copying::default(), &registry.image("app", &digest), &oci(&layout, "1.0")).await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Store(Store::NotFound));
    assert!(!layout.exists());
}

#[tokio::test]
async fn one_platform_takes_along_what_hangs_on_it() {
    let registry = Registry::start();
    let index = pushed(&registry, "app");
    let mut job = Copying::default();
    job.options.platforms = Platforms::Only("linux/arm64".parse().unwrap());
    let copied = copy(&job, &registry.image("app", "1.0"), &registry.image("arm", "1.0")).await.unwrap();
    assert_eq!(copied.source.digest(), &index.digest());
    assert_eq!(copied.destination.digest(), &index.children[1].0.digest);
    assert_eq!(attached(&tree(&registry.image("arm", "1.0")).await.root), 2);
    job.options.platforms = Platforms::Only("linux/s390x".parse().unwrap());
    let error = copy(&job, &registry.image("app", "1.0"), &registry.image("z", "1.0")).await.unwrap_err();
    assert!(error.to_string().contains("linux/amd64, linux/arm64"), "{error}");
}

#[tokio::test]
async fn what_would_be_lost_is_kept_unless_it_is_to_be_replaced() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    for (repository, layer) in [("app", "one"), ("copy", "two")] {
        image.push_to(&registry, repository, "1.0");
        beside(&registry, repository, &image.digest(), layer);
    }
    let (from, to) = (registry.image("app", "1.0"), registry.image("copy", "1.0"));
    let mut job = Copying::default();
    assert_eq!(copy(&job, &from, &to).await.unwrap_err().kind(), ErrorKind::Store(Store::Conflict));
    job.options.conflict = Conflict::Replace;
    copy(&job, &from, &to).await.unwrap();
    let tag = Attached::Signatures.tag(&image.digest()).unwrap();
    let standing = |repository: &str| registry.manifest(repository, tag.as_str()).unwrap().digest;
    assert_eq!(standing("copy"), standing("app"));
}

#[tokio::test]
async fn evidence_of_another_repository_goes_along_into_a_layout() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "1").build();
    image.push_to(&registry, "app", "1.0");
    beside(&registry, "evidence", &image.digest(), "one");
    let directory = tempfile::tempdir().unwrap();
    let layout = oci(directory.path(), "1.0");
    let mut finding = Finding::default();
    finding.evidence_repository =
        Some(format!("{}/evidence", registry.host()).parse::<Repository>().unwrap());
    let from = registry.image("app", "1.0").parse().unwrap();
    let job = Copying::default();
    job.copy(&client(), &from, &layout.parse().unwrap(), &finding).await.unwrap();
    assert_eq!(attached(&tree(&layout).await.root), 1);
    // In a registry it stays where it is looked for.
    let to = registry.image("copy", "1.0").parse().unwrap();
    job.copy(&client(), &from, &to, &finding).await.unwrap();
    assert_eq!(registry.tags("copy"), ["1.0"]);
    assert_eq!(registry.tags("evidence").len(), 1);
}
