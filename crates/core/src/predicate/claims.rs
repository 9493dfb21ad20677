//! What a predicate says of itself: when it was finished, and whose work it is.
//!
//! Only signed bytes are read here, and only after the signature over them was verified. A time comes from the predicate
//! and never from an annotation, a registry or a bundle (rule N2). Which member says it is known by the predicate's type.

use core::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    CUSTOM, CYCLONE_DX, OPEN_VEX, PredicateType, SCAN, SLSA_PROVENANCE_V1, SLSA_PROVENANCE_V02, SPDX, VULN,
};
use crate::scan::Scanner;

/// OpenVEX document, under the URI of the version that people write.
const OPEN_VEX_V02: &str = "https://openvex.dev/ns/v0.2.0";
/// In-toto vulnerability scans.
const IN_TOTO_VULNS: [&str; 3] = [
    "https://in-toto.io/attestation/vulns",
    "https://in-toto.io/attestation/vulns/v0.1",
    "https://in-toto.io/attestation/vulns/v0.2",
];
/// SLSA verification summary v1.
const VSA_V1: &str = "https://slsa.dev/verification_summary/v1";
/// SLSA verification summary v0.2.
const VSA_V02: &str = "https://slsa.dev/verification_summary/v0.2";
/// In-toto simple verification result.
const SVR: [&str; 2] = ["https://in-toto.io/attestation/svr/v0.1", "https://in-toto.io/attestation/svr/v0.2"];

/// In-toto test result.
const TEST_RESULT: [&str; 2] =
    ["https://in-toto.io/attestation/test-result", "https://in-toto.io/attestation/test-result/v0.1"];

/// Names of members, from the predicate inwards.
type Path = &'static [&'static str];

/// Where the predicates of one type say what they say of themselves.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the type of its own")]
pub(crate) struct Claims {
    /// Where the time stands: the first of these that is there.
    time: &'static [Path],
    /// Where its maker stands: the verifier. The first of these that is there.
    maker: &'static [Path],
    taken_back: bool,
    scan: bool,
    /// Whether it says that something passed or failed (rule Y6).
    result: bool,
    /// Whether its maker is the scanner that it names.
    by_scanner: bool,
}

const NOTHING: Claims =
    Claims { time: &[], maker: &[], taken_back: false, scan: false, result: false, by_scanner: false };

impl Claims {
    /// What is known of the predicates of this type.
    pub(crate) fn of(predicate_type: &PredicateType) -> Self {
        const VERIFIER: &[Path] = &[&["verifier", "id"]];
        let plain = |time| Self { time, ..NOTHING };
        let newest = |time, maker| Self { time, maker, taken_back: true, ..NOTHING };
        let scan =
            |time| Self { time, taken_back: true, scan: true, result: true, by_scanner: true, ..NOTHING };
        match predicate_type.as_str() {
            VULN => scan(&[&["metadata", "scanFinishedOn"]]),
            vulns if IN_TOTO_VULNS.contains(&vulns) => scan(&[&["metadata", "scanFinishedOn"]]),
            SCAN => scan(&[&["scan", "finishedOn"]]),
            OPEN_VEX | OPEN_VEX_V02 => {
                Self { scan: true, ..newest(&[&["last_updated"], &["timestamp"]], &[]) }
            }
            VSA_V1 => Self { result: true, ..newest(&[&["timeVerified"]], VERIFIER) },
            VSA_V02 => Self { result: true, ..newest(&[&["time_verified"], &["timeVerified"]], VERIFIER) },
            svr if SVR.contains(&svr) => Self { result: true, ..newest(&[&["timeCreated"]], VERIFIER) },
            test if TEST_RESULT.contains(&test) => Self { result: true, ..NOTHING },
            CUSTOM => plain(&[&["Timestamp"]]),
            CYCLONE_DX => Self { scan: true, ..plain(&[&["metadata", "timestamp"]]) },
            SPDX => Self { scan: true, ..plain(&[&["creationInfo", "created"]]) },
            SLSA_PROVENANCE_V02 => plain(&[&["metadata", "buildFinishedOn"]]),
            SLSA_PROVENANCE_V1 => plain(&[&["runDetails", "metadata", "finishedOn"]]),
            _ => NOTHING,
        }
    }

