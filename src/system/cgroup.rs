//! What a container or a batch system allows of the machine.

use super::proc::{field, number, read};
use std::path::{Path, PathBuf};

/// The limits of the control group of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Limits {
    /// Processors that may be used, such as 1.5.
    pub(super) cpus: Option<f64>,
    /// Memory that may be used, with what is used of it, in bytes.
    pub(super) memory: Option<(f64, f64)>,
}

/// Where one kind of limits is.
#[derive(Debug, Clone, Default)]
pub(super) struct Cgroup {
    /// The groups from that of the process up, of the one hierarchy of version 2.
    unified: Vec<PathBuf>,
    /// Those of version 1.
    cpu: Vec<PathBuf>,
    memory: Vec<PathBuf>,
}

impl Cgroup {
    /// Finds the groups of a process.
    pub(super) fn of(proc: &Path, sys: &Path, pid: u32) -> Self {
        let text = read(proc.join(pid.to_string()).join("cgroup")).unwrap_or_default();
        let root = sys.join("fs/cgroup");
        let mut found = Self::default();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let has = |name: &str| controllers.split(',').any(|controller| controller == name);
            if controllers.is_empty() {
                found.unified = groups(&root, path);
            } else if has("cpu") {
                found.cpu = groups(&root.join(controllers), path);
            } else if has("memory") {
                found.memory = groups(&root.join("memory"), path);
            }
        }
        found
    }

    /// Reads the strictest limits as they are now.
    pub(super) fn limits(&self) -> Limits {
        let cpus_2 = self.unified.iter().filter_map(|group| {
            let text = read(group.join("cpu.max"))?;
            let mut numbers = text.split_whitespace();
            Some(numbers.next()?.parse::<f64>().ok()? / numbers.next()?.parse::<f64>().ok()?)
        });
        let cpus_1 = self.cpu.iter().filter_map(|group| {
            let quota = number(group.join("cpu.cfs_quota_us")).filter(|quota| *quota > 0.0)?;
            Some(quota / number(group.join("cpu.cfs_period_us"))?)
        });
        let memory_2 = self
            .unified
            .iter()
            .filter_map(|group| memory(group, "memory.max", "memory.current", "inactive_file "));
        let memory_1 = self.memory.iter().filter_map(|group| {
            memory(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        });
        Limits {
            cpus: cpus_2.chain(cpus_1).filter(|cpus| *cpus > 0.0).min_by(f64::total_cmp),
            memory: memory_2.chain(memory_1).min_by(|a, b| f64::total_cmp(&(a.0 - a.1), &(b.0 - b.1))),
        }
    }
}

/// Returns the directories of a group and those above it. In a container its own may be shown as the root.
fn groups(root: &Path, path: &str) -> Vec<PathBuf> {
    let group = root.join(path.trim_start_matches('/'));
    let at = if group.is_dir() { group } else { root.to_owned() };
    at.ancestors().take_while(|group| group.starts_with(root)).map(Path::to_owned).collect()
}

/// Reads the limit and the use of a group. Pages of files that nobody needs can be had back.
fn memory(group: &Path, limit: &str, usage: &str, reclaimable: &str) -> Option<(f64, f64)> {
    // Version 1 has a very large number where there is no limit.
    let limit = number(group.join(limit)).filter(|limit| *limit < 1e18)?;
    let stat = read(group.join("memory.stat")).unwrap_or_default();
    let usage = number(group.join(usage))? - field(&stat, reclaimable).unwrap_or(0.0);
    Some((limit, usage.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        place
    }

    fn limits(place: &tempfile::TempDir) -> Limits {
        Cgroup::of(&place.path().join("proc"), &place.path().join("sys"), 7).limits()
    }

    #[test]
    fn the_strictest_limit_of_version_2_counts() {
        let place = place(&[
            ("proc/7/cgroup", "0::/slurm/job\n"),
            ("sys/fs/cgroup/slurm/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/slurm/memory.max", "max\n"),
            ("sys/fs/cgroup/slurm/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/slurm/job/memory.max", "1000\n"),
            ("sys/fs/cgroup/slurm/job/memory.current", "700\n"),
            ("sys/fs/cgroup/slurm/job/memory.stat", "anon 1\ninactive_file 100\n"),
        ]);
        assert_eq!(limits(&place), Limits { cpus: Some(1.5), memory: Some((1000.0, 600.0)) });
    }

    #[test]
    fn version_1_is_read_in_a_container_that_sees_its_group_as_root() {
        let place = place(&[
            ("proc/7/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n"),
        ]);
        assert_eq!(limits(&place), Limits { cpus: Some(2.0), memory: Some((5000.0, 1000.0)) });
    }

    #[test]
    fn without_groups_there_are_no_limits() {
        assert_eq!(limits(&place(&[])), Limits::default());
    }
}
