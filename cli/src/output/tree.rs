//! What hangs on an image, for people: as a tree and as a table. Nothing here is verified, and both say so.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use waxseal::tree::{Attachment, AttachmentKind, FoundAt, ImageNode, SignerHint, Tree, UnreadablePlace};
use waxseal_core::media_type;

use super::escape;

/// Digits of a fingerprint that are shown.
const SHORT: usize = 12;
/// What stands below everything.
const UNVERIFIED: &str = "nothing here is verified: `waxseal verify` decides what counts";

/// The tree, with full digests.
pub(crate) fn text(named: &str, tree: &Tree) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", escape(named));
    let root = &tree.root;
    let _ = writeln!(text, "{}  {}", root.digest, image_facts(root));
    let _ = text.write_str(&lines("", branches(root)));
    let _ = writeln!(text, "\n{UNVERIFIED}");
    text
}

/// One line of a tree, what is said about it, and what hangs below.
struct Branch {
    line: String,
    details: Vec<String>,
    below: Vec<Self>,
}

fn lines(indent: &str, branches: Vec<Branch>) -> String {
    let mut text = String::new();
    let last = branches.len().saturating_sub(1);
    for (at, branch) in branches.into_iter().enumerate() {
        let (mark, bar) = if at == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let _ = writeln!(text, "{indent}{mark}{}", branch.line);
        let indent = format!("{indent}{bar}");
        for detail in branch.details {
            let below = if branch.below.is_empty() { "    " } else { "│   " };
            let _ = writeln!(text, "{indent}{below}{detail}");
        }
        text.push_str(&lines(&indent, branch.below));
    }
    text
}

fn branches(image: &ImageNode) -> Vec<Branch> {
    let mut all: Vec<Branch> = image.attached.iter().map(attached).collect();
    all.extend(image.unreadable.iter().map(unreadable));
    if all.is_empty() {
        all.push(Branch { line: "nothing attached".to_owned(), details: Vec::new(), below: Vec::new() });
    }
    all.extend(image.images.iter().map(|child| Branch {
        line: format!("{:<12} {}  {}", escape(&platforms(child)), child.digest, image_facts(child)),
        details: Vec::new(),
        below: branches(child),
    }));
    all
}

fn attached(attachment: &Attachment) -> Branch {
    let below = attachment.attached.iter().map(attached).chain(attachment.unreadable.iter().map(unreadable));
    let counted = count(attachment);
    let mut details =
        vec![format!("{}, {counted}, manifest of {} bytes", places(attachment), attachment.size)];
    if let Some(named) = artifact_type(attachment) {
        details.push(format!("type:    {}", escape(named)));
    }
    for claim in &attachment.claimed_predicate_types {
        details.push(format!("claims:  {}", escape(claim)));
    }
    for hint in &attachment.signed_with {
        details.push(format!("by:      {} (claimed)", signer(hint)));
    }
    if let Some(created) = &attachment.claimed_created {
        details.push(format!("created: {} (claimed)", escape(created)));
    }
    for problem in &attachment.problems {
        details.push(format!("problem: {} [{}]", escape(&problem.message), escape(&problem.code)));
    }
    Branch {
        line: format!("{:<12} {}", attachment.kind.name(), attachment.digest),
        details,
        below: below.collect(),
    }
}

fn unreadable(place: &UnreadablePlace) -> Branch {
    Branch {
        line: format!("{:<12} {}", "UNREADABLE", escape(&place.what)),
        details: vec![format!("{} [{}]", escape(&place.message), escape(&place.code))],
        below: Vec::new(),
    }
}

/// The table: one line for each thing, digests short.
pub(crate) fn table(tree: &Tree) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["ON", "KIND", "DIGEST", "SIZE", "COUNT", "PLACE", "CLAIMED TYPE", "CLAIMED CREATED"]);
    image_rows(&mut table, &tree.root);
    let mut text = String::new();
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim());
    }
    let _ = write!(text, "\n{UNVERIFIED}");
    text
}

fn image_rows(table: &mut Table, image: &ImageNode) {
    let named = platforms(image);
    let on =
        if named.is_empty() { image.digest.short() } else { format!("{named} {}", image.digest.short()) };
    let on = escape(&on);
    if image.attached.is_empty() && image.unreadable.is_empty() {
        table.add_row([on.as_str(), "nothing attached"]);
    }
    attached_rows(table, &on, &image.attached);
    unreadable_rows(table, &on, &image.unreadable);
    for child in &image.images {
        image_rows(table, child);
    }
}

