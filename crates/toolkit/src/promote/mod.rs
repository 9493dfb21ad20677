//! The job of promotion: an image that was verified comes to stand under a tag somewhere else, with its evidence.
//!
//! The order of steps is what it is about. The source is resolved once and verified; conditions are held against what
//! verified statements say; the image is copied by its digest, all platforms of it, and its evidence beside it; at the
//! destination it is verified again with what is there; a summary of that is signed; and only then the tag is written. So a
//! promotion that ends anywhere in between has moved no tag, and one that is made again goes on where it was.
//!
//! Only what the verifier has verified is promoted (rule V2): an image that is exempt, or that rules only warn about, or
//! that no rule is for, is refused with that reason. This module never judges: the verdicts are [`Decision`]'s.

mod condition;
mod destination;
mod evidence;
mod facts;
mod keys;
mod list;
mod report;
mod summary;
mod tag_template;

use std::collections::BTreeSet;

use waxseal_core::policy::{Mode, Rule, Selector};
use waxseal_core::verify::Verified;
use waxseal_core::{PinnedRef, Signer, Verdict};
use waxseal_oci::transfer::{self, Attachments, Copied, Options, Platforms};
use waxseal_oci::{Client, Fetched, Location, Store, Which};

pub use condition::{
    Answer, AnswerOutcome, CONDITION_BYTES, CONDITION_VALUES, CONDITIONS, Condition, ConditionError,
};
pub use destination::Standing;
pub use list::{ListError, Listed, PROMOTIONS, TagGlob, tagged};
pub use report::{PROMOTION_SCHEMA, Promotion, PromotionOutcome, Refusal, TakenEvidence};
pub use summary::{SUMMARY_PREDICATE, Summarising};
pub use tag_template::{TAG_TEMPLATE_BYTES, TagTemplate, TagTemplateError};

use self::destination::Destination;
use self::evidence::{Choosing, Chosen};
use self::facts::Asking;
use self::keys::Keys;
use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image};

/// A promotion job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Promoting {
    /// Who decides, by which policy, at which time. Exemptions are left out of account, and a platform is not chosen: what
    /// is promoted is what the name resolves to.
    pub decision: Decision,
    /// What must be so beside that: all of it.
    pub conditions: Vec<Condition>,
    /// What becomes of an image of which a condition does not hold.
    pub unmet: Unmet,
    /// Whether all evidence goes along, and not only that which a key of the policy signed (rule K2).
    pub all_evidence: bool,
    /// What becomes of a tag that names another image.
    pub standing: Standing,
    /// How the tag at the destination is made; without one it is the source's, where none is named.
    pub template: Option<TagTemplate>,
    /// Whether a summary of the decision is signed, and whose.
    pub summary: Option<Summarising>,
    /// Whether everything is looked at and nothing written.
    pub dry_run: bool,
    /// How copies are made. What is attached, what is looked for first and the places are the job's.
    pub options: Options,
}

/// What becomes of an image of which a condition does not hold. What nobody has looked at is refused in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unmet {
    /// Conditions on the tag say which images are meant: others are passed over. What conditions on the content do not
    /// hold of is refused.
    #[default]
    ByKind,
    /// It is passed over.
    Skip,
    /// It is refused.
    Refuse,
}

/// What was found out of an image before anything is written.
struct Approved<'a> {
    verified: &'a Verified<PinnedRef>,
    /// What goes along, by the place that it comes from; first what stands beside the image.
    chosen: Vec<Chosen>,
    manifest: Fetched,
}

impl Promoting {
    /// A job without conditions that takes verified evidence along and moves no tag.
    pub fn new(decision: Decision) -> Self {
        Self {
            decision,
            conditions: Vec::new(),
            unmet: Unmet::default(),
            all_evidence: false,
            standing: Standing::default(),
            template: None,
            summary: None,
            dry_run: false,
            options: Options::default(),
        }
    }

