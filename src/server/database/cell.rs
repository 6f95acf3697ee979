//! Values on their way into and out of the database.

use crate::model::{Error, Hash, Result};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server) enum Cell {
    /// Nothing.
    Null,
    /// A whole number; a truth value is 0 or 1.
    Int(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server) struct Row(pub(in crate::server) Vec<Cell>);

impl Row {
    /// Returns the value of a column.
    ///
    /// # Errors
    /// There is no such column, or it is of another type.
    pub(in crate::server) fn get<T: FromCell>(&self, column: usize) -> Result<T> {
        let cell = self.0.get(column).unwrap_or(&Cell::Null);
        T::from_cell(cell)
            .ok_or_else(|| Error::damaged(format!("The catalogue is damaged: column {column} is {cell:?}")))
    }
}

/// What a value can be read as.
pub(in crate::server) trait FromCell: Sized {
    /// Reads it.
    fn from_cell(cell: &Cell) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Int(value) = cell { Some(*value) } else { None }
    }
}

impl FromCell for bool {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(|value| value != 0)
    }
}

impl FromCell for f64 {
    #[expect(clippy::cast_precision_loss, reason = "the column is one of numbers")]
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Real(value) => Some(*value),
            Cell::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl FromCell for String {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Text(value) = cell { Some(value.clone()) } else { None }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Bytes(value) = cell { Some(value.clone()) } else { None }
    }
}

impl FromCell for Hash {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Bytes(value) = cell { value.as_slice().try_into().ok().map(Self) } else { None }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if *cell == Cell::Null { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        // NaN is NULL in one and greater than all in the other.
        if value.is_nan() { Self::Null } else { Self::Real(value) }
    }
}

impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        // PostgreSQL has no such character.
        Self::Text(value.replace('\0', "\u{fffd}"))
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        value.as_str().into()
    }
}

impl From<Hash> for Cell {
    fn from(value: Hash) -> Self {
        Self::Bytes(value.0.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Makes the parameters of a statement of values of different types.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { &[$($crate::server::database::Cell::from($value)),*] };
}
pub(in crate::server) use cells;
