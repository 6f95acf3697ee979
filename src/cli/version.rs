//! `danlu version`.

use super::Format;
use super::output::Output;
use crate::model::Result;
use clap::Args;
use serde_json::json;

/// Print the version of danlu and of the SQLite inside it
#[derive(Debug, Args)]
pub(super) struct Version {
    #[command(flatten)]
    format: Format,
}

impl Version {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        if self.format.json {
            output.json(&json!({"danlu": crate::VERSION, "sqlite": rusqlite::version()}))?;
        } else {
            output.line(format!("danlu {} (SQLite {})", crate::VERSION, rusqlite::version()))?;
        }
        Ok(true)
    }
}
