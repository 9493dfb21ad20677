//! Listing and copying images, on layouts that cosign wrote and on registries of both kinds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that finds something else than it expects ends there"
)]

mod copy;
mod packs;
mod saving;
mod tree;

use std::path::Path;

use waxseal::{Finding, Image, Tree};
use waxseal_oci::registry::Retries;
use waxseal_oci::{Client, ClientOptions};

/// A client without credentials that repeats nothing.
fn client() -> Client {
    let mut options = ClientOptions::default();
    options.retries = Retries::new(0, std::time::Duration::ZERO);
    Client::new(options).unwrap()
}

async fn image(name: &str) -> Image {
    Image::find(&client(), &name.parse().unwrap(), &Finding::default()).await.unwrap()
}

async fn tree(name: &str) -> Tree {
    waxseal::tree(&mut image(name).await).await.unwrap()
}

fn oci(directory: &Path, tag: &str) -> String {
    format!("oci:{}:{tag}", directory.display())
}