    /// Promotes one image. `signer` signs the summary, if one is asked for.
    pub async fn promote(
        &self,
        client: &Client,
        from: &Location,
        to: &Location,
        finding: &Finding,
        signer: Option<&(dyn Signer + Sync)>,
    ) -> Result<Promotion, Error> {
        if self.decision.platform.is_some() {
            return Err(Error::new(ErrorKind::Usage, "an image is promoted with all its platforms"));
        }
        if self.conditions.len() > CONDITIONS {
            let found = self.conditions.len();
            return Err(Error::new(ErrorKind::Usage, format!("{found} conditions: at most {CONDITIONS}")));
        }
        let mut image = Image::find(client, from, finding).await?;
        let manifest = image.manifest().await?;
        let now = self.decision.now;
        let source = image.tag().cloned();
        let destination =
            Destination::find(client, to, source.as_ref(), self.template.as_ref(), finding, now).await?;
        let mut promotion = Promotion {
            source: image.pinned().clone(),
            image: destination.pinned(*image.digest()),
            destination: destination.shown(),
            tag: destination.tag.clone(),
            before: destination.current,
            outcome: PromotionOutcome::Planned,
            refusal: None,
            conditions: Vec::new(),
            verdict: None,
            at_destination: None,
            copied: None,
            evidence: None,
            summary: None,
        };
        if self.tag_conditions(&image, &mut promotion) {
            return Ok(promotion);
        }
        let verdict = Box::pin(self.decide(image.clone())).await?;
        promotion.verdict = Some(verdict.clone());
        let Some(verified) = verdict.verified() else {
            (promotion.outcome, promotion.refusal) = self.unverified(&verdict, &image);
            return Ok(promotion);
        };
        if Box::pin(self.content_conditions(&image, &verdict, &mut promotion)).await? {
            return Ok(promotion);
        }
        if let Err(refusal) = destination.may(self.standing, verified.digest()) {
            (promotion.outcome, promotion.refusal) = (PromotionOutcome::Refused, Some(refusal));
            return Ok(promotion);
        }
        let keys = Keys::of(self.decision.policy.rules().iter().map(Rule::policy));
        let choosing = Choosing {
            verifier: &self.decision.verifier,
            looking: &self.decision.looking,
            keys: &keys,
            now,
            all: self.all_evidence,
        };
        let places = self.places(&image, &destination);
        let chosen = Box::pin(choosing.choose(&mut image, &places)).await?;
        promotion.evidence = Some(taken(&chosen));
        if self.dry_run {
            return Ok(promotion);
        }
        let approved = Approved { verified, chosen, manifest };
        Box::pin(self.carry(client, &image, &destination, approved, signer, &mut promotion)).await?;
        Ok(promotion)
    }

    /// Where evidence stands that goes along, each place once: beside the image, and where rules for it, at the source or
    /// at the destination, read theirs (rule L7).
    fn places(&self, image: &Image, destination: &Destination) -> Vec<Store> {
        let mut places = vec![image.evidence.clone()];
        for pinned in [image.pinned(), &destination.pinned(*image.digest())] {
            let selector = Selector::new(pinned, self.decision.now).without_exemptions();
            let applied = self.decision.policy.select(&selector);
            places.extend(applied.groups().iter().map(|group| self.decision.place(image, group)));
        }
        once(places)
    }

    /// Decides, with exemptions left out of account (rule V2).
    async fn decide(&self, image: Image) -> Result<Verdict, Error> {
        self.decide_by(self.decision.clone(), image).await
    }

    /// The same at the destination, by what stands there: what rules read elsewhere must have come along.
    async fn decide_there(&self, image: Image) -> Result<Verdict, Error> {
        let mut decision = self.decision.clone();
        decision.evidence_in_place = true;
        self.decide_by(decision, image).await
    }

    async fn decide_by(&self, mut decision: Decision, image: Image) -> Result<Verdict, Error> {
        decision.exemptions = false;
        decision.decide(image, None).await
    }

    /// Everything that is written, in its order.
    async fn carry(
        &self,
        client: &Client,
        image: &Image,
        destination: &Destination,
        approved: Approved<'_>,
        signer: Option<&(dyn Signer + Sync)>,
        promotion: &mut Promotion,
    ) -> Result<(), Error> {
        let digest = *approved.verified.digest();
        let stores = destination.stores(client).await?;
        let (copied, lists) = Box::pin(self.copy(image, &stores, &approved)).await?;
        let mut written = copied.written.saturating_add(copied.blobs).saturating_add(lists);
        promotion.copied = Some(copied);
        let judged_as = self.judged_as(image, destination);
        let there = Box::pin(self.decide_there(destination.image(&stores, judged_as))).await?;
        promotion.at_destination = Some(there.clone());
        let Some(arrived) = there.verified().filter(|arrived| *arrived.digest() == digest) else {
            promotion.outcome = match there {
                Verdict::Undecided(_) => PromotionOutcome::Undecided,
                _ => PromotionOutcome::Refused,
            };
            promotion.refusal = Some(Refusal::new(
                "not-verified-at-destination",
                format!("at the destination it is not verified{}; its tag was not written", nearest(&there)),
                "the rules for the destination ask for more than went along: sign or attest it there by its digest, or take all \
                 evidence along with --evidence all",
            ));
            return Ok(());
        };
        if let (Some(summary), Some(signer)) = (&self.summary, signer) {
            let resource =
                destination.repository().or_else(|| image.pinned().repository()).ok_or_else(|| {
                    Error::new(ErrorKind::NoName, "a summary names the repository that the image is in")
                })?;
            let at = destination.image(&stores, resource.pin(digest));
            let now = self.decision.now;
            let attested = Box::pin(summary.write(arrived, &there, resource, at, signer, now)).await?;
            promotion.summary = attested.into_iter().next();
            let new = promotion.summary.iter().flat_map(|one| &one.attestations).filter(|one| !one.already);
            written = written.saturating_add(new.count());
        }
        let tagged = destination.put_tag(&stores.0, &approved.manifest).await?;
        stores.0.commit().await?;
        promotion.outcome =
            if tagged || written > 0 { PromotionOutcome::Promoted } else { PromotionOutcome::Unchanged };
        Ok(())
    }

