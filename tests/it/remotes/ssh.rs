//! A real sshd on a free port, with keys of its own, and what can go wrong on the way through it.

use super::sample::Sample;
use crate::support::{Place, wait_until};
use danlu::ErrorKind;
use danlu::remote::{Options, Remote, Ssh};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that lets in whoever runs the tests. It ends with the test.
pub struct Sshd {
    pub place: Place,
    port: u16,
    server: Child,
}

impl Sshd {
    pub fn start() -> Self {
        let danlu = Path::new(env!("CARGO_BIN_EXE_danlu")).parent().unwrap();
        Self::start_with(&format!("{}:/usr/bin:/bin", danlu.display()))
    }

    /// Starts it with programs from `path`.
    fn start_with(path: &str) -> Self {
        let place = Place::new();
        for name in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(place.join(name))
                .status();
            assert!(made.unwrap().success());
        }
        // It changes its root there, if it is root.
        std::fs::create_dir_all("/run/sshd").ok();
        loop {
            // A free port may be taken by another in the next moment: then sshd ends, and the next one is tried.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            write_settings(&place, port, path);
            let mut server = spawn(&place);
            let mut ended = false;
            wait_until("sshd listens", || {
                ended = server.try_wait().unwrap().is_some();
                ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            let log = std::fs::read_to_string(place.join("sshd.log")).unwrap();
            if !ended {
                return Self { place, port, server };
            }
            assert!(log.contains("Address already in use"), "{log}");
        }
    }

    /// The address of a directory in the server's place.
    pub fn address(&self, directory: &str) -> String {
        format!("ssh://127.0.0.1:{}{}", self.port, self.place.join(directory).display())
    }

    pub fn options(&self) -> Options {
        let ssh = format!("ssh -F {}", self.place.join("ssh_config").display());
        Options { environment: vec![("DANLU_SSH".to_owned(), ssh)], ..Options::default() }
    }

    /// Kills the `ssh` of this place, and says how many there were.
    fn kill_clients(&self) -> usize {
        let settings = self.place.join("ssh_config").display().to_string();
        let mut killed = 0;
        for entry in std::fs::read_dir("/proc").unwrap().map(Result::unwrap) {
            let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok()) else { continue };
            let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            if command.starts_with("ssh\0") && command.contains(&settings) {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                killed += 1;
            }
        }
        killed
    }

    fn open(&self, address: &str) -> Ssh {
        Ssh::new(address, &self.options()).unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// Starts it in a group of processes of its own.
fn spawn(place: &Place) -> Child {
    Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(place.join("sshd_config"))
        .stderr(std::fs::File::create(place.join("sshd.log")).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .expect("Debian's openssh-server is installed")
}

fn write_settings(place: &Place, port: u16, path: &str) {
    let file = |name: &str| place.join(name).display().to_string();
    let server = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nSetEnv PATH={path}\n",
        file("host_key"),
        file("user_key.pub"),
    );
    std::fs::write(place.join("sshd_config"), server).unwrap();
    let host_key = std::fs::read_to_string(place.join("host_key.pub")).unwrap();
    std::fs::write(place.join("known_hosts"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
    let client = format!(
        "IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n",
        file("user_key"),
        file("known_hosts"),
    );
    std::fs::write(place.join("ssh_config"), client).unwrap();
}

#[test]
fn what_is_wrong_with_ssh_is_said_in_words() {
    let sshd = Sshd::start();
    let away = sshd.open("ssh://127.0.0.1:1/dir").identity().unwrap_err();
    assert_eq!(away.kind(), ErrorKind::Unreachable);
    assert!(away.to_string().contains("Connection refused"), "ssh is let speak: {away}");
    let nowhere = sshd.open(&sshd.address("not/there")).identity().unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    assert!(nowhere.hint().unwrap().contains("the directory above it is not there"), "{nowhere}");
    let none =
        sshd.open(&format!("{}?danlu=/usr/bin/not-danlu", sshd.address("remote"))).identity().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
    assert!(none.to_string().starts_with("There is no danlu at `ssh://"), "{none}");
    assert!(none.hint().unwrap().contains("?danlu="), "{none}");
    let other = sshd.open(&format!("{}?danlu=/bin/echo", sshd.address("remote"))).identity().unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Unreachable, "{other}");
    std::fs::write(sshd.place.join("user_key.pub"), "").unwrap();
    let denied = sshd.open(&sshd.address("remote")).identity().unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
    std::fs::write(sshd.place.join("known_hosts"), "").unwrap();
    let stranger = sshd.open(&sshd.address("remote")).identity().unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Denied, "{stranger}");
    assert!(!sshd.place.join("remote").exists());
    let mut missing = sshd.options();
    missing.environment[0].1 = "no-such-ssh".to_owned();
    let program = Ssh::new("ssh://host/dir", &missing).unwrap().identity().unwrap_err();
    assert_eq!(program.kind(), ErrorKind::Usage);
    assert!(program.to_string().contains("Cannot run `no-such-ssh`"), "{program}");
}

#[test]
fn a_danlu_that_is_not_in_the_path_can_be_named_and_a_path_may_have_anything_in_it() {
    let sshd = Sshd::start_with("/usr/bin:/bin");
    let remote = sshd.open(&sshd.address("remote"));
    assert_eq!(remote.identity().unwrap_err().kind(), ErrorKind::NotFound);
    let danlu = env!("CARGO_BIN_EXE_danlu");
    let address = format!("{}?danlu={danlu}", sshd.address("it's a $(touch x) `dir`"));
    let remote = sshd.open(&address.replace(' ', "%20"));
    let sample = Sample::run("one", 5, &[b"x"]);
    remote.put_all(sample.objects.clone()).unwrap();
    assert!(sample.manifest.is_proved_by(&remote.commit(&sample.manifest).unwrap()));
    assert!(sshd.place.join("it's a $(touch x) `dir`/danlu-remote.json").is_file());
}

#[test]
fn addresses_of_machines_that_cannot_be_are_refused() {
    for (address, why) in [
        ("ssh://", "it names no machine"),
        ("ssh://host", "it names no directory"),
        ("ssh://host/", "it names no directory"),
        ("ssh://user:password@host/dir", "passwords do not belong"),
        ("ssh://host/dir?colour=red", "it has no setting `colour`"),
    ] {
        let refused = Ssh::new(address, &Options::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
        assert!(refused.to_string().contains(why), "{address}: {refused}");
    }
    // What looks like an option of ssh is the name of a machine.
    let sshd = Sshd::start();
    let refused = sshd.open("ssh://-oProxyCommand=touch%20x/dir");
    assert!(refused.identity().is_err() && !Path::new("x").exists());
}

#[test]
fn a_line_that_breaks_is_taken_up_again() {
    let sshd = Sshd::start();
    let remote = sshd.open(&sshd.address("remote"));
    let identity = remote.identity().unwrap();
    assert_eq!(sshd.kill_clients(), 1);
    assert_eq!(remote.identity().unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(remote.identity().unwrap(), identity);
}
