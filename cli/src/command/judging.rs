//! Judging images: the session, the verdicts over several images at once, and what is said and kept of each.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use waxseal::{Platforms, Verification};
use waxseal_core::policy::{RepositoryGlob, SignedFor};
use waxseal_core::verify::{Outcome, Unseen};
use waxseal_core::{Format, Policy, TrustedKey, Verdict, Verifier};

use crate::args::judging::{JudgingArgs, JudgingOutput};
use crate::args::{Annotation, FormatArg};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
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

/// Judges each image by the policy that `policy` makes of the keys, and of the keys that `others` names; the worst outcome decides the exit code (rule V4).
pub(super) async fn judge(
    images: &[String],
    args: &JudgingArgs,
    offline: bool,
    others: &[String],
    policy: impl FnOnce(Vec<TrustedKey>, Vec<TrustedKey>) -> Result<Policy, Fault>,
    printing: &Printing,
) -> Result<Exit, Fault> {
    let keys = args.key.iter().chain(others).map(|key| ("a key", key == "-"));
    standard_input(keys.chain([("the registry's password", args.registry.registry_password_stdin)]))?;
    let names: Vec<_> = images.iter().map(|name| local(name, args.local_image)).collect();
    let inputs: Vec<_> = key_files(&args.key).into_iter().chain(key_files(others)).collect();
    file::fits(args.verdict_file.as_deref(), inputs.iter().map(PathBuf::as_path))?;
    output::keep_verdicts(args.verdict_file.as_deref())?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &names)?;
    let job = verification(args, &session, others, policy).await?;
    let form = printing.output.unwrap_or(if output::stdout_is_terminal() && !printing.as_cosign {
        JudgingOutput::Text
    } else {
        JudgingOutput::Json
    });
    let mut verdicts = stream::iter(names)
        .map(|name| {
            let (session, job) = (&session, &job);
            async move {
                let verdict = match session.image(&name).await {
                    Ok(image) => Box::pin(job.verify(image)).await.map_err(Fault::from),
                    Err(fault) => Err(fault),
                };
                (name, verdict)
            }
        })
        .buffered(args.max_workers.map_or(CONCURRENT_IMAGES, usize::from).max(1));
    let mut exit = Exit::Done;
    while let Some((name, judged)) = verdicts.next().await {
        // One image that cannot be looked at does not silence the verdicts over the others.
        let record = match &judged {
            Ok(verdict) => verdict.to_json(),
            Err(fault) => unseen(&name, &job, fault).to_json(),
        };
        exit = exit.worst(match &judged {
            Ok(verdict) => verdict.outcome().into(),
            Err(fault) => fault.exit(),
        });
        exit = output::told(exit, output::keep_verdict(&record));
        exit = output::told(exit, show(&name, &judged, &record, form, printing));
    }
    Ok(exit)
}

/// What is said of an image that cannot be looked at (rule V1).
fn unseen(name: &str, job: &Verification, fault: &Fault) -> Unseen {
    Unseen::new(name, fault.code(), fault.message(), &job.policy, job.now)
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
    job.verifier = verifier(args.allow_example_keys);
    if let Some(at) = args.at {
        // Rule T2.
        if at > job.now {
            return Err(Fault::usage(format!("--at {at} is still to come"))
                .hint("--at judges as of a past moment; leave it out to judge now"));
        }
        job.verifier = job.verifier.looking_back_from(job.now);
        job.now = at;
    }
    job.looking.formats = args.format.formats();
    job.platforms = match (&args.platform, args.all_platforms) {
        (Some(platform), _) => Platforms::One(
            platform.parse().map_err(|error| Fault::usage(format!("--platform {platform}: {error}")))?,
        ),
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
