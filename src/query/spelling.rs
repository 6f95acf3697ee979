//! How names and texts are spelled in filters and lists of fields.

/// Says whether a character can be in a word, which needs no quotes.
pub(super) fn is_word(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !r#"()[],"'=!<>~"#.contains(c)
}

/// Puts a text into quotes, as a filter has it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
