//! Runs: written down as their run files are, and listed.

use super::edits::laid_over;
use super::{Catalogue, EventKind, Glance, Own, events, references};
use crate::model::{Error, Hash, Result, RunId, RunKey};
use crate::remote::{Object, RunHead};
use crate::server::database::{Cell, Row, Session, cells};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// How long an open run may be silent before it counts as crashed, in microseconds.
pub(in crate::server) const SILENCE: i64 = 600_000_000;

/// A run as lists show it.
#[derive(Debug, Clone)]
pub(in crate::server) struct Listed {
    /// The hash of its key.
    pub(in crate::server) key: Hash,
    /// Which it is.
    pub(in crate::server) run: RunKey,
    /// What people see of it: edits laid over what it says.
    pub(in crate::server) own: Own,
    /// What it does within the group.
    pub(in crate::server) job_type: String,
    /// The machine that began it.
    pub(in crate::server) host: String,
    /// How it is; see [`Self::state`].
    stored_state: String,
    /// Whether an attempt is not sealed.
    pub(in crate::server) open: bool,
    /// When it was pushed last.
    pub(in crate::server) heard: i64,
    /// The exit code.
    pub(in crate::server) exit_code: Option<i64>,
    /// When it began, in seconds since 1970.
    pub(in crate::server) started: f64,
    /// When it ended.
    pub(in crate::server) ended: Option<f64>,
    /// The last step.
    pub(in crate::server) last_step: Option<i64>,
    /// How many records it has.
    pub(in crate::server) records: i64,
    /// How many it lost.
    pub(in crate::server) lost: i64,
    /// The length of its segments and files.
    pub(in crate::server) bytes: i64,
    /// The digest of its manifest.
    pub(in crate::server) digest: Hash,
    /// When the server changed what it knows of it, in microseconds.
    pub(in crate::server) updated: i64,
    /// When it was removed.
    pub(in crate::server) removed: Option<i64>,
    /// The config, a JSON object.
    pub(in crate::server) config: Box<RawValue>,
    /// The summary, a JSON object.
    pub(in crate::server) summary: Box<RawValue>,
    /// Who wrote it, and how its metrics are defined: see [`crate::query::Past`].
    past: Box<RawValue>,
}

impl Listed {
    /// The columns of `run` (as `r`) that [`Self::read`] reads.
    pub(in crate::server) const COLUMNS: &'static str = "r.key, r.entity, r.project, r.run_id, r.name, r.job_group, \
        r.notes, r.tags, r.archived, r.job_type, r.host, r.state, r.open, r.heard, r.exit_code, r.started, r.ended, \
        r.last_step, r.records, r.lost, r.bytes, r.digest, r.updated, r.removed, r.config, r.summary, \
        r.past";

    /// Reads a row of [`Self::COLUMNS`].
    ///
    /// # Errors
    /// The catalogue is damaged.
    pub(in crate::server) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            run: RunKey { entity: row.get(1)?, project: row.get(2)?, id: RunId::new(row.get::<String>(3)?)? },
            own: Own {
                name: row.get(4)?,
                job_group: row.get(5)?,
                notes: row.get(6)?,
                tags: serde_json::from_str(&row.get::<String>(7)?).map_err(damaged)?,
                archived: row.get(8)?,
            },
            job_type: row.get(9)?,
            host: row.get(10)?,
            stored_state: row.get(11)?,
            open: row.get(12)?,
            heard: row.get(13)?,
            exit_code: row.get(14)?,
            started: row.get(15)?,
            ended: row.get(16)?,
            last_step: row.get(17)?,
            records: row.get(18)?,
            lost: row.get(19)?,
            bytes: row.get(20)?,
            digest: row.get(21)?,
            updated: row.get(22)?,
            removed: row.get(23)?,
            config: raw(row, 24)?,
            summary: raw(row, 25)?,
            past: raw(row, 26)?,
        })
    }

    /// Returns how it is. An open one that is silent for long has crashed, until it is heard of again.
    pub(in crate::server) fn state(&self, now: i64) -> &str {
        if self.open && self.heard < now - SILENCE { "crashed" } else { &self.stored_state }
    }

    /// Returns it as lists show it.
    pub(in crate::server) fn shown(&self, now: i64) -> Shown<'_> {
        Shown { listed: self, now, with_config: true }
    }

    /// Returns it as lists show it, in a form that can be added to.
    ///
    /// # Errors
    /// The catalogue is damaged.
    pub(in crate::server) fn to_json(&self, now: i64) -> Result<Value> {
        serde_json::to_value(self.shown(now)).map_err(damaged)
    }
}

