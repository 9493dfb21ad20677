//! Archives of `docker save` as a source of copies: both forms, and those that were made to mislead (T-61). Each hostile
//! archive differs from a good one in one property.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::limits::{ARCHIVE_LINKS, DOCKER_IMAGES, MANIFEST_BYTES};
use waxseal_core::manifest::Manifest;
use waxseal_core::{Digest, media_type};
use waxseal_oci::transfer::{self, Options};
use waxseal_oci::{Error, ErrorKind, Fetched, Layout, Location, Store, Which};
use waxseal_testkit::layout::Layout as Files;
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder};

const LIST: &str = "manifest.json";

/// An entry of a tar file.
#[derive(Clone)]
enum Entry {
    File(String, Vec<u8>),
    Link(String, String),
    Directory(String),
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::File(name.to_owned(), bytes.into())
}

fn link(name: &str, target: &str) -> Entry {
    Entry::Link(name.to_owned(), target.to_owned())
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        match entry {
            Entry::File(name, bytes) => {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
            }
            Entry::Link(name, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, name, target).unwrap();
            }
            Entry::Directory(name) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, name, std::io::empty()).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn image(content: &str) -> BuiltImage {
    ImageBuilder::new().file("app", content.to_owned()).layer(layer("second")).build()
}

fn layer(content: &str) -> Vec<u8> {
    tar(&[file("content", content)])
}

/// Configuration and layers.
fn parts(image: &BuiltImage) -> (Bytes, Vec<Bytes>) {
    let manifest = Manifest::parse(&image.manifest.1, None).unwrap();
    let Manifest::Image(manifest) = manifest else { panic!("an image") };
    let find = |digest: &Digest| {
        image.blobs.iter().find(|(blob, _)| blob.digest == *digest).map(|(_, bytes)| bytes.clone()).unwrap()
    };
    let layers = manifest.layers.iter().map(|layer| find(&layer.digest)).collect();
    (find(&manifest.config.digest), layers)
}

/// The form of Docker before version 25, with names for each image.
fn classic(images: &[(&BuiltImage, &[&str])]) -> Vec<Entry> {
    let (mut entries, mut list) = (Vec::new(), Vec::new());
    for (number, (image, names)) in images.iter().enumerate() {
        let (config, layers) = parts(image);
        let config_name = format!("{}.json", Digest::of(&config).hex());
        entries.push(file(&config_name, config.to_vec()));
        let mut paths = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            let directory = Digest::of(format!("{number} {at}")).hex();
            entries.push(Entry::Directory(format!("{directory}/")));
            entries.push(file(&format!("{directory}/VERSION"), "1.0"));
            entries.push(file(&format!("{directory}/json"), "{}"));
            entries.push(file(&format!("{directory}/layer.tar"), layer.to_vec()));
            paths.push(format!("{directory}/layer.tar"));
        }
        list.push(json!({ "Config": config_name, "RepoTags": names, "Layers": paths }));
    }
    entries.push(file(LIST, Value::from(list).to_string()));
    entries.push(file("repositories", "{}"));
    entries
}

