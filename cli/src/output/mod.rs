//! What goes out: data to stdout, talk to stderr, both safe for a terminal.
//!
//! The only place of the program that prints.

pub(crate) mod doctor;
mod escape;
pub(crate) mod progress;
pub(crate) mod tree;
pub(crate) mod verdict;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) use escape::escape;

use crate::fault::Fault;

/// The file that stands in for stdout (`--output-file`).
static REDIRECTED: OnceLock<Mutex<File>> = OnceLock::new();

/// From now on data goes to this file.
pub(crate) fn redirect(path: Option<&Path>) -> Result<(), Fault> {
    let Some(path) = path else { return Ok(()) };
    let file = File::create(path).map_err(|error| Fault::file(path, "written", &error))?;
    // Called once, before anything is written.
    let _ = REDIRECTED.set(Mutex::new(file));
    Ok(())
}

/// From now on the requests that are made are told on stderr, without headers and without secrets.
pub(crate) fn listen(verbose: bool) {
    if verbose {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(io::stderr)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_max_level(tracing::Level::DEBUG)
            .finish();
        // Called once; a second subscriber would be refused and is not needed.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// Whether stdout is a terminal: people read text there, programs read JSON.
pub(crate) fn stdout_is_terminal() -> bool {
    use std::io::IsTerminal as _;
    REDIRECTED.get().is_none() && io::stdout().is_terminal()
}

/// Whether stderr is a terminal: only there progress is drawn.
pub(crate) fn stderr_is_terminal() -> bool {
    use std::io::IsTerminal as _;
    io::stderr().is_terminal()
}

/// Writes a line of data to stdout.
pub(crate) fn data(line: &str) -> io::Result<()> {
    if let Some(file) = REDIRECTED.get() {
        return writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
    }
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Writes bytes of data to stdout, as they are.
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    if let Some(file) = REDIRECTED.get() {
        return file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes);
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes a line of talk to stderr. That nobody listens there is no reason to stop.
pub(crate) fn talk(line: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{line}");
}

/// Writes a question to stderr, without a line end. That nobody listens there is no reason to stop.
pub(crate) fn ask(question: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{question}");
    let _ = stderr.flush();
}

/// Tells what went wrong: `error:`, what stood behind it, `hint:`.
pub(crate) fn fault(fault: &Fault) {
    talk(&format!("error: {} [{}]", escape(fault.message()), fault.code()));
    for cause in fault.causes() {
        talk(&format!("  because: {}", escape(cause)));
    }
    if let Some(hint) = fault.hinted() {
        talk(&format!("hint: {hint}"));
    }
}
