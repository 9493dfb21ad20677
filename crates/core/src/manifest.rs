//! Image manifests and image indexes, read without ambiguity.
//!
//! A body that could be read as two kinds of object is refused, because another reader might choose the other
//! kind (CVE-2021-41190 and its family; T-26). Reading keeps nothing of the bytes: a manifest is copied and
//! signed by its original bytes, never from these types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::{self, Descriptor};
use crate::json::{self, JsonError, Names, Path};
use crate::limits::{MANIFEST_BYTES, MANIFEST_DESCRIPTORS};
use crate::media_type::{self, OCI_INDEX, OCI_MANIFEST};

/// A manifest or an index, read from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Manifest {
    /// An image manifest: an image of one platform, or an artifact.
    Image(Box<ImageManifest>),
    /// An image index: images of several platforms.
    Index(Box<ImageIndex>),
}

/// An image manifest (image specification, "Image Manifest").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageManifest {
    /// Media type, of the body or, where the body has none, of whoever handed it out.
    pub media_type: String,
    /// Type of the artifact. A hint (rule L6).
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, in order.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// An image index (image specification, "Image Index").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageIndex {
    /// Media type, of the body or, where the body has none, of whoever handed it out.
    pub media_type: String,
    /// Type of the artifact. A hint (rule L6).
    pub artifact_type: Option<String>,
    /// The images.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a body. `named` is the media type that a descriptor or a `Content-Type` gave it; it fills in for an
    /// absent `mediaType` and may not contradict one.
    pub fn parse(bytes: &[u8], named: Option<&str>) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MANIFEST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let wire: Wire = json::parse(bytes, interpreted).map_err(ManifestError::Json)?;
        if wire.schema_version != 2 {
            return Err(ManifestError::SchemaVersion { found: wire.schema_version });
        }
        let media_type = match (wire.media_type, named.map(media_type::essence)) {
            (Some(written), Some(named)) if known(&named) && written != named => {
                return Err(ManifestError::MediaTypeMismatch { written, named });
            }
            (Some(written), _) => Some(written),
            (None, Some(named)) if known(&named) => Some(named),
            (None, _) => None,
        };
        let annotations = wire.annotations.unwrap_or_default();
        match (wire.manifests, wire.layers, wire.config) {
            (Some(manifests), None, None) => {
                let media_type = media_type.unwrap_or_else(|| OCI_INDEX.to_owned());
                if !media_type::is_index(&media_type) {
                    return Err(ManifestError::Kind { media_type });
                }
                bound(&manifests)?;
                let artifact_type = wire.artifact_type;
                Ok(Self::Index(Box::new(ImageIndex {
                    media_type,
                    artifact_type,
                    manifests,
                    subject: wire.subject,
                    annotations,
                })))
            }
            (None, Some(layers), Some(config)) => {
                let media_type = media_type.unwrap_or_else(|| OCI_MANIFEST.to_owned());
                if !media_type::is_manifest(&media_type) {
                    return Err(ManifestError::Kind { media_type });
                }
                bound(&layers)?;
                Ok(Self::Image(Box::new(ImageManifest {
                    media_type,
                    artifact_type: wire.artifact_type,
                    config,
                    layers,
                    subject: wire.subject,
                    annotations,
                })))
            }
            (Some(_), _, _) => Err(ManifestError::Ambiguous),
            (None, _, _) => Err(ManifestError::Neither),
        }
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Image(image) => &image.media_type,
            Self::Index(index) => &index.media_type,
        }
    }

    /// The manifest that this one refers to.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// The descriptors below this object: the images of an index, or configuration and layers of an image.
    pub fn children(&self) -> Vec<&Descriptor> {
        match self {
            Self::Image(image) => core::iter::once(&image.config).chain(&image.layers).collect(),
            Self::Index(index) => index.manifests.iter().collect(),
        }
    }
}

/// How the names in a manifest or an index are compared: what other readers could take for a digest of ours, they would
/// run.
pub fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&[
            "schemaVersion",
            "mediaType",
            "artifactType",
            "config",
            "layers",
            "manifests",
            "subject",
            "annotations",
        ]),
        [list, item, rest @ ..] if item.is_empty() && (list == "layers" || list == "manifests") => {
            descriptor::interpreted(rest)
        }
        [one, rest @ ..] if one == "config" || one == "subject" => descriptor::interpreted(rest),
        _ => Names::Exact,
    }
}

fn known(media_type: &str) -> bool {
    media_type::is_index(media_type) || media_type::is_manifest(media_type)
}

