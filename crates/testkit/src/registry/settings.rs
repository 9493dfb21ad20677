//! The switches of a registry: what kind it is.

use std::time::Duration;

/// What kind of registry this is. The default is the strictest reading of the distribution specification 1.1.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each of its own")]
#[non_exhaustive]
pub struct Settings {
    /// Whether there is a referrers API.
    pub referrers_api: bool,
    /// Whether there is a catalogue of repositories.
    pub catalog: bool,
    /// Whether a manifest may name blobs and manifests that are not there.
    pub missing_blobs: bool,
    /// Whether a POST with a digest and the body makes a blob; else it opens an upload.
    pub single_post: bool,
    /// Whether blobs are mounted from other repositories; else a mount opens an upload.
    pub mounts: bool,
    /// Whether manifests have an `ETag` and `If-Match` and `If-None-Match` are obeyed.
    pub etags: bool,
    /// Whether a DELETE is obeyed; else 405.
    pub deletes: bool,
    /// Entries of a page of tags or referrers; none for all in one.
    pub page_size: Option<usize>,
    /// The status that refuses to move a tag; none if tags may move.
    pub immutable_tags: Option<u16>,
    /// Whether an upload's `Location` has scheme and host; else path and query alone.
    pub absolute_locations: bool,
    /// Time before every answer.
    pub delay: Duration,
    /// Who may do what.
    pub access: Access,
    /// The token realm that is named instead of the registry's own.
    pub realm: Option<String>,
    /// The refresh token that the token endpoint takes.
    pub refresh_token: Option<String>,
    /// Whether the token endpoint knows POST (OAuth 2); else 405, and GET alone is left.
    pub token_post: bool,
    /// Seconds that a token says it lives.
    pub token_lifetime: u64,
    /// Whether pulling needs no credentials.
    pub anonymous_pull: bool,
    /// Whether every token and password is answered by another challenge.
    pub challenge_always: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            referrers_api: true,
            catalog: true,
            missing_blobs: false,
            single_post: true,
            mounts: true,
            etags: false,
            deletes: true,
            page_size: None,
            immutable_tags: None,
            absolute_locations: false,
            delay: Duration::ZERO,
            access: Access::Open,
            realm: None,
            refresh_token: None,
            token_post: true,
            token_lifetime: 300,
            anonymous_pull: false,
            challenge_always: false,
        }
    }
}

/// How a registry asks who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody may do everything.
    Open,
    /// `Basic` with this name and password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// `Bearer` with a token for this name and password.
    Bearer {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}
