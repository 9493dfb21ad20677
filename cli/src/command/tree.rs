//! `waxseal tree`.

use crate::args::tree::{TreeArgs, TreeOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::session::Session;

/// Lists what hangs on an image.
pub(crate) async fn run(args: &TreeArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let mut image = session.image(&args.image).await?;
    let tree = waxseal::tree(&mut image).await?;
    match args.output {
        TreeOutput::Text => output::data(output::tree::text(&args.image, &tree).trim_end())?,
        TreeOutput::Table => output::data(&output::tree::table(&tree))?,
        TreeOutput::Json => output::data(
            &serde_json::to_string(&tree).map_err(|error| Fault::internal(format!("no JSON: {error}")))?,
        )?,
    }
    if tree.complete {
        return Ok(Exit::Done);
    }
    output::talk("something could not be read: more may hang on this image than is listed");
    Ok(Exit::Undecided)
}
