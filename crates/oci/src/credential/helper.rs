//! Credential helpers: programs called `docker-credential-<name>` (Docker, "Credential helper protocol").
//!
//! A helper is started without a shell, from a name that cannot be a path, with a bound on its time and its
//! answer. What it writes on its error stream is not kept: it may hold what it should keep.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use waxseal_core::json;
use waxseal_core::limits::{CREDENTIAL_HELPER_BYTES, CREDENTIAL_HELPER_SECONDS};
use zeroize::Zeroizing;

use super::{Credential, Secret};
use crate::error::{Error, ErrorKind};

/// What helpers answer where they know nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user that stands for "the secret is an identity token".
const TOKEN_USER: &str = "<token>";
/// Longest name of a helper, in bytes.
const NAME_BYTES: usize = 64;

/// Asks the helper `name` for the credentials of `server`.
pub(super) async fn ask(name: &str, server: &str, path: Option<&OsStr>) -> Result<Credential, Error> {
    let broken = |why: &str| trouble(name, why);
    let (success, output) = call(name, "get", server.as_bytes(), path).await?;
    if !success {
        return if is_absent(&output) { Ok(Credential::Anonymous) } else { Err(broken("it failed")) };
    }
    let answer: Answer =
        json::parse(&output, json::exact).map_err(|_| broken("its answer is not the JSON of one"))?;
    let secret = answer.secret;
    match answer.username.as_str() {
        TOKEN_USER => Ok(Credential::IdentityToken(secret)),
        "" => Err(broken("its answer names no user")),
        user => Ok(Credential::basic(user, secret)),
    }
}

/// Hands the credentials of `server` to the helper `name`, for it to keep.
pub(super) async fn store(
    name: &str,
    server: &str,
    user: &str,
    secret: &Secret,
    path: Option<&OsStr>,
) -> Result<(), Error> {
    let text = |text: &str| {
        serde_json::to_string(text).map(Zeroizing::new).map_err(|_| trouble(name, "a text that is no JSON"))
    };
    let (server, user, secret) = (text(server)?, text(user)?, text(secret.expose())?);
    let question = Zeroizing::new(format!(
        r#"{{"ServerURL":{},"Username":{},"Secret":{}}}"#,
        server.as_str(),
        user.as_str(),
        secret.as_str()
    ));
    match call(name, "store", question.as_bytes(), path).await? {
        (true, _) => Ok(()),
        (false, _) => Err(trouble(name, "it did not take the credentials")),
    }
}

/// Has the helper `name` forget the credentials of `server`; whether it knew any.
pub(super) async fn erase(name: &str, server: &str, path: Option<&OsStr>) -> Result<bool, Error> {
    match call(name, "erase", server.as_bytes(), path).await? {
        (true, _) => Ok(true),
        (false, output) if is_absent(&output) => Ok(false),
        (false, _) => Err(trouble(name, "it did not forget the credentials")),
    }
}

fn is_absent(output: &[u8]) -> bool {
    core::str::from_utf8(output).is_ok_and(|text| text.trim() == NOT_FOUND)
}

fn trouble(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Credentials, format!("credential helper docker-credential-{name}: {why}"))
}

/// Starts the helper with a verb, and says whether it was content and what it wrote.
async fn call(
    name: &str,
    verb: &str,
    question: &[u8],
    path: Option<&OsStr>,
) -> Result<(bool, Zeroizing<Vec<u8>>), Error> {
    if !is_name(name) {
        return Err(Error::new(
            ErrorKind::Credentials,
            format!(
                "{name:?} is no name of a credential helper: expected 1 to {NAME_BYTES} of a-z, 0-9, _ and -"
            ),
        ));
    }
    let program = format!("docker-credential-{name}");
    let broken = |why: &str| trouble(name, why);
    let time = Duration::from_secs(CREDENTIAL_HELPER_SECONDS);
    let (success, output) = tokio::time::timeout(time, run(&program, verb, question, path))
        .await
        .map_err(|_| broken(&format!("no answer within {CREDENTIAL_HELPER_SECONDS} seconds")))?
        .map_err(|error| broken("it cannot be run").caused_by(error))?;
    if output.len() as u64 > CREDENTIAL_HELPER_BYTES {
        return Err(broken(&format!("its answer is larger than {CREDENTIAL_HELPER_BYTES} bytes")));
    }
    Ok((success, output))
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

async fn run(
    program: &str,
    verb: &str,
    question: &[u8],
    path: Option<&OsStr>,
) -> Result<(bool, Zeroizing<Vec<u8>>), std::io::Error> {
    let mut command = Command::new(program);
    command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its question may still answer; what it answers decides.
        let _ = stdin.write_all(question).await;
    }
    let mut output = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(CREDENTIAL_HELPER_BYTES.saturating_add(1)).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > CREDENTIAL_HELPER_BYTES {
        return Ok((false, output));
    }
    Ok((child.wait().await?.success(), output))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["ecr-login", "osxkeychain", "a_b", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "../evil", "a/b", "a b", "A", "a;b", "a.sh", "$(x)", "a\0", "ä", &"a".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
