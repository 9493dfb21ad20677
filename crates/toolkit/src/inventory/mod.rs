//! The job of taking an inventory: which images there are, who signed them, and what their scans say.
//!
//! Images come from names, from manifests, from what a cluster says that it runs, or from a registry's own listings. Each
//! name is resolved once, and each image is looked at once, whatever number of workloads run it. Signers and scores come
//! from verified statements alone; without keys nothing is judged, and what is attached is named as a claim.
//!
//! Nothing is admitted here: an inventory tells, a gate decides.

mod cluster;
mod holdings;
mod image;
mod job;
mod judge;
mod registry;
mod source;

use serde::Serialize;
use waxseal_core::{Digest, KeyId};

pub use cluster::{DUMP_BYTES, DUMP_OBJECTS};
pub use holdings::Holdings;
pub use image::{
    AttachedClaims, ImageKind, ImageScan, ImageVerdict, InventoryImage, PlatformImage, ScanState,
    ScannerScore, Signer, SignerState, Trouble, Why,
};
pub use job::{Inventorying, Step};
pub use registry::RegistryPrefix;
pub use source::{Sources, Workload};

/// The name and version of the JSON form.
pub const INVENTORY_SCHEMA: &str = "waxseal/inventory/v1";

/// Most distinct images of an inventory.
pub const INVENTORY_IMAGES: usize = 100_000;

/// What there is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Inventory {
    /// [`INVENTORY_SCHEMA`].
    pub schema: &'static str,
    /// When it was taken.
    pub time: String,
    /// Whether signers and scans were verified; false where no key was given.
    pub verified: bool,
    /// The keys whose word counted.
    pub keys: Vec<InventoryKey>,
    /// The policy file that decided, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<InventoryPolicy>,
    /// Whether everything could be read. What could not is named.
    pub complete: bool,
    /// How many images of which kind.
    pub summary: Summary,
    /// The images, each digest of a repository once.
    pub images: Vec<InventoryImage>,
    /// What could not be read besides images: listings, names that are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Trouble>,
    /// How many pods were left out because they have ended.
    pub ended_pods: usize,
    /// What is known to stand in each repository, for whoever wants to send only what is not there. More may stand there.
    pub holdings: Vec<Holdings>,
}

/// A key whose word counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InventoryKey {
    /// How it was named.
    pub name: String,
    /// The key.
    pub id: KeyId,
}

/// The policy file that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InventoryPolicy {
    /// Its name.
    pub name: String,
    /// The digest of the resolved policy.
    pub digest: Digest,
}

/// How many images of which kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// All of them.
    pub images: usize,
    /// Signed by a key.
    pub signed: usize,
    /// Known not to be signed by any key.
    pub unsigned: usize,
    /// Scanned, by the word of a key.
    pub scanned: usize,
    /// Known not to be scanned, by the word of any key.
    pub unscanned: usize,
    /// Not to be found, or not to be read far enough to say either.
    pub unknown: usize,
    /// Refused by the policy file, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<usize>,
}

impl Inventory {
    /// Counts, and says whether all could be read.
    fn finished(mut self) -> Self {
        let mut summary = Summary::default();
        for image in &self.images {
            summary.images = summary.images.saturating_add(1);
            let mut count = |is: bool, of: fn(&mut Summary) -> &mut usize| {
                let place = of(&mut summary);
                *place = place.saturating_add(usize::from(is));
            };
            count(matches!(image.signature, SignerState::Signed { .. }), |summary| &mut summary.signed);
            count(matches!(image.signature, SignerState::Unsigned { .. }), |summary| &mut summary.unsigned);
            count(matches!(image.scan, ScanState::Scanned(_)), |summary| &mut summary.scanned);
            count(matches!(image.scan, ScanState::Unscanned { .. }), |summary| &mut summary.unscanned);
            count(image.is_unknown(), |summary| &mut summary.unknown);
        }
        summary.refused =
            self.policy.as_ref().map(|_| self.images.iter().filter(|image| image.is_refused()).count());
        self.complete = self.unreadable.is_empty() && self.images.iter().all(InventoryImage::is_complete);
        self.summary = summary;
        self
    }

    /// Every digest that is known to stand somewhere: images, platforms' images, what hangs on them, and layers.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.holdings.iter().flat_map(|held| held.manifests.iter().chain(&held.blobs))
    }
}
