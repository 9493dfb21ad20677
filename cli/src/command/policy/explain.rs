//! `waxseal policy explain`.

use waxseal_core::ImageRef;

use crate::args::policy::PolicyOutput;
use crate::args::policy::explain::PolicyExplainArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, policy};
use crate::session::Session;

/// Says which rules apply to an image.
pub(crate) async fn run(args: &PolicyExplainArgs, offline: bool) -> Result<Exit, Fault> {
    let typed = args.image.as_ref().or(args.image_name.as_ref()).map(String::as_str).unwrap_or_default();
    let image: ImageRef = typed
        .parse()
        .map_err(|error| Fault::usage(format!("{typed}: {error}")).hint("name it as registry/repository"))?;
    let session = Session::without_registry(offline)?;
    let set = session.loaded_policy(&args.file).await?.set;
    let now = jiff::Timestamp::now();
    let explanation = policy::Explanation::new(&set, &image, args.namespace.as_deref(), now);
    match args.output {
        PolicyOutput::Text => output::raw(explanation.text().as_bytes())?,
        PolicyOutput::Json => output::data(&explanation.json().to_string())?,
    }
    Ok(Exit::Done)
}
