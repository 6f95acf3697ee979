//! The tables of the catalogue, and how older ones become them.

use super::Catalogue;
use super::brief::WHOLE;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::server::database::{Database, Dialect, Session, cells};

/// The version of [`TABLES`]. Version 1 may lack the column `past` of `run`; before version 3, `run` had all of configs and
/// summaries, however large they were.
const VERSION: i64 = 3;

/// The setting that says that runs are to be read anew.
const REREAD: &str = "reread";

/// Everything that the server knows beside objects. `run` and `field` follow from run files and edits; the rest is
/// nowhere else.
const TABLES: &str = "
CREATE TABLE account (
    id      $ID,
    name    $TEXT NOT NULL UNIQUE,
    admin   $INT NOT NULL,          -- whether its keys may have the scope `admin`
    created $INT NOT NULL           -- times are microseconds since 1970
) $END;
CREATE TABLE team (
    id      $ID,
    name    $TEXT NOT NULL UNIQUE,  -- the entity of its runs
    created $INT NOT NULL
) $END;
CREATE TABLE member (
    team    $INT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    account $INT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role    $INT NOT NULL,          -- 1 read, 2 write, 3 admin, as the scope of a key
    PRIMARY KEY (team, account)
) $END;
CREATE TABLE api_key (
    id        $TEXT PRIMARY KEY,    -- the beginning of the key: shown, and no secret
    sha256    $BYTES NOT NULL UNIQUE, -- of the key: the key itself is not kept
    account   $INT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name      $TEXT NOT NULL,
    scope     $INT NOT NULL,
    team      $TEXT,                -- the only entity that it is good for
    project   $TEXT,                -- and the only project
    created   $INT NOT NULL,
    expires   $INT,
    revoked   $INT,
    last_used $INT
) $END;
CREATE TABLE run (
    id        $ID,
    key       $BYTES NOT NULL UNIQUE, -- hash of (entity, project, run_id)
    entity    $TEXT NOT NULL,
    project   $TEXT NOT NULL,
    run_id    $TEXT NOT NULL,
    name      $TEXT NOT NULL,       -- name, job_group, notes, tags: edits laid over what the run says
    job_group $TEXT NOT NULL,
    job_type  $TEXT NOT NULL,
    notes     $TEXT NOT NULL,
    tags      $TEXT NOT NULL,       -- a JSON array
    host      $TEXT NOT NULL,
    state     $TEXT NOT NULL,       -- of an open run `running`: see `heard`
    open      $INT NOT NULL,        -- whether an attempt is not sealed
    heard     $INT NOT NULL,        -- when it was pushed last
    exit_code $INT,
    started   $REAL NOT NULL,       -- seconds since 1970, as the run says
    ended     $REAL,
    duration  $REAL,
    last_step $INT,
    records   $INT NOT NULL,
    points    $INT NOT NULL,        -- values of the history
    lost      $INT NOT NULL,
    bytes     $INT NOT NULL,        -- of its records and files
    absent    $INT NOT NULL,        -- how many of its files were left out of the push by choice
    digest    $BYTES NOT NULL,      -- of its manifest: a run file of another one is stale
    created   $INT NOT NULL,
    updated   $INT NOT NULL,
    archived  $INT NOT NULL,
    removed   $INT,                 -- when it was deleted; it is purged later
    config    $TEXT NOT NULL,       -- JSON objects
    summary   $TEXT NOT NULL,
    own       $TEXT NOT NULL,       -- what the run itself says of name, job_group, notes, tags, as a JSON object
    past      $TEXT NOT NULL        -- who wrote it, and how its metrics are defined, as a JSON object
) $END;
CREATE INDEX run_place ON run (entity, project, started);
CREATE INDEX run_started ON run (started);
CREATE INDEX run_removed ON run (removed) WHERE removed IS NOT NULL;
CREATE TABLE edit (
    run     $BYTES NOT NULL,        -- the key of the run
    field   $TEXT NOT NULL,         -- name, job_group, notes, tags, archived
    value   $TEXT NOT NULL,         -- JSON
    account $TEXT NOT NULL,
    time    $INT NOT NULL,
    PRIMARY KEY (run, field)
) $END;
CREATE TABLE comment (
    id      $ID,
    run     $BYTES NOT NULL,
    account $TEXT NOT NULL,
    time    $INT NOT NULL,
    text    $TEXT NOT NULL
) $END;
CREATE INDEX comment_run ON comment (run, id);
CREATE TABLE tombstone (
    run     $BYTES PRIMARY KEY,
    entity  $TEXT NOT NULL,
    project $TEXT NOT NULL,
    run_id  $TEXT NOT NULL,
    account $TEXT NOT NULL,
    time    $INT NOT NULL
) $END;
CREATE TABLE reference (
    object $BYTES NOT NULL,         -- which runs name an object
    kind   $INT NOT NULL,           -- 0 a segment, 1 a blob, 2 a blob that was left out of the push
    run    $BYTES NOT NULL,
    size   $INT NOT NULL,           -- of its content
    PRIMARY KEY (object, kind, run)
) $END;
CREATE INDEX reference_run ON reference (run);
CREATE TABLE event (
    id      $ID,                    -- grows: whoever saw one saw all before
    time    $INT NOT NULL,
    kind    $TEXT NOT NULL,         -- run, removed
    run     $BYTES NOT NULL,
    entity  $TEXT NOT NULL,
    project $TEXT NOT NULL
) $END;
CREATE TABLE setting (
    name  $TEXT PRIMARY KEY,
    value $TEXT NOT NULL
) $END;
";

