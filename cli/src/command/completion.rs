//! `waxseal completion`.

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::args::completion::CompletionArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Prints the completion script of a shell.
pub(crate) fn run(args: &CompletionArgs) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "waxseal", &mut script);
    output::raw(&script)?;
    Ok(Exit::Done)
}
