//! Sizes and rates as people write them: `500k`, `2 MB`, `1.5GiB`, `2MB/s`.

use crate::model::{Error, Result};

/// Units, as powers of ten and of two. Letters count in either case.
const UNITS: [(&str, u64); 13] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

/// Reads a number of bytes.
pub(super) fn parse_size(text: &str) -> Result<u64> {
    let wrong =
        || Error::usage(format!("`{text}` is no size")).with_hint("one looks like 500k, 2MB or 1.5GiB");
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 =
        if whole.is_empty() && !part.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
    let digits = part.get(..9.min(part.len())).ok_or_else(wrong)?;
    let part = match digits {
        "" => 0,
        digits => {
            let scale = 10u128.pow(u32::try_from(digits.len()).map_err(|_| wrong())?);
            u128::from(digits.parse::<u64>().map_err(|_| wrong())?) * u128::from(*factor) / scale
        }
    };
    let all = u128::from(whole) * u128::from(*factor) + part;
    u64::try_from(all).map_err(|_| wrong())
}

/// Reads a number of bytes in a second.
pub(super) fn parse_rate(text: &str) -> Result<u64> {
    let wrong =
        || Error::usage(format!("`{text}` is no rate")).with_hint("one looks like 500k, 2MB/s or 1.5MiB/s");
    let amount = text.trim().strip_suffix("/s").unwrap_or(text);
    match parse_size(amount).ok().filter(|rate| *rate > 0).ok_or_else(wrong)? {
        // A number without a unit is one of bytes: hardly anybody means that.
        rate @ ..1_000 => Err(Error::usage(format!("`{text}` is {rate} bytes in a second"))
            .with_hint("write the unit, such as 500kB/s or 2MB/s; 1kB/s is the least")),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("500k", 500_000),
            ("2 MB", 2_000_000),
            ("1.5GiB", 3 << 29),
            (".5 kib", 512),
            ("0.000001MB", 1),
        ] {
            assert_eq!(parse_size(text).ok(), Some(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1.2.3", "5 parsecs", "1e3", ".", "99999999999999999999", "1.é"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(parse_rate("2MB/s").ok(), Some(2_000_000));
        assert_eq!(parse_rate("1000").ok(), Some(1_000));
        assert!(parse_rate("0").is_err() && parse_rate("2MB/h").is_err());
        for text in ["10", "999 B/s", "0.9k"] {
            let error = parse_rate(text).unwrap_err().to_string();
            assert!(error.contains("bytes in a second"), "{error}");
        }
    }
}