    /// Copies the image by its digest and then what goes along; what was moved, and how many lists at tags were written.
    async fn copy(
        &self,
        image: &Image,
        (to, evidence_to): &(Store, Store),
        approved: &Approved<'_>,
    ) -> Result<(Copied, usize), Error> {
        let mut options = self.options.clone();
        options.platforms = Platforms::All;
        options.look_first = true;
        options.evidence_to = Some(evidence_to.clone());
        let which = Which::Digest(*approved.verified.digest());
        let mut all: Option<Copied> = None;
        let mut lists = 0_usize;
        for chosen in &approved.chosen {
            if all.is_some() && !self.all_evidence && chosen.is_empty() {
                continue;
            }
            options.evidence_from = Some(chosen.place.clone());
            options.attachments = if self.all_evidence {
                // What stands there already is added to; everything else is copied as it stands.
                lists = lists.saturating_add(chosen.write_lists(evidence_to, true).await?);
                Attachments::All
            } else {
                Attachments::Referrers(chosen.referrers.clone())
            };
            let copied = transfer::copy(&image.store, &which, to, None, &options).await?;
            if !self.all_evidence {
                lists = lists.saturating_add(chosen.write_lists(evidence_to, false).await?);
            }
            match &mut all {
                None => all = Some(copied),
                Some(all) => add(all, copied),
            }
        }
        let copied = all.ok_or_else(|| Error::new(ErrorKind::Usage, "no place that evidence is read in"))?;
        Ok((copied, lists))
    }

    /// The name by which the image is judged at the destination: its own there, if the policy enforces rules for that; else
    /// the name by which it was judged at the source.
    fn judged_as(&self, image: &Image, destination: &Destination) -> PinnedRef {
        let there = destination.pinned(*image.digest());
        let selector = Selector::new(&there, self.decision.now).without_exemptions();
        let applied = self.decision.policy.select(&selector);
        if applied.groups().iter().any(|group| group.mode == Mode::Enforce) {
            there
        } else {
            image.pinned().clone()
        }
    }

    /// Why what was not verified is not promoted.
    fn unverified(&self, verdict: &Verdict, image: &Image) -> (PromotionOutcome, Option<Refusal>) {
        let selector = Selector::new(image.pinned(), self.decision.now);
        let applied = self.decision.policy.select(&selector);
        let exempt = applied.exemption().map(|exemption| {
            Refusal::new(
                "exempt",
                format!(
                    "the policy exempts it ({}), and an exemption verifies nothing{}",
                    exemption.reason(),
                    nearest(verdict)
                ),
                "sign it as the rules ask: only what is verified is promoted",
            )
        });
        match verdict {
            Verdict::Undecided(_) => (
                PromotionOutcome::Undecided,
                Some(Refusal::new(
                    "undecided",
                    format!("something could not be read{}", nearest(verdict)),
                    "try again when it can be read",
                )),
            ),
            Verdict::Admit(admission) => {
                let basis = admission.basis.name();
                let refusal = exempt.unwrap_or_else(|| {
                    Refusal::new(
                        if basis == "warned" { "only-warned" } else { "no-rule" },
                        format!("it is admitted, and not verified: the basis is {basis:?}"),
                        "add a rule that enforces for it: only what is verified is promoted",
                    )
                });
                (PromotionOutcome::Refused, Some(refusal))
            }
            _ => {
                let refusal = exempt.unwrap_or_else(|| {
                    Refusal::new(
                        "not-verified",
                        format!("the policy does not hold{}", nearest(verdict)),
                        "`waxseal verify` with the same policy shows every finding",
                    )
                });
                (PromotionOutcome::Refused, Some(refusal))
            }
        }
    }

    /// Holds the conditions on the tag against it; whether that ends the promotion.
    fn tag_conditions(&self, image: &Image, promotion: &mut Promotion) -> bool {
        let facts = facts::Facts { tag: image.tag().cloned(), images: Vec::new() };
        let about = self.conditions.iter().filter(|condition| condition.is_about_the_tag());
        promotion.conditions = about.map(|condition| condition.answer(&facts)).collect();
        self.unmet(promotion)
    }

