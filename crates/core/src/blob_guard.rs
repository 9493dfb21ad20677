//! Keeps a blob's signature from passing as an image's (rule G2).
//!
//! A signature says nothing about what its bytes were meant as. So `sign-blob` does not sign bytes that begin as
//! a DSSE pre-authentication encoding, nor a JSON object with a member `critical`, which is what a legacy image
//! signature is over. The blob is scanned while it streams by, with constant memory and whatever its size:
//! other verifiers read payloads of up to 128 MiB.

/// Bytes of a member's name that are kept: each letter of `critical` may be written as a six-byte escape.
const NAME_BYTES: usize = 64;

/// How a DSSE pre-authentication encoding begins.
const DSSE: &[u8] = b"DSSEv1 ";

/// Scans a blob that is to be signed.
#[derive(Clone, Debug)]
pub struct BlobGuard {
    head: Vec<u8>,
    state: State,
    depth: usize,
    name: Vec<u8>,
    name_too_long: bool,
    critical: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space or a byte-order mark so far.
    Start,
    /// The blob is no JSON object.
    Other,
    /// Between tokens.
    Between,
    /// In a string.
    Text,
    /// Behind a backslash in a string.
    Escape,
    /// Behind a string of the outermost object: a colon makes it a member's name.
    Named,
}

impl Default for BlobGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl BlobGuard {
    /// A guard that has seen nothing.
    pub const fn new() -> Self {
        Self {
            head: Vec::new(),
            state: State::Start,
            depth: 0,
            name: Vec::new(),
            name_too_long: false,
            critical: false,
        }
    }

    /// The next bytes of the blob.
    pub fn update(&mut self, bytes: &[u8]) {
        let wanted = DSSE.len().saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(wanted));
        if self.state == State::Other {
            return;
        }
        for byte in bytes {
            self.step(*byte);
        }
    }

    /// Whether the bytes seen could be what an image signature is over.
    pub fn could_be_an_image_signature(&self) -> bool {
        self.critical || self.head == DSSE
    }

    fn step(&mut self, byte: u8) {
        match (self.state, byte) {
            // White space, and the three bytes of a byte-order mark.
            (State::Start, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf)
            | (State::Named, b' ' | b'\t' | b'\r' | b'\n')
            | (State::Other, _) => {}
            (State::Start, b'{') => {
                self.depth = 1;
                self.state = State::Between;
            }
            (State::Start, _) => self.state = State::Other,
            (State::Text, b'"') => self.state = if self.depth == 1 { State::Named } else { State::Between },
            (State::Text, b'\\') => {
                self.keep(byte);
                self.state = State::Escape;
            }
            (State::Text, _) => self.keep(byte),
            (State::Escape, _) => {
                self.keep(byte);
                self.state = State::Text;
            }
            (State::Named, b':') => {
                self.critical |= self.is_critical();
                self.state = State::Between;
            }
            (State::Between | State::Named, b'"') => {
                self.name.clear();
                self.name_too_long = false;
                self.state = State::Text;
            }
            (State::Between | State::Named, b'{' | b'[') => {
                self.depth = self.depth.saturating_add(1);
                self.state = State::Between;
            }
            (State::Between | State::Named, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                self.state = if self.depth == 0 { State::Other } else { State::Between };
            }
            (State::Between | State::Named, _) => self.state = State::Between,
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth != 1 {
            return;
        }
        if self.name.len() < NAME_BYTES {
            self.name.push(byte);
        } else {
            self.name_too_long = true;
        }
    }

    fn is_critical(&self) -> bool {
        let quoted = [b"\"".as_slice(), &self.name, b"\""].concat();
        let name = serde_json::from_slice::<String>(&quoted).unwrap_or_default();
        !self.name_too_long && name.eq_ignore_ascii_case("critical")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(blob: &[u8], piece: usize) -> bool {
        let mut guard = BlobGuard::new();
        for bytes in blob.chunks(piece) {
            guard.update(bytes);
        }
        guard.could_be_an_image_signature()
    }

    #[test]
    fn blobs_that_could_be_image_signatures_are_known() {
        let large = format!(r#"{{"pad":"{}","critical":{{}}}}"#, "x".repeat(200_000));
        for blob in [
            &b"DSSEv1 28 application/vnd.in-toto+json 2 {}"[..],
            br#"{"critical":{}}"#,
            b" \n{\"Critical\" : {}}",
            br#"{"a":{"b":[1,{}]},"c":"x","critical":{},"b":"#,
            b"\xef\xbb\xbf{\"critical\":1}",
            br#"{"\u0063ritical":1}"#,
            br#"{"\u0043\u0052\u0049\u0054\u0049\u0043\u0041\u004C":1}"#,
            br#"{"a":"}","critical":1}"#,
            br#"{"a":"\"","critical":1}"#,
            large.as_bytes(),
        ] {
            for piece in [1, 7, 64, usize::MAX] {
                assert!(scan(blob, piece), "{piece} {:.60}", String::from_utf8_lossy(blob));
            }
        }
    }

    #[test]
    fn honest_blobs_are_signed() {
        let large = format!(r#"{{"{}":1}}"#, "critical".repeat(100_000));
        for blob in [
            &b"critical"[..],
            br#"{"a":{"critical":1}}"#,
            br#"["critical"]"#,
            br#"[{"critical":1}]"#,
            br#"{"severity":"critical"}"#,
            br#"{"severity":"critical","x":1}"#,
            br#"{"a":["critical",1]}"#,
            b"DSSEv2 ",
            b"DSSEv1",
            b"",
            b"{}",
            br#"{} "critical":1"#,
            large.as_bytes(),
        ] {
            for piece in [1, 7, usize::MAX] {
                assert!(!scan(blob, piece), "{piece} {:.60}", String::from_utf8_lossy(blob));
            }
        }
    }
}