/// The form of Docker since version 25.
fn modern(image: &BuiltImage, name: &str) -> Vec<Entry> {
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let (config, layers) = parts(image);
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let mut entries: Vec<Entry> = Files::read(directory.path())
        .objects()
        .iter()
        .map(|(digest, bytes)| file(&format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()))
        .collect();
    let mut index: Value =
        serde_json::from_slice(&fs::read(directory.path().join("index.json")).unwrap()).unwrap();
    index["manifests"][0]["annotations"]["io.containerd.image.name"] = json!(name);
    let list = json!([{
        "Config": blob(&config),
        "RepoTags": [name.trim_start_matches("docker.io/library/")],
        "Layers": layers.iter().map(|layer| blob(layer)).collect::<Vec<_>>(),
    }]);
    entries.push(file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#));
    entries.push(file("index.json", index.to_string()));
    entries.push(file(LIST, list.to_string()));
    entries
}

fn list(entries: &mut [Entry], change: impl FnOnce(&mut Value)) {
    for entry in entries {
        if let Entry::File(name, bytes) = entry
            && name == LIST
        {
            let mut json = serde_json::from_slice(bytes).unwrap();
            change(&mut json);
            *bytes = json.to_string().into_bytes();
            return;
        }
    }
    panic!("no {LIST}");
}

fn location(path: &Path, name: &str) -> Location {
    let separator = if name.is_empty() { "" } else { ":" };
    format!("docker-archive:{}{separator}{name}", path.display()).parse().unwrap()
}

/// Copies the image of a name to a layout; the digest, and everything that arrived.
async fn copied(entries: &[Entry], name: &str) -> Result<(Fetched, Vec<Digest>), Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.tar");
    fs::write(&path, tar(entries)).unwrap();
    let location = location(&path, name);
    let from = Store::open_source(&location).await?.unwrap();
    let resolved = from.resolve(&location, None).await?;
    let target = directory.path().join("layout");
    let to = Store::from(Layout::create(&target).await.unwrap());
    let which = Which::Digest(*resolved.pinned.digest());
    transfer::copy(&from, &which, &to, None, &Options::default()).await?;
    let digests = Files::read(&target).objects().into_iter().map(|(digest, _)| digest).collect();
    Ok((resolved.manifest, digests))
}

async fn refused(entries: &[Entry]) -> (ErrorKind, String) {
    let error = copied(entries, "").await.unwrap_err();
    (error.kind(), error.to_string())
}

/// Opens an archive for everything but copying.
async fn opened(entries: &[Entry]) -> Result<Digest, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.tar");
    fs::write(&path, tar(entries)).unwrap();
    let location = location(&path, "");
    let store = Store::open_local(&location).await?.unwrap();
    Ok(*store.resolve(&location, None).await?.pinned.digest())
}

#[tokio::test]
async fn the_old_form_becomes_an_image_of_the_same_bytes() {
    let image = image("1");
    let (config, layers) = parts(&image);
    let entries = classic(&[(&image, &["app:1.0"])]);
    let (manifest, digests) = copied(&entries, "").await.unwrap();
    let Manifest::Image(made) = Manifest::parse(&manifest.bytes, None).unwrap() else { panic!("an image") };
    assert_eq!(made.media_type, media_type::OCI_MANIFEST);
    assert_eq!(made.config.digest, Digest::of(&config));
    let expected: Vec<_> = layers.iter().map(Digest::of).collect();
    assert_eq!(made.layers.iter().map(|layer| layer.digest).collect::<Vec<_>>(), expected);
    assert_eq!(digests.len(), 2 + layers.len());
    // Another order, other directories: the same image.
    let mut other = entries.clone();
    other.reverse();
    assert_eq!(copied(&other, "").await.unwrap().0.descriptor, manifest.descriptor);
    let other = classic(&[(&self::image("2"), &["x:1"]), (&image, &["app:1.0"])]);
    assert_eq!(copied(&other, "app:1.0").await.unwrap().0.descriptor, manifest.descriptor);
}

