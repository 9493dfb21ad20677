//! The job of deciding over an image by a policy file: which rules are for it, one look at what they ask for, one verdict.

use std::sync::Arc;

use jiff::Timestamp;
use waxseal_core::candidate::Evidence;
use waxseal_core::policy::{Applied, Group, PolicySet, RulePlatforms, Selector};
use waxseal_core::{Platform, Verdict, Verifier};
use waxseal_oci::{Client, Store};

use crate::error::{Error, ErrorKind};
use crate::evidence::Looking;
use crate::image::Image;
use crate::verify::{Pass, Seen};

/// A job that decides over images by a policy file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decision {
    /// The rules.
    pub policy: Arc<PolicySet>,
    /// The choices of the deployment.
    pub verifier: Verifier,
    /// Where and how to look. Which tags are read, the rules say.
    pub looking: Looking,
    /// The one image of an index that is meant, by its platform (rule P2).
    pub platform: Option<Platform>,
    /// Whether an exemption admits an image. What is promoted, packed or counter-signed must be verified (rule V2).
    pub exemptions: bool,
    /// Whether evidence is read beside the image, although a rule says that it stands in a repository of its own: an
    /// archive has taken it along (rule L7).
    pub evidence_in_place: bool,
    /// The time at which it is judged.
    pub now: Timestamp,
    /// How repositories are reached that rules name for evidence (rule L7).
    client: Client,
}

impl Decision {
    /// A job that looks everywhere, at `now`. `client` reaches the repositories that rules name for evidence.
    pub fn new(policy: PolicySet, client: Client, now: Timestamp) -> Self {
        Self {
            policy: Arc::new(policy),
            verifier: Verifier::new(),
            looking: Looking::default(),
            platform: None,
            exemptions: true,
            evidence_in_place: false,
            now,
            client,
        }
    }

    /// Decides over one image, in a namespace if it is to run in one. An image that is exempt, or that no rule is for, is
    /// not looked at: only its digest is known.
    pub async fn decide(&self, image: Image, namespace: Option<&str>) -> Result<Verdict, Error> {
        let mut verdicts = self.decide_in(image, &[namespace]).await?;
        verdicts.pop().ok_or_else(|| Error::new(ErrorKind::Usage, "no namespace to decide for"))
    }

    /// The same in each of several namespaces, with one look for all of them: one verdict each, in their order.
    pub async fn decide_in(&self, image: Image, namespaces: &[Option<&str>]) -> Result<Vec<Verdict>, Error> {
        self.decide_knowing(image, namespaces, None).await
    }

    /// The same for a caller that has looked beside the image already, in every format and at every tag.
    pub(crate) async fn decide_knowing(
        &self,
        image: Image,
        namespaces: &[Option<&str>],
        known: Option<Evidence>,
    ) -> Result<Vec<Verdict>, Error> {
        let mut image = match &self.platform {
            Some(platform) => image.for_platform(platform).await?,
            None => image,
        };
        let pinned = image.pinned().clone();
        let applied: Vec<_> = namespaces
            .iter()
            .map(|namespace| {
                let selector = Selector::new(&pinned, self.now).namespace(*namespace);
                let selector = if self.exemptions { selector } else { selector.without_exemptions() };
                self.policy.select(&selector)
            })
            .collect();
        let groups = || applied.iter().flat_map(Applied::groups);
        if groups().any(|group| group.platforms != RulePlatforms::Index) {
            // Read once, for every group of rules.
            image.manifest().await?;
        }
        let seen = Seen::new(&self.looking, groups().map(|group| &group.policy));
        if let Some(known) = known.filter(|_| self.platform.is_none()) {
            seen.know(&image.evidence, image.digest(), known);
        }
        let mut verdicts = Vec::new();
        for applied in &applied {
            let mut image = image.clone();
            image.subject = image.subject.known_as(applied.name().cloned());
            let subject = image.subject.clone();
            let mut judged = Vec::new();
            for group in applied.groups() {
                judged.push(Box::pin(self.judge(image.clone(), group, &seen)).await?);
            }
            verdicts.push(self.verifier.decide(&subject, applied, &judged));
        }
        Ok(verdicts)
    }

    /// Where a group of rules reads an image's evidence: where it says, or beside the image (rule L7).
    pub(crate) fn place(&self, image: &Image, group: &Group) -> Store {
        match &group.signature_repository {
            Some(repository) if !self.evidence_in_place => {
                Store::Registry(self.client.repository(repository))
            }
            _ => image.evidence.clone(),
        }
    }

    /// One group of rules. They are judged one after the other: what the first has looked at, the next ones know.
    async fn judge(&self, mut image: Image, group: &Group, seen: &Seen) -> Result<Verdict, Error> {
        image.evidence = self.place(&image, group);
        let pass = Pass { policy: &group.policy, verifier: &self.verifier, now: self.now, seen };
        match &group.platforms {
            RulePlatforms::Index => pass.one(image).await,
            platforms => pass.each(image, platforms).await,
        }
    }
}
