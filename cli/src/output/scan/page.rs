//! A scan as one page: a file that needs no other, for people without a terminal.
//!
//! Everything that came with the report is escaped.

use std::fmt::Write as _;

use waxseal_core::scan::{Scan, ScanFinding, Severity};
use waxseal_scan::Report;

use super::view::{self, PackageRow, many};
use crate::output::html::{self, text};
use crate::report::why_incomplete;

const SCRIPT: &str = include_str!("page.js");

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let scan = &report.scan;
    let title = report.subject.names.first().map_or_else(|| scan.scanner.name.clone(), Clone::clone);
    let mut page = html::begin(&format!("{title} - scan"), SCRIPT);
    head(&mut page, report, &title);
    bars(&mut page, scan);
    upgrades(&mut page, &view::packages(scan));
    findings(&mut page, scan);
    rest(&mut page, report);
    html::end(
        &mut page,
        "Nothing on this page is verified: a report is a file that anybody can write.",
        SCRIPT,
    );
    page
}

fn head(page: &mut String, report: &Report, title: &str) {
    let scan = &report.scan;
    let _ = writeln!(page, "<h1>{}</h1>\n<div class=\"facts\">", text(title));
    for name in report.subject.names.iter().skip(1) {
        let _ = writeln!(page, "<div>{}</div>", text(name));
    }
    for digest in &report.subject.digests {
        let _ = writeln!(page, "<div><code>{digest}</code></div>");
    }
    let mut facts = vec![text(format!("{} {}", scan.scanner.name, scan.scanner.version).trim())];
    if let Some(time) = scan.run.finished_on {
        facts.push(format!("scanned {time}"));
    }
    if let Some(components) = scan.run.components {
        facts.push(format!("{} looked at", many(components, "package", "packages")));
    }
    facts.push(format!("read from {}", report.format.as_str()));
    let _ = writeln!(page, "<div>{}</div>\n</div>", facts.join(" &middot; "));

    let (score, summary) = (scan.score(), scan.summary());
    let why = why_incomplete(report);
    let worse = if why.is_some() { " or worse" } else { "" };
    let _ = writeln!(
        page,
        "<div class=\"verdict {score}\"><strong>{score}{worse}</strong><span>{} in {}, {} with a fix</span></div>",
        many(summary.total, "vulnerability", "vulnerabilities"),
        many(view::packages(scan).len() as u64, "package", "packages"),
        summary.fixable_by_severity.total()
    );
    if let Some(why) = why {
        let _ = writeln!(
            page,
            "<p class=\"warning\"><strong>Not complete:</strong> {}. What is not on this page may be there all the \
             same.</p>",
            text(&why)
        );
    }
}

fn bars(page: &mut String, scan: &Scan) {
    let summary = scan.summary();
    let most =
        Severity::OF_FINDINGS.iter().map(|severity| summary.by_severity.get(*severity)).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let percent =
        |count: u64| count.saturating_mul(100).checked_div(most).unwrap_or(0).max(u64::from(count > 0));
    page.push_str("<h2>By severity</h2>\n<table class=\"bars\">\n");
    for severity in Severity::OF_FINDINGS {
        let (all, fixable) = (summary.by_severity.get(severity), summary.fixable_by_severity.get(severity));
        let _ = writeln!(
            page,
            "<tr class=\"{severity}\"><th scope=\"row\">{severity}</th><td class=\"bar\">\
             <svg role=\"img\" aria-label=\"{all}, {fixable} with a fix\">\
             <rect class=\"all\" width=\"{}%\" height=\"100%\" rx=\"3\"></rect>\
             <rect class=\"fixed\" width=\"{}%\" height=\"100%\" rx=\"3\"></rect></svg></td>\
             <td class=\"number\">{all}</td></tr>",
            percent(all),
            percent(fixable)
        );
    }
    page.push_str(
        "</table>\n<p class=\"legend\">Full colour: with a fix. Each vulnerability is counted once.</p>\n",
    );
}

