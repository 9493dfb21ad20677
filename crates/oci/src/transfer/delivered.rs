//! What several copies bring to registries: each blob once, whatever number of images shares it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use waxseal_core::{Descriptor, Digest, Repository};

use super::Options;
use super::write::{Way, send_blob};
use crate::error::Error;
use crate::store::Store;

/// Repositories from which one blob is taken over before its bytes are sent.
const TRIED: usize = 2;

/// Which blobs copies have brought to registries. Copies that share it send no blob twice to one registry: what stands in
/// one repository is taken over into the others, and two copies that need the same blob at once wait for one another.
/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    blobs: Arc<Mutex<Blobs>>,
}

/// By the registry's host and the digest.
type Blobs = HashMap<(String, Digest), Arc<Blob>>;

/// The repositories of one registry that have a blob. Whoever brings it holds the lock.
type Blob = tokio::sync::Mutex<Vec<Repository>>;

impl Delivered {
    fn blob(&self, host: &str, digest: &Digest) -> Arc<Blob> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(blobs.entry((host.to_owned(), *digest)).or_default())
    }
}

/// Sees to it that the destination has the blob.
pub(super) async fn deliver(
    from: &Store,
    to: &Store,
    descriptor: &Descriptor,
    options: &Options,
) -> Result<Way, Error> {
    let (Some(delivered), Store::Registry(registry)) = (&options.delivered, to) else {
        return bring(from, to, descriptor, options, &[]).await;
    };
    let repository = registry.repository();
    let blob = delivered.blob(repository.api_host(), &descriptor.digest);
    let mut there = blob.lock().await;
    if there.contains(repository) {
        options.progress().advance(descriptor.size);
        return Ok(Way::There);
    }
    let way = bring(from, to, descriptor, options, &there).await?;
    there.push(repository.clone());
    Ok(way)
}

async fn bring(
    from: &Store,
    to: &Store,
    descriptor: &Descriptor,
    options: &Options,
    others: &[Repository],
) -> Result<Way, Error> {
    let way = if to.has_blob(descriptor).await? {
        Way::There
    } else if to.mount(descriptor, from).await? || mounted(to, descriptor, others).await? {
        Way::Mounted
    } else {
        send_blob(from, to, descriptor, options).await?;
        return Ok(Way::Sent);
    };
    options.progress().advance(descriptor.size);
    Ok(way)
}

/// Whether the registry takes the blob over from one of its repositories to which it was brought.
async fn mounted(to: &Store, descriptor: &Descriptor, others: &[Repository]) -> Result<bool, Error> {
    let Store::Registry(registry) = to else { return Ok(false) };
    for other in others.iter().take(TRIED) {
        if registry.mount_blob(&descriptor.digest, other).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
