//! All points of a line in memory, for charts that show about as many columns as there are points.

use super::chart::{Axis, Chart, Column, check};
use crate::model::Result;
use crate::store::Bucket;
use crate::store::envelope::{BUCKET_POINTS, standing};
use crate::store::points::{for_each_point, keys_of};
use rusqlite::Connection;
use std::borrow::Borrow;

/// Longest line that is read whole, in points.
const POINTS: u64 = 1 << 15;

/// The points of a key of the history of a run: places on an axis, and numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    points: Box<[(f64, f64)]>,
}

impl Trace {
    /// Reads a line over steps or times for charts of so many columns, if they are better drawn from this than from the
    /// envelope: it is short, and the columns have few points each. A line with something else than numbers in it is left alone.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn read_for(
        files: &[impl Borrow<Connection>],
        key: &str,
        axis: Axis<'_>,
        columns: usize,
    ) -> Result<Option<Self>> {
        if matches!(axis, Axis::Key(_)) {
            return Ok(None);
        }
        let (mut lines, mut count) = (Vec::new(), 0);
        for file in files.iter().map(Borrow::borrow) {
            for key in keys_of(file, key)? {
                let points = standing(file, key)?.points;
                count += points;
                lines.push((file, key, points));
            }
        }
        if count > POINTS || !is_for(count, columns) {
            return Ok(None);
        }
        let (mut points, mut numbers) = (Vec::new(), true);
        for (file, key, count) in lines {
            for_each_point(file, key, count, 0..count, |point| match point.value.as_f64() {
                Some(number) => points.push((axis.place(point), number)),
                None => numbers = false,
            })?;
        }
        Ok(numbers.then(|| Self { points: points.into() }))
    }

    /// Says whether charts of so many columns are drawn from this.
    pub fn is_for(&self, columns: usize) -> bool {
        is_for(self.points.len() as u64, columns)
    }

    /// Returns how many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Returns what [`super::envelope`] does, each point in its own column.
    ///
    /// # Errors
    /// As [`super::envelope`].
    pub fn envelope(&self, range: Option<(f64, f64)>, columns: usize) -> Result<Vec<Column>> {
        check(range, columns)?;
        if self.points.is_empty() {
            return Ok(Vec::new());
        }
        let both = |range: (f64, f64), (x, _): &(f64, f64)| (range.0.min(*x), range.1.max(*x));
        let everywhere = || self.points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), both);
        let range = range.unwrap_or_else(everywhere);
        let mut chart = Chart::new(range, columns);
        for (x, number) in &self.points {
            chart.add((*x, *x), &Bucket::of_number(*number));
        }
        Ok(chart.into_columns())
    }
}

/// Says whether columns have fewer points than a bucket of the envelope.
fn is_for(points: u64, columns: usize) -> bool {
    points <= BUCKET_POINTS.saturating_mul(columns as u64)
}
