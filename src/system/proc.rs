//! Reading what Linux says of the machine and of a process in `/proc`.
//!
//! Not with the `sysinfo` crate: it raises the limit of open files of the process that uses it, and that process is the training.

use std::path::{Path, PathBuf};

/// Reads a file of a virtual file system; `None` if there is none.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Reads a file that holds one number.
pub(super) fn number(path: impl AsRef<Path>) -> Option<f64> {
    read(path)?.trim().parse().ok()
}

/// `/proc`, or what stands for it.
#[derive(Debug, Clone)]
pub(super) struct Proc(pub(super) PathBuf);

/// Time that processors spent, in ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CpuTimes {
    pub(super) busy: f64,
    pub(super) all: f64,
}

/// What a process takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time, in ticks.
    pub(super) ticks: f64,
    pub(super) threads: f64,
    /// Resident memory, in bytes.
    pub(super) rss: f64,
}

/// Bytes or packets since the machine started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Network {
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) retransmitted: Option<f64>,
}

/// What a block device has read and written, in bytes since the machine started.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BlockDevice {
    pub(super) name: String,
    pub(super) read: f64,
    pub(super) written: f64,
}

/// The unit in which `/proc/diskstats` counts, whatever the device has.
const SECTOR_BYTES: f64 = 512.0;

impl Proc {
    pub(super) fn cpu_times(&self) -> Option<CpuTimes> {
        let stat = read(self.0.join("stat"))?;
        let numbers: Vec<f64> =
            stat.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
        // Guests are counted within user time; idle and waiting for a disk are no work.
        let all = numbers.iter().take(8).sum();
        let idle: f64 = numbers.iter().skip(3).take(2).sum();
        Some(CpuTimes { busy: all - idle, all })
    }

    /// Returns the memory of the machine and how much of it can still be had, in bytes.
    pub(super) fn memory(&self) -> Option<(f64, f64)> {
        let text = read(self.0.join("meminfo"))?;
        let of = |name: &str| field(&text, name).map(|kilobytes| kilobytes * 1024.0);
        Some((of("MemTotal:")?, of("MemAvailable:").or_else(|| of("MemFree:"))?))
    }

    pub(super) fn process(&self, pid: u32) -> Option<Process> {
        let directory = self.0.join(pid.to_string());
        let stat = read(directory.join("stat"))?;
        // The name of the process may have spaces and brackets in it.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<f64>().ok();
        let ticks = next()? + next()?;
        let status = read(directory.join("status"))?;
        let rss = field(&status, "VmRSS:").map_or(0.0, |kilobytes| kilobytes * 1024.0);
        Some(Process { ticks, threads: field(&status, "Threads:")?, rss })
    }

    /// Returns the processes that a process started, and theirs, with it.
    pub(super) fn tree(&self, pid: u32) -> Vec<u32> {
        let mut found = vec![pid];
        let mut at = 0;
        while let Some(pid) = found.get(at).copied() {
            at += 1;
            let tasks = std::fs::read_dir(self.0.join(pid.to_string()).join("task"));
            for task in tasks.into_iter().flatten().flatten() {
                let children = read(task.path().join("children")).unwrap_or_default();
                found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
            if found.len() > 4096 {
                break;
            }
        }
        found
    }

    pub(super) fn network(&self) -> Option<Network> {
        let text = read(self.0.join("net/dev"))?;
        let mut network = Network::default();
        for line in text.lines() {
            let Some((name, counts)) = line.split_once(':') else { continue };
            let mut counts = counts.split_whitespace().map(|n| n.parse().unwrap_or(0.0));
            if name.trim() != "lo" {
                network.received += counts.next().unwrap_or(0.0);
                network.sent += counts.nth(7).unwrap_or(0.0);
            }
        }
        network.retransmitted = self.retransmitted();
        Some(network)
    }

    fn retransmitted(&self) -> Option<f64> {
        let text = read(self.0.join("net/snmp"))?;
        let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
        let place = lines.next()?.split_whitespace().position(|name| name == "RetransSegs")?;
        lines.next()?.split_whitespace().nth(place)?.parse().ok()
    }

    pub(super) fn block_device(&self, major: u32, minor: u32) -> Option<BlockDevice> {
        let text = read(self.0.join("diskstats"))?;
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
            let is_it = number(0)? == f64::from(major) && number(1)? == f64::from(minor);
            is_it.then_some(())?;
            Some(BlockDevice {
                name: (*fields.get(2)?).to_owned(),
                read: number(5)? * SECTOR_BYTES,
                written: number(9)? * SECTOR_BYTES,
            })
        })
    }
}

/// Finds the number after a name at the beginning of a line.
pub(super) fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_be_read() {
        let (proc, pid) = (Proc(PathBuf::from("/proc")), std::process::id());
        let times = proc.cpu_times().unwrap();
        assert!(times.busy > 0.0 && times.all > times.busy);
        let (total, available) = proc.memory().unwrap();
        assert!(total > available && available > 0.0);
        let process = proc.process(pid).unwrap();
        assert!(process.threads >= 1.0 && process.rss > 1e5);
        assert!(proc.network().is_some());
    }

    #[test]
    fn a_machine_is_read_as_it_says() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("stat", "cpu  10 20 30 400 50 1 2 3 4 5\ncpu0 1 1 1 1\n");
        write("meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   250 kB\n");
        write("7/stat", "7 (my (odd) name) S 1 7 7 0 -1 4194560 1 2 3 4 11 22 0 0 20 0 3 0 5 6 7\n");
        write("7/status", "Name:\tx\nVmRSS:\t  64 kB\nThreads:\t3\n");
        write("7/task/7/children", "8 9 ");
        write("8/task/8/children", "10");
        write(
            "net/dev",
            "Inter-| Receive\n face |bytes\n    lo: 9 9 9 9 9 9 9 9 9 9\n  eth0:100 1 0 0 0 0 0 0 200 2 0\n eth1: 1 1 0 0 0 0 0 0 2 2\n",
        );
        write("net/snmp", "Tcp: A RetransSegs\nTcp: 5 17\nUdp: 1\n");
        write("diskstats", "   8  0 sda 1 2 30 4 5 6 70 8 0 0 0\n 8 1 sda1 1 2 3 4 5 6 7 8\n");
        let proc = Proc(place.path().to_owned());
        assert_eq!(proc.cpu_times().unwrap(), CpuTimes { busy: 66.0, all: 516.0 });
        assert_eq!(proc.memory(), Some((1_024_000.0, 256_000.0)));
        assert_eq!(proc.process(7), Some(Process { ticks: 33.0, threads: 3.0, rss: 65_536.0 }));
        assert_eq!(proc.process(8), None);
        assert_eq!(proc.tree(7), [7, 8, 9, 10]);
        let network = Network { received: 101.0, sent: 202.0, retransmitted: Some(17.0) };
        assert_eq!(proc.network(), Some(network));
        let device = BlockDevice { name: "sda".to_owned(), read: 15_360.0, written: 35_840.0 };
        assert_eq!(proc.block_device(8, 0), Some(device));
        assert_eq!(proc.block_device(9, 0), None);
    }
}
