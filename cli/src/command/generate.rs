//! `waxseal generate`.

use waxseal::Requesting;
use waxseal::detached::Wanted;
use waxseal_core::Format;

use super::judging::annotations;
use crate::args::generate::GenerateArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::standard_input;
use crate::output;
use crate::session::{Session, location};

/// Prints the payload of an image's legacy signature.
pub(crate) async fn run(args: &GenerateArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    standard_input([("the registry's password", args.registry.registry_password_stdin)])?;
    let annotations = annotations(&args.annotations)?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), [&args.image])?;
    let mut job = Requesting::new(Wanted::Signature { annotations, identity: None });
    job.formats = vec![Format::Legacy];
    let image = session.image(&args.image).await?;
    let requested = Box::pin(job.request(image)).await?;
    for (_, payload) in requested.request.payloads() {
        output::raw(payload)?;
    }
    Ok(Exit::Done)
}
