//! `danlu run`.

use super::output::Output;
use crate::model::{Error, ErrorKind, Result};
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Run a script written for wandb, unchanged
///
/// While it runs, the module `wandb` is danlu, here and in every process that it starts. Anything else is as without it.
/// It takes the Python package danlu.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  danlu run python train.py --lr 0.1
  danlu run train.py
  danlu run torchrun --nproc-per-node 2 train.py"
)]
pub(super) struct Run {
    /// The command, or a Python script
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Run {
    /// Becomes the command. What comes back is an error.
    pub(super) fn run(self, _: &mut Output) -> Result<bool> {
        let mut tried = Vec::new();
        for python in ["python3", "python"] {
            let has_danlu = "import importlib.util, sys; sys.exit(importlib.util.find_spec('danlu') is None)";
            match Command::new(python).args(["-c", has_danlu]).status() {
                Ok(status) if status.success() => {
                    let failed =
                        Command::new(python).args(["-m", "danlu", "run", "--"]).args(&self.command).exec();
                    return Err(
                        Error::new(ErrorKind::Io, format!("Cannot start `{python}`")).with_source(failed)
                    );
                }
                Ok(_) => tried.push(format!("`{python}` has no package danlu")),
                Err(_) => tried.push(format!("there is no `{python}`")),
            }
        }
        let message = format!("Cannot run it: {}", tried.join(", and "));
        Err(Error::new(ErrorKind::NotFound, message)
            .with_hint("`pip install danlu` into the Python that trains"))
    }
}
