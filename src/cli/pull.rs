//! `danlu pull`.

use super::named::{default_remote, open_there};
use super::output::{Output, bytes, count, plain, to_stderr, warn};
use super::progress::progress_bar;
use super::{Common, here_and_now};
use crate::model::{Error, ErrorKind, Result, SystemClock};
use crate::query;
use crate::remote::{Directory, Remote, RunHead};
use crate::store;
use crate::sync::{self, Book, LocalRuns, Name, Open, Pulled, PulledRun, Pulling, Selection};
use clap::Args;
use serde::Serialize;
use std::path::Path;
use std::sync::{Arc, Once};

/// Bring runs back from a remote, as the same run files
///
/// Without REMOTE they come from where `danlu sync` goes to. A run that is here is completed or left, never overwritten. One whose
/// writer has not ended comes as far as it was pushed. It can be interrupted and repeated.
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// A remote as for `danlu sync`, then runs: ids, with project and entity in front if several have one
    #[arg(value_name = "REMOTE|RUN")]
    named: Vec<String>,

    /// All runs of the remote
    #[arg(long)]
    all: bool,

    /// The runs of this project
    #[arg(short, long, value_name = "PROJECT")]
    project: Option<String>,

    /// The runs of this team or user
    #[arg(short, long, value_name = "ENTITY")]
    entity: Option<String>,

    /// Without the contents of files: they can come later
    #[arg(long)]
    no_files: bool,

    #[command(flatten)]
    common: Common,
}

/// What came of a run.
#[derive(Serialize)]
struct Row {
    run: String,
    #[serde(flatten)]
    pulled: Option<PulledRun>,
    error: Option<String>,
    hint: Option<String>,
}

impl Row {
    fn hidden(run: &str, remote: &str, unreadable: usize) -> Self {
        let manifests = count(unreadable as u64, "manifest");
        let error = format!(
            "No run at `{remote}` that can be read has this name, and {manifests} there cannot be read"
        );
        let hint =
            "`danlu pull --all` names them; `danlu sync` from where the run is writes its manifest again"
                .to_owned();
        Self { run: run.to_owned(), pulled: None, error: Some(error), hint: Some(hint) }
    }
}

