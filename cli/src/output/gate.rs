//! What came of a gate, for people: a table of all images, and for each that was not admitted what stood in the way and
//! one thing to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use waxseal::GateResult;
use waxseal::gate::{GatedImage, OutcomeCounts};
use waxseal::mention::{Note, NoteCode, Place};
use waxseal_core::verify::Outcome;

use super::scan::tables::{add, new};
use super::verdict::{finding, ground, others, requirements, unchecked, warning};
use super::{advice, counted, escape};
use crate::fault::Fault;

/// Places of an image that are shown; the rest is counted.
const PLACES: usize = 8;

/// Everything about a gate, as text.
pub(crate) fn text(result: &GateResult) -> String {
    let mut text = String::new();
    if !result.images.is_empty() {
        let mut table = new(["verdict", "image", "digest", "named in"]);
        for image in &result.images {
            table.add_row([
                verdict(image),
                escape(&image.name),
                image.digest().map_or_else(|| "-".to_owned(), waxseal_core::Digest::short),
                named_in(&image.places),
            ]);
        }
        add(&mut text, &table);
    }
    for image in result.images.iter().filter(|image| !is_plain(image)) {
        let _ = writeln!(text);
        explained(&mut text, image);
    }
    let OutcomeCounts { images, places, admitted, refused, undecided, .. } = result.counts();
    let _ = writeln!(
        text,
        "\n{} in {}: {admitted} admitted, {refused} refused, {undecided} undecided",
        counted(images, "image"),
        counted(places, "place")
    );
    let _ = writeln!(text, "policy: {}, {}", escape(&result.policy), result.policy_digest.short());
    let codes: BTreeSet<_> = result
        .images
        .iter()
        .filter_map(GatedImage::verdict)
        .flat_map(|verdict| verdict.report().unchecked.iter().copied())
        .collect();
    for code in codes {
        let _ = writeln!(text, "{}", unchecked(code));
    }
    text
}

/// A note in one line.
pub(crate) fn note(note: &Note) -> String {
    let hint = match note.code {
        NoteCode::BuiltHere => " (gate its Dockerfile with --dockerfile)",
        NoteCode::UnknownImage => " (--image-path says where such objects name images)",
        _ => "",
    };
    format!("note: {}: {}{hint}", escape(&note.place.to_string()), escape(&note.message))
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Admit => "admitted",
        Outcome::Undecided => "undecided",
        _ => "refused",
    }
}

/// The verdict in a word, and on what ground where that is not what was verified.
fn verdict(image: &GatedImage) -> String {
    let word = word(image.outcome());
    match image.basis() {
        Some(basis) if basis != "verified" => format!("{word} ({basis})"),
        _ => word.to_owned(),
    }
}

/// Whether there is nothing more to say about an image: it was verified, and no rule warns.
fn is_plain(image: &GatedImage) -> bool {
    image
        .verdict()
        .is_some_and(|verdict| verdict.verified().is_some() && verdict.report().warnings.is_empty())
}

/// The first place, and how many more there are.
fn named_in(places: &[Place]) -> String {
    let first = places.first().map(|place| escape(&place.to_string())).unwrap_or_default();
    match places.len().saturating_sub(1) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// An image about which there is more to say: where it is named, what was asked, what came closest, and what to do.
fn explained(text: &mut String, image: &GatedImage) {
    let _ = writeln!(text, "{}: {}", escape(&image.name), word(image.outcome()));
    if let Some(digest) = image.digest() {
        let _ = writeln!(text, "  digest:   {digest}");
    }
    for place in image.places.iter().take(PLACES) {
        let _ = writeln!(text, "  named in: {}", escape(&place.to_string()));
    }
    if image.places.len() > PLACES {
        let _ =
            writeln!(text, "  named in: {} more (see -o json)", image.places.len().saturating_sub(PLACES));
    }
    if let Some(verdict) = image.verdict() {
        ground(text, verdict);
    }
    requirements(text, image.requirements());
    for of_rule in image.verdict().map(|verdict| verdict.report().warnings.as_slice()).unwrap_or_default() {
        warning(text, of_rule);
        if let Some(miss) = of_rule.nearest_miss() {
            let _ = writeln!(text, "  try:      {}", advice(miss));
        }
    }
    let miss = image.nearest_miss();
    if let Some(miss) = miss {
        let _ = writeln!(text, "  reason:   {}", finding(miss));
    }
    if let Some(verdict) = image.verdict().filter(|verdict| verdict.outcome() != Outcome::Admit) {
        others(text, verdict.report().findings.iter().filter(|found| Some(*found) != miss));
    }
    let fault = image.error().map(Fault::from);
    let hint = fault.as_ref().and_then(Fault::hinted).or_else(|| miss.map(advice));
    if let Some(hint) = hint {
        let _ = writeln!(text, "  try:      {hint}");
    }
}
