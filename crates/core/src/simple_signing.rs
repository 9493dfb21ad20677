//! The simple-signing payload: what a legacy cosign signature is over.
//!
//! The format is the one of cosign's `SIGNATURE_SPEC.md`: a `critical` part that names image, identity and type,
//! and an `optional` part with annotations. The payload is signed as bytes, so it is written once and never
//! written again; a payload from outside becomes readable only after its signature was verified (rule S1).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::json::{self, JsonError, Names, Path};
use crate::limits::SIMPLE_SIGNING_BYTES;

/// The only `critical.type` that is an image signature (rule S3).
pub const TYPE: &str = "cosign container image signature";

/// The content of a verified simple-signing payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimpleSigning {
    /// `critical.identity.docker-reference`, if it is not empty: the name that the image was signed under. Shown;
    /// it binds only where asked (rule S9).
    pub docker_reference: Option<String>,
    /// `critical.image.docker-manifest-digest`.
    pub digest: Digest,
    /// `critical.type`.
    pub kind: String,
    /// `optional`: the annotations, strings or any other JSON.
    pub optional: BTreeMap<String, Value>,
}

impl SimpleSigning {
    /// The bytes of a payload as cosign writes them: compact, members in cosign's order, `<`, `>`, `&`, U+2028 and
    /// U+2029 escaped as Go's encoder does, `optional` null where there are no annotations.
    pub fn write(docker_reference: &str, digest: &Digest, annotations: &BTreeMap<String, String>) -> Vec<u8> {
        let optional = if annotations.is_empty() {
            "null".to_owned()
        } else {
            let members: Vec<_> =
                annotations.iter().map(|(name, value)| format!("{}:{}", quote(name), quote(value))).collect();
            format!("{{{}}}", members.join(","))
        };
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":{}}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{TYPE}"}},"optional":{optional}}}"#,
            quote(docker_reference),
        )
        .into_bytes()
    }

    /// Reads a payload whose signature was verified.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.len() as u64 > SIMPLE_SIGNING_BYTES {
            return Err(JsonError::Shape { why: format!("larger than {SIMPLE_SIGNING_BYTES} bytes") });
        }
        let wire: Wire = json::parse(bytes, interpreted)?;
        Ok(Self {
            docker_reference: Some(wire.critical.identity.docker_reference).filter(|name| !name.is_empty()),
            digest: wire.critical.image.docker_manifest_digest,
            kind: wire.critical.kind,
            optional: wire.optional.unwrap_or_default(),
        })
    }
}

/// The levels whose members are read by name.
fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["critical", "optional"]),
        [critical] if critical == "critical" => Names::Known(&["identity", "image", "type"]),
        [critical, part] if critical == "critical" && part == "identity" => {
            Names::Known(&["docker-reference"])
        }
        [critical, part] if critical == "critical" && part == "image" => {
            Names::Known(&["docker-manifest-digest"])
        }
        _ => Names::Exact,
    }
}

/// A JSON string as Go's `encoding/json` writes it, so that equal content gives equal bytes.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text)
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[derive(Deserialize)]
struct Wire {
    critical: Critical,
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations() -> BTreeMap<String, String> {
        [("stage".to_owned(), "<a&b>\u{2028}".to_owned()), ("team".to_owned(), "blue".to_owned())].into()
    }

    #[test]
    fn writes_the_bytes_that_cosign_writes() {
        // testdata/cosign/repositories/sig-legacy-annotations-3x
        let digest =
            "sha256:b01554b97cbf4d4fe9e488075978ef5379b5e76cb7566251caf8d50dce49bc46".parse().unwrap();
        let annotations =
            [("stage".to_owned(), "release".to_owned()), ("team".to_owned(), "blue".to_owned())];
        let bytes = SimpleSigning::write(
            "127.0.0.1:5001/r1795322710/sig-legacy-annotations-3x",
            &digest,
            &annotations.into(),
        );
        assert_eq!(
            Digest::of(bytes).to_string(),
            "sha256:3d4d2353ebbc3bb420fcedfd6f42633f2438c35077030cbcc18eb5ad07595680"
        );
    }

    #[test]
    fn reads_what_it_writes() {
        let digest = Digest::of(b"image");
        let bytes = SimpleSigning::write("registry.example.com/app", &digest, &annotations());
        assert!(String::from_utf8(bytes.clone()).unwrap().contains(r"\u003ca\u0026b\u003e\u2028"));
        let read = SimpleSigning::parse(&bytes).unwrap();
        assert_eq!(read.digest, digest);
        assert_eq!(read.kind, TYPE);
        assert_eq!(read.docker_reference.as_deref(), Some("registry.example.com/app"));
        assert_eq!(read.optional.get("stage"), Some(&Value::from("<a&b>\u{2028}")));
        let none = SimpleSigning::write("", &digest, &BTreeMap::new());
        assert_eq!(SimpleSigning::parse(&none).unwrap().docker_reference, None);
    }

    #[test]
    fn refuses_a_member_twice_also_in_another_case() {
        let text = String::from_utf8(SimpleSigning::write("a", &Digest::of("x"), &annotations())).unwrap();
        for (from, to) in [
            ("\"optional\"", "\"critical\":{},\"optional\""),
            ("\"optional\"", "\"Critical\":{},\"optional\""),
            ("\"image\"", "\"Image\":{},\"image\""),
            ("\"docker-manifest-digest\"", "\"Docker-Manifest-Digest\":\"\",\"docker-manifest-digest\""),
            ("\"stage\"", "\"stage\":\"x\",\"stage\""),
        ] {
            let twice = text.replacen(from, to, 1);
            let read = SimpleSigning::parse(twice.as_bytes());
            let refused = matches!(read, Err(JsonError::DuplicateMember { .. } | JsonError::Case { .. }));
            assert!(refused, "{twice}: {read:?}");
        }
        let cased = text.replacen("\"stage\"", "\"Stage\":\"x\",\"stage\"", 1);
        assert!(SimpleSigning::parse(cased.as_bytes()).is_ok(), "names of annotations are compared exactly");
    }

    #[test]
    fn refuses_a_known_member_in_another_case() {
        let text = String::from_utf8(SimpleSigning::write("a", &Digest::of("x"), &annotations())).unwrap();
        for name in ["optional", "critical", "type", "identity", "image", "docker-reference"] {
            let cased = text.replacen(&format!("\"{name}\""), &format!("\"{}\"", name.to_uppercase()), 1);
            let read = SimpleSigning::parse(cased.as_bytes());
            assert!(matches!(read, Err(JsonError::Case { .. })), "{cased}: {read:?}");
        }
        let elsewhere = text.replacen("\"stage\"", "\"Critical\"", 1);
        assert!(SimpleSigning::parse(elsewhere.as_bytes()).is_ok());
    }

    #[test]
    fn refuses_other_shapes() {
        let text = String::from_utf8(SimpleSigning::write("a", &Digest::of("x"), &BTreeMap::new())).unwrap();
        for (from, to) in
            [("sha256:", "SHA256:"), ("\"type\"", "\"kind\""), ("null}", "7}"), ("\"image\"", "\"img\"")]
        {
            assert!(SimpleSigning::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
        }
        let large = " ".repeat(usize::try_from(SIMPLE_SIGNING_BYTES).unwrap());
        assert!(SimpleSigning::parse(format!("{text}{large}").as_bytes()).is_err());
    }
}
