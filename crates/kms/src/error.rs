//! Why a key in a token is not found or does not sign, and what can be done. No error holds a PIN.

use core::fmt;
use std::path::PathBuf;

use waxseal_core::Scheme;
use waxseal_core::key::{KeyAlgorithm, KeyError};

use crate::uri::UriError;

/// What a token says about the tries that are left for its PIN. PKCS#11 has no number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tries {
    /// The token says nothing: there are tries left, or it does not tell.
    Untold,
    /// At least one wrong PIN was given since the last right one.
    Low,
    /// The next wrong PIN locks the token.
    Last,
    /// The PIN is locked.
    Locked,
}

impl Tries {
    /// The stable word of output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untold => "untold",
            Self::Low => "low",
            Self::Last => "last",
            Self::Locked => "locked",
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untold => "the token does not tell how many tries are left",
            Self::Low => "the token says that a wrong PIN was given since the last right one, and not how many tries are left",
            Self::Last => "the token says that the next wrong PIN locks it",
            Self::Locked => "the token says that its PIN is locked now",
        })
    }
}

/// A key in a token could not be found, read or used. The code of a variant is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// This build cannot load modules.
    #[error(
        "this build of waxseal has no PKCS#11: the feature pkcs11 was left out, or the system cannot load modules (musl)"
    )]
    NotBuilt,
    /// The name is no `pkcs11:` URI.
    #[error("not a pkcs11: URI: {0}")]
    Uri(#[from] UriError),
    /// Nothing says which module to load.
    #[error("no PKCS#11 module is named")]
    NoModule {
        /// Modules that stand where systems put them.
        there: Vec<PathBuf>,
    },
    /// There is no such module.
    #[error("there is no PKCS#11 module {name}{}", places(.looked))]
    ModuleMissing {
        /// Its path or its name.
        name: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The module could not be loaded or started.
    #[error("the PKCS#11 module {} cannot be used: {why}", path.display())]
    Module {
        /// Its path.
        path: PathBuf,
        /// What it says.
        why: String,
    },
    /// No token matches.
    #[error("no token matches {wanted}; {}", listed("there is no token at all", "there is", .there))]
    NoToken {
        /// What was asked for.
        wanted: String,
        /// Tokens that there are.
        there: Vec<String>,
    },
    /// Several tokens match.
    #[error("several tokens match {wanted}: {}", .found.join(", "))]
    SeveralTokens {
        /// What was asked for.
        wanted: String,
        /// Tokens that match.
        found: Vec<String>,
    },
    /// No object matches.
    #[error("no {what} in {token} matches {wanted}; {}", listed("there is none at all", "there is", .there))]
    NoKey {
        /// What kind of object.
        what: &'static str,
        /// The token.
        token: String,
        /// What was asked for.
        wanted: String,
        /// Objects of that kind that there are.
        there: Vec<String>,
    },
    /// Several objects match.
    #[error("several keys in {token} match {wanted}: {}", .found.join(", "))]
    SeveralKeys {
        /// The token.
        token: String,
        /// What was asked for.
        wanted: String,
        /// Objects that match.
        found: Vec<String>,
    },
    /// The URI names an object of another type.
    #[error("type={found} names no {expected}")]
    ObjectType {
        /// What is needed.
        expected: &'static str,
        /// The word of the URI.
        found: &'static str,
    },
    /// Keys of that kind do not sign here.
    #[error("the key {key} is of a kind that waxseal does not sign with: {found}")]
    KeyKind {
        /// The key.
        key: String,
        /// Its kind.
        found: String,
    },
    /// The token does not allow the key to sign.
    #[error("the token does not let the key {key} sign (CKA_SIGN is false)")]
    NotForSigning {
        /// The key.
        key: String,
    },
    /// There is no public key beside the private one.
    #[error("the token gives no public key for {key}: no object with the same id, no certificate")]
    NoPublicKey {
        /// The key.
        key: String,
    },
    /// The public key is none that is accepted.
    #[error("the public key of {key}: {error}")]
    PublicKey {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A PIN is needed and there is none.
    #[error("{token} needs its PIN, and there is none")]
    PinNeeded {
        /// The token.
        token: String,
    },
    /// The person that was asked gave no PIN.
    #[error("the PIN cannot be read: {why}")]
    PinPrompt {
        /// What happened.
        why: String,
    },
    /// The file of the PIN cannot be used.
    #[error("the PIN's file {} cannot be used: {why}", path.display())]
    PinFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The PIN has a length that the token's PINs do not have: it was not tried.
    #[error(
        "a PIN of {token} has {least} to {most} bytes, the given one has another length and was not tried"
    )]
    PinLength {
        /// The token.
        token: String,
        /// Least bytes.
        least: usize,
        /// Most bytes.
        most: usize,
    },
    /// The PIN is wrong. It was tried once.
    #[error("the PIN of {token} is wrong; it was tried once; {tries}")]
    WrongPin {
        /// The token.
        token: String,
        /// What the token says about the tries that are left.
        tries: Tries,
    },
    /// The PIN is locked.
    #[error("the PIN of {token} is locked")]
    PinLocked {
        /// The token.
        token: String,
    },
    /// The next wrong PIN locks the token, and nobody typed this one: it was not tried.
    #[error("the next wrong PIN locks {token}: a PIN that nobody types is not tried now")]
    LastTry {
        /// The token.
        token: String,
    },
    /// The PIN has to be set or changed first.
    #[error("the PIN of {token} is not set, or has to be changed first")]
    PinNotSet {
        /// The token.
        token: String,
    },
    /// The token has no mechanism for the key and the scheme.
    #[error("{token} does not sign with {scheme}{}", lacking(.needed))]
    Mechanism {
        /// The token.
        token: String,
        /// The scheme.
        scheme: Scheme,
        /// Mechanisms that would do; none where tokens are not asked for the scheme.
        needed: Vec<&'static str>,
    },
    /// The scheme is one of another kind of key.
    #[error("{scheme} is no scheme of a key of kind {key}")]
    SchemeMismatch {
        /// The scheme that was asked for.
        scheme: Scheme,
        /// The kind of the key.
        key: KeyAlgorithm,
    },
    /// There is more than is looked at.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The token or its module failed.
    #[error("{what}: {why}")]
    Token {
        /// What was asked of it.
        what: &'static str,
        /// What it says.
        why: String,
    },
}

