//! How long the values of a query may be.
//!
//! SQLite looks whether a query is to end only where its program jumps back, and calls nobody in between: a thousand times
//! `length(a)` in one row of results is done to the end. What it does with a value takes as long as the value is. So the more a
//! program does with values, the shorter they may be: then it comes to its next jump in a second or two.

use rusqlite::Connection;
use std::collections::HashSet;
use std::ffi::c_int;

/// How much a program may do from its beginning to its end: its weight times the bytes of the longest value.
const AT_ONCE: u64 = 1 << 33;

/// The longest values that there are for a query of a moderate weight, and for one of the greatest.
const LONGEST: u64 = 16 << 20;
const SHORTEST: u64 = 64 << 10;

/// What reads, computes or compares values, byte by byte.
const READS: &str = "Function PureFunc AggStep AggStep1 AggInverse AggValue AggFinal Concat Add Subtract Multiply Divide \
    Remainder BitAnd BitOr BitNot ShiftLeft ShiftRight Not And Or IsTrue If IfNot Eq Ne Lt Le Gt Ge Compare Cast Affinity \
    MustBeInt MakeRecord Found NotFound NoConflict IdxGE IdxGT IdxLE IdxLT SeekGE SeekGT SeekLE SeekLT VFilter";

/// What copies them: that is quicker.
const COPIES: &str = "Column VColumn Copy IdxInsert SorterInsert SorterData RowData ResultRow";

/// A call of a function with any number of arguments counts as so many.
const ARGUMENTS: u64 = 16;

/// Returns how long the longest value of a query may be. What cannot be weighed, such as a query that is wrong, has short ones.
pub(super) fn longest(connection: &Connection, query: &str) -> c_int {
    let weight = weight(connection, query).map_or(u64::MAX, |weight| weight.max(1));
    c_int::try_from((AT_ONCE / weight).clamp(SHORTEST, LONGEST)).unwrap_or(c_int::MAX)
}

/// Returns about how much the program of a query does: four for what reads a value, one for what copies it.
fn weight(connection: &Connection, query: &str) -> rusqlite::Result<u64> {
    let [reads, copies] = [READS, COPIES].map(|names| names.split_whitespace().collect::<HashSet<_>>());
    let mut statement = connection.prepare(&format!("EXPLAIN {query}"))?;
    let mut program = statement.query([])?;
    let mut weight = 0;
    while let Some(step) = program.next()? {
        let (name, what): (String, Option<String>) = (step.get(1)?, step.get(5)?);
        let many = if what.is_some_and(|what| what.ends_with("(-1)")) { ARGUMENTS } else { 1 };
        weight += match name.as_str() {
            name if reads.contains(name) => 4 * many,
            name if copies.contains(name) => 1,
            _ => 0,
        };
    }
    Ok(weight)
}
