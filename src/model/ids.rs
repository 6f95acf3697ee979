//! Identifiers, each with its own type and the rule for what it may be.

use super::{Error, Result, limits};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// The SHA-256 of some bytes; the name of a blob or segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

/// One process writing under one run id: the writer of one stream of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct AttemptId(pub [u8; 16]);

impl AttemptId {
    /// Draws a new one.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|e| {
            Error::new(super::ErrorKind::Io, "Cannot get random bytes").with_source(std::io::Error::other(e))
        })?;
        Ok(Self(bytes))
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |d: u8| match d {
            b'0'..=b'9' => Some(d - b'0'),
            b'a'..=b'f' => Some(d - b'a' + 10),
            _ => None,
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Gives a byte-array identifier its hexadecimal text, in `Display`, `Debug` and serde.
macro_rules! hex_text {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return Deserialize::deserialize(deserializer).map(Self);
                }
                let text = String::deserialize(deserializer)?;
                Self::parse(&text)
                    .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no {}", stringify!($type))))
            }
        }
    };
}
hex_text!(Hash);
hex_text!(AttemptId);

/// The id of a run, unique in its project. Part of a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct RunId(String);

impl RunId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// [`super::ErrorKind::Usage`] when it is empty, too long, starts with a dot or a dash, or has a character
    /// that a file name or an address cannot carry: blanks, control characters or one of ``/\:;,#?'"*<>|%``.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let problem = if id.is_empty() {
            "it is empty".to_owned()
        } else if id.len() > limits::RUN_ID_BYTES {
            format!("it has {} bytes, at most {} can be", id.len(), limits::RUN_ID_BYTES)
        } else if let Some(bad) = id.chars().find(|c| !run_id_char(*c)) {
            format!("`{}` cannot be in it", bad.escape_default())
        } else if id.starts_with(['.', '-']) {
            "it starts with a dot or a dash".to_owned()
        } else {
            return Ok(Self(id));
        };
        Err(Error::usage(format!("The run id `{}` cannot be used: {problem}", id.escape_debug()))
            .with_hint("use letters, digits, `-`, `_` and `.`, or leave it out to have one made"))
    }

    /// Draws a new one: eight characters of `0-9a-z`.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn random() -> Result<Self> {
        let bytes = AttemptId::random()?.0;
        let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
        Ok(Self(bytes[..8].iter().map(|b| char::from(digits[usize::from(*b) % digits.len()])).collect()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn run_id_char(c: char) -> bool {
    !c.is_control() && !c.is_whitespace() && !r#"/\:;,#?'"*<>|%"#.contains(c)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

/// What names a run everywhere: entity (may be empty), project, id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RunKey {
    /// The team or user; empty when none was given.
    pub entity: String,
    /// The project.
    pub project: String,
    /// The id within the project.
    pub id: RunId,
}

impl RunKey {
    /// Returns the name under which a remote keeps this run: a hash, so that any name is a safe file name.
    ///
    /// SHA-256 of the three texts, each followed by a zero byte.
    pub fn hash(&self) -> Hash {
        Hash::of(format!("{}\0{}\0{}\0", self.entity, self.project, self.id).as_bytes())
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&full_name(&[&self.entity, &self.project, self.id.as_str()]))
    }
}

/// Returns `entity/project/id`, or what there is of that.
pub fn full_name(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

/// Checks a project or entity name.
///
/// # Errors
/// [`super::ErrorKind::Usage`] when it is empty, too long, or has a control character or one of `/\#?%:`.
pub fn check_project(what: &str, name: &str) -> Result<()> {
    let problem = if name.trim().is_empty() {
        "it is empty".to_owned()
    } else if name.len() > limits::NAME_BYTES {
        format!("it has {} bytes, at most {} can be", name.len(), limits::NAME_BYTES)
    } else if let Some(bad) = name.chars().find(|c| c.is_control() || r"/\#?%:".contains(*c)) {
        format!("`{}` cannot be in it", bad.escape_default())
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("The {what} `{}` cannot be used: {problem}", name.escape_debug())))
}

/// Checks the name under which a file is stored: relative, with `/` between its parts, none of them `..`.
///
/// # Errors
/// [`super::ErrorKind::Usage`] with the reason.
pub fn check_file_name(name: &str) -> Result<()> {
    let part_is_bad = |part: &str| part.is_empty() || part == "." || part == "..";
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > limits::FILE_NAME_BYTES {
        "it is too long"
    } else if name.starts_with('/') {
        "it is an absolute path"
    } else if name.split('/').any(|part| part == "..") {
        "it leads out of the directory"
    } else if name.split('/').any(part_is_bad) {
        "a part of it is empty or `.`"
    } else if name.chars().any(|c| c.is_control() || c == '\\') {
        "it has a control character or a backslash"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("A file cannot be stored as `{}`: {problem}", name.escape_debug())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_that_a_file_name_cannot_carry_are_refused() {
        for bad in [
            "",
            "a/b",
            "a\\b",
            "a b",
            "a\n",
            "../x",
            ".x",
            "-x",
            "a:b",
            "a#b",
            "a?b",
            "a%b",
            &"x".repeat(129),
        ] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["abc12345", "run_1.2-b", "übung", &"x".repeat(128)] {
            assert!(RunId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn file_names_that_lead_elsewhere_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/.", "a\\b", "a\0b", "a/"] {
            assert!(check_file_name(bad).is_err(), "{bad:?}");
        }
        for good in ["model.pth", "a/b/c.txt", "..x", "a b", "CON", "x."] {
            assert!(check_file_name(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn hex_reads_back_and_refuses_the_rest() {
        let hash = Hash::of(b"danlu");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        assert_eq!(Hash::parse(&hash.to_string().to_uppercase()), None);
        assert_eq!(Hash::parse("é".repeat(32).as_str()), None);
    }
}
