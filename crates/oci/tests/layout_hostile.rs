//! Layouts made to lead a reader astray (T-60). Each test reads the same layout unharmed first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use waxseal_core::limits::REFERRERS_ENTRIES;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::attached::fallback_tag;
use waxseal_oci::{Client, ClientOptions, Error, ErrorKind, Layout, LocalName, Look, Store};
use waxseal_testkit::{BuiltImage, ImageBuilder, Registry};

struct Case {
    directory: TempDir,
    image: BuiltImage,
}

impl Case {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new().file("hello", "world").build();
        image.write_layout(directory.path(), "1.0");
        Self { directory, image }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    fn layer(&self) -> Descriptor {
        self.image.blobs[0].0.clone()
    }

    async fn open(&self) -> Result<Layout, Error> {
        Layout::open(self.path()).await
    }

    /// What reading the first blob comes to, whole and as a stream, which must be the same.
    async fn read(&self) -> Result<(), ErrorKind> {
        let layout = self.open().await.map_err(|error| error.kind())?;
        let layer = self.layer();
        let whole = layout.blob(&layer, 1 << 20).await;
        let streamed = match layout.blob_stream(&layer).await {
            Ok(stream) => stream.collect(1 << 20).await,
            Err(error) => Err(error),
        };
        let kind = |read: Result<bytes::Bytes, Error>| read.map(|_| ()).map_err(|error| error.kind());
        let (whole, streamed) = (kind(whole), kind(streamed));
        assert_eq!(whole, streamed);
        whole
    }

    fn edit_index(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut index);
        fs::write(&path, index.to_string()).unwrap();
    }

    async fn open_kind(&self) -> Result<(), ErrorKind> {
        self.open().await.map(|_| ()).map_err(|error| error.kind())
    }
}

#[tokio::test]
async fn a_blob_that_is_a_link() {
    let case = Case::new();
    assert_eq!(case.read().await, Ok(()));
    let path = case.blob(&case.layer().digest);
    let aside = case.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    symlink(&aside, &path).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::InvalidLayout));
}

#[tokio::test]
async fn a_blob_that_is_a_pipe_or_a_directory() {
    let case = Case::new();
    let path = case.blob(&case.layer().digest);
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_eq!(case.read().await, Err(ErrorKind::InvalidLayout));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::InvalidLayout));
    fs::remove_dir(&path).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::NotFound));
}

#[tokio::test]
async fn a_directory_of_blobs_that_is_a_link() {
    for name in ["blobs", "blobs/sha256"] {
        let case = Case::new();
        let (path, aside) = (case.path().join(name), case.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        assert_eq!(case.read().await, Err(ErrorKind::InvalidLayout), "{name}");
    }
}

#[tokio::test]
async fn an_index_or_a_marker_that_is_a_link() {
    for name in ["index.json", "oci-layout"] {
        let case = Case::new();
        assert_eq!(case.open_kind().await, Ok(()));
        let (path, aside) = (case.path().join(name), case.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        assert_eq!(case.open_kind().await, Err(ErrorKind::InvalidLayout), "{name}");
        fs::remove_file(&path).unwrap();
        assert_eq!(case.open_kind().await, Err(ErrorKind::InvalidLayout), "{name}");
    }
}

#[tokio::test]
async fn a_digest_that_is_a_path() {
    let hex = "4".repeat(64);
    for digest in [
        "sha256:../../../../etc/passwd".to_owned(),
        format!("sha256/../x:{hex}"),
        format!("../sha256:{hex}"),
        format!("sha256:{}", "A".repeat(64)),
        format!("sha256:{}", "4".repeat(63)),
        format!("md5:{hex}"),
    ] {
        let case = Case::new();
        case.edit_index(|index| index["manifests"][0]["digest"] = json!(digest));
        assert_eq!(case.open_kind().await, Err(ErrorKind::InvalidLayout), "{digest}");
    }
}

#[tokio::test]
async fn other_bytes_or_another_number_of_them() {
    let case = Case::new();
    let path = case.blob(&case.layer().digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::DigestMismatch));
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(case.read().await, Ok(()));
    bytes.push(0);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::SizeMismatch));
    bytes.truncate(bytes.len() - 2);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(case.read().await, Err(ErrorKind::SizeMismatch));
}

