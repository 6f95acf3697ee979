//! `danlu completions`.

use super::Cli;
use super::output::Output;
use crate::model::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that completes danlu's commands in a shell
#[derive(Debug, Args)]
#[command(after_help = "Example, for bash:
  danlu completions bash > ~/.local/share/bash-completion/completions/danlu")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "danlu", &mut script);
        output.bytes(&script).map(|()| true)
    }
}
