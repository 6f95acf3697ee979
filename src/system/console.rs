//! What a program prints, as lines that somebody keeps.

use super::Terminal;
use crate::model::Clock;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Most bytes of output that are kept of one console: a run that prints more is told of once.
pub const CONSOLE_BYTES: usize = 64 << 20;

/// Lines that come faster than this are handed over together.
const TICK: Duration = Duration::from_millis(100);

/// Bytes that are handed over at once, at most but for one line.
const BATCH_BYTES: usize = 64 << 10;

/// How long a redrawn line may stand still until it counts as finished, in microseconds.
const STILL: i64 = 10_000_000;

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives whole lines, several at once if they come fast.
type Sink = Box<dyn FnMut(Stream, String) + Send>;

/// Turns the bytes of both outputs into lines.
///
/// A thread of its own hands over what waits, so that feeding costs little. In the child of a fork it must not be fed: the
/// parent's thread is not there.
pub struct Console {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

struct State {
    terminals: [Terminal; 2],
    /// Lines that nobody was told of yet.
    pending: Vec<(Stream, String)>,
    /// When somebody was told last.
    told: i64,
    bytes: usize,
    most: usize,
    sink: Sink,
    idle: bool,
    over: bool,
}

impl Console {
    /// Starts to hand over lines. Without its thread, where none can be started, they are handed over as they come.
    pub fn start(clock: Arc<dyn Clock>, sink: impl FnMut(Stream, String) + Send + 'static) -> Self {
        Self::with_limit(clock, CONSOLE_BYTES, sink)
    }

    fn with_limit(
        clock: Arc<dyn Clock>,
        most: usize,
        sink: impl FnMut(Stream, String) + Send + 'static,
    ) -> Self {
        let state = State {
            terminals: Default::default(),
            pending: Vec::new(),
            told: i64::MIN,
            bytes: 0,
            most,
            sink: Box::new(sink),
            idle: false,
            over: false,
        };
        let inner = Arc::new(Inner { state: Mutex::new(state), changed: Condvar::new(), clock });
        let worker = Arc::clone(&inner);
        let thread =
            std::thread::Builder::new().name("danlu-console".to_owned()).spawn(move || worker.work()).ok();
        Self { inner, thread, process: std::process::id() }
    }

    /// Takes in a piece of an output, however it is cut.
    pub fn feed(&self, stream: Stream, bytes: &[u8]) {
        let now = self.inner.clock.now();
        let mut state = self.inner.lock();
        if state.over {
            return;
        }
        let terminal = state.terminal(stream);
        terminal.feed(bytes, now);
        let (text, is_open) = (terminal.take(), terminal.is_open());
        state.add(stream, text);
        if self.thread.is_none() || state.is_due(now) {
            state.tell(now);
        }
        if state.idle && (is_open || !state.pending.is_empty()) {
            state.idle = false;
            self.inner.changed.notify_all();
        }
    }

    /// Hands over every line, also those that have no end yet, and takes in nothing more.
    pub fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return self.inner.lock().end(self.inner.clock.now()) };
        if self.process != std::process::id() {
            return std::mem::forget(thread);
        }
        self.inner.lock().end(self.inner.clock.now());
        self.inner.changed.notify_all();
        thread.join().ok();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.stop();
        } else {
            std::mem::forget(self.thread.take());
        }
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.over {
            let open = state.terminals.iter().any(Terminal::is_open);
            state = if state.pending.is_empty() && !open {
                state.idle = true;
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.changed.wait_timeout(state, TICK * if open { 10 } else { 1 });
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
            state.idle = false;
            let now = self.clock.now();
            for stream in [Stream::Stdout, Stream::Stderr] {
                let terminal = state.terminal(stream);
                terminal.settle(now.saturating_sub(STILL));
                let text = terminal.take();
                state.add(stream, text);
            }
            if state.is_due(now) {
                state.tell(now);
            }
        }
    }
}

impl State {
    fn terminal(&mut self, stream: Stream) -> &mut Terminal {
        let [out, err] = &mut self.terminals;
        match stream {
            Stream::Stdout => out,
            Stream::Stderr => err,
        }
    }

