//! Graphics cards of NVIDIA, by the library that comes with their driver.

use super::probe::{Sample, Settings};
use nvml_wrapper::Device;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor};
use serde_json::{Value as Json, json};
use std::ffi::OsStr;

/// The cards that a run may look at.
pub(super) struct Nvidia {
    library: Nvml,
    /// Numbers of the cards, as the driver counts them.
    cards: Vec<u32>,
}

impl Nvidia {
    /// Loads the driver's library. `None` where there is none, or no card to look at.
    pub(super) fn find(settings: &Settings) -> Option<Self> {
        Self::load(settings, None)
    }

    fn load(settings: &Settings, path: Option<&OsStr>) -> Option<Self> {
        if settings.gpus.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let mut builder = Nvml::builder();
        if let Some(path) = path {
            builder.lib_path(path);
        }
        let library = builder.init().ok()?;
        let count = library.device_count().unwrap_or(0);
        let uuid = |card| library.device_by_index(card).and_then(|device| device.uuid()).unwrap_or_default();
        let cards: Vec<u32> = (0..count).filter(|card| settings.wants(*card, || uuid(*card))).collect();
        (!cards.is_empty()).then_some(Self { library, cards })
    }

    fn devices(&self) -> impl Iterator<Item = (u32, Device<'_>)> {
        self.cards.iter().filter_map(|card| Some((*card, self.library.device_by_index(*card).ok()?)))
    }

    /// Adds what each card does; what it does not tell is left out. `processes` are those that count as the run's.
    pub(super) fn sample(&self, processes: &[u32], sample: &mut Sample) {
        for (card, device) in self.devices() {
            let load = load_of(&device);
            let users = device.running_compute_processes().unwrap_or_default();
            if users.iter().any(|user| processes.contains(&user.pid)) {
                for (name, value) in &load {
                    sample.add(format!("gpu.process.{card}.{name}"), *value);
                }
            }
            for (name, value) in load.into_iter().chain(details_of(&device)) {
                sample.add(format!("gpu.{card}.{name}"), value);
            }
        }
    }

    /// Describes the cards.
    pub(super) fn describe(&self) -> Json {
        let cards: Vec<Json> = self.devices().map(|(_, device)| describe(&device)).collect();
        let cuda = self.library.sys_cuda_driver_version().ok();
        json!({
            "gpu": cards.first().and_then(|card| card.get("name")),
            "gpu_count": cards.len(),
            "gpu_nvidia": cards,
            "cudaVersion": cuda.map(|version| format!("{}.{}", version / 1000, version % 1000 / 10)),
            "driverVersion": self.library.sys_driver_version().ok(),
        })
    }
}

type Values = Vec<(&'static str, f64)>;

/// Tells how busy a card is.
#[expect(clippy::cast_precision_loss, reason = "charts work in floats")]
fn load_of(device: &Device<'_>) -> Values {
    let mut values = Values::new();
    if let Ok(busy) = device.utilization_rates() {
        values.push(("gpu", f64::from(busy.gpu)));
        values.push(("memory", f64::from(busy.memory)));
    }
    if let Ok(memory) = device.memory_info() {
        values.push(("memoryAllocated", memory.used as f64 / memory.total as f64 * 100.0));
        values.push(("memoryAllocatedBytes", memory.used as f64));
    }
    if let Ok(degrees) = device.temperature(TemperatureSensor::Gpu) {
        values.push(("temp", f64::from(degrees)));
    }
    let power = device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0);
    let limit = device.enforced_power_limit().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0);
    values.extend(power.map(|watts| ("powerWatts", watts)));
    values.extend(limit.map(|watts| ("enforcedPowerLimitWatts", watts)));
    if let (Some(power), Some(limit)) = (power, limit.filter(|limit| *limit > 0.0)) {
        values.push(("powerPercent", power / limit * 100.0));
    }
    values
}

