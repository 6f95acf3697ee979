//! Texts, each once, in one piece of memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Texts by their numbers.
#[derive(Default)]
pub(super) struct Texts {
    bytes: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// Their numbers by their hashes; where one is taken by another text, by the next that is free.
    known: HashMap<u64, u32>,
    hasher: RandomState,
}

impl Texts {
    /// Returns the text of a number that was given out.
    pub(super) fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    /// Returns the number of a text, if there is such a text.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.place(text).ok()
    }

    /// Returns the number of a text, and keeps the text if it is new.
    pub(super) fn put(&mut self, text: &str) -> u32 {
        self.place(text).unwrap_or_else(|hash| {
            let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
            self.bytes.push_str(text);
            self.ends.push(self.bytes.len());
            self.known.insert(hash, number);
            number
        })
    }

    fn place(&self, text: &str) -> Result<u32, u64> {
        let mut hash = self.hasher.hash_one(text);
        while let Some(number) = self.known.get(&hash) {
            if self.get(*number) == text {
                return Ok(*number);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Gives back what is not needed.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.known.shrink_to_fit();
    }
}
