//! What is read besides images and keys: whose standard input is.

use crate::fault::Fault;
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
