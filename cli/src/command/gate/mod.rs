//! `waxseal gate`.

mod pin;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::gate::{GatedImage, Judged};
use waxseal::mention::{Mention, Place, Source};
use waxseal::{Decision, Gate, GateResult};
use waxseal_core::policy::{PolicySet, RulePlatforms};
use waxseal_core::record::RecordedImage;
use waxseal_core::{Format, Policy, SignatureRequirement};

use super::documents::Documents;
use super::judging;
use super::record::Recording;
use crate::args::FormatArg;
use crate::args::gate::{GateArgs, GateOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::results::{self, ReportFiles, Results};
use crate::output::{self, progress};
use crate::session::{CONCURRENT_IMAGES, Session, location};

/// Judges every image that is named; the worst outcome decides the exit code (rule V4).
pub(crate) async fn run(args: &GateArgs, offline: bool) -> Result<Exit, Fault> {
    prepare(args)?;
    let documents = args.documents.read(args.platform.as_deref())?;
    let named = args.images.iter().map(|name| location(name)).collect::<Result<Vec<_>, _>>()?;
    let mentions: Vec<Mention> = named
        .iter()
        .map(|image| {
            let mut place = Place::of(Source::Argument);
            place.namespace.clone_from(&args.documents.namespace);
            Mention::new(image.clone(), place)
        })
        .chain(documents.mentions().cloned())
        .collect();
    for note in &documents.notes {
        output::talk(&output::gate::note(note));
    }
    if mentions.is_empty() && !args.allow_empty {
        return Err(nothing(args));
    }
    if let (true, Some(note)) = (args.strict, documents.notes.first()) {
        return Err(Fault::configuration(format!("{}: {}", note.place, note.message)).hint(
            "leave --strict out to have it noted only; --image-path says where objects of unknown kinds name images",
        ));
    }
    pin::fits(args, &named, &documents)?;
    file::fits(args.reports.paths(), documents.all.iter().map(|(path, _)| path.as_path()))?;
    let reports = ReportFiles::begin(&args.reports.targets)?;
    let names = mentions.iter().map(|mention| mention.image.to_string());
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), names)?;
    let gate = job(args, &session).await?;
    let recording = Recording::open(&args.record, &session, args.allow_example_keys)?;
    let bar = progress::Count::new("verifying");
    let result = gate.judge(&session.client, mentions, documents.notes.clone(), &bar).await;
    bar.clear();
    let mut exit = outcome(&result);
    for image in &result.images {
        exit = output::told(exit, output::keep_verdict(&image.verdict_json()));
        if let Some(recording) = &recording {
            exit = output::told(exit, record(recording, &gate.decision.policy, args, image));
        }
    }
    exit = output::told(exit, show(&result, args));
    exit = output::told(exit, reports.finish(&Results::of_gate(&result)));
    if args.pin {
        exit = output::told(exit, pin::pin(args, &named, &documents, &result));
    }
    Ok(exit)
}

/// What does not fit together is said before anything is read.
fn prepare(args: &GateArgs) -> Result<(), Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    standard_input(args.documents.on_stdin().chain(keys).chain([password]))?;
    let documents = &args.documents;
    let files = documents.manifests.iter().chain(&documents.dockerfile).chain(&documents.images_file);
    let files = || files.clone().map(PathBuf::as_path);
    let keys = key_files(&args.key);
    let keys = || keys.iter().map(PathBuf::as_path).chain(args.policy.policy.as_deref());
    args.record.fits(args.policy.file()?)?;
    let recorded = || args.record.record.as_deref();
    let written = || args.verdict_file.as_deref().into_iter().chain(args.reports.paths()).chain(recorded());
    if args.in_place {
        if files().any(|path| path == Path::new("-")) {
            return Err(Fault::usage(
                "--in-place needs files: what comes from standard input goes to stdout",
            ));
        }
        if files().next().is_none() {
            return Err(Fault::usage("--in-place needs documents: -f, --dockerfile or --images-file"));
        }
        file::fits(files().filter(|path| !path.is_dir()).chain(written()), keys())?;
    } else {
        file::fits(written(), files().chain(keys()))?;
    }
    if args.output == GateOutput::Github && args.pin && !args.in_place {
        return Err(Fault::usage("with --pin stdout is for the documents: -o github needs it too")
            .hint("write them in place with --in-place, or leave -o github out"));
    }
    output::keep_verdicts(args.verdict_file.as_deref())
}