#[tokio::test]
async fn an_image_is_chosen_by_its_name() {
    let (first, second) = (image("1"), image("2"));
    let entries = classic(&[(&first, &["app:1.0", "app:latest"]), (&second, &["example.com/app:2.0"])]);
    let digest = |(manifest, _): (Fetched, Vec<Digest>)| manifest.descriptor.digest;
    let one = digest(copied(&entries, "app:1.0").await.unwrap());
    assert_eq!(digest(copied(&entries, "app").await.unwrap()), one);
    assert_eq!(digest(copied(&entries, "docker.io/library/app:latest").await.unwrap()), one);
    assert_ne!(digest(copied(&entries, "example.com/app:2.0").await.unwrap()), one);
    let (kind, text) = refused(&entries).await;
    assert_eq!(kind, ErrorKind::InvalidName);
    assert!(text.contains("docker.io/library/app:1.0, example.com/app:2.0"), "{text}");
    let error = copied(&entries, "app:2.0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let by_digest = format!("app@{one}");
    assert_eq!(copied(&entries, &by_digest).await.unwrap_err().kind(), ErrorKind::InvalidName);
    let twice = classic(&[(&first, &["app:1.0"]), (&second, &["app:1.0"])]);
    assert_eq!(copied(&twice, "app:1.0").await.unwrap_err().kind(), ErrorKind::InvalidLayout);
}

#[tokio::test]
async fn links_between_layers_are_followed_within_the_archive() {
    let image = image("1");
    let mut entries = classic(&[(&image, &["app:1.0"])]);
    let whole = copied(&entries, "").await.unwrap().0.descriptor;
    let mut named = String::new();
    list(&mut entries, |json| {
        named = json[0]["Layers"][0].as_str().unwrap().to_owned();
        json[0]["Layers"][0] = json!("linked/layer.tar");
    });
    let with = |links: Vec<Entry>| {
        let mut entries = entries.clone();
        entries.extend(links);
        async move { copied(&entries, "").await.map(|(manifest, _)| manifest.descriptor) }
    };
    assert_eq!(with(vec![link("linked/layer.tar", &format!("../{named}"))]).await.unwrap(), whole);
    let chain = |length: usize| {
        let mut links = vec![link("linked/layer.tar", "../0")];
        for at in 0..length {
            links.push(link(&at.to_string(), &(at + 1).to_string()));
        }
        links.push(link(&length.to_string(), &named));
        links
    };
    assert_eq!(with(chain(ARCHIVE_LINKS - 2)).await.unwrap(), whole);
    for links in [
        vec![],
        vec![link("linked/layer.tar", &format!("/{named}"))],
        vec![link("linked/layer.tar", &format!("../../{named}"))],
        vec![link("linked/layer.tar", "../../etc/passwd")],
        vec![link("linked/layer.tar", "/etc/passwd")],
        vec![link("linked/layer.tar", "..")],
        vec![link("linked/layer.tar", "layer.tar")],
        vec![link("linked/layer.tar", "../missing")],
        vec![link("linked/layer.tar", &format!("../{named}")), link("linked/layer.tar", "../other")],
        vec![link("linked", named.split('/').next().unwrap())],
        vec![link("linked", "elsewhere"), link("linked/layer.tar", &format!("../{named}"))],
        vec![link("linked/layer.tar", "/"), link("unused", "../../out")],
        chain(ARCHIVE_LINKS - 1),
    ] {
        let error = with(links).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLayout, "{error}");
    }
}

#[tokio::test]
async fn layers_are_those_of_the_configuration() {
    let image = image("1");
    let good = classic(&[(&image, &["app:1.0"])]);
    let with = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = good.clone();
        change(&mut entries);
        async move { refused(&entries).await }
    };
    let layers = |change: &'static dyn Fn(&mut Vec<Value>)| {
        move |entries: &mut Vec<Entry>| {
            list(entries, |json| change(json[0]["Layers"].as_array_mut().unwrap()));
        }
    };
    let kind = |(kind, _): (ErrorKind, String)| kind;
    assert_eq!(kind(with(&layers(&|layers| layers.truncate(1))).await), ErrorKind::InvalidLayout);
    assert_eq!(
        kind(with(&layers(&|layers| layers.push(json!("repositories")))).await),
        ErrorKind::InvalidLayout
    );
    assert_eq!(kind(with(&layers(&|layers| layers.reverse())).await), ErrorKind::DigestMismatch);
    for name in ["../layer.tar", "/layer.tar", "a/../b", "", "missing/layer.tar"] {
        let name = name.to_owned();
        let changed = with(&move |entries: &mut Vec<Entry>| {
            list(entries, |json| json[0]["Layers"][0] = json!(name));
        });
        assert_eq!(kind(changed.await), ErrorKind::InvalidLayout);
    }
    // One byte of a layer.
    let spoiled = with(&|entries| {
        for entry in entries {
            if let Entry::File(name, bytes) = entry
                && name.ends_with("layer.tar")
            {
                bytes[0] ^= 1;
                return;
            }
        }
    });
    assert_eq!(kind(spoiled.await), ErrorKind::DigestMismatch);
    // One byte of the configuration, which is named by its digest.
    let spoiled = with(&|entries| {
        if let Some(Entry::File(_, bytes)) = entries.first_mut() {
            bytes.push(b' ');
        }
    });
    assert_eq!(kind(spoiled.await), ErrorKind::DigestMismatch);
    let compressed = with(&|entries| {
        for entry in entries {
            if let Entry::File(name, bytes) = entry
                && name.ends_with("layer.tar")
            {
                *bytes = b"\x1f\x8b\x08\0".to_vec();
            }
        }
    });
    let (kind, text) = compressed.await;
    assert_eq!(kind, ErrorKind::Unsupported);
    assert!(text.contains("gzip"), "{text}");
}

