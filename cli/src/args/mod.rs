//! What can be typed: flags, their help and their examples. Nothing here does anything.

pub(crate) mod attach;
pub(crate) mod attest;
pub(crate) mod attest_blob;
pub(crate) mod clean;
pub(crate) mod completion;
pub(crate) mod copy;
pub(crate) mod cosign_verify;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod download;
pub(crate) mod gate;
pub(crate) mod generate;
pub(crate) mod generate_key_pair;
pub(crate) mod import_key_pair;
pub(crate) mod inventory;
pub(crate) mod judging;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod pack;
pub(crate) mod payload;
pub(crate) mod pkcs11_tool;
pub(crate) mod policy;
pub(crate) mod promote;
pub(crate) mod public_key;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod reports;
pub(crate) mod save;
pub(crate) mod scan;
pub(crate) mod scan_rules;
pub(crate) mod sign;
pub(crate) mod sign_blob;
pub(crate) mod sign_payload;
pub(crate) mod tree;
pub(crate) mod triangulate;
pub(crate) mod unpack;
pub(crate) mod verify;
pub(crate) mod verify_attestation;
pub(crate) mod verify_blob;
pub(crate) mod verify_blob_attestation;
pub(crate) mod version;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use waxseal_core::Format;

/// Sign and verify OCI images: in a pipeline, before a deploy, behind an air gap
///
/// Reads and writes what cosign reads and writes; verifies with keys, and asks nobody but the registries and the hosts
/// of keys that you name, and where those registries send their readers.
///
/// Exit codes: 0 done or admitted, 1 refused, 2 usage, 3 undecided (could not reach or read), 4 bad key, policy or
/// configuration, 70 internal.
#[derive(Debug, Parser)]
#[command(name = "waxseal", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// Open no network connection at all
    #[arg(long, global = true, env = "WAXSEAL_OFFLINE", help_heading = "Global options")]
    pub(crate) offline: bool,
    /// Write what would go to stdout into this file, which stands there when the command has ended
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) output_file: Option<PathBuf>,
    /// Time for the whole command, as 30s, 3m or 1h (default: none; single requests have their own)
    #[arg(short, long, global = true, value_name = "DURATION", help_heading = "Global options")]
    pub(crate) timeout: Option<Timeout>,
    /// Tell on stderr which requests are made
    #[arg(short = 'd', long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum Command {
    Sign(Box<sign::SignArgs>),
    Verify(Box<verify::VerifyArgs>),
    VerifyAttestation(Box<verify_attestation::VerifyAttestationArgs>),
    Gate(Box<gate::GateArgs>),
    SignBlob(Box<sign_blob::SignBlobArgs>),
    VerifyBlob(Box<verify_blob::VerifyBlobArgs>),
    VerifyBlobAttestation(Box<verify_blob_attestation::VerifyBlobAttestationArgs>),
    Attest(Box<attest::AttestArgs>),
    AttestBlob(Box<attest_blob::AttestBlobArgs>),
    Payload(Box<payload::PayloadArgs>),
    SignPayload(Box<sign_payload::SignPayloadArgs>),
    Generate(Box<generate::GenerateArgs>),
    GenerateKeyPair(Box<generate_key_pair::GenerateKeyPairArgs>),
    ImportKeyPair(Box<import_key_pair::ImportKeyPairArgs>),
    PublicKey(Box<public_key::PublicKeyArgs>),
    Pkcs11Tool(Box<pkcs11_tool::Pkcs11ToolArgs>),
    Copy(Box<copy::CopyArgs>),
    Pack(Box<pack::PackArgs>),
    Unpack(Box<unpack::UnpackArgs>),
    Promote(Box<promote::PromoteArgs>),
    Save(Box<save::SaveArgs>),
    Load(Box<load::LoadArgs>),
    Tree(Box<tree::TreeArgs>),
    Triangulate(Box<triangulate::TriangulateArgs>),
    Inventory(Box<inventory::InventoryArgs>),
    Scan(Box<scan::ScanArgs>),
    Policy(policy::PolicyCommandArgs),
    Record(record::RecordCommandArgs),
    Download(Box<download::DownloadArgs>),
    Attach(Box<attach::AttachArgs>),
    Clean(Box<clean::CleanArgs>),
    Manifest(Box<cosign_verify::ManifestArgs>),
    Dockerfile(Box<cosign_verify::DockerfileArgs>),
    Login(Box<login::LoginArgs>),
    Logout(logout::LogoutArgs),
    Doctor(Box<doctor::DoctorArgs>),
    Demo(Box<demo::DemoArgs>),
    Version(version::VersionArgs),
    Completion(completion::CompletionArgs),
    Man(man::ManArgs),
}

