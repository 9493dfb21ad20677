//! What must be attested.

use super::super::check;
use super::super::document::{At, Attestation};
use super::super::problem::ProblemCode;
use super::{Field, Reader, age};
use crate::policy::{Condition, Oldest, PolicyError, SignedFor, VERIFICATION_SUMMARY, VsaRules};
use crate::predicate::{Claims, PredicateType, SCAN};
use crate::scan::foreign::SCAN_TYPES;

impl Reader<'_> {
    pub(super) fn attestation(&mut self, at: &Field) -> Attestation {
        let mut types = self.types(at);
        let max_age = self.member(at, "maxAge").and_then(|field| {
            let read = |text: &str| match text {
                "unlimited" => Ok(Oldest::Unlimited),
                text => age(text).map(Oldest::Age).ok_or_else(|| {
                    format!("expected an age as 12h or 7d, or unlimited, found {:?}", check::shown(text))
                }),
            };
            let oldest = self.parsed(&field, ProblemCode::Age, read)?;
            Some(self.placed(&field, oldest))
        });
        let condition = self.member_parsed(at, "where", ProblemCode::Condition, |text| {
            Condition::parse(text).map_err(|error| match error {
                PolicyError::Condition { why, .. } => why,
                error => error.to_string(),
            })
        });
        let vsa = self.member(at, "vsa").map(|field| self.vsa(&field));
        let scan = self.member(at, "scan").map(|field| self.scan(&field));
        self.fits(at, &types, max_age.as_ref());
        // Rule N4: a scan is one in whatever form it was signed.
        if types.iter().any(|one| one.as_str() == SCAN) {
            types.extend(SCAN_TYPES.iter().filter_map(|uri| uri.parse().ok()));
        }
        types.sort_unstable();
        types.dedup();
        Attestation { types, inherit: self.flag(at, "inherit", false), max_age, condition, scan, vsa }
    }

    fn vsa(&mut self, at: &Field) -> At<VsaRules> {
        let mut rules = VsaRules::by(self.texts(at, "verifiers"));
        for item in self.items(at, "policyDigests") {
            rules.policy_digests.extend(self.digest(&item));
        }
        rules.resource = self.names(at, "resource").unwrap_or(SignedFor::Any);
        rules.levels = self.texts(at, "levels");
        self.placed(at, rules)
    }

    fn types(&mut self, of: &Field) -> Vec<PredicateType> {
        let mut types = Vec::new();
        for at in self.member(of, "type").into_iter().chain(self.items(of, "types")) {
            let read =
                |text: &str| text.parse::<PredicateType>().map_err(|error| check::shown(&error.to_string()));
            types.extend(self.parsed(&at, ProblemCode::PredicateType, read));
        }
        types
    }

    /// Whether what is asked fits the types (rules N4, N5, Y6).
    fn fits(&mut self, at: &Field, types: &[PredicateType], max_age: Option<&At<Oldest>>) {
        let claims: Vec<_> = types.iter().map(|one| (one, Claims::of(one))).collect();
        let has = |name: &str| self.member(at, name).is_some();
        let (scan, vsa) = (has("scan"), has("vsa"));
        let looked_at = scan || vsa || has("where");
        let newest = scan || claims.iter().any(|(_, claims)| claims.can_be_taken_back());
        let mut found = Vec::new();
        if let Some((other, _)) = claims.iter().find(|(_, claims)| scan && !claims.can_be_scan()) {
            found.push((ProblemCode::ContentMismatch, format!("{other} is no scan")));
        }
        if let Some((other, _)) = claims.iter().find(|(one, _)| vsa && one.as_str() != VERIFICATION_SUMMARY) {
            found.push((ProblemCode::ContentMismatch, format!("{other} is no {VERIFICATION_SUMMARY}")));
        }
        let timed = newest || max_age.is_some_and(|oldest| matches!(oldest.value, Oldest::Age(_)));
        if let Some((other, _)) = claims.iter().find(|(_, claims)| timed && !claims.has_time()) {
            found.push((ProblemCode::Timeless, format!("no member of {other} is known to be its time")));
        }
        if (scan || vsa) && max_age.is_none() && !has("maxAge") {
            let what = if scan { "a scan" } else { "a summary" };
            found.push((ProblemCode::WithoutMaxAge, format!("{what} says what was known when it was made")));
        }
        if let Some((result, _)) = claims.iter().find(|(_, claims)| claims.has_result())
            && !looked_at
        {
            let message = format!("{result} has a result, and nothing says what it must be");
            found.push((ProblemCode::ResultWithoutRule, message));
        }
        for (code, message) in found {
            self.problem(code, at, message);
        }
    }
}
