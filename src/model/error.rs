//! One error type: what failed, on which object, why, and what to do.

use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it was; decides the exit code of the command line and whether a retry makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The caller asked for something that cannot be: a bad name, a bad argument.
    Usage,
    /// The named run, file or object does not exist.
    NotFound,
    /// A limit of [`super::limits`] was reached.
    Limit,
    /// The operating system refused: permission, disk full, no such directory.
    Io,
    /// Stored bytes are not what was written.
    Damaged,
    /// Somebody else holds it right now.
    Busy,
    /// The remote does not know the key.
    Denied,
    /// The key is known, and may not do this.
    Forbidden,
    /// The remote cannot be reached, or did not answer as a remote does.
    Unreachable,
    /// Two different histories under one identity.
    Conflict,
    /// Written by a newer danlu than this one.
    Version,
    /// It was there, and somebody has deleted it for good.
    Gone,
}

/// What failed, why, and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
    out_of_room: bool,
    silence: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Builds an error from its kind and a message of the form "Cannot do this to that".
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retry_after: None,
            out_of_room: false,
            silence: false,
            source: None,
        }
    }

    /// Builds a [`ErrorKind::Usage`] error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Builds a [`ErrorKind::Damaged`] error.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, message)
    }

    /// Builds an error of the file system that names what was being done and to which path.
    pub fn io(action: &str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        let source = source.into();
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("Cannot {action} `{}`", path.display())).with_source(source)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds how long to wait before trying again, as the remote asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says that a disk is full, where no cause says so.
    #[must_use]
    pub fn for_want_of_room(mut self) -> Self {
        self.out_of_room = true;
        self
    }

    /// Says that somebody was waited for as long as they are ever waited for.
    #[must_use]
    pub fn after_silence(mut self) -> Self {
        self.silence = true;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts the failed object in front of the message: "{context}: {message}".
    #[must_use]
    pub fn in_context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Lets the message say what was being done and to which path, unless it names the path already.
    #[must_use]
    pub fn doing(self, action: &str, path: &Path) -> Self {
        let path = path.display().to_string();
        if self.to_string().contains(&path) {
            self
        } else {
            self.in_context(format!("Cannot {action} `{path}`"))
        }
    }

    /// Says the same again: the cause, which cannot be copied, becomes words.
    #[must_use]
    pub fn again(&self) -> Self {
        let again = Self::new(self.kind, self.to_string());
        let out_of_room = self.is_out_of_room();
        Self {
            hint: self.hint.clone(),
            retry_after: self.retry_after,
            out_of_room,
            silence: self.silence,
            ..again
        }
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns what to do about it, when there is something.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns how long the remote asked to be left alone, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Says whether the disk was full, or a quota used up.
    pub fn is_out_of_room(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        if self.out_of_room {
            return true;
        }
        let mut cause = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(error) = cause {
            let of_file = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            let of_database =
                error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
            if matches!(of_file, Some(StorageFull | QuotaExceeded))
                || of_database == Some(rusqlite::ErrorCode::DiskFull)
            {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Says whether it took all the time that is given to somebody who does not answer.
    pub fn is_silence(&self) -> bool {
        self.silence
    }

    /// Says whether the same call may succeed later with nothing changed here.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, ErrorKind::Busy | ErrorKind::Unreachable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|e| e as &dyn StdError);
        let mut said = self.message.clone();
        while let Some(error) = cause {
            let text = error.to_string();
            // SQLite says again, with a number in front, what its message has said.
            if !text.ends_with(&said) {
                write!(f, ": {text}")?;
            }
            said = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let kind = match error.sqlite_error_code() {
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => ErrorKind::Damaged,
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => ErrorKind::Busy,
            Some(Code::ConstraintViolation | Code::TypeMismatch) => ErrorKind::Conflict,
            Some(_) => ErrorKind::Io,
            None => ErrorKind::Damaged,
        };
        Self::new(kind, "Cannot use the database").with_source(error)
    }
}