impl Pull {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let (address, runs) = self.split()?;
        if runs.is_empty() && !self.all && self.project.is_none() && self.entity.is_none() {
            return Err(Error::usage("No run is named")
                .with_hint("name runs by their ids, or choose with `--project`, or `--all`"));
        }
        let remote = open_there(&address)?;
        let (heads, mut rows) = self.choose(&*remote, runs)?;
        let directory = query::run_directory(&self.common.dir);
        let directory = match query::has_runs(&directory) {
            Ok(true) => directory,
            _ if directory.file_name().is_some_and(|name| name == store::DIR_NAME) => directory,
            _ => self.common.dir.join(store::DIR_NAME),
        };
        std::fs::create_dir_all(&directory).map_err(|e| Error::io("create the directory", &directory, e))?;
        let source = LocalRuns::new(&directory, &here_and_now().0, Arc::new(SystemClock), Arc::new(warn));
        let here = sync::local_files(&source)?;
        let bar = progress_bar(0);
        let said = Once::new();
        let tell = |what: Pulling<'_>| match what {
            Pulling::Came(bytes) => bar.inc(bytes),
            Pulling::Waits(directory) => said.call_once(|| bar.suspend(|| waits(directory))),
        };
        for head in heads {
            bar.set_message(plain(&head.run.to_string()));
            let files: Vec<_> =
                here.iter().filter(|(run, _)| *run == head.run).map(|(_, path)| path.clone()).collect();
            let done = sync::pull(&*remote, &head, &directory, &files, !self.no_files, &tell);
            let run = head.run.to_string();
            rows.push(match done {
                Ok(pulled) => Row { run, pulled: Some(pulled), error: None, hint: None },
                // The others would meet the same.
                Err(e) if matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Denied) => {
                    bar.finish_and_clear();
                    self.print(&rows, output)?;
                    return Err(e);
                }
                Err(e) => {
                    Row { run, pulled: None, error: Some(e.to_string()), hint: e.hint().map(str::to_owned) }
                }
            });
        }
        bar.finish_and_clear();
        self.print(&rows, output)?;
        Ok(rows.iter().all(|row| row.error.is_none()))
    }

    /// Tells the remote from the runs.
    fn split(&self) -> Result<(String, &[String])> {
        let book = Book::load(&query::run_directory(&self.common.dir))?;
        if let Some((first, rest)) = self.named.split_first() {
            // Names are those of where the runs go to, or of where one is.
            let here = Book::load(&query::run_directory(Path::new(".")))?;
            if let Some(book) = [&book, &here].into_iter().find(|book| book.remotes.contains_key(first)) {
                return Ok((book.resolve(first).to_owned(), rest));
            }
            let is_remote = first.contains("://")
                || Directory::is_one(Path::new(first))
                || self.all
                || ["/", "./", "../"].iter().any(|begin| first.starts_with(begin))
                || (Path::new(first).is_dir() && first.contains('/'));
            if is_remote {
                return Ok((book.resolve(first).to_owned(), rest));
            }
        }
        let none = || {
            Error::usage("There is no remote to pull from")
                .with_hint("name one: `danlu pull /media/usb RUN` or `danlu pull https://… RUN`")
        };
        Ok((default_remote(&self.common.dir)?.ok_or_else(none)?, &self.named))
    }

    /// Finds the runs that are meant, each once, and says which may be among those whose manifests cannot be read.
    fn choose(&self, remote: &dyn Remote, runs: &[String]) -> Result<(Vec<RunHead>, Vec<Row>)> {
        let scope =
            Selection { project: self.project.clone(), entity: self.entity.clone(), ..Selection::default() };
        let name = |head: &RunHead| Name {
            entity: head.run.entity.clone(),
            project: head.run.project.clone(),
            id: head.run.id.as_str().to_owned(),
        };
        let mut heads = crate::remote::heads(remote).collect::<Result<Vec<RunHead>>>()?;
        let unreadable = heads.iter().filter(|head| head.is_unreadable()).count();
        let mut hidden = Vec::new();
        heads.retain(|head| scope.takes(&name(head), ""));
        let named = |head: &RunHead, run: &str| {
            Selection { runs: vec![run.to_owned()], ..Selection::default() }.takes(&name(head), "")
        };
        for run in runs {
            let found: Vec<String> =
                heads.iter().filter(|head| named(head, run)).map(|head| head.run.to_string()).collect();
            match found.as_slice() {
                [_] => {}
                [] if unreadable > 0 => hidden.push(Row::hidden(run, remote.name(), unreadable)),
                [] => {
                    let message = format!("There is no run `{run}` at `{}`", remote.name());
                    return Err(Error::new(ErrorKind::NotFound, message)
                        .with_hint("ids are whole here, with the project in front if need be"));
                }
                several => {
                    let message = format!("`{run}` is the id of several runs: {}", several.join(", "));
                    return Err(Error::usage(message).with_hint("give one of these names"));
                }
            }
        }
        heads.retain(|head| runs.is_empty() || runs.iter().any(|run| named(head, run)));
        Ok((heads, hidden))
    }

    fn print(&self, rows: &[Row], output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(&rows);
        }
        for row in rows {
            let name = &row.run;
            let Some(pulled) = &row.pulled else {
                output.line(format!("FAILED      {name}: {}", row.error.as_deref().unwrap_or_default()))?;
                if let Some(hint) = &row.hint {
                    output.line(format!("            {hint}"))?;
                }
                continue;
            };
            let path = pulled.path.display();
            let came = format!("{}, {}", count(pulled.files, "file"), bytes(pulled.bytes));
            let absent = match pulled.absent {
                0 => String::new(),
                n => format!("; {} not at the remote", count(n, "file")),
            };
            let open = pulled.open.as_ref().map_or(String::new(), open);
            output.line(match pulled.status {
                Pulled::New => format!("pulled      {name}: {path}, {came}{absent}{open}"),
                Pulled::Completed => format!("completed   {name}: {path}, {came}{absent}{open}"),
                Pulled::UpToDate => format!("up to date  {name}{absent}{open}"),
                Pulled::Left => {
                    format!("left        {name}: {}", pulled.why.as_deref().unwrap_or_default())
                }
            })?;
        }
        if rows.is_empty() {
            output.line("No runs to pull")?;
        }
        Ok(())
    }
}

fn waits(directory: &Path) {
    to_stderr(&format!("waiting for another danlu that pulls or imports into `{}`", directory.display()));
}

/// Says of a run that it is as far as it was pushed, and no further.
fn open(open: &Open) -> String {
    let until = open.last_step.map_or(String::new(), |step| format!(" until step {step}"));
    format!("; it was still open when it was last pushed: {}{until}", count(open.records, "record"))
}
