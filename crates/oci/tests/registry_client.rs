//! The registry client against registries that keep to the protocol and registries that lie, all on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::match_bool,
    reason = "a test that cannot go on has failed, and a table of answers reads best as a match"
)]

#[path = "registry_client/auth.rs"]
mod auth;
#[path = "registry_client/blobs.rs"]
mod blobs;
#[path = "registry_client/manifests.rs"]
mod manifests;
#[path = "registry_client/referrers.rs"]
mod referrers;
#[path = "registry_client/requests.rs"]
mod requests;
#[path = "registry_client/stub.rs"]
mod stub;
#[path = "registry_client/tls.rs"]
mod tls;
#[path = "registry_client/uploads.rs"]
mod uploads;
