//! What is attested, read from files and standard input before any password is asked for.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::attest::Claim;
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::signing::{AttestationRequest, Predicate, PredicateError};
use waxseal_core::{Format, PredicateType};

use crate::args::attest::ClaimArgs;
use crate::fault::Fault;
use crate::input::read;
use crate::output::{self, escape};

impl ClaimArgs {
    /// What would be read from standard input, and whether it is.
    pub(crate) fn on_stdin(&self) -> (&'static str, bool) {
        let stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        ("what is attested", stdin(&self.predicate) || stdin(&self.statement))
    }

    /// The files that it is read from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.predicate, &self.statement].into_iter().flatten()
    }

    /// Reads and checks it. `now` is the timestamp of a custom predicate.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Claim, Fault> {
        let kind = self.predicate_type.as_deref();
        if let Some(path) = &self.statement {
            let bytes = read(path, BUNDLE_BYTES)?;
            let request = AttestationRequest::of_statement(None, &bytes, &[Format::Bundle])
                .map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
            let found = request.predicate_type();
            if let Some(kind) = kind {
                let wanted: PredicateType =
                    kind.parse().map_err(|error| Fault::usage(format!("--type {kind}: {error}")))?;
                if wanted != *found {
                    return Err(Fault::usage(format!(
                        "{} is a statement of the type {found}, not {wanted}",
                        path.display()
                    ))
                    .hint("leave --type out: the statement is signed as it stands"));
                }
            }
            return Ok(Claim::Statement(bytes));
        }
        let Some(path) = &self.predicate else {
            return Err(Fault::usage("there is nothing to attest").hint("give --predicate or --statement"));
        };
        let kind = kind.unwrap_or("custom");
        // A mistyped type is told before a file is waited for.
        kind.parse::<PredicateType>().map_err(|error| Fault::usage(format!("--type {kind}: {error}")))?;
        let bytes = read(path, BUNDLE_BYTES)?;
        let predicate = Predicate::of_file(kind, &bytes, now).map_err(|error| {
            let fault = Fault::usage(format!("{}: {error}", path.display()));
            match error {
                PredicateError::Json(_) | PredicateError::NotAnObject { .. } => fault.hint(
                    "a predicate of this type is one JSON object; --type custom takes any text, --type spdx \
                     tag-value text",
                ),
                _ => fault,
            }
        })?;
        if predicate.lacks_its_time() {
            output::talk(&format!(
                "{} does not say when it was finished: it can be attested, but verify-attestation takes none of the type \
                 {} without its time",
                escape(&path.display().to_string()),
                predicate.kind()
            ));
        }
        Ok(Claim::Predicate(predicate))
    }
}
