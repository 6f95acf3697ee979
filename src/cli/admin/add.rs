//! What a new key is to be.

use super::scope;
use crate::server::Scope;
use clap::Args;

/// What a new key is to be.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddKey {
    /// The account that gets it
    pub(super) account: String,

    /// What it is for, in words
    #[arg(long, default_value = "")]
    pub(super) name: String,

    /// What it is good for: read, write, or admin
    #[arg(long, default_value = "write", value_parser = scope)]
    pub(super) scope: Scope,

    /// The only team that it is good for
    #[arg(long)]
    pub(super) team: Option<String>,

    /// The only project that it is good for
    #[arg(long)]
    pub(super) project: Option<String>,

    /// How long it is good, such as 12h or 90d; for ever without this
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(super) expires: Option<u64>,
}

/// Reads a length of time: a number of seconds, or one with s, m, h or d.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no length of time: give a number with s, m, h or d, such as 90d");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}
