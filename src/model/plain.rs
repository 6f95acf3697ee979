//! Texts of others on a terminal.

/// Returns a text as one line without control characters, and without what turns the direction of other characters: names come
/// from users, and a terminal obeys what it is sent.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            '\t' => ' ',
            c if c.is_control() || turns(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Says whether a character only turns the direction of others: with it, `exe.gpj` can be shown as `jpg.exe`.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
