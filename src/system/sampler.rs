//! The thread that takes samples.

use super::{Probe, Settings};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much the thread steps back (see `nice(2)`): where cores are short, training goes first.
const NICE: i32 = 5;

/// Takes samples until it is stopped, the first at once and the last at the end.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Sampler {
    /// Starts to take samples. Where no thread can be started there are none.
    pub fn start(
        settings: Settings,
        interval: Duration,
        mut sink: impl FnMut(Vec<(String, f64)>) + Send + 'static,
    ) -> Self {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopping = Arc::clone(&stop);
        let work = move || {
            // On Linux, of the calling thread alone.
            rustix::process::setpriority_process(None, NICE).ok();
            let mut probe = Probe::new(settings);
            loop {
                sink(probe.sample());
                let (stopped, condition) = &*stopping;
                let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = condition.wait_timeout_while(guard, interval, |stopped| !*stopped);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                    return sink(probe.sample());
                }
            }
        };
        let thread = std::thread::Builder::new().name("danlu-system".to_owned()).spawn(work).ok();
        Self { stop, thread, process: std::process::id() }
    }

    /// Takes the last sample and ends the thread. In the child of a fork there is none.
    pub fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.process != std::process::id() {
            return std::mem::forget(thread);
        }
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        thread.join().ok();
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_first_sample_is_at_the_start_and_the_last_at_the_end() {
        let (sender, samples) = channel();
        let mut sampler = Sampler::start(Settings::default(), Duration::from_secs(3600), move |sample| {
            sender.send(sample).unwrap();
        });
        samples.recv_timeout(Duration::from_secs(60)).unwrap();
        sampler.stop();
        sampler.stop();
        assert_eq!(samples.iter().count(), 1);
    }

    #[test]
    fn samples_follow_each_other() {
        let (sender, samples) = channel();
        let sink = move |sample| drop(sender.send(sample));
        let _sampler = Sampler::start(Settings::default(), Duration::from_millis(5), sink);
        for _ in 0..5 {
            samples.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
}
