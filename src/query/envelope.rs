//! A chart's line in as many columns as it has pixels, read in about as many steps, with every spike.

use super::chart::{Axis, Chart, Column, Fate, check};
use super::trace::Trace;
use crate::model::Result;
use crate::store::Bucket;
use crate::store::envelope::{self as store_envelope, BUCKET_POINTS, EnvelopeRow, FANOUT, Standing};
use crate::store::points::{for_each_point, keys_of, snapshot};
use rusqlite::Connection;
use std::borrow::Borrow;
use std::collections::HashMap;

/// Reads what a key of the history of a run, in one file or in those of its ranks, comes to between two places of an axis, or everywhere, in at most so many columns.
///
/// Columns are of equal width. Where there are many points, a column takes in buckets whole that are at most as wide as
/// itself, so a point may be shown one column off; its value is never left out.
///
/// # Errors
/// The file is damaged; no columns are asked for, or more than [`crate::model::limits::CHART_COLUMNS`]; the range is none.
pub fn envelope(
    files: &[impl Borrow<Connection>],
    key: &str,
    axis: Axis<'_>,
    range: Option<(f64, f64)>,
    columns: usize,
) -> Result<Vec<Column>> {
    check(range, columns)?;
    let files: Vec<&Connection> = files.iter().map(Borrow::borrow).collect();
    let _snapshots = files.iter().copied().map(snapshot).collect::<Result<Vec<_>>>()?;
    if let Some(trace) = Trace::read_for(&files, key, axis, columns)? {
        return trace.envelope(range, columns);
    }
    let mut lines = Vec::new();
    for file in files {
        lines.extend(lines_of(file, key, axis)?);
    }
    let everywhere =
        || lines.iter().filter_map(|line| line.range).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let Some(range) = range.or_else(everywhere) else { return Ok(Vec::new()) };
    let mut chart = Chart::new(range, columns);
    for line in &mut lines {
        let before = chart.clone();
        if !line.draw(&mut chart)? {
            chart = before;
            line.join_by_row()?;
            line.draw(&mut chart)?;
        }
    }
    Ok(chart.into_columns())
}

/// Opens the lines of a key, one for each attempt that has something for it to lie over.
fn lines_of<'a>(connection: &'a Connection, key: &str, axis: Axis<'a>) -> Result<Vec<Line<'a>>> {
    let mut lines = Vec::new();
    for y in keys_of(connection, key)? {
        let x = match axis {
            Axis::Key(name) => match key_of_attempt(connection, name, y)? {
                Some(x) => Some(x),
                None => continue,
            },
            Axis::Step | Axis::Time => None,
        };
        lines.push(Line::open(connection, axis, y, x)?);
    }
    Ok(lines)
}

/// Finds the id of another key of the attempt that a key is of.
fn key_of_attempt(connection: &Connection, name: &str, beside: i64) -> Result<Option<i64>> {
    Ok(keys_of(connection, name)?.into_iter().find(|id| id >> 40 == beside >> 40))
}

/// The points of a key in one attempt, over an axis.
struct Line<'a> {
    connection: &'a Connection,
    axis: Axis<'a>,
    y: (i64, Standing),
    x: Option<(i64, Standing)>,
    /// The trees, oldest first, each with the tree of the other key if the axis is one.
    roots: Vec<Node>,
    /// The points after those in the trees, or all of them if the two keys were not logged together.
    rest: Vec<((f64, f64), Bucket)>,
    range: Option<(f64, f64)>,
}

/// A row of the envelope of a key, and the same row of the key that it lies over.
struct Node {
    y: EnvelopeRow,
    x: Option<EnvelopeRow>,
}

