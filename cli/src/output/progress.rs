//! How far a transfer is: a bar on stderr, if that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use waxseal_oci::transfer::Progress;

/// How often the bar is drawn, a second.
const RATE: u8 = 10;

/// A bar that hears from a copy.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar with a word in front; it is not drawn where nobody looks.
    pub(crate) fn new(what: &'static str) -> Self {
        let target = if super::stderr_is_terminal() {
            ProgressDrawTarget::stderr_with_hz(RATE)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        // A template that does not parse would be a mistake here; the plain bar does as well.
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn add(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn retreat(&self, bytes: u64) {
        self.0.dec(bytes);
    }
}
