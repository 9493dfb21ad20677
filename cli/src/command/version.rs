//! `waxseal version`.

use serde_json::json;
use waxseal::version::{VERSION, features};

use crate::args::version::{VersionArgs, VersionOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Says what this program is.
pub(crate) fn run(args: &VersionArgs) -> Result<Exit, Fault> {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let text = if args.json || args.output == VersionOutput::Json {
        json!({
            "schema": "waxseal/version/v1",
            "version": VERSION,
            "features": features(),
            "platform": platform,
        })
        .to_string()
    } else {
        let features = match features() {
            [] => "no optional features".to_owned(),
            features => format!("features: {}", features.join(", ")),
        };
        format!("waxseal {VERSION} ({platform}; {features})")
    };
    output::data(&text)?;
    Ok(Exit::Done)
}
