//! `waxseal promote`.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use waxseal::promote::{
    Listed, PROMOTION_SCHEMA, PROMOTIONS, Promoting, Promotion, PromotionOutcome, Standing, Summarising,
    Unmet, tagged,
};
use waxseal::{Decision, promote};
use waxseal_core::policy::PolicySet;
use waxseal_core::record::RecordedImage;
use waxseal_core::verify::Unseen;
use waxseal_core::{Policy, SignatureRequirement, Signer};
use waxseal_oci::transfer::{Delivered, Progress};

use super::judging::{annotations, verifier};
use super::record::Recording;
use crate::args::promote::{EvidenceArg, PromoteArgs, PromoteOutput, UnmetArg};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, read, standard_input};
use crate::output::progress::Bar;
use crate::output::{self, counted, escape};
use crate::session::{Session, location};

/// Images that are promoted at the same time, unless somebody says otherwise.
const WORKERS: usize = 8;
/// Largest list, in bytes (16 MiB).
const LIST_BYTES: u64 = 16 << 20;

/// Promotes each image; the worst outcome decides the exit code (rule V4).
pub(crate) async fn run(args: &PromoteArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().chain(&args.vsa_key).map(|key| ("a key", key == "-"));
    let list = ("the list", args.from.as_deref() == Some(std::path::Path::new("-")));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let stdin = standard_input(keys.chain([password, list]))?;
    args.record.fits(args.policy.file()?)?;
    let inputs = key_files(args.key.iter().chain(&args.vsa_key)).into_iter();
    let inputs: Vec<_> = inputs.chain(args.policy.policy.clone()).chain(args.from.clone()).collect();
    file::fits(args.record.record.as_deref(), inputs.iter().map(PathBuf::as_path))?;
    let mut listed = listed(args)?;
    let names = listed.iter().flat_map(|one| [&one.from, &one.to]);
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), names)?;
    let job = job(args, &session).await?;
    let signer = match &args.vsa_key {
        Some(name) => Some(args.signer.open(&session, name, stdin)?),
        None => None,
    };
    let signer = signer.as_ref().map(|signer| signer as &(dyn Signer + Sync));
    if args.all_tags || args.tags.is_some() {
        listed = of_tags(args, &session, &listed).await?;
    }
    let recording = Recording::open(&args.record, &session, args.signer.allow_example_keys)?;
    let bar = Arc::new(Bar::new("promoting"));
    let mut job = job;
    job.options = job.options.with_progress(Arc::clone(&bar) as Arc<dyn Progress>);
    job.options.delivered = Some(Delivered::default());
    let several = listed.len() > 1;
    let workers = args.max_workers.map_or(WORKERS, usize::from).max(1);
    let mut done = stream::iter(listed)
        .map(|one| {
            let (session, job) = (&session, &job);
            async move {
                let promotion = Box::pin(single(session, job, &one, signer)).await;
                (one, promotion)
            }
        })
        .buffered(workers);
    let (mut exit, mut counts) = (Exit::Done, Counts::default());
    while let Some((one, promotion)) = done.next().await {
        // One image that cannot be looked at does not silence what is said of the others.
        exit = exit.worst(match &promotion {
            Ok(promotion) => outcome(promotion.outcome),
            Err(fault) => fault.exit(),
        });
        counts.add(&promotion);
        if let Some(recording) = &recording {
            exit = output::told(exit, record(recording, &job, &one, &promotion));
        }
        exit = output::told(exit, show(&one, &promotion, args.output));
    }
    bar.clear();
    if several {
        output::talk(&counts.words());
    }
    Ok(exit)
}

/// Records what was decided over the source; what a condition on the tag passed over was not looked at.
fn record(
    recording: &Recording,
    job: &Promoting,
    one: &Listed,
    promotion: &Result<Promotion, Fault>,
) -> Result<(), Fault> {
    let (policy, now) = (&job.decision.policy, job.decision.now);
    let mut image = RecordedImage::named(&one.from);
    image.without_exemptions = true;
    match promotion {
        Ok(promotion) => {
            image.repository = promotion.source.repository().map(ToString::to_string);
            match &promotion.verdict {
                Some(verdict) => recording.decided(verdict, policy, image),
                None => Ok(()),
            }
        }
        Err(fault) => {
            let unseen = Unseen::by(&one.from, fault.code(), fault.message(), policy, None, now);
            recording.unseen(&unseen, policy, image)
        }
    }
}

