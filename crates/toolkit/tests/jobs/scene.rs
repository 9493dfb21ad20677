//! What the tests play with: a client, keys, jobs by name, and evidence made by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal::{Error, Finding, Image, Signed, Signing, Verification};
use waxseal_core::candidate::SIGNATURE_ANNOTATION;
use waxseal_core::key::{KeyAlgorithm, LocalSigner};
use waxseal_core::media_type::{BUNDLE_V03, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, SIMPLE_SIGNING};
use waxseal_core::signing::{SignedImage, SigningRequest};
use waxseal_core::simple_signing::SimpleSigning;
use waxseal_core::verify::Outcome;
use waxseal_core::{
    Descriptor, Digest, Format, Policy, PrivateKey, PublicKey, Reason, SignatureRequirement, Signer,
    TrustedKey, Verdict,
};
use waxseal_oci::registry::Retries;
use waxseal_oci::{Attached, Client, ClientOptions, ErrorKind as Store, Location};
use waxseal_testkit::rng::{Seeded, now};
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, Match, Registry, fixtures};

pub(crate) const BOTH: &[Format] = &[Format::Legacy, Format::Bundle];

/// Settings that give up soon.
pub(crate) fn options() -> ClientOptions {
    let mut options = ClientOptions::default();
    options.retries = Retries::new(1, Duration::from_millis(1));
    options
}

pub(crate) fn client() -> Client {
    Client::new(options()).unwrap()
}

/// A signer of this name, the same in every run.
pub(crate) fn signer(name: &str) -> LocalSigner {
    LocalSigner::new(PrivateKey::generate(KeyAlgorithm::P256, &mut Seeded::named(name)).unwrap())
}

/// A public key of the fixtures.
pub(crate) fn fixture_key(name: &str) -> TrustedKey {
    let pem = fixtures::public_key_pem(name);
    TrustedKey::new(name, PublicKey::from_pem(pem.as_bytes()).unwrap())
}

pub(crate) fn trusted(signer: &LocalSigner) -> TrustedKey {
    TrustedKey::new("the signer", signer.public_key().clone())
}

/// A signature by this signer.
pub(crate) fn by(signer: &LocalSigner) -> Policy {
    Policy::requiring(SignatureRequirement::by(vec![trusted(signer)]).unwrap())
}

/// Signatures by all of these signers.
pub(crate) fn by_all(signers: &[&LocalSigner]) -> Policy {
    let keys = signers
        .iter()
        .enumerate()
        .map(|(at, signer)| TrustedKey::new(format!("signer {at}"), signer.public_key().clone()))
        .collect();
    Policy::requiring(SignatureRequirement::by(keys).unwrap().threshold(signers.len()).unwrap())
}

/// Judges a name.
pub(crate) async fn verify_with(
    client: &Client,
    name: &str,
    finding: &Finding,
    verification: &Verification,
) -> Result<Verdict, Error> {
    let location: Location = name.parse().unwrap();
    let image = Image::find(client, &location, finding).await?;
    verification.verify(image).await
}

/// Judges a name with a new client, everywhere and in every format.
pub(crate) async fn verify(name: &str, policy: Policy) -> Verdict {
    let verification = Verification::new(policy, now());
    verify_with(&client(), name, &Finding::default(), &verification).await.unwrap()
}

pub(crate) fn signing(formats: &[Format]) -> Signing {
    let mut signing = Signing::new(now());
    signing.formats = formats.to_vec();
    signing
}

/// Signs a name.
pub(crate) async fn sign_with(
    client: &Client,
    name: &str,
    finding: &Finding,
    signing: &Signing,
    signers: &[&LocalSigner],
) -> Result<Vec<Signed>, Error> {
    let location: Location = name.parse().unwrap();
    let image = Image::find(client, &location, finding).await?;
    let signers: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|&signer| signer as &(dyn Signer + Sync)).collect();
    signing.sign(image, &signers).await
}

