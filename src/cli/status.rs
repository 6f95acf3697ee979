//! `danlu status`.

mod remotes;

use super::named::shown_default;
use super::output::{Output, warn};
use super::{Common, here_and_now, mode};
use crate::model::Result;
use crate::query::{self, State};
use clap::Args;
use remotes::AtRemote;
use serde::Serialize;

/// Say how the next runs of a directory are written, and how its runs stand at the remotes
///
/// What is said of the remotes is what they have proved, and is known without asking them.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Ask the remotes what they have
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    common: Common,
}

/// How a directory stands.
#[derive(Serialize)]
struct Standing {
    mode: String,
    /// Where the mode is from.
    set_by: String,
    project: Option<String>,
    entity: Option<String>,
    remote: Option<String>,
    runs: usize,
    running: usize,
    /// How the runs stand at each remote.
    remotes: Vec<AtRemote>,
}

impl Status {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let standing = self.standing()?;
        if self.common.format.json {
            output.json(&standing)?;
            return Ok(true);
        }
        let Standing { mode, set_by, project, entity, remote, runs, running, remotes } = standing;
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        output.line(format!("mode     {mode} ({set_by})"))?;
        output.line(format!("project  {}", or_none(project)))?;
        output.line(format!("entity   {}", or_none(entity)))?;
        // Among the others it is said which is the default.
        if !remotes.iter().any(AtRemote::is_default) {
            output.line(format!("remote   {}", or_none(remote)))?;
        }
        output.line(format!("runs     {runs}, {running} of them running"))?;
        remotes.iter().try_for_each(|remote| remote.print(output))?;
        Ok(true)
    }

    fn standing(&self) -> Result<Standing> {
        let path = mode::settings_of(&self.common.dir);
        let settings = mode::read(&path)?;
        let of = |name: &str, variable: &str| {
            let set = [format!("DANLU_{variable}"), format!("WANDB_{variable}")];
            let set = set.into_iter().find_map(|name| Some((std::env::var(&name).ok()?, name)));
            set.filter(|(value, _)| !value.is_empty()).or_else(|| {
                mode::setting(&settings, name).map(|value| (value.to_owned(), path.display().to_string()))
            })
        };
        let (mode, set_by) =
            of("mode", "MODE").unwrap_or_else(|| ("offline".to_owned(), "by default".to_owned()));
        let (host, now) = here_and_now();
        let runs = if query::run_directory(&self.common.dir).is_dir() {
            query::unite(query::list(&self.common.dir, &host, now, &warn)?.runs)?
        } else {
            Vec::new()
        };
        let remote = shown_default(&self.common.dir)?;
        Ok(Standing {
            mode,
            set_by,
            project: of("project", "PROJECT").map(|(value, _)| value),
            entity: of("entity", "ENTITY").map(|(value, _)| value),
            running: runs.iter().filter(|run| run.state == State::Running).count(),
            runs: runs.len(),
            remotes: remotes::standing(&self.common.dir, remote.as_deref(), self.check)?,
            remote,
        })
    }
}
