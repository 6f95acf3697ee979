//! `danlu show`.

use super::Common;
use super::lines::{started, state};
use super::output::{Output, bytes};
use super::there::{Looked, There};
use crate::model::Result;
use crate::query;
use clap::Args;

/// Show one run: config, summary, keys and files
#[derive(Debug, Args)]
pub(super) struct Show {
    /// A run id or its beginning (with its project in front, such as `mnist/ab12`, if several have it), the path of a run
    /// file, or `latest`
    run: String,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let details = match self.there.find(self.common.dir)? {
            Looked::There(remote) if remote.server.is_some() => remote.details(&self.run)?,
            looked => query::united_details(&looked.run(&self.run)?)?,
        };
        if self.common.format.json {
            output.json(&details)?;
        } else {
            print(&details, output)?;
        }
        Ok(true)
    }
}

fn print(details: &query::RunDetails, output: &mut Output) -> Result<()> {
    let info = &details.info;
    let tags = Vec::from_iter(details.tags.iter().map(String::as_str)).join(", ");
    let digest = info.digest.map(|digest| digest.to_string()).unwrap_or_default();
    let files = if info.parts.is_empty() { std::slice::from_ref(&info.path) } else { info.parts.as_slice() };
    let files: Vec<String> = files.iter().map(|part| part.display().to_string()).collect();
    let seconds = info.ended.map(|ended| format!("{:.1} s", ended - info.started)).unwrap_or_default();
    for (title, text) in [
        ("run", &info.id),
        ("project", &info.project),
        ("entity", &info.entity),
        ("name", &info.name),
        ("group", &details.group),
        ("job type", &details.job_type),
        ("tags", &tags),
        ("notes", &details.notes),
        ("state", &state(info)),
        ("started", &started(info)),
        ("took", &seconds),
        ("host", &info.host),
        ("records", &info.records.to_string()),
        ("file", &format!("{} ({})", files.join(", "), bytes(info.bytes))),
        ("digest", &digest),
    ] {
        if !text.is_empty() {
            output.line(format!("{title:<9} {text}"))?;
        }
    }
    for lost in &details.losses {
        output.line(format!("{:<9} {}: {}", "lost", lost.records, lost.why))?;
    }
    for (title, values) in [("config", &details.config), ("summary", &details.summary)] {
        if let Some(values) = values.as_object().filter(|values| !values.is_empty()) {
            output.line("")?;
            output.line(title)?;
            let rows: Vec<_> =
                values.iter().map(|(key, value)| vec![format!("  {key}"), value.to_string()]).collect();
            output.table(&["  KEY", "VALUE"], &rows)?;
        }
    }
    if !details.keys.is_empty() {
        output.line("")?;
        output.line("history")?;
        let rows: Vec<_> =
            details.keys.iter().map(|key| vec![format!("  {}", key.key), key.points.to_string()]).collect();
        output.table(&["  KEY", ">POINTS"], &rows)?;
    }
    if !details.files.is_empty() {
        output.line("")?;
        output.line("files")?;
        let rows: Vec<_> = details
            .files
            .iter()
            .map(|file| {
                vec![format!("  {}", file.path), bytes(file.size), file.sha256.to_string()[..12].to_owned()]
            })
            .collect();
        output.table(&["  PATH", ">SIZE", "SHA-256"], &rows)?;
    }
    Ok(())
}