/// A run as lists show it: its config and summary are handed on as they are kept.
pub(in crate::server) struct Shown<'a> {
    listed: &'a Listed,
    now: i64,
    with_config: bool,
}

impl Shown<'_> {
    /// The same without the config.
    pub(in crate::server) fn without_config(self) -> Self {
        Self { with_config: false, ..self }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let run = self.listed;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &run.key)?;
        map.serialize_entry("id", &run.run.id)?;
        map.serialize_entry("entity", &run.run.entity)?;
        map.serialize_entry("project", &run.run.project)?;
        map.serialize_entry("name", &run.own.name)?;
        map.serialize_entry("state", run.state(self.now))?;
        map.serialize_entry("open", &run.open)?;
        map.serialize_entry("exit_code", &run.exit_code)?;
        map.serialize_entry("started", &run.started)?;
        map.serialize_entry("ended", &run.ended)?;
        map.serialize_entry("host", &run.host)?;
        map.serialize_entry("records", &run.records)?;
        map.serialize_entry("last_step", &run.last_step)?;
        map.serialize_entry("lost", &run.lost)?;
        map.serialize_entry("bytes", &run.bytes)?;
        map.serialize_entry("digest", &run.digest)?;
        map.serialize_entry("group", &run.own.job_group)?;
        map.serialize_entry("job_type", &run.job_type)?;
        map.serialize_entry("notes", &run.own.notes)?;
        map.serialize_entry("tags", &run.own.tags)?;
        map.serialize_entry("archived", &run.own.archived)?;
        map.serialize_entry("updated", &super::accounts::seconds(run.updated))?;
        if self.with_config {
            map.serialize_entry("config", &run.config)?;
        }
        map.serialize_entry("summary", &run.summary)?;
        map.serialize_entry("past", &run.past)?;
        map.end()
    }
}

fn raw(row: &Row, column: usize) -> Result<Box<RawValue>> {
    RawValue::from_string(row.get(column)?).map_err(damaged)
}

fn damaged(error: serde_json::Error) -> Error {
    Error::damaged("The catalogue is damaged").with_source(error)
}

impl Catalogue {
    /// Writes down how runs look now, and which objects they name. Returns what there was of each before.
    ///
    /// # Errors
    /// The database cannot be used; then none is written down.
    pub(in crate::server) fn put_runs(
        &self,
        runs: &[(Glance, Vec<(Object, u64)>)],
        now: i64,
    ) -> Result<Vec<Before>> {
        let before = self.database.writing(|session| {
            let mut before = Vec::new();
            for (glance, objects) in runs {
                before.push(put_run(session, glance, now)?);
                references::put(session, glance.run.hash(), objects, &glance.absent)?;
            }
            for (glance, _) in runs {
                events::put(session, EventKind::Run, &glance.run, now)?;
            }
            Ok(before)
        })?;
        self.tell_of_events()?;
        Ok(before)
    }

    /// Finds a run, removed ones as well.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn run(&self, key: Hash) -> Result<Option<Listed>> {
        let sql = format!("SELECT {} FROM run AS r WHERE r.key = ?1", Listed::COLUMNS);
        self.database.row(&sql, cells![key])?.as_ref().map(Listed::read).transpose()
    }

    /// Finds runs that are not removed: which they are, and the digests of their manifests.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn stands(&self, keys: &[Hash]) -> Result<HashMap<Hash, (Place, Hash)>> {
        let mut found = HashMap::new();
        for some in keys.chunks(IN_ONE) {
            let sql = format!(
                "SELECT key, entity, project, digest FROM run WHERE removed IS NULL AND key IN ({})",
                places(some.len())
            );
            for row in self.database.query(&sql, &some.iter().map(|key| (*key).into()).collect::<Vec<_>>())? {
                let place = Place { entity: row.get(1)?, project: row.get(2)? };
                found.insert(row.get(0)?, (place, row.get(3)?));
            }
        }
        Ok(found)
    }

    /// Finds runs, removed ones as well.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn runs(&self, keys: &[Hash]) -> Result<HashMap<Hash, Listed>> {
        let mut found = HashMap::new();
        for some in keys.chunks(IN_ONE) {
            let sql =
                format!("SELECT {} FROM run AS r WHERE r.key IN ({})", Listed::COLUMNS, places(some.len()));
            for row in self.database.query(&sql, &some.iter().map(|key| (*key).into()).collect::<Vec<_>>())? {
                let listed = Listed::read(&row)?;
                found.insert(listed.key, listed);
            }
        }
        Ok(found)
    }

    /// Lists runs at a glance, those with keys greater than `after`, in the order of keys.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn heads(&self, after: Option<Hash>, limit: usize) -> Result<Vec<RunHead>> {
        let sql = "SELECT key, entity, project, run_id, digest, records, open, absent FROM run
                   WHERE key > ?1 AND removed IS NULL ORDER BY key LIMIT ?2";
        let after = after.map_or_else(|| Cell::Bytes(Vec::new()), Cell::from);
        let rows = self.database.query(sql, &[after, Cell::from(limit as u64)])?;
        let read = |row: &Row| {
            let id = RunId::new(row.get::<String>(3)?)?;
            Ok(RunHead {
                key: row.get(0)?,
                run: RunKey { entity: row.get(1)?, project: row.get(2)?, id },
                digest: row.get(4)?,
                records: row.get::<i64>(5)?.cast_unsigned(),
                open: row.get(6)?,
                absent: row.get::<i64>(7)?.cast_unsigned(),
            })
        };
        rows.iter().map(read).collect()
    }
}

