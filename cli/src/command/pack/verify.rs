//! `waxseal pack verify`.

use std::sync::Arc;

use super::receiving::{hint, receiving, text};
use crate::args::pack::verify::{PackVerdictOutput, PackVerifyArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::standard_input;
use crate::output;
use crate::output::progress::Bar;
use crate::session::Session;

/// Verifies a pack.
pub(super) async fn run(args: &PackVerifyArgs, offline: bool) -> Result<Exit, Fault> {
    let named = args.receiving.key.iter().chain(&args.receiving.policy.image_key);
    standard_input(named.map(|key| ("a key", key == "-")))?;
    let session = Session::new(&args.registry, offline, None, [""; 0])?;
    let bar = Arc::new(Bar::new("verifying"));
    let receiving = receiving(&args.receiving, &session, args.allow_example_keys, &bar).await?;
    let verdict = receiving.check(&args.pack).await;
    bar.clear();
    let verdict = verdict?;
    let exit = Exit::from(verdict.outcome());
    let told = match args.output {
        PackVerdictOutput::Text => output::data(&text(&verdict)),
        PackVerdictOutput::Json => output::data(&verdict.to_json().to_string()),
    };
    let exit = output::told(exit, told.map_err(Fault::from));
    if let Some(hint) = hint(&verdict) {
        output::talk(&format!("hint: {hint}"));
    }
    Ok(exit)
}