#[tokio::test]
async fn a_manifest_that_is_damaged_or_of_another_size_is_unreadable() {
    let case = Case::new();
    let tag = || waxseal_oci::Which::Tag("1.0".parse().unwrap());
    let look = case.open().await.unwrap().manifest(&tag()).await;
    assert!(matches!(look, Look::Found(_)));
    case.edit_index(|index| index["manifests"][0]["size"] = json!(1));
    let look = case.open().await.unwrap().manifest(&tag()).await;
    assert!(matches!(look, Look::Unreadable(error) if error.kind() == ErrorKind::SizeMismatch));
    let path = case.blob(&case.image.digest());
    fs::write(&path, "{}").unwrap();
    let which = waxseal_oci::Which::Digest(case.image.digest());
    case.edit_index(|index| index["manifests"] = json!([]));
    let look = case.open().await.unwrap().manifest(&which).await;
    assert!(matches!(look, Look::Unreadable(error) if error.kind() == ErrorKind::DigestMismatch));
    fs::remove_file(&path).unwrap();
    assert!(matches!(case.open().await.unwrap().manifest(&which).await, Look::Absent));
}

#[tokio::test]
async fn a_layout_that_is_swapped_while_it_is_read() {
    let case = Case::new();
    let layout = case.open().await.unwrap();
    let other = Case::new();
    let aside = other.path().join("aside");
    fs::rename(case.path(), &aside).unwrap();
    symlink("/", case.path()).unwrap();
    let bytes = layout.blob(&case.layer(), 1 << 20).await.unwrap();
    assert_eq!(bytes, case.image.blobs[0].1);
    fs::remove_file(case.path()).unwrap();
}

#[tokio::test]
async fn an_index_that_two_readers_read_differently() {
    let case = Case::new();
    let path = case.path().join("index.json");
    let good = fs::read_to_string(&path).unwrap();
    assert_eq!(case.open_kind().await, Ok(()));
    let entry = good.split_once('[').unwrap().1.rsplit_once(']').unwrap().0.to_owned();
    for bad in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"schemaVersion":1,"manifests":[]}"#.to_owned(),
        r#"{"schemaVersion":2,"mediaType":"text/plain","manifests":[]}"#.to_owned(),
        r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.to_owned(),
        format!(r#"{{"schemaVersion":2,"manifests":[],"Manifests":[{entry}]}}"#),
        format!(r#"{{"schemaVersion":2,"manifests":[],"MediaType":null,"x":[{entry}]}}"#),
        good.replacen("\"digest\"", "\"Digest\":\"\",\"digest\"", 1),
        good.replacen("\"digest\"", "\"Annotations\":{},\"digest\"", 1),
        r#"{"schemaVersion":2,"manifests":{}}"#.to_owned(),
        r#"{"schemaVersion":2,"manifests":[{}]}"#.to_owned(),
        format!("{good} {{}}"),
        format!("\u{feff}{good}"),
    ] {
        fs::write(&path, &bad).unwrap();
        assert_eq!(case.open_kind().await, Err(ErrorKind::InvalidLayout), "{bad}");
    }
    let limit = usize::try_from(waxseal_core::limits::LAYOUT_INDEX_BYTES).unwrap();
    fs::write(&path, format!("{good}{}", " ".repeat(limit - good.len()))).unwrap();
    assert_eq!(case.open_kind().await, Ok(()));
    fs::write(&path, format!("{good}{}", " ".repeat(limit - good.len() + 1))).unwrap();
    assert_eq!(case.open_kind().await, Err(ErrorKind::LimitExceeded));
}

