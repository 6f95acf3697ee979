//! A running `ssh`, with a danlu at its other end.

use super::super::stdio::{self, Failure, GREETING, Request};
use super::Command;
use crate::model::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a shell may say before danlu does, in bytes, and what is kept of complaints.
const NOISE: u64 = 64 << 10;
const COMPLAINTS: usize = 2 << 10;

/// What a shell answers if there is no such command.
const NOT_FOUND: i32 = 127;

/// How often, in hundredths of a second, an ssh that has nothing more to say is looked at before it is ended.
const PATIENCE: u32 = 200;

#[derive(Debug)]
pub(super) struct Connection {
    name: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    said: Arc<Mutex<String>>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Connection {
    /// Logs in, and waits for danlu to greet.
    pub(super) fn open(name: &str, command: &Command) -> Result<Self> {
        let mut child = std::process::Command::new(&command.program)
            .args(&command.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                Error::usage(format!("Cannot run `{}` to reach `{name}`", command.program))
                    .with_source(e)
                    .with_hint("install OpenSSH's client, or name another program in DANLU_SSH")
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(to), Some(from), Some(stderr)) = pipes else {
            return Err(Error::new(ErrorKind::Io, "A process has no standard streams"));
        };
        let said = Arc::new(Mutex::new(String::new()));
        let listener = Some(listen(stderr, Arc::clone(&said))?);
        let from = BufReader::with_capacity(1 << 16, from);
        let mut connection = Self { name: name.to_owned(), child, to, from, said, listener };
        connection.wait_for_greeting()?;
        Ok(connection)
    }

    fn wait_for_greeting(&mut self) -> Result<()> {
        let mut read = 0;
        let mut line = Vec::new();
        while read < NOISE {
            line.clear();
            let mut bounded = self.from.by_ref().take(NOISE - read);
            match bounded.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return Err(self.failure()),
                Ok(more) => read += more as u64,
            }
            let line = line.trim_ascii();
            if line == GREETING.as_bytes() {
                return Ok(());
            }
            if line.starts_with(b"danlu remote-stdio ") {
                let message =
                    format!("The danlu at `{}` is of another version, and speaks otherwise", self.name);
                return Err(
                    Error::new(ErrorKind::Version, message).with_hint("update danlu on both machines")
                );
            }
        }
        let message = format!("`{}` says a lot, but not what danlu does", self.name);
        Err(Error::new(ErrorKind::Unreachable, message)
            .with_hint("the login there must not print anything when nobody sits at a terminal"))
    }

    /// Asks, and waits for the answer. The outer error is that of the connection, which is of no more use then.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        body: &[u8],
    ) -> Result<std::result::Result<(T, Vec<u8>), Failure>> {
        match stdio::send(&mut self.to, request, body) {
            Err(e) if e.kind() == ErrorKind::Unreachable => return Err(self.failure()),
            sent => sent?,
        }
        match stdio::receive::<std::result::Result<serde_json::Value, Failure>>(&mut self.from) {
            Ok(Some((Ok(header), body))) => match serde_json::from_value(header) {
                Ok(header) => Ok(Ok((header, body))),
                Err(e) => Err(self.failure().with_source(e)),
            },
            Ok(Some((Err(failure), _))) => Ok(Err(failure)),
            Ok(None) | Err(_) => Err(self.failure()),
        }
    }

    /// Waits for ssh to end by itself, which it does if there is something wrong, but not for long.
    fn end(&mut self) -> Option<ExitStatus> {
        for _ in 0..PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.child.kill().ok();
        self.child.wait().ok()
    }

    /// Says why there is no answer: what ssh or the shell complained of.
    fn failure(&mut self) -> Error {
        let ended = self.end();
        if let Some(listener) = self.listener.take() {
            listener.join().ok();
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned();
        let error = match ended.as_ref().and_then(ExitStatus::code) {
            Some(NOT_FOUND) => Error::new(ErrorKind::NotFound, format!("There is no danlu at `{}`", self.name))
                .with_hint("install danlu there, or say where it is: `?danlu=/path/to/danlu` after the address"),
            _ if said.contains("Permission denied") || said.contains("Host key verification failed") => {
                Error::new(ErrorKind::Denied, format!("`{}` lets nobody in", self.name))
                    .with_hint("`ssh` must get there without being asked anything: set up a key, and log in once by hand")
            }
            _ => Error::new(ErrorKind::Unreachable, format!("Cannot reach `{}`", self.name))
                .with_hint("check that `ssh` gets there"),
        };
        if said.is_empty() { error } else { error.with_source(std::io::Error::other(said)) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Keeps the last of what is complained of.
fn listen(mut stderr: ChildStderr, said: Arc<Mutex<String>>) -> Result<std::thread::JoinHandle<()>> {
    let listen = move || {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
            let mut cut = said.len().saturating_sub(COMPLAINTS);
            while !said.is_char_boundary(cut) {
                cut += 1;
            }
            said.drain(..cut);
        }
    };
    std::thread::Builder::new()
        .name("danlu-ssh".to_owned())
        .spawn(listen)
        .map_err(|e| Error::new(ErrorKind::Io, "Cannot start a thread that listens").with_source(e))
}
