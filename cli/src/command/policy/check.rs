//! `waxseal policy check`.

use jiff::Timestamp;
use waxseal::policy::Loaded;
use waxseal_core::policy::file::{PolicyFile, PolicyFileError, Problem};

use crate::args::policy::PolicyOutput;
use crate::args::policy::check::PolicyCheckArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, policy};
use crate::session::Session;

/// Tells what is wrong with a policy file, and what its author should know.
pub(crate) async fn run(args: &PolicyCheckArgs, offline: bool) -> Result<Exit, Fault> {
    let text = waxseal::policy::read(&args.file)?;
    let (loaded, mut problems) = if args.without_keys {
        let found = match PolicyFile::parse(&text) {
            Ok(file) => file.warnings(Timestamp::now()),
            Err(error) => error.problems().to_vec(),
        };
        (None, found)
    } else {
        let session = Session::without_registry(offline)?;
        match waxseal::policy::parse(text.clone(), &args.file, session.places()).await {
            Ok(loaded) => {
                let found = warnings(&loaded);
                (Some(loaded), found)
            }
            Err(error) => (None, problems_of(error)?),
        }
    };
    problems.sort_by_key(|problem| (!problem.is_error(), problem.position));
    let text = String::from_utf8_lossy(&text);
    match args.output {
        PolicyOutput::Text => {
            output::raw(policy::check_text(&args.file, &text, loaded.as_ref(), &problems).as_bytes())?;
        }
        PolicyOutput::Json => {
            output::data(&policy::check_json(&args.file, loaded.as_ref(), &problems).to_string())?;
        }
    }
    let refused = problems.iter().any(|problem| problem.is_error() || args.strict);
    Ok(if refused { Exit::Configuration } else { Exit::Done })
}

fn warnings(loaded: &Loaded) -> Vec<Problem> {
    let mut found = loaded.file.warnings(Timestamp::now());
    found.extend(loaded.file.example_keys(&loaded.keys));
    found
}

/// What is wrong with the file, or that it could not be looked at.
fn problems_of(error: waxseal::Error) -> Result<Vec<Problem>, Fault> {
    let source = std::error::Error::source(&error);
    match source.and_then(|source| source.downcast_ref::<PolicyFileError>()) {
        Some(found) => Ok(found.problems().to_vec()),
        None => Err(error.into()),
    }
}
