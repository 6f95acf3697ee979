//! Reading a filter.

use super::super::field::{Field, Kind, Named};
use super::meaning::meaning;
use super::{
    FILTER_BYTES, FILTER_DEPTH, FILTER_PATTERNS, FILTER_VALUES, Filter, Literal, PATTERN_BYTES, Pattern,
    Sense, Test,
};
use crate::model::{Error, Result, limits};
use crate::query::spelling::is_word;
use regex::RegexBuilder;
use winnow::Parser;
use winnow::ascii::Caseless;
use winnow::combinator::{alt, not, opt, terminated};
use winnow::error::ParserError;
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{any, one_of, take_while};

type Input<'a> = Stateful<LocatingSlice<&'a str>, Counts>;
type Parsed<T> = std::result::Result<T, Wrong>;

/// What there is of a filter so far.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    depth: usize,
    values: usize,
    patterns: usize,
}

/// What is wrong with a filter, and where.
#[derive(Debug)]
struct Wrong {
    /// The byte where.
    at: usize,
    what: String,
    hint: Option<String>,
}

impl Wrong {
    fn at(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: None }
    }

    /// Says what should have been here.
    fn expected(input: &Input<'_>, what: &str) -> Self {
        let rest = input.input.as_ref();
        let found = match rest.chars().next() {
            None => "it ends there".to_owned(),
            Some(c) if is_word(c) => {
                let word: String = rest.chars().take_while(|c| is_word(*c)).take(40).collect();
                format!("found `{word}`")
            }
            Some(c) => format!("found `{}`", c.escape_debug()),
        };
        Self::at(input.current_token_start(), format!("expected {what}, {found}"))
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn into_error(self, what: &str, text: &str) -> Error {
        let place = text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        let error = Error::usage(format!("Cannot understand the {what} at character {place}: {}", self.what));
        error.with_hint(self.hint.unwrap_or_else(|| format!("{} is one", example(what))))
    }
}

fn example(what: &str) -> &'static str {
    match what {
        "filter" => "`config.lr > 0.1 and state = finished and tags has best`",
        "order" => "`-summary.loss,name`",
        _ => "`id,name,config.lr`",
    }
}

impl<'a> ParserError<Input<'a>> for Wrong {
    type Inner = Self;

    fn from_input(input: &Input<'a>) -> Self {
        Self::expected(input, "something else")
    }

    fn into_inner(self) -> std::result::Result<Self, Self> {
        Ok(self)
    }
}

pub(super) fn filter(text: &str) -> Result<Filter> {
    whole("filter", text, |input| {
        let filter = either(input)?;
        blanks(input)?;
        if input.is_empty() {
            return Ok(filter);
        }
        let wrong = Wrong::expected(input, "`and`, `or` or the end");
        Err(wrong.with_hint("put a text with blanks or signs in it into quotes"))
    })
}

/// Reads names of fields with commas between them, each with whether `-` is in front of it.
pub(in crate::query) fn list_of_fields(what: &str, text: &str) -> Result<Vec<(bool, Field)>> {
    whole(what, text, |input| {
        let mut fields = Vec::new();
        loop {
            blanks(input)?;
            let sign = if what == "order" { opt(one_of(['-', '+'])).parse_next(input)? } else { None };
            fields.push((sign == Some('-'), field(input)?));
            count(input, |counts| &mut counts.values, FILTER_VALUES, "fields")?;
            blanks(input)?;
            if input.is_empty() {
                return Ok(fields);
            }
            if opt(',').parse_next(input)?.is_none() {
                return Err(Wrong::expected(input, "`,` or the end"));
            }
        }
    })
}

