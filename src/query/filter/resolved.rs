//! A filter that is asked of very many runs: its fields are found once, not for each of them.

use super::{Field, Filter, Scalar, Test};

/// A filter with something in place of its fields that gives their values faster.
pub enum Resolved<'f, F> {
    /// All of these must hold.
    All(Vec<Self>),
    /// One of these must hold.
    Any(Vec<Self>),
    /// This must not hold.
    Not(Box<Self>),
    /// This must hold of a field.
    Is(F, &'f Test),
}

impl Filter {
    /// Puts what `find` returns in place of each field.
    pub fn resolve<'f, F>(&'f self, find: &impl Fn(&'f Field) -> F) -> Resolved<'f, F> {
        let all = |parts: &'f [Self]| parts.iter().map(|part| part.resolve(find)).collect();
        match self {
            Self::All(parts) => Resolved::All(all(parts)),
            Self::Any(parts) => Resolved::Any(all(parts)),
            Self::Not(part) => Resolved::Not(Box::new(part.resolve(find))),
            Self::Is(field, test) => Resolved::Is(find(field), test),
        }
    }
}

impl<F> Resolved<'_, F> {
    /// Says whether a run is meant, the fields of which have these values.
    pub fn matches<'v>(&self, value: &impl Fn(&F) -> Scalar<'v>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(value)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(value)),
            Self::Not(part) => !part.matches(value),
            Self::Is(field, test) => test.holds(&value(field)),
        }
    }
}