async fn single(
    session: &Session,
    job: &Promoting,
    one: &Listed,
    signer: Option<&(dyn Signer + Sync)>,
) -> Result<Promotion, Fault> {
    let mut job = job.clone();
    job.conditions.extend(one.when.iter().cloned());
    if one.template.is_some() {
        job.template.clone_from(&one.template);
    }
    let (from, to) = (location(&one.from)?, location(&one.to)?);
    Ok(Box::pin(job.promote(&session.client, &from, &to, &session.finding, signer)).await?)
}

/// What is to be promoted, as it was typed or listed.
fn listed(args: &PromoteArgs) -> Result<Vec<Listed>, Fault> {
    let listed = match (&args.from, &args.source, &args.destination) {
        (Some(path), ..) => Listed::read(&read(path, LIST_BYTES)?)
            .map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?,
        (None, Some(from), Some(to)) => vec![Listed::new(from.clone(), to.clone())],
        _ => return Err(Fault::usage("a promotion needs a source and a destination, or --from FILE")),
    };
    // Every name is read before anything is looked at: a typing mistake costs nothing.
    for one in &listed {
        location(&one.from)?;
        location(&one.to)?;
    }
    Ok(listed)
}

/// The tags of the source, each with its destination.
async fn of_tags(args: &PromoteArgs, session: &Session, listed: &[Listed]) -> Result<Vec<Listed>, Fault> {
    let mut all = Vec::new();
    for one in listed {
        let from = location(&one.from)?;
        if location(&one.to)?.typed_tag().is_some() {
            return Err(Fault::usage(format!("{}: several tags are promoted, and one is named", one.to))
                .hint("name the repository; --tag-template says how tags are called there"));
        }
        for tag in tagged(&session.client, &from, args.tags.as_ref()).await? {
            let mut tagged = one.clone();
            tagged.from = format!("{}:{tag}", one.from);
            all.push(tagged);
        }
    }
    if all.is_empty() {
        return Err(Fault::usage("no tag of the source is meant")
            .hint("`waxseal tree` and the registry show its tags; --tags takes a pattern as v1.*"));
    }
    if all.len() > PROMOTIONS {
        return Err(Fault::usage(format!("{} promotions: at most {PROMOTIONS}", all.len())));
    }
    Ok(all)
}

/// The job, from flags.
async fn job(args: &PromoteArgs, session: &Session) -> Result<Promoting, Fault> {
    let mut decision = Decision::new(policy(args, session).await?, session.client.clone(), Timestamp::now());
    decision.verifier = verifier(args.signer.allow_example_keys);
    let mut job = Promoting::new(decision);
    job.conditions.clone_from(&args.when);
    job.unmet = match args.unmet {
        UnmetArg::Auto => Unmet::ByKind,
        UnmetArg::Skip => Unmet::Skip,
        UnmetArg::Refuse => Unmet::Refuse,
    };
    job.all_evidence = args.evidence == EvidenceArg::All;
    job.template.clone_from(&args.tag_template);
    job.dry_run = args.dry_run;
    job.standing = match (args.force, args.expect_current.as_deref()) {
        (true, _) => Standing::Move,
        (false, None) => Standing::Keep,
        (false, Some("none")) => Standing::Expect(None),
        (false, Some(digest)) => Standing::Expect(Some(digest.parse().map_err(|error| {
            Fault::usage(format!("--expect-current {digest}: {error}")).hint("expected sha256:... or none")
        })?)),
    };
    if let Some(id) = &args.verifier_id {
        job.summary = Some(Summarising::new(id.clone())?);
    }
    Ok(job)
}

/// The policy file, or what the flags ask for.
async fn policy(args: &PromoteArgs, session: &Session) -> Result<PolicySet, Fault> {
    match (args.policy.file()?, args.key.is_empty()) {
        (Some(_), true) => {
            if args.threshold != 1 || !args.annotations.is_empty() {
                return Err(Fault::usage(
                    "--threshold and --annotations go with --key: a policy file says both",
                ));
            }
            session.policy(&args.policy).await
        }
        (Some(_), false) => Err(Fault::usage("a policy file and keys: give one of them")
            .hint("write the keys into the policy file, or unset WAXSEAL_POLICY")),
        (None, true) => {
            Err(Fault::usage("nothing says whose signatures count").hint("give --policy FILE, or --key KEY"))
        }
        (None, false) => {
            let wanted = SignatureRequirement::by(session.trusted(&args.key).await?)
                .and_then(|wanted| wanted.threshold(args.threshold))
                .map_err(waxseal::Error::from)?
                .annotations(annotations(&args.annotations)?);
            Ok(PolicySet::everywhere(Policy::requiring(wanted)))
        }
    }
}