/// Signs a name with a new client.
pub(crate) async fn sign(name: &str, formats: &[Format], signer: &LocalSigner) -> Result<Vec<Signed>, Error> {
    sign_with(&client(), name, &Finding::default(), &signing(formats), &[signer]).await
}

/// An answer of this status, with a way to log in where it is 401.
pub(crate) fn status(code: u16) -> Behaviour {
    match Behaviour::status(code) {
        Behaviour::Status { code: 401, mut headers, body } => {
            headers.push(("WWW-Authenticate".to_owned(), r#"Basic realm="test""#.to_owned()));
            Behaviour::Status { code: 401, headers, body }
        }
        other => other,
    }
}

#[track_caller]
pub(crate) fn admitted(verdict: &Verdict) {
    assert_eq!(verdict.outcome(), Outcome::Admit, "{}", verdict.to_json());
}

#[track_caller]
pub(crate) fn refused(verdict: &Verdict, reason: Reason) {
    assert_eq!(verdict.outcome(), Outcome::Refuse, "{}", verdict.to_json());
    let nearest = verdict.nearest_miss().map(|finding| finding.reason);
    assert_eq!(nearest, Some(reason), "{}", verdict.to_json());
}

/// Undecided, because of a trouble of this kind.
#[track_caller]
pub(crate) fn undecided(verdict: &Verdict, kind: Store) {
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{}", verdict.to_json());
    let nearest = verdict.nearest_miss().unwrap();
    assert_eq!(nearest.reason, Reason::Unreadable);
    let code = format!("{}: ", kind.code());
    assert!(nearest.found.as_deref().unwrap().starts_with(&code), "{code} {}", verdict.to_json());
}

/// The kind of an error that a job ended with.
#[track_caller]
pub(crate) fn failed<T: core::fmt::Debug>(result: Result<T, Error>, kind: waxseal::ErrorKind) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
}

/// A small image in a registry, at `app:1.0`, with nothing attached to it.
pub(crate) struct Scene {
    pub(crate) registry: Registry,
    pub(crate) image: BuiltImage,
    pub(crate) alice: LocalSigner,
    pub(crate) mallory: LocalSigner,
}

impl Scene {
    pub(crate) const REPOSITORY: &str = "team/app";

    pub(crate) fn new() -> Self {
        Self::of(Registry::start())
    }

    pub(crate) fn of(registry: Registry) -> Self {
        let image = ImageBuilder::new().file("hello", "world").build();
        image.push_to(&registry, Self::REPOSITORY, "1.0");
        Self { registry, image, alice: signer("alice"), mallory: signer("mallory") }
    }

    /// The same with the image signed by alice in these formats, and the requests for that forgotten.
    pub(crate) async fn signed(registry: Registry, formats: &[Format]) -> Self {
        let scene = Self::of(registry);
        scene.sign(formats).await;
        scene.registry.clear_requests();
        scene
    }

    pub(crate) fn digest(&self) -> Digest {
        self.image.digest()
    }

    pub(crate) fn by_tag(&self) -> String {
        self.registry.image(Self::REPOSITORY, "1.0")
    }

    pub(crate) fn by_digest(&self) -> String {
        self.registry.image(Self::REPOSITORY, &self.digest().to_string())
    }

    pub(crate) fn sig_tag(&self) -> String {
        Attached::Signatures.tag(&self.digest()).unwrap().to_string()
    }

    pub(crate) fn fallback_tag(&self) -> String {
        waxseal_oci::attached::fallback_tag(&self.digest()).unwrap().to_string()
    }

    pub(crate) async fn sign(&self, formats: &[Format]) {
        sign(&self.by_tag(), formats, &self.alice).await.unwrap();
    }

    /// Whether the image, by its digest, is signed by alice.
    pub(crate) async fn verify(&self) -> Verdict {
        verify(&self.by_digest(), by(&self.alice)).await
    }

    /// Puts these layers at the tag of signatures, past the protocol.
    pub(crate) fn put_signatures(&self, layers: &[Layer]) -> Digest {
        let manifest = self.manifest(layers, None);
        self.registry.put_manifest(Self::REPOSITORY, &self.sig_tag(), OCI_MANIFEST, manifest)
    }

    /// Stores a referrer of `subject` with these layers, past the protocol.
    pub(crate) fn put_referrer(&self, layers: &[Layer], subject: &Descriptor) -> Descriptor {
        let manifest = self.manifest(layers, Some(subject));
        let descriptor = Descriptor::of(OCI_MANIFEST, &manifest);
        let digest = descriptor.digest.to_string();
        self.registry.put_manifest(Self::REPOSITORY, &digest, OCI_MANIFEST, manifest);
        descriptor
    }

    /// Puts an index of these entries at the fallback tag, past the protocol.
    pub(crate) fn put_fallback_index(&self, entries: &[Value]) {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        let bytes = index.to_string();
        self.registry.put_manifest(Self::REPOSITORY, &self.fallback_tag(), OCI_INDEX, bytes);
    }

    /// Lets the referrers API, if there is one, list these entries.
    pub(crate) fn list(&self, entries: &[Value]) {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        self.registry.rule(Match::get("/referrers/"), Behaviour::OtherBody(index.to_string().into()));
    }

    fn manifest(&self, layers: &[Layer], subject: Option<&Descriptor>) -> Bytes {
        for layer in layers {
            if let Some(bytes) = &layer.bytes {
                self.registry.put_blob(Self::REPOSITORY, bytes.clone());
            }
        }
        manifest(layers, subject)
    }
}

/// A layer of a manifest of signatures.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) descriptor: Value,
    pub(crate) bytes: Option<Bytes>,
}

