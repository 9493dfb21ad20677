//! Judging images: the session, the verdicts over several images at once, and what is said and kept of each.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use waxseal::{Decision, Image, Platforms, Verification};
use waxseal_core::policy::{RepositoryGlob, RulePlatforms, SignedFor};
use waxseal_core::record::RecordedImage;
use waxseal_core::verify::{Outcome, Unseen};
use waxseal_core::{Format, Platform, Policy, TrustedKey, Verdict, Verifier};
use waxseal_oci::Location;

use super::record::Recording;
use crate::args::judging::{JudgingArgs, JudgingOutput};
use crate::args::policy::PolicyArgs;
use crate::args::record::RecordArgs;
use crate::args::{Annotation, FormatArg};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{key_files, standard_input};
use crate::output::results::{ReportFiles, Results};
use crate::output::{self, escape};
use crate::session::{CONCURRENT_IMAGES, Session};

/// What a command says of a verdict.
pub(super) struct Printing {
    /// As it was asked for; none: text on a terminal.
    pub(super) output: Option<JudgingOutput>,
    /// The lines that cosign would print for an admitted image.
    pub(super) json: fn(&Verdict) -> Vec<String>,
    /// What to try, if it was not admitted.
    pub(super) hint: fn(&Verdict) -> Option<&'static str>,
    /// Whether the program was called by cosign's name.
    pub(super) as_cosign: bool,
}

/// The policy file that decides, and where an image is to run.
#[derive(Clone, Copy)]
pub(super) struct ByFile<'a> {
    pub(super) policy: &'a PolicyArgs,
    pub(super) namespace: Option<&'a str>,
    /// Where what is decided is recorded.
    pub(super) record: &'a RecordArgs,
}

/// What images are judged by.
enum Job {
    /// What flags ask for.
    Flags(Verification),
    /// The rules of a policy file, in a namespace.
    File(Decision, Option<String>),
}

impl Job {
    async fn verdict(&self, image: Image) -> Result<Verdict, Fault> {
        Ok(match self {
            Self::Flags(job) => Box::pin(job.verify(image)).await?,
            Self::File(job, namespace) => Box::pin(job.decide(image, namespace.as_deref())).await?,
        })
    }

    /// What is reported, before the first image was judged.
    fn results(&self) -> Results {
        match self {
            Self::Flags(job) => Results::new(job.policy.name(), &job.policy.digest(), job.now),
            Self::File(job, _) => Results::new(job.policy.name(), &job.policy.digest(), job.now),
        }
    }

    /// What is said of an image that cannot be looked at (rule V1).
    fn unseen(&self, name: &str, fault: &Fault) -> Unseen {
        let (code, message) = (fault.code(), fault.message());
        match self {
            Self::Flags(job) => Unseen::new(name, code, message, &job.policy, job.now),
            Self::File(job, _) => {
                let place = match name.parse() {
                    Ok(Location::Registry(image)) => Some(image.repository().clone()),
                    _ => None,
                };
                Unseen::by(name, code, message, &job.policy, place.as_ref(), job.now)
            }
        }
    }
}

