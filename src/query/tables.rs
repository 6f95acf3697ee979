//! Tables over many run files: `runs`, `history`, `config`, `summary`, `files`, each with the run in front.
//!
//! They are virtual tables (<https://sqlite.org/vtab.html>): a query over them opens one run file after the other, and
//! only those and only that key which `run = …` and `key = …` leave over.
#![expect(
    unsafe_code,
    reason = "rusqlite's traits for virtual tables are unsafe to implement: the layout is theirs"
)]

mod bounds;
mod history;

pub(super) use bounds::Bounds;

use super::RunInfo;
use crate::model::{Error, Result};
use bounds::Share;
use history::History;
use rusqlite::Connection;
use rusqlite::ffi;
use rusqlite::types::Value;
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

/// Which table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Runs,
    History,
    Config,
    Summary,
    Files,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Runs, Self::History, Self::Config, Self::Summary, Self::Files];

    fn name(self) -> &'static CStr {
        match self {
            Self::Runs => c"runs",
            Self::History => c"history",
            Self::Config => c"config",
            Self::Summary => c"summary",
            Self::Files => c"files",
        }
    }

    /// Its columns after `run`.
    fn columns(self) -> &'static str {
        match self {
            Self::Runs => {
                "entity, project, name, state, exit_code, started, ended, host, records, last_step, bytes, path, digest"
            }
            Self::History => "step, time, key, value, rank",
            Self::Config | Self::Summary => "key, value",
            Self::Files => "path, size, sha256, time",
        }
    }

    /// The place of the column `key`, counted from `run`.
    fn key_column(self) -> Option<c_int> {
        match self {
            Self::History => Some(3),
            Self::Config | Self::Summary => Some(1),
            Self::Runs | Self::Files => None,
        }
    }
}

type Runs = Arc<Vec<RunInfo>>;

/// Opens a database in memory that has the tables over these runs, which are read within bounds.
pub(super) fn open(runs: Vec<RunInfo>, bounds: &Arc<Bounds>) -> Result<Connection> {
    const MODULE: Module<'static, Table> = Module::eponymous_only_module();
    let connection = Connection::open_in_memory()?;
    let runs = Arc::new(runs);
    for kind in Kind::ALL {
        connection.create_module(
            kind.name(),
            &MODULE,
            Some((kind, Arc::clone(&runs), Arc::clone(bounds))),
        )?;
    }
    Ok(connection)
}

#[repr(C)]
struct Table {
    base: ffi::sqlite3_vtab,
    kind: Kind,
    runs: Runs,
    bounds: Arc<Bounds>,
}

/// Bits of the plan that [`Table::best_index`] hands to [`Cursor::filter`].
const BY_RUN: c_int = 1;
const BY_KEY: c_int = 2;

