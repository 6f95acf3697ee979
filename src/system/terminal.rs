//! A terminal of no size, which knows what a person would have read of an output once it scrolled away.
//!
//! A line is finished when the cursor has gone below it. Lines that are drawn again and again, such as progress bars,
//! are kept for a while and finished as what they showed last.

use std::collections::VecDeque;
use unicode_width::UnicodeWidthChar;

/// How many redrawn lines are kept open above the cursor: more bars than that are on no screen.
const OPEN_LINES: usize = 32;

/// Longest line, in columns; a longer one is cut into pieces.
const LINE_COLUMNS: usize = 64 << 10;

/// How far to the right escape sequences move the cursor at most: the width of a very wide screen.
const SCREEN_COLUMNS: usize = 512;

/// Makes finished lines of the bytes of an output.
#[derive(Default)]
pub struct Terminal {
    parser: vte::Parser,
    screen: Screen,
    /// The beginning of a character whose end has not come yet.
    partial: Vec<u8>,
}

impl Terminal {
    /// Takes in a piece of the output, however it is cut, at a time in microseconds.
    pub fn feed(&mut self, bytes: &[u8], now: i64) {
        self.screen.now = now;
        let mut joined = std::mem::take(&mut self.partial);
        let bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let mut read = 0;
        // The parser takes invalid bytes differently when they come alone.
        for chunk in bytes.utf8_chunks() {
            self.parser.advance(&mut self.screen, chunk.valid().as_bytes());
            read += chunk.valid().len() + chunk.invalid().len();
            if read == bytes.len()
                && std::str::from_utf8(chunk.invalid()).is_err_and(|e| e.error_len().is_none())
            {
                self.partial = chunk.invalid().to_vec();
            } else if !chunk.invalid().is_empty() {
                self.parser.advance(&mut self.screen, "\u{fffd}".as_bytes());
            }
        }
    }

    /// Returns the lines that were finished since the last call, each with its line feed.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.screen.finished)
    }

    /// Says whether lines are kept open that may be finished already.
    pub fn is_open(&self) -> bool {
        self.screen.row > 0
    }

    /// Finishes lines above the cursor that were last drawn before a time.
    pub fn settle(&mut self, before: i64) {
        while self.screen.row > 0 && self.screen.lines.front().is_some_and(|line| line.drawn < before) {
            self.screen.finish_first(true);
        }
    }

    /// Finishes every line as what it shows now.
    pub fn flush(&mut self) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.parser.advance(&mut self.screen, "\u{fffd}".as_bytes());
        }
        self.screen.flush();
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("open", &self.screen.lines.len()).finish_non_exhaustive()
    }
}

/// What is at one column. The second column of a wide character and those behind a tab have no text.
#[derive(Clone, Default)]
struct Cell {
    text: Option<char>,
    /// Marks that combine with the character.
    marks: Option<Box<str>>,
}

impl Cell {
    const BLANK: Self = Self { text: Some(' '), marks: None };
}

#[derive(Default)]
struct Line {
    cells: Vec<Cell>,
    /// It was drawn over.
    live: bool,
    /// When it was drawn last.
    drawn: i64,
}

impl Line {
    /// Makes room up to a column.
    fn reach(&mut self, column: usize) {
        if self.cells.len() < column {
            self.cells.resize(column, Cell::BLANK);
        }
    }

    /// Blanks what would be half a character if the cell at a column was written.
    fn break_wide(&mut self, column: usize) {
        if self.cells.get(column).is_some_and(|cell| cell.text.is_none()) {
            let first = self.cells.iter().take(column).rposition(|cell| cell.text.is_some()).unwrap_or(0);
            for cell in self.cells.iter_mut().skip(first).take(column - first) {
                *cell = Cell::BLANK;
            }
        }
    }

