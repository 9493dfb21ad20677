//! What a registry can do, for people: a table, and what follows from it.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use waxseal::doctor::{ListingAdvice, Report};

use super::escape;

/// The table, and the settings that fit.
pub(crate) fn text(report: &Report) -> String {
    let mut text = format!("{}\n\n", escape(report.repository.as_deref().unwrap_or(&report.registry)));
    let mut table = Table::new();
    table.load_style(NOTHING);
    for check in &report.checks {
        table.add_row([
            check.name.question().to_owned(),
            check.outcome.name().to_owned(),
            escape(&check.detail),
        ]);
    }
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()));
    }
    text.push_str("\nFor signatures here:\n");
    let advice = &report.advice;
    let listing = match advice.listing {
        ListingAdvice::ReferrersApi => "bundles are listed by the referrers API",
        ListingAdvice::FallbackTag => "bundles are listed at the fallback tag sha256-<hex>",
        _ if report.repository.is_some() => "where bundles are listed could not be found out",
        _ => "where bundles are listed is not known yet: name a repository",
    };
    let _ = writeln!(text, "  --format {}: {listing}", advice.format.name());
    if let Some(status) = &advice.absent_status {
        let _ = writeln!(text, "  --absent-status {}", escape(status));
    }
    if let Some(realm) = &advice.auth_realm {
        let _ =
            writeln!(text, "  --auth-realm {}, if that token service belongs to the registry", escape(realm));
    }
    for remark in &advice.remarks {
        let _ = writeln!(text, "  {}", escape(remark));
    }
    text.trim_end().to_owned()
}
