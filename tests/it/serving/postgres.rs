//! A PostgreSQL of a test's own: Debian's, in a temporary directory, on a socket.

use crate::support::wait_until;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A cluster that ends with the test.
pub struct Postgres {
    directory: tempfile::TempDir,
    child: Child,
}

impl Postgres {
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            let (user, group) = (number("-u"), number("-g"));
            chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        let data = directory.path().join("data");
        let made = command("initdb", directory.path())
            .args(["-U", "danlu", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = Self::run(directory.path());
        let cluster = Self { directory, child };
        cluster.wait();
        cluster
    }

    fn run(directory: &Path) -> Child {
        command("postgres", directory)
            .arg("-D")
            .arg(directory.join("data"))
            .arg("-k")
            .arg(directory)
            .args(["-h", "", "-F", "-c", "max_connections=60", "-c", "shared_buffers=16MB"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait(&self) {
        wait_until("PostgreSQL answers", || {
            let asked = command("pg_isready", self.directory.path())
                .arg("-q")
                .arg("-h")
                .arg(self.directory.path())
                .status()
                .unwrap();
            asked.success()
        });
    }

    /// The address of its one database.
    pub fn address(&self) -> String {
        let socket = self.directory.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://danlu@{socket}/postgres")
    }

    /// Ends it at once, as a crash does.
    pub fn stop(&mut self) {
        // `runuser` and its like would not hand the signal on; `setpriv` becomes what it starts.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::QUIT).unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.child = Self::run(self.directory.path());
        self.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).ok();
        self.child.wait().ok();
    }
}

fn number(which: &str) -> u32 {
    let said = Command::new("id").args([which, "postgres"]).output().unwrap();
    String::from_utf8(said.stdout)
        .unwrap()
        .trim()
        .parse()
        .expect("there is a user `postgres`: see `.ci/tools`")
}

/// One of its programs, as a user that it accepts: it refuses to run as root.
fn command(program: &str, directory: &Path) -> Command {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: see `.ci/tools`");
    let found: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin").join(program))
        .filter(|path| path.exists())
        .collect();
    let program = found.iter().max().expect("PostgreSQL is installed: see `.ci/tools`");
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command
}
