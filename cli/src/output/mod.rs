//! What goes out: data to stdout, talk to stderr, both safe for a terminal.
//!
//! The only place of the program that prints.

mod advice;
pub(crate) mod doctor;
mod escape;
pub(crate) mod gate;
mod html;
pub(crate) mod inventory;
pub(crate) mod policy;
pub(crate) mod progress;
pub(crate) mod qr;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod results;
pub(crate) mod scan;
pub(crate) mod tree;
pub(crate) mod verdict;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) use advice::advice;
pub(crate) use escape::escape;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::Growing;

/// The file that stands in for stdout (`--output-file`).
static REDIRECTED: OnceLock<Kept> = OnceLock::new();
/// The file that verdicts are written to, whatever is printed (`--verdict-file`).
static VERDICTS: OnceLock<Kept> = OnceLock::new();
/// The file that decision records are written to (`--record`).
static RECORDS: OnceLock<Kept> = OnceLock::new();

/// A file that stands in its place when the command has ended, however it ended: what an earlier run left there must
/// not be taken for the outcome of this one.
struct Kept {
    path: PathBuf,
    /// None once it is in its place.
    file: Mutex<Option<Growing>>,
}

/// From now on data goes to this file, which stands in its place after [`close`].
pub(crate) fn redirect(path: Option<&Path>) -> Result<(), Fault> {
    keep_in(&REDIRECTED, path)
}

/// From now on verdicts go to this file too, which stands in its place after [`close`].
pub(crate) fn keep_verdicts(path: Option<&Path>) -> Result<(), Fault> {
    keep_in(&VERDICTS, path)
}

/// From now on decision records go to this file, which stands in its place after [`close`].
pub(crate) fn keep_records(path: Option<&Path>) -> Result<(), Fault> {
    keep_in(&RECORDS, path)
}

fn keep_in(place: &OnceLock<Kept>, path: Option<&Path>) -> Result<(), Fault> {
    let Some(path) = path else { return Ok(()) };
    let file = Mutex::new(Some(Growing::new(path)?));
    // Called once, before anything is written.
    let _ = place.set(Kept { path: path.to_owned(), file });
    Ok(())
}

/// The file that stands in for stdout.
pub(crate) fn redirected() -> Option<&'static Path> {
    REDIRECTED.get().map(|redirected| redirected.path.as_path())
}

/// Gives the file that stands in for stdout up: what stands in its place is needed, and stays.
pub(crate) fn forgo() {
    if let Some(kept) = REDIRECTED.get() {
        kept.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Puts the files of data in their places.
pub(crate) fn close() -> Result<(), Fault> {
    let finished = [&REDIRECTED, &VERDICTS, &RECORDS].map(|place| {
        // Whoever still writes at the end of the time (`--timeout`) writes into a pipe, which has no place to be put.
        let file = place.get().and_then(|kept| kept.file.try_lock().ok()?.take());
        file.map_or(Ok(()), Growing::finish)
    });
    finished.into_iter().collect()
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
    delivered(|| {
        if let Some(redirected) = REDIRECTED.get() {
            return redirected.write(format!("{line}\n").as_bytes());
        }
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    })
}

/// Writes bytes of data to stdout, as they are.
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    delivered(|| {
        if let Some(redirected) = REDIRECTED.get() {
            return redirected.write(bytes);
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    })
}

impl Kept {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

/// Writes a verdict to the file for verdicts, if there is one.
pub(crate) fn keep_verdict(record: &str) -> Result<(), Fault> {
    VERDICTS.get().map_or(Ok(()), |kept| {
        delivered(|| kept.write(format!("{record}\n").as_bytes()))
            .map_err(|error| Fault::file(&kept.path, "written", &error))
    })
}

/// Writes a decision record to the file for records, if there is one.
pub(crate) fn keep_record(record: &str) -> Result<(), Fault> {
    RECORDS.get().map_or(Ok(()), |kept| {
        delivered(|| kept.write(format!("{record}\n").as_bytes()))
            .map_err(|error| Fault::file(&kept.path, "written", &error))
    })
}

/// Who does not read on has changed neither what was decided nor what is left to do (T-71).
fn delivered(write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match write() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// How a command ends that was decided before it was told: what cannot be printed makes the exit code worse, never
/// better (T-71).
pub(crate) fn told(exit: Exit, telling: Result<(), Fault>) -> Exit {
    match telling {
        Ok(()) => exit,
        Err(trouble) => {
            fault(&trouble);
            exit.worst(trouble.exit())
        }
    }
}

/// Texts with manifests as one stream of documents.
pub(crate) fn manifests<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut stream = String::new();
    for text in texts {
        if !stream.is_empty() {
            if !stream.ends_with('\n') {
                stream.push('\n');
            }
            match text.get(..3) {
                Some("---") => {}
                // A directive may only follow the end of a document.
                _ if text.starts_with('%') => stream.push_str("...\n"),
                _ => stream.push_str("---\n"),
            }
        }
        stream.push_str(text);
    }
    stream
}

/// A number of things in words.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
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
