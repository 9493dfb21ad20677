//! PINs: where they are named, and how they are read. Never shown.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::Pkcs11Error;
use crate::limits::PIN_BYTES;

/// A PIN in memory that is wiped when it is dropped and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes a PIN as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    #[cfg(all(feature = "pkcs11", not(target_env = "musl")))]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl Hash for Pin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

/// Where a URI says that the PIN is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PinSource {
    /// In this file (`pin-source`). One line end at its end is not part of it.
    File(PathBuf),
    /// In the URI itself (`pin-value`), where other users of the machine may see it.
    Value(Pin),
}

impl PinSource {
    /// Reads the PIN.
    pub fn read(&self) -> Result<Pin, Pkcs11Error> {
        match self {
            Self::Value(pin) => Ok(pin.clone()),
            Self::File(path) => from_file(path),
        }
    }
}

fn from_file(path: &Path) -> Result<Pin, Pkcs11Error> {
    let trouble = |why: String| Pkcs11Error::PinFile { path: path.to_owned(), why };
    // The PIN, a line end, and one byte more that tells of too many.
    let limit = PIN_BYTES.saturating_add(3);
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    let file = std::fs::File::open(path).map_err(|error| trouble(error.to_string()))?;
    file.take(limit as u64).read_to_end(&mut bytes).map_err(|error| trouble(error.to_string()))?;
    let line =
        bytes.strip_suffix(b"\n").map_or(bytes.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
    if line.is_empty() {
        return Err(trouble("it is empty".to_owned()));
    }
    if line.len() > PIN_BYTES {
        return Err(trouble(format!("a PIN has at most {PIN_BYTES} bytes")));
    }
    if line.contains(&b'\n') {
        return Err(trouble("it has more than one line".to_owned()));
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Pin::new(text)),
        Err(_) => Err(trouble("it is not UTF-8".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let source = PinSource::Value(Pin::new("canary"));
        assert_eq!(format!("{source:?}"), "Value(Pin(..))");
    }

    #[test]
    fn a_file_holds_one_line() {
        let folder = std::env::temp_dir().join(format!("waxseal-pin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let read = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            PinSource::File(path).read()
        };
        for bytes in [b"12 34".as_slice(), b"12 34\n", b"12 34\r\n"] {
            assert_eq!(read("one", bytes).unwrap(), Pin::new("12 34"));
        }
        let longest = [b'1'; PIN_BYTES];
        assert!(read("longest", &[longest.as_slice(), b"\r\n"].concat()).is_ok());
        for bytes in
            [b"".as_slice(), b"\n", b"12\n34\n", &[0xff, 0xfe], &[b'1'; PIN_BYTES + 1], &[b'1'; 5_000]]
        {
            let error = read("other", bytes).unwrap_err();
            assert_eq!(error.code(), "pkcs11-pin-file");
            assert!(!error.to_string().contains("12"), "{error}");
        }
        assert_eq!(PinSource::File(folder.join("missing")).read().unwrap_err().code(), "pkcs11-pin-file");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
