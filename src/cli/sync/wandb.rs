//! Options of `wandb sync`, so that scripts written for it work: taken where they mean something, and else with a word.

use crate::cli::output::warn;
use crate::model::{Error, Result};
use clap::Args;

/// What scripts say to `wandb sync`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each option of another program")]
pub(super) struct Wandb {
    #[arg(long, hide = true)]
    sync_all: bool,
    #[arg(long, hide = true)]
    include_offline: bool,
    #[arg(long, hide = true)]
    no_include_offline: bool,
    #[arg(long, hide = true)]
    include_online: bool,
    #[arg(long, hide = true, visible_alias = "skip-online")]
    no_include_online: bool,
    #[arg(long, hide = true)]
    include_synced: bool,
    #[arg(long, hide = true, alias = "skip-synced")]
    no_include_synced: bool,
    #[arg(long, hide = true)]
    mark_synced: bool,
    #[arg(long, hide = true)]
    no_mark_synced: bool,
    #[arg(long, hide = true)]
    append: bool,
    #[arg(long, hide = true)]
    legacy: bool,
    #[arg(long, hide = true)]
    skip_console: bool,
    #[arg(long, hide = true)]
    view: bool,
    #[arg(short, long, hide = true)]
    verbose: bool,
    #[arg(short, long, hide = true)]
    yes: bool,
    #[arg(long, hide = true, value_name = "N")]
    show: Option<u32>,
    #[arg(long, hide = true, value_name = "ID")]
    id: Option<String>,
    #[arg(long, hide = true, alias = "job_type", value_name = "TYPE")]
    job_type: Option<String>,
    #[arg(long, hide = true, value_name = "TAGS")]
    replace_tags: Option<String>,
    #[arg(long, hide = true)]
    sync_tensorboard: bool,
    #[arg(long, hide = true, value_name = "GLOBS")]
    include_globs: Option<String>,
    #[arg(long, hide = true, value_name = "GLOBS")]
    exclude_globs: Option<String>,
    #[arg(long, hide = true, value_name = "GLOBS")]
    ignore: Option<String>,
    #[arg(long, hide = true)]
    clean: bool,
    #[arg(long, hide = true, value_name = "HOURS")]
    clean_old_hours: Option<u32>,
    #[arg(long, hide = true)]
    clean_force: bool,
}

impl Wandb {
    /// Refuses what danlu does not do, and says what is otherwise here.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] with what to do in its place.
    pub(super) fn check(&self) -> Result<()> {
        let refused = [
            (
                self.id.is_some(),
                "--id",
                "a run keeps the id that it was written under",
                "`--run ID` chooses a run",
            ),
            (
                self.job_type.is_some(),
                "--job-type",
                "a run is pushed as it was written",
                "change it where the run is shown, or with `danlu.Api`",
            ),
            (
                self.replace_tags.is_some(),
                "--replace-tags",
                "a run is pushed as it was written",
                "change tags where the run is shown, or with `danlu.Api`",
            ),
            (
                self.sync_tensorboard,
                "--sync-tensorboard",
                "only runs of danlu are pushed",
                "`danlu import` makes runs of TensorBoard's files",
            ),
            (
                self.include_globs.is_some() || self.exclude_globs.is_some() || self.ignore.is_some(),
                "--include-globs, --exclude-globs and --ignore",
                "runs are not chosen by their directories",
                "`--run`, `--project` and `--filter` choose runs, `--include` and `--exclude` their files",
            ),
            (
                self.clean || self.clean_force || self.clean_old_hours.is_some(),
                "--clean",
                "danlu removes no run",
                "a run is one file: `danlu status` says which are pushed, and `rm` removes them; `danlu compact` makes them small",
            ),
        ];
        if let Some((_, option, why, hint)) = refused.into_iter().find(|(given, ..)| *given) {
            return Err(Error::usage(format!("`{option}` is not for danlu: {why}")).with_hint(hint));
        }
        if self.skip_console {
            warn("what was printed is a part of the run, and goes with it".to_owned());
        }
        if self.no_mark_synced {
            warn("danlu marks no runs; what is pushed is known from `danlu status`".to_owned());
        }
        Ok(())
    }

    /// Says whether runs are wanted that the remote has proved to hold.
    pub(super) fn wants_synced(&self) -> bool {
        self.include_synced
    }

    /// Says whether only a look is wanted.
    pub(super) fn wants_a_look(&self) -> bool {
        self.view
    }
}
