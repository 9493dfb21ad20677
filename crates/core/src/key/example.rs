//! The example keys that are published together with their private halves.
//!
//! Whatever they sign proves nothing. Nothing may trust them on its own; callers use [`is_example`] to warn.

use super::KeyId;

/// The fingerprints of the keys of `keys-example/`: `release` and `security`.
pub const FINGERPRINTS: &[&str] = &[
    "sha256:0107c1d916e149ffe0eaca49b5c3d8ded0a8bc86881268f054c8ed44e82e5acf",
    "sha256:fab14aa8f2ad3f4b396bece112f4c7191361769bbd2d669f2fc76b72917ca5eb",
];

/// Whether this is a key whose private half is public.
pub fn is_example(id: &KeyId) -> bool {
    let id = id.to_string();
    FINGERPRINTS.contains(&id.as_str())
}
