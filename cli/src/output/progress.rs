//! How far a transfer is, and what is waited for: on stderr, if that is a terminal.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use waxseal::gate::Watch;
use waxseal_oci::transfer::Progress;

/// How often the bar is drawn, a second.
const RATE: u8 = 10;
/// How often a line moves while it is waited.
const TICK: Duration = Duration::from_millis(200);

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

/// A bar that counts images.
pub(crate) struct Count(ProgressBar);

impl Count {
    /// A bar with a word in front; it is not drawn where nobody looks.
    pub(crate) fn new(what: &'static str) -> Self {
        let target = if super::stderr_is_terminal() {
            ProgressDrawTarget::stderr_with_hz(RATE)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        // As above.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} images") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Count {
    fn expect(&self, images: usize) {
        self.0.inc_length(images as u64);
    }

    fn judged(&self) {
        self.0.inc(1);
    }
}

/// A line on stderr that changes while something is waited for, if that is a terminal.
pub(crate) struct Wait(OnceLock<ProgressBar>);

impl Wait {
    /// A line that is drawn when there is something to say.
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Changes the line; whether there is one.
    pub(crate) fn say(&self, text: &str) -> bool {
        let is_seen = super::stderr_is_terminal();
        if is_seen {
            let line = self.0.get_or_init(|| {
                let line = ProgressBar::new_spinner();
                line.enable_steady_tick(TICK);
                line
            });
            line.set_message(text.to_owned());
        }
        is_seen
    }

    /// Says something that stays, above the line.
    pub(crate) fn above(&self, text: &str) {
        match self.0.get() {
            Some(line) => line.suspend(|| super::talk(text)),
            None => super::talk(text),
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(line) = self.0.get() {
            line.finish_and_clear();
        }
    }
}
