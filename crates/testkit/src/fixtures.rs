//! The files of `testdata`: what cosign itself made, with what is expected of it.
//!
//! A file that is missing or unreadable panics with its path: a test that found nothing must not pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use waxseal_core::Digest;

/// The path of a file or folder of `testdata`.
pub fn path(relative: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(relative);
    assert!(path.exists(), "testdata/{relative} is missing ({})", path.display());
    path
}

/// The bytes of a file of `testdata`.
pub fn read(relative: &str) -> Bytes {
    let path = path(relative);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

/// The text of a file of `testdata`.
pub fn text(relative: &str) -> String {
    String::from_utf8(read(relative).to_vec()).unwrap_or_else(|error| panic!("testdata/{relative}: {error}"))
}

/// A file of `testdata` as JSON of a known shape.
pub fn json<T: DeserializeOwned>(relative: &str) -> T {
    serde_json::from_slice(&read(relative)).unwrap_or_else(|error| panic!("testdata/{relative}: {error}"))
}

/// Every repository that cosign wrote, with the verdict that is expected (`cosign/cases.json`).
pub fn cases() -> Vec<Case> {
    json::<Cases>("cosign/cases.json").cases
}

/// One of [`cases`] by its id.
pub fn case(id: &str) -> Case {
    cases().into_iter().find(|case| case.id == id).unwrap_or_else(|| panic!("cases.json has no case {id}"))
}

/// Every layout that `cosign save` wrote (`cosign/saved.json`).
pub fn saved() -> Vec<Saved> {
    json::<SavedList>("cosign/saved.json").saved
}

/// Every signature of a blob (`cosign/blobs.json`).
pub fn blobs() -> Vec<BlobCase> {
    json::<Blobs>("cosign/blobs.json").blobs
}

/// Every key, by its name (`cosign/keys/keys.json`).
pub fn keys() -> BTreeMap<String, KeyInfo> {
    json("cosign/keys/keys.json")
}

/// The public key of a name, in PEM.
pub fn public_key_pem(name: &str) -> String {
    text(&format!("cosign/keys/{name}.pub"))
}

/// The private key of a name, in cosign's encrypted PEM; [`password`] opens it.
pub fn private_key_pem(name: &str) -> String {
    text(&format!("cosign/keys/{name}.key"))
}

/// The private key of a name, in PKCS#8 without a password. Only imported keys have one.
pub fn plain_private_key_pem(name: &str) -> String {
    text(&format!("cosign/keys/{name}.plain.pem"))
}

/// The password of a private key.
pub fn password(name: &str) -> String {
    keys().remove(name).unwrap_or_else(|| panic!("keys.json has no key {name}")).password
}

/// What a case is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Expect {
    /// Admitted.
    Admit,
    /// Refused; never undecided, since everything can be read.
    Refuse,
}

/// What is asked for in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Kind {
    /// An image signature.
    Signature,
    /// An attestation.
    Attestation,
}

/// A repository that cosign wrote.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// The name of the case.
    pub id: String,
    /// What is asked for.
    pub kind: Kind,
    /// The layout, below `testdata/cosign`.
    pub repository: String,
    /// The tag of the image.
    pub tag: String,
    /// The digest of the image.
    pub digest: Digest,
    /// The kind of registry, in words; [`Case::has_referrers_api`] reads them.
    pub registry: String,
    /// The key to verify with.
    pub key: String,
    /// cosign's flags: `-a` and `name=value`.
    pub flags: Vec<String>,
    /// The verdict.
    pub expect: Expect,
    /// Why.
    pub why: String,
    /// The commands that made it.
    pub made: Vec<String>,
    /// What each cosign said: evidence, not the expectation.
    pub peers: BTreeMap<String, Peer>,
    /// Annotations that are signed.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The signed name, where it is not the registry's.
    pub docker_reference: Option<String>,
    /// Keys of which each must be found.
    #[serde(default)]
    pub signers: Vec<String>,
    /// Whether the images of the index are signed too.
    #[serde(default)]
    pub recursive: bool,
    /// The attestation type, a short name or a URI.
    #[serde(rename = "type")]
    pub attestation_type: Option<String>,
    /// The predicate, below `testdata/cosign`.
    pub predicate: Option<String>,
}

impl Case {
    /// The layout directory.
    pub fn layout(&self) -> PathBuf {
        path(&format!("cosign/{}", self.repository))
    }

