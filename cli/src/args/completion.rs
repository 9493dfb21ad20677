//! `waxseal completion`.

use clap::Args;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct CompletionArgs {
    /// Shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

const AFTER: &str = "\
Examples:
  For the shell that runs now:
    source <(waxseal completion bash)
  For every shell to come:
    waxseal completion bash > ~/.local/share/bash-completion/completions/waxseal
    waxseal completion zsh > \"${fpath[1]}/_waxseal\"
    waxseal completion fish > ~/.config/fish/completions/waxseal.fish";
