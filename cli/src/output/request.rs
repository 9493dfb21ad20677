//! What a request asks somebody to sign, for the person who has the key: read from the bytes that are signed (rule G5).

use std::fmt::Write as _;

use serde_json::Value;
use waxseal_core::Digest;
use waxseal_core::signing::detached::DetachedRequest;

use super::{counted, escape};

/// What is signed, in words.
pub(crate) fn text(request: &DetachedRequest) -> String {
    let shown = request.to_be_signed();
    let mut text = String::new();
    match &shown.predicate_type {
        None => text.push_str("to be signed: an image's signature\n"),
        Some(kind) => {
            let _ = writeln!(text, "to be signed: an attestation of the type {}", escape(kind.as_str()));
        }
    }
    for subject in &shown.subjects {
        if subject.digests.is_empty() {
            text.push_str("  digest:     none that is known here\n");
        }
        for digest in &subject.digests {
            let _ = writeln!(text, "  digest:     {digest}");
        }
        let name = subject.name.as_deref().map_or_else(|| "none".to_owned(), escape);
        let _ = writeln!(text, "  repository: {name}");
        for (name, value) in &subject.annotations {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let _ = writeln!(text, "  annotation: {}={}", escape(name), escape(&value));
        }
    }
    if let Some(predicate) = &shown.predicate {
        let bytes = predicate.get();
        let _ = writeln!(text, "  predicate:  {}, {}", counted(bytes.len(), "byte"), Digest::of(bytes));
    }
    for (kind, message) in request.messages() {
        let bytes = counted(message.len(), "byte");
        let _ = writeln!(text, "  payload:    {kind}, {bytes}, {}", Digest::of(message));
    }
    let _ = writeln!(text, "  request:    {}", request.id());
    text
}
