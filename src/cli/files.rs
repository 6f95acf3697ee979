//! `danlu files`.

use super::Common;
use super::lines::time;
use super::output::{Output, bytes};
use super::there::There;
use crate::model::Result;
use crate::query::{self, FileVersion};
use clap::Args;
use serde::Serialize;

/// List the files that a run has saved
///
/// Of each its newest version, or every version with `--all`. `danlu get` reads them out.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// A run id or its beginning (with its project in front, such as `mnist/ab12`, if several have it), the path of a run
    /// file, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// List every version
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

/// The newest version of a file, and how many there are.
#[derive(Serialize)]
struct Newest<'a> {
    #[serde(flatten)]
    newest: &'a FileVersion,
    versions: u64,
}

impl Files {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        let info = std::mem::take(&mut self.there).find(self.common.dir.clone())?.run(&self.run)?;
        let versions = query::file_versions(&info)?;
        if self.all {
            self.print_all(&versions, output)?;
        } else {
            self.print_newest(&versions, output)?;
        }
        Ok(true)
    }

    fn print_all(&self, versions: &[FileVersion], output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(&versions);
        }
        let row = |file: &FileVersion| {
            vec![file.path.clone(), file.version.to_string(), bytes(file.size), time(file.time), short(file)]
        };
        let rows: Vec<_> = versions.iter().map(row).collect();
        self.print(&["PATH", ">VERSION", ">SIZE", "TIME", "SHA-256"], &rows, output)
    }

    fn print_newest(&self, versions: &[FileVersion], output: &mut Output) -> Result<()> {
        let files: Vec<Newest<'_>> = versions
            .chunk_by(|a, b| a.path == b.path)
            .filter_map(|all| all.last().map(|newest| Newest { newest, versions: newest.version }))
            .collect();
        if self.common.format.json {
            return output.json(&files);
        }
        let row = |file: &Newest<'_>| {
            let Newest { newest, versions } = file;
            vec![
                newest.path.clone(),
                bytes(newest.size),
                versions.to_string(),
                time(newest.time),
                short(newest),
            ]
        };
        let rows: Vec<_> = files.iter().map(row).collect();
        self.print(&["PATH", ">SIZE", ">VERSIONS", "TIME", "SHA-256"], &rows, output)
    }

    fn print(&self, heading: &[&str], rows: &[Vec<String>], output: &mut Output) -> Result<()> {
        if rows.is_empty() {
            return output.line(format!("No files in run {}", self.run));
        }
        output.table(heading, rows)
    }
}

fn short(file: &FileVersion) -> String {
    file.sha256.to_string()[..12].to_owned()
}
