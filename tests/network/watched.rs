//! What a server process takes.

use crate::line::Line;
use crate::support::wait_until;
use std::path::PathBuf;

/// A server whose memory and open files are watched from now on.
pub struct Watched {
    proc: PathBuf,
    url: String,
    memory: u64,
    files: usize,
}

impl Watched {
    pub fn new(line: &Line) -> Self {
        let proc = PathBuf::from(format!("/proc/{}", line.server.id()));
        // One request of each kind first: what is made once is not what grows.
        line.held();
        std::fs::write(proc.join("clear_refs"), "5").unwrap();
        let url = line.server.url.clone();
        let mut watched = Self { proc, url, memory: 0, files: 0 };
        (watched.memory, watched.files) = (watched.peak(), watched.open_files().1);
        watched
    }

    /// Returns the most memory that it ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc.join("status")).expect("the server lives");
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Counts its open files: those of the catalogue, and the others.
    fn open_files(&self) -> (usize, usize) {
        let files = std::fs::read_dir(self.proc.join("fd")).expect("the server lives");
        let path = |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
        let is_of_catalogue = |path: &PathBuf| path.to_string_lossy().contains("catalogue.sqlite");
        let (catalogue, others): (Vec<_>, Vec<_>) = files.filter_map(path).partition(is_of_catalogue);
        (catalogue.len(), others.len())
    }

    /// Checks that it lives, answers, took no more than so many MiB, and gave back what it opened.
    pub fn stayed_within(&self, mebibytes: u64, what: &str) {
        self.answers();
        let grown = (self.peak() - self.memory) >> 10;
        assert!(grown <= mebibytes, "the server grew by {grown} MiB through {what}");
        // Connections that it keeps open for a while; a writer and eight readers of the catalogue, of two files each, and one that
        // they share, as many as requests came together. No more.
        wait_until("files are closed", || {
            let (catalogue, others) = self.open_files();
            catalogue <= 19 && others <= self.files + 8
        });
    }

    /// Checks that it answers.
    pub fn answers(&self) {
        let health = crate::support::client().get(format!("{}/healthz", self.url)).send().unwrap();
        assert_eq!(health.status(), 200);
    }
}
