//! One sample of what the machine and the process do.

use super::amd::Amd;
use super::cgroup::Cgroup;
use super::nvidia::Nvidia;
use super::proc::{BlockDevice, CpuTimes, Network, Proc};
use std::path::PathBuf;
use std::time::Instant;

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// The shortest time over which a share of processor time says anything, in seconds.
const SPAN: f64 = 0.05;

/// What to look at.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The process, which is the training.
    pub pid: u32,
    /// Whether processes that it started count as it.
    pub tree: bool,
    /// Paths on the disks to look at.
    pub disks: Vec<PathBuf>,
    /// Numbers or beginnings of UUIDs of the graphics cards to look at; `None` for all.
    pub gpus: Option<Vec<String>>,
    /// Whether limits of control groups count as the limits of the machine.
    pub cgroups: bool,
    /// A label that every key ends with, to tell apart several processes that write one run; or empty.
    pub label: String,
    /// Where Linux shows processes: `/proc`.
    pub proc: PathBuf,
    /// Where Linux shows devices: `/sys`.
    pub sys: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pid: std::process::id(),
            tree: false,
            disks: vec![PathBuf::from("/")],
            gpus: None,
            cgroups: true,
            label: String::new(),
            proc: PathBuf::from("/proc"),
            sys: PathBuf::from("/sys"),
        }
    }
}

impl Settings {
    /// Says whether to look at a graphics card.
    pub(super) fn wants(&self, card: u32, uuid: impl FnOnce() -> String) -> bool {
        let Some(gpus) = &self.gpus else { return true };
        let is_number = |gpu: &String| gpu.parse::<u32>().is_ok_and(|number| number == card);
        gpus.iter().any(is_number) || {
            let uuid = uuid();
            gpus.iter().any(|gpu| !gpu.is_empty() && gpu.parse::<u32>().is_err() && uuid.starts_with(gpu))
        }
    }
}

/// Values by key.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) values: Vec<(String, f64)>,
}

impl Sample {
    pub(super) fn add(&mut self, key: impl Into<String>, value: f64) {
        // A card that is about to fail tells strange numbers.
        if value.is_finite() {
            self.values.push((key.into(), value));
        }
    }
}

/// Looks at the machine again and again.
pub struct Probe {
    settings: Settings,
    proc: Proc,
    cgroup: Cgroup,
    nvidia: Option<Nvidia>,
    amd: Option<Amd>,
    ticks_per_second: f64,
    disks: Vec<Disk>,
    network: Option<Network>,
    before: Option<Before>,
}

/// Processor times at the last sample.
struct Before {
    at: Instant,
    machine: Option<CpuTimes>,
    ticks: f64,
}

struct Disk {
    path: PathBuf,
    /// The device it is on, as it was at first.
    device: Option<((u32, u32), BlockDevice)>,
}

impl Probe {
    /// Looks at the machine for the first time: what later samples compare with. Takes as long as it takes to load the drivers of
    /// graphics cards.
    pub fn new(settings: Settings) -> Self {
        let proc = Proc(settings.proc.clone());
        let cgroup = if settings.cgroups {
            Cgroup::of(&settings.proc, &settings.sys, settings.pid)
        } else {
            Cgroup::default()
        };
        let disks = settings.disks.iter().map(|path| Disk::new(path.clone(), &proc)).collect();
        #[expect(clippy::cast_precision_loss, reason = "it is 100")]
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let (nvidia, amd) = (Nvidia::find(&settings), Amd::find(&settings, &settings.sys));
        let network = proc.network();
        let mut probe =
            Self { settings, proc, cgroup, nvidia, amd, ticks_per_second, disks, network, before: None };
        probe.cpu(&probe.processes(), &mut Sample::default());
        probe
    }

    /// Takes a sample.
    pub fn sample(&mut self) -> Vec<(String, f64)> {
        let mut sample = Sample::default();
        let processes = self.processes();
        self.cpu(&processes, &mut sample);
        self.memory(&processes, &mut sample);
        self.disks.iter().for_each(|disk| disk.sample(&self.proc, &mut sample));
        self.network(&mut sample);
        if let Some(cards) = &self.nvidia {
            cards.sample(&processes, &mut sample);
        }
        if let Some(cards) = &self.amd {
            cards.sample(&mut sample);
        }
        if !self.settings.label.is_empty() {
            for (key, _) in &mut sample.values {
                key.push_str("/l:");
                key.push_str(&self.settings.label);
            }
        }
        sample.values
    }

    fn processes(&self) -> Vec<u32> {
        let pid = self.settings.pid;
        if self.settings.tree { self.proc.tree(pid) } else { vec![pid] }
    }