    /// Whether the registry that it was made on had a referrers API.
    pub fn has_referrers_api(&self) -> bool {
        match self.registry.as_str() {
            "with referrers API" => true,
            "without referrers API (fallback tag)" => false,
            other => panic!("{}: unknown kind of registry {other:?}", self.id),
        }
    }

    /// The annotations that `flags` ask for. Everything behind the first `=` is the value.
    pub fn wanted_annotations(&self) -> Vec<(String, String)> {
        self.flags
            .chunks(2)
            .map(|flag| match flag {
                [name, value] if name == "-a" => {
                    let (name, value) = value.split_once('=').expect("an annotation is name=value");
                    (name.to_owned(), value.to_owned())
                }
                other => panic!("{}: unknown flags {other:?}", self.id),
            })
            .collect()
    }
}

/// What one cosign said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Peer {
    /// Its exit code.
    pub exit: i32,
    /// Its last line.
    pub said: String,
}

/// A layout that `cosign save` wrote.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Saved {
    /// The name of the layout.
    pub id: String,
    /// The directory, below `testdata/cosign`.
    pub layout: String,
    /// The command that made it.
    pub made: String,
    /// The case whose repository was saved.
    pub of: String,
    /// The digest of the image.
    pub digest: Digest,
    /// The key to verify with.
    pub key: String,
    /// What each cosign said.
    pub peers: BTreeMap<String, Peer>,
}

impl Saved {
    /// The layout directory.
    pub fn layout(&self) -> PathBuf {
        path(&format!("cosign/{}", self.layout))
    }
}

/// A signature of a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BlobCase {
    /// The signature or bundle, below `testdata/cosign`.
    pub file: String,
    /// The blob, below `testdata/cosign`.
    pub blob: String,
    /// The key to verify with.
    pub key: String,
    /// The verdict.
    pub expect: Expect,
    /// The command that made it.
    pub made: String,
    /// What each cosign said.
    pub peers: BTreeMap<String, Peer>,
    /// The attestation type; none for a signature.
    #[serde(rename = "type")]
    pub attestation_type: Option<String>,
}

impl BlobCase {
    /// The bytes of the signature or bundle.
    pub fn signature(&self) -> Bytes {
        read(&format!("cosign/{}", self.file))
    }

    /// The bytes that are signed.
    pub fn bytes(&self) -> Bytes {
        read(&format!("cosign/{}", self.blob))
    }
}

/// A key, as keys.json describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The password of the private key. It may be empty, and still is one.
    pub password: String,
    /// How the key was made.
    pub made: String,
    /// The scrypt parameters of the private key: N, r and p.
    pub scrypt: BTreeMap<String, u32>,
    /// The PEM label of the private key.
    pub label: String,
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct SavedList {
    saved: Vec<Saved>,
}

#[derive(Deserialize)]
struct Blobs {
    blobs: Vec<BlobCase>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::layout::Layout;

    #[test]
    fn every_list_reads_and_names_files_that_are_there() {
        assert_eq!(cases().len(), 81);
        assert_eq!(cases().iter().filter(|case| case.expect == Expect::Refuse).count(), 25);
        assert_eq!(saved().len(), 7);
        assert_eq!(blobs().len(), 28);
        for case in cases() {
            assert_eq!(Layout::read(&case.layout()).tag(&case.tag), Some(case.digest), "{}", case.id);
            assert!(!public_key_pem(&case.key).is_empty());
            case.wanted_annotations();
        }
        for saved in saved() {
            assert!(!Layout::read(&saved.layout()).entries().is_empty(), "{}", saved.id);
            case(&saved.of);
        }
        for blob in blobs() {
            assert!(!blob.signature().is_empty() && !blob.bytes().is_empty());
        }
        for (name, key) in keys() {
            assert!(private_key_pem(&name).contains(&key.label), "{name}");
        }
    }

    #[test]
    fn every_case_can_be_pushed() {
        let registry = Registry::start();
        for case in cases() {
            registry.push_layout(&case.layout(), &case.id);
            let image = registry.manifest(&case.id, &case.tag).unwrap();
            assert_eq!(image.digest, case.digest, "{}", case.id);
        }
        let case = case("sig-bundle-p256-referrers-3x");
        assert!(case.has_referrers_api());
        assert_eq!(registry.referrers(&case.id, &case.digest).len(), 1);
    }

    #[test]
    #[should_panic(expected = "testdata/cosign/nothing is missing")]
    fn a_missing_file_says_which() {
        read("cosign/nothing");
    }
}
