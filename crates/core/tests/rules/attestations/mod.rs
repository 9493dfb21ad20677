//! Attestations, rule by rule.

pub(crate) mod conditions;
pub(crate) mod counting;
pub(crate) mod files;
pub(crate) mod kinds;
pub(crate) mod make;
pub(crate) mod newest;
pub(crate) mod subjects;
pub(crate) mod summaries;
pub(crate) mod wanted;
