//! How a copy tells how far it is.

use core::fmt;
use std::sync::Arc;

/// Hears how far a copy is. It is called often, and from several tasks at once.
pub trait Progress: Send + Sync {
    /// So many bytes of blobs are to be moved, beside those announced before.
    fn add(&self, bytes: u64) {
        let _ = bytes;
    }

    /// So many bytes were moved, or found at the destination.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// So many bytes have to be moved again.
    fn retreat(&self, bytes: u64) {
        let _ = bytes;
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Silent;

impl Progress for Silent {}

/// A listener that options carry.
#[derive(Clone)]
pub(super) struct Listener(pub(super) Arc<dyn Progress>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
