//! `waxseal clean`.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use waxseal::clean::{CleanType, Cleaned, Cleaning, Plan};

use crate::args::clean::{CleanArgs, CleanOutput, CleanTypeArg};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Longest answer to a question, in bytes.
const ANSWER_BYTES: u64 = 256;

/// Removes what is attached to an image.
pub(crate) async fn run(args: &CleanArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    if !args.force && !std::io::stdin().is_terminal() {
        return Err(Fault::usage("what is removed is gone for good, and there is nobody to ask")
            .hint("give --force (-f) to remove it without a question"));
    }
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let mut image = session.image(&args.image).await?;
    image.manifest().await?;
    let plan = Cleaning::new(what(args.what)).plan(&image).await?;
    if !args.force && !plan.removals.is_empty() && !agreed(&plan)? {
        output::talk("nothing was removed");
        return Ok(Exit::Refused);
    }
    let cleaned = plan.carry_out().await?;
    tell(&cleaned);
    match args.output {
        CleanOutput::Text => {
            for removed in &cleaned.removed {
                output::data(&format!("{:<12} {}", removed.kind.name(), escape(&removed.name())))?;
            }
        }
        CleanOutput::Json => output::data(
            &serde_json::to_string(&cleaned).map_err(|error| Fault::internal(format!("no JSON: {error}")))?,
        )?,
    }
    Ok(if cleaned.failed.is_empty() { Exit::Done } else { Exit::Undecided })
}

const fn what(typed: CleanTypeArg) -> CleanType {
    match typed {
        CleanTypeArg::Signature => CleanType::Signature,
        CleanTypeArg::Attestation => CleanType::Attestation,
        CleanTypeArg::Referrer => CleanType::Referrer,
        CleanTypeArg::Sbom => CleanType::Sbom,
        CleanTypeArg::All => CleanType::All,
    }
}

fn agreed(plan: &Plan) -> Result<bool, Fault> {
    output::talk(&format!("{}: this would be removed for good:", escape(&plan.image().to_string())));
    for removal in &plan.removals {
        output::talk(&format!("  {:<12} {}", removal.kind.name(), escape(&removal.name())));
    }
    output::ask("Remove it? [y/N] ");
    let mut line = String::new();
    std::io::stdin().lock().take(ANSWER_BYTES).read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn tell(cleaned: &Cleaned) {
    for kept in &cleaned.kept {
        output::talk(&format!("{} stays: {}", escape(&kept.what), escape(&kept.why)));
    }
    for failed in &cleaned.failed {
        output::talk(&format!(
            "error: {}: {} [{}]",
            escape(&failed.what),
            escape(&failed.message),
            escape(&failed.code)
        ));
    }
    if cleaned.failed.iter().any(|failed| failed.code == "unsupported") {
        output::talk("hint: this registry does not delete over its protocol: use its own tools");
    }
    let place = escape(&cleaned.place);
    match cleaned.removed.len() {
        0 if cleaned.failed.is_empty() => output::talk(&format!("{place}: nothing to remove")),
        0 => output::talk(&format!("{place}: nothing was removed")),
        count => output::talk(&format!(
            "{place}: {count} removed; the image {} is untouched",
            escape(&cleaned.image)
        )),
    }
}
