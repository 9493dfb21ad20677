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
mod image_file;
mod input;
mod output;
mod password;
mod report;
mod session;
mod signer;
mod xray;

use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::Parser as _;

use crate::args::{Cli, Timeout};
use crate::exit::Exit;
use crate::fault::Fault;

/// Time that a command has after its own to end by itself: what waits for a network notices, and takes its unfinished
/// files away.
const GRACE: Duration = Duration::from_millis(500);
/// Stack of the thread that a command with `--timeout` runs on, in bytes: what the first thread usually has.
const STACK: usize = 8 << 20;

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
    match cli.timeout {
        None => runtime()?.block_on(command::run(cli, as_cosign)),
        Some(Timeout(limit)) => limited(cli, as_cosign, limit),
    }
}

/// Runs the command on a thread of its own: what waits for standard input or reads a file cannot be told to stop, only
/// be left behind.
fn limited(cli: Cli, as_cosign: bool, limit: Duration) -> Result<Exit, Fault> {
    let (sender, receiver) = mpsc::channel();
    let work = move || {
        let result = runtime().and_then(|runtime| {
            let limited = async { tokio::time::timeout(limit, command::run(cli, as_cosign)).await };
            runtime.block_on(limited).unwrap_or_else(|_| {
                runtime.shutdown_background();
                Err(Fault::timeout(limit))
            })
        });
        // Nobody listens any more where it took too long.
        let _ = sender.send(result);
    };
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map_err(|error| Fault::internal(format!("no thread: {error}")))?;
    receiver.recv_timeout(limit.saturating_add(GRACE)).unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => Fault::timeout(limit),
            RecvTimeoutError::Disconnected => Fault::internal("the command ended without an outcome"),
        })
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
