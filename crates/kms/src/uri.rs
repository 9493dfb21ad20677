//! `pkcs11:` URIs (RFC 7512): which token, which object, which module, and where the PIN is.
//!
//! An attribute of the path that is not known could have narrowed down which key is meant: such a URI matches nothing
//! (RFC 7512, 2.2) and is an error here. One of the query is passed over, and [`Pkcs11Uri::ignored`] names it. Errors
//! repeat names of attributes and never their values: one of them may be a PIN.

use core::str::FromStr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::limits::{
    LABEL_BYTES, OBJECT_BYTES, PATH_BYTES, PIN_BYTES, SERIAL_BYTES, SLOT_DESCRIPTION_BYTES, URI_ATTRIBUTES,
    URI_BYTES,
};
use crate::pin::{Pin, PinSource};

mod shown;

#[cfg(all(feature = "pkcs11", not(target_env = "musl")))]
pub(crate) use shown::percent;

const SCHEME: &str = "pkcs11:";

/// What kind of object a URI names (`type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectType {
    /// `private`
    Private,
    /// `public`
    Public,
    /// `cert`
    Certificate,
    /// `secret-key`
    SecretKey,
    /// `data`
    Data,
}

impl ObjectType {
    /// The word of the URI.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Certificate => "cert",
            Self::SecretKey => "secret-key",
            Self::Data => "data",
        }
    }

    const ALL: [Self; 5] = [Self::Private, Self::Public, Self::Certificate, Self::SecretKey, Self::Data];
}

/// A `pkcs11:` URI. Shown without its PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pkcs11Uri {
    /// Label of the token.
    pub token: Option<String>,
    /// Manufacturer of the token.
    pub manufacturer: Option<String>,
    /// Model of the token.
    pub model: Option<String>,
    /// Serial number of the token.
    pub serial: Option<String>,
    /// Manufacturer of the module.
    pub library_manufacturer: Option<String>,
    /// Description of the module.
    pub library_description: Option<String>,
    /// Version of the module: major, minor.
    pub library_version: Option<(u8, u8)>,
    /// Manufacturer of the slot.
    pub slot_manufacturer: Option<String>,
    /// Description of the slot.
    pub slot_description: Option<String>,
    /// Number of the slot, which many modules give anew at each start.
    pub slot_id: Option<u64>,
    /// Label of the object.
    pub object: Option<String>,
    /// Id of the object, bytes.
    pub id: Option<Vec<u8>>,
    /// What kind of object it is.
    pub kind: Option<ObjectType>,
    /// Where the PIN is.
    pub pin: Option<PinSource>,
    /// The module, or the folder that it is in.
    pub module_path: Option<PathBuf>,
    /// Name of the module, without `lib` and ending.
    pub module_name: Option<String>,
    pub(crate) ignored: Vec<String>,
}

/// Why a text is no `pkcs11:` URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `pkcs11:`.
    #[error("it does not begin with pkcs11:")]
    Scheme,
    /// It is too long.
    #[error("a pkcs11: URI has at most {URI_BYTES} bytes")]
    TooLong,
    /// It has too many attributes.
    #[error("a pkcs11: URI has at most {URI_ATTRIBUTES} attributes")]
    TooMany,
    /// A character has to be percent-encoded.
    #[error("{found:?} has to be percent-encoded (a space is %20)")]
    Character {
        /// The character.
        found: char,
    },
    /// An attribute has no name, or no `=`.
    #[error("each attribute is NAME=VALUE; those of the path are parted by ; and those behind ? by &")]
    NoValue,
    /// A percent sign is not followed by two hexadecimal digits.
    #[error("{attribute}: % is not followed by two hexadecimal digits")]
    Percent {
        /// The attribute.
        attribute: &'static str,
    },
    /// An attribute of the path is not known.
    #[error(
        "the attribute {name:?} is not known, so that nothing can match (RFC 7512, 2.2); pin-source, pin-value, \
         module-path and module-name stand behind a ?"
    )]
    UnknownAttribute {
        /// Its name, at most 32 characters of it.
        name: String,
    },
    /// An attribute stands there twice.
    #[error("{attribute} stands there twice")]
    Twice {
        /// The attribute.
        attribute: &'static str,
    },
    /// A value is longer than what it is compared with can be.
    #[error("{attribute} has at most {limit} bytes, this one has {found}")]
    TooLarge {
        /// The attribute.
        attribute: &'static str,
        /// The limit in bytes.
        limit: usize,
        /// Bytes that were found.
        found: usize,
    },
    /// A value is not UTF-8.
    #[error("{attribute} is not UTF-8")]
    NotText {
        /// The attribute.
        attribute: &'static str,
    },
    /// A value is none of those that the attribute can have.
    #[error("{attribute}: expected {expected}")]
    Value {
        /// The attribute.
        attribute: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Both `pin-source` and `pin-value` (RFC 7512, 2.4).
    #[error("pin-source and pin-value exclude each other")]
    TwoPins,
}

