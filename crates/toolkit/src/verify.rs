//! The job of verifying images: resolve once, look everywhere, judge.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::candidate::Evidence;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::policy::RulePlatforms;
use waxseal_core::verify::PlatformVerdict;
use waxseal_core::{Digest, Platform, Policy, Verdict, Verifier};
use waxseal_oci::{Attached, Store};

use crate::error::{Error, ErrorKind};
use crate::evidence::{Looking, look};
use crate::image::Image;

/// Images of one index that are judged at the same time.
const CONCURRENT: usize = 8;

/// Which images of an index are judged (rules P2, P4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platforms {
    /// The digest that the name resolves to, index or not.
    #[default]
    Named,
    /// The image for one platform.
    One(Platform),
    /// The index and every image that it lists, nested ones too.
    All,
}

/// A verification job by requirements that hold for every image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verification {
    /// What must hold.
    pub policy: Policy,
    /// The choices of the deployment.
    pub verifier: Verifier,
    /// Where and how to look. Which tags are read, the policy says.
    pub looking: Looking,
    /// Which images of an index.
    pub platforms: Platforms,
    /// The time at which it is judged.
    pub now: Timestamp,
}

impl Verification {
    /// A job that looks everywhere and judges the named digest at `now`.
    pub fn new(policy: Policy, now: Timestamp) -> Self {
        Self {
            policy,
            verifier: Verifier::new(),
            looking: Looking::default(),
            platforms: Platforms::Named,
            now,
        }
    }

    /// Judges one image.
    pub async fn verify(&self, image: Image) -> Result<Verdict, Error> {
        let seen = Seen::new(&self.looking, [&self.policy]);
        let pass = Pass { policy: &self.policy, verifier: &self.verifier, now: self.now, seen: &seen };
        match &self.platforms {
            Platforms::Named => pass.one(image).await,
            Platforms::One(platform) => pass.one(image.for_platform(platform).await?).await,
            Platforms::All => pass.each(image, &RulePlatforms::All).await,
        }
    }
}

/// What was seen beside images in one job: each place is looked at once, whatever the number of rules.
pub(crate) struct Seen {
    looking: Looking,
    evidence: Mutex<HashMap<(String, Digest), Evidence>>,
}

impl Seen {
    /// Nothing yet. What any of the policies asks for is looked for, and nothing else: `.att` is read only where an attestation
    /// is wanted, and `.sig` where a signature is (rule L4).
    pub(crate) fn new<'a>(looking: &Looking, policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let (mut signatures, mut attestations) = (false, false);
        for policy in policies {
            signatures |= policy.wants_signatures();
            attestations |= policy.wants_attestations();
        }
        let mut looking = looking.clone();
        looking.tags.clear();
        if signatures {
            looking.tags.push(Attached::Signatures);
        }
        if attestations {
            looking.tags.push(Attached::Attestations);
        }
        Self { looking, evidence: Mutex::default() }
    }

    /// Takes over what somebody else has found there.
    pub(crate) fn know(&self, place: &Store, digest: &Digest, evidence: Evidence) {
        let key = (place.shown(), *digest);
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner).insert(key, evidence);
    }

    async fn look(&self, place: &Store, digest: &Digest) -> Evidence {
        let key = (place.shown(), *digest);
        let known = self.evidence.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let found = look(place, digest, &self.looking).await.evidence;
        // Candidates share what they hold: this copies where they were found.
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        found
    }
}

/// Images judged by one policy.
pub(crate) struct Pass<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) verifier: &'a Verifier,
    pub(crate) now: Timestamp,
    pub(crate) seen: &'a Seen,
}

impl Pass<'_> {
    /// Judges the digest itself, by what is attached to it and to the indexes through which it was reached (rule P2).
    pub(crate) async fn one(&self, image: Image) -> Result<Verdict, Error> {
        // Rule P3: what nothing asks for costs no request.
        let via = if self.policy.looks_at_indexes() { image.subject.via().to_vec() } else { Vec::new() };
        let own = self.seen.look(&image.evidence, image.digest());
        let (own, above) = tokio::join!(Box::pin(own), Box::pin(self.beside(&image, via)));
        let evidence = Evidence::from_iter([own, above]);
        Ok(self.verifier.verify(&image.subject, &evidence, self.policy, self.now))
    }

    /// Judges the images of an index; an image that is none stands for itself.
    pub(crate) async fn each(&self, image: Image, platforms: &RulePlatforms) -> Result<Verdict, Error> {
        let via = if self.policy.looks_at_indexes() { image.subject.via().to_vec() } else { Vec::new() };
        let inherited = self.beside(&image, via).await;
        Box::pin(self.all(image, platforms, &inherited, 0)).await
    }

    async fn beside(&self, image: &Image, digests: Vec<Digest>) -> Evidence {
        stream::iter(digests)
            .map(|digest| async move { self.seen.look(&image.evidence, &digest).await })
            .buffered(CONCURRENT)
            .collect()
            .await
    }

    async fn all(
        &self,
        mut image: Image,
        platforms: &RulePlatforms,
        inherited: &Evidence,
        depth: usize,
    ) -> Result<Verdict, Error> {
        let invalid = |error: &dyn core::fmt::Display| Error::new(ErrorKind::InvalidImage, error.to_string());
        let mut evidence = self.seen.look(&image.evidence, image.digest()).await;
        evidence.extend([inherited.clone()]);
        let own = self.verifier.verify(&image.subject, &evidence, self.policy, self.now);
        let index = image.index().await?;
        let fetched = image.manifest().await?;
        let media_type = Some(fetched.descriptor.media_type.as_str());
        let Some(index) = index else {
            return self
                .verifier
                .single(&image.subject, &fetched.bytes, media_type, own, platforms)
                .map_err(|error| invalid(&error));
        };
        if depth >= INDEX_DEPTH {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", image.pinned()),
            ));
        }
        let mut children = Vec::new();
        let taken = index.manifests.iter().filter(|one| platforms.take(one.platform.as_ref()));
        for descriptor in taken {
            if !children.iter().any(|child: &Image| *child.digest() == descriptor.digest) {
                children.push(image.child(&descriptor.digest).await?);
            }
        }
        let judged = stream::iter(children)
            .map(|child| async {
                let digest = *child.digest();
                let deeper = depth.saturating_add(1);
                let verdict = Box::pin(self.all(child, platforms, &evidence, deeper)).await?;
                Ok(PlatformVerdict::new(digest, verdict))
            })
            .buffered(CONCURRENT)
            .collect::<Vec<Result<_, Error>>>()
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        self.verifier
            .combine_for(&image.subject, (&fetched.bytes, media_type), &own, &judged, self.policy, platforms)
            .map_err(|error| invalid(&error))
    }
}
