//! The gate: every image that is named anywhere, one verdict each.
//!
//! A name is resolved once, and a digest is judged once, however often it is named. Nothing is rewritten and nothing
//! is printed here; whoever pins or reports builds on [`GateResult`].

mod result;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use tokio::sync::OnceCell;
use waxseal_core::verify::Unseen;
use waxseal_oci::{Client, Location};

pub use result::{GATE_SCHEMA, GateResult, GatedImage, Judged, OutcomeCounts};

use crate::error::Error;
use crate::image::{Finding, Image};
use crate::mention::{Mention, Note, Place};
use crate::verify::Verification;

/// Images that are judged at the same time, unless somebody says otherwise.
const CONCURRENT: usize = 32;

/// A job that judges every image of a deployment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gate {
    /// What must hold.
    pub verification: Verification,
    /// How images are found.
    pub finding: Finding,
    /// Images that are judged at the same time; 0 counts as 1.
    pub concurrent: usize,
}

/// Who wants to know how far a gate is.
pub trait Watch: Sync {
    /// So many images are to be judged.
    fn expect(&self, images: usize) {
        let _ = images;
    }

    /// One more has been judged.
    fn judged(&self) {}
}

impl Watch for () {}

impl Gate {
    /// A job that judges by `verification`.
    pub fn new(verification: Verification, finding: Finding) -> Self {
        Self { verification, finding, concurrent: CONCURRENT }
    }

    /// Judges every image once. An image that cannot be looked at is undecided and does not silence the others, so
    /// that this never fails.
    pub async fn judge(
        &self,
        client: &Client,
        mentions: Vec<Mention>,
        notes: Vec<Note>,
        watch: &dyn Watch,
    ) -> GateResult {
        let wanted = grouped(mentions);
        watch.expect(wanted.len());
        let known = Verdicts::default();
        let images = stream::iter(wanted)
            .map(|(image, places)| {
                let known = &known;
                async move {
                    let judged = self.one(client, &image, known).await;
                    watch.judged();
                    GatedImage { name: image.to_string(), location: image, places, judged }
                }
            })
            .buffered(self.concurrent.max(1))
            .collect()
            .await;
        let policy = &self.verification.policy;
        GateResult {
            policy: policy.name().to_owned(),
            policy_digest: policy.digest(),
            at: self.verification.now,
            images,
            notes,
        }
    }

    async fn one(&self, client: &Client, location: &Location, known: &Verdicts) -> Judged {
        let image = match Image::find(client, location, &self.finding).await {
            Ok(image) => image,
            Err(error) => return self.unseen(location, Arc::new(error)),
        };
        let verdict = known.cell(&image);
        let verdict = verdict
            .get_or_init(|| async {
                Box::pin(self.verification.verify(image)).await.map(Arc::new).map_err(Arc::new)
            })
            .await;
        match verdict {
            Ok(verdict) => Judged::Decided(Arc::clone(verdict)),
            Err(error) => self.unseen(location, Arc::clone(error)),
        }
    }

    fn unseen(&self, location: &Location, error: Arc<Error>) -> Judged {
        let verification = &self.verification;
        let (name, message) = (location.to_string(), error.to_string());
        let unseen = Unseen::new(&name, error.code(), &message, &verification.policy, verification.now);
        Judged::Unseen { unseen: Box::new(unseen), error }
    }
}

/// The images in the order in which they are named first, each with all its places.
fn grouped(mentions: Vec<Mention>) -> Vec<(Location, Vec<Place>)> {
    let mut known: HashMap<Location, usize> = HashMap::new();
    let mut images: Vec<(Location, Vec<Place>)> = Vec::new();
    for Mention { image, place } in mentions {
        let at = *known.entry(image.clone()).or_insert(images.len());
        match images.get_mut(at) {
            Some((_, places)) => places.push(place),
            None => images.push((image, vec![place])),
        }
    }
    images
}

type Cell = Arc<OnceCell<Result<Arc<waxseal_core::Verdict>, Arc<Error>>>>;

/// The verdicts so far, by digest and place: several tags may lead to one digest.
#[derive(Default)]
struct Verdicts(Mutex<HashMap<String, Cell>>);

impl Verdicts {
    fn cell(&self, image: &Image) -> Cell {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(image.pinned().to_string()).or_default())
    }
}