#[tokio::test]
async fn lists_that_do_not_read_are_refused() {
    let good = classic(&[(&image("1"), &["app:1.0"])]);
    assert!(copied(&good, "").await.is_ok());
    let with = |text: String| {
        let mut entries: Vec<Entry> = good
            .iter()
            .filter(|entry| !matches!(entry, Entry::File(name, _) if name == LIST))
            .cloned()
            .collect();
        entries.push(file(LIST, text));
        async move { refused(&entries).await.0 }
    };
    for text in ["", "{}", "null", "[{}]", r#"[{"Config":1}]"#, r#"[{"Config":"a","Config":"b"}]"#] {
        assert_eq!(with(text.to_owned()).await, ErrorKind::InvalidLayout, "{text}");
    }
    assert_eq!(with(r#"[{"Config":"a","config":"b"}]"#.to_owned()).await, ErrorKind::InvalidLayout);
    assert_eq!(with(r#"[{"Config":"a","RepoTags":["no name"]}]"#.to_owned()).await, ErrorKind::InvalidLayout);
    assert_eq!(with(r#"[{"Config":"a","config":"b"}]"#.to_owned()).await, ErrorKind::InvalidLayout);
    assert_eq!(with(r#"[{"Config":"a","repoTags":["a:1"]}]"#.to_owned()).await, ErrorKind::InvalidLayout);
    assert_eq!(with("[]".to_owned()).await, ErrorKind::NotFound);
    let many = vec![json!({ "Config": "a" }); DOCKER_IMAGES + 1];
    assert_eq!(with(Value::from(many).to_string()).await, ErrorKind::InvalidLayout);
    let config = |text: Vec<u8>| {
        let entries =
            vec![file("config.json", text), file(LIST, r#"[{"Config":"config.json","Layers":[]}]"#)];
        async move { copied(&entries, "").await.map_err(|error| error.kind()).map(|_| ()) }
    };
    assert_eq!(config(br#"{"rootfs":{}}"#.to_vec()).await, Ok(()));
    assert_eq!(config(b"{}".to_vec()).await, Err(ErrorKind::InvalidLayout));
    assert_eq!(config(br#"{"rootfs":{"diff_ids":["x"]}}"#.to_vec()).await, Err(ErrorKind::InvalidLayout));
    assert_eq!(config(br#"{"rootfs":{},"rootfs":{}}"#.to_vec()).await, Err(ErrorKind::InvalidLayout));
    let large =
        format!(r#"{{"rootfs":{{}},"a":"{}"}}"#, "a".repeat(usize::try_from(MANIFEST_BYTES).unwrap()));
    assert_eq!(config(large.into_bytes()).await, Err(ErrorKind::LimitExceeded));
}

#[tokio::test]
async fn only_an_archive_with_a_layout_has_digests() {
    let image = image("1");
    let layout = modern(&image, "docker.io/library/app:1.0");
    assert_eq!(opened(&layout).await.unwrap(), image.digest());
    assert_eq!(copied(&layout, "app:1.0").await.unwrap().0.descriptor.digest, image.digest());
    assert_eq!(copied(&layout, "other:1.0").await.unwrap_err().kind(), ErrorKind::NotFound);
    let by_digest = format!("app@{}", image.digest());
    assert_eq!(copied(&layout, &by_digest).await.unwrap().0.descriptor.digest, image.digest());
    let error = opened(&classic(&[(&image, &["app:1.0"])])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("copy the image"), "{error}");
    let error = opened(&[file("hello", "world")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidLayout);
}

/// Docker loads what manifest.json names; what was verified is what index.json names.
#[tokio::test]
async fn both_lists_of_an_archive_name_the_same_images() {
    let (good, evil) = (image("good"), image("evil"));
    let name = "docker.io/library/app:1.0";
    let mut both = modern(&good, name);
    let known: Vec<String> = both
        .iter()
        .map(|entry| match entry {
            Entry::File(name, _) | Entry::Link(name, _) | Entry::Directory(name) => name.clone(),
        })
        .collect();
    let evil_entries = modern(&evil, "docker.io/library/evil:1.0");
    both.extend(
        evil_entries
            .iter()
            .filter(|entry| matches!(entry, Entry::File(name, _) if !known.contains(name)))
            .cloned(),
    );
    assert!(opened(&both).await.is_ok());
    let (config, layers) = parts(&evil);
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let swap = |json: &mut Value| {
        json[0]["Config"] = json!(blob(&config));
        json[0]["Layers"] = layers.iter().map(|layer| blob(layer)).collect();
    };
    // The other image under the name of the good one, without a name, and as a second image of the name.
    let mut swapped = both.clone();
    list(&mut swapped, swap);
    assert_eq!(opened(&swapped).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    list(&mut swapped, |json| json[0]["RepoTags"] = Value::Null);
    assert_eq!(opened(&swapped).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    let mut added = both.clone();
    list(&mut added, |json| {
        let mut second = json!([json[0]]);
        swap(&mut second);
        json.as_array_mut().unwrap().push(second[0].clone());
    });
    assert_eq!(opened(&added).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    assert_eq!(copied(&added, "").await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    // A link in the form that has none.
    let mut linked = both.clone();
    linked.push(link("blobs/sha256/x", "../../index.json"));
    assert_eq!(opened(&linked).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
}

/// Docker with containerd's store saves an index of which some images were never pulled.
#[tokio::test]
async fn the_image_of_manifest_json_may_be_one_of_an_index() {
    let (first, second) = (image("1"), image("2"));
    let index = IndexBuilder::new().image(first.clone()).image(second.clone()).build();
    let mut entries = modern(&first, "docker.io/library/app:1.0");
    for entry in &mut entries {
        if let Entry::File(name, bytes) = entry
            && name == "index.json"
        {
            let mut json: Value = serde_json::from_slice(bytes).unwrap();
            let descriptor = index.descriptor();
            json["manifests"][0]["mediaType"] = json!(descriptor.media_type);
            json["manifests"][0]["digest"] = json!(descriptor.digest);
            json["manifests"][0]["size"] = json!(descriptor.size);
            *bytes = json.to_string().into_bytes();
        }
    }
    entries.push(file(&format!("blobs/sha256/{}", index.digest().hex()), index.manifest.1.to_vec()));
    assert_eq!(opened(&entries).await.unwrap(), index.digest());
    // Copied whole, the missing image is missing.
    assert_eq!(refused(&entries).await.0, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_converted_archive_is_only_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.tar");
    let image = image("1");
    let bytes = tar(&classic(&[(&image, &["app:1.0"])]));
    fs::write(&path, &bytes).unwrap();
    let location = location(&path, "");
    let store = Store::open_source(&location).await.unwrap().unwrap();
    let other = self::image("2");
    let manifest = Fetched::of(media_type::OCI_MANIFEST, other.manifest.1.clone());
    assert_eq!(store.put_manifest(&manifest, None).await.unwrap_err().kind(), ErrorKind::Unsupported);
    store.commit().await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(Store::create_local(&location).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
