//! TensorBoard's event files: a directory is a run, and each event file in it a part of it.

mod events;
mod messages;
mod tensor;
mod values;

pub use events::EventReader;

use super::sources::Sources;
use super::{Head, Identity, Ledger, Part, Take, Tool};
use crate::model::{Error, Result};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Says whether a file is named as an event file.
pub(super) fn is_named_so(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents"))
}

/// An event file.
struct EventFile {
    path: PathBuf,
    name: FileName,
    identity: Identity,
    bytes: u64,
}

/// What the name of an event file says: `events.out.tfevents.<seconds>.<host>.<pid>.<number>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FileName {
    seconds: i64,
    host: String,
    pid: u32,
}

impl FileName {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((_, rest)) = name.split_once("tfevents.") else { return Self::default() };
        let (seconds, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let parts: Vec<&str> = rest.split('.').collect();
        // A host may have dots in its name: the number of the process is the first that is one, from the second on.
        let pid =
            (1..parts.len()).find(|n| parts[*n].bytes().all(|b| b.is_ascii_digit()) && !parts[*n].is_empty());
        let host = parts[..pid.unwrap_or(1).min(parts.len())].join(".");
        let pid = pid.and_then(|n| parts[n].parse().ok()).unwrap_or(0);
        Self { seconds: seconds.parse().unwrap_or(0), host, pid }
    }
}

/// Adds an event file below the directory `root` to what is to be imported. `shown` is how the user wrote that.
pub(super) fn add(path: &Path, root: &Path, shown: &Path, found: &mut Sources) {
    let directory = path.parent().unwrap_or(root);
    let below = directory.strip_prefix(root).unwrap_or(Path::new(""));
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    // The project is the directory of the runs: the one that was given, or the one above a single run.
    let (project, id) = if below.as_os_str().is_empty() {
        (directory.parent().and_then(name), name(directory))
    } else {
        (name(root), Some(below.to_string_lossy().into_owned()))
    };
    let Some(id) = id else {
        return found
            .fail(path, &Error::usage(format!("`{}` has no name that a run could have", shown.display())));
    };
    found.parts.push(Box::new(EventFile {
        path: path.to_owned(),
        name: FileName::of(path),
        identity: Identity { entity: String::new(), project: project.unwrap_or_default(), id },
        bytes: path.metadata().map_or(0, |metadata| metadata.len()),
    }));
}

impl Part for EventFile {
    fn tool(&self) -> Tool {
        Tool::TensorBoard
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<Head> {
        let file = File::open(&self.path).map_err(|e| Error::io("open", &self.path, e))?;
        let mut reader = EventReader::new(BufReader::with_capacity(1 << 18, file));
        let mut head = Head {
            name: self.identity.id.clone(),
            host: self.name.host.clone(),
            pid: self.name.pid,
            ..Head::default()
        };
        if let Some((group, _)) = self.identity.id.rsplit_once('/') {
            group.clone_into(&mut head.group);
        }
        values::read(&mut reader, &mut head, ledger, take).map_err(|e| e.doing("read", &self.path))?;
        if head.time == 0 {
            head.heard(self.name.seconds.saturating_mul(1_000_000));
        }
        // Event files do not say how a run ended; who reads them sees what is there as the result.
        let ended = head.end.map_or(0, |(_, code)| code);
        head.end = Some((head.last, ended));
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_event_files_say_host_and_process() {
        let of = |name: &str| FileName::of(Path::new(name));
        let named = |seconds, host: &str, pid| FileName { seconds, host: host.to_owned(), pid };
        assert_eq!(of("events.out.tfevents.1700000000.node7.4321.0"), named(1_700_000_000, "node7", 4321));
        assert_eq!(of("events.out.tfevents.1700000000.a.b.c.4321.0.v2"), named(1_700_000_000, "a.b.c", 4321));
        assert_eq!(of("events.out.tfevents.1700000000.node7"), named(1_700_000_000, "node7", 0));
        assert_eq!(of("tfevents"), FileName::default());
    }
}
