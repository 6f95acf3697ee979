//! Time, as microseconds since 1970-01-01 UTC, and the only place that asks the operating system for it.

/// Tells the time. Tests pass their own.
pub trait Clock: Send + Sync {
    /// Returns microseconds since 1970-01-01 UTC.
    fn now(&self) -> i64;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the rule points to")]
    fn now(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Civil date of a count of days since 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 of a civil date: the inverse of [`civil`], from the same source.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn split(micros: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = micros.div_euclid(1_000_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400);
    (year, month, day, second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60)
}

/// Formats a time as `YYYY-MM-DDTHH:MM:SSZ`.
pub fn to_rfc3339(micros: i64) -> String {
    let (year, month, day, hour, minute, second) = split(micros);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Formats a time as `YYYYMMDD_HHMMSS`, for file names.
pub fn file_stamp(micros: i64) -> String {
    let (year, month, day, hour, minute, second) = split(micros);
    format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
}

/// Reads `YYYY-MM-DDTHH:MM:SSZ` back.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    if text.len() != 20 || !text.ends_with('Z') {
        return None;
    }
    let date = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    Some((date * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_known_times_and_reads_them_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_478_399, "2026-11-23T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(to_rfc3339(seconds * 1_000_000), text);
            assert_eq!(from_rfc3339(text), Some(seconds * 1_000_000));
        }
        assert_eq!(file_stamp(1_795_478_399_000_000), "20261123_235959");
    }
}
