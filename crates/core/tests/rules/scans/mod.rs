//! What a scan must say, rule by rule: a scan that passes, and the same with one thing changed.

pub(crate) mod content;
pub(crate) mod make;
pub(crate) mod whole;
