//! What the crates log. `sigstore` says there, and nowhere else, why it left a signature out.
//!
//! The log is kept for each thread, and each test with its runtime has a thread of its own.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

thread_local! {
    static TOLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Begins to keep the log, for the whole process: a subscriber of one thread would miss what another thread
/// was the first to log.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Writer).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Forgets what was logged in this thread.
pub(crate) fn forget() {
    TOLD.with_borrow_mut(Vec::clear);
}

/// What was logged in this thread.
pub(crate) fn told() -> String {
    TOLD.with_borrow(|told| String::from_utf8_lossy(told).into_owned())
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        TOLD.with_borrow_mut(|told| told.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