const fn outcome(outcome: PromotionOutcome) -> Exit {
    match outcome {
        PromotionOutcome::Promoted
        | PromotionOutcome::Unchanged
        | PromotionOutcome::Planned
        | PromotionOutcome::Skipped => Exit::Done,
        PromotionOutcome::Undecided => Exit::Undecided,
        // Whatever is not known here is not promoted.
        _ => Exit::Refused,
    }
}

fn show(one: &Listed, promotion: &Result<Promotion, Fault>, form: PromoteOutput) -> Result<(), Fault> {
    match promotion {
        Ok(promotion) => {
            tell(promotion);
            let there = matches!(promotion.outcome, PromotionOutcome::Promoted | PromotionOutcome::Unchanged);
            match form {
                PromoteOutput::Json => output::data(&promotion.to_json())?,
                PromoteOutput::Text if there => output::data(&escape(&promotion.image.to_string()))?,
                PromoteOutput::Text => {}
            }
        }
        Err(fault) => {
            output::talk(&format!("{}: not promoted to {}", escape(&one.from), escape(&one.to)));
            output::fault(fault);
            if form == PromoteOutput::Json {
                let error = json!({ "code": fault.code(), "message": fault.message() });
                output::data(
                    &json!({
                        "schema": PROMOTION_SCHEMA,
                        "outcome": "failed",
                        "source": one.from,
                        "destination": one.to,
                        "error": error,
                    })
                    .to_string(),
                )?;
            }
        }
    }
    Ok(())
}

/// What became of one image, in words.
fn tell(promotion: &Promotion) {
    let word = match promotion.outcome {
        PromotionOutcome::Promoted => "promoted to",
        PromotionOutcome::Unchanged => "stands already, with everything, as",
        PromotionOutcome::Planned => "would be promoted to",
        PromotionOutcome::Skipped => "passed over, and not promoted to",
        PromotionOutcome::Undecided => "undecided, and not promoted to",
        _ => "refused, and not promoted to",
    };
    let (source, destination) = (escape(&promotion.source.to_string()), escape(&promotion.destination));
    output::talk(&format!("{source}: {word} {destination}"));
    if let Some(before) = promotion.before.filter(|before| before != promotion.source.digest()) {
        let moved = matches!(promotion.outcome, PromotionOutcome::Promoted);
        output::talk(&format!("  the tag {} {before}", if moved { "named" } else { "names" }));
    }
    for answer in &promotion.conditions {
        let outcome = match answer.outcome {
            promote::AnswerOutcome::Holds => "holds",
            promote::AnswerOutcome::Undecided => "undecided",
            promote::AnswerOutcome::Unscanned => "nothing verified says it",
            _ => "does NOT hold",
        };
        output::talk(&format!("  when {}: {outcome} ({})", escape(&answer.condition), escape(&answer.found)));
    }
    if let Some(evidence) = &promotion.evidence {
        let left = match evidence.left {
            0 => String::new(),
            left => format!("; {left} stay behind, which no key of the policy signed (--evidence all)"),
        };
        output::talk(&format!("  evidence: {}{left}", counted(evidence.taken.len(), "object")));
    }
    if let Some(copied) = &promotion.copied {
        output::talk(&format!(
            "  {}, {} written; {} sent ({} bytes), {} there already, {} of them taken over within the registry",
            counted(copied.manifests, "manifest"),
            copied.written,
            counted(copied.blobs, "blob"),
            copied.bytes,
            copied.blobs_there,
            copied.mounted,
        ));
    }
    if let Some(summary) = &promotion.summary {
        let new = summary.attestations.iter().any(|one| !one.already);
        let word = if new { "signed" } else { "stands there already" };
        output::talk(&format!("  verification summary: {word}"));
    }
    if let Some(refusal) = &promotion.refusal {
        output::talk(&format!("  reason: {} [{}]", escape(&refusal.message), refusal.code));
        output::talk(&format!("  hint: {}", escape(&refusal.hint)));
    }
}

/// How many of each outcome.
#[derive(Default)]
struct Counts(std::collections::BTreeMap<&'static str, usize>);

impl Counts {
    fn add(&mut self, promotion: &Result<Promotion, Fault>) {
        let name = promotion.as_ref().map_or("failed", |promotion| promotion.outcome.name());
        let count = self.0.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    fn words(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(name, count)| format!("{count} {name}")).collect();
        words.join(", ")
    }
}
