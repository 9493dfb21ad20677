//! What this build is.

/// The version of waxseal.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was built in that may be left out, in the order of the alphabet.
pub const fn features() -> &'static [&'static str] {
    if cfg!(feature = "aws-lc") { &["aws-lc"] } else { &[] }
}