    /// Writes a character that takes some columns.
    fn put(&mut self, column: usize, c: char, width: usize) {
        self.reach(column);
        self.live |= column < self.cells.len();
        self.break_wide(column);
        self.reach(column + width);
        let mut after = column + width;
        while self.cells.get(after).is_some_and(|cell| cell.text.is_none()) {
            if let Some(cell) = self.cells.get_mut(after) {
                *cell = Cell::BLANK;
            }
            after += 1;
        }
        for cell in self.cells.iter_mut().skip(column).take(width) {
            *cell = Cell::default();
        }
        if let Some(cell) = self.cells.get_mut(column) {
            cell.text = Some(c);
        }
    }

    /// Adds a mark to the character before a column.
    fn mark(&mut self, column: usize, c: char) {
        let Some(cell) = self.cells.iter_mut().take(column).rfind(|cell| cell.text.is_some()) else { return };
        let mut marks = cell.marks.take().map_or_else(String::new, String::from);
        // A character has a few; a text that piles them up is no text.
        if marks.len() < 64 {
            marks.push(c);
        }
        cell.marks = Some(marks.into());
    }

    fn write_to(&self, text: &mut String) {
        let from = text.len();
        for cell in &self.cells {
            text.extend(cell.text);
            text.push_str(cell.marks.as_deref().unwrap_or_default());
        }
        if self.live {
            // Bars are padded to cover what was there before.
            text.truncate(from + text.get(from..).unwrap_or_default().trim_end_matches(' ').len());
        }
    }
}

/// The lines that are not finished, with the cursor in them.
#[derive(Default)]
struct Screen {
    lines: VecDeque<Line>,
    row: usize,
    column: usize,
    now: i64,
    finished: String,
}

impl Screen {
    fn line(&mut self) -> &mut Line {
        while self.lines.len() <= self.row {
            self.lines.push_back(Line { drawn: self.now, ..Line::default() });
        }
        let (row, now) = (self.row, self.now);
        let line = &mut self.lines[row];
        line.drawn = now;
        line
    }

    /// Finishes the first line; `whole` says whether it ends there.
    fn finish_first(&mut self, whole: bool) {
        if let Some(line) = self.lines.pop_front() {
            line.write_to(&mut self.finished);
            if whole {
                self.finished.push('\n');
            }
        }
        self.row = self.row.saturating_sub(1);
    }

    fn flush(&mut self) {
        // The line that the cursor is in may be one where nothing has come yet.
        if self.lines.back().is_some_and(|line| line.cells.is_empty()) {
            self.lines.pop_back();
        }
        while !self.lines.is_empty() {
            self.finish_first(true);
        }
        (self.row, self.column) = (0, 0);
    }

    fn line_feed(&mut self) {
        self.line();
        self.row += 1;
        self.column = 0;
        while self.row > 0 && (self.row > OPEN_LINES || self.lines.front().is_some_and(|line| !line.live)) {
            self.finish_first(true);
        }
    }

    fn up(&mut self, count: usize) {
        for _ in self.row..count.min(OPEN_LINES) {
            // It was finished before; what is drawn there now is another line.
            self.lines.push_front(Line { drawn: self.now, ..Line::default() });
            self.row += 1;
        }
        self.row = self.row.saturating_sub(count);
        self.touch_from(self.row);
    }

    fn touch_from(&mut self, row: usize) {
        self.lines.iter_mut().skip(row).for_each(|line| line.live = true);
    }

    fn down(&mut self, count: usize) {
        self.row = self.row.saturating_add(count).min(self.lines.len().saturating_sub(1).max(self.row));
    }

    fn print_wide(&mut self, c: char, width: usize) {
        if self.column + width > LINE_COLUMNS {
            for _ in 0..self.row {
                self.finish_first(true);
            }
            self.finish_first(false);
            self.column = 0;
        }
        let column = self.column;
        self.line().put(column, c, width);
        self.column += width;
    }

    fn tab(&mut self) {
        let stop = (self.column / 8 + 1) * 8;
        let column = self.column;
        if column >= self.line().cells.len() {
            self.print_wide('\t', stop - column);
        } else {
            self.column = stop;
        }
    }

