//! S: signatures. What counts, how it is counted, and what a signature can be over.

pub(crate) mod content;
pub(crate) mod counting;
pub(crate) mod kinds;
pub(crate) mod names;
pub(crate) mod schemes;
