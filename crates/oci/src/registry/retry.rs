//! When a request is repeated, and how long it waits before.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::options::Retries;

/// Longest pause that doubling leads to; a `Retry-After` may ask for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once: after a broken connection, 429 and any 5xx that is not 501.
    Idempotent,
    /// The start of an upload: a second one leaves at worst an empty session behind. After 429, 503, or where no
    /// connection came about.
    Start,
    /// Never: the body can be sent once only, or the session has seen part of it.
    Never,
}

impl Repeat {
    /// Whether an answer of this status asks for another try.
    pub(crate) fn after_status(self, status: StatusCode) -> bool {
        match self {
            Self::Idempotent => status == StatusCode::TOO_MANY_REQUESTS || is_trouble(status),
            Self::Start => matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE),
            Self::Never => false,
        }
    }

    /// Whether a failure without an answer asks for another try; `connected` says that the request may have left.
    pub(crate) const fn after_failure(self, connected: bool) -> bool {
        match self {
            Self::Idempotent => true,
            Self::Start => !connected,
            Self::Never => false,
        }
    }
}

/// A 5xx that may pass.
pub(crate) fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// The pause before repetition `count` (from 0): half of it fixed, half by chance, so that many clients part.
pub(crate) fn pause(retries: &Retries, count: u32, headers: Option<&HeaderMap>) -> Duration {
    let doubled =
        retries.pause.saturating_mul(1_u32.checked_shl(count).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
    let half = doubled.checked_div(2).unwrap_or_default();
    // Without entropy all clients wait alike, which is no reason to fail.
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    half.saturating_add(half.mul_f64(chance)).max(asked(headers).unwrap_or_default())
}

/// `Retry-After` in seconds. The form with a date is not read: it needs a clock that both sides agree on.
fn asked(headers: Option<&HeaderMap>) -> Option<Duration> {
    headers?.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn doubles_with_jitter_up_to_a_bound() {
        let retries = Retries::new(4, Duration::from_millis(100));
        for (count, longest) in [(0, 100), (1, 200), (2, 400), (3, 800), (40, 10_000)] {
            let pause = pause(&retries, count, None).as_millis();
            assert!((longest / 2..=longest).contains(&pause), "{count}: {pause}");
        }
    }

    #[test]
    fn keeps_to_retry_after() {
        let retries = Retries::new(4, Duration::from_millis(100));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(pause(&retries, 0, Some(&headers)), Duration::from_secs(7));
        for junk in ["-1", "soon", "99999999999999999999999"] {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(junk));
            assert!(pause(&retries, 0, Some(&headers)) <= Duration::from_millis(100), "{junk}");
        }
    }

    #[test]
    fn repeats_only_what_may_be_repeated() {
        let cases = [
            (Repeat::Idempotent, 429, true),
            (Repeat::Idempotent, 500, true),
            (Repeat::Idempotent, 503, true),
            (Repeat::Idempotent, 501, false),
            (Repeat::Idempotent, 404, false),
            (Repeat::Idempotent, 200, false),
            (Repeat::Start, 429, true),
            (Repeat::Start, 503, true),
            (Repeat::Start, 500, false),
            (Repeat::Never, 503, false),
        ];
        for (repeat, status, expected) in cases {
            assert_eq!(
                repeat.after_status(StatusCode::from_u16(status).unwrap()),
                expected,
                "{repeat:?} {status}"
            );
        }
        assert!(Repeat::Start.after_failure(false) && !Repeat::Start.after_failure(true));
        assert!(Repeat::Idempotent.after_failure(true) && !Repeat::Never.after_failure(false));
    }
}
