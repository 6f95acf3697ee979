//! In which order runs come: `-summary.loss,name`.

use super::field::{Field, Fields, Scalar};
use super::filter::list_of_fields;
use crate::model::Result;
use std::cmp::Ordering;

/// An order of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Order(Vec<(bool, Field)>);

impl Order {
    /// Reads an order: fields with commas between them, each with `-` in front if the largest comes first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] with the place where it is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        list_of_fields("order", text).map(Self)
    }

    /// Lists the fields that it asks for.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().map(|(_, field)| field)
    }

    /// Compares two runs by the values of its fields.
    pub fn compare(&self, a: &[Scalar<'_>], b: &[Scalar<'_>]) -> Ordering {
        let each = self.0.iter().zip(a.iter().zip(b)).map(|((falls, _), (a, b))| one(*falls, a, b));
        each.fold(Ordering::Equal, Ordering::then)
    }

    /// Returns what a run is ordered by.
    pub fn values<'a>(&self, run: &'a impl Fields) -> Vec<Scalar<'a>> {
        self.0.iter().map(|(_, field)| run.value(field)).collect()
    }
}

/// What is not there, or has no place in an order, comes last either way.
fn one(falls: bool, a: &Scalar<'_>, b: &Scalar<'_>) -> Ordering {
    match (a.place(), b.place()) {
        (Some(a), Some(b)) if falls => b.compare(&a),
        (Some(a), Some(b)) => a.compare(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// Reads names of fields with commas between them.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] with the place where it is wrong.
pub fn columns(text: &str) -> Result<Vec<Field>> {
    Ok(list_of_fields("list of columns", text)?.into_iter().map(|(_, field)| field).collect())
}
