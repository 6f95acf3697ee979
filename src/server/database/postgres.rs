//! The catalogue in PostgreSQL, which several servers share.

use super::{Cell, Database, Dialect, Row, Session, Work};
use crate::model::{Error, ErrorKind, Hash, Result};
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Config, Statement};
use r2d2::ManageConnection;
use r2d2_postgres::PostgresConnectionManager;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How many connections are open at most, for questions and for locks on runs.
const CONNECTIONS: u32 = 12;
const HELD: u32 = 8;

/// How long to wait for a connection, and for another server to be done with a run.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a transaction is tried that the database gave up for another one.
const TRIES: u32 = 5;

type Pool = r2d2::Pool<Manager>;

/// A PostgreSQL database.
pub(in crate::server) struct Postgres {
    pool: Pool,
    /// Apart from the others, so that who holds a run can always write it down.
    holders: Pool,
}

impl Postgres {
    /// Connects to it.
    ///
    /// # Errors
    /// The address is none, or the database cannot be reached.
    pub(in crate::server) fn open(address: &str) -> Result<Self> {
        let mut config: Config = address.parse().map_err(|e| {
            Error::usage("The address of the catalogue cannot be read").with_source(redacted(&e)).with_hint(
                "one looks like postgres://danlu@db.example.org/danlu; the password may be in PGPASSWORD",
            )
        })?;
        config.connect_timeout(Duration::from_secs(10)).application_name("danlu");
        // Another part of the process may have chosen a provider already; that one is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        // A machine without certificates trusts nobody, and needs none for a socket.
        let trusting_none = || {
            let roots = rustls::RootCertStore::empty();
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
        };
        let tls = MakeRustlsConnect::with_native_certs()
            .map_or_else(|_| MakeRustlsConnect::new(trusting_none()), |(tls, _)| tls);
        config.connect(tls.clone()).map_err(|e| refused(e, "Cannot reach the catalogue"))?;
        let pool = |size| {
            let manager = Manager(PostgresConnectionManager::new(config.clone(), tls.clone()));
            r2d2::Pool::builder()
                .max_size(size)
                .min_idle(Some(0))
                .connection_timeout(PATIENCE)
                .build_unchecked(manager)
        };
        Ok(Self { pool: pool(CONNECTIONS), holders: pool(HELD) })
    }
}

/// An address may hold a password; a parser's error names the part that it did not like.
fn redacted(error: &postgres::Error) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

fn checked_out(pool: &Pool) -> Result<r2d2::PooledConnection<Manager>> {
    pool.get().map_err(|e| {
        Error::new(ErrorKind::Unreachable, "The catalogue cannot be reached, or has too much to do")
            .with_source(e)
    })
}

fn refused(error: postgres::Error, what: &str) -> Error {
    let state = error.code().cloned();
    let kind = match &state {
        None => ErrorKind::Unreachable,
        Some(state) if *state == SqlState::DISK_FULL => ErrorKind::Io,
        Some(state) if *state == SqlState::UNIQUE_VIOLATION => ErrorKind::Conflict,
        Some(state) if *state == SqlState::LOCK_NOT_AVAILABLE || *state == SqlState::QUERY_CANCELED => {
            ErrorKind::Busy
        }
        Some(state) if state.code().starts_with("57") || state.code().starts_with("53") => {
            ErrorKind::Unreachable
        }
        Some(_) => ErrorKind::Io,
    };
    if state == Some(SqlState::DISK_FULL) {
        return Error::new(kind, what).with_source(std::io::Error::from(std::io::ErrorKind::StorageFull));
    }
    let hint = "check that PostgreSQL runs, and the address; TLS needs a certificate that this machine trusts, \
                or `?sslmode=disable`";
    let told = Error::new(kind, what).with_source(error);
    if state.is_none() { told.with_hint(hint) } else { told }
}

fn failed(error: postgres::Error) -> Error {
    refused(error, "Cannot use the catalogue")
}

/// Makes connections that remember their statements.
struct Manager(PostgresConnectionManager<MakeRustlsConnect>);

struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
    /// Whether a transaction is under way: such a connection is thrown away.
    busy: bool,
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = postgres::Error;

    fn connect(&self) -> std::result::Result<Connection, postgres::Error> {
        let mut client = self.0.connect()?;
        client.batch_execute(&format!("SET lock_timeout = {}", PATIENCE.as_millis()))?;
        Ok(Connection { client, statements: HashMap::new(), busy: false })
    }

    fn is_valid(&self, connection: &mut Connection) -> std::result::Result<(), postgres::Error> {
        self.0.is_valid(&mut connection.client)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.busy || self.0.has_broken(&mut connection.client)
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        work(&mut *checked_out(&self.pool)?)
    }

    fn write(&self, work: &mut Work<'_>) -> Result<()> {
        let mut connection = checked_out(&self.pool)?;
        for _ in 1..TRIES {
            match connection.transact(work) {
                Err(e) if gave_way(&e) => {}
                done => return done,
            }
        }
        connection.transact(work)
    }

    fn jot(&self, sql: &str, values: &[Cell]) -> Result<()> {
        self.write(&mut |session| {
            session.batch("SET LOCAL synchronous_commit = off")?;
            session.execute(sql, values).map(|_| ())
        })
    }

    fn hold(&self, what: &[Hash]) -> Result<Box<dyn Send>> {
        let mut connection = checked_out(&self.holders)?;
        let numbers: Vec<i64> = what.iter().copied().map(number_of).collect();
        connection.busy = true;
        let sql = "SELECT pg_advisory_lock(n) FROM unnest($1::bigint[]) AS n";
        connection.client.execute(sql, &[&numbers]).map_err(failed)?;
        Ok(Box::new(Held(connection)))
    }

    fn copy_to(&self, _: &Path) -> Result<()> {
        Err(Error::usage("A PostgreSQL catalogue is copied by `pg_dump`"))
    }
}

fn number_of(what: Hash) -> i64 {
    what.0.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// A lock that ends with its connection: a server that was killed holds nothing.
struct Held(r2d2::PooledConnection<Manager>);

impl Drop for Held {
    fn drop(&mut self) {
        let freed = self.0.client.execute("SELECT pg_advisory_unlock_all()", &[]);
        self.0.busy = freed.is_err();
    }
}

/// Says whether a transaction was given up for another one.
fn gave_way(error: &Error) -> bool {
    let state = StdError::source(error).and_then(|e| e.downcast_ref::<postgres::Error>()?.code());
    state.is_some_and(|s| *s == SqlState::T_R_SERIALIZATION_FAILURE || *s == SqlState::T_R_DEADLOCK_DETECTED)
}

impl Connection {
    fn transact(&mut self, work: &mut Work<'_>) -> Result<()> {
        self.busy = true;
        self.client.batch_execute("BEGIN").map_err(failed)?;
        let done = work(self).and_then(|()| self.client.batch_execute("COMMIT").map_err(failed));
        if done.is_err() {
            self.client.batch_execute("ROLLBACK").map_err(failed)?;
        }
        self.busy = false;
        done
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let made = self.client.prepare(&sql.replace('?', "$")).map_err(failed)?;
        // Lists of filters come in many forms.
        if self.statements.len() >= 256 {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), made.clone());
        Ok(made)
    }
}

impl Session for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Row>> {
        let statement = self.prepared(sql)?;
        let rows = self.client.query(&statement, &borrowed(values)).map_err(failed)?;
        rows.iter().map(|row| (0..row.len()).map(|n| cell(row, n)).collect::<Result<_>>().map(Row)).collect()
    }

    fn execute(&mut self, sql: &str, values: &[Cell]) -> Result<u64> {
        let statement = self.prepared(sql)?;
        self.client.execute(&statement, &borrowed(values)).map_err(failed)
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(failed)
    }
}

fn borrowed(values: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

fn cell(row: &postgres::Row, n: usize) -> Result<Cell> {
    let kind = row.columns()[n].type_();
    let read = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(n).map(Cell::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(n).map(|value| value.map(i64::from).into()),
        Type::BOOL => row.try_get::<_, Option<bool>>(n).map(Cell::from),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(n).map(Cell::from),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(n).map(|b| b.map_or(Cell::Null, Cell::Bytes)),
        _ => row.try_get::<_, Option<String>>(n).map(|text| text.map_or(Cell::Null, Cell::Text)),
    };
    read.map_err(failed)
}

impl ToSql for Cell {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            #[expect(clippy::cast_precision_loss, reason = "the column is one of numbers")]
            Self::Int(value) if *kind == Type::FLOAT8 => (*value as f64).to_sql(kind, out),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
