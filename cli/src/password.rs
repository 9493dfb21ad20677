//! Where passwords come from: a file, a descriptor, the environment, a terminal, or a line that is piped in.
//!
//! Never from a flag, which other processes see, and never from nothing: an empty password is given on purpose, by an
//! empty variable, an empty file or an empty line.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use waxseal::keys::Pin;
use waxseal_core::key::Password;
use waxseal_core::limits::KEY_FILE_BYTES;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::output::{self, escape};

/// The variables that may hold a password, first come first served.
const VARIABLES: [&str; 2] = ["WAXSEAL_PASSWORD", "COSIGN_PASSWORD"];
/// The variable that may hold the password of a file that is imported.
const IMPORT_VARIABLES: [&str; 1] = ["WAXSEAL_IMPORT_PASSWORD"];

const HINT: &str =
    "give --password-file FILE or --password-fd N, or set WAXSEAL_PASSWORD (empty for the empty password)";
const IMPORT_HINT: &str = "give --import-password-file FILE, or set WAXSEAL_IMPORT_PASSWORD";

/// How a password was given.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PasswordArgs {
    /// Read the key's password from this file (one line end at its end is not part of it)
    #[arg(long, value_name = "FILE", help_heading = "Key options")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the key's password from this open file descriptor
    #[arg(long, value_name = "N", conflicts_with = "password_file", help_heading = "Key options")]
    pub(crate) password_fd: Option<u32>,
}

/// How the password of a file that is imported was given.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ImportPasswordArgs {
    /// Read the password of the file that is imported from this file
    #[arg(long, value_name = "FILE", help_heading = "Key options")]
    pub(crate) import_password_file: Option<PathBuf>,
}

/// Whether a password may be read from standard input, or something else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// A password may be piped in.
    Free,
    /// A key or a blob is piped in.
    Taken,
}

/// How much of standard input is a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// One line: another password may follow.
    Line,
    /// Everything: some registries take a whole file for a password.
    All,
}

impl PasswordArgs {
    /// The password of an existing key, asked once.
    pub(crate) fn existing(&self, what: &str, stdin: Stdin) -> Result<Password, Fault> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask(&format!("Password of {}: ", escape(what)), stdin, HINT),
        }
    }

    /// The password for a new key, asked twice on a terminal.
    pub(crate) fn new_key(&self, what: &str, stdin: Stdin) -> Result<Password, Fault> {
        if let Some(password) = self.given()? {
            return Ok(password);
        }
        let first = ask_text(&format!("Password for {} (may be empty): ", escape(what)), stdin, HINT)?;
        if is_asked_on_terminal(stdin) {
            let again = ask_text("The same again: ", stdin, HINT)?;
            if *first != *again {
                return Err(Fault::configuration("the two passwords differ"));
            }
        }
        Ok(Password::new(first.as_bytes().to_vec()))
    }

    /// A token has a PIN, and a wrong one costs a try: what was given as a password is not tried as one.
    pub(crate) fn none_for_tokens(&self) -> Result<(), Fault> {
        if self.password_file.is_none() && self.password_fd.is_none() {
            return Ok(());
        }
        Err(Fault::usage("--password-file and --password-fd are for keys in files; a token has a PIN")
            .hint("name the PIN's file with ?pin-source=/PATH in the key's URI, or set WAXSEAL_PKCS11_PIN"))
    }

    fn given(&self) -> Result<Option<Password>, Fault> {
        if let Some(path) = &self.password_file {
            return from_file(path).map(Some);
        }
        if let Some(descriptor) = self.password_fd {
            return from_file(&PathBuf::from(format!("/dev/fd/{descriptor}"))).map(Some);
        }
        from_environment(&VARIABLES)
    }
}

impl ImportPasswordArgs {
    /// The password of the file that is imported, asked once.
    pub(crate) fn existing(&self, what: &str, stdin: Stdin) -> Result<Password, Fault> {
        if let Some(path) = &self.import_password_file {
            return from_file(path);
        }
        match from_environment(&IMPORT_VARIABLES)? {
            Some(password) => Ok(password),
            None => ask(&format!("Password of {}: ", escape(what)), stdin, IMPORT_HINT),
        }
    }
}

