//! The process that faults happen to: this binary again, which does what it is told line by line.
//!
//! | it is told | it does | it says |
//! |---|---|---|
//! | `start TICK` | starts run `r` with a tick of so many milliseconds | `done start PATH` |
//! | `fork ID STEP` | starts run `r` as a fork of another | `done fork PATH`, or `failed fork …` |
//! | `rewind STEP` | goes on with run `r` from a step | `done rewind PATH`, or `failed rewind …` |
//! | `log N` | logs N rows | `ack ROW TIME` for each whose `log` returned and was stored, `done log` |
//! | `log for ever PAUSE` | logs with a pause of so many microseconds, and saves now and then, until something is lost | also `saved ROWS NAME` |
//! | `settle` | waits until the background thread has nothing to do | `done settle` |
//! | `save NAME` | saves a file | `done save NAME`, or `failed save …` |
//! | `flush` | makes all rows durable | `done flush`, or `failed flush …` |
//! | `finish` | ends the run | `done finish`, or `failed finish …` |
//! | `drop` | gives the run up | `done drop` |
//!
//! Warnings are said as `warning …`. At the end of its input it exits without ending the run.

use crate::support::wait_until;
use danlu::model::{Clock, SystemClock};
use danlu::{Run, RunBuilder};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const DIRECTORY: &str = "DANLU_FAULTS_CHILD";

/// The entry of the process. In the test run itself there is nothing to do.
#[test]
fn entry() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    say(&format!("\nthread {}", thread.file_name().unwrap().to_str().unwrap()));
    let mut does = Does { directory: directory.into(), run: None, rows: 0 };
    for line in std::io::stdin().lines() {
        does.command(&line.unwrap());
    }
    std::mem::forget(does.run);
}

fn say(line: &str) {
    // One write each: whoever reads gets whole lines, even from somebody who is killed.
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).ok();
}

struct Does {
    directory: PathBuf,
    run: Option<Run>,
    rows: u64,
}

impl Does {
    fn command(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let done = match words[..] {
            ["start", tick] => self.start(tick.parse().unwrap(), |builder| builder),
            ["fork", id, step] => {
                self.start(3_600_000, |builder| builder.fork_from(id, step.parse().unwrap()))
            }
            ["rewind", step] => self.start(3_600_000, |builder| builder.rewind_to(step.parse().unwrap())),
            ["log", "for", "ever", pause] => self.log_for_ever(Duration::from_micros(pause.parse().unwrap())),
            ["log", rows] => {
                (0..rows.parse().unwrap()).for_each(|_| self.log());
                Ok(String::new())
            }
            ["settle"] => {
                self.settle();
                Ok(String::new())
            }
            ["save", name] => self.run().save(name).map(|names| names.join(" ")),
            ["flush"] => self.run().flush().map(|()| String::new()),
            ["finish"] => self.run.take().unwrap().finish(0).map(|()| String::new()),
            ["drop"] => {
                self.run = None;
                Ok(String::new())
            }
            _ => panic!("`{line}` is no command"),
        };
        say(&match done {
            Ok(what) => format!("done {} {what}", words[0]),
            Err(e) => format!("failed {} {e}", words[0]),
        });
    }

    fn run(&self) -> &Run {
        self.run.as_ref().unwrap()
    }

    fn start(&mut self, tick: u64, how: impl FnOnce(RunBuilder) -> RunBuilder) -> danlu::Result<String> {
        let builder = Run::builder("faults")
            .id("r")
            .dir(&self.directory)
            .tick(Duration::from_millis(tick))
            .on_warning(|warning| say(&format!("warning {warning}")));
        let run = how(builder).start()?;
        Ok(self.run.insert(run).path().display().to_string())
    }

    fn log(&mut self) {
        let run = self.run.as_ref().unwrap();
        let (before, time) = (run.lost(), SystemClock.now());
        run.log([("n", self.rows), ("twice", 2 * self.rows)]);
        if run.lost() == before {
            say(&format!("ack {} {time}", self.rows));
            self.rows += 1;
        }
    }

    fn log_for_ever(&mut self, pause: Duration) -> danlu::Result<String> {
        while self.run().lost() == 0 {
            self.log();
            if !pause.is_zero() {
                std::thread::park_timeout(pause);
            }
            if self.rows % 5000 == 1000 {
                let name = format!("model-{}.bin", self.rows);
                let content: Vec<u8> = (0..self.rows * 20).map(|n| (n * n % 251) as u8).collect();
                let path = self.directory.join(&name);
                if std::fs::write(&path, content).is_ok() && self.run().save(&name).is_ok() {
                    say(&format!("saved {} {name}", self.rows));
                }
            }
        }
        Ok("something was lost".to_owned())
    }

