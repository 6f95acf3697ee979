//! What a run file has already.

use super::ledger::Marks;
use crate::model::{Hash, Result, Start, Value, limits};
use crate::store;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the run has.
#[derive(Default)]
pub(super) struct Known {
    pub(super) config: BTreeMap<String, Value>,
    pub(super) summary: BTreeMap<String, Value>,
    /// The newest version of each file.
    pub(super) files: BTreeMap<String, Hash>,
    /// What was imported of each part, by its name.
    pub(super) parts: BTreeMap<String, Imported>,
    pub(super) attempts: usize,
}

/// What `info` of a start says of where the attempt is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Imported {
    pub(super) tool: String,
    /// What the tool calls the run.
    pub(super) run: String,
    pub(super) part: String,
    /// How far the part was read.
    pub(super) read: Marks,
    /// Hash of what is no part of a lane: config, summary, files, how it ended.
    pub(super) state: String,
}

impl Known {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let mut parts = BTreeMap::new();
        let attempts = store::attempts(connection)?.len();
        let mut infos = connection.prepare("SELECT info FROM attempt ORDER BY id")?;
        for info in infos.query_map([], |row| row.get::<_, String>(0))? {
            let Ok(mut info) = serde_json::from_str::<serde_json::Value>(&info?) else { continue };
            if let Ok(imported) = serde_json::from_value::<Imported>(info["import"].take()) {
                parts.insert(imported.part.clone(), imported);
            }
        }
        let mut files = connection.prepare("SELECT path, sha256 FROM files")?;
        let files = files.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let files: rusqlite::Result<Vec<_>> = files.collect();
        let hash = |(path, hex): (String, String)| Hash::parse(&hex).map(|hash| (path, hash));
        Ok(Self {
            config: store::config(connection)?.into_iter().collect(),
            summary: store::summary(connection)?.into_iter().collect(),
            files: files?.into_iter().filter_map(hash).collect(),
            parts,
            attempts,
        })
    }

    /// Returns the start of an attempt that was imported, with what it was imported from.
    pub(super) fn info(imported: &Imported, head: &serde_json::Map<String, serde_json::Value>) -> String {
        // What a tool keeps there has no bound of its own.
        let is_small = serde_json::to_string(head).is_ok_and(|text| text.len() <= limits::IMPORT_INFO_BYTES);
        let mut info = if is_small { head.clone() } else { serde_json::Map::new() };
        info.insert("import".to_owned(), serde_json::to_value(imported).unwrap_or_default());
        serde_json::Value::Object(info).to_string()
    }

    /// Says whether the run is one that was imported.
    pub(super) fn is_import(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// Cuts what is longer than it can be.
pub(super) fn fit(start: &mut Start) {
    use crate::model::limits::NAME_BYTES;
    for text in [&mut start.name, &mut start.group, &mut start.job_type, &mut start.host] {
        *text = super::head::cut(std::mem::take(text), NAME_BYTES);
    }
    start.notes = super::head::cut(std::mem::take(&mut start.notes), 1 << 20);
    start.tags = start.tags.drain(..).map(|tag| super::head::cut(tag, NAME_BYTES)).collect();
}