fn from_environment(names: &[&str]) -> Result<Option<Password>, Fault> {
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            let value = value
                .into_string()
                .map_err(|_| Fault::configuration(format!("the variable {name} is not UTF-8")))?;
            return Ok(Some(Password::new(value.into_bytes())));
        }
    }
    Ok(None)
}

/// A secret from a file, as text. One line end at its end is not part of it.
pub(crate) fn secret_file(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let bytes = secret_bytes(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Fault::configuration(format!("{} is not UTF-8", path.display()))),
    }
}

fn from_file(path: &Path) -> Result<Password, Fault> {
    Ok(Password::new(secret_bytes(path)?.to_vec()))
}

fn secret_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let read = |path: &Path| -> std::io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        std::fs::File::open(path)?.take(KEY_FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read(path).map_err(|error| Fault::setting(path, &error))?;
    if bytes.len() as u64 > KEY_FILE_BYTES {
        return Err(Fault::configuration(format!("{} is too large for a password", path.display())));
    }
    Ok(Zeroizing::new(without_line_end(&bytes).to_vec()))
}

/// A password from standard input. One line end at its end is not part of it. Nothing at all is not the empty password:
/// a pipeline that forgot its secret must not make an open key.
pub(crate) fn from_standard_input(part: Part) -> Result<Zeroizing<String>, Fault> {
    let mut stdin = std::io::stdin().lock().take(KEY_FILE_BYTES.saturating_add(1));
    let mut text = Zeroizing::new(String::new());
    let read = match part {
        Part::Line => stdin.read_line(&mut text),
        Part::All => stdin.read_to_string(&mut text),
    };
    let read = read.map_err(|error| Fault::configuration(format!("the password cannot be read: {error}")))?;
    if read == 0 {
        return Err(Fault::configuration("a password is needed, and none was given"));
    }
    if read as u64 > KEY_FILE_BYTES {
        return Err(Fault::configuration("what stands on standard input is too long for a password"));
    }
    let end = without_line_end(text.as_bytes()).len();
    text.truncate(end);
    Ok(text)
}

/// A text without the line end at its end, if there is one.
fn without_line_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn ask(prompt: &str, stdin: Stdin, hint: &str) -> Result<Password, Fault> {
    Ok(Password::new(ask_text(prompt, stdin, hint)?.as_bytes().to_vec()))
}

/// The PIN of a token, typed on the terminal. Nothing where nobody sits at one: whatever happens to stand on standard input
/// is not tried as a PIN, each wrong one of which costs a try.
pub(crate) fn pin(token: &str) -> Result<Option<Pin>, Fault> {
    if !is_asked_on_terminal(Stdin::Free) {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(format!("PIN of {}: ", escape(token))).map(Zeroizing::new);
    let typed = typed.map_err(|error| Fault::configuration(format!("the PIN cannot be read: {error}")))?;
    // The empty PIN is no token's: Enter alone is a change of mind, and costs no try.
    if typed.is_empty() {
        return Err(Fault::configuration("no PIN was typed"));
    }
    Ok(Some(Pin::new(typed.as_str())))
}

/// A password is typed on the controlling terminal, whatever stands on standard input; that there is somebody to
/// type it is told by standard input, or by standard error where something else is piped in.
fn is_asked_on_terminal(stdin: Stdin) -> bool {
    match stdin {
        Stdin::Free => std::io::stdin().is_terminal(),
        Stdin::Taken => output::stderr_is_terminal(),
    }
}

fn ask_text(prompt: &str, stdin: Stdin, hint: &str) -> Result<Zeroizing<String>, Fault> {
    let trouble = |error: std::io::Error| {
        Fault::configuration(format!("the password cannot be read: {error}")).hint(hint)
    };
    if is_asked_on_terminal(stdin) {
        return rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(trouble);
    }
    if stdin == Stdin::Taken {
        return Err(
            Fault::usage("a password is needed, and standard input already brings something else").hint(hint)
        );
    }
    from_standard_input(Part::Line).map_err(|fault| fault.hint(hint))
}