/// Where a run belongs.
#[derive(Debug)]
pub(in crate::server) struct Place {
    /// The entity.
    pub(in crate::server) entity: String,
    /// The project.
    pub(in crate::server) project: String,
}

/// How many runs are named in one statement.
const IN_ONE: usize = 100;

/// Returns so many places for parameters, with commas in between.
fn places(number: usize) -> String {
    (1..=number).map(|n| format!("?{n}")).collect::<Vec<_>>().join(",")
}

/// How much there was of a run before it was written down again; nothing of a new one.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::server) struct Before {
    /// Whether it was there.
    pub(in crate::server) known: bool,
    /// How many records.
    pub(in crate::server) records: u64,
    /// How many values of the history.
    pub(in crate::server) points: u64,
}

/// The columns that follow from a run, in the order of [`put_run`].
const WRITTEN: &str = "key, entity, project, run_id, name, job_group, job_type, notes, tags, host, state, open, heard, \
    exit_code, started, ended, duration, last_step, records, points, lost, bytes, absent, digest, created, updated, archived, \
    config, summary, own, past";

fn put_run(session: &mut dyn Session, glance: &Glance, now: i64) -> Result<Before> {
    let key = glance.run.hash();
    let own = glance.own();
    let seen = laid_over(session, key, &own)?;
    let (details, info) = (&glance.details, &glance.details.info);
    let values = [
        key.into(),
        Cell::from(&glance.run.entity),
        Cell::from(&glance.run.project),
        glance.run.id.as_str().into(),
        Cell::from(&seen.name),
        Cell::from(&seen.job_group),
        Cell::from(&details.job_type),
        Cell::from(&seen.notes),
        Value::from(seen.tags.clone()).to_string().into(),
        Cell::from(&info.host),
        glance.state().into(),
        glance.open.into(),
        now.into(),
        info.exit_code.into(),
        info.started.into(),
        info.ended.into(),
        info.ended.map(|ended| ended - info.started).into(),
        info.last_step.into(),
        info.records.into(),
        glance.points.into(),
        info.lost.into(),
        glance.bytes.into(),
        (glance.absent.len() as u64).into(),
        glance.digest.into(),
        now.into(),
        now.into(),
        seen.archived.into(),
        details.config.to_string().into(),
        details.summary.to_string().into(),
        serde_json::to_string(&own).map_err(damaged)?.into(),
        serde_json::to_string(&details.past).map_err(damaged)?.into(),
    ];
    let before = session.row("SELECT records, points FROM run WHERE key = ?1", cells![key])?;
    session.execute(&upsert(values.len()), &values)?;
    let Some(row) = before else { return Ok(Before::default()) };
    let count = |column| Ok::<_, Error>(row.get::<i64>(column)?.cast_unsigned());
    Ok(Before { known: true, records: count(0)?, points: count(1)? })
}

fn upsert(columns: usize) -> String {
    let kept = ["key", "created"];
    let set: Vec<String> = WRITTEN
        .split(", ")
        .filter(|column| !kept.contains(column))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(
        "INSERT INTO run ({WRITTEN}) VALUES ({}) ON CONFLICT (key) DO UPDATE SET {}",
        places(columns),
        set.join(", ")
    )
}
