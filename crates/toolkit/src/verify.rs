//! The job of verifying images: resolve once, look everywhere, judge.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::candidate::Evidence;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::verify::PlatformVerdict;
use waxseal_core::{Digest, Platform, Policy, Verdict, Verifier};
use waxseal_oci::Attached;

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

/// A verification job.
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
        match &self.platforms {
            Platforms::Named => Ok(Box::pin(self.judge(&image, &Evidence::new())).await.0),
            Platforms::One(platform) => {
                let image = image.for_platform(platform).await?;
                // Rule P3: what nothing asks for costs no request.
                let via =
                    if self.policy.looks_at_indexes() { image.subject.via().to_vec() } else { Vec::new() };
                let own = self.look(&image, image.digest());
                let (own, above) = tokio::join!(Box::pin(own), Box::pin(self.beside(&image, via)));
                let evidence = Evidence::from_iter([own, above]);
                Ok(self.verifier.verify(&image.subject, &evidence, &self.policy, self.now))
            }
            Platforms::All => Box::pin(self.all(image, &Evidence::new(), 0)).await,
        }
    }

    /// Judges an image by what is attached to it and by what was found beside the indexes through which it was
    /// reached (rule P2). The evidence comes back, so that nothing is looked for twice.
    async fn judge(&self, image: &Image, inherited: &Evidence) -> (Verdict, Evidence) {
        let mut evidence = self.look(image, image.digest()).await;
        // Candidates share what they hold: this copies where they were found.
        evidence.extend([inherited.clone()]);
        (self.verifier.verify(&image.subject, &evidence, &self.policy, self.now), evidence)
    }

    /// Looks for what the policy asks for, and for nothing else: `.att` is read only where an attestation is wanted, and
    /// `.sig` where a signature is (rule L4).
    async fn look(&self, image: &Image, digest: &Digest) -> Evidence {
        let mut looking = self.looking.clone();
        looking.tags.clear();
        if self.policy.wants_signatures() {
            looking.tags.push(Attached::Signatures);
        }
        if self.policy.wants_attestations() {
            looking.tags.push(Attached::Attestations);
        }
        look(&image.evidence, digest, &looking).await.evidence
    }

    async fn beside(&self, image: &Image, digests: Vec<Digest>) -> Evidence {
        stream::iter(digests)
            .map(|digest| async move { self.look(image, &digest).await })
            .buffered(CONCURRENT)
            .collect()
            .await
    }

    async fn all(&self, mut image: Image, inherited: &Evidence, depth: usize) -> Result<Verdict, Error> {
        let (own, evidence) = self.judge(&image, inherited).await;
        let Some(index) = image.index().await? else { return Ok(own) };
        if depth >= INDEX_DEPTH {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", image.pinned()),
            ));
        }
        let fetched = image.manifest().await?;
        let mut children = Vec::new();
        for descriptor in &index.manifests {
            if !children.iter().any(|child: &Image| *child.digest() == descriptor.digest) {
                children.push(image.child(&descriptor.digest).await?);
            }
        }
        let judged = stream::iter(children)
            .map(|child| async {
                let digest = *child.digest();
                let verdict = Box::pin(self.all(child, &evidence, depth.saturating_add(1))).await?;
                Ok(PlatformVerdict::new(digest, verdict))
            })
            .buffered(CONCURRENT)
            .collect::<Vec<Result<_, Error>>>()
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let media_type = Some(fetched.descriptor.media_type.as_str());
        self.verifier
            .combine(&image.subject, &fetched.bytes, media_type, &own, &judged, &self.policy)
            .map_err(|error| Error::new(ErrorKind::InvalidImage, error.to_string()))
    }
}
