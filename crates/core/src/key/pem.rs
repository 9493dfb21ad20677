//! PEM blocks (RFC 7468), as strictly as files in the field allow.
//!
//! Text outside of blocks is skipped, as other readers do; inside a block only base64 lines are read. What a block
//! holds is not looked at here.

use zeroize::Zeroizing;

use super::KeyError;
use crate::encoding::{base64_decode, base64_encode};
use crate::limits::KEY_FILE_BYTES;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LABEL_BYTES: usize = 64;
const COLUMNS: usize = 64;

/// One block. Its bytes may be a secret.
pub(super) struct Block {
    pub(super) label: String,
    /// Encrypted in the manner of old OpenSSL versions; the body is not read then.
    pub(super) legacy: bool,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// Every block of a file, in its order; at least one.
pub(super) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, KeyError> {
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found > KEY_FILE_BYTES {
        return Err(KeyError::TooLarge { limit: KEY_FILE_BYTES, found });
    }
    let text = core::str::from_utf8(bytes).map_err(|_| KeyError::NoPem)?;
    let mut blocks = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for line in text.split('\n').map(|line| line.trim_end_matches(['\r', ' ', '\t'])) {
        match &mut open {
            None => {
                if let Some(rest) = line.strip_prefix(BEGIN) {
                    open = Some(Open::new(rest, bytes.len())?);
                } else if line.starts_with(DASHES) {
                    return Err(KeyError::BrokenPem { why: "an END line stands without its BEGIN line" });
                }
            }
            Some(block) => {
                if let Some(rest) = line.strip_prefix(END) {
                    if label(rest)? != block.label {
                        return Err(KeyError::BrokenPem { why: "BEGIN and END have different labels" });
                    }
                    blocks.push(block.close()?);
                    open = None;
                } else {
                    block.line(line)?;
                }
            }
        }
    }
    if open.is_some() {
        return Err(KeyError::BrokenPem { why: "the END line is missing" });
    }
    if blocks.is_empty() { Err(KeyError::NoPem) } else { Ok(blocks) }
}

/// One block with line feeds and 64 columns, as OpenSSL and Go write it.
pub(super) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(base64_encode(der));
    // All at once: a string that grows leaves copies of a secret behind.
    let lines = body.len().div_ceil(COLUMNS);
    let frame = BEGIN.len().saturating_add(label.len()).saturating_add(DASHES.len()).saturating_mul(2);
    let mut text =
        Zeroizing::new(String::with_capacity(body.len().saturating_add(lines).saturating_add(frame)));
    text.push_str(BEGIN);
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while let Some((line, behind)) = rest.split_at_checked(COLUMNS) {
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str(END);
    text.push_str(label);
    text.push_str("-----\n");
    text
}

struct Open<'a> {
    label: &'a str,
    legacy: bool,
    body: Zeroizing<String>,
}

impl<'a> Open<'a> {
    /// `room` is at least the length of the body: a string that grows leaves copies of a secret behind.
    fn new(rest: &'a str, room: usize) -> Result<Self, KeyError> {
        Ok(Self { label: label(rest)?, legacy: false, body: Zeroizing::new(String::with_capacity(room)) })
    }

    fn line(&mut self, line: &str) -> Result<(), KeyError> {
        if self.legacy {
            return Ok(());
        }
        if line.starts_with("Proc-Type:") && line.ends_with(",ENCRYPTED") {
            self.legacy = true;
        } else if line.contains(':') {
            return Err(KeyError::BrokenPem { why: "it has headers" });
        } else if line.is_empty() {
            return Err(KeyError::BrokenPem { why: "it has an empty line" });
        } else {
            self.body.push_str(line);
        }
        Ok(())
    }

    fn close(&self) -> Result<Block, KeyError> {
        let der = if self.legacy { Vec::new() } else { decode(&self.body)? };
        Ok(Block { label: self.label.to_owned(), legacy: self.legacy, der: Zeroizing::new(der) })
    }
}

fn decode(body: &str) -> Result<Vec<u8>, KeyError> {
    if body.is_empty() {
        return Err(KeyError::BrokenPem { why: "it is empty" });
    }
    base64_decode(body).map_err(|_| KeyError::BrokenPem { why: "its body is not standard base64" })
}

fn label(rest: &str) -> Result<&str, KeyError> {
    rest.strip_suffix(DASHES)
        .filter(|label| !label.is_empty() && label.len() <= LABEL_BYTES)
        .filter(|label| label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' '))
        .ok_or(KeyError::BrokenPem { why: "a BEGIN or END line is not -----BEGIN LABEL-----" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Vec<u8>)>, KeyError> {
        blocks(text.as_bytes())
            .map(|blocks| blocks.into_iter().map(|block| (block.label, block.der.to_vec())).collect())
    }

    #[test]
    fn reads_what_it_writes() {
        for length in [1, 47, 48, 49, 96, 1_000] {
            let bytes = vec![0xa5; length];
            let text = write("PUBLIC KEY", &bytes);
            assert_eq!(read(&text).unwrap(), [("PUBLIC KEY".to_owned(), bytes)]);
            assert!(text.lines().all(|line| line.len() <= COLUMNS) && text.ends_with("KEY-----\n"));
            assert!(!text.contains("\n\n"));
        }
    }

    #[test]
    fn skips_text_outside_and_windows_line_ends() {
        let text = "# release\r\n-----BEGIN A B-----\r\nAAEC\r\n-----END A B-----\r\n \r\n";
        assert_eq!(read(text).unwrap(), [("A B".to_owned(), vec![0, 1, 2])]);
    }

    #[test]
    fn refuses_what_is_no_block() {
        for none in ["", " ", "\n\n", "\0\0", "AAEC", "0\u{82}"] {
            assert_eq!(read(none), Err(KeyError::NoPem), "{none:?}");
        }
        let broken = [
            "-----BEGIN A-----\nAAEC\n",
            "-----BEGIN A-----\nAAEC\n-----END B-----\n",
            "-----BEGIN A-----\n-----END A-----\n",
            "-----BEGIN A-----\nAAE\n-----END A-----\n",
            "-----BEGIN A-----\nAAE_\n-----END A-----\n",
            "-----BEGIN A-----\nAA EC\n-----END A-----\n",
            "-----BEGIN A-----\nAAF=\n-----END A-----\n",
            "-----BEGIN A-----\nAAEC\n\nAAEC\n-----END A-----\n",
            "-----BEGIN A-----\nComment: x\nAAEC\n-----END A-----\n",
            "-----BEGIN A-----AAEC-----END A-----\n",
            "-----BEGIN A-----\n-----BEGIN A-----\nAAEC\n-----END A-----\n",
            "-----END A-----\n",
            "-----BEGIN -----\nAAEC\n-----END -----\n",
            "-----BEGIN a-----\nAAEC\n-----END a-----\n",
        ];
        for text in broken {
            assert!(matches!(read(text), Err(KeyError::BrokenPem { .. })), "{text:?}");
        }
    }
}