fn attached_rows(table: &mut Table, on: &str, attached: &[Attachment]) {
    for attachment in attached {
        let claimed: Vec<_> = attachment.claimed_predicate_types.iter().map(|claim| escape(claim)).collect();
        let claimed = match artifact_type(attachment) {
            Some(named) if claimed.is_empty() => escape(named),
            _ => claimed.join(", "),
        };
        table.add_row([
            on.to_owned(),
            attachment.kind.name().to_owned(),
            attachment.digest.short(),
            attachment.size.to_string(),
            attachment.layers.to_string(),
            attachment.places.iter().map(place_short).collect::<Vec<_>>().join(", "),
            claimed,
            attachment.claimed_created.as_deref().map(escape).unwrap_or_default(),
        ]);
        let on = attachment.digest.short();
        for problem in &attachment.problems {
            table.add_row([on.clone(), "PROBLEM".to_owned(), escape(&problem.code)]);
        }
        attached_rows(table, &on, &attachment.attached);
        unreadable_rows(table, &on, &attachment.unreadable);
    }
}

fn unreadable_rows(table: &mut Table, on: &str, places: &[UnreadablePlace]) {
    for place in places {
        let what = format!("{} [{}]", escape(&place.what), escape(&place.code));
        table.add_row([on.to_owned(), "UNREADABLE".to_owned(), what]);
    }
}

fn platforms(image: &ImageNode) -> String {
    image.platforms.join(", ")
}

fn image_facts(image: &ImageNode) -> String {
    let what = if media_type::is_index(&image.media_type) {
        match image.images.len() {
            1 => "index of 1 image".to_owned(),
            count => format!("index of {count} images"),
        }
    } else if media_type::is_manifest(&image.media_type) {
        "image".to_owned()
    } else {
        format!("of type {}", escape(&image.media_type))
    };
    let role = image.claimed_role.as_deref().map(|role| format!(", {} (claimed)", escape(role)));
    format!("{what}{}, {} bytes", role.unwrap_or_default(), image.size)
}

fn places(attachment: &Attachment) -> String {
    let all: Vec<_> = attachment
        .places
        .iter()
        .map(|place| match place {
            FoundAt::Tag { tag } => format!("tag {}", escape(tag)),
            FoundAt::ReferrersApi => "referrer (API)".to_owned(),
            FoundAt::FallbackTag => "referrer (fallback tag)".to_owned(),
            FoundAt::Layout => "referrer (layout)".to_owned(),
            _ => "elsewhere".to_owned(),
        })
        .collect();
    all.join(" and ")
}

fn place_short(place: &FoundAt) -> String {
    match place {
        FoundAt::Tag { tag } => {
            let suffix = tag.rsplit_once('.').map_or(tag.as_str(), |(_, suffix)| suffix);
            format!("tag .{}", escape(suffix))
        }
        FoundAt::ReferrersApi => "referrers API".to_owned(),
        FoundAt::FallbackTag => "fallback tag".to_owned(),
        FoundAt::Layout => "layout".to_owned(),
        _ => "elsewhere".to_owned(),
    }
}

fn count(attachment: &Attachment) -> String {
    let what = match attachment.kind {
        AttachmentKind::Signature => "signature",
        AttachmentKind::Attestation => "attestation",
        AttachmentKind::Bundle => "bundle",
        _ => "layer",
    };
    match attachment.layers {
        1 => format!("1 {what}"),
        several => format!("{several} {what}s"),
    }
}

/// The artifact type, where the kind does not say it.
fn artifact_type(attachment: &Attachment) -> Option<&str> {
    let named = attachment.artifact_type.as_deref()?;
    let said = attachment.kind == AttachmentKind::Bundle && named == media_type::BUNDLE_V03;
    (!said).then_some(named)
}

fn signer(hint: &SignerHint) -> String {
    match hint {
        SignerHint::Key { key_id: Some(key), .. } => {
            let hex = key.strip_prefix("sha256:").unwrap_or(key);
            format!("key {}", hex.chars().take(SHORT).collect::<String>())
        }
        SignerHint::Key { hint: Some(hint), .. } => format!("key with the hint {}", escape(hint)),
        SignerHint::Key { .. } => "a key without a hint".to_owned(),
        _ => "a certificate".to_owned(),
    }
}
