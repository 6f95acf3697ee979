//! Files of every version that changed a format are read by this one, as `tests/fixtures/make.rs` wrote them.

use crate::support::{Place, names};
use danlu::remote::Manifest;
use std::path::{Path, PathBuf};

/// What a reader sees of the runs, but for what differs from machine to machine.
const QUESTIONS: [&str; 6] = [
    "SELECT run, entity, project, name, state, exit_code, records, last_step, digest FROM runs ORDER BY run",
    "SELECT run, key, rank, count(*), count(value), min(step), max(step), min(value), max(value), sum(value)
     FROM history GROUP BY run, key, rank ORDER BY run, key, rank",
    "SELECT run, step, key, value FROM history WHERE run = 'whole' AND key <> 'loss' ORDER BY key, step",
    "SELECT * FROM config ORDER BY run, key",
    "SELECT * FROM summary ORDER BY run, key",
    "SELECT run, path, size, sha256 FROM files ORDER BY run, path",
];

fn versions() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let found: Vec<PathBuf> =
        names(&fixtures).iter().map(|name| fixtures.join(name)).filter(|path| path.is_dir()).collect();
    assert!(!found.is_empty(), "there is none in {}", fixtures.display());
    found
}

/// Copies a version's files to where reading them may change them.
fn copied(version: &Path) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.join("wandb")).unwrap();
    for name in names(&version.join("wandb")) {
        std::fs::copy(version.join("wandb").join(&name), place.join("wandb").join(&name)).unwrap();
    }
    place
}

#[test]
fn every_reader_sees_in_files_of_older_versions_what_was_written() {
    for version in versions() {
        let place = copied(&version);
        let mut seen = String::new();
        for question in QUESTIONS {
            let done = place.danlu(&["sql", question]);
            assert_eq!(done.code, 0, "{question}: {}", done.stderr);
            seen += &format!("{}\n", done.stdout);
        }
        for (command, run) in [("show", "whole"), ("show", "killed"), ("files", "whole")] {
            let done = place.danlu(&[command, run, "--json"]);
            assert_eq!(done.code, 0, "{command} {run}: {}", done.stderr);
        }
        let name = version.file_name().unwrap().to_str().unwrap();
        insta::assert_snapshot!(format!("fixtures_{name}"), seen);
        assert!(place.danlu(&["verify"]).code == 0, "{}", place.danlu(&["verify"]).stdout);
    }
}

#[test]
fn files_of_older_versions_are_gone_on_with_expanded_and_read_out() {
    for version in versions() {
        let place = copied(&version);
        for id in ["whole", "killed"] {
            let run = danlu::Run::builder("fixtures").entity("lab").id(id).dir(place.path());
            let run = run.resume(danlu::Resume::Must).start().unwrap();
            run.log([("more", 1)]);
            run.finish(0).unwrap();
        }
        let done = place.danlu(&["expand", "forked"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(place.danlu(&["verify"]).code, 0);
        assert_eq!(place.danlu(&["get", "killed", "small.txt", "-o", "-"]).stdout, "changed");
        let done = place.danlu(&["get", "whole", "deep/large.bin", "-o", "large.bin"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(std::fs::read(place.join("large.bin")).unwrap(), [7; (1 << 20) + 10]);
    }
}

#[test]
fn a_push_of_an_older_run_leads_to_the_objects_that_the_older_version_pushed() {
    for version in versions() {
        let place = copied(&version);
        for name in names(&place.join("wandb")).iter().filter(|name| !name.ends_with("-whole.sqlite")) {
            std::fs::remove_file(place.join("wandb").join(name)).unwrap();
        }
        std::fs::create_dir(place.join("remote")).unwrap();
        assert_eq!(place.danlu(&["sync", "./remote"]).code, 0);
        let objects = |remote: PathBuf| {
            ["blobs", "segments"].map(|kind| {
                let kind = remote.join(kind);
                names(&kind).iter().flat_map(|part| names(&kind.join(part))).collect::<Vec<String>>()
            })
        };
        assert_eq!(objects(place.join("remote")), objects(version.join("remote")));
        let manifest = |remote: PathBuf| {
            let runs = remote.join("runs");
            let bytes = std::fs::read(runs.join(&names(&runs)[0])).unwrap();
            Manifest::parse(&bytes).unwrap().receipt()
        };
        assert_eq!(manifest(place.join("remote")), manifest(version.join("remote")));
    }
}