impl Pkcs11Uri {
    /// Names of the attributes of the query that are not known and were passed over.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The same key without what only this machine needs to reach it: no module, no PIN. What verdicts and errors call it.
    #[must_use]
    pub fn without_query(&self) -> Self {
        Self { pin: None, module_path: None, module_name: None, ignored: Vec::new(), ..self.clone() }
    }

    /// Whether the PIN stands in the URI itself.
    pub const fn has_pin_value(&self) -> bool {
        matches!(self.pin, Some(PinSource::Value(_)))
    }

    fn path_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "token" => text(&mut self.token, "token", value, LABEL_BYTES),
            "manufacturer" => text(&mut self.manufacturer, "manufacturer", value, LABEL_BYTES),
            "model" => text(&mut self.model, "model", value, SERIAL_BYTES),
            "serial" => text(&mut self.serial, "serial", value, SERIAL_BYTES),
            "library-manufacturer" => {
                text(&mut self.library_manufacturer, "library-manufacturer", value, LABEL_BYTES)
            }
            "library-description" => {
                text(&mut self.library_description, "library-description", value, LABEL_BYTES)
            }
            "library-version" => {
                let version = version(value).ok_or(UriError::Value {
                    attribute: "library-version",
                    expected: "MAJOR or MAJOR.MINOR, each from 0 to 255",
                })?;
                once(&mut self.library_version, "library-version", version)
            }
            "slot-manufacturer" => text(&mut self.slot_manufacturer, "slot-manufacturer", value, LABEL_BYTES),
            "slot-description" => {
                text(&mut self.slot_description, "slot-description", value, SLOT_DESCRIPTION_BYTES)
            }
            "slot-id" => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let slot = value.parse().ok().filter(|_| digits);
                let slot =
                    slot.ok_or(UriError::Value { attribute: "slot-id", expected: "a decimal number" })?;
                once(&mut self.slot_id, "slot-id", slot)
            }
            "object" => text(&mut self.object, "object", value, OBJECT_BYTES),
            "id" => {
                let id = decoded("id", value, OBJECT_BYTES)?.to_vec();
                once(&mut self.id, "id", id)
            }
            "type" => {
                let kind =
                    ObjectType::ALL.into_iter().find(|kind| kind.word() == value).ok_or(UriError::Value {
                        attribute: "type",
                        expected: "private, public, cert, secret-key or data",
                    })?;
                once(&mut self.kind, "type", kind)
            }
            other => Err(UriError::UnknownAttribute { name: other.chars().take(32).collect() }),
        }
    }

    fn query_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "pin-source" => {
                let mut source = None;
                text(&mut source, "pin-source", value, PATH_BYTES)?;
                self.pin(PinSource::File(pin_file(&source.unwrap_or_default())?), "pin-source")
            }
            "pin-value" => {
                let bytes = decoded("pin-value", value, PIN_BYTES)?;
                let pin =
                    std::str::from_utf8(&bytes).map_err(|_| UriError::NotText { attribute: "pin-value" })?;
                self.pin(PinSource::Value(Pin::new(pin)), "pin-value")
            }
            "module-path" => {
                let mut path = None;
                text(&mut path, "module-path", value, PATH_BYTES)?;
                let path = PathBuf::from(path.unwrap_or_default());
                if !path.is_absolute() {
                    return Err(UriError::Value { attribute: "module-path", expected: "an absolute path" });
                }
                once(&mut self.module_path, "module-path", path)
            }
            "module-name" => {
                text(&mut self.module_name, "module-name", value, LABEL_BYTES)?;
                let plain = |name: &str| {
                    !name.is_empty()
                        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte))
                };
                if self.module_name.as_deref().is_some_and(|name| !plain(name)) {
                    let expected = "the name of a module, as softhsm2: no path";
                    return Err(UriError::Value { attribute: "module-name", expected });
                }
                Ok(())
            }
            other => {
                self.ignored.push(other.chars().take(32).collect());
                Ok(())
            }
        }
    }

    fn pin(&mut self, pin: PinSource, attribute: &'static str) -> Result<(), UriError> {
        match &self.pin {
            Some(there) if core::mem::discriminant(there) != core::mem::discriminant(&pin) => {
                Err(UriError::TwoPins)
            }
            _ => once(&mut self.pin, attribute, pin),
        }
    }
}