/// Judges each image by the policy that `policy` makes of the keys, and of the keys that `others` names; the worst outcome decides the exit code (rule V4).
pub(super) async fn judge(
    images: &[String],
    args: &JudgingArgs,
    offline: bool,
    others: &[String],
    file: Option<ByFile<'_>>,
    policy: impl FnOnce(Vec<TrustedKey>, Vec<TrustedKey>) -> Result<Policy, Fault>,
    printing: &Printing,
) -> Result<Exit, Fault> {
    let keys = args.key.iter().chain(others).map(|key| ("a key", key == "-"));
    standard_input(keys.chain([("the registry's password", args.registry.registry_password_stdin)]))?;
    let names: Vec<_> = images.iter().map(|name| local(name, args.local_image)).collect();
    let policy_file = file.and_then(|file| file.policy.policy.clone());
    let inputs: Vec<_> =
        key_files(&args.key).into_iter().chain(key_files(others)).chain(policy_file).collect();
    let recorded = file.and_then(|file| file.record.record.as_deref());
    let written = args.verdict_file.as_deref().into_iter().chain(args.reports.paths()).chain(recorded);
    crate::file::fits(written, inputs.iter().map(PathBuf::as_path))?;
    output::keep_verdicts(args.verdict_file.as_deref())?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &names)?;
    let job = match file {
        Some(file) => decision(args, &session, file).await?,
        None => Job::Flags(verification(args, &session, others, policy).await?),
    };
    let reports = ReportFiles::begin(&args.reports.targets)?;
    let mut results = job.results();
    let recording = match file {
        Some(file) => Recording::open(file.record, &session, args.allow_example_keys)?,
        None => None,
    };
    let form = printing.output.unwrap_or(if output::stdout_is_terminal() && !printing.as_cosign {
        JudgingOutput::Text
    } else {
        JudgingOutput::Json
    });
    let mut verdicts = stream::iter(names)
        .map(|name| {
            let (session, job) = (&session, &job);
            async move {
                let mut recorded = RecordedImage::named(&name);
                let verdict = match session.image(&name).await {
                    Ok(image) => {
                        recorded = waxseal::record::image(&name, &image);
                        recorded.index = args.platform.as_ref().map(|_| *image.digest());
                        job.verdict(image).await
                    }
                    Err(fault) => Err(fault),
                };
                recorded.platform.clone_from(&args.platform);
                recorded.all_platforms = args.all_platforms;
                (name, recorded, verdict)
            }
        })
        .buffered(args.max_workers.map_or(CONCURRENT_IMAGES, usize::from).max(1));
    let mut exit = Exit::Done;
    while let Some((name, recorded, judged)) = verdicts.next().await {
        // One image that cannot be looked at does not silence the verdicts over the others.
        let record = match &judged {
            Ok(verdict) => verdict.to_json(),
            Err(fault) => job.unseen(&name, fault).to_json(),
        };
        exit = exit.worst(match &judged {
            Ok(verdict) => verdict.outcome().into(),
            Err(fault) => fault.exit(),
        });
        exit = output::told(exit, output::keep_verdict(&record));
        if let (Some(recording), Job::File(decision, namespace)) = (&recording, &job) {
            let mut recorded = recorded;
            recorded.namespace.clone_from(namespace);
            exit = output::told(
                exit,
                match &judged {
                    Ok(verdict) => recording.decided(verdict, &decision.policy, recorded),
                    Err(fault) => recording.unseen(&job.unseen(&name, fault), &decision.policy, recorded),
                },
            );
        }
        exit = output::told(exit, show(&name, &judged, &record, form, printing));
        results.add(&name, judged.as_ref());
    }
    Ok(output::told(exit, reports.finish(&results)))
}

/// The job, from a policy file.
async fn decision(args: &JudgingArgs, session: &Session, file: ByFile<'_>) -> Result<Job, Fault> {
    let mut set = session.policy(file.policy).await?;
    if args.all_platforms {
        set = set.with_platforms(&RulePlatforms::All);
    }
    let mut job = Decision::new(set, session.client.clone(), Timestamp::now());
    (job.verifier, job.now) = looking_back(args, job.now)?;
    job.platform = args.platform.as_deref().map(platform).transpose()?;
    Ok(Job::File(job, file.namespace.map(ToOwned::to_owned)))
}

fn platform(text: &str) -> Result<Platform, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))
}

/// The verifier, and the time at which it judges (rule T2).
fn looking_back(args: &JudgingArgs, now: Timestamp) -> Result<(Verifier, Timestamp), Fault> {
    let verifier = verifier(args.allow_example_keys);
    match args.at {
        None => Ok((verifier, now)),
        Some(at) if at > now => Err(Fault::usage(format!("--at {at} is still to come"))
            .hint("--at judges as of a past moment; leave it out to judge now")),
        Some(at) => Ok((verifier.looking_back_from(now), at)),
    }
}

