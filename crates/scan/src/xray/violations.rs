//! The violations of watches by one artifact, all pages of them: `POST api/v1/violations`.
//!
//! The server gives 25 at a time unless told otherwise, and may give fewer than it was asked for. Its documentation
//! does not say whether `offset` counts pages or entries; the second page tells (does it begin with the second entry
//! or behind the last?). What was read must be as many as `total_violations` says, or nothing is returned.

use std::collections::HashSet;

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use waxseal_core::Digest;
use waxseal_core::limits::REPORT_BYTES;

use super::error::{Error, ErrorKind};
use super::place::Place;
use super::{Xray, json};

/// Entries that are asked for at a time.
const PAGE: usize = 100;
/// Largest page, in bytes (32 MiB).
const PAGE_BYTES: u64 = 32 << 20;
/// Most violations of one artifact.
pub const VIOLATIONS: u64 = 100_000;
/// Most pages that are asked for.
const PAGES: usize = 4_096;
const WHAT: &str = "the violations of the image";

/// Every violation of one artifact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Violations {
    /// Each as it came, in the order of their creation.
    pub entries: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Wire {
    /// May be left out where the list is empty.
    #[serde(default)]
    total_violations: Option<u64>,
    /// None: not in the answer, which is then about something else.
    #[serde(default, deserialize_with = "list")]
    violations: Option<Vec<Box<RawValue>>>,
}

/// A list that is there; null is how some servers write an empty one.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Box<RawValue>>>, D::Error> {
    Option::deserialize(deserializer).map(|list: Option<Vec<_>>| Some(list.unwrap_or_default()))
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    violation_id: Option<String>,
}

/// What `offset` counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Unknown,
    Pages,
    Entries,
}

impl Xray {
    /// Reads the violations of the artifact at `place`.
    pub async fn violations(&self, place: &Place) -> Result<Violations, Error> {
        self.transport().told(self.violations_said(place).await, WHAT)
    }

    async fn violations_said(&self, place: &Place) -> Result<Violations, Error> {
        let mut reading = Reading::default();
        let mut counts = Counts::Unknown;
        for page in 1..=PAGES {
            let offset = match counts {
                Counts::Unknown | Counts::Pages => page,
                Counts::Entries => reading.entries.len().saturating_add(1),
            };
            let entries = reading.page(self.violations_page(place, offset).await?)?;
            if page == 2 {
                let overlaps = match (reading.entries.get(1), entries.first()) {
                    (Some(second), Some(first)) => second.get() == first.get(),
                    _ => false,
                };
                counts = if overlaps { Counts::Entries } else { Counts::Pages };
                if overlaps {
                    continue;
                }
            }
            reading.take(entries)?;
            if reading.is_whole() {
                return Ok(Violations { entries: reading.entries });
            }
        }
        Err(Error::new(ErrorKind::LimitExceeded, format!("{WHAT}: more than {PAGES} pages")))
    }

    async fn violations_page(&self, place: &Place, offset: usize) -> Result<Wire, Error> {
        let asked = serde_json::json!({
            "filters": {
                "include_details": true,
                "resources": { "artifacts": [{ "repo": place.repository(), "path": place.path() }] },
            },
            "pagination": { "limit": PAGE, "offset": offset, "order_by": "created", "direction": "asc" },
        });
        let request =
            self.request(Method::POST, self.scoped("api/v1/violations"), Some(asked), PAGE_BYTES, WHAT);
        let body = self.transport().call(&request).await?.ok()?;
        json::parse(&body, WHAT)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    total: Option<u64>,
    entries: Vec<Box<RawValue>>,
    /// What the pages before this one held.
    seen: HashSet<Digest>,
    bytes: u64,
}

impl Reading {
    /// Checks the frame of a page, and gives its entries.
    fn page(&mut self, wire: Wire) -> Result<Vec<Box<RawValue>>, Error> {
        let Some(entries) = wire.violations else {
            return Err(Error::new(ErrorKind::Protocol, format!("{WHAT}: an answer without a list of them")));
        };
        let total = match wire.total_violations {
            Some(total) => total,
            // A list without a count might be any part of the whole.
            None if entries.is_empty() => 0,
            None => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("{WHAT}: a list without total_violations"),
                ));
            }
        };
        if total > VIOLATIONS {
            let context = format!("{WHAT}: {total} of them, and at most {VIOLATIONS} are read");
            return Err(Error::new(ErrorKind::LimitExceeded, context));
        }
        match self.total {
            Some(before) if before != total => {
                let context =
                    format!("{WHAT}: there were {before}, and {total} a page later: run the command again");
                return Err(Error::new(ErrorKind::Incomplete, context));
            }
            _ => self.total = Some(total),
        }
        Ok(entries)
    }

    fn take(&mut self, entries: Vec<Box<RawValue>>) -> Result<(), Error> {
        let total = self.total.unwrap_or_default();
        let incomplete = |why: String| Err(Error::new(ErrorKind::Incomplete, format!("{WHAT}: {why}")));
        if entries.is_empty() && !self.is_whole() {
            return incomplete(format!("{total} are promised, and only {} were given", self.entries.len()));
        }
        let mut of_page = Vec::new();
        for entry in entries {
            self.bytes = self.bytes.saturating_add(entry.get().len() as u64);
            let named: Named = json::parse(entry.get().as_bytes(), WHAT)?;
            // What has no name is known by its text; within a page two may say the same.
            let key = Digest::of(named.violation_id.as_deref().unwrap_or_else(|| entry.get()));
            if self.seen.contains(&key) {
                return incomplete("one came twice: the list changed while it was read".to_owned());
            }
            of_page.push(key);
            self.entries.push(entry);
        }
        self.seen.extend(of_page);
        if self.bytes > REPORT_BYTES as u64 {
            let context = format!("{WHAT}: more than {REPORT_BYTES} bytes");
            return Err(Error::new(ErrorKind::LimitExceeded, context));
        }
        if self.entries.len() as u64 > total {
            return incomplete(format!("{total} are promised, and {} were given", self.entries.len()));
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.entries.len() as u64)
    }
}