fn whole<T>(what: &str, text: &str, parse: impl Fn(&mut Input<'_>) -> Parsed<T>) -> Result<T> {
    if text.len() > FILTER_BYTES {
        let message = format!("The {what} has {} bytes, at most {FILTER_BYTES} can be", text.len());
        return Err(Error::usage(message));
    }
    let mut input = Input { input: LocatingSlice::new(text), state: Counts::default() };
    parse(&mut input).map_err(|wrong| wrong.into_error(what, text))
}

fn blanks(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn count(input: &mut Input<'_>, which: fn(&mut Counts) -> &mut usize, most: usize, what: &str) -> Parsed<()> {
    let at = input.current_token_start();
    let counted = which(&mut input.state);
    *counted += 1;
    if *counted > most { Err(Wrong::at(at, format!("more than {most} {what}"))) } else { Ok(()) }
}

/// Takes a word of the language if it is next.
fn keyword(input: &mut Input<'_>, word: &'static str) -> Parsed<bool> {
    blanks(input)?;
    let taken = opt(terminated(Caseless(word), not(one_of(is_word)))).parse_next(input)?;
    Ok(taken.is_some())
}

fn sequence(
    input: &mut Input<'_>,
    word: &'static str,
    part: fn(&mut Input<'_>) -> Parsed<Filter>,
    joined: fn(Vec<Filter>) -> Filter,
) -> Parsed<Filter> {
    let first = part(input)?;
    let mut parts = vec![first];
    while keyword(input, word)? {
        parts.push(part(input)?);
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => joined(parts),
    })
}

fn either(input: &mut Input<'_>) -> Parsed<Filter> {
    sequence(input, "or", both, Filter::Any)
}

fn both(input: &mut Input<'_>) -> Parsed<Filter> {
    sequence(input, "and", negation, Filter::All)
}

fn negation(input: &mut Input<'_>) -> Parsed<Filter> {
    count(input, |counts| &mut counts.depth, FILTER_DEPTH, "levels of `not` and parentheses")?;
    let negated = keyword(input, "not")?;
    let found = if negated { Filter::Not(Box::new(negation(input)?)) } else { primary(input)? };
    input.state.depth -= 1;
    Ok(found)
}

fn primary(input: &mut Input<'_>) -> Parsed<Filter> {
    blanks(input)?;
    if opt('(').parse_next(input)?.is_none() {
        return condition(input);
    }
    let inner = either(input)?;
    blanks(input)?;
    match opt(')').parse_next(input)? {
        Some(_) => Ok(inner),
        None => Err(Wrong::expected(input, "`)`, `and` or `or`")),
    }
}

fn condition(input: &mut Input<'_>) -> Parsed<Filter> {
    let field = field(input)?;
    let kind = field.kind();
    blanks(input)?;
    let sign = alt(("!=", "!~", "<=", ">=", "==", "=", "<", ">", "~"));
    let is = |field, test| Filter::Is(field, test);
    let negated = |filter| Filter::Not(Box::new(filter));
    if let Some(sign) = opt(sign).parse_next(input)? {
        return Ok(match sign {
            "=" | "==" => is(field, Test::Equals(literal(input, kind)?)),
            "!=" => negated(is(field, Test::Equals(literal(input, kind)?))),
            "~" => is(field, Test::Matches(pattern(input)?)),
            "!~" => negated(is(field, Test::Matches(pattern(input)?))),
            "<" => is(field, Test::Comes(Sense::Below, literal(input, kind)?)),
            "<=" => is(field, Test::Comes(Sense::AtMost, literal(input, kind)?)),
            ">" => is(field, Test::Comes(Sense::Above, literal(input, kind)?)),
            _ => is(field, Test::Comes(Sense::AtLeast, literal(input, kind)?)),
        });
    }
    let not = keyword(input, "not")?;
    let test = if keyword(input, "in")? {
        Test::In(list(input, kind)?)
    } else if keyword(input, "has")? {
        Test::Has(literal(input, kind)?)
    } else if keyword(input, "exists")? {
        Test::Exists
    } else {
        let what = if not { "`in`, `has` or `exists`" } else { SIGNS };
        return Err(Wrong::expected(input, what));
    };
    Ok(if not { negated(is(field, test)) } else { is(field, test) })
}

const SIGNS: &str = "one of = != < <= > >= ~ !~ in has exists";

fn field(input: &mut Input<'_>) -> Parsed<Field> {
    blanks(input)?;
    let at = input.current_token_start();
    let Some(word) = opt(take_while(1.., is_word)).parse_next(input)? else {
        return Err(Wrong::expected(input, "the name of a field"));
    };
    let (scope, path) = word.split_once('.').unwrap_or((word, ""));
    let of: fn(String) -> Field = match scope {
        "config" => Field::Config,
        "summary" => Field::Summary,
        _ => {
            let found = Named::parse(word).map(Field::Of);
            return found.ok_or_else(|| unknown_field(at, word));
        }
    };
    let path = match (path, quoted(input)?) {
        ("", Some(path)) if word.ends_with('.') => path,
        ("", None) | (_, Some(_)) => {
            return Err(Wrong::expected(input, &format!("a key such as `{scope}.lr` or `{scope}.\"a b\"`")));
        }
        (path, None) => path.to_owned(),
    };
    if path.len() > limits::KEY_BYTES {
        return Err(Wrong::at(at, format!("the key is longer than {} bytes", limits::KEY_BYTES)));
    }
    Ok(of(path))
}

fn unknown_field(at: usize, word: &str) -> Wrong {
    let short: String = word.chars().take(40).collect();
    let names: Vec<&str> = Named::ALL.iter().map(|(name, _)| *name).collect();
    Wrong::at(at, format!("there is no field `{short}`")).with_hint(format!(
        "`config.{short}` and `summary.{short}` are what was logged; other fields are {}",
        names.join(", ")
    ))
}

/// Reads a text in quotes, if one is next. A backslash stands before a quote or a backslash; others are what they are.
fn quoted(input: &mut Input<'_>) -> Parsed<Option<String>> {
    let at = input.current_token_start();
    let Some(quote) = opt(one_of(['"', '\''])).parse_next(input)? else { return Ok(None) };
    let mut text = String::new();
    loop {
        let plain = take_while(0.., |c| c != quote && c != '\\').parse_next(input)?;
        text.push_str(plain);
        match opt(any).parse_next(input)? {
            None => {
                return Err(
                    Wrong::at(at, "the text that begins there has no end").with_hint("close the quote")
                );
            }
            Some('\\') => {
                let escaped = opt(one_of([quote, '\\'])).parse_next(input)?;
                text.push(escaped.unwrap_or('\\'));
            }
            Some(_) => return Ok(Some(text)),
        }
    }
}

fn list(input: &mut Input<'_>, kind: Kind) -> Parsed<Vec<Literal>> {
    blanks(input)?;
    if opt('[').parse_next(input)?.is_none() {
        return Err(Wrong::expected(input, "`[`"));
    }
    let mut literals = Vec::new();
    loop {
        literals.push(literal(input, kind)?);
        blanks(input)?;
        match opt(one_of([',', ']'])).parse_next(input)? {
            Some(',') => {}
            Some(_) => return Ok(literals),
            None => return Err(Wrong::expected(input, "`,` or `]`")),
        }
    }
}

/// Reads a value that a field of this kind can be compared with.
fn literal(input: &mut Input<'_>, kind: Kind) -> Parsed<Literal> {
    blanks(input)?;
    count(input, |counts| &mut counts.values, FILTER_VALUES, "values")?;
    let at = input.current_token_start();
    let (text, quoted) = match quoted(input)? {
        Some(text) => (text, true),
        None => (word(input)?.to_owned(), false),
    };
    let meaning = meaning(&text, quoted, kind).map_err(|what| {
        let short: String = text.chars().take(40).collect();
        Wrong::at(at, format!("`{}` is {what}", short.escape_debug()))
    })?;
    Ok(Literal { text, quoted, meaning })
}

fn word<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    const WORDS: [&str; 6] = ["and", "or", "not", "in", "has", "exists"];
    let start = input.checkpoint();
    let word = opt(take_while(1.., is_word)).parse_next(input)?;
    match word {
        Some(word) if !WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)) => Ok(word),
        _ => {
            input.reset(&start);
            Err(Wrong::expected(input, "a value").with_hint("such as 0.1, finished or \"a text\""))
        }
    }
}

fn pattern(input: &mut Input<'_>) -> Parsed<Pattern> {
    blanks(input)?;
    count(input, |counts| &mut counts.patterns, FILTER_PATTERNS, "patterns")?;
    let at = input.current_token_start();
    let text = match quoted(input)? {
        Some(text) => text,
        None => word(input)?.to_owned(),
    };
    let mut builder = RegexBuilder::new(&text);
    let limited = builder.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).nest_limit(32);
    limited.build().map(Pattern).map_err(|e| {
        let what = match e {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            // The last line says what; those before show where, over several lines.
            other => {
                let said = other.to_string();
                let why = said.lines().last().unwrap_or_default().trim();
                format!("the pattern is none: {}", why.strip_prefix("error: ").unwrap_or(why))
            }
        };
        Wrong::at(at, what).with_hint("such as 'base.*'; https://docs.rs/regex describes them")
    })
}
