//! What the tests stand on: a directory of their own, the real binary, a real server.

use danlu::Run;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A directory that goes away with the test, in which the `danlu` command runs with an environment of its own.
pub struct Place {
    root: tempfile::TempDir,
}

/// What a command did. Look at it, or it complains.
#[must_use]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// All that it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Place {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_danlu"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("DANLU_CACHE_DIR", self.join("cache"))
            .env("DANLU_CONFIG_DIR", self.join("settings"));
        command
    }

    /// Runs `danlu` to its end.
    pub fn danlu(&self, args: &[&str]) -> Done {
        done(self.command(args).output().unwrap(), self)
    }

    /// Runs `danlu` with `--json`, expects success, and returns what it says: of events, the last.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let done = self.danlu(&[args, &["--json"]].concat());
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout)
            .unwrap_or_else(|_| serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap())
    }

    /// Writes a finished run of `rows` rows with two keys and a file.
    pub fn run(&self, id: &str, rows: u32) -> PathBuf {
        let run = Run::builder("demo").id(id).config("lr", 0.5).dir(self.path()).start().unwrap();
        for n in 0..rows {
            run.log([("loss", 1.0 / f64::from(n + 1)), ("acc", f64::from(n))]);
        }
        std::fs::write(self.join("model.bin"), id.repeat(1000)).unwrap();
        run.save("model.bin").unwrap();
        let path = run.path().to_owned();
        run.finish(0).unwrap();
        path
    }

    /// Starts a server on a free port with its data in `server`.
    pub fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    /// As [`Place::serve`], with further options.
    pub fn serve_with(&self, more: &[&str]) -> Serving {
        let mut command = self.server("server", "127.0.0.1:0");
        command.args(more);
        Serving::start(command)
    }

    /// Returns the command that starts a server.
    pub fn server(&self, data: &str, listen: &str) -> Command {
        self.command(&["serve", "--data", data, "--listen", listen, "--log", "error", "--json"])
    }
}

/// A server process. It is killed with the test.
pub struct Serving {
    child: Child,
    pub url: String,
    pub key: Option<String>,
}

impl Serving {
    /// Starts `danlu serve --json`, and waits until it listens.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).expect("the server says where it listens");
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        Self { child, url: text("url").unwrap(), key: text("api_key") }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks it to end, as a service manager does, and returns how it did.
    pub fn stop(mut self) -> std::process::ExitStatus {
        terminate(&self.child);
        self.child.wait().unwrap()
    }

    pub fn get(&self, path: &str, key: &str) -> (u16, serde_json::Value) {
        let response = client().get(format!("{}{path}", self.url)).bearer_auth(key).send().unwrap();
        (response.status().as_u16(), response.json().unwrap_or_default())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An HTTP client that does not follow redirects, and keeps no connection. There is one: making it reads the system's certificates.
pub fn client() -> &'static reqwest::blocking::Client {
    static CLIENT: LazyLock<reqwest::blocking::Client> = LazyLock::new(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none());
        builder.pool_max_idle_per_host(0).build().unwrap()
    });
    &CLIENT
}

pub fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

pub fn done(output: Output, place: &Place) -> Done {
    // Temporary paths differ from run to run; snapshots do not.
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(place.path().to_str().unwrap(), "[DIR]");
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Asks a run file with plain SQL, as `sqlite3` does.
pub fn ask<T: rusqlite::types::FromSql>(path: &Path, query: &str) -> T {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Lists the names in a directory, sorted.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