    /// Adds shares of processor time since the last sample. 100 % are all the processors that may be used.
    fn cpu(&mut self, processes: &[u32], sample: &mut Sample) {
        let (at, machine) = (Instant::now(), self.proc.cpu_times());
        let found = processes.iter().filter_map(|pid| self.proc.process(*pid));
        let (mut ticks, mut threads) = (0.0, 0.0);
        for process in found {
            ticks += process.ticks;
            threads += process.threads;
        }
        sample.add("proc.cpu.threads", threads);
        if let Some(before) = &self.before {
            let span = at.duration_since(before.at).as_secs_f64();
            if span < SPAN {
                return;
            }
            let busy = (ticks - before.ticks).max(0.0) / self.ticks_per_second / span;
            sample.add("cpu", busy / self.processors() * 100.0);
            if let (Some(now), Some(then)) = (machine, before.machine) {
                sample.add("cpu.machine", (now.busy - then.busy) / (now.all - then.all) * 100.0);
            }
        }
        self.before = Some(Before { at, machine, ticks });
    }

    fn processors(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no machine has that many")]
        let usable = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        // The count is rounded down from what the group may use.
        self.cgroup.limits().cpus.filter(|cpus| cpus.floor().max(1.0) <= usable).unwrap_or(usable)
    }

    fn memory(&self, processes: &[u32], sample: &mut Sample) {
        let Some((mut total, mut available)) = self.proc.memory() else { return };
        if let Some((limit, used)) = self.cgroup.limits().memory.filter(|(limit, _)| *limit < total) {
            total = limit;
            available = available.min(limit - used).max(0.0);
        }
        let rss: f64 =
            processes.iter().filter_map(|pid| self.proc.process(*pid)).map(|process| process.rss).sum();
        sample.add("proc.memory.rssMB", rss / MIB);
        sample.add("proc.memory.percent", rss / total * 100.0);
        sample.add("proc.memory.availableMB", available / MIB);
        sample.add("memory_percent", (total - available) / total * 100.0);
    }

    fn network(&self, sample: &mut Sample) {
        let (Some(first), Some(now)) = (self.network, self.proc.network()) else { return };
        sample.add("network.sent", now.sent - first.sent);
        sample.add("network.recv", now.received - first.received);
        if let (Some(first), Some(now)) = (first.retransmitted, now.retransmitted) {
            sample.add("network.tcpRetransmits", now - first);
        }
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Disk {
    fn new(path: PathBuf, proc: &Proc) -> Self {
        let number = rustix::fs::stat(&path)
            .ok()
            .map(|stat| (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev)));
        let device = number.and_then(|number| Some((number, proc.block_device(number.0, number.1)?)));
        Self { path, device }
    }

    #[expect(clippy::cast_precision_loss, reason = "charts work in floats")]
    fn sample(&self, proc: &Proc, sample: &mut Sample) {
        if let Ok(space) = rustix::fs::statvfs(&self.path) {
            let used = (space.f_blocks - space.f_bfree) as f64 * space.f_frsize as f64;
            let usable = used + space.f_bavail as f64 * space.f_frsize as f64;
            let path = self.path.display();
            sample.add(format!("disk.{path}.usagePercent"), used / usable * 100.0);
            sample.add(format!("disk.{path}.usageGB"), used / GIB);
        }
        if let Some(((major, minor), first)) = &self.device
            && let Some(now) = proc.block_device(*major, *minor)
        {
            sample.add(format!("disk.{}.in", first.name), (now.read - first.read) / MIB);
            sample.add(format!("disk.{}.out", first.name), (now.written - first.written) / MIB);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_a_run_of_wandb_has() {
        let mut probe = Probe::new(Settings { tree: true, ..Settings::default() });
        let deadline = Instant::now() + std::time::Duration::from_millis(200);
        while Instant::now() < deadline {
            std::hint::black_box(0);
        }
        let sample: std::collections::BTreeMap<_, _> = probe.sample().into_iter().collect();
        for key in [
            "cpu",
            "cpu.machine",
            "proc.cpu.threads",
            "proc.memory.rssMB",
            "proc.memory.percent",
            "proc.memory.availableMB",
            "memory_percent",
            "disk./.usagePercent",
            "disk./.usageGB",
            "network.sent",
            "network.recv",
        ] {
            assert!(sample.get(key).is_some_and(|value| *value >= 0.0), "{key}: {sample:?}");
        }
        assert!(sample["cpu"] > 0.0, "{sample:?}");
        for key in ["memory_percent", "disk./.usagePercent", "proc.memory.percent"] {
            assert!((0.0..=100.0).contains(&sample[key]), "{key}: {sample:?}");
        }
    }

    #[test]
    fn of_a_machine_that_tells_nothing_there_is_a_sample_all_the_same() {
        let nowhere = PathBuf::from("/nowhere");
        let settings = Settings {
            proc: nowhere.clone(),
            sys: nowhere.clone(),
            disks: vec![nowhere],
            ..Settings::default()
        };
        assert!(
            Probe::new(settings).sample().iter().all(|(key, _)| key.starts_with("proc.cpu") || key == "cpu")
        );
    }

    #[test]
    fn a_label_tells_processes_apart() {
        let mut probe = Probe::new(Settings { label: "node1".to_owned(), ..Settings::default() });
        assert!(probe.sample().iter().all(|(key, _)| key.ends_with("/l:node1")));
    }
}