// SAFETY: `base` is the first member of a `#[repr(C)]` struct, as the trait asks.
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = (Kind, Runs, Arc<Bounds>);
    type Cursor = Cursor<'vtab>;

    fn connect(
        _: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let (kind, runs, bounds) =
            aux.cloned().ok_or_else(|| failed(&Error::usage("The table has no runs")))?;
        let schema = CString::new(format!("CREATE TABLE x(run, {})", kind.columns()))?;
        Ok((Cow::Owned(schema), Self { base: ffi::sqlite3_vtab::default(), kind, runs, bounds }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let (mut by_run, mut by_key) = (None, None);
        for (n, constraint) in info.constraints().enumerate() {
            if !constraint.is_usable()
                || constraint.operator() != IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
            {
                continue;
            }
            if constraint.column() == 0 {
                by_run = Some(n);
            } else if self.kind.key_column() == Some(constraint.column()) {
                by_key = Some(n);
            }
        }
        let (mut plan, mut arguments, mut cost) = (0, 0, 1e9);
        for (place, bit) in [(by_run, BY_RUN), (by_key, BY_KEY)] {
            if let Some(place) = place {
                arguments += 1;
                plan |= bit;
                cost /= 100.0;
                info.constraint_usage(place).set_argv_index(arguments);
            }
        }
        info.set_idx_num(plan);
        info.set_estimated_cost(cost);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            kind: self.kind,
            runs: Arc::clone(&self.runs),
            next_run: 0,
            only_run: None,
            only_key: None,
            parts: VecDeque::new(),
            file: None,
            rows: VecDeque::new(),
            share: Share::of(Arc::clone(&self.bounds)),
            row_id: 0,
            phantom: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    kind: Kind,
    runs: Runs,
    next_run: usize,
    only_run: Option<String>,
    only_key: Option<String>,
    /// The files of the run whose history is being read that are still to come.
    parts: VecDeque<(String, PathBuf)>,
    /// The one that is being read.
    file: Option<History>,
    rows: VecDeque<Vec<Value>>,
    /// What the rows take up.
    share: Share,
    row_id: i64,
    phantom: PhantomData<&'vtab Table>,
}

impl Cursor<'_> {
    /// Reads until there is a row, or no run is left.
    fn advance(&mut self) -> Result<()> {
        while self.rows.is_empty() {
            self.share.give_back();
            if let Some(file) = &mut self.file {
                self.rows = file.piece(&mut self.share)?;
                if self.rows.is_empty() {
                    self.file = None;
                }
                continue;
            }
            if let Some((run, part)) = self.parts.pop_front() {
                self.file = Some(History::open(&part, run, self.only_key.as_deref(), &self.share)?);
                continue;
            }
            let Some(run) = self.runs.get(self.next_run) else {
                return Ok(());
            };
            self.next_run += 1;
            if self.only_run.as_ref().is_some_and(|only| *only != run.id) {
                continue;
            }
            match self.kind {
                Kind::Runs => self.rows.push_back(run_row(run)),
                Kind::History => {
                    self.parts.extend(run.parts.iter().map(|part| (run.id.clone(), part.clone())));
                }
                kind => self.rows = view_rows(run, kind, &mut self.share)?,
            }
        }
        Ok(())
    }
}

// SAFETY: `base` is the first member of a `#[repr(C)]` struct, as the trait asks.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, arguments: &Filters<'_>) -> rusqlite::Result<()> {
        let mut arguments =
            arguments.iter().map(|value| value.as_str().ok().map(str::to_owned).unwrap_or_default());
        self.only_run = if plan & BY_RUN == 0 { None } else { arguments.next() };
        self.only_key = if plan & BY_KEY == 0 { None } else { arguments.next() };
        (self.next_run, self.row_id, self.file) = (0, 0, None);
        self.parts.clear();
        self.rows.clear();
        self.share.give_back();
        self.advance().map_err(|e| failed(&e))
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.rows.pop_front();
        self.row_id += 1;
        self.advance().map_err(|e| failed(&e))
    }

    fn eof(&self) -> bool {
        self.rows.is_empty()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        context.set_result(self.rows.front().and_then(|row| row.get(column)).unwrap_or(&Value::Null))
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.row_id)
    }
}

fn failed(error: &Error) -> rusqlite::Error {
    rusqlite::Error::ModuleError(error.to_string())
}

fn run_row(run: &RunInfo) -> Vec<Value> {
    let whole = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    vec![
        run.id.clone().into(),
        run.entity.clone().into(),
        run.project.clone().into(),
        run.name.clone().into(),
        run.state.name().to_owned().into(),
        run.exit_code.into(),
        run.started.into(),
        run.ended.into(),
        run.host.clone().into(),
        whole(run.records),
        run.last_step.into(),
        whole(run.bytes),
        (!run.path.as_os_str().is_empty()).then(|| run.path.display().to_string()).into(),
        run.digest.map(|digest| digest.to_string()).into(),
    ]
}

/// Reads a view of all files of a run, by its first column: what the newest says counts.
fn view_rows(run: &RunInfo, kind: Kind, share: &mut Share) -> Result<VecDeque<Vec<Value>>> {
    let view = kind.name().to_string_lossy();
    let mut found: Vec<Vec<Value>> = Vec::new();
    for (n, part) in run.parts.iter().enumerate() {
        let connection = share.bounds().open(part)?;
        let mut statement = connection.prepare(&format!("SELECT {} FROM {view}", kind.columns()))?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = std::iter::once(Ok(Value::from(run.id.clone()))).chain((0..width).map(|n| row.get(n)));
            let row = row.collect::<rusqlite::Result<Vec<Value>>>()?;
            share.take(&row)?;
            match found.iter_mut().find(|known| n > 0 && known.get(1) == row.get(1)) {
                Some(known) => *known = row,
                None => found.push(row),
            }
        }
    }
    Ok(found.into())
}