/// What the commands about keys print on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyOutput {
    /// What the command says of itself
    #[default]
    Text,
    /// One JSON document, schema waxseal/key/v1
    Json,
}

/// The formats of a signature, as a person names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Both formats
    #[default]
    Both,
    /// cosign's simple signing: a layer at the tag sha256-<hex>.sig
    Legacy,
    /// A Sigstore bundle, version 0.3: a referrer of the image
    Bundle,
}

impl FormatArg {
    /// The formats that are meant.
    pub(crate) fn formats(self) -> Vec<Format> {
        match self {
            Self::Both => vec![Format::Legacy, Format::Bundle],
            Self::Legacy => vec![Format::Legacy],
            Self::Bundle => vec![Format::Bundle],
        }
    }
}

/// A time span as cosign writes it: numbers with the units h, m, s and ms, as in `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Duration);

impl std::str::FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
        let total = span(text, &units, "30s, 3m or 1h30m")?;
        if total.is_zero() { Err("a time span of nothing".to_owned()) } else { Ok(Self(total)) }
    }
}

/// A greatest age: numbers with the units w, d, h, m and s, as in `7d` or `1d12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) SignedDuration);

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
        let total = span(text, &units, "30m, 12h, 7d or 2w")?;
        if total.is_zero() {
            return Err("a time span of nothing".to_owned());
        }
        SignedDuration::try_from(total).map(Self).map_err(|_| "a time span without end".to_owned())
    }
}

/// A greatest age, or the word that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxAge {
    /// At most so old.
    Within(Age),
    /// `unlimited`.
    Unlimited,
}

impl std::str::FromStr for MaxAge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" { Ok(Self::Unlimited) } else { text.parse().map(Self::Within) }
    }
}

/// Numbers, each with its unit, added up; each unit with its length in milliseconds.
fn span(text: &str, units: &[(&str, u64)], examples: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time span, as {examples}");
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let (_, milliseconds) = units.iter().find(|(known, _)| *known == unit).ok_or_else(wrong)?;
        let span = number.checked_mul(*milliseconds).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(span).ok_or_else(wrong)?;
        rest = tail;
    }
    Ok(total)
}

/// One annotation: everything after the first `=` is the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::str::FromStr for Annotation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected name=value".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn time_spans_are_read_as_cosign_writes_them() {
        for (text, seconds) in [("30s", 30), ("3m0s", 180), ("1h30m", 5_400)] {
            assert_eq!(text.parse::<Timeout>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for text in ["", "0s", "3", "m", "-3m", "3d", "3 m"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }

    #[test]
    fn ages_have_days_and_weeks() {
        for (text, hours) in [("12h", 12), ("7d", 168), ("2w", 336), ("1d12h", 36), ("120m", 2)] {
            assert_eq!(text.parse::<Age>().unwrap().0, SignedDuration::from_hours(hours), "{text}");
        }
        for text in ["", "0d", "7", "d", "-7d", "7y", "7 d", "100ms", "99999999999999999999d"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }

    #[test]
    fn everything_after_the_first_equals_sign_is_the_value() {
        let annotation: Annotation = "build=a=b=".parse().unwrap();
        assert_eq!((annotation.name.as_str(), annotation.value.as_str()), ("build", "a=b="));
        assert!("=x".parse::<Annotation>().is_err());
        assert!("x".parse::<Annotation>().is_err());
    }
}