    /// Whether a later statement takes an earlier one back, so that the newest is judged (rules N).
    pub(crate) const fn can_be_taken_back(self) -> bool {
        self.taken_back
    }

    /// Whether statements of this type say that something passed or failed, so that one that failed must not count like one
    /// that passed (rule Y6).
    pub(crate) const fn has_result(self) -> bool {
        self.result
    }

    /// Whether it can be asked what a scanner found: a scan by its type, or a document that may state it.
    pub(crate) const fn can_be_scan(self) -> bool {
        self.scan
    }

    /// The scanner of a scan, in its own words: its name and its uri, empty where it does not say them.
    pub(crate) fn scanner(predicate: Option<&RawValue>) -> Scanner {
        let text = |path| first(&[path], predicate).unwrap_or_default();
        Scanner::new(text(&["scanner", "name"]), text(&["scanner", "uri"]))
    }

    /// Whether the type has a member for a time.
    pub(crate) const fn has_time(self) -> bool {
        !self.time.is_empty()
    }

    /// The time that the predicate says, if it says one that can be read. Years before 1970 are none: cosign writes
    /// year 1 where it was given no time.
    pub(crate) fn finished(self, predicate: Option<&RawValue>) -> Option<Timestamp> {
        let text = first(self.time, predicate)?;
        text.parse::<Timestamp>().ok().filter(|time| *time >= Timestamp::UNIX_EPOCH)
    }

    /// The scanner or verifier by its own word, without its version: an update does not make it another one. Empty
    /// where none is named.
    pub(crate) fn maker(self, predicate: Option<&RawValue>) -> String {
        if self.by_scanner {
            return Self::scanner(predicate).identity();
        }
        first(self.maker, predicate).unwrap_or_default()
    }

    /// As [`Claims::maker`]; none where a maker stands there that cannot be read.
    pub(crate) fn readable_maker(self, predicate: Option<&RawValue>) -> Option<String> {
        const SCANNER: &[Path] = &[&["scanner", "uri"], &["scanner", "name"]];
        let paths = if self.by_scanner { SCANNER } else { self.maker };
        for stands in paths.iter().filter_map(|path| at(path, predicate?).transpose()) {
            serde_json::from_str::<String>(stands.ok()?.get()).ok()?;
        }
        Some(self.maker(predicate))
    }
}

/// The text at the first of these paths where anything stands.
fn first(paths: &[Path], predicate: Option<&RawValue>) -> Option<String> {
    let found = paths.iter().find_map(|path| at(path, predicate?).transpose())?;
    serde_json::from_str(found.ok()?.get()).ok()
}