/// Tells more of a card than how busy it is.
#[expect(clippy::cast_precision_loss, reason = "charts work in floats")]
fn details_of(device: &Device<'_>) -> Values {
    let ecc = |kind| device.total_ecc_errors(kind, EccCounter::Aggregate).ok().map(|count| count as f64);
    let clock = |clock| device.clock_info(clock).ok().map(f64::from);
    let found = [
        ("fanSpeed", device.fan_speed(0).ok().map(f64::from)),
        ("encoderUtilization", device.encoder_utilization().ok().map(|busy| f64::from(busy.utilization))),
        ("smClock", clock(Clock::SM)),
        ("memoryClock", clock(Clock::Memory)),
        ("graphicsClock", clock(Clock::Graphics)),
        ("correctedMemoryErrors", ecc(MemoryError::Corrected)),
        ("uncorrectedMemoryErrors", ecc(MemoryError::Uncorrected)),
        ("pcieLinkGen", device.current_pcie_link_gen().ok().map(f64::from)),
        ("pcieLinkWidth", device.current_pcie_link_width().ok().map(f64::from)),
        ("pcieLinkSpeed", device.pcie_link_speed().ok().map(|megabits| f64::from(megabits) * 1e6)),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn describe(device: &Device<'_>) -> Json {
    json!({
        "name": device.name().ok(),
        "memoryTotal": device.memory_info().ok().map(|memory| memory.total.to_string()),
        "cudaCores": device.num_cores().ok(),
        "architecture": device.architecture().ok().map(|architecture| architecture.to_string()),
        "uuid": device.uuid().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A driver with two cards that tell little.
    const DRIVER: &str = r#"
        typedef unsigned int u; typedef unsigned long long ull;
        int nvmlInit_v2(void) { return 0; }
        int nvmlShutdown(void) { return 0; }
        int nvmlDeviceGetCount_v2(u *count) { *count = 2; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(u index, void **device) { *device = (void *)(unsigned long)(index + 1); return 0; }
        int nvmlDeviceGetUUID(void *device, char *uuid, u length) { __builtin_snprintf(uuid, length, "GPU-%ca", 'a' + (int)(unsigned long)device); return 0; }
        int nvmlDeviceGetName(void *device, char *name, u length) { __builtin_snprintf(name, length, "Furnace"); return 0; }
        int nvmlDeviceGetUtilizationRates(void *device, u *busy) { busy[0] = 90; busy[1] = 10; return 0; }
        int nvmlDeviceGetTemperature(void *device, int sensor, u *degrees) { *degrees = 60 + (unsigned long)device; return 0; }
        int nvmlDeviceGetPowerUsage(void *device, u *milliwatts) { *milliwatts = 150000; return 0; }
        int nvmlDeviceGetEnforcedPowerLimit(void *device, u *milliwatts) { *milliwatts = 300000; return 0; }
        int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12040; return 0; }
    "#;

    fn settings(gpus: Option<&[&str]>) -> Settings {
        let gpus = gpus.map(|gpus| gpus.iter().map(|&gpu| gpu.to_owned()).collect());
        Settings { gpus, ..Settings::default() }
    }

    fn keys(gpus: Option<&[&str]>, library: &OsStr) -> Vec<(String, f64)> {
        let mut sample = Sample::default();
        if let Some(cards) = Nvidia::load(&settings(gpus), Some(library)) {
            cards.sample(&[1], &mut sample);
        }
        sample.values
    }

    #[test]
    fn without_a_driver_there_is_nothing() {
        assert!(Nvidia::load(&settings(None), Some(OsStr::new("/nowhere/libnvidia-ml.so.1"))).is_none());
    }

    #[test]
    fn cards_tell_what_they_can_and_only_those_that_are_asked_for() {
        let place = tempfile::tempdir().unwrap();
        let (source, library) = (place.path().join("driver.c"), place.path().join("libnvidia-ml.so.1"));
        std::fs::write(&source, DRIVER).unwrap();
        let mut compiler = std::process::Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&source);
        assert!(compiler.status().unwrap().success());
        let library = library.as_os_str();
        let expected: Vec<(String, f64)> = [
            ("gpu", 90.0),
            ("memory", 10.0),
            ("temp", 62.0),
            ("powerWatts", 150.0),
            ("enforcedPowerLimitWatts", 300.0),
            ("powerPercent", 50.0),
        ]
        .iter()
        .map(|(name, value)| (format!("gpu.1.{name}"), *value))
        .collect();
        assert_eq!(keys(None, library).len(), 12);
        assert_eq!(keys(Some(&["1"]), library), expected);
        assert_eq!(keys(Some(&["GPU-c"]), library), expected);
        assert_eq!(keys(Some(&[]), library), []);
        assert_eq!(keys(Some(&["7"]), library), []);
        let described = Nvidia::load(&settings(None), Some(library)).unwrap().describe();
        assert_eq!(described["gpu"], "Furnace");
        assert_eq!(described["gpu_count"], 2);
        assert_eq!(described["cudaVersion"], "12.4");
    }
}