    fn add(&mut self, stream: Stream, mut text: String) {
        if text.is_empty() || self.bytes > self.most {
            return;
        }
        self.bytes += text.len();
        if self.bytes > self.most {
            text = format!("(more than {} MiB were printed; the rest is not recorded)\n", self.most >> 20);
        }
        match self.pending.last_mut() {
            Some((last, before)) if *last == stream && before.len() < BATCH_BYTES => before.push_str(&text),
            _ => self.pending.push((stream, text)),
        }
    }

    /// Says whether what waits is to be handed over.
    fn is_due(&self, now: i64) -> bool {
        let waited = now.saturating_sub(self.told).unsigned_abs();
        u128::from(waited) >= TICK.as_micros()
            || self.pending.iter().map(|(_, text)| text.len()).sum::<usize>() >= BATCH_BYTES
    }

    fn tell(&mut self, now: i64) {
        for (stream, text) in std::mem::take(&mut self.pending) {
            self.told = now;
            (self.sink)(stream, text);
        }
    }

    fn end(&mut self, now: i64) {
        self.over = true;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let terminal = self.terminal(stream);
            terminal.flush();
            let text = terminal.take();
            self.add(stream, text);
        }
        self.tell(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemClock;
    use std::sync::mpsc::{Receiver, channel};

    type Told = Receiver<(Stream, String)>;

    fn console(most: usize) -> (Console, Told) {
        let (sender, told) = channel();
        let sink = move |stream, text| sender.send((stream, text)).unwrap();
        (Console::with_limit(Arc::new(SystemClock), most, sink), told)
    }

    fn all(told: &Told, wanted: Stream) -> String {
        told.try_iter().filter(|(stream, _)| *stream == wanted).map(|(_, text)| text).collect()
    }

    #[test]
    fn a_line_is_handed_over_though_nothing_follows() {
        let (console, told) = console(CONSOLE_BYTES);
        console.feed(Stream::Stdout, b"one\n");
        console.feed(Stream::Stdout, b"two\n");
        console.feed(Stream::Stderr, b"three\n");
        let mut got = String::new();
        while !got.ends_with("three\n") {
            got += &told.recv_timeout(Duration::from_secs(20)).unwrap().1;
        }
        assert_eq!(got, "one\ntwo\nthree\n");
    }

    #[test]
    fn many_lines_are_handed_over_together_and_none_is_missing() {
        let (mut console, told) = console(CONSOLE_BYTES);
        let lines: Vec<String> = (0..10_000).map(|i| format!("line {i}\n")).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| lines.iter().for_each(|line| console.feed(Stream::Stdout, line.as_bytes())));
            scope.spawn(|| lines.iter().for_each(|line| console.feed(Stream::Stderr, line.as_bytes())));
        });
        console.stop();
        let pieces: Vec<_> = told.try_iter().collect();
        assert!(pieces.len() < 10_000, "{}", pieces.len());
        for stream in [Stream::Stdout, Stream::Stderr] {
            let of = |(at, text): &(Stream, String)| (*at == stream).then(|| text.clone());
            assert_eq!(pieces.iter().filter_map(of).collect::<String>(), lines.concat());
        }
    }

    #[test]
    fn the_end_hands_over_what_has_no_end_and_is_the_end() {
        let (mut console, told) = console(CONSOLE_BYTES);
        console.feed(Stream::Stdout, b"\r 1%\r99%");
        console.stop();
        console.feed(Stream::Stdout, b"late\n");
        console.stop();
        assert_eq!(all(&told, Stream::Stdout), "99%\n");
    }

    #[test]
    fn too_much_output_is_said_once() {
        let (mut console, told) = console(1 << 20);
        for _ in 0..3 {
            console.feed(Stream::Stdout, &b"0123456\n".repeat(1 << 16));
        }
        console.stop();
        let text = all(&told, Stream::Stdout);
        assert!(text.len() < (1 << 20) + 100);
        assert_eq!(text.lines().last(), Some("(more than 1 MiB were printed; the rest is not recorded)"));
        assert_eq!(text.matches("not recorded").count(), 1);
    }
}