impl Pkcs11Error {
    /// The stable codes, for the table in the documentation.
    pub const ALL: &'static [&'static str] = &[
        "pkcs11-not-built",
        "pkcs11-uri",
        "pkcs11-no-module",
        "pkcs11-module-missing",
        "pkcs11-module",
        "pkcs11-no-token",
        "pkcs11-several-tokens",
        "pkcs11-no-key",
        "pkcs11-several-keys",
        "pkcs11-object-type",
        "pkcs11-key-kind",
        "pkcs11-not-for-signing",
        "pkcs11-no-public-key",
        "pkcs11-public-key",
        "pkcs11-pin-needed",
        "pkcs11-pin-prompt",
        "pkcs11-pin-file",
        "pkcs11-pin-length",
        "pkcs11-wrong-pin",
        "pkcs11-pin-locked",
        "pkcs11-last-try",
        "pkcs11-pin-not-set",
        "pkcs11-mechanism",
        "pkcs11-scheme-mismatch",
        "pkcs11-too-many",
        "pkcs11-token",
    ];

    /// The stable code of the variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBuilt => "pkcs11-not-built",
            Self::Uri(_) => "pkcs11-uri",
            Self::NoModule { .. } => "pkcs11-no-module",
            Self::ModuleMissing { .. } => "pkcs11-module-missing",
            Self::Module { .. } => "pkcs11-module",
            Self::NoToken { .. } => "pkcs11-no-token",
            Self::SeveralTokens { .. } => "pkcs11-several-tokens",
            Self::NoKey { .. } => "pkcs11-no-key",
            Self::SeveralKeys { .. } => "pkcs11-several-keys",
            Self::ObjectType { .. } => "pkcs11-object-type",
            Self::KeyKind { .. } => "pkcs11-key-kind",
            Self::NotForSigning { .. } => "pkcs11-not-for-signing",
            Self::NoPublicKey { .. } => "pkcs11-no-public-key",
            Self::PublicKey { .. } => "pkcs11-public-key",
            Self::PinNeeded { .. } => "pkcs11-pin-needed",
            Self::PinPrompt { .. } => "pkcs11-pin-prompt",
            Self::PinFile { .. } => "pkcs11-pin-file",
            Self::PinLength { .. } => "pkcs11-pin-length",
            Self::WrongPin { .. } => "pkcs11-wrong-pin",
            Self::PinLocked { .. } => "pkcs11-pin-locked",
            Self::LastTry { .. } => "pkcs11-last-try",
            Self::PinNotSet { .. } => "pkcs11-pin-not-set",
            Self::Mechanism { .. } => "pkcs11-mechanism",
            Self::SchemeMismatch { .. } => "pkcs11-scheme-mismatch",
            Self::TooMany { .. } => "pkcs11-too-many",
            Self::Token { .. } => "pkcs11-token",
        }
    }

    /// One thing to try, where there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotBuilt => {
                "take the build for glibc, or export the public key (waxseal public-key) to verify with a file"
            }
            Self::NoModule { there } => {
                let there = there.first().map(|path| format!("; there is {}", path.display()));
                return Some(format!(
                    "name the module with ?module-path=/PATH.so in the URI, or in WAXSEAL_PKCS11_MODULE_PATH{}",
                    there.unwrap_or_default()
                ));
            }
            Self::ModuleMissing { .. } => {
                "install the token's PKCS#11 module, and name it with ?module-path=/PATH.so"
            }
            Self::Module { .. } => {
                "check that the module is for this machine, and that its own settings (as SOFTHSM2_CONF) are in place"
            }
            Self::NoToken { .. } => {
                "plug the token in, and compare with `waxseal pkcs11-tool list-tokens`; slot-id changes often: \
                 name token= or serial="
            }
            Self::SeveralTokens { .. } => "narrow it down with serial=, which no two tokens share",
            Self::NoKey { .. } => "compare with `waxseal pkcs11-tool list-keys-uris`",
            Self::SeveralKeys { .. } => "narrow it down with id=, or with both object= and id=",
            Self::ObjectType { .. } => "leave type= out",
            Self::KeyKind { .. } => {
                "make a key of kind P-256, P-384, RSA (2048 to 4096 bits) or Ed25519 in the token"
            }
            Self::NotForSigning { .. } => "make a key that may sign (CKA_SIGN) in the token",
            Self::NoPublicKey { .. } => {
                "put the public key into the token too, with the same id as the private one"
            }
            Self::PinNeeded { .. } => {
                "name a file with ?pin-source=/PATH in the URI, set WAXSEAL_PKCS11_PIN, or run it on a terminal"
            }
            Self::PinLength { .. } => "check where the PIN is read from; no try was used up",
            Self::WrongPin { tries: Tries::Locked, .. } | Self::PinLocked { .. } => {
                "unlock it with the tool of its maker: the PUK or the security officer's PIN sets a new one"
            }
            Self::WrongPin { .. } => {
                "check the PIN before you run it again: each wrong one costs a try. `waxseal pkcs11-tool list-tokens` shows \
                 what the token tells of it; the number, where there is one, is in its maker's tool (`ykman piv info`)"
            }
            Self::LastTry { .. } => {
                "type the PIN once on a terminal, with WAXSEAL_PKCS11_PIN, COSIGN_PKCS11_PIN and pin-source away"
            }
            Self::PinNotSet { .. } => {
                "set it with the tool of the token's maker (`softhsm2-util --init-pin`)"
            }
            Self::Mechanism { .. } | Self::SchemeMismatch { .. } => {
                "leave --signing-algorithm out, or make a key of another kind in the token"
            }
            Self::Uri(_)
            | Self::PublicKey { .. }
            | Self::PinPrompt { .. }
            | Self::PinFile { .. }
            | Self::TooMany { .. }
            | Self::Token { .. } => return None,
        };
        Some(text.to_owned())
    }
}

