//! `waxseal policy schema`.

use waxseal_core::policy::file::json_schema;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Prints the schema.
pub(crate) fn run() -> Result<Exit, Fault> {
    output::data(&format!("{:#}", json_schema()))?;
    Ok(Exit::Done)
}
