//! A URI as it is shown and listed.

use core::fmt::{self, Write as _};

use super::{Pkcs11Uri, SCHEME};
use crate::pin::PinSource;

/// The URI in one spelling, without its PIN.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        let version = self.library_version.map(|(major, minor)| format!("{major}.{minor}"));
        let slot = self.slot_id.map(|slot| slot.to_string());
        let texts = [
            ("library-manufacturer", &self.library_manufacturer),
            ("library-description", &self.library_description),
            ("library-version", &version),
            ("slot-manufacturer", &self.slot_manufacturer),
            ("slot-description", &self.slot_description),
            ("slot-id", &slot),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("serial", &self.serial),
            ("token", &self.token),
        ];
        let mut separator = "";
        let mut write = |f: &mut fmt::Formatter<'_>, name: &str, value: &str| {
            let result = write!(f, "{separator}{name}={value}");
            separator = ";";
            result
        };
        for (name, value) in texts {
            if let Some(value) = value {
                write(f, name, &encoded(value.as_bytes()))?;
            }
        }
        if let Some(id) = &self.id {
            write(f, "id", &percent(id))?;
        }
        if let Some(object) = &self.object {
            write(f, "object", &encoded(object.as_bytes()))?;
        }
        if let Some(kind) = self.kind {
            write(f, "type", kind.word())?;
        }
        let mut separator = '?';
        let mut write = |f: &mut fmt::Formatter<'_>, name: &str, value: &str| {
            let result = write!(f, "{separator}{name}={value}");
            separator = '&';
            result
        };
        if let Some(path) = &self.module_path {
            write(f, "module-path", &encoded_path(path))?;
        }
        if let Some(name) = &self.module_name {
            write(f, "module-name", &encoded(name.as_bytes()))?;
        }
        if let Some(PinSource::File(path)) = &self.pin {
            write(f, "pin-source", &encoded_path(path))?;
        }
        Ok(())
    }
}

fn encoded_path(path: &std::path::Path) -> String {
    encoded(path.to_string_lossy().as_bytes()).replace("%2F", "/")
}

/// The unreserved characters as they are, everything else percent-encoded.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&percent(&[*byte]));
        }
    }
    text
}

/// Each byte percent-encoded.
pub(crate) fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    })
}
