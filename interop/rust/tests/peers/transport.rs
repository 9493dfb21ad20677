//! `oci-client` pulls what `sign` pushed and hashes it itself.

use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::place::{Key, Place, oci_client};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

#[tokio::test]
async fn the_signature_tag_is_an_image_whose_layers_are_the_payloads() {
    let place = Place::new();
    place.sign(&Key::cosign("p256"), &["--format", "legacy"]);
    place.sign(&Key::cosign("rsa2048"), &["--format", "legacy"]);

    let tag = format!("{}.sig", place.digest().replace(':', "-"));
    let manifest = pull_manifest(&place, &tag).await;
    assert_eq!(manifest.layers.len(), 2);
    for layer in &manifest.layers {
        assert_eq!(layer.media_type, SIMPLE_SIGNING);
        assert!(layer.annotations.as_ref().unwrap().contains_key("dev.cosignproject.cosign/signature"));
        let payload: Value = serde_json::from_slice(&pull_blob(&place, layer).await).unwrap();
        assert_eq!(payload["critical"]["image"]["docker-manifest-digest"], place.digest());
    }
    let config: Value = serde_json::from_slice(&pull_blob(&place, &manifest.config).await).unwrap();
    let listed: Vec<&str> = manifest.layers.iter().map(|layer| layer.digest.as_str()).collect();
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(listed));
}

#[tokio::test]
async fn bundles_are_listed_by_the_referrers_api() {
    bundles_are_listed(&Place::new()).await;
}

#[tokio::test]
async fn bundles_are_listed_by_the_fallback_tag() {
    bundles_are_listed(&Place::without_referrers_api()).await;
}

async fn bundles_are_listed(place: &Place) {
    let keys = [Key::cosign("p256"), Key::cosign("ed25519")];
    for key in &keys {
        place.sign(key, &["--format", "bundle"]);
    }
    let image = place.beside(place.digest());
    let client = oci_client();
    let all = client.pull_referrers(&image, None).await.unwrap().manifests;
    let bundles = client.pull_referrers(&image, Some(BUNDLE)).await.unwrap().manifests;
    let others = client.pull_referrers(&image, Some("application/spdx+json")).await.unwrap().manifests;
    assert_eq!((all.len(), bundles.len(), others.len()), (2, 2, 0));

    for entry in bundles {
        let manifest = pull_manifest(place, &entry.digest).await;
        assert_eq!(entry.media_type, OCI_IMAGE_MEDIA_TYPE);
        assert_eq!(manifest.artifact_type.as_deref(), Some(BUNDLE));
        assert_eq!(manifest.subject.as_ref().unwrap().digest, place.digest());
        assert_eq!(pull_blob(place, &manifest.config).await, b"{}");
        assert_eq!(manifest.layers.len(), 1);
        assert_eq!(manifest.layers[0].media_type, BUNDLE);
        let bundle: Value = serde_json::from_slice(&pull_blob(place, &manifest.layers[0]).await).unwrap();
        assert_eq!(bundle["mediaType"], BUNDLE);
    }
}

/// A manifest, whose bytes have the digest that the client says and, where asked by digest, the one asked for.
async fn pull_manifest(place: &Place, reference: &str) -> OciImageManifest {
    let image = place.beside(reference);
    let (bytes, digest) = oci_client()
        .pull_manifest_raw(&image, &RegistryAuth::Anonymous, &[OCI_IMAGE_MEDIA_TYPE])
        .await
        .unwrap();
    assert_eq!(digest_of(&bytes), digest);
    if reference.contains(':') {
        assert_eq!(digest, reference);
    }
    let (parsed, again) = oci_client().pull_manifest(&image, &RegistryAuth::Anonymous).await.unwrap();
    assert_eq!(again, digest);
    match parsed {
        OciManifest::Image(manifest) => manifest,
        OciManifest::ImageIndex(_) => panic!("{reference} is an index"),
    }
}

/// A blob, whose bytes have the digest and the size of its descriptor.
async fn pull_blob(place: &Place, descriptor: &OciDescriptor) -> Vec<u8> {
    let mut bytes = Vec::new();
    oci_client().pull_blob(&place.beside(place.digest()), descriptor, &mut bytes).await.unwrap();
    assert_eq!(digest_of(&bytes), descriptor.digest);
    assert_eq!(bytes.len().to_string(), descriptor.size.to_string());
    bytes
}

fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
