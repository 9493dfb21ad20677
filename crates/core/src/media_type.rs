//! The media types that the program reads and writes, by their specifications' names.
//!
//! A media type from outside is a hint for what to try, never a fact about bytes: what an object is, its own
//! bytes say once they are hashed.

/// OCI image manifest (image specification, "Image Manifest").
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index (image specification, "Image Index").
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Configuration of Docker's images.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The empty JSON object `{}` as a descriptor's content (image specification, "Guidance for an Empty Descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Layer of a `.sig` manifest: a simple-signing payload (cosign `SIGNATURE_SPEC.md`).
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Layer of an `.att` manifest: a DSSE envelope.
pub const DSSE_ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Configuration and artifact type of cosign's `oci-1-1` referrer that carries a legacy signature.
pub const COSIGN_SIGNATURE_ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// Sigstore bundle, version 0.3, the form that is written.
pub const BUNDLE_V03: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Sigstore bundle, version 0.3, the older spelling.
pub const BUNDLE_V03_PARAMETER: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";
/// Sigstore bundle, version 0.2.
pub const BUNDLE_V02: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";
/// Sigstore bundle, version 0.1.
pub const BUNDLE_V01: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
/// How every media type of a Sigstore bundle begins, known version or not.
pub const BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// Payload type of a DSSE envelope that carries an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The manifest types that are asked for when a manifest is read, in the form of an `Accept` header.
pub const ACCEPT_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Whether the type is one of the two image indexes.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Whether the type is one of the two image manifests.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

/// Whether the type names a Sigstore bundle of any version, known or not.
pub fn is_bundle(media_type: &str) -> bool {
    media_type.starts_with(BUNDLE_PREFIX)
}

/// The type without parameters and in lower case, for the `Content-Type` header of an answer.
pub fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
