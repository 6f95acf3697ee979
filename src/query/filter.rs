//! Which runs are meant: `config.lr > 0.1 and state = finished and tags has best`.
//!
//! The language is described in `docs/filters.md`. A filter never becomes a piece of SQL: it is asked of one run after the
//! other, so it means the same wherever runs are kept, and there is nothing to inject into.

mod meaning;
mod parse;
mod resolved;

use super::field::{Field, Fields, Place, Scalar};
use super::spelling::quoted;
use crate::model::Result;
use regex::Regex;
use std::cmp::Ordering;
use std::fmt;

pub(super) use parse::list_of_fields;
pub use resolved::Resolved;

/// Longest filter, in bytes.
pub const FILTER_BYTES: usize = 16 << 10;

/// Deepest nesting of `not` and parentheses.
pub const FILTER_DEPTH: usize = 64;

/// Most values in a filter, those of lists included.
pub const FILTER_VALUES: usize = 500;

/// Most patterns in a filter.
pub const FILTER_PATTERNS: usize = 16;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 256 << 10;

/// What says of a run whether it is meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these must hold.
    All(Vec<Filter>),
    /// One of these must hold.
    Any(Vec<Filter>),
    /// This must not hold.
    Not(Box<Filter>),
    /// This must hold of a field.
    Is(Field, Test),
}

/// What must hold of the value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is this.
    Equals(Literal),
    /// It comes so in the order of numbers, or of texts.
    Comes(Sense, Literal),
    /// It is a text in which this is found.
    Matches(Pattern),
    /// It is one of these.
    In(Vec<Literal>),
    /// It is a list with this in it, or a text with it.
    Has(Literal),
    /// There is one.
    Exists,
}

/// On which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// A value that is written in a filter.
#[derive(Debug, Clone)]
pub struct Literal {
    text: String,
    quoted: bool,
    meaning: Meaning,
}

/// What a literal means beside its text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    Text,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

// What a literal means follows from its text and the field beside it.
impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.quoted) == (&other.text, other.quoted)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] with the place where it is wrong, and what was expected there.
    pub fn parse(text: &str) -> Result<Self> {
        parse::filter(text)
    }

    /// Says whether a run is meant.
    pub fn matches(&self, run: &impl Fields) -> bool {
        self.resolve(&|field| field).matches(&|field| run.value(field))
    }

    /// Lists the fields that it asks for.
    pub fn fields(&self) -> Vec<&Field> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::fields).collect(),
            Self::Not(part) => part.fields(),
            Self::Is(field, _) => vec![field],
        }
    }
}

impl Test {
    fn holds(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Exists, value) => !matches!(value, Scalar::Missing),
            (test, Scalar::List(items)) => items.iter().any(|item| test.holds(item)),
            (Self::Equals(literal), value) => literal.is(value),
            (Self::In(literals), value) => literals.iter().any(|literal| literal.is(value)),
            (Self::Comes(sense, literal), value) => {
                literal.beside(value).is_some_and(|ordering| sense.takes(ordering))
            }
            (Self::Matches(pattern), Scalar::Text(text)) => pattern.0.is_match(text),
            (Self::Matches(_), _) => false,
            // An element of a list is taken whole.
            (Self::Has(literal), Scalar::Text(text)) => text.contains(&literal.text),
            (Self::Has(literal), value) => literal.is(value),
        }
    }
}

impl Sense {
    fn takes(self, ordering: Ordering) -> bool {
        match self {
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl Literal {
    fn is(&self, value: &Scalar<'_>) -> bool {
        match (value, self.meaning) {
            (Scalar::Text(text), _) => *text == self.text,
            (Scalar::Missing | Scalar::Null, meaning) => meaning == Meaning::Null,
            (Scalar::Bool(truth), meaning) => meaning == Meaning::Bool(*truth),
            (Scalar::Float(float), Meaning::Float(wanted)) if float.is_nan() => wanted.is_nan(),
            (Scalar::Int(_) | Scalar::Float(_), _) => self.beside(value) == Some(Ordering::Equal),
            (Scalar::List(_) | Scalar::Object, _) => false,
        }
    }

    /// Says on which side of this a value is. Numbers have sides of numbers, and texts of texts.
    fn beside(&self, value: &Scalar<'_>) -> Option<Ordering> {
        let ours = match self.meaning {
            Meaning::Text => Place::Text(&self.text),
            Meaning::Int(int) => Place::Int(int),
            Meaning::Float(float) if !float.is_nan() => Place::Float(float),
            _ => return None,
        };
        let value = value.place()?;
        let alike = matches!(ours, Place::Text(_)) == matches!(value, Place::Text(_));
        (alike && !matches!(value, Place::Bool(_))).then(|| value.compare(&ours))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
            Self::Not(part) => return write!(f, "not {}", Inner(part)),
            Self::Is(field, test) => return write!(f, "{field} {test}"),
        };
        for (n, part) in parts.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { word }, Inner(part))?;
        }
        Ok(())
    }
}

/// A part of a filter, in parentheses where it needs them.
struct Inner<'a>(&'a Filter);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            part @ (Filter::All(_) | Filter::Any(_)) => write!(f, "({part})"),
            part => write!(f, "{part}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(literal) => write!(f, "= {literal}"),
            Self::Comes(sense, literal) => write!(f, "{} {literal}", sense.sign()),
            Self::Matches(pattern) => write!(f, "~ {}", quoted(pattern.0.as_str())),
            Self::In(literals) => {
                let literals = literals.iter().map(ToString::to_string).collect::<Vec<_>>();
                write!(f, "in [{}]", literals.join(", "))
            }
            Self::Has(literal) => write!(f, "has {literal}"),
            Self::Exists => f.write_str("exists"),
        }
    }
}

impl Sense {
    fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quoted { f.write_str(&quoted(&self.text)) } else { f.write_str(&self.text) }
    }
}

#[cfg(test)]
mod tests;
