//! The one base64 decoder and encoder of the program.
//!
//! Standard alphabet, padding required, no white space, no set bits behind the last byte (RFC 4648, sections 3.1
//! to 3.5 with every option at its strictest). Two spellings of one signature would otherwise count as two.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes standard base64, or says nothing but that it is not.
pub fn base64_decode(text: &str) -> Result<Vec<u8>, NotBase64> {
    STANDARD.decode(text).map_err(|_| NotBase64)
}

/// Encodes in standard base64 with padding.
pub fn base64_encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The text is not standard base64 with padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not standard base64 (alphabet A-Z a-z 0-9 + /, padded, without white space)")]
#[non_exhaustive]
pub struct NotBase64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(base64_decode("+/8=").unwrap(), [0xfb, 0xff]);
        for other in ["-_8=", "+/8", "+/9=", "+/8=\n", "+/\n8=", " +/8=", "+/8\0", "+/8é", "+/8=="] {
            assert_eq!(base64_decode(other), Err(NotBase64), "{other:?}");
        }
    }
}
