//! The values of one field of all runs, side by side.

use super::texts::Texts;
use crate::query::Scalar;
use std::collections::BTreeMap;

/// A value in little room.
#[derive(Debug, Clone)]
pub(super) enum Packed {
    Missing,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// The number of a text.
    Text(u32),
    List(Box<List>),
    Object,
}

/// The elements of a list.
#[derive(Debug, Clone)]
pub(super) struct List(pub(super) Box<[Packed]>);

impl Packed {
    /// Takes a number that there may be.
    pub(super) fn maybe(number: Option<i64>) -> Self {
        number.map_or(Self::Missing, Self::Int)
    }

    /// Returns what it stands for.
    pub(super) fn scalar<'a>(&self, texts: &'a Texts) -> Scalar<'a> {
        match self {
            Self::Missing => Scalar::Missing,
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Bool(*truth),
            Self::Int(int) => Scalar::Int(*int),
            Self::Float(float) => Scalar::Float(*float),
            Self::Text(number) => Scalar::text(texts.get(*number)),
            Self::List(list) => Scalar::List(list.0.iter().map(|item| item.scalar(texts)).collect()),
            Self::Object => Scalar::Object,
        }
    }

    /// Moves its texts elsewhere.
    fn rehouse(&mut self, old: &Texts, new: &mut Texts) {
        match self {
            Self::Text(number) => *number = new.put(old.get(*number)),
            Self::List(list) => list.0.iter_mut().for_each(|item| item.rehouse(old, new)),
            _ => {}
        }
    }
}

/// The values of a field by the places of the runs.
pub(super) enum Column {
    /// Most have one: the values, and how many of them are not missing.
    Dense(Vec<Packed>, usize),
    /// Few have one.
    Sparse(BTreeMap<u32, Packed>),
}

/// A dense column has at least one value in so many places, and a sparse one is made dense with this many times as many.
const THIN: usize = 8;
const THICK: usize = 2;

impl Default for Column {
    fn default() -> Self {
        Self::Dense(Vec::new(), 0)
    }
}

impl Column {
    pub(super) fn get(&self, place: u32) -> &Packed {
        let found = match self {
            Self::Dense(values, _) => values.get(place as usize),
            Self::Sparse(values) => values.get(&place),
        };
        found.unwrap_or(&Packed::Missing)
    }

    pub(super) fn set(&mut self, place: u32, value: Packed) {
        let there = usize::from(!matches!(value, Packed::Missing));
        match self {
            Self::Dense(values, filled) => {
                let at = place as usize;
                if at >= values.len() {
                    if there == 0 {
                        return;
                    }
                    if at > THIN * (*filled + 16) {
                        self.thin();
                        return self.set(place, value);
                    }
                    values.resize(at + 1, Packed::Missing);
                }
                *filled = *filled + there - usize::from(!matches!(values[at], Packed::Missing));
                values[at] = value;
            }
            Self::Sparse(values) if there == 0 => {
                values.remove(&place);
            }
            Self::Sparse(values) => {
                values.insert(place, value);
                let end = values.last_key_value().map_or(0, |(place, _)| *place as usize + 1);
                if values.len() * THICK > end {
                    self.thicken(end);
                }
            }
        }
    }

    fn thin(&mut self) {
        if let Self::Dense(values, _) = self {
            let there = std::mem::take(values).into_iter().zip(0..);
            let there = there.filter(|(value, _)| !matches!(value, Packed::Missing));
            *self = Self::Sparse(there.map(|(value, place)| (place, value)).collect());
        }
    }

    fn thicken(&mut self, end: usize) {
        if let Self::Sparse(values) = self {
            let mut dense = vec![Packed::Missing; end];
            let filled = values.len();
            for (place, value) in std::mem::take(values) {
                dense[place as usize] = value;
            }
            *self = Self::Dense(dense, filled);
        }
    }

    /// Moves its texts elsewhere.
    pub(super) fn rehouse(&mut self, old: &Texts, new: &mut Texts) {
        match self {
            Self::Dense(values, _) => values.iter_mut().for_each(|value| value.rehouse(old, new)),
            Self::Sparse(values) => values.values_mut().for_each(|value| value.rehouse(old, new)),
        }
    }

    /// Gives back what is not needed.
    pub(super) fn shrink(&mut self) {
        if let Self::Dense(values, _) = self {
            values.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn a_column_has_what_was_set(sets in prop::collection::vec(
            (prop_oneof![0u32..40, 0u32..4000, Just(90_000u32)], prop::option::of(any::<i64>())), 0..400,
        )) {
            let (mut column, mut plain) = (Column::default(), HashMap::new());
            for (place, value) in sets {
                column.set(place, Packed::maybe(value));
                plain.insert(place, value);
            }
            for place in (0..4000).chain([90_000]) {
                let wanted = plain.get(&place).copied().flatten();
                let found = match column.get(place) {
                    Packed::Int(int) => Some(*int),
                    _ => None,
                };
                prop_assert_eq!(found, wanted);
            }
            let there = plain.values().flatten().count();
            match column {
                Column::Dense(_, filled) => prop_assert_eq!(filled, there),
                Column::Sparse(values) => prop_assert_eq!(values.len(), there),
            }
        }
    }
}
