//! Waiting for a scan to end.
//!
//! Xray is asked how far it is, and asked to scan what it has not scanned, or what a person wants scanned again. A
//! scan that was asked for again is over when the status tells another time than before. Whatever is not over in time
//! is pending, and never what an earlier scan said.

use tokio::time::{Instant, sleep};
use waxseal_scan::xray::{ErrorKind as XrayKind, State, Status, Xray};

use super::fetch::{Fetching, Step, Subject, Watch};
use crate::error::{Error, ErrorKind};

impl Fetching {
    /// The status of a scan that is over, however it ended.
    pub(super) async fn scanned(
        &self,
        xray: &Xray,
        subject: &Subject,
        watch: Watch<'_>,
    ) -> Result<Status, Error> {
        let (place, digest) = (&subject.place, *subject.image.digest());
        let begin = Instant::now();
        let mut status = xray.status(place, &digest).await?;
        let before = (status.state(), status.time);
        let mut triggered = None;
        let mut stale = false;
        if self.rescan && !status.state().is_under_way() {
            xray.trigger(place).await?;
            watch(Step::Triggered);
            triggered = Some(Instant::now());
            stale = true;
            status = xray.status(place, &digest).await?;
        }
        let mut poll = self.poll;
        loop {
            let state = self.state(&status);
            // Another state, or another time, is not what stood there before.
            if stale && (state.is_under_way() || (status.state(), status.time) != before) {
                stale = false;
            }
            match state {
                State::NotScanned => match triggered {
                    None => {
                        xray.trigger(place).await.map_err(|error| unknown(subject, error))?;
                        watch(Step::Triggered);
                        triggered = Some(Instant::now());
                    }
                    Some(then) if then.elapsed() >= self.begin => return Ok(status),
                    Some(_) => {}
                },
                state if state.is_under_way() => {}
                _ if stale => {}
                _ => return Ok(status),
            }
            let waited = begin.elapsed();
            let left = self.wait.checked_sub(waited).filter(|left| !left.is_zero()).ok_or_else(|| {
                let still = if stale { " of the scan before" } else { "" };
                let (image, waited, word) = (subject.image.pinned(), self.wait.as_secs(), state.word());
                let context = format!(
                    "{image}: the scan was not over after {waited} s; the last status was {word}{still}"
                );
                Error::new(ErrorKind::Xray(XrayKind::Pending), context)
            })?;
            watch(Step::Waiting { state, waited });
            sleep(poll.min(left)).await;
            poll = poll.saturating_mul(2).min(self.longest_poll);
            status = xray.status(place, &digest).await?;
        }
    }

    /// The state that is waited for: with violations, their comparison has to be over too.
    fn state(&self, status: &Status) -> State {
        match (status.state(), status.violations) {
            (State::Done, Some(violations)) if self.violations && violations.is_under_way() => violations,
            (state, _) => state,
        }
    }
}

/// What Xray does not know it cannot scan.
fn unknown(subject: &Subject, error: waxseal_scan::xray::Error) -> Error {
    match error.kind() {
        XrayKind::NotFound | XrayKind::Reported => Error::new(
            ErrorKind::Xray(XrayKind::NotScanned),
            format!("{}: Xray does not know it as {}", subject.image.pinned(), subject.place),
        )
        .caused_by(error),
        _ => error.into(),
    }
}