/// What stands at a path; an error where it could be read in two ways.
fn at<'a>(path: &[&str], value: &'a RawValue) -> Result<Option<&'a RawValue>, serde_json::Error> {
    let mut value = value;
    for name in path {
        if !value.get().starts_with('{') {
            return Ok(None);
        }
        match serde_json::Deserializer::from_str(value.get()).deserialize_map(Member(name))? {
            Some(found) if found.get() != "null" => value = found,
            _ => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// Reads one member of an object and skips the others, so that a large predicate is not built in memory.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else if name.to_uppercase().to_lowercase() == self.0.to_uppercase().to_lowercase() {
                // Rule S7: readers that fold case would take this one.
                return Err(serde::de::Error::custom("a member in another case"));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn finished(predicate_type: &str, text: &str) -> Option<String> {
        let claims = Claims::of(&predicate_type.parse().unwrap());
        claims.finished(Some(&raw(text))).map(|time| time.to_string())
    }

    const TIME: &str = "2026-01-01T00:01:00Z";

    #[test]
    fn every_type_says_its_time_where_its_specification_has_it() {
        let cases = [
            ("vuln", r#"{"metadata":{"scanStartedOn":"2025-01-01T00:00:00Z","scanFinishedOn":"T"}}"#),
            ("https://in-toto.io/attestation/vulns", r#"{"metadata":{"scanFinishedOn":"T"}}"#),
            ("https://in-toto.io/attestation/vulns/v0.1", r#"{"metadata":{"scanFinishedOn":"T"}}"#),
            ("https://in-toto.io/attestation/vulns/v0.2", r#"{"metadata":{"scanFinishedOn":"T"}}"#),
            ("scan", r#"{"scan":{"startedOn":"2025-01-01T00:00:00Z","finishedOn":"T"}}"#),
            ("openvex", r#"{"timestamp":"T"}"#),
            ("openvex", r#"{"timestamp":"2025-01-01T00:00:00Z","last_updated":"T"}"#),
            ("https://openvex.dev/ns/v0.2.0", r#"{"timestamp":"T","last_updated":null}"#),
            ("https://slsa.dev/verification_summary/v1", r#"{"timeVerified":"T"}"#),
            ("https://slsa.dev/verification_summary/v0.2", r#"{"time_verified":"T"}"#),
            ("https://in-toto.io/attestation/svr/v0.2", r#"{"timeCreated":"T"}"#),
            ("custom", r#"{"Data":"x","Timestamp":"T"}"#),
            ("cyclonedx", r#"{"metadata":{"timestamp":"T"}}"#),
            ("spdxjson", r#"{"creationInfo":{"created":"T"}}"#),
            ("slsaprovenance", r#"{"metadata":{"buildFinishedOn":"T"}}"#),
            ("slsaprovenance1", r#"{"runDetails":{"metadata":{"finishedOn":"T"}}}"#),
        ];
        for (name, text) in cases {
            assert!(Claims::of(&name.parse().unwrap()).has_time(), "{name}");
            assert_eq!(
                finished(name, &text.replace("\"T\"", &format!("{TIME:?}"))).as_deref(),
                Some(TIME),
                "{text}"
            );
        }
        assert!(!Claims::of(&"link".parse().unwrap()).has_time());
        assert!(!Claims::of(&"https://example.com/review".parse().unwrap()).has_time());
    }

    #[test]
    fn a_time_that_cannot_be_read_is_none() {
        for text in [
            "{}",
            r#""text""#,
            "[]",
            r#"{"metadata":null}"#,
            r#"{"metadata":[]}"#,
            r#"{"metadata":{"scanFinishedOn":null}}"#,
            r#"{"metadata":{"scanFinishedOn":7}}"#,
            r#"{"metadata":{"scanFinishedOn":""}}"#,
            r#"{"metadata":{"scanFinishedOn":"yesterday"}}"#,
            r#"{"metadata":{"scanFinishedOn":"2026-01-01"}}"#,
            r#"{"metadata":{"scanFinishedOn":"0001-01-01T00:00:00Z"}}"#,
            r#"{"metadata":{"ScanFinishedOn":"2026-01-01T00:00:00Z"}}"#,
            r#"{"metadata":{"scanFinishedOn":"2026-01-01T00:00:00Z","ScanFinishedOn":"2026-02-01T00:00:00Z"}}"#,
            r#"{"metadata":{"scanFinishedOn":"2026-01-01T00:00:00Z"},"Metadata":{}}"#,
        ] {
            assert_eq!(finished("vuln", text), None, "{text}");
        }
        // What could be read in two ways is not passed over for the next place.
        assert_eq!(finished("openvex", &format!(r#"{{"Last_updated":"x","timestamp":{TIME:?}}}"#)), None);
        assert_eq!(Claims::of(&"vuln".parse().unwrap()).finished(None), None);
    }

    #[test]
    fn a_scanner_is_the_same_in_another_version() {
        let maker = |text: &str| Claims::of(&"vuln".parse().unwrap()).maker(Some(&raw(text)));
        assert_eq!(maker(r#"{"scanner":{"uri":"pkg:github/a/trivy@0.1?x=y#z"}}"#), "pkg:github/a/trivy");
        assert_eq!(maker(r#"{"scanner":{"uri":"https://x@y"}}"#), "https://x");
        assert_eq!(maker(r#"{"scanner":{"name":"JFrog Xray"}}"#), "jfrog xray");
        assert_eq!(maker(r#"{"scanner":{"name":"Snyk","uri":""}}"#), "snyk");
        assert_eq!(maker(r#"{"scanner":{}}"#), "");
        assert_eq!(maker("{}"), "");
    }

    #[test]
    fn only_results_can_be_taken_back() {
        for (name, taken_back) in
            [("vuln", true), ("scan", true), ("openvex", true), ("cyclonedx", false), ("custom", false)]
        {
            assert_eq!(Claims::of(&name.parse().unwrap()).can_be_taken_back(), taken_back, "{name}");
        }
    }
}