fn bound(descriptors: &[Descriptor]) -> Result<(), ManifestError> {
    if descriptors.len() > MANIFEST_DESCRIPTORS {
        return Err(ManifestError::TooManyDescriptors { found: descriptors.len() });
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Why a body is neither a manifest nor an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The body is larger than [`MANIFEST_BYTES`].
    #[error("larger than {MANIFEST_BYTES} bytes")]
    TooLarge,
    /// The body is not the JSON that it should be.
    #[error("not a manifest: {0}")]
    Json(#[source] JsonError),
    /// `schemaVersion` is not 2.
    #[error("schemaVersion is {found}, expected 2")]
    SchemaVersion {
        /// The version found.
        found: u64,
    },
    /// The body's `mediaType` is not the one it was named by.
    #[error("mediaType is {written:?}, but it was named {named:?}")]
    MediaTypeMismatch {
        /// What the body says.
        written: String,
        /// What the descriptor or the `Content-Type` says.
        named: String,
    },
    /// The media type is of another kind than the members.
    #[error("the media type {media_type:?} does not fit the members")]
    Kind {
        /// The media type.
        media_type: String,
    },
    /// The body has the members of an index and of an image.
    #[error("has the members of an index and of an image: two readers could read it in two ways")]
    Ambiguous,
    /// The body has neither `manifests` nor `config` and `layers`.
    #[error("has neither the members of an index nor those of an image")]
    Neither,
    /// There are more descriptors than [`MANIFEST_DESCRIPTORS`].
    #[error("has {found} descriptors, the limit is {MANIFEST_DESCRIPTORS}")]
    TooManyDescriptors {
        /// Number of descriptors.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(extra: &str) -> String {
        let descriptor = r#"{"mediaType":"t","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;
        format!(r#"{{"schemaVersion":2,"config":{descriptor},"layers":[{descriptor}]{extra}}}"#)
    }

    fn parse(text: &str, named: Option<&str>) -> Result<Manifest, ManifestError> {
        Manifest::parse(text.as_bytes(), named)
    }

    #[test]
    fn an_absent_media_type_is_filled_in() {
        let read =
            parse(&image(""), Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8"));
        assert_eq!(read.unwrap().media_type(), media_type::DOCKER_MANIFEST);
        assert_eq!(parse(&image(""), None).unwrap().media_type(), OCI_MANIFEST);
        assert!(matches!(parse(&image(""), Some(OCI_INDEX)), Err(ManifestError::Kind { .. })));
    }

    #[test]
    fn one_body_is_one_kind() {
        assert_eq!(parse(&image(r#","manifests":[]"#), None), Err(ManifestError::Ambiguous));
        assert_eq!(parse(r#"{"schemaVersion":2}"#, None), Err(ManifestError::Neither));
        assert_eq!(parse(r#"{"schemaVersion":2,"layers":[]}"#, None), Err(ManifestError::Neither));
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","manifests":[]}}"#);
        assert!(matches!(parse(&index, None), Err(ManifestError::Kind { .. })));
        let written = image(&format!(r#","mediaType":"{OCI_MANIFEST}""#));
        assert!(parse(&written, Some(OCI_MANIFEST)).is_ok());
        let mismatch = parse(&written, Some(media_type::DOCKER_MANIFEST));
        assert!(matches!(mismatch, Err(ManifestError::MediaTypeMismatch { .. })));
    }

    #[test]
    fn schema_one_and_doubled_members_are_refused() {
        let old = r#"{"schemaVersion":1,"name":"a","fsLayers":[]}"#;
        assert_eq!(parse(old, None), Err(ManifestError::SchemaVersion { found: 1 }));
        for extra in [r#","layers":[]"#, r#","Layers":[]"#] {
            assert!(matches!(parse(&image(extra), None), Err(ManifestError::Json(_))), "{extra}");
        }
    }

    /// Other readers fold case and take the last of two: at every level that is read by name, and there only.
    #[test]
    fn no_member_can_be_taken_for_another_by_its_case() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let descriptor = format!(
            r#"{{"mediaType":"t","size":2,"digest":"{digest}","platform":{{"os":"linux","architecture":"amd64"}},"annotations":{{"a":"1","A":"2","Digest":"3"}},"x":1}}"#
        );
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{descriptor}],"subject":{descriptor},"annotations":{{"b":"1","B":"2","Layers":"3"}},"x":1}}"#
        );
        let image = format!(
            r#"{{"schemaVersion":2,"config":{descriptor},"layers":[{descriptor},{descriptor}],"x":1}}"#
        );
        for text in [&index, &image] {
            assert!(parse(text, None).is_ok(), "{text}");
            for name in ["mediaType", "digest", "size", "platform", "annotations", "os", "architecture", "x"]
            {
                let quoted = format!("\"{name}\":");
                for (at, _) in text.match_indices(&quoted) {
                    let mut cased = name.to_uppercase();
                    if name == "mediaType" {
                        "MediaType".clone_into(&mut cased);
                    }
                    // Beside the member, in front of it; then in its place.
                    let twice = format!(r#"{}"{cased}":{{}},{}"#, &text[..at], &text[at..]);
                    assert!(matches!(parse(&twice, None), Err(ManifestError::Json(_))), "{twice}");
                    if name != "x" {
                        let alone = format!(r#"{}"{cased}":{}"#, &text[..at], &text[at + quoted.len()..]);
                        assert!(matches!(parse(&alone, None), Err(ManifestError::Json(_))), "{alone}");
                    }
                }
            }
            for name in
                ["Layers", "Config", "MediaType", "Manifests", "Subject", "ArtifactType", "SchemaVersion"]
            {
                let more = text.replacen('{', &format!(r#"{{"{name}":null,"#), 1);
                assert!(matches!(parse(&more, None), Err(ManifestError::Json(_))), "{more}");
            }
            for name in ["Platform", "Variant", "ArtifactType", "URLs", "OS.Version"] {
                let inside =
                    if ["Variant", "OS.Version"].contains(&name) { r#"{"os""# } else { r#"{"mediaType""# };
                let more = text.replacen(inside, &format!(r#"{{"{name}":null,{}"#, &inside[1..]), 1);
                assert_ne!(more, *text);
                assert!(matches!(parse(&more, None), Err(ManifestError::Json(_))), "{more}");
            }
        }
    }

    #[test]
    fn the_number_of_descriptors_is_bounded() {
        let one = r#"{"mediaType":"t","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;
        let body = |count: usize| {
            let all = vec![one; count].join(",");
            format!(r#"{{"schemaVersion":2,"manifests":[{all}]}}"#)
        };
        assert!(parse(&body(MANIFEST_DESCRIPTORS), None).is_ok());
        let found = MANIFEST_DESCRIPTORS + 1;
        assert_eq!(parse(&body(found), None), Err(ManifestError::TooManyDescriptors { found }));
    }
}
