//! Every bound on what comes from outside. PKCS#11's own are the widths of its structures.

/// Longest `pkcs11:` URI, in bytes.
pub const URI_BYTES: usize = 4_096;
/// Most attributes of a URI.
pub const URI_ATTRIBUTES: usize = 32;
/// Longest label, manufacturer or description of a library or a slot's manufacturer, in bytes (`CK_TOKEN_INFO`).
pub const LABEL_BYTES: usize = 32;
/// Longest model or serial number, in bytes (`CK_TOKEN_INFO`).
pub const SERIAL_BYTES: usize = 16;
/// Longest description of a slot, in bytes (`CK_SLOT_INFO`).
pub const SLOT_DESCRIPTION_BYTES: usize = 64;
/// Longest label or id of an object, in bytes. PKCS#11 has no bound.
pub const OBJECT_BYTES: usize = 255;
/// Longest path or name of a module, or path of a PIN's file, in bytes.
pub const PATH_BYTES: usize = 1_024;
/// Longest PIN, in bytes. PKCS#11 leaves it to the token; none is known that takes more.
pub const PIN_BYTES: usize = 255;
/// Most tokens of a module that are looked at.
pub const TOKENS: usize = 256;
/// Most objects of a token that are looked at in one search.
pub const OBJECTS: usize = 1_024;
/// Most of what was found that an error lists.
pub const LISTED: usize = 8;
/// Modules that one process loads.
pub const MODULES: usize = 16;
/// Largest message that is handed to a token whole, in bytes (64 MiB): pure Ed25519 has no hash to sign.
pub const MESSAGE_BYTES: u64 = 64 << 20;
