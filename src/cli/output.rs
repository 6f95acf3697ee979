//! How things are printed: JSON for programs, aligned columns for people, errors with a hint.

pub(super) use crate::model::plain;
use crate::model::{Error, ErrorKind, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Standard output. When its reader has gone away, that is not an error.
pub(super) struct Output {
    stdout: io::Stdout,
    closed: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { stdout: io::stdout(), closed: false }
    }

    /// Says whether the reader has gone away.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Prints a line for people: whatever is in it, a terminal shows one line of text.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<()> {
        self.text(&plain(text.as_ref()))
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let written = writeln!(self.stdout, "{text}").and_then(|()| self.stdout.flush());
        written.map_err(|e| self.failed(e))
    }

    /// Prints bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.stdout.write_all(bytes);
        written.map_err(|e| self.failed(e))
    }

    /// Hands on what was printed.
    pub(super) fn flush(&mut self) -> Result<()> {
        let flushed = self.stdout.flush();
        flushed.map_err(|e| self.failed(e))
    }

    fn failed(&mut self, e: io::Error) -> Error {
        self.closed = e.kind() == io::ErrorKind::BrokenPipe;
        Error::new(ErrorKind::Io, "Cannot print").with_source(e)
    }

    /// Prints a value as JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        self.text(&text)
    }

    /// Prints a value as JSON on one line.
    pub(super) fn json_line(&mut self, value: &serde_json::Value) -> Result<()> {
        self.text(&value.to_string())
    }

    /// Prints rows in aligned columns under a heading. Columns whose heading starts with `>` are set to the right.
    pub(super) fn table(&mut self, heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let right: Vec<bool> = heading.iter().map(|title| title.starts_with('>')).collect();
        let heading = heading.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
        let lines: Vec<Vec<String>> = std::iter::once(heading)
            .chain(rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()))
            .collect();
        let mut widths = vec![0; right.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let mut text = String::new();
            for ((cell, width), right) in line.iter().zip(&widths).zip(&right) {
                let cell: &str = cell;
                // Writing to a string does not fail.
                if *right { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:<width$}  ") }.ok();
            }
            self.line(text.trim_end())?;
        }
        Ok(())
    }
}

/// The longest cell of a table, in characters; what is longer is cut. `--json` gives all of it.
const CELL_MOST: usize = 200;

/// A cell of a table: one line, not endless.
fn cell(text: &str) -> String {
    let plain = plain(text);
    match plain.char_indices().nth(CELL_MOST) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

/// So many of something: `1 row`, `2 rows`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    let mut rest = count;
    for unit in ["B", "kB", "MB", "GB"] {
        if rest < 10_000 {
            return format!("{rest} {unit}");
        }
        rest = rest.div_ceil(1000);
    }
    format!("{rest} TB")
}

/// Says on standard error what went on beside the answer.
#[expect(clippy::needless_pass_by_value, reason = "a sink for messages that are made for it")]
pub(super) fn warn(message: String) {
    to_stderr(&format!("warning: {message}"));
}

/// Says on standard error what failed and what to do.
pub(super) fn error(error: &Error) {
    to_stderr(&format!("error: {error}"));
    if let Some(hint) = error.hint() {
        to_stderr(&format!("hint: {hint}"));
    }
}

/// Prints a line on standard error, as [`Output::line`] does on the other; when that is closed there is nobody to tell.
pub(super) fn to_stderr(line: &str) {
    writeln!(io::stderr(), "{}", plain(line)).ok();
}
