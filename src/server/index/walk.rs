//! The values of a config or summary by their paths, taken straight out of the text.

use super::column::{List, Packed};
use super::texts::Texts;
use crate::query::Scalar;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;

/// How much of a text can be asked for, in bytes.
const TEXT_BYTES: usize = 1024;

/// How many values of one run can be asked for, and how many elements of one list.
const VALUES: usize = 4096;

/// The numbers of paths.
pub(super) type Paths = HashMap<Box<str>, u32>;

/// Takes an object apart.
pub(super) struct Walk<'a> {
    pub(super) texts: &'a mut Texts,
    pub(super) paths: &'a mut Paths,
    /// The number of the next new path.
    pub(super) next: &'a mut u32,
    /// What was found, by the numbers of the paths.
    pub(super) found: &'a mut Vec<(u32, Packed)>,
    path: String,
    in_list: bool,
}

/// Cuts a text to what can be asked for.
pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        texts: &'a mut Texts,
        paths: &'a mut Paths,
        next: &'a mut u32,
        found: &'a mut Vec<(u32, Packed)>,
    ) -> Self {
        Self { texts, paths, next, found, path: String::new(), in_list: false }
    }

    /// Takes an object apart. Of a path that leads to several values, which needs keys with dots in them, the one counts that
    /// filters find elsewhere.
    pub(super) fn take_apart(mut self, json: &str) -> serde_json::Result<()> {
        let start = self.found.len();
        self.deserialize(&mut serde_json::Deserializer::from_str(json))?;
        let found = &mut self.found[start..];
        found.sort_by_key(|(path, _)| *path);
        if found.windows(2).all(|pair| pair[0].0 != pair[1].0) {
            return Ok(());
        }
        let whole: serde_json::Value = serde_json::from_str(json)?;
        let names: HashMap<u32, &str> = self.paths.iter().map(|(name, path)| (*path, &**name)).collect();
        for n in 1..found.len() {
            if found[n].0 == found[n - 1].0 {
                let meant = crate::query::descend(&whole, names[&found[n].0]);
                found[n - 1].1 = pack(&meant, self.texts);
                found[n].1 = found[n - 1].1.clone();
            }
        }
        Ok(())
    }

    fn number(&mut self) -> u32 {
        if let Some(known) = self.paths.get(self.path.as_str()) {
            return *known;
        }
        let number = *self.next;
        *self.next += 1;
        self.paths.insert(self.path.as_str().into(), number);
        number
    }
}

/// Puts a value into little room.
pub(super) fn pack(value: &Scalar<'_>, texts: &mut Texts) -> Packed {
    match value {
        Scalar::Missing => Packed::Missing,
        Scalar::Null => Packed::Null,
        Scalar::Bool(truth) => Packed::Bool(*truth),
        Scalar::Int(int) => Packed::Int(*int),
        Scalar::Float(float) => Packed::Float(*float),
        Scalar::Text(text) => Packed::Text(texts.put(cut(text))),
        Scalar::List(items) => {
            let items = items.iter().take(VALUES).map(|item| pack(item, texts)).collect();
            Packed::List(Box::new(List(items)))
        }
        Scalar::Object => Packed::Object,
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_> {
    type Value = Packed;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Packed, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_> {
    type Value = Packed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Packed, E> {
        Ok(Packed::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Packed, E> {
        Ok(Packed::Bool(truth))
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<Packed, E> {
        Ok(Packed::Int(int))
    }

    #[expect(clippy::cast_precision_loss, reason = "there is no whole number as large")]
    fn visit_u64<E: Error>(self, int: u64) -> Result<Packed, E> {
        Ok(i64::try_from(int).map_or(Packed::Float(int as f64), Packed::Int))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Packed, E> {
        Ok(Packed::Float(float))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Packed, E> {
        Ok(pack(&Scalar::of_text(text), self.texts))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Packed, A::Error> {
        let outer = std::mem::replace(&mut self.in_list, true);
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(&mut *self)? {
            if list.len() < VALUES {
                list.push(item);
            }
        }
        self.in_list = outer;
        Ok(Packed::List(Box::new(List(list.into()))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Packed, A::Error> {
        if self.in_list {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Packed::Object);
        }
        let end = self.path.len();
        while members.next_key_seed(Step(&mut self.path))?.is_some() {
            let value = members.next_value_seed(&mut *self)?;
            if self.found.len() < VALUES {
                let number = self.number();
                self.found.push((number, value));
            }
            self.path.truncate(end);
        }
        Ok(Packed::Object)
    }
}

/// Goes a step down a path.
struct Step<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_path_leads_where_filters_find_it_elsewhere() {
        for value in [
            json!({"a": {"b": {"c": 1}}, "a.b": {"c": 2}, "a.b.c": 3}),
            json!({"a.b": {"c": 2}, "a": {"b.c": 4, "b": {"c": 5}}}),
            json!({"x": [1, {"y": 2}, [3, "NaN"]], "y": null, "z": u64::MAX, "n": "NaN", "": {"": true}}),
            json!({"long": "é".repeat(TEXT_BYTES), "deep": {"deeper": {"deepest": -1.5}}}),
        ] {
            let (mut texts, mut paths, mut next, mut found) = (Texts::default(), Paths::new(), 0, Vec::new());
            let walk = Walk::new(&mut texts, &mut paths, &mut next, &mut found);
            walk.take_apart(&value.to_string()).unwrap();
            assert!(!paths.is_empty() && paths.len() == next as usize);
            for (path, number) in &paths {
                let wanted = pack(&crate::query::descend(&value, path), &mut texts);
                for (_, packed) in found.iter().filter(|(path, _)| path == number) {
                    assert_eq!(format!("{packed:?}"), format!("{wanted:?}"), "{path} of {value}");
                }
            }
        }
    }
}
