//! Where a test happens: a registry on loopback with one image, the binary, and keys from the repository.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use sigstore::cosign::{Client, ClientBuilder};
use sigstore::registry::{ClientConfig, ClientProtocol, OciReference};

use crate::log;

/// A registry in a process of its own, with the image `app:1.0`. It ends when its standard input does.
pub(crate) struct Place {
    registry: Child,
    /// The image by digest, as in `127.0.0.1:4321/app@sha256:...`.
    pub(crate) image: String,
}

impl Place {
    /// A registry with the referrers API.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A registry that answers 404 to the referrers API.
    pub(crate) fn without_referrers_api() -> Self {
        Self::with(&["--no-referrers"])
    }

    fn with(flags: &[&str]) -> Self {
        let mut registry = Command::new(named("WAXSEAL_REGISTRY"))
            .args(flags)
            .args(["--image", "app:1.0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The image, then the registry's own address: it listens once both are told.
        let told = BufReader::new(registry.stdout.take().unwrap()).lines().take(2);
        let told: Vec<String> = told.map(Result::unwrap).collect();
        Self { registry, image: told[0].clone() }
    }

    /// Host and port of the registry.
    pub(crate) fn host(&self) -> &str {
        self.image.split_once('/').unwrap().0
    }

    /// The image's digest.
    pub(crate) fn digest(&self) -> &str {
        self.image.split_once('@').unwrap().1
    }

    /// The image as the `sigstore` crate names it.
    pub(crate) fn reference(&self) -> OciReference {
        self.image.parse().unwrap()
    }

    /// Something else in the image's repository, by tag or digest, as `oci-client` names it.
    pub(crate) fn beside(&self, reference: &str) -> oci_client::Reference {
        let (registry, repository) = (self.host().to_owned(), "app".to_owned());
        if reference.contains(':') {
            oci_client::Reference::with_digest(registry, repository, reference.to_owned())
        } else {
            oci_client::Reference::with_tag(registry, repository, reference.to_owned())
        }
    }

    /// Signs the image and expects it done.
    pub(crate) fn sign(&self, key: &Key, flags: &[&str]) {
        let mut sign = waxseal();
        sign.env("WAXSEAL_PASSWORD", &key.password).args(["sign", "--key"]).arg(&key.private);
        let done = sign.args(flags).arg(&self.image).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The exit code of `verify`: 0 admitted, 1 refused.
    pub(crate) fn verify(&self, key: &Key, flags: &[&str]) -> i32 {
        self.verdict(key, flags).status.code().unwrap()
    }

    /// What `verify` says, as waxseal's JSON.
    pub(crate) fn verdict(&self, key: &Key, flags: &[&str]) -> Output {
        let mut verify = waxseal();
        verify.args(["verify", "--output", "verdict", "--allow-example-keys", "--key"]).arg(&key.public);
        verify.args(flags).arg(&self.image).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.registry.stdin.take());
        let _ = self.registry.wait();
    }
}

/// A key pair in files.
pub(crate) struct Key {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
    pub(crate) password: String,
}

impl Key {
    /// A throwaway key that cosign sealed, from the test data.
    pub(crate) fn cosign(name: &str) -> Self {
        Self::at("testdata/cosign/keys", name, "example")
    }

    /// An example key that waxseal sealed.
    pub(crate) fn example(name: &str) -> Self {
        Self::at("keys-example", name, "waxseal-example")
    }

    fn at(folder: &str, name: &str, password: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(folder);
        Self::of_files(&folder.join(name), password)
    }

    /// The key in `PREFIX.key` and `PREFIX.pub`.
    pub(crate) fn of_files(prefix: &Path, password: &str) -> Self {
        Self {
            private: prefix.with_extension("key"),
            public: prefix.with_extension("pub"),
            password: password.to_owned(),
        }
    }

    pub(crate) fn private_pem(&self) -> Vec<u8> {
        std::fs::read(&self.private).unwrap()
    }

    pub(crate) fn public_pem(&self) -> Vec<u8> {
        std::fs::read(&self.public).unwrap()
    }
}

/// The binary, without anything of the caller's configuration.
pub(crate) fn waxseal() -> Command {
    let mut command = Command::new(named("WAXSEAL"));
    command.stdin(Stdio::null()).env_remove("COSIGN_REPOSITORY").env_remove("WAXSEAL_FORMAT");
    command
}

/// A client of the `sigstore` crate that speaks plain http and trusts no log and no authority.
pub(crate) fn sigstore_client() -> Client {
    log::start();
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    ClientBuilder::default().with_oci_client_config(config).build().unwrap()
}

/// A client of the `oci-client` crate that speaks plain http.
pub(crate) fn oci_client() -> oci_client::Client {
    let protocol = oci_client::client::ClientProtocol::Http;
    oci_client::Client::try_from(oci_client::client::ClientConfig { protocol, ..Default::default() }).unwrap()
}

fn named(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: call interop/rust/run"))
        .into()
}
