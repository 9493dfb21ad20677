//! Signing elsewhere: a request that carries what is to be signed to another machine, and the response that brings the
//! signatures back.
//!
//! A [`DetachedRequest`] holds payloads, never hashes of them, so that whoever has the key sees what is signed: it is read
//! from the bytes that are signed, and payloads of one request that disagree are refused (rule G5). The summary in the file
//! is for people who open it and decides nothing. A [`DetachedResponse`] holds signatures and nothing else; they are verified
//! with a key that the caller names, against the request that the caller kept, before anything is made of them (rule G1).

mod error;
mod payload;
mod reading;
mod request;
mod response;
mod shown;

pub use error::DetachedError;
pub use payload::PayloadKind;
pub use request::{DetachedRequest, SignedElsewhere, ToBeSigned};
pub use response::DetachedResponse;

/// The name and version of a request's JSON form.
pub const REQUEST_SCHEMA: &str = "waxseal/signing-request/v1";
/// The name and version of a response's JSON form.
pub const RESPONSE_SCHEMA: &str = "waxseal/signing-response/v1";
