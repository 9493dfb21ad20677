//! Taking tags and listings away, in every store; and what a registry says of itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Repository, media_type};
use waxseal_oci::attached::fallback_tag;
use waxseal_oci::registry::{Challenged, Login, LoginCheck};
use waxseal_oci::{
    Archive, Client, ClientOptions, Credential, ErrorKind, Fetched, Layout, Look, RegistryName, Secret,
    Store, Which,
};
use waxseal_testkit::{Behaviour, Match, Registry};

fn client() -> Client {
    Client::new(ClientOptions::default()).unwrap()
}

/// A client with credentials for a registry.
fn known(registry: &Registry, user: &str, password: &str) -> Client {
    let mut options = ClientOptions::default();
    options.login = Some(Login::new(registry.host(), Credential::basic(user, Secret::new(password))));
    Client::new(options).unwrap()
}

fn manifest(which: &str, subject: Option<&Descriptor>) -> Fetched {
    let empty = Descriptor::of(media_type::OCI_EMPTY, b"{}");
    let mut document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": empty,
        "layers": [],
        "annotations": { "which": which },
    });
    if let Some(subject) = subject {
        document["subject"] = serde_json::to_value(subject).unwrap();
    }
    let bytes = Bytes::from(document.to_string());
    Fetched::of(media_type::OCI_MANIFEST, bytes)
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

async fn is_there(store: &Store, which: impl Into<Which>) -> bool {
    match store.manifest(&which.into()).await {
        Look::Found(_) => true,
        Look::Absent => false,
        other => panic!("{other:?}"),
    }
}

/// One store of each kind, empty; the registry has no referrers API.
async fn stores(folder: &std::path::Path, registry: &Registry) -> Vec<Store> {
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    vec![
        client().repository(&repository).into(),
        Layout::create(folder.join("layout")).await.unwrap().into(),
        Archive::create(folder.join("app.tar")).await.unwrap().into(),
    ]
}

#[tokio::test]
async fn a_tag_goes_and_what_else_is_named_stays() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().without_referrers_api();
    for store in stores(folder.path(), &registry).await {
        let empty = Descriptor::of(media_type::OCI_EMPTY, b"{}");
        store.put_blob(&empty, Bytes::from_static(b"{}")).await.unwrap();
        let (one, two) = (manifest("one", None), manifest("two", None));
        for (manifest, name) in [(&one, "a"), (&one, "b"), (&two, "c")] {
            store.put_manifest(manifest, Some(&tag(name))).await.unwrap();
        }
        assert!(store.remove_tag(&tag("a")).await.unwrap());
        assert!(!is_there(&store, tag("a")).await && is_there(&store, tag("b")).await);
        assert!(is_there(&store, one.descriptor.digest).await, "{store:?}");
        assert!(store.remove_tag(&tag("c")).await.unwrap());
        assert!(!is_there(&store, tag("c")).await);
        // A layout keeps nothing that nobody names; a registry does as it likes.
        assert_eq!(is_there(&store, two.descriptor.digest).await, store.is_registry());
        assert!(!store.remove_tag(&tag("c")).await.unwrap());
        store.commit().await.unwrap();
        assert_eq!(store.tags().await.unwrap(), [tag("b")]);
    }
}

#[tokio::test]
async fn an_entry_with_another_name_loses_only_the_one() {
    const NAME: &str = "org.opencontainers.image.ref.name";
    const FULL_NAME: &str = "io.containerd.image.name";
    let other = "docker.io/library/app:2.0";
    // The names of each entry of one image, and whether it is still called 2.0 when 1.0 is gone.
    for (names, stays) in [
        (vec![json!({ NAME: "1.0", FULL_NAME: other })], true),
        (vec![json!({ NAME: "1.0" }), json!({ FULL_NAME: other })], true),
        (vec![json!({ NAME: "registry.example.com/app:1.0", FULL_NAME: other, "x": "y" })], true),
        (vec![json!({ NAME: "1.0", FULL_NAME: "docker.io/library/app:1.0" })], false),
        (vec![json!({ NAME: "1.0" })], false),
        (vec![json!({ NAME: "1.0" }), json!({ "x": "y" })], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).await.unwrap();
        let empty = Descriptor::of(media_type::OCI_EMPTY, b"{}");
        layout.put_blob(&empty, Bytes::from_static(b"{}")).await.unwrap();
        let image = manifest("image", None);
        layout.put_manifest(&image, Some(&tag("1.0"))).await.unwrap();
        let path = folder.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let entry = index["manifests"][0].clone();
        let entries = names.iter().map(|names| {
            let mut entry = entry.clone();
            entry["annotations"] = names.clone();
            entry
        });
        index["manifests"] = entries.collect();
        std::fs::write(&path, index.to_string()).unwrap();
        let store = Store::from(Layout::open(folder.path()).await.unwrap());
        assert!(store.remove_tag(&tag("1.0")).await.unwrap());
        assert!(!is_there(&store, tag("1.0")).await, "{names:?}");
        assert_eq!(is_there(&store, tag("2.0")).await, stays, "{names:?}");
        assert_eq!(is_there(&store, image.descriptor.digest).await, stays, "{names:?}");
        assert_eq!(store.remove_tag(&tag("2.0")).await.unwrap(), stays);
        assert!(!is_there(&store, image.descriptor.digest).await, "{names:?}");
    }
}