impl Layer {
    pub(crate) fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { descriptor: json!(Descriptor::of(media_type, &bytes)), bytes: Some(bytes) }
    }

    /// A legacy signature of an image.
    pub(crate) fn legacy(signer: &LocalSigner, image: Digest) -> Self {
        let made = signed(signer, image, Format::Legacy).legacy.unwrap();
        let mut layer = Self::new(SIMPLE_SIGNING, made.payload);
        layer.descriptor["annotations"] = json!({ SIGNATURE_ANNOTATION: made.signature });
        layer
    }

    /// A legacy signature whose payload has this many bytes more than it needs.
    pub(crate) fn padded(signer: &LocalSigner, image: Digest, pad: usize) -> Self {
        let annotations = BTreeMap::from([("pad".to_owned(), "x".repeat(pad))]);
        let payload = SimpleSigning::write("registry.example.com/team/app", &image, &annotations);
        let signature = signer.sign(&payload).unwrap().to_base64();
        let mut layer = Self::new(SIMPLE_SIGNING, payload);
        layer.descriptor["annotations"] = json!({ SIGNATURE_ANNOTATION: signature });
        layer
    }

    /// A bundle for an image.
    pub(crate) fn bundle(signer: &LocalSigner, image: Digest) -> Self {
        Self::new(BUNDLE_V03, signed(signer, image, Format::Bundle).bundle.unwrap())
    }

    /// The same with another size in its descriptor.
    pub(crate) fn sized(mut self, size: u64) -> Self {
        self.descriptor["size"] = size.into();
        self
    }
}

pub(crate) fn signed(signer: &LocalSigner, image: Digest, format: Format) -> SignedImage {
    let name = Some("registry.example.com/team/app".to_owned());
    SigningRequest::image(image, name, BTreeMap::new(), &[format]).unwrap().sign(signer).unwrap()
}

/// A manifest of these layers with an empty configuration.
pub(crate) fn manifest(layers: &[Layer], subject: Option<&Descriptor>) -> Bytes {
    let layers: Vec<_> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor::of(OCI_EMPTY, b"{}"),
        "layers": layers,
    });
    if let Some(subject) = subject {
        let subject = Descriptor::new(subject.media_type.clone(), subject.digest, subject.size);
        manifest["subject"] = json!(subject);
        manifest["artifactType"] = BUNDLE_V03.into();
    }
    manifest.to_string().into()
}