/// The job, from flags.
async fn verification(
    args: &JudgingArgs,
    session: &Session,
    others: &[String],
    policy: impl FnOnce(Vec<TrustedKey>, Vec<TrustedKey>) -> Result<Policy, Fault>,
) -> Result<Verification, Fault> {
    let keys = session.trusted(&args.key).await?;
    let others = session.trusted(others).await?;
    let several = keys.len() > 1 && args.threshold == 1;
    let mut job = Verification::new(policy(keys, others)?, Timestamp::now());
    (job.verifier, job.now) = looking_back(args, job.now)?;
    job.looking.formats = args.format.formats();
    job.platforms = match (&args.platform, args.all_platforms) {
        (Some(text), _) => Platforms::One(platform(text)?),
        (None, true) => Platforms::All,
        (None, false) => Platforms::Named,
    };
    if several {
        output::talk("several keys without --threshold: a signature by any one of them is enough");
    }
    Ok(job)
}

fn show(
    name: &str,
    judged: &Result<Verdict, Fault>,
    record: &str,
    form: JudgingOutput,
    printing: &Printing,
) -> Result<(), Fault> {
    let verdict = match judged {
        Ok(verdict) => verdict,
        Err(fault) => {
            output::talk(&format!("{}: undecided", escape(name)));
            output::fault(fault);
            if form == JudgingOutput::Verdict {
                output::data(record)?;
            }
            return Ok(());
        }
    };
    match form {
        JudgingOutput::Text => output::data(output::verdict::text(name, verdict).trim_end())?,
        JudgingOutput::Verdict => output::data(record)?,
        JudgingOutput::Json => {
            // As with cosign: the talk beside the data says what was checked, and what was not.
            output::talk(output::verdict::text(name, verdict).trim_end());
            if verdict.outcome() == Outcome::Admit {
                for line in (printing.json)(verdict) {
                    output::data(&line)?;
                }
            }
        }
    }
    if verdict.outcome() != Outcome::Admit
        && let Some(hint) = (printing.hint)(verdict)
    {
        output::talk(&format!("hint: {hint}"));
    }
    Ok(())
}

impl JudgingArgs {
    /// The annotations that are asked for.
    pub(super) fn annotations(&self) -> Result<BTreeMap<String, String>, Fault> {
        annotations(&self.annotations)
    }

    /// The signed names that are asked for.
    pub(super) fn signed_for(&self) -> Result<SignedFor, Fault> {
        signed_for(&self.signed_for)
    }

    /// The one format that counts, if it was narrowed to one.
    pub(super) fn only(&self) -> Option<Format> {
        match self.format {
            FormatArg::Both => None,
            FormatArg::Legacy => Some(Format::Legacy),
            FormatArg::Bundle => Some(Format::Bundle),
        }
    }
}

/// A verifier, with or without the example keys.
pub(super) fn verifier(allow_example_keys: bool) -> Verifier {
    static REPORTS: waxseal_scan::Reports = waxseal_scan::Reports::new();
    let verifier = Verifier::new().reading(&REPORTS);
    if allow_example_keys { verifier.allow_example_keys() } else { verifier }
}

/// Annotations by name; one name with two values is a mistake.
pub(super) fn annotations(typed: &[Annotation]) -> Result<BTreeMap<String, String>, Fault> {
    let mut annotations = BTreeMap::new();
    for annotation in typed {
        let before = annotations.insert(annotation.name.clone(), annotation.value.clone());
        if before.is_some_and(|before| before != annotation.value) {
            return Err(Fault::usage(format!(
                "the annotation {} is given twice, with two values",
                annotation.name
            )));
        }
    }
    Ok(annotations)
}

pub(super) fn signed_for(typed: &[String]) -> Result<SignedFor, Fault> {
    match typed {
        [] => Ok(SignedFor::Any),
        [one] if one == "any" => Ok(SignedFor::Any),
        [one] if one == "same" => Ok(SignedFor::Same),
        patterns => {
            let globs: Result<Vec<RepositoryGlob>, _> = patterns.iter().map(|text| text.parse()).collect();
            globs.map(SignedFor::Globs).map_err(|error| Fault::usage(format!("--signed-for: {error}")))
        }
    }
}

/// cosign's `--local-image DIR`: the name is a directory.
fn local(name: &str, local_image: bool) -> String {
    if local_image && !name.starts_with("oci:") { format!("oci:{name}") } else { name.to_owned() }
}
