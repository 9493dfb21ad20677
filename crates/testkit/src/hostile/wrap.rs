//! Changed insides put back into their wrappings: a payload into its envelope, a blob into its manifest.
//!
//! Everything else keeps its bytes, so that what a verdict turns on is the change alone.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_core::encoding::{base64_decode, base64_encode};

use super::span::spans;

/// The text of the value at a JSON pointer, as it stands.
pub fn member(json: &[u8], pointer: &str) -> Vec<u8> {
    json[range(json, pointer)].to_vec()
}

/// The text with another value at a JSON pointer.
pub fn replace_member(json: &[u8], pointer: &str, value: &Value) -> Vec<u8> {
    let range = range(json, pointer);
    [&json[..range.start], value.to_string().as_bytes(), &json[range.end..]].concat()
}

/// The payload of a DSSE envelope, or of the one in a bundle.
pub fn dsse_payload(envelope: &[u8]) -> Vec<u8> {
    let text: String =
        serde_json::from_slice(&member(envelope, payload_pointer(envelope))).expect("a string");
    base64_decode(&text).expect("a payload in base64")
}

/// A DSSE envelope, or a bundle with one, with another payload under the old signature.
pub fn rewrap_dsse(envelope: &[u8], payload: &[u8]) -> Vec<u8> {
    replace_member(envelope, payload_pointer(envelope), &base64_encode(payload).into())
}

/// A manifest whose layer of this number is another blob: digest and size changed, media type and annotations kept.
pub fn replace_layer(manifest: &[u8], number: usize, blob: &[u8]) -> Vec<u8> {
    let digest = json!(Digest::of(blob));
    let manifest = replace_member(manifest, &format!("/layers/{number}/digest"), &digest);
    replace_member(&manifest, &format!("/layers/{number}/size"), &json!(blob.len()))
}

fn payload_pointer(envelope: &[u8]) -> &'static str {
    let json: Value = serde_json::from_slice(envelope).expect("an envelope is JSON");
    if json.get("dsseEnvelope").is_some() { "/dsseEnvelope/payload" } else { "/payload" }
}

fn range(json: &[u8], pointer: &str) -> std::ops::Range<usize> {
    let text = core::str::from_utf8(json).expect("what is mutated is UTF-8");
    spans(text)
        .into_iter()
        .find(|span| span.pointer == pointer)
        .unwrap_or_else(|| panic!("the JSON has no member {pointer}"))
        .value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::layout::Layout;

    #[test]
    fn a_payload_goes_back_into_a_bundle_of_cosign() {
        let bundle = fixtures::read("cosign/blobs/p256.3x.att.bundle.json");
        let payload = dsse_payload(&bundle);
        assert!(payload.starts_with(b"{\"_type\""));
        let other = rewrap_dsse(&bundle, b"another");
        assert_eq!(dsse_payload(&other), b"another");
        assert_eq!(rewrap_dsse(&other, &payload), &bundle[..]);
    }

    #[test]
    fn a_layer_is_exchanged_and_its_signature_kept() {
        let case = fixtures::case("sig-legacy-p256-2x");
        let layout = Layout::read(&case.layout());
        let tag = format!("sha256-{}.sig", case.digest.hex());
        let manifest = layout.blob(&layout.tag(&tag).unwrap());
        let other: Value = serde_json::from_slice(&replace_layer(&manifest, 0, b"payload")).unwrap();
        let before: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(other["layers"][0]["digest"], json!(Digest::of("payload")));
        assert_eq!(other["layers"][0]["size"], 7);
        assert_eq!(other["layers"][0]["annotations"], before["layers"][0]["annotations"]);
        assert_eq!(other["config"], before["config"]);
    }
}
