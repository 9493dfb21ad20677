//! By what images and packs are judged: flags and files in, jobs of the toolkit out.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use waxseal::Decision;
use waxseal::pack::{PackVerdict, Receiving, Serials};
use waxseal_core::policy::PolicySet;
use waxseal_core::verify::Outcome;
use waxseal_core::{Policy, SignatureRequirement, Verifier};

use crate::args::pack::receiving::{ImagePolicyArgs, ReceivingArgs};
use crate::command::judging;
use crate::fault::Fault;
use crate::output::progress::Bar;
use crate::output::{self, counted, escape};
use crate::session::Session;

/// The decision that flags ask for, if they ask for one, and the text of the policy file that it is by.
pub(super) async fn decision(
    args: &ImagePolicyArgs,
    session: &Session,
    verifier: &Verifier,
) -> Result<Option<(Decision, Option<Vec<u8>>)>, Fault> {
    let file = args.file();
    args.signature.fits(file.as_deref())?;
    let (set, text) = match file {
        Some(path) => {
            let loaded = session.signed_policy(&path, &args.signature).await?;
            (loaded.set, Some(loaded.text))
        }
        None if args.image_key.is_empty() => return Ok(None),
        None => {
            let keys = session.trusted(&args.image_key).await?;
            let requirement = SignatureRequirement::by(keys).map_err(waxseal::Error::from)?;
            (PolicySet::everywhere(Policy::requiring(requirement)), None)
        }
    };
    let mut decision = Decision::new(set, session.client.clone(), Timestamp::now());
    decision.verifier = verifier.clone();
    Ok(Some((decision, text)))
}

/// What is asked of a pack.
pub(in crate::command) async fn receiving(
    args: &ReceivingArgs,
    session: &Session,
    allow_example_keys: bool,
    bar: &Arc<Bar>,
) -> Result<Receiving, Fault> {
    let verifier = judging::verifier(allow_example_keys);
    let mut receiving = Receiving::new(Timestamp::now());
    receiving.decision = decision(&args.policy, session, &verifier).await?.map(|(decision, _)| decision);
    if args.key.is_empty() && receiving.decision.is_none() {
        return Err(Fault::usage("a pack is not taken without a key or a policy of your own").hint(
            "name the key of who packs with --key, what must hold of images with --policy or --image-key, or both; what \
             the pack brings along is not trusted",
        ));
    }
    receiving.keys = session.trusted(&args.key).await?;
    receiving.verifier = verifier;
    receiving.serial_at_least = args.serial_at_least;
    receiving.serials = if args.no_state { None } else { Some(Serials::at(state(args)?)) };
    receiving.progress = Arc::clone(bar) as Arc<dyn waxseal_oci::transfer::Progress>;
    Ok(receiving)
}

/// Where serial numbers are kept (XDG Base Directory Specification, "state").
fn state(args: &ReceivingArgs) -> Result<PathBuf, Fault> {
    if let Some(path) = &args.state {
        return Ok(path.clone());
    }
    let folder = |name: &str| {
        // A relative path there is to be ignored, by the specification.
        std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("waxseal/packs.json"))
        .ok_or_else(|| {
            Fault::configuration("there is no place to keep the serial numbers of packs: HOME is not set")
                .hint("name a file with --state, or give --no-state and --serial-at-least")
        })
}

/// The verdict over a pack in words.
pub(in crate::command) fn text(verdict: &PackVerdict) -> String {
    let report = verdict.report();
    let word = match verdict.outcome() {
        Outcome::Admit => "admitted",
        Outcome::Undecided => "undecided",
        _ => "refused",
    };
    let mut lines = vec![format!("{}: {word}", escape(&report.shown))];
    if let Some(manifest) = &report.manifest {
        let claimed = if report.signed_by.is_some() { "" } else { " (by its own word)" };
        let (name, serial, created) = (escape(&manifest.name), manifest.serial, manifest.created);
        lines.push(format!("  pack:     {name}, serial {serial}, made {created}{claimed}"));
        let entries = counted(manifest.entries.len(), "entry").replace("entrys", "entries");
        lines.push(format!("  holds:    {entries}, {} bytes", report.length));
        if !manifest.omitted.is_empty() {
            lines.push(format!("  left out: {}", counted(manifest.omitted.len(), "blob")));
        }
    }
    match &report.signed_by {
        Some(keys) => {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            lines.push(format!("  signed:   by {}", keys.join(", ")));
        }
        None if verdict.outcome() == Outcome::Admit => {
            lines.push("  signed:   not checked (no --key)".to_owned());
        }
        None => {}
    }
    for image in &report.images {
        let (name, digest) = (escape(&image.image.name.to_string()), image.image.digest);
        match &image.verdict {
            Some(verdict) => {
                let whole = output::verdict::text(&name, verdict);
                lines.extend(whole.trim_end().lines().map(|line| format!("  {line}")));
            }
            None if verdict.outcome() == Outcome::Admit => {
                lines.push(format!(
                    "  image:    {name}@{digest}: not judged, taken by the word of who packed"
                ));
            }
            None => lines.push(format!("  image:    {name}@{digest}")),
        }
    }
    for finding in &report.findings {
        lines.push(format!("  reason:   {} [{}]", escape(&finding.found), finding.reason.code()));
    }
    lines.join("\n")
}

/// What to try, if a pack is not taken.
pub(in crate::command) fn hint(verdict: &PackVerdict) -> Option<&'static str> {
    use waxseal::pack::PackReason as Reason;
    let finding = verdict.report().findings.first()?;
    Some(match finding.reason {
        Reason::Malformed | Reason::ContentMismatch => {
            "copy it again, and compare with the sender's checksum; nothing was written"
        }
        Reason::Unsigned => {
            "have it packed with --key, or judge its images alone: --policy or --image-key, without --key"
        }
        Reason::UntrustedSignature => {
            "name the key of who packed it; the keys in the pack itself prove nothing"
        }
        Reason::SerialTooLow => {
            "an older pack than the last one: get the newest; if it is to go back on purpose, give --no-state"
        }
        Reason::SerialReused => "have it packed with a higher --serial",
        Reason::IncompleteImage => "have it packed again: something of an image is missing",
        Reason::ImageUndecided => "see what could not be read, and try again",
        _ => {
            "have the images signed as your policy asks, or packed again with the evidence that they have by now"
        }
    })
}