#[tokio::test]
async fn a_tag_that_moves_takes_no_other_name_along() {
    let (old, new) = (manifest("old", None), manifest("new", None));
    let names = [
        json!({ "org.opencontainers.image.ref.name": "1.0", "io.containerd.image.name": "example.com/app:2.0" }),
        json!({ "io.containerd.image.name": "example.com/app:2.0" }),
    ];
    for (names, next) in names.iter().flat_map(|names| [(names, &old), (names, &new)]) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).await.unwrap();
        layout.put_manifest(&old, Some(&tag("1.0"))).await.unwrap();
        let path = folder.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        index["manifests"][0]["annotations"] = names.clone();
        std::fs::write(&path, index.to_string()).unwrap();
        layout.put_manifest(next, Some(&tag("1.0"))).await.unwrap();
        for (name, image) in [("1.0", next), ("2.0", &old)] {
            let look = layout.manifest(&Which::Tag(tag(name))).await;
            let found = look.required(|| format!("{name} of {names}")).unwrap();
            assert_eq!(found.descriptor.digest, image.descriptor.digest, "{name} of {names}");
        }
    }
}

#[tokio::test]
async fn a_listing_loses_what_is_gone_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().without_referrers_api();
    for store in stores(folder.path(), &registry).await {
        let empty = Descriptor::of(media_type::OCI_EMPTY, b"{}");
        store.put_blob(&empty, Bytes::from_static(b"{}")).await.unwrap();
        let image = manifest("image", None);
        store.put_image(&image, Some(&tag("1.0"))).await.unwrap();
        let subject = image.descriptor.digest;
        assert_eq!(store.unlist_referrers(&subject, &[subject]).await.unwrap(), None);
        let referrers = ["a", "b"].map(|which| manifest(which, Some(&image.descriptor)));
        let listing = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": referrers.each_ref().map(|referrer| &referrer.descriptor),
            "x-known-to-nobody": 1.50,
        });
        for referrer in &referrers {
            store.put_manifest(referrer, None).await.unwrap();
        }
        let bytes = Bytes::from(listing.to_string());
        let listing = Fetched::of(media_type::OCI_INDEX, bytes);
        let list = fallback_tag(&subject).unwrap();
        store.put_manifest(&listing, Some(&list)).await.unwrap();

        let [first, second] = referrers.map(|referrer| referrer.descriptor.digest);
        // What is not listed changes nothing.
        let left = store.unlist_referrers(&subject, &[subject]).await.unwrap();
        assert_eq!(left, Some(vec![first, second]));
        assert_eq!(store.unlist_referrers(&subject, &[first]).await.unwrap(), Some(vec![second]));
        let Look::Found(now) = store.manifest(&Which::Tag(list.clone())).await else { panic!("no listing") };
        let text = String::from_utf8(now.bytes.to_vec()).unwrap();
        assert!(text.contains("\"x-known-to-nobody\":1.5") && !text.contains(&first.to_string()), "{text}");
        assert_eq!(store.unlist_referrers(&subject, &[second]).await.unwrap(), Some(Vec::new()));
    }
}

#[tokio::test]
async fn credentials_are_tried_without_a_repository() {
    for registry in
        [Registry::start().with_basic("robot", "right"), Registry::start().with_bearer("robot", "right")]
    {
        let name: RegistryName = registry.host().parse().unwrap();
        assert_eq!(
            known(&registry, "robot", "right").check_login(&name).await.unwrap(),
            LoginCheck::Accepted
        );
        let error = known(&registry, "robot", "wrong").check_login(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(!error.to_string().contains("none") && !format!("{error:?}").contains("wrong"), "{error}");
        let error = client().check_login(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(registry.token_requests().iter().all(|asked| asked.scopes.is_empty()));
        assert!(registry.requests().iter().all(|request| matches!(request.path.as_str(), "/v2/" | "/token")
            || request.path.starts_with("/token?")));
    }
    let open = Registry::start();
    let name: RegistryName = open.host().parse().unwrap();
    assert_eq!(known(&open, "robot", "any").check_login(&name).await.unwrap(), LoginCheck::NotAsked);
    open.rule(Match::get("/v2/"), Behaviour::status(404));
    assert_eq!(client().check_login(&name).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_registry_is_greeted_without_credentials() {
    let registry = Registry::start().with_bearer("robot", "right");
    let name: RegistryName = registry.host().parse().unwrap();
    let known = known(&registry, "robot", "right");
    assert!(known.has_credentials(&name).await.unwrap());
    let greeting = known.greet(&name).await.unwrap();
    assert_eq!((greeting.status, greeting.secure), (401, false));
    assert_eq!(greeting.challenge, Challenged::Bearer { realm: registry.host(), trusted: true });
    assert!(registry.token_requests().is_empty());

    let elsewhere = Registry::start();
    let foreign = Registry::start().with_bearer("a", "b").with_realm(elsewhere.url("/token"));
    let name: RegistryName = foreign.host().parse().unwrap();
    let challenge = client().greet(&name).await.unwrap().challenge;
    assert_eq!(challenge, Challenged::Bearer { realm: elsewhere.host(), trusted: false });
    // Rule C1 sends nothing at all to an address of the inner network that is not the registry's own.
    let inner = Registry::start().with_bearer("a", "b").with_realm("http://169.254.169.254/token");
    let name: RegistryName = inner.host().parse().unwrap();
    assert!(matches!(client().greet(&name).await.unwrap().challenge, Challenged::Unknown { .. }));

    let basic = Registry::start().with_basic("a", "b");
    let name: RegistryName = basic.host().parse().unwrap();
    assert_eq!(client().greet(&name).await.unwrap().challenge, Challenged::Basic);
    let open = Registry::start();
    let name: RegistryName = open.host().parse().unwrap();
    let greeting = client().greet(&name).await.unwrap();
    assert_eq!((greeting.status, greeting.challenge), (200, Challenged::Nothing));
    assert_eq!(
        client().greet(&"127.0.0.1:1".parse().unwrap()).await.unwrap_err().kind(),
        ErrorKind::Transport
    );
}