fn places(places: &[PathBuf]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
    format!(" in {}", places.join(", "))
}

fn lacking(needed: &[&str]) -> String {
    if needed.is_empty() {
        return ": tokens differ in what they take for it, so that they are not asked".to_owned();
    }
    format!(": it has none of {}", needed.join(", "))
}

fn listed(none: &str, some: &str, there: &[String]) -> String {
    if there.is_empty() { none.to_owned() } else { format!("{some} {}", there.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/keys.md has every code, and no other.
    #[test]
    fn every_code_stands_in_the_book() {
        let book = include_str!("../../../docs/keys.md");
        let (_, table) = book.split_once("\n## Errors\n").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), Pkcs11Error::ALL);
    }

    #[test]
    fn every_code_is_listed_once() {
        let (text, list, path) = (String::new, Vec::new, PathBuf::new);
        let (scheme, key) = (Scheme::Ed25519, KeyAlgorithm::P256);
        let all = [
            Pkcs11Error::NotBuilt,
            Pkcs11Error::Uri(UriError::Scheme),
            Pkcs11Error::NoModule { there: Vec::new() },
            Pkcs11Error::ModuleMissing { name: text(), looked: Vec::new() },
            Pkcs11Error::Module { path: path(), why: text() },
            Pkcs11Error::NoToken { wanted: text(), there: list() },
            Pkcs11Error::SeveralTokens { wanted: text(), found: list() },
            Pkcs11Error::NoKey { what: "", token: text(), wanted: text(), there: list() },
            Pkcs11Error::SeveralKeys { token: text(), wanted: text(), found: list() },
            Pkcs11Error::ObjectType { expected: "", found: "" },
            Pkcs11Error::KeyKind { key: text(), found: text() },
            Pkcs11Error::NotForSigning { key: text() },
            Pkcs11Error::NoPublicKey { key: text() },
            Pkcs11Error::PublicKey { key: text(), error: KeyError::NoPem },
            Pkcs11Error::PinNeeded { token: text() },
            Pkcs11Error::PinPrompt { why: text() },
            Pkcs11Error::PinFile { path: path(), why: text() },
            Pkcs11Error::PinLength { token: text(), least: 4, most: 8 },
            Pkcs11Error::WrongPin { token: text(), tries: Tries::Low },
            Pkcs11Error::PinLocked { token: text() },
            Pkcs11Error::LastTry { token: text() },
            Pkcs11Error::PinNotSet { token: text() },
            Pkcs11Error::Mechanism { token: text(), scheme, needed: Vec::new() },
            Pkcs11Error::SchemeMismatch { scheme, key },
            Pkcs11Error::TooMany { what: "", limit: 0 },
            Pkcs11Error::Token { what: "", why: text() },
        ];
        assert_eq!(all.iter().map(Pkcs11Error::code).collect::<Vec<_>>(), Pkcs11Error::ALL);
    }
}
