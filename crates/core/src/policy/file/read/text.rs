//! Ages, days and times.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::policy::day;

/// An age: numbers, each with its unit (w, d, h, m, s), added up, more than nothing.
pub(in super::super) fn age(text: &str) -> Option<SignedDuration> {
    const UNITS: [(&str, i64); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];
    let mut seconds = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let (_, length) = UNITS.iter().find(|(known, _)| *known == unit)?;
        seconds = number.parse::<i64>().ok()?.checked_mul(*length)?.checked_add(seconds)?;
        rest = tail;
    }
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

/// A time, or the first moment of a day in UTC.
pub(super) fn day_begins(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| midnight(day(text)?))
}

/// A time, or the last moment of a day in UTC.
pub(super) fn day_ends(text: &str) -> Option<Timestamp> {
    let end = |day: Date| midnight(day.tomorrow().ok()?)?.checked_sub(SignedDuration::from_nanos(1)).ok();
    text.parse().ok().or_else(|| end(day(text)?))
}

fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_units() {
        for (text, hours) in [("12h", 12), ("7d", 168), ("2w", 336), ("1d12h", 36), ("120m", 2)] {
            assert_eq!(age(text), Some(SignedDuration::from_hours(hours)), "{text}");
        }
        for text in
            ["", "0d", "7", "d", "-7d", "7y", "7 d", "100ms", "99999999999999999999d", "9999999999999999w"]
        {
            assert_eq!(age(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_whole() {
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(day_begins("2026-12-31"), time("2026-12-31T00:00:00Z"));
        assert_eq!(day_ends("2026-12-31"), time("2026-12-31T23:59:59.999999999Z"));
        assert_eq!(day_begins("2026-12-31T10:00:00+01:00"), time("2026-12-31T09:00:00Z"));
        for text in ["", "2026-13-01", "tomorrow", "2026-12-31T10:00:00", "31.12.2026"] {
            assert_eq!((day_begins(text), day_ends(text)), (None, None), "{text}");
        }
    }
}