fn upgrades(page: &mut String, packages: &[PackageRow<'_>]) {
    if packages.is_empty() {
        return;
    }
    page.push_str(
        "<h2>What to upgrade to what</h2>\n<div class=\"scroll\"><table class=\"list\">\n<thead><tr><th>Worst</th>\
         <th>Package</th><th>Version</th><th>Fixed in</th><th class=\"number\">Fixes</th></tr></thead>\n<tbody>\n",
    );
    for package in packages {
        let fixed = fixed(&package.fixed_versions);
        let _ = writeln!(
            page,
            "<tr><td class=\"severity {0}\">{0}</td><td>{1}</td><td><code>{2}</code></td><td>{3}</td>\
             <td class=\"number\">{4} of {5}</td></tr>",
            package.worst,
            text(package.name),
            text(package.version),
            if fixed.is_empty() { "no fix" } else { &fixed },
            package.fixable,
            package.vulnerabilities
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn findings(page: &mut String, scan: &Scan) {
    page.push_str("<h2>Findings</h2>\n");
    if scan.findings.is_empty() {
        page.push_str("<p>There is no finding in the report.</p>\n");
        return;
    }
    page.push_str(
        "<div id=\"controls\" class=\"controls\" hidden><input id=\"search\" type=\"search\" \
         placeholder=\"Search for a package, an id\" aria-label=\"Search\">",
    );
    for severity in Severity::OF_FINDINGS {
        if scan.findings.iter().any(|finding| finding.severity() == severity) {
            let _ = write!(
                page,
                "<label class=\"{severity}\"><input type=\"checkbox\" data-severity=\"{severity}\" checked> \
                 {severity}</label>"
            );
        }
    }
    page.push_str(
        "<label><input id=\"fixable\" type=\"checkbox\"> only with a fix</label><output id=\"shown\"></output></div>\n\
         <div class=\"scroll\"><table id=\"findings\" class=\"list\">\n<thead><tr><th>Severity</th><th>Id</th>\
         <th>Package</th><th>Version</th><th>Fixed in</th><th class=\"number\">CVSS</th></tr></thead>\n<tbody>\n",
    );
    for (finding, count) in view::findings(scan) {
        row(page, finding, count);
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn row(page: &mut String, finding: &ScanFinding, count: usize) {
    let severity = finding.severity();
    let rank = Severity::OF_FINDINGS.iter().rev().position(|other| *other == severity).unwrap_or(0);
    let id = view::called(finding);
    let shown = text(if id.is_empty() { "(no id)" } else { id });
    let id = match view::advisory(id) {
        Some(address) => {
            format!("<a href=\"{}\" rel=\"noopener noreferrer\">{shown}</a>", text(&address))
        }
        None => shown,
    };
    let mut tags = String::new();
    for remark in view::remarks(finding) {
        let bad = if remark == "malicious" { " bad" } else { "" };
        let _ = write!(tags, "<span class=\"tag{bad}\">{remark}</span>");
    }
    if count > 1 {
        let _ = write!(tags, "<span class=\"tag\">{count} times</span>");
    }
    let fixed = fixed(&finding.fixed_versions);
    let rating = [&finding.cvss.v4, &finding.cvss.v3, &finding.cvss.v2]
        .into_iter()
        .find_map(|rating| rating.as_ref().and_then(|rating| rating.score));
    let (score, tenths) = match rating {
        Some(score) => (score.to_string(), i32::from(score.tenths())),
        None => (String::new(), -1),
    };
    let _ = writeln!(
        page,
        "<tr data-severity=\"{severity}\" data-fix=\"{}\"><td class=\"severity {severity}\" data-value=\"{rank}\">\
         {severity}</td><td class=\"id\">{id}</td><td>{}{tags}</td><td><code>{}</code></td><td>{fixed}</td>\
         <td class=\"number\" data-value=\"{tenths}\">{score}</td></tr>",
        u8::from(finding.is_fixable()),
        text(&finding.package.name),
        text(&finding.package.version),
    );
}

/// Versions, one by one.
fn fixed(versions: &[impl AsRef<str>]) -> String {
    let versions: Vec<_> =
        versions.iter().map(|version| format!("<code>{}</code>", text(version.as_ref()))).collect();
    versions.join(", ")
}

fn rest(page: &mut String, report: &Report) {
    let scan = &report.scan;
    if !scan.licenses.is_empty() {
        page.push_str(
            "<h2>Licences</h2>\n<div class=\"scroll\"><table class=\"list\">\n<thead><tr><th>Licence</th>\
             <th class=\"number\">Packages</th></tr></thead>\n<tbody>\n",
        );
        for license in &scan.licenses {
            let name = license.name.as_deref().filter(|name| *name != license.id).unwrap_or_default();
            let _ = writeln!(
                page,
                "<tr><td>{} {}</td><td class=\"number\">{}</td></tr>",
                text(&license.id),
                text(name),
                license.packages
            );
        }
        page.push_str("</tbody>\n</table></div>\n");
    }
    if !scan.violations.is_empty() {
        page.push_str(
            "<h2>Violations of the scanner's own policies</h2>\n<div class=\"scroll\"><table class=\"list\">\n<thead>\
             <tr><th>Severity</th><th>Id</th><th>Watch</th><th>Policy</th><th>Rule</th></tr></thead>\n<tbody>\n",
        );
        for violation in &scan.violations {
            let fails =
                if violation.fail_build { "<span class=\"tag bad\">fails the build</span>" } else { "" };
            let ignored = if violation.ignored { "<span class=\"tag\">ignored</span>" } else { "" };
            let _ = writeln!(
                page,
                "<tr><td class=\"severity {0}\">{0}</td><td>{1}{fails}{ignored}</td><td>{2}</td><td>{3}</td><td>{4}\
                 </td></tr>",
                violation.severity,
                text(&violation.id),
                text(&violation.watch),
                text(&violation.policy),
                text(&violation.rule)
            );
        }
        page.push_str("</tbody>\n</table></div>\n");
    }
    let mut remarks = Vec::new();
    if let Some(secrets) = &scan.secrets {
        remarks.push(format!(
            "{} secrets, {} of them active or not known not to be",
            secrets.total, secrets.active
        ));
    }
    if !scan.operational_risk.is_empty() {
        remarks.push(format!("{} packages at operational risk", scan.operational_risk.len()));
    }
    remarks.extend(report.notes.iter().map(|note| text(&note.to_string())));
    if !remarks.is_empty() {
        let _ = writeln!(
            page,
            "<h2>Notes</h2>\n<ul class=\"plain\"><li>{}</li></ul>",
            remarks.join("</li>\n<li>")
        );
    }
}