    fn settle(&self) {
        let path = self.run().path();
        let drained = || {
            let connection = danlu::store::open_packed(path)?;
            danlu::store::attempts(&connection)
        };
        wait_until("the start is drained", || drained().is_ok_and(|attempts| !attempts.is_empty()));
        let stat = format!("/proc/self/task/{}/stat", thread_of(std::process::id(), "danlu-drain"));
        wait_until("the background thread rests", || {
            std::fs::read_to_string(&stat).unwrap().contains(") S ")
        });
    }
}

/// Finds a thread of a process by its name.
fn thread_of(pid: u32, name: &str) -> u32 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut found = tasks.filter_map(Result::ok).filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    found.next().expect("a thread of this name").file_name().to_str().unwrap().parse().unwrap()
}

/// The process, as whoever tells it what to do sees it.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// The thread that does what the process is told.
    pub thread: u32,
    /// What it said so far.
    pub said: Said,
}

/// What a process said.
#[derive(Default)]
pub struct Said {
    /// How many rows it acknowledged.
    pub rows: u64,
    /// When it logged each of them, in microseconds.
    pub times: Vec<i64>,
    /// The files whose saving it acknowledged, each with the number of rows at that time.
    pub saved: Vec<(u64, String)>,
    pub finished: bool,
    pub warnings: Vec<String>,
    pub run_file: Option<PathBuf>,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows, {:?}, finished: {}, {:?}", self.rows, self.saved, self.finished, self.warnings)
    }
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ack", row, time] => {
                assert_eq!(row.parse::<u64>().unwrap(), self.rows);
                self.rows += 1;
                self.times.push(time.parse().unwrap());
            }
            ["done", "start", path] => self.run_file = Some(path.into()),
            ["done", "save", name] => self.saved.push((self.rows, name.to_owned())),
            ["saved", rows, name] => self.saved.push((rows.parse().unwrap(), name.to_owned())),
            ["done", "finish", ..] => self.finished = true,
            ["warning", ..] => self.warnings.push(line["warning ".len()..].to_owned()),
            _ => {}
        }
    }
}

impl Process {
    /// Starts the process; the runs that it makes are in this directory.
    pub fn new(directory: &Path) -> Self {
        Self::through(Command::new(std::env::current_exe().unwrap()), directory)
    }

    /// Starts the process with limits, by a line of shell that is run before it.
    pub fn limited(limits: &str, directory: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}; exec \"$@\""), "sh"]).arg(std::env::current_exe().unwrap());
        Self::through(shell, directory)
    }

    fn through(mut command: Command, directory: &Path) -> Self {
        let mut child = command
            .args(["--exact", "process::entry", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = channel();
        // It ends with the process, or with whoever listens.
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|said| line.send(said)));
        let stdin = child.stdin.take();
        let mut process = Self { child, stdin, lines, thread: 0, said: Said::default() };
        process.thread = process.hear("thread ").unwrap().parse().unwrap();
        process
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the background thread of its run.
    pub fn background(&self) -> u32 {
        thread_of(self.pid(), "danlu-drain")
    }

    /// Tells it something without waiting.
    pub fn tell(&mut self, command: &str) {
        // It may be dead: whoever listens to what it says finds out.
        self.stdin.as_mut().unwrap().write_all(format!("{command}\n").as_bytes()).ok();
    }

    /// Tells it to do something and returns how that went, or `None` if it died over it.
    pub fn try_to(&mut self, command: &str) -> Option<Result<String, String>> {
        self.tell(command);
        let word = command.split(' ').next().unwrap();
        let (done, failed) = (format!("done {word} "), format!("failed {word} "));
        loop {
            let line = self.hear("")?;
            if let Some(what) = line.strip_prefix(&done) {
                return Some(Ok(what.to_owned()));
            }
            if let Some(why) = line.strip_prefix(&failed) {
                return Some(Err(why.to_owned()));
            }
        }
    }

    /// Tells it to do something that succeeds.
    pub fn does(&mut self, command: &str) -> String {
        self.try_to(command).expect("it lives").unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    /// Tells it to do something that fails, and returns the reason.
    pub fn fails(&mut self, command: &str) -> String {
        self.try_to(command).expect("it lives").expect_err(command)
    }

    /// Listens until it says something that begins so, and returns the rest; `None` when it says nothing more.
    pub fn hear(&mut self, beginning: &str) -> Option<String> {
        loop {
            let line = match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for `{beginning}`"),
            };
            self.said.hear(&line);
            if let Some(rest) = line.strip_prefix(beginning) {
                return Some(rest.to_owned());
            }
        }
    }

    /// Waits until it has warned of something in words that begin so.
    pub fn warns(&mut self, beginning: &str) {
        while !self.said.warnings.iter().any(|warning| warning.starts_with(beginning)) {
            self.hear("warning ").expect("it lives");
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends its input, waits for its end, and returns how it ended and what it said.
    pub fn end(mut self) -> (ExitStatus, Said) {
        self.stdin = None;
        while self.hear("\n").is_some() {}
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }

    /// Kills it with SIGKILL and returns what it said.
    pub fn kill(mut self) -> Said {
        self.child.kill().unwrap();
        self.end().1
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
