//! Valid material in, named variants of it out, each wrong in one way.
//!
//! Nothing here knows a key or a rule: whoever calls says what is to become of a variant. Most are to be refused;
//! those that say the same in other bytes are marked, because only what is signed must be the same bytes.

mod base64;
mod bytes;
mod json;
mod span;
mod wrap;

pub use base64::base64_oddities;
pub use bytes::{bit_flips, every_bit_flip, truncations};
pub use json::{document_mutations, json_mutations, member_mutations};
pub use wrap::{dsse_payload, member, replace_layer, replace_member, rewrap_dsse};

/// A variant of some material.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mutation {
    /// Where and how, as in `/critical/type: null`.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether a reader of the format would understand the same as before.
    pub same_value: bool,
}

impl Mutation {
    fn changed(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), same_value: false }
    }

    fn same(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), same_value: true }
    }
}
