//! The gate: every image that is named anywhere, one verdict each.
//!
//! A name is resolved once, and a digest is judged once, however often it is named: with one look for all rules and
//! namespaces. Nothing is rewritten and nothing is printed here; whoever pins or reports builds on [`GateResult`].

mod result;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use waxseal_core::Verdict;
use waxseal_core::verify::Unseen;
use waxseal_oci::{Client, Location};

pub use result::{GATE_SCHEMA, GateResult, GatedImage, Judged, OutcomeCounts};

use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image};
use crate::mention::{Mention, Note, Place};

/// Images that are judged at the same time, unless somebody says otherwise.
const CONCURRENT: usize = 32;

/// A job that judges every image of a deployment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gate {
    /// What must hold.
    pub decision: Decision,
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
    /// A job that decides as `decision` does.
    pub const fn new(decision: Decision, finding: Finding) -> Self {
        Self { decision, finding, concurrent: CONCURRENT }
    }

    /// Judges every image once. An image that cannot be looked at is undecided and does not silence the others, so
    /// that this never fails.
    ///
    /// Where rules are for namespaces, an image has one verdict for each namespace that it is named in.
    pub async fn judge(
        &self,
        client: &Client,
        mentions: Vec<Mention>,
        notes: Vec<Note>,
        watch: &dyn Watch,
    ) -> GateResult {
        let wanted = self.grouped(mentions);
        let names = distinct(wanted.iter().map(|wanted| &wanted.image));
        watch.expect(names.len());
        let resolved: HashMap<Location, Result<Image, Arc<Error>>> = stream::iter(names)
            .map(|name| async move {
                let image = Image::find(client, &name, &self.finding).await.map_err(Arc::new);
                (name, image)
            })
            .buffer_unordered(self.concurrent.max(1))
            .collect()
            .await;
        let decided = self.decided(&wanted, &resolved, watch).await;
        let images = wanted.into_iter().map(|wanted| {
            let judged = match resolved.get(&wanted.image) {
                Some(Ok(image)) => decided.get(&key(image, wanted.namespace.as_deref())).cloned(),
                Some(Err(error)) => Some(Err(Arc::clone(error))),
                None => None,
            };
            let judged = match judged {
                Some(Ok(verdict)) => Judged::Decided(verdict),
                Some(Err(error)) => self.unseen(&wanted.image, error),
                // Each name was resolved and decided about above.
                None => self.unseen(&wanted.image, Arc::new(not_judged())),
            };
            let Wanted { image, namespace, places } = wanted;
            let pinned = resolved.get(&image).and_then(|found| Some(found.as_ref().ok()?.pinned().clone()));
            let name = image.to_string();
            GatedImage { name, location: image, resolved: pinned, namespace, places, judged }
        });
        let policy = &self.decision.policy;
        GateResult {
            policy: policy.name().to_owned(),
            policy_digest: policy.digest(),
            at: self.decision.now,
            images: images.collect(),
            notes,
        }
    }

    /// The verdicts, by image and namespace. Several names may lead to one image, which is looked at once.
    async fn decided(
        &self,
        wanted: &[Wanted],
        resolved: &HashMap<Location, Result<Image, Arc<Error>>>,
        watch: &dyn Watch,
    ) -> HashMap<Key, Result<Arc<Verdict>, Arc<Error>>> {
        let mut images: Vec<(&Image, usize, Vec<Option<&str>>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut counted: HashSet<&Location> = HashSet::new();
        for wanted in wanted {
            let is_new = counted.insert(&wanted.image);
            let Some(Ok(image)) = resolved.get(&wanted.image) else {
                if is_new {
                    watch.judged();
                }
                continue;
            };
            let at = *known.entry(image.pinned().to_string()).or_insert(images.len());
            if at == images.len() {
                images.push((image, 0, Vec::new()));
            }
            let Some((_, names, namespaces)) = images.get_mut(at) else { continue };
            *names = names.saturating_add(usize::from(is_new));
            let namespace = wanted.namespace.as_deref();
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
        let decided: Vec<_> = stream::iter(images)
            .map(|(image, names, namespaces)| async move {
                let verdicts = Box::pin(self.decision.decide_in(image.clone(), &namespaces)).await;
                (0..names).for_each(|_| watch.judged());
                match verdicts {
                    Ok(verdicts) => namespaces
                        .into_iter()
                        .zip(verdicts)
                        .map(|(namespace, verdict)| (key(image, namespace), Ok(Arc::new(verdict))))
                        .collect::<Vec<_>>(),
                    Err(error) => {
                        let error = Arc::new(error);
                        let same = |namespace| (key(image, namespace), Err(Arc::clone(&error)));
                        namespaces.into_iter().map(same).collect()
                    }
                }
            })
            .buffer_unordered(self.concurrent.max(1))
            .collect()
            .await;
        decided.into_iter().flatten().collect()
    }

    /// The images in the order in which they are named first, each with all its places.
    fn grouped(&self, mentions: Vec<Mention>) -> Vec<Wanted> {
        let by_namespace = self.decision.policy.rules().iter().any(|rule| !rule.namespaces_of().is_empty());
        let mut known: HashMap<(Location, Option<String>), usize> = HashMap::new();
        let mut images: Vec<Wanted> = Vec::new();
        for Mention { image, place } in mentions {
            let namespace = place.namespace.clone().filter(|_| by_namespace);
            let at = *known.entry((image.clone(), namespace.clone())).or_insert(images.len());
            match images.get_mut(at) {
                Some(wanted) => wanted.places.push(place),
                None => images.push(Wanted { image, namespace, places: vec![place] }),
            }
        }
        images
    }

    fn unseen(&self, location: &Location, error: Arc<Error>) -> Judged {
        let (name, message) = (location.to_string(), error.to_string());
        let place = match location {
            Location::Registry(image) => Some(image.repository()),
            _ => self.finding.identity.as_ref(),
        };
        let Decision { policy, now, .. } = &self.decision;
        let unseen = Unseen::by(&name, error.code(), &message, policy, place, *now);
        Judged::Unseen { unseen: Box::new(unseen), error }
    }
}

/// An image that is to be judged, and everywhere it is named.
struct Wanted {
    image: Location,
    namespace: Option<String>,
    places: Vec<Place>,
}

/// An image by its digest and place, and the namespace that it is judged for.
type Key = (String, Option<String>);

fn key(image: &Image, namespace: Option<&str>) -> Key {
    (image.pinned().to_string(), namespace.map(ToOwned::to_owned))
}

fn distinct<'a>(images: impl Iterator<Item = &'a Location>) -> Vec<Location> {
    let mut known = HashSet::new();
    images.filter(|image| known.insert(*image)).cloned().collect()
}

fn not_judged() -> Error {
    Error::new(ErrorKind::Usage, "the image was not judged")
}
