//! `danlu verify`.

use super::output::{Output, count, warn};
use super::{Common, here_and_now};
use crate::model::{ErrorKind, Result};
use crate::remote::Directory;
use crate::store::{self, Damage, LeftOut, Report};
use crate::{query, remote};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Prove that runs hold what was written, and name what does not
///
/// Recomputes the checksums of every record and every stored file. Exits with 1 if anything is damaged.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Runs by id, path or `latest`, or directories that were synced to; all runs of the directory if none is named
    #[arg(value_name = "RUN|REMOTE")]
    targets: Vec<String>,

    #[command(flatten)]
    common: Common,
}

/// What was checked and how it went.
#[derive(Serialize)]
struct Checked {
    target: String,
    ok: bool,
    #[serde(flatten)]
    report: Report,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let mut checked = Vec::new();
        for target in &self.targets {
            if Directory::is_one(Path::new(target)) {
                checked.push(check_remote(Path::new(target))?);
                continue;
            }
            for part in self.paths_of(target)? {
                let name = part.file_name().unwrap_or_default().to_string_lossy().into_owned();
                checked.push(check_run(name, &part)?);
            }
        }
        if self.targets.is_empty() {
            let runs = all_runs(&self.common.dir)?;
            if runs.is_empty() && !self.common.format.json {
                output.line(format!("No runs in {}", query::run_directory(&self.common.dir).display()))?;
            }
            for path in runs {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                checked.push(check_run(name, &path)?);
            }
        }
        let whole = checked.iter().all(|one| one.ok);
        if self.common.format.json {
            output.json(&checked)?;
        } else {
            checked.iter().try_for_each(|one| print(one, output))?;
        }
        Ok(whole)
    }

    /// Finds the files of a run. A path is taken as it is: a file that is too damaged to list can be named.
    fn paths_of(&self, target: &str) -> Result<Vec<PathBuf>> {
        let (host, now) = here_and_now();
        if Path::new(target).is_file() {
            let path = PathBuf::from(target);
            store::recover(&path, &host, now, &warn).unwrap_or_else(|e| {
                warn(e.to_string());
                0
            });
            return Ok(vec![path]);
        }
        let unreadable = query::unreadable_of(&self.common.dir, target, &host, now, &warn)?;
        let readable = match query::find(&self.common.dir, target, &host, now, &warn) {
            Err(e) if e.kind() != ErrorKind::Usage && !unreadable.is_empty() => Vec::new(),
            found => found?.parts,
        };
        Ok(readable.into_iter().chain(unreadable).collect())
    }
}

fn all_runs(dir: &Path) -> Result<Vec<PathBuf>> {
    let (host, now) = here_and_now();
    let found = query::list(dir, &host, now, &warn)?;
    let readable = found.runs.into_iter().map(|run| run.path);
    Ok(readable.chain(found.unreadable.into_iter().map(|(path, _)| path)).collect())
}

fn check_run(target: String, path: &Path) -> Result<Checked> {
    let report = match store::verify(path) {
        Ok(report) => report,
        Err(e) if e.kind() == ErrorKind::Damaged => {
            let damage = vec![Damage { kind: "database", message: e.to_string() }];
            Report { damage, ..Report::default() }
        }
        Err(e) => return Err(e),
    };
    Ok(Checked { target, ok: report.damage.is_empty(), report })
}

fn check_remote(path: &Path) -> Result<Checked> {
    let (runs, objects, damage) = remote::Directory::open(path)?.verify()?;
    let target = format!("{} ({}, {})", path.display(), count(runs, "run"), count(objects, "object"));
    Ok(Checked { target, ok: damage.is_empty(), report: Report { damage, ..Report::default() } })
}

/// Says what was left out when a run was pulled.
fn left_out(found: &LeftOut) -> Vec<String> {
    let is_not_here =
        |files: u64| format!("{} {} not here", count(files, "file"), if files == 1 { "is" } else { "are" });
    let mut lines = Vec::new();
    match found.files - found.nowhere {
        0 => {}
        1 => lines.push(format!("{}: `danlu pull {} {}` brings it", is_not_here(1), found.from, found.run)),
        n => lines.push(format!("{}: `danlu pull {} {}` brings them", is_not_here(n), found.from, found.run)),
    }
    if found.nowhere > 0 {
        lines.push(format!("{}, nor at `{}`, by choice", is_not_here(found.nowhere), found.from));
    }
    lines
}

fn print(checked: &Checked, output: &mut Output) -> Result<()> {
    let report = &checked.report;
    if checked.ok {
        let digest = report.digest.map(|digest| format!(", digest {digest}")).unwrap_or_default();
        let counts = if report.records == 0 {
            String::new()
        } else {
            format!(
                ": {} in {}, {}{digest}",
                count(report.records, "record"),
                count(report.segments, "segment"),
                count(report.blobs, "blob")
            )
        };
        output.line(format!("ok       {}{counts}", checked.target))?;
    } else {
        output.line(format!("DAMAGED  {}", checked.target))?;
    }
    report
        .damage
        .iter()
        .try_for_each(|damage| output.line(format!("         {}: {}", damage.kind, damage.message)))?;
    for line in left_out(&report.left_out) {
        output.line(format!("         {line}"))?;
    }
    if report.open > 0 {
        output.line(format!(
            "         it has not ended, as far as `{}` had it when it was pulled",
            report.open_at
        ))?;
    }
    report.losses.iter().try_for_each(|lost| {
        let what = match lost.records {
            0 => "it may be incomplete: ".to_owned(),
            records => format!("it is incomplete: {records} lost, "),
        };
        output.line(format!("         {what}{}", lost.why))
    })
}
