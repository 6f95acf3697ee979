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

    /// Compares two runs by the values of its fields, which are asked for by their numbers as far as they are needed.
    pub fn compare_by<'a>(&self, values: impl Fn(usize) -> (Scalar<'a>, Scalar<'a>)) -> Ordering {
        let mut each = self.0.iter().enumerate().map(|(n, (falls, _))| {
            let (a, b) = values(n);
            one(*falls, &a, &b)
        });
        each.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Returns a number that comes where the value of the first field comes in this order; values that are close to each other
    /// have the same.
    pub fn about(&self, first: &Scalar<'_>) -> u64 {
        const LAST: u64 = (3 << 62) - 1;
        match (first.place(), self.0.first()) {
            (Some(place), Some((true, _))) => LAST - place.about(),
            (Some(place), _) => place.about(),
            (None, _) => u64::MAX,
        }
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
