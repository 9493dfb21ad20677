//! How far a transfer is, and what is waited for: on stderr, if that is a terminal.

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

/// A line on stderr that changes while something is waited for, if that is a terminal.
pub(crate) struct Wait(Option<ProgressBar>);

impl Wait {
    /// A line that says nothing yet.
    pub(crate) fn new() -> Self {
        Self(super::stderr_is_terminal().then(|| {
            let line = ProgressBar::new_spinner();
            line.enable_steady_tick(std::time::Duration::from_millis(200));
            line
        }))
    }

    /// Changes the line; whether there is one.
    pub(crate) fn say(&self, text: &str) -> bool {
        if let Some(line) = &self.0 {
            line.set_message(text.to_owned());
        }
        self.0.is_some()
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(line) = &self.0 {
            line.finish_and_clear();
        }
    }
}