/// Makes the tables, or brings them to this version.
///
/// # Errors
/// The database refuses, or is of a newer version.
pub(super) fn prepare(database: &dyn Database, now: i64) -> Result<()> {
    let schema = database.dialect().schema(TABLES);
    database.writing(|session| {
        if session.dialect() == Dialect::Postgres {
            // Several servers may start at once.
            session.batch("SELECT pg_advisory_xact_lock(7236838)")?;
        }
        match version(session)? {
            Some(VERSION) => return Ok(()),
            Some(newer) if newer > VERSION => {
                let message = format!("The catalogue is of version {newer}, and this danlu knows {VERSION}");
                return Err(Error::new(ErrorKind::Version, message).with_hint("update danlu"));
            }
            Some(_) => return upgrade(session),
            None => {}
        }
        let old = has_table(session, "api_key")?;
        if old {
            session.batch("ALTER TABLE api_key RENAME TO old_key; DROP TABLE run;")?;
        }
        session.batch(&schema)?;
        if old {
            take_over_keys(session, now)?;
        }
        session.execute("INSERT INTO setting VALUES ('version', ?1)", cells![VERSION.to_string()])?;
        Ok(())
    })
}

/// Brings the tables of older versions to this one. What is new of a run follows from the run, which is read anew: a digest
/// that none has says so of each.
fn upgrade(session: &mut dyn Session) -> Result<()> {
    if !has_column(session, "run", "past")? {
        let sql = "ALTER TABLE run ADD COLUMN past $TEXT NOT NULL DEFAULT '{}';";
        let sql = session.dialect().schema(sql);
        session.batch(&sql)?;
        session.execute("UPDATE run SET digest = ?1", cells![Hash([0; 32])])?;
    }
    let large = "octet_length(config) + octet_length(summary) + octet_length(past) + octet_length(notes)";
    let sql = format!("UPDATE run SET digest = ?1 WHERE {large} > ?2");
    session.execute(&sql, cells![Hash([0; 32]), WHOLE as u64])?;
    session.execute("INSERT INTO setting VALUES (?1, '') ON CONFLICT DO NOTHING", cells![REREAD])?;
    session.execute("UPDATE setting SET value = ?1 WHERE name = 'version'", cells![VERSION.to_string()])?;
    Ok(())
}

impl Catalogue {
    /// Says whether runs are to be read anew.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn is_to_be_reread(&self) -> Result<bool> {
        Ok(self.database.row("SELECT 1 FROM setting WHERE name = ?1", cells![REREAD])?.is_some())
    }

    /// Notes that runs were read anew.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn was_reread(&self) -> Result<()> {
        self.database.execute("DELETE FROM setting WHERE name = ?1", cells![REREAD]).map(|_| ())
    }
}

fn has_column(session: &mut dyn Session, table: &str, column: &str) -> Result<bool> {
    let sql = match session.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2",
        Dialect::Postgres => {
            "SELECT 1 FROM information_schema.columns
             WHERE table_name = ?1 AND column_name = ?2 AND table_schema = current_schema()"
        }
    };
    Ok(session.row(sql, cells![table, column])?.is_some())
}

fn version(session: &mut dyn Session) -> Result<Option<i64>> {
    if !has_table(session, "setting")? {
        return Ok(None);
    }
    let row = session.row("SELECT value FROM setting WHERE name = 'version'", &[])?;
    Ok(row.map(|row| row.get::<String>(0)).transpose()?.and_then(|text| text.parse().ok()))
}

fn has_table(session: &mut dyn Session, name: &str) -> Result<bool> {
    let sql = match session.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        Dialect::Postgres => {
            "SELECT 1 FROM information_schema.tables WHERE table_name = ?1 AND table_schema = current_schema()"
        }
    };
    Ok(session.row(sql, cells![name])?.is_some())
}

/// Keys of before there were accounts could do everything, and still can. Their runs are read anew from the run files.
fn take_over_keys(session: &mut dyn Session, now: i64) -> Result<()> {
    session.execute("INSERT INTO account (name, admin, created) VALUES ('admin', 1, ?1)", cells![now])?;
    session.batch(
        "INSERT INTO api_key (id, sha256, account, name, scope, created)
         SELECT 'old_' || lower(substr(hex(sha256), 1, 8)), sha256, (SELECT id FROM account), name, 3, created FROM old_key;
         DROP TABLE old_key;",
    )
}
