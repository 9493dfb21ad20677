//! What a scan must say, as flags of the commands that judge scans.

use clap::Args;

use super::Age;

/// Rules on the content of a scan. Any of them makes the command read what the scan says.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ScanRuleArgs {
    /// Worst severity that may stand: Critical, High, Medium, Low, Information or None
    #[arg(long, value_name = "SEVERITY", help_heading = "Scan options")]
    pub(crate) max_severity: Option<String>,
    /// Most vulnerabilities of a severity, each counted once, as High=3 (repeatable)
    #[arg(long, value_name = "SEVERITY=N", help_heading = "Scan options")]
    pub(crate) max_count: Vec<String>,
    /// What a severity that the scanner does not know counts as (default: High)
    #[arg(long, value_name = "SEVERITY", help_heading = "Scan options")]
    pub(crate) unknown_severity_as: Option<String>,
    /// Whose severity counts: scanner (the default), research (the scanner's researchers), cvss3, or max of them
    #[arg(long, value_name = "SOURCE", help_heading = "Scan options")]
    pub(crate) severity_source: Option<String>,
    /// Only vulnerabilities with a fix count
    #[arg(long, help_heading = "Scan options")]
    pub(crate) only_fixable: bool,
    /// Vulnerabilities that the scanner calls not applicable do not count
    #[arg(long, help_heading = "Scan options")]
    pub(crate) only_applicable: bool,
    /// Vulnerability that does not count: ID,DAY,REASON, as CVE-2026-1234,2026-12-31,not reachable (repeatable)
    #[arg(long, value_name = "ID,DAY,REASON", help_heading = "Scan options")]
    pub(crate) ignore: Vec<String>,
    /// Vulnerability that is refused whatever else takes it away (repeatable)
    #[arg(long, value_name = "ID", help_heading = "Scan options")]
    pub(crate) deny_id: Vec<String>,
    /// The only licences that may stand (repeatable)
    #[arg(long, value_name = "LICENSE", conflicts_with = "deny_license", help_heading = "Scan options")]
    pub(crate) allow_license: Vec<String>,
    /// Licence that may not stand (repeatable)
    #[arg(long, value_name = "LICENSE", help_heading = "Scan options")]
    pub(crate) deny_license: Vec<String>,
    /// A licence that the scanner does not know may stand
    #[arg(long, help_heading = "Scan options")]
    pub(crate) allow_unknown_license: bool,
    /// Of licences to choose from (A OR B) one is enough
    #[arg(long, help_heading = "Scan options")]
    pub(crate) any_license_of: bool,
    /// Malicious packages are not refused
    #[arg(long, help_heading = "Scan options")]
    pub(crate) allow_malicious: bool,
    /// Most secrets that may be in the image
    #[arg(long, value_name = "N", help_heading = "Scan options")]
    pub(crate) max_secrets: Option<u64>,
    /// Of secrets, only those count that the scanner found to work
    #[arg(long, requires = "max_secrets", help_heading = "Scan options")]
    pub(crate) only_active_secrets: bool,
    /// The oldest that the scanner's database may be, as 12h or 7d
    #[arg(long, value_name = "DURATION", help_heading = "Scan options")]
    pub(crate) max_db_age: Option<Age>,
    /// A partial or filtered scan counts too; one that failed or is pending never does
    #[arg(long, help_heading = "Scan options")]
    pub(crate) allow_incomplete: bool,
    /// Components that the scanner must have looked at (default: 1)
    #[arg(long, value_name = "N", help_heading = "Scan options")]
    pub(crate) min_components: Option<u64>,
    /// Only scans by this scanner, by name or uri, with the oldest version that counts (repeatable)
    #[arg(long, value_name = "NAME[@VERSION]", help_heading = "Scan options")]
    pub(crate) scanner: Vec<String>,
    /// Xray: no violation that this watch saw (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Scan options")]
    pub(crate) watch: Vec<String>,
    /// Xray: no violation that fails a build, of the watches if any are named
    #[arg(long, help_heading = "Scan options")]
    pub(crate) no_fail_build_violation: bool,
    /// Public key whose OpenVEX attestations take vulnerabilities away (repeatable)
    #[arg(long, value_name = "KEY", requires = "vex_justification", help_heading = "Scan options")]
    pub(crate) vex_key: Vec<String>,
    /// Justification of a VEX statement that is believed (repeatable)
    #[arg(long, value_name = "WORD", requires = "vex_key", help_heading = "Scan options")]
    pub(crate) vex_justification: Vec<String>,
    /// Days for which a vulnerability does not count, since it was published or has a fix, as 14,published or 7,fixAvailable
    #[arg(long, value_name = "DAYS,SINCE", help_heading = "Scan options")]
    pub(crate) grace: Option<String>,
}
