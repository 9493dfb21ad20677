//! Severities: the words that scanners use, in the order that a gate wants.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// How bad a finding is, from harmless to worst.
///
/// The order is that of gating: a finding of which nobody knows how bad it is ([`Severity::Unknown`]) is worse than
/// one that somebody called informational. A policy may count it as something higher still (rule N6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Nothing was found.
    None,
    /// A remark.
    Information,
    /// The scanner does not say, or in a word that we do not know.
    Unknown,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// The severities that a finding can have, worst first, as they are listed.
    pub const OF_FINDINGS: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Unknown, Self::Information];

    /// Reads a scanner's word, in any case.
    ///
    /// The older words of Xray (`Major`, `Minor`) and those of other scanners (`Important`, `Moderate`, `Negligible`)
    /// are known; a word that lies between two of ours is read as the higher one. Any other word is
    /// [`Severity::Unknown`], never something lower.
    pub fn parse(word: &str) -> Self {
        let word = word.trim();
        let known: [(&[&str], Self); 6] = [
            (&["critical"], Self::Critical),
            (&["high", "major", "important"], Self::High),
            (&["medium", "moderate"], Self::Medium),
            (&["low", "minor", "negligible"], Self::Low),
            (&["information", "informational", "info"], Self::Information),
            (&["none", "scanned - no issues"], Self::None),
        ];
        known
            .iter()
            .find(|(words, _)| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
            .map_or(Self::Unknown, |(_, severity)| *severity)
    }

    /// The word that is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Information => "Information",
            Self::Unknown => "Unknown",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Severity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a severity, as a string")
            }

            fn visit_str<E>(self, word: &str) -> Result<Severity, E> {
                Ok(Severity::parse(word))
            }
        }
        deserializer.deserialize_str(Word)
    }
}

/// How many there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeverityCounts([u64; 6]);

impl SeverityCounts {
    /// How many of this severity.
    pub fn get(&self, severity: Severity) -> u64 {
        Self::place(severity).and_then(|place| self.0.get(place)).copied().unwrap_or(0)
    }

    /// Adds one of this severity; [`Severity::None`] is not counted.
    pub fn add(&mut self, severity: Severity) {
        self.add_many(severity, 1);
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The severities of which there are any, worst first, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Severity, u64)> + '_ {
        Severity::OF_FINDINGS.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    fn add_many(&mut self, severity: Severity, many: u64) {
        if let Some(count) = Self::place(severity).and_then(|place| self.0.get_mut(place)) {
            *count = count.saturating_add(many);
        }
    }

    fn place(severity: Severity) -> Option<usize> {
        Severity::OF_FINDINGS.iter().position(|other| *other == severity)
    }
}

impl FromIterator<(Severity, u64)> for SeverityCounts {
    fn from_iter<I: IntoIterator<Item = (Severity, u64)>>(found: I) -> Self {
        let mut counts = Self::default();
        found.into_iter().for_each(|(severity, many)| counts.add_many(severity, many));
        counts
    }
}

impl Serialize for SeverityCounts {
    /// Writes all six, those with none included, worst first.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (severity, count) in Severity::OF_FINDINGS.iter().zip(self.0) {
            map.serialize_entry(severity.as_str(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for SeverityCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;
        impl<'de> Visitor<'de> for Counts {
            type Value = SeverityCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of severities and counts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeverityCounts, A::Error> {
                let mut counts = SeverityCounts::default();
                // A word that we do not know is counted as unknown, so that the figures disagree and show it.
                while let Some((severity, many)) = map.next_entry::<Severity, u64>()? {
                    counts.add_many(severity, many);
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(Counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_gating() {
        let mut all = Severity::OF_FINDINGS;
        all.sort();
        all.reverse();
        assert_eq!(all, Severity::OF_FINDINGS);
        assert!(Severity::Unknown > Severity::Information && Severity::Unknown < Severity::Low);
        assert!(Severity::None < Severity::Information);
    }

    #[test]
    fn reads_the_words_of_every_scanner() {
        for (words, severity) in [
            (vec!["Critical", "CRITICAL", "critical", " Critical "], Severity::Critical),
            (vec!["High", "HIGH", "Major", "Important"], Severity::High),
            (vec!["Medium", "Moderate"], Severity::Medium),
            (vec!["Low", "Minor", "Negligible"], Severity::Low),
            (vec!["Information", "info", "INFORMATIONAL"], Severity::Information),
            (vec!["None", "Scanned - No Issues"], Severity::None),
        ] {
            for word in words {
                assert_eq!(Severity::parse(word), severity, "{word:?}");
            }
        }
    }

    #[test]
    fn a_word_that_nobody_knows_never_lowers() {
        for word in
            ["", "Unknown", "Normal", "Pending", "Critical;x", "~ Critical", "severe", "5", "nicht schlimm"]
        {
            assert_eq!(Severity::parse(word), Severity::Unknown, "{word:?}");
        }
    }

    #[test]
    fn counts_are_written_worst_first_and_read_back() {
        let mut counts = SeverityCounts::default();
        counts.add(Severity::High);
        counts.add(Severity::High);
        counts.add(Severity::Unknown);
        counts.add(Severity::None);
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(text, r#"{"Critical":0,"High":2,"Medium":0,"Low":0,"Unknown":1,"Information":0}"#);
        assert_eq!(serde_json::from_str::<SeverityCounts>(&text).unwrap(), counts);
        assert_eq!(counts.total(), 3);
        let listed: Vec<_> = counts.iter().collect();
        assert_eq!(listed, [(Severity::High, 2), (Severity::Unknown, 1)]);
        let strange = serde_json::from_str::<SeverityCounts>(r#"{"Severe":2}"#).unwrap();
        assert_eq!(strange.get(Severity::Unknown), 2);
        for wrong in [r#"{"High":-1}"#, r#"{"High":1.5}"#, r#"{"High":"2"}"#, r#"{"High":1e30}"#, "[]"] {
            assert!(serde_json::from_str::<SeverityCounts>(wrong).is_err(), "{wrong}");
        }
    }
}