impl<'a> Line<'a> {
    fn open(connection: &'a Connection, axis: Axis<'a>, y: i64, x: Option<i64>) -> Result<Self> {
        let y = (y, store_envelope::standing(connection, y)?);
        let x =
            x.map(|x| store_envelope::standing(connection, x).map(|standing| (x, standing))).transpose()?;
        let mut line = Self { connection, axis, y, x, roots: Vec::new(), rest: Vec::new(), range: None };
        line.roots = line.read_roots()?;
        let in_trees = line.roots.iter().map(|root| root.points()).sum();
        if !line.read_rest(in_trees)? {
            line.join_by_row()?;
        }
        let of_roots =
            line.roots.iter().flat_map(|root| (0..root.y.buckets.len()).map(|n| line.x_of(root, n)));
        line.range = of_roots
            .chain(line.rest.iter().map(|(x, _)| *x))
            .filter(|(low, high)| low <= high)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Ok(line)
    }

    fn read_roots(&self) -> Result<Vec<Node>> {
        let ys = store_envelope::roots(self.connection, self.y.1.root)?;
        let Some((_, x)) = self.x else {
            return Ok(ys.into_iter().map(|y| Node { y, x: None }).collect());
        };
        let xs = if x.points == self.y.1.points {
            store_envelope::roots(self.connection, x.root)?
        } else {
            Vec::new()
        };
        let together = ys.len() == xs.len() && ys.iter().zip(&xs).all(|(y, x)| same_rows(y, x));
        let nodes = ys.into_iter().zip(xs).map(|(y, x)| Node { y, x: Some(x) });
        Ok(if together { nodes.collect() } else { Vec::new() })
    }

    /// Reads the points that are in no tree. False if the axis is a key that was not logged together with this one.
    fn read_rest(&mut self, in_trees: u64) -> Result<bool> {
        if self.x.is_some_and(|(_, x)| x.points != self.y.1.points) {
            return Ok(false);
        }
        let mut rest = Vec::new();
        let whole = self.each_point(in_trees..self.y.1.points, |x, bucket| rest.push((x, *bucket)))?;
        self.rest = rest;
        Ok(whole)
    }

    /// Hands on points by their ordinals. False if the axis is a key that was not logged in the same rows.
    fn each_point(
        &self,
        ordinals: std::ops::Range<u64>,
        mut sink: impl FnMut((f64, f64), &Bucket),
    ) -> Result<bool> {
        let (key, standing) = self.y;
        let Some((x, _)) = self.x else {
            let axis = self.axis;
            for_each_point(self.connection, key, standing.points, ordinals, |point| {
                let x = axis.place(point);
                sink((x, x), &Bucket::of(point));
            })?;
            return Ok(true);
        };
        let mut xs = Vec::new();
        for_each_point(self.connection, x, standing.points, ordinals.clone(), |point| {
            xs.push((point.row, point.value.as_f64()));
        })?;
        let mut xs = xs.into_iter();
        let mut together = true;
        for_each_point(self.connection, key, standing.points, ordinals, |point| match xs.next() {
            Some((row, x)) if row == point.row => {
                if let Some(x) = x {
                    sink((x, x), &Bucket::of(point));
                }
            }
            _ => together = false,
        })?;
        Ok(together)
    }

    /// Reads all points of both keys and joins them by row, else by step.
    fn join_by_row(&mut self) -> Result<()> {
        let Some((x, x_standing)) = self.x else { return Ok(()) };
        self.roots.clear();
        self.rest.clear();
        let (mut by_row, mut by_step) = (HashMap::new(), HashMap::new());
        for_each_point(self.connection, x, x_standing.points, 0..x_standing.points, |point| {
            if let Some(x) = point.value.as_f64() {
                by_row.insert(point.row, x);
                by_step.insert(point.step, x);
            }
        })?;
        let (y, y_standing) = self.y;
        let rest = &mut self.rest;
        for_each_point(self.connection, y, y_standing.points, 0..y_standing.points, |point| {
            if let Some(x) = by_row.get(&point.row).or_else(|| by_step.get(&point.step)) {
                rest.push(((*x, *x), Bucket::of(point)));
            }
        })
    }

