//! Processes that tests start and kill: this binary again, told by its environment what to do.

use danlu::Run;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const JOB: &str = "DANLU_TEST_CHILD";

/// The entry of child processes. In the test run itself there is no job, and nothing to do.
#[test]
fn entry() {
    if let Ok(dir) = std::env::var(JOB) {
        log_for_ever(Path::new(&dir));
    }
}

const RESUMES: &str = "DANLU_TEST_CHILD_RESUMES";

/// Goes on with the run `shared`, logs a row, ends, and prints what it was warned of.
#[test]
fn resumes() {
    let Ok(dir) = std::env::var(RESUMES) else { return };
    let run = Run::builder("p")
        .id("shared")
        .resume(danlu::Resume::Allow)
        .dir(&dir)
        .on_warning(|warning| writeln!(std::io::stdout(), "warned {warning}").unwrap())
        .start()
        .unwrap();
    run.log([("n", 1)]);
    run.finish(0).unwrap();
}

/// Starts such a process.
pub fn resume(dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::resumes", "--nocapture"]).env(RESUMES, dir);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Logs rows, and says of each on standard output that `log` returned.
fn log_for_ever(dir: &Path) {
    let run = Run::builder("killed").dir(dir).tick(std::time::Duration::from_millis(50)).start().unwrap();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "run {}", run.path().display()).unwrap();
    for n in 0u64.. {
        run.log([("n", n), ("twice", 2 * n)]);
        writeln!(stdout, "ack {n}").unwrap();
        if n % 1000 == 999 {
            std::fs::write(dir.join("model.bin"), n.to_string().repeat(10_000)).unwrap();
            run.save(dir.join("model.bin")).unwrap();
        }
    }
}

/// A child that logs until it is killed.
pub struct Logger {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pub run_file: std::path::PathBuf,
}

/// A child that may not have started its run yet.
pub struct Starting {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Starting {
    pub fn wait_for_start(mut self) -> Logger {
        let run_file = loop {
            let line = self.lines.next().unwrap().unwrap();
            if let Some(path) = line.split("run ").nth(1).filter(|path| path.ends_with(".sqlite")) {
                break path.into();
            }
        };
        Logger { child: self.child, lines: self.lines, run_file }
    }
}

impl Logger {
    pub fn start(dir: &Path) -> Self {
        Self::spawn(dir).wait_for_start()
    }

    pub fn spawn(dir: &Path) -> Starting {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::entry", "--nocapture"])
            .env(JOB, dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Starting { child, lines }
    }

    /// Waits until so many rows were acknowledged, kills it with SIGKILL, and returns how many were in the end.
    pub fn kill_after(mut self, rows: u64) -> u64 {
        let mut acked = 0;
        while acked < rows {
            acked = ack(&self.lines.next().unwrap().unwrap()).unwrap_or(acked);
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // What it said before it died counts; its last line may be cut short.
        let rest: Vec<String> = self.lines.map_while(Result::ok).collect();
        rest.iter().rev().skip(1).find_map(|line| ack(line)).unwrap_or(0).max(acked)
    }
}

fn ack(line: &str) -> Option<u64> {
    line.strip_prefix("ack ")?.parse::<u64>().ok().map(|n| n + 1)
}
