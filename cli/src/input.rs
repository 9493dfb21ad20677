//! What is read besides images and keys: files, and whose standard input is.

use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use waxseal::keys::KeyName;

use crate::fault::Fault;
use crate::output;
use crate::password::Stdin;

/// Whether standard input is left for a password. Each claim is a word for what would be read from it, and whether it
/// was asked for; it is read to its end, so two claims are a mistake: the second would find nothing.
pub(crate) fn standard_input<'a>(claims: impl IntoIterator<Item = (&'a str, bool)>) -> Result<Stdin, Fault> {
    let claims: Vec<_> = claims.into_iter().filter(|(_, claimed)| *claimed).map(|(what, _)| what).collect();
    match claims.as_slice() {
        [] => Ok(Stdin::Free),
        [_] => Ok(Stdin::Taken),
        several => Err(Fault::usage(format!(
            "standard input can be one thing only, and is asked for as {}",
            several.join(" and as ")
        ))
        .hint("name a file for each but one of them")),
    }
}

/// What a file holds, or standard input where it is `-`: at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    if path == Path::new("-") {
        return bounded(std::io::stdin().lock(), Path::new("standard input"), limit);
    }
    let file = std::fs::File::open(path).map_err(|error| Fault::file(path, "read", &error))?;
    bounded(file, path, limit)
}

fn bounded(reader: impl Read, shown: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::file(shown, "read", &error))?;
    if bytes.len() as u64 > limit {
        return Err(Fault::usage(format!("{} is larger than {limit} bytes", shown.display())));
    }
    Ok(bytes)
}

/// Text that was typed or pasted, as from a QR code: the same without white space, which a terminal may have put in.
pub(crate) fn pasted(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    if path == Path::new("-") && std::io::stdin().is_terminal() {
        output::talk("paste the text, and end with Ctrl-D on a line of its own:");
    }
    let mut bytes = read(path, limit)?;
    bytes.retain(|byte| !byte.is_ascii_whitespace());
    Ok(bytes)
}

/// The files among the names of keys.
pub(crate) fn key_files<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<PathBuf> {
    let file = |name: &String| match name.parse() {
        Ok(KeyName::File(path)) => Some(path),
        _ => None,
    };
    names.into_iter().filter_map(file).collect()
}
