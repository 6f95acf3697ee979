//! Everything that fuzzing has found, again.

#[path = "../../fuzz/targets.rs"]
mod targets;

fn replay(target: &str, feed: fn(&[u8])) {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        feed(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 3, "{target} has a corpus of {replayed}");
}

#[test]
fn journals() {
    replay("journal", targets::journal);
}

#[test]
fn segments() {
    replay("segment", targets::segment);
}

#[test]
fn manifests() {
    replay("manifest", targets::manifest);
}

#[test]
fn frames_of_many_objects() {
    replay("frames", targets::frames);
}

#[test]
fn run_files() {
    replay("run_file", targets::run_file);
}

#[test]
fn filters() {
    replay("filter", targets::filter);
}

#[test]
fn wandb_files() {
    replay("wandb", targets::wandb);
}

#[test]
fn event_files() {
    replay("events", targets::events);
}

#[test]
fn metrics_of_mlflow() {
    replay("metrics", targets::metrics);
}