    /// Holds the other conditions against what verified statements say; whether that ends the promotion.
    async fn content_conditions(
        &self,
        image: &Image,
        verdict: &Verdict,
        promotion: &mut Promotion,
    ) -> Result<bool, Error> {
        let about: Vec<_> =
            self.conditions.iter().filter(|condition| !condition.is_about_the_tag()).cloned().collect();
        if about.is_empty() {
            return Ok(false);
        }
        let selector = Selector::new(image.pinned(), self.decision.now).without_exemptions();
        let applied = self.decision.policy.select(&selector);
        // Whom a rule that only warns trusts has no word here.
        let enforced = || applied.groups().iter().filter(|group| group.mode == Mode::Enforce);
        let keys = Keys::of(enforced().map(|group| &group.policy));
        let places = once(enforced().map(|group| self.decision.place(image, group)).collect());
        let asking = Asking {
            verifier: &self.decision.verifier,
            looking: &self.decision.looking,
            places: &places,
            keys: &keys,
            now: self.decision.now,
            signed: verdict.report().is_signed_itself(),
        };
        let facts = asking.facts(image, &about).await?;
        promotion.conditions.extend(about.iter().map(|condition| condition.answer(&facts)));
        Ok(self.unmet(promotion))
    }

    /// What comes of the answers; whether that ends the promotion.
    fn unmet(&self, promotion: &mut Promotion) -> bool {
        // What is refused is told before what could not be read, and that before what is passed over.
        let rank = |answer: &Answer| match answer.outcome {
            AnswerOutcome::Holds => 0,
            AnswerOutcome::DoesNotHold => match self.unmet {
                Unmet::Skip => 1,
                Unmet::ByKind if answer.about_the_tag => 1,
                _ => 3,
            },
            AnswerOutcome::Undecided => 2,
            AnswerOutcome::Unscanned => 3,
        };
        let Some((worst, answer)) = promotion
            .conditions
            .iter()
            .map(|answer| (rank(answer), answer))
            .rev()
            .max_by_key(|(rank, _)| *rank)
        else {
            return false;
        };
        let message = format!("{}: found {}", answer.condition, answer.found);
        let (outcome, refusal) = match (worst, answer.outcome) {
            (0, _) => return false,
            (1, _) => (
                PromotionOutcome::Skipped,
                Refusal::new("condition-not-met", message, "--unmet refuse makes it a refusal"),
            ),
            (2, _) => (
                PromotionOutcome::Undecided,
                Refusal::new("undecided", message, "try again when it can be read"),
            ),
            (_, AnswerOutcome::Unscanned) => (
                PromotionOutcome::Refused,
                Refusal::new(
                    "unscanned",
                    message,
                    "attest a whole scan or an SBOM of this very digest, by a key that the policy names for it",
                ),
            ),
            _ => (
                PromotionOutcome::Refused,
                Refusal::new(
                    "condition-not-met",
                    message,
                    "mend what was found, or pass such images over with --unmet skip",
                ),
            ),
        };
        (promotion.outcome, promotion.refusal) = (outcome, Some(refusal));
        true
    }
}

/// Each place once, in their order.
fn once(mut places: Vec<Store>) -> Vec<Store> {
    let mut seen = BTreeSet::new();
    places.retain(|place| seen.insert(place.shown()));
    places
}

/// What goes along from all places; what stands in two of them is one object.
fn taken(chosen: &[Chosen]) -> TakenEvidence {
    let mut seen = BTreeSet::new();
    let all = chosen.iter().flat_map(|one| one.taken.iter().copied());
    let taken = all.filter(|digest| seen.insert(*digest)).collect();
    let left = chosen.iter().fold(0_usize, |left, one| left.saturating_add(one.left));
    TakenEvidence { taken, left }
}

/// Adds what was copied with the evidence of another place: the image itself was there by then.
fn add(all: &mut Copied, more: Copied) {
    all.manifests = all.manifests.saturating_add(more.attached);
    all.written = all.written.saturating_add(more.written);
    all.blobs = all.blobs.saturating_add(more.blobs);
    all.mounted = all.mounted.saturating_add(more.mounted);
    all.bytes = all.bytes.saturating_add(more.bytes);
    all.attached = all.attached.saturating_add(more.attached);
    all.kept.extend(more.kept);
    all.rejected.extend(more.rejected);
}

/// The nearest miss of a verdict, in words that go on a sentence.
fn nearest(verdict: &Verdict) -> String {
    verdict.nearest_miss().map_or_else(String::new, |finding| {
        let found = finding.found.as_ref().map(|found| format!(" ({found})")).unwrap_or_default();
        format!(": {}{found}", finding.reason.meaning())
    })
}