/// What is said where there is no image.
fn nothing(args: &GateArgs) -> Fault {
    let documents = &args.documents;
    let is_read = [&documents.manifests, &documents.dockerfile, &documents.images_file]
        .into_iter()
        .any(|files| !files.is_empty());
    let message = if is_read {
        "no image in any of the documents"
    } else {
        "no image is named: name images, or documents with -f, --dockerfile or --images-file"
    };
    Fault::usage(message).hint("if there may be none, give --allow-empty")
}

/// Records what was decided over an image.
fn record(
    recording: &Recording,
    policy: &PolicySet,
    args: &GateArgs,
    image: &GatedImage,
) -> Result<(), Fault> {
    let mut recorded = RecordedImage::named(&image.name);
    if let Some(pinned) = &image.resolved {
        recorded.repository = pinned.repository().map(ToString::to_string);
        recorded.index = args.platform.as_ref().map(|_| *pinned.digest());
    }
    recorded.namespace.clone_from(&image.namespace);
    recorded.platform.clone_from(&args.platform);
    recorded.all_platforms = args.all_platforms;
    match &image.judged {
        Judged::Decided(verdict) => recording.decided(verdict, policy, recorded),
        Judged::Unseen { unseen, .. } => recording.unseen(unseen, policy, recorded),
        _ => Ok(()),
    }
}

async fn job(args: &GateArgs, session: &Session) -> Result<Gate, Fault> {
    let mut set = match args.policy.file()? {
        Some(_) => session.policy(&args.policy).await?,
        None => PolicySet::everywhere(flags(args, session).await?),
    };
    if args.all_platforms {
        set = set.with_platforms(&RulePlatforms::All);
    }
    let mut decision = Decision::new(set, session.client.clone(), Timestamp::now());
    decision.verifier = judging::verifier(args.allow_example_keys);
    decision.looking.formats = args.format.formats();
    if let Some(platform) = &args.platform {
        let platform = platform.parse();
        decision.platform = Some(platform.map_err(|error| Fault::usage(format!("--platform: {error}")))?);
    }
    let mut gate = Gate::new(decision, session.finding.clone());
    gate.concurrent = args.max_workers.map_or(CONCURRENT_IMAGES, usize::from);
    Ok(gate)
}

/// What flags ask for.
async fn flags(args: &GateArgs, session: &Session) -> Result<Policy, Fault> {
    let keys = session.trusted(&args.key).await?;
    if keys.len() > 1 && args.threshold == 1 {
        output::talk("several keys without --threshold: a signature by any one of them is enough");
    }
    let wanted = SignatureRequirement::by(keys)
        .and_then(|wanted| wanted.threshold(args.threshold))
        .map_err(waxseal::Error::from)?
        .annotations(judging::annotations(&args.annotations)?)
        .signed_for(judging::signed_for(&args.signed_for)?);
    let only = match args.format {
        FormatArg::Both => None,
        FormatArg::Legacy => Some(Format::Legacy),
        FormatArg::Bundle => Some(Format::Bundle),
    };
    Ok(Policy::requiring(only.into_iter().fold(wanted, SignatureRequirement::only)))
}

/// How the command ends: by the worst image, and by what stood in the way of those that could not be looked at.
fn outcome(result: &GateResult) -> Exit {
    result.images.iter().fold(Exit::Done, |exit, image| {
        exit.worst(match image.error() {
            Some(error) => Fault::from(error).exit(),
            None => image.outcome().into(),
        })
    })
}

/// The verdicts go to stdout, unless that is for the documents.
fn show(result: &GateResult, args: &GateArgs) -> Result<(), Fault> {
    if args.pin && !args.in_place {
        output::talk(output::gate::text(result).trim_end());
        return Ok(());
    }
    match args.output {
        GateOutput::Text => output::data(output::gate::text(result).trim_end())?,
        GateOutput::Json => output::data(&result.to_json())?,
        GateOutput::Github => results::github(&Results::of_gate(result))?,
        GateOutput::Verdict => {
            for image in &result.images {
                output::data(&image.verdict_json())?;
            }
        }
    }
    Ok(())
}
