//! Graphics cards of AMD, by what their driver shows in `/sys`.

use super::probe::{Sample, Settings};
use super::proc::{number, read};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

/// The number of the manufacturer on the PCI bus.
const VENDOR: &str = "0x1002";

/// The cards that a run may look at.
#[derive(Debug)]
pub(super) struct Amd {
    cards: Vec<(u32, PathBuf)>,
}

impl Amd {
    /// Finds the cards below `/sys`, or what stands for it. `None` where there is no card to look at.
    pub(super) fn find(settings: &Settings, sys: &Path) -> Option<Self> {
        let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(sys.join("class/drm"))
            .ok()?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                // Not its connectors, which are called `card0-DP-1`.
                let number = entry.file_name().to_str()?.strip_prefix("card")?.parse().ok()?;
                let device = entry.path().join("device");
                let is_card = read(device.join("vendor"))?.trim() == VENDOR;
                (is_card && device.join("gpu_busy_percent").exists()).then_some((number, device))
            })
            .collect();
        found.sort();
        let cards: Vec<_> = (0..)
            .zip(found)
            .map(|(place, (_, device))| (place, device))
            .filter(|(place, device)| settings.wants(*place, || uuid(device)))
            .collect();
        (!cards.is_empty()).then_some(Self { cards })
    }

    /// Adds what each card does; what it does not tell is left out.
    pub(super) fn sample(&self, sample: &mut Sample) {
        for (card, device) in &self.cards {
            let mut add = |name: &str, value: Option<f64>| {
                if let Some(value) = value {
                    sample.add(format!("gpu.{card}.{name}"), value);
                }
            };
            add("gpu", number(device.join("gpu_busy_percent")));
            add("memory", number(device.join("mem_busy_percent")));
            let (used, total) =
                (number(device.join("mem_info_vram_used")), number(device.join("mem_info_vram_total")));
            if let (Some(used), Some(total)) = (used, total.filter(|total| *total > 0.0)) {
                add("memoryAllocated", Some(used / total * 100.0));
                add("memoryAllocatedBytes", Some(used));
            }
            let Some(sensors) = sensors(device) else { continue };
            add("temp", number(sensors.join("temp1_input")).map(|millidegrees| millidegrees / 1000.0));
            let watts = |name: &str| number(sensors.join(name)).map(|microwatts| microwatts / 1e6);
            let power = watts("power1_average").or_else(|| watts("power1_input"));
            let cap = watts("power1_cap").filter(|cap| *cap > 0.0);
            add("powerWatts", power);
            add("enforcedPowerLimitWatts", cap);
            add("powerPercent", power.zip(cap).map(|(power, cap)| power / cap * 100.0));
            let fan = number(sensors.join("pwm1")).zip(number(sensors.join("pwm1_max")));
            add("fanSpeed", fan.map(|(speed, most)| speed / most * 100.0));
        }
    }

    /// Describes the cards.
    pub(super) fn describe(&self) -> Json {
        let cards: Vec<Json> = self.cards.iter().map(|(_, device)| describe(device)).collect();
        json!({
            "gpu": cards.first().and_then(|card| card.get("name")),
            "gpu_count": cards.len(),
            "gpu_amd": cards,
        })
    }
}

fn describe(device: &Path) -> Json {
    let text = |name: &str| read(device.join(name)).map(|text| text.trim().to_owned());
    json!({
        "name": text("product_name").filter(|name| !name.is_empty()).or_else(|| text("device")),
        "memoryTotal": text("mem_info_vram_total"),
        "uuid": uuid(device),
    })
}

fn uuid(device: &Path) -> String {
    read(device.join("unique_id")).unwrap_or_default().trim().to_owned()
}

fn sensors(device: &Path) -> Option<PathBuf> {
    Some(std::fs::read_dir(device.join("hwmon")).ok()?.next()?.ok()?.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(sys: &Path, name: &str, vendor: &str, files: &[(&str, &str)]) {
        let device = sys.join("class/drm").join(name).join("device");
        std::fs::create_dir_all(device.join("hwmon/hwmon3")).unwrap();
        std::fs::write(device.join("vendor"), vendor).unwrap();
        for (name, text) in files {
            std::fs::write(device.join(name), text).unwrap();
        }
    }

    fn values(sys: &Path, gpus: Option<&[&str]>) -> Vec<(String, f64)> {
        let gpus = gpus.map(|gpus| gpus.iter().map(|&gpu| gpu.to_owned()).collect());
        let mut sample = Sample::default();
        if let Some(cards) = Amd::find(&Settings { gpus, ..Settings::default() }, sys) {
            cards.sample(&mut sample);
        }
        sample.values
    }

    #[test]
    fn cards_are_numbered_among_themselves_and_tell_what_they_can() {
        let place = tempfile::tempdir().unwrap();
        let sys = place.path();
        assert_eq!(values(sys, None), []);
        card(sys, "card0", "0x8086\n", &[("gpu_busy_percent", "1\n")]);
        card(
            sys,
            "card1",
            "0x1002\n",
            &[
                ("gpu_busy_percent", "97\n"),
                ("mem_info_vram_used", "256\n"),
                ("mem_info_vram_total", "1024\n"),
                ("hwmon/hwmon3/temp1_input", "65000\n"),
                ("hwmon/hwmon3/power1_average", "150000000\n"),
                ("hwmon/hwmon3/power1_cap", "300000000\n"),
            ],
        );
        card(sys, "card2", "0x1002\n", &[("gpu_busy_percent", "5\n"), ("unique_id", "abc123\n")]);
        card(sys, "card2-DP-1", "0x1002\n", &[("gpu_busy_percent", "5\n")]);
        let of = |name: &str, value: f64| (name.to_owned(), value);
        let first = [
            of("gpu.0.gpu", 97.0),
            of("gpu.0.memoryAllocated", 25.0),
            of("gpu.0.memoryAllocatedBytes", 256.0),
            of("gpu.0.temp", 65.0),
            of("gpu.0.powerWatts", 150.0),
            of("gpu.0.enforcedPowerLimitWatts", 300.0),
            of("gpu.0.powerPercent", 50.0),
        ];
        assert_eq!(values(sys, Some(&["0"])), first);
        assert_eq!(values(sys, Some(&["abc1"])), [of("gpu.1.gpu", 5.0)]);
        assert_eq!(values(sys, None).len(), 8);
        let all = Amd::find(&Settings::default(), sys).unwrap().describe();
        assert_eq!(all["gpu_count"], 2);
        assert_eq!(all["gpu_amd"][1]["uuid"], "abc123");
    }
}