impl FromStr for Pkcs11Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        if uri.len() > URI_BYTES {
            return Err(UriError::TooLong);
        }
        let rest = uri.strip_prefix(SCHEME).ok_or(UriError::Scheme)?;
        if let Some(found) = rest.chars().find(|c| !c.is_ascii_graphic() || "#\"<>\\^`{}".contains(*c)) {
            return Err(UriError::Character { found });
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts =
            |text: &str, separator: char| text.split(separator).filter(|part| !part.is_empty()).count();
        if parts(path, ';').saturating_add(parts(query, '&')) > URI_ATTRIBUTES {
            return Err(UriError::TooMany);
        }
        let mut read = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = named(part)?;
            read.path_attribute(name, value)?;
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = named(part)?;
            read.query_attribute(name, value)?;
        }
        Ok(read)
    }
}

/// Name and value of an attribute. What has no name is not repeated: it may be a PIN.
fn named(part: &str) -> Result<(&str, &str), UriError> {
    let (name, value) = part.split_once('=').ok_or(UriError::NoValue)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if name.is_empty() || !plain { Err(UriError::NoValue) } else { Ok((name, value)) }
}

fn once<T>(place: &mut Option<T>, attribute: &'static str, value: T) -> Result<(), UriError> {
    if place.is_some() {
        return Err(UriError::Twice { attribute });
    }
    *place = Some(value);
    Ok(())
}

fn text(
    place: &mut Option<String>,
    attribute: &'static str,
    value: &str,
    limit: usize,
) -> Result<(), UriError> {
    let bytes = decoded(attribute, value, limit)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| UriError::NotText { attribute })?;
    once(place, attribute, text.to_owned())
}

/// A value without its percent-encoding.
fn decoded(attribute: &'static str, value: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, UriError> {
    // No reallocation: a copy of a PIN would stay behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(UriError::Percent { attribute });
        };
        bytes.push(u8::try_from((high << 4) | low).map_err(|_| UriError::Percent { attribute })?);
    }
    if bytes.len() > limit {
        return Err(UriError::TooLarge { attribute, limit, found: bytes.len() });
    }
    Ok(bytes)
}

/// The file that `pin-source` names: a path, or a `file:` URI of this machine.
fn pin_file(source: &str) -> Result<PathBuf, UriError> {
    let wrong = UriError::Value {
        attribute: "pin-source",
        expected: "a path or file:/PATH; programs and dialogues are not run",
    };
    let path = match source.strip_prefix("file:") {
        None => source,
        Some(rest) => match rest.strip_prefix("//") {
            None => rest,
            Some(rest) => rest.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(rest),
        },
    };
    let is_path = !path.is_empty() && !path.starts_with('|') && !path.contains('\0');
    // `file://host/path` is of another machine, and another scheme is none that is read.
    let absolute = path.starts_with('/');
    let in_uri = source.starts_with("file:");
    let scheme = !in_uri && source.split('/').next().is_some_and(|first| first.contains(':'));
    if is_path && !scheme && (absolute || !in_uri) { Ok(PathBuf::from(path)) } else { Err(wrong) }
}

fn version(text: &str) -> Option<(u8, u8)> {
    let number =
        |digits: &str| digits.parse::<u8>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match text.split_once('.') {
        Some((major, minor)) => Some((number(major)?, number(minor)?)),
        None => Some((number(text)?, 0)),
    }
}

#[cfg(test)]
mod tests;
