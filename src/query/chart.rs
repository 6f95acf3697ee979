//! A chart: what its points lie over, and the columns that they come to.

use crate::model::{Error, Result, limits};
use crate::store::Bucket;
use crate::store::points::Point;
use serde::Serialize;

/// What the points of a chart lie over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis<'a> {
    /// The step.
    Step,
    /// The time, in seconds since 1970-01-01 UTC.
    Time,
    /// Another key that was logged in the same rows or, failing that, at the same steps.
    Key(&'a str),
}

impl<'a> Axis<'a> {
    /// Returns the axis of this name: `_step`, `_timestamp`, or that of a key.
    pub fn named(name: &'a str) -> Self {
        match name {
            "_step" => Self::Step,
            "_timestamp" => Self::Time,
            key => Self::Key(key),
        }
    }
}

impl Axis<'_> {
    /// Returns where a point lies on an axis that is no key.
    #[expect(clippy::cast_precision_loss, reason = "places on an axis are floats")]
    pub(super) fn place(self, point: Point<'_>) -> f64 {
        match self {
            Self::Time => point.time as f64 / 1e6,
            _ => point.step.unwrap_or(0) as f64,
        }
    }
}

/// What the points in one column of a chart come to. A column without points is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Column {
    /// Where its points begin on the axis, and where they end.
    #[cfg_attr(feature = "server", schema(value_type = Vec<f64>))]
    pub x: (f64, f64),
    /// The first finite number; `None` if there is none, as with the next four.
    pub first: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The last.
    pub last: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// How many finite numbers there are.
    pub count: u64,
    /// How many NaN.
    pub nan: u64,
    /// How many infinities.
    pub inf: u64,
}

/// Checks what columns are asked for.
pub(super) fn check(range: Option<(f64, f64)>, columns: usize) -> Result<()> {
    let most = limits::CHART_COLUMNS;
    if !(1..=most).contains(&columns) {
        return Err(Error::usage(format!("An envelope of {columns} columns cannot be had: 1 to {most} can")));
    }
    match range {
        Some((low, high)) if !(low.is_finite() && high.is_finite() && low <= high) => {
            Err(Error::usage(format!("There is nothing from {low} to {high} on the axis of a chart")))
        }
        _ => Ok(()),
    }
}

fn column((x, bucket): ((f64, f64), Bucket)) -> Column {
    let finite = |float: f64| (bucket.numbers() > 0).then_some(float);
    Column {
        x,
        first: finite(bucket.first),
        min: finite(bucket.min),
        max: finite(bucket.max),
        last: finite(bucket.last),
        mean: finite(bucket.mean()),
        count: bucket.numbers(),
        nan: bucket.nan,
        inf: bucket.inf,
    }
}

/// The columns that are being filled.
#[derive(Clone)]
pub(super) struct Chart {
    range: (f64, f64),
    columns: Vec<Option<((f64, f64), Bucket)>>,
}

/// What becomes of a bucket.
pub(super) enum Fate {
    Outside,
    Whole,
    Split,
}

impl Chart {
    pub(super) fn new(range: (f64, f64), columns: usize) -> Self {
        Self { range, columns: vec![None; columns] }
    }

    /// Returns those that have something in them.
    pub(super) fn into_columns(self) -> Vec<Column> {
        self.columns.into_iter().flatten().map(column).collect()
    }

    pub(super) fn fate(&self, x: (f64, f64)) -> Fate {
        let (low, high) = self.range;
        if x.1 < low || x.0 > high {
            return Fate::Outside;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few columns")]
        let width = (high - low) / self.columns.len() as f64;
        let within = x.0 >= low && x.1 <= high;
        if within && x.1 - x.0 <= width { Fate::Whole } else { Fate::Split }
    }

    pub(super) fn add(&mut self, x: (f64, f64), bucket: &Bucket) {
        let (low, high) = self.range;
        let middle = x.0 + (x.1 - x.0) / 2.0;
        if !(middle >= low && middle <= high) {
            return;
        }
        let share = if high > low { (middle - low) / (high - low) } else { 0.0 };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number of columns"
        )]
        let place = (share * self.columns.len() as f64) as usize;
        let last = self.columns.len() - 1;
        match &mut self.columns[place.min(last)] {
            Some((known, sum)) => {
                *known = (known.0.min(x.0), known.1.max(x.1));
                sum.join(bucket);
            }
            free => *free = Some((x, *bucket)),
        }
    }
}
