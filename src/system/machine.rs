//! What a machine is, as far as it does not change while it runs.

use super::Settings;
use super::amd::Amd;
use super::cgroup::Cgroup;
use super::nvidia::Nvidia;
use super::proc::{Proc, read};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Describes the machine, under the names that wandb has in `wandb-metadata.json`. Takes as long as it takes to load the drivers of
/// graphics cards.
pub fn machine(settings: &Settings) -> Json {
    let system = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let (cores, threads, model) = processors(&settings.proc);
    let mut found = json!({
        "os": format!("{}-{}-{}", text(system.sysname()), text(system.release()), text(system.machine())),
        "kernel": text(system.version()),
        "host": text(system.nodename()),
        "distribution": distribution(),
        "cpu_count": cores,
        "cpu_count_logical": threads,
        "cpu_model": model,
    });
    let Some(fields) = found.as_object_mut() else { return found };
    if let Some((total, _)) = Proc(settings.proc.clone()).memory() {
        fields.insert("memory".to_owned(), json!({ "total": format!("{total:.0}") }));
    }
    fields.insert("disk".to_owned(), disks(settings));
    if settings.cgroups {
        let limits = Cgroup::of(&settings.proc, &settings.sys, settings.pid).limits();
        let memory = limits.memory.map(|(limit, _)| format!("{limit:.0}"));
        fields.insert("cgroup".to_owned(), json!({ "cpus": limits.cpus, "memory": memory }));
    }
    let cards = Nvidia::find(settings)
        .map(|cards| cards.describe())
        .or_else(|| Amd::find(settings, &settings.sys).map(|cards| cards.describe()));
    if let Some(Json::Object(cards)) = cards {
        fields.extend(cards);
    }
    fields.retain(|_, value| !is_nothing(value));
    found
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

/// Counts the cores and the threads that they run at once, and names the model.
fn processors(proc: &Path) -> (Option<usize>, usize, Option<String>) {
    let text = read(proc.join("cpuinfo")).unwrap_or_default();
    let mut cores = std::collections::BTreeSet::new();
    let (mut threads, mut model, mut package) = (0, None, "");
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match name.trim() {
            "processor" => threads += 1,
            "model name" => model = Some(value.trim().to_owned()),
            "physical id" => package = value,
            "core id" => {
                cores.insert((package, value));
            }
            _ => {}
        }
    }
    (Some(cores.len()).filter(|cores| *cores > 0), threads, model)
}

fn distribution() -> Option<String> {
    let text = read("/etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a disk are exact up to 8 PiB")]
fn disks(settings: &Settings) -> Json {
    let disks = settings.disks.iter().filter_map(|path| {
        let space = rustix::fs::statvfs(path).ok()?;
        let total = space.f_blocks as f64 * space.f_frsize as f64;
        let used = (space.f_blocks - space.f_bfree) as f64 * space.f_frsize as f64;
        let sizes = json!({ "total": format!("{total:.0}"), "used": format!("{used:.0}") });
        Some((path.display().to_string(), sizes))
    });
    Json::Object(disks.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let found = machine(&Settings::default());
        assert!(found["os"].as_str().unwrap().starts_with("Linux-"));
        assert!(found["cpu_count_logical"].as_u64().unwrap() >= 1);
        assert!(found["memory"]["total"].as_str().unwrap().parse::<u64>().unwrap() > 1 << 20);
        assert!(found["disk"]["/"]["used"].is_string());
        assert!(found.get("gpu_nvidia").is_none_or(Json::is_array));
    }

    #[test]
    fn cores_are_counted_apart_from_their_threads() {
        let place = tempfile::tempdir().unwrap();
        let one = |thread, package, core| {
            format!(
                "processor\t: {thread}\nmodel name\t: Furnace: 9\nphysical id\t: {package}\ncore id\t: {core}\n\n"
            )
        };
        let text = [one(0, 0, 0), one(1, 0, 0), one(2, 1, 0), one(3, 1, 0)].concat();
        std::fs::write(place.path().join("cpuinfo"), text).unwrap();
        assert_eq!(processors(place.path()), (Some(2), 4, Some("Furnace: 9".to_owned())));
    }
}
