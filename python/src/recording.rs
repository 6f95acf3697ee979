//! What is recorded of a run by itself: samples of the machine, and what the program prints.

use danlu::model::{EventKind, SystemClock};
use danlu::system::{Console, Sampler, Settings, Stream};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The shortest time between two samples.
const SHORTEST: Duration = Duration::from_millis(100);

/// What runs beside a run.
#[derive(Default)]
pub(crate) struct Recording {
    sampler: Mutex<Option<Sampler>>,
    /// There once something is printed, and `None` again at the end.
    console: RwLock<Option<Console>>,
}

impl Recording {
    /// Starts to sample the machine, in place of a sampler that is there.
    pub(crate) fn sample(&self, run: &Arc<danlu::Run>, settings: Settings, interval: Duration) {
        let sink = Arc::clone(run);
        let sampler =
            Sampler::start(settings, interval.max(SHORTEST), move |sample| sink.log_system(&sample));
        *self.sampler.lock().unwrap_or_else(PoisonError::into_inner) = Some(sampler);
    }

    /// Takes in what was printed.
    pub(crate) fn print(&self, run: &Arc<danlu::Run>, stream: Stream, bytes: &[u8]) {
        if let Some(console) = &*self.console.read().unwrap_or_else(PoisonError::into_inner) {
            return console.feed(stream, bytes);
        }
        let sink = Arc::clone(run);
        let mut console = self.console.write().unwrap_or_else(PoisonError::into_inner);
        let started = console.get_or_insert_with(|| {
            Console::start(Arc::new(SystemClock), move |stream, text| {
                let kind = match stream {
                    Stream::Stdout => EventKind::Stdout,
                    Stream::Stderr => EventKind::Stderr,
                };
                sink.event(kind, "", text, "");
            })
        });
        started.feed(stream, bytes);
    }

    /// Records what waits, and ends what runs.
    pub(crate) fn stop(&self) {
        let console = self.console.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(console);
        let sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(sampler);
    }
}

/// Makes settings of the arguments that Python gives.
pub(crate) fn settings(
    disks: Vec<PathBuf>,
    gpus: Option<Vec<String>>,
    cgroups: bool,
    tree: bool,
    pid: Option<u32>,
    label: String,
) -> Settings {
    let pid = pid.unwrap_or_else(std::process::id);
    Settings { pid, tree, disks, gpus, cgroups, label, ..Settings::default() }
}

/// Describes the machine as JSON; see `danlu._environment`.
#[pyfunction]
#[pyo3(signature = (disks, gpus=None, cgroups=true))]
pub(crate) fn machine(
    py: Python<'_>,
    disks: Vec<PathBuf>,
    gpus: Option<Vec<String>>,
    cgroups: bool,
) -> String {
    let settings = settings(disks, gpus, cgroups, false, None, String::new());
    py.detach(|| danlu::system::machine(&settings).to_string())
}