#[tokio::test]
async fn a_marker_of_another_version() {
    let case = Case::new();
    let path = case.path().join("oci-layout");
    for (text, outcome) in [
        (r#"{"imageLayoutVersion":"1.0.0"}"#, Ok(())),
        (r#"{ "imageLayoutVersion": "1.0.0", "more": 1 }"#, Ok(())),
        (r#"{"imageLayoutVersion":"1.1.0"}"#, Err(ErrorKind::InvalidLayout)),
        ("{}", Err(ErrorKind::InvalidLayout)),
        ("", Err(ErrorKind::InvalidLayout)),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(case.open_kind().await, outcome, "{text}");
    }
}

#[tokio::test]
async fn a_tag_at_two_digests() {
    let case = Case::new();
    let other = ImageBuilder::new().file("hello", "others").build();
    other.write_layout(case.path(), "2.0");
    let name = LocalName::Tag("1.0".parse().unwrap());
    assert!(case.open().await.unwrap().resolve(&name, None).await.is_ok());
    case.edit_index(|index| {
        index["manifests"][1]["annotations"] = json!({"org.opencontainers.image.ref.name": "1.0"});
    });
    let error = case.open().await.unwrap().resolve(&name, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidLayout);
}

#[tokio::test]
async fn a_referrer_that_is_damaged_makes_the_listing_unreadable() {
    let case = Case::new();
    let referrer = ImageBuilder::new().artifact("text/example").subject(case.image.descriptor()).build();
    referrer.write_layout_untagged(case.path());
    case.edit_index(|index| {
        index["manifests"].as_array_mut().unwrap().pop();
    });
    let count = |look: Look<waxseal_oci::Referrers>| match look {
        Look::Found(found) => Ok(found.descriptors.len()),
        Look::Unreadable(error) => Err(error.kind()),
        other => panic!("{other:?}"),
    };
    let digest = case.image.digest();
    assert_eq!(count(case.open().await.unwrap().referrers(&digest).await), Ok(1));
    let path = case.blob(&referrer.digest());
    let bytes = fs::read(&path).unwrap();
    for damage in [&bytes[..bytes.len() - 1], &[]] {
        fs::write(&path, damage).unwrap();
        let look = case.open().await.unwrap().referrers(&digest).await;
        assert_eq!(count(look), Err(ErrorKind::DigestMismatch));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(count(case.open().await.unwrap().referrers(&digest).await), Ok(0));
}

#[tokio::test]
async fn junk_beside_an_image_changes_nothing() {
    let case = Case::new();
    let subject = serde_json::to_string(&case.image.descriptor()).unwrap();
    for junk in [
        "{".to_owned(),
        format!(r#"{{"schemaVersion":2,"subject":{subject}}}"#),
        format!(r#"{{"schemaVersion":2,"manifests":[],"layers":[],"subject":{subject}}}"#),
    ] {
        fs::write(case.blob(&Digest::of(&junk)), junk).unwrap();
    }
    fs::write(case.path().join("blobs/sha256/not-a-digest"), "{}").unwrap();
    match case.open().await.unwrap().referrers(&case.image.digest()).await {
        Look::Found(found) => assert_eq!(found.descriptors.len(), 0),
        other => panic!("{other:?}"),
    }
}

/// The index at the fallback tag is read by one rule, wherever it stands.
#[tokio::test]
async fn the_fallback_index_is_read_as_in_a_registry() {
    let descriptor = |number: usize, pad: usize| {
        json!({
            "mediaType": media_type::OCI_MANIFEST,
            "digest": Digest::of(number.to_string()),
            "size": 7,
            "annotations": { "pad": "x".repeat(pad) },
        })
    };
    let index = |count: usize, pad: usize| {
        let entries: Vec<_> = (0..count).map(|number| descriptor(number, pad)).collect();
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries }).to_string()
    };
    let twice = json!({ "schemaVersion": 2, "manifests": [descriptor(1, 0), descriptor(1, 0)] });
    let cases = [
        (index(1, 0), Ok(1)),
        (r#"{"schemaVersion":2,"manifests":null}"#.to_owned(), Ok(0)),
        (twice.to_string(), Ok(1)),
        // Larger than a manifest may be, as far as a listing may be.
        (index(REFERRERS_ENTRIES, 6 << 10), Ok(REFERRERS_ENTRIES)),
        (index(REFERRERS_ENTRIES, 8 << 10), Err(ErrorKind::LimitExceeded)),
        (index(REFERRERS_ENTRIES + 1, 0), Err(ErrorKind::LimitExceeded)),
        (r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#.to_owned(), Err(ErrorKind::Malformed)),
        (r#"{"manifests":[{"digest":"sha256:00"}]}"#.to_owned(), Err(ErrorKind::Malformed)),
        ("junk".to_owned(), Err(ErrorKind::Malformed)),
    ];
    for (number, (text, expected)) in cases.into_iter().enumerate() {
        let case = Case::new();
        let subject = case.image.digest();
        let tag = fallback_tag(&subject).unwrap();
        let registry = Registry::start().without_referrers_api();
        registry.put_manifest("app", tag.as_str(), media_type::OCI_INDEX, text.clone());
        let digest = Digest::of(&text);
        let size = text.len();
        fs::write(case.blob(&digest), text).unwrap();
        case.edit_index(|index| {
            index["manifests"].as_array_mut().unwrap().push(json!({
                "mediaType": media_type::OCI_INDEX,
                "digest": digest,
                "size": size,
                "annotations": { "org.opencontainers.image.ref.name": tag.as_str() },
            }));
        });
        let client = Client::new(ClientOptions::default()).unwrap();
        let repository = format!("{}/app", registry.host()).parse().unwrap();
        let stores = [Store::from(client.repository(&repository)), case.open().await.unwrap().into()];
        for store in stores {
            let found = match store.referrers(&subject).await {
                Look::Found(found) => Ok(found.descriptors.len()),
                Look::Unreadable(error) => Err(error.kind()),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "case {number} in {}", store.shown());
        }
    }
}
