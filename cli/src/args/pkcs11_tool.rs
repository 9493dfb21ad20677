//! `waxseal pkcs11-tool`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// PKCS#11 tokens and the keys in them: how they are named, and what they tell of their PIN
///
/// The module is that of --module-path, else of the URI, else of WAXSEAL_PKCS11_MODULE_PATH or COSIGN_PKCS11_MODULE_PATH. A module
/// is code that runs in this program: name only one that you trust.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Pkcs11ToolArgs {
    #[command(subcommand)]
    pub(crate) what: Pkcs11What,
}

/// What is listed.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum Pkcs11What {
    ListTokens(ListTokensArgs),
    ListKeysUris(ListKeysUrisArgs),
}

/// List the tokens that a module shows, each with a URI
///
/// No PIN is used. The last line of each says what the token tells of its PIN: PKCS#11 has no number of tries, only these
/// words: a wrong PIN was given, the next one locks it, it is locked.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_TOKENS)]
pub(crate) struct ListTokensArgs {
    #[command(flatten)]
    pub(crate) place: TokenPlaceArgs,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/pkcs11-tokens/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TokenOutput,
}

/// List the keys in tokens, each with the URI that --key takes
///
/// With a PIN the private keys are listed, without one the public keys that everybody may see. The PIN is that of the URI's
/// pin-source, of WAXSEAL_PKCS11_PIN or COSIGN_PKCS11_PIN, or asked for on a terminal; no URI that is printed holds it.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_KEYS)]
pub(crate) struct ListKeysUrisArgs {
    #[command(flatten)]
    pub(crate) place: TokenPlaceArgs,
    /// Slot of the token; many modules number their slots anew at each start
    #[arg(long, value_name = "N")]
    pub(crate) slot_id: Option<u64>,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/pkcs11-keys/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TokenOutput,
}

/// Which tokens are meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TokenPlaceArgs {
    /// URI that narrows the list down: pkcs11:token=LABEL, or by serial=, object=, id= (default: all)
    #[arg(value_name = "URI", default_value = "pkcs11:", hide_default_value = true)]
    pub(crate) uri: String,
    /// The PKCS#11 module: an absolute path
    #[arg(long, value_name = "FILE")]
    pub(crate) module_path: Option<PathBuf>,
}

/// What lists of tokens and keys are printed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenOutput {
    /// A URI, and below it what is known
    #[default]
    Text,
    /// One JSON document
    Json,
}

const AFTER_TOKENS: &str = "\
Examples:
  What is plugged in:
    waxseal pkcs11-tool list-tokens --module-path /usr/lib/softhsm/libsofthsm2.so
  The same by the module's name, for machines:
    waxseal pkcs11-tool list-tokens 'pkcs11:?module-name=softhsm2' -o json";

const AFTER_KEYS: &str = "\
Examples:
  The keys of a token, with the PIN from a file:
    waxseal pkcs11-tool list-keys-uris 'pkcs11:?module-name=softhsm2&pin-source=pin.txt'
  What everybody may see:
    waxseal pkcs11-tool list-keys-uris --module-path /usr/lib/softhsm/libsofthsm2.so -o json";
