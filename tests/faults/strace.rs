//! Faults in single system calls, by `strace`.
//!
//! It counts the calls of each thread and of each kind apart. So it is attached to one thread, after that has
//! come to the place where the counting is to begin.

use crate::support::wait_until;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A tracer at work.
pub struct Strace {
    child: Child,
    log: tempfile::TempPath,
}

impl Strace {
    /// Attaches to one thread. The arguments say what is traced and injected.
    pub fn thread(thread: u32, args: &[&str]) -> Self {
        Self::attach(thread, &[], args)
    }

    /// Attaches to all threads of a process, and to those that it starts.
    pub fn process(pid: u32, args: &[&str]) -> Self {
        Self::attach(pid, &["-f"], args)
    }

    fn attach(id: u32, how: &[&str], args: &[&str]) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let child = Command::new("strace")
            .args(["-qq", "-o", log.to_str().unwrap(), "-p", &id.to_string()])
            .args(how)
            .args(args)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let status = |id: u32| std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let traced = || {
            let mut lines = status(id);
            lines.retain(|c| c != '\t');
            lines.contains("TracerPid:") && !lines.contains("TracerPid:0\n")
        };
        // Once it waits, the thread is seized, and stops at its next call.
        wait_until("strace is attached", || traced() && status(child.id()).contains("State:\tS"));
        Self { child, log }
    }

    /// Runs a program to its end under `strace`, and returns its output and how many calls were injected into.
    pub fn run(args: &[&str], program: &Command) -> (std::process::Output, usize) {
        let log = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", log.to_str().unwrap()]).args(args).arg(program.get_program());
        command.args(program.get_args()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", std::env::var_os("PATH").unwrap());
        if let Some(directory) = program.get_current_dir() {
            command.current_dir(directory);
        }
        let output = command.output().unwrap();
        (output, injected(&log))
    }

    /// Waits until so many calls were injected into.
    pub fn wait_for(&self, calls: usize) {
        wait_until("calls were injected into", || injected(&self.log) >= calls);
    }

    /// Lets go, and returns how many calls were injected into.
    pub fn detach(mut self) -> usize {
        self.stop();
        injected(&self.log)
    }

    /// Waits until what it traces has ended, and returns the names of the calls in their order.
    pub fn calls(mut self) -> Vec<String> {
        self.stop();
        let log = std::fs::read_to_string(&self.log).unwrap();
        let name = |line: &str| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            call.split_once('(').map(|(name, _)| name.to_owned())
        };
        log.lines().filter_map(name).collect()
    }

    /// Returns the log of the calls so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).ok();
        self.child.wait().unwrap();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.stop();
    }
}

fn injected(log: &Path) -> usize {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| line.contains("(INJECTED)") || line.contains("(DELAYED)")).count()
}

/// Returns the journals of a run file, for `-P`.
pub fn journal_of(run_file: &Path) -> PathBuf {
    danlu::store::journals_of(run_file).unwrap().remove(0)
}