    /// Draws the line. False if two keys that seemed to be logged together were not, and the chart is not right.
    fn draw(&self, chart: &mut Chart) -> Result<bool> {
        let mut drawing = Drawing { line: self, chart, points: 0..0, together: true };
        let mut first = 0;
        for root in &self.roots {
            drawing.buckets(root, 0..root.y.buckets.len(), first)?;
            first += root.points();
        }
        drawing.flush()?;
        let together = drawing.together;
        self.rest.iter().for_each(|(x, bucket)| chart.add(*x, bucket));
        Ok(together)
    }

    fn x_of(&self, node: &Node, n: usize) -> (f64, f64) {
        let bucket = &node.y.buckets[n];
        match (self.axis, &node.x) {
            (Axis::Time, _) => (seconds(bucket.time.0), seconds(bucket.time.1)),
            (Axis::Key(_), Some(x)) if x.buckets[n].numbers() > 0 => (x.buckets[n].min, x.buckets[n].max),
            (Axis::Key(_), _) => (f64::INFINITY, f64::NEG_INFINITY),
            #[expect(clippy::cast_precision_loss, reason = "places on an axis are floats")]
            (Axis::Step, _) => (bucket.step.0 as f64, bucket.step.1 as f64),
        }
    }
}

/// Draws a line into a chart, and gathers points that lie together to read them at once.
struct Drawing<'a, 'b> {
    line: &'a Line<'b>,
    chart: &'a mut Chart,
    points: std::ops::Range<u64>,
    together: bool,
}

impl Drawing<'_, '_> {
    /// Draws some buckets of a row, the first bucket of which begins with the point `first`.
    fn buckets(&mut self, node: &Node, places: std::ops::Range<usize>, first: u64) -> Result<()> {
        let size = BUCKET_POINTS << (2 * node.y.level);
        let mut child: Option<(usize, Node)> = None;
        for n in places {
            let x = self.line.x_of(node, n);
            match self.chart.fate(x) {
                Fate::Outside => {}
                Fate::Whole => {
                    self.flush()?;
                    self.chart.add(x, &node.y.buckets[n]);
                }
                Fate::Split if node.y.level == 0 => self.gather(first + n as u64 * size)?,
                Fate::Split => {
                    let part = n / FANOUT;
                    let known = child.take().filter(|(known, _)| *known == part);
                    let (_, below) = child.insert(match known {
                        Some(known) => known,
                        None => (part, node.child(self.line.connection, part)?),
                    });
                    let (start, per_child) = (n % FANOUT * FANOUT, below.points());
                    self.buckets(below, start..start + FANOUT, first + part as u64 * per_child)?;
                }
            }
        }
        Ok(())
    }

    fn gather(&mut self, first: u64) -> Result<()> {
        if self.points.end != first {
            self.flush()?;
            self.points.start = first;
        }
        self.points.end = first + BUCKET_POINTS;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let points = std::mem::take(&mut self.points);
        let chart = &mut *self.chart;
        self.together &= self.line.each_point(points, |x, bucket| chart.add(x, bucket))?;
        Ok(())
    }
}

impl Node {
    fn points(&self) -> u64 {
        self.y.buckets.iter().map(|bucket| bucket.points).sum()
    }

    fn child(&self, connection: &Connection, n: usize) -> Result<Self> {
        let x = self.x.as_ref().map(|x| store_envelope::read(connection, x.children[n])).transpose()?;
        Ok(Self { y: store_envelope::read(connection, self.y.children[n])?, x })
    }
}

fn same_rows(a: &EnvelopeRow, b: &EnvelopeRow) -> bool {
    a.level == b.level && a.buckets.iter().zip(&b.buckets).all(|(a, b)| a.row == b.row)
}

#[expect(clippy::cast_precision_loss, reason = "places on an axis are floats")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
