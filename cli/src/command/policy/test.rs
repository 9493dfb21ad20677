//! `waxseal policy test`.

use std::path::Path;

use jiff::Timestamp;
use waxseal::gate::Gate;
use waxseal::mention::Document;
use waxseal::{Decision, Image};
use waxseal_core::policy::PolicySet;
use waxseal_core::policy::file::{CaseSubject, PolicyCase, PolicyCases, PolicyFileError};
use waxseal_core::verify::Basis;
use waxseal_oci::Location;

use crate::args::policy::PolicyOutput;
use crate::args::policy::test::PolicyTestArgs;
use crate::command::judging::verifier;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, policy};
use crate::session::Session;

/// Holds a policy against cases.
pub(crate) async fn run(args: &PolicyTestArgs, offline: bool) -> Result<Exit, Fault> {
    let bytes = waxseal::policy::read(&args.file)?;
    let cases = PolicyCases::parse(&bytes).map_err(|error| unreadable(&args.file, error))?;
    let folder = args.file.parent().unwrap_or_else(|| Path::new(""));
    let beside = cases.policy.as_ref().map(|path| folder.join(path));
    let Some(path) = args.policy.clone().or(beside) else {
        return Err(Fault::usage(format!("{} names no policy", args.file.display()))
            .hint("name it with `policy:` in the file, or with --policy"));
    };
    let images = cases.cases.iter().filter_map(|case| match &case.judged {
        CaseSubject::Image(name) => Some(beside_cases(name, folder)),
        _ => None,
    });
    let session = Session::new(&args.registry, offline, None, images)?;
    let set = session.loaded_policy(&path).await?.set;
    let mut outcomes = Vec::new();
    for (number, case) in cases.cases.iter().enumerate() {
        let found = judge(args, &session, &set, case, folder).await?;
        outcomes.push(policy::CaseOutcome::new(number, case, found));
    }
    match args.output {
        PolicyOutput::Text => output::raw(policy::cases_text(&outcomes).as_bytes())?,
        PolicyOutput::Json => output::data(&policy::cases_json(&set, &outcomes).to_string())?,
    }
    Ok(if outcomes.iter().all(|outcome| outcome.as_expected) { Exit::Done } else { Exit::Refused })
}

/// What is wrong with a file of cases.
fn unreadable(path: &Path, error: PolicyFileError) -> Fault {
    let context = format!("the cases {} cannot be used", path.display());
    waxseal::Error::new(waxseal::ErrorKind::Policy, context).caused_by(error).into()
}

/// The name of an image, the path of a layout relative to the file of cases.
fn beside_cases(name: &str, folder: &Path) -> String {
    for scheme in ["oci:", "oci-archive:"] {
        if let Some(path) = name.strip_prefix(scheme) {
            return format!("{scheme}{}", folder.join(path).display());
        }
    }
    name.to_owned()
}

async fn judge(
    args: &PolicyTestArgs,
    session: &Session,
    set: &PolicySet,
    case: &PolicyCase,
    folder: &Path,
) -> Result<policy::Found, Fault> {
    let now = Timestamp::now();
    let mut job = Decision::new(set.clone(), session.client.clone(), case.at.unwrap_or(now));
    job.verifier = verifier(args.allow_example_keys);
    // Rule T2. What is still to come is judged as it will be, by what is there today.
    if job.now < now {
        job.verifier = job.verifier.looking_back_from(now);
    }
    let mut finding = session.finding.clone();
    finding.identity.clone_from(&case.identity);
    match &case.judged {
        CaseSubject::Manifest(path) => {
            let path = folder.join(path);
            let bytes = std::fs::read(&path).map_err(|error| Fault::setting(&path, &error))?;
            let shown = path.display().to_string();
            let document = Document::manifest(&shown, bytes, &[], case.namespace.as_deref())
                .map_err(|error| Fault::document(&error))?;
            if document.mentions().is_empty() {
                return Err(Fault::configuration(format!("{shown} names no image")));
            }
            let gate = Gate::new(job, finding);
            let result = gate.judge(&session.client, document.mentions().to_vec(), Vec::new(), &()).await;
            let worst = result.images.iter().find(|image| image.outcome() == result.outcome());
            Ok(policy::Found {
                outcome: result.outcome(),
                basis: worst.and_then(waxseal::gate::GatedImage::basis).map(ToOwned::to_owned),
                reason: worst
                    .and_then(|image| image.nearest_miss())
                    .map(|miss| miss.reason.code().to_owned()),
            })
        }
        CaseSubject::Image(name) => {
            let name = beside_cases(name, folder);
            let location: Location = name.parse()?;
            let image = Image::find(&session.client, &location, &finding).await?;
            let verdict = Box::pin(job.decide(image, case.namespace.as_deref())).await?;
            Ok(policy::Found {
                outcome: verdict.outcome(),
                basis: verdict.basis().map(Basis::name).map(ToOwned::to_owned),
                reason: verdict.nearest_miss().map(|miss| miss.reason.code().to_owned()),
            })
        }
        _ => Err(Fault::internal("a case of a kind that is not known here")),
    }
}
