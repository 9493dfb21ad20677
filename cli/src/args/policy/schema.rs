//! `waxseal policy schema`.

use clap::Args;

/// Print the JSON schema of policy files, for editors and other tools
///
/// Draft 2020-12. `waxseal policy check` refuses more than a schema can say.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicySchemaArgs {}

const AFTER: &str = "\
Examples:
  For an editor, with `# yaml-language-server: $schema=policy.schema.json` in the first line of the policy:
    waxseal policy schema > policy.schema.json";