    fn erase_line(&mut self, mode: usize) {
        let column = self.column;
        let line = self.line();
        line.live = true;
        match mode {
            0 => {
                line.break_wide(column);
                line.cells.truncate(column);
            }
            1 => {
                line.reach(column + 1);
                line.break_wide(column + 1);
                line.cells.iter_mut().take(column + 1).for_each(|cell| *cell = Cell::BLANK);
            }
            _ => line.cells.clear(),
        }
    }

    fn erase_screen(&mut self, mode: usize) {
        match mode {
            0 => {
                self.erase_line(0);
                self.lines.truncate(self.row + 1);
            }
            1 => {
                self.erase_line(1);
                self.lines.iter_mut().take(self.row).for_each(|line| line.cells.clear());
            }
            // A person has read it, and it is gone then.
            _ => self.flush(),
        }
    }
}

impl vte::Perform for Screen {
    fn print(&mut self, c: char) {
        match c.width().unwrap_or(0) {
            0 => {
                let column = self.column;
                self.line().mark(column, c);
            }
            width => self.print_wide(c, width),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c => self.line_feed(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.tab(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let number = |place| params.iter().nth(place).and_then(|param| param.first()).copied().unwrap_or(0);
        let (first, count) = (usize::from(number(0)), usize::from(number(0).max(1)));
        match action {
            'A' => self.up(count),
            'B' => self.down(count),
            'C' => self.column = (self.column + count).min(SCREEN_COLUMNS.max(self.column)),
            'D' => self.column = self.column.saturating_sub(count),
            'E' => {
                self.down(count);
                self.column = 0;
            }
            'F' => {
                self.up(count);
                self.column = 0;
            }
            'G' => self.column = (count - 1).min(SCREEN_COLUMNS),
            'H' | 'f' => {
                self.up(self.row);
                self.down(count - 1);
                self.column = usize::from(number(1).max(1) - 1).min(SCREEN_COLUMNS);
            }
            'J' => self.erase_screen(first),
            'K' => self.erase_line(first),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> String {
        let mut terminal = Terminal::default();
        let mut text = String::new();
        for piece in pieces {
            terminal.feed(piece, 0);
            text.push_str(&terminal.take());
        }
        terminal.flush();
        text.push_str(&terminal.take());
        text
    }

    fn shown(text: &str) -> String {
        read(&[text.as_bytes()])
    }

    #[test]
    fn plain_lines_are_what_they_are() {
        assert_eq!(shown("one\n\n  two \tthree  \r\nfour"), "one\n\n  two \tthree  \nfour\n");
        assert_eq!(shown("a\n"), "a\n");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn a_plain_line_is_finished_at_its_end() {
        let mut terminal = Terminal::default();
        terminal.feed(b"one\ntw", 0);
        assert_eq!(terminal.take(), "one\n");
        assert!(!terminal.is_open());
        terminal.feed(b"o\n", 0);
        assert_eq!(terminal.take(), "two\n");
    }

    #[test]
    fn a_bar_ends_as_what_it_showed_last() {
        assert_eq!(shown("\r  0%|   |\r 50%|#  |\r100%|###|\nafter\n"), "100%|###|\nafter\n");
        assert_eq!(shown("downloading 100%\rdone            \n"), "done\n");
        assert_eq!(shown("long line\r\x1b[Kend\n"), "end\n");
    }

    #[test]
    fn bars_below_each_other_end_as_what_they_showed_last() {
        let mut text = String::from("\router 0\n\rinner 0\x1b[A");
        for i in 1..50 {
            text += &format!("\router {i}\n\rinner {i}\x1b[A");
        }
        // The first state was finished before anything told that there are two bars.
        assert_eq!(shown(&(text + "\n\ndone\n")), "outer 0\nouter 49\ninner 49\ndone\n");
    }

    #[test]
    fn frames_of_several_lines_end_as_the_last_one() {
        let frame = |i| format!("\r\x1b[2K a {i}\n\x1b[2K b {i}\n\x1b[2K c {i}");
        let text = (0..9).map(frame).collect::<Vec<_>>().join("\r\x1b[1A\x1b[1A");
        assert_eq!(shown(&format!("\x1b[?25l{text}\n\x1b[?25h")), " a 8\n b 8\n c 8\n");
    }

    #[test]
    fn colours_and_titles_are_dropped() {
        assert_eq!(shown("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b[38:2:1:2:3m!\n"), "red text!\n");
    }

    #[test]
    fn the_cursor_moves_as_on_a_screen() {
        assert_eq!(shown("abc\x08\x08X\n"), "aXc\n");
        assert_eq!(shown("abc\x1b[2DX\x1b[5GY\x1b[3CZ\n"), "aXc Y   Z\n");
        assert_eq!(shown("one\n\x1b[2Jtwo\n"), "one\ntwo\n");
        assert_eq!(shown("x\ny\x1b[A\x1b[Jz\n"), "x\n z\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(shown("日本語\rab\n"), "ab本語\n");
        assert_eq!(shown("日本語\rabc\n"), "abc 語\n");
        assert_eq!(shown("abcd\r日\n"), "日cd\n");
        assert_eq!(shown("e\u{301}te\u{301}\n"), "e\u{301}te\u{301}\n");
    }

    #[test]
    fn what_is_no_utf_8_is_replaced() {
        assert_eq!(read(&[b"a\xff\xfeb\n"]), "a\u{fffd}\u{fffd}b\n");
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let mut terminal = Terminal::default();
        let mut most = 0;
        for _ in 0..1000 {
            terminal.feed(&[b'x'; 1000], 0);
            most = most.max(terminal.screen.lines.iter().map(|line| line.cells.len()).sum());
        }
        terminal.flush();
        assert_eq!(terminal.take(), "x".repeat(1_000_000) + "\n");
        assert!(most <= LINE_COLUMNS);
    }

    #[test]
    fn a_bar_that_stands_still_is_finished() {
        let mut terminal = Terminal::default();
        terminal.feed(b"\r 50%\r100%\nnext\n", 10);
        assert_eq!(terminal.take(), "");
        assert!(terminal.is_open());
        terminal.settle(10);
        assert_eq!(terminal.take(), "");
        terminal.settle(11);
        assert_eq!(terminal.take(), "100%\nnext\n");
        assert!(!terminal.is_open());
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let text = |text: &'static str| Just(text.as_bytes().to_vec());
        prop_oneof![
            4 => "[a-z ]{0,9}".prop_map(String::into_bytes),
            2 => prop_oneof![text("\n"), text("\r"), text("\t"), text("\x08"), text("日本"), text("e\u{301}")],
            2 => (0..40u8, prop::sample::select(b"ABCDEFGHJKm".to_vec()))
                .prop_map(|(count, action)| format!("\x1b[{count}{}", char::from(action)).into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ]
    }

    proptest! {
        #[test]
        fn how_the_output_is_cut_makes_no_difference(
            pieces in prop::collection::vec(piece(), 0..40),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let bytes = pieces.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut from = 0;
            let mut cut = Vec::new();
            for to in cuts.into_iter().chain([bytes.len()]) {
                cut.push(&bytes[from..to]);
                from = to;
            }
            prop_assert_eq!(read(&cut), read(&[&bytes]));
        }

        #[test]
        fn plain_text_is_kept(lines in prop::collection::vec("[^\\p{C}\\p{M}\\p{Zl}\\p{Zp}]{0,20}", 0..20)) {
            let lines: Vec<String> = lines.iter().map(|line| line.chars().filter(|c| c.width().unwrap_or(0) > 0).collect()).collect();
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            prop_assert_eq!(shown(&text), text);
        }
    }
}
