//! The command `waxseal`: words, flags, prompts, progress and exit codes around the jobs of the toolkit.
//!
//! Each command has two files: `args/<verb>.rs` says what can be typed, `command/<verb>.rs` does it. Whatever a
//! webhook would need too belongs into the toolkit and not here.

#[expect(clippy::doc_markdown, reason = "these comments are help texts, shown as they stand")]
mod args;
mod claim;
mod command;
mod cosign;
mod exit;
mod fault;
mod file;
mod input;
mod output;
mod password;
mod session;
mod signer;
mod xray;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::fault::Fault;

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| is_key_text(&argument.to_string_lossy())) {
        // Before anything is parsed: a parser would repeat what it does not understand.
        output::fault(
            &Fault::usage("the text of a private key stands on the command line, where others can read it")
                .hint("put it into a file or a variable and name that: FILE or env://VAR"),
        );
        return Exit::Usage.into();
    }
    let as_cosign = cosign::is_cosign(std::env::args_os().next().as_ref());
    let translated = cosign::translate(std::env::args_os().collect(), |name| std::env::var(name).ok());
    let arguments = match translated {
        Ok(arguments) => arguments,
        Err(fault) => {
            output::fault(&fault);
            return fault.exit().into();
        }
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // A closed pipe is nobody's mistake.
            let _ = error.print();
            return exit.into();
        }
    };
    let exit = match run(cli, as_cosign) {
        Ok(exit) => exit,
        Err(fault) => {
            output::fault(&fault);
            fault.exit()
        }
    };
    output::told(exit, output::close()).into()
}

/// Runs the command, no longer than `--timeout` allows.
fn run(cli: Cli, as_cosign: bool) -> Result<Exit, Fault> {
    output::redirect(cli.output_file.as_deref())?;
    output::listen(cli.verbose);
    runtime()?.block_on(async {
        match cli.timeout {
            None => command::run(cli, as_cosign).await,
            Some(timeout) => match tokio::time::timeout(timeout.0, command::run(cli, as_cosign)).await {
                Ok(result) => result,
                Err(_) => Err(Fault::timeout(timeout.0)),
            },
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::internal(format!("no runtime: {error}")))
}

/// Whether the text of a private key was pasted (T-58).
fn is_key_text(argument: &str) -> bool {
    argument.contains("PRIVATE KEY-----")
}
