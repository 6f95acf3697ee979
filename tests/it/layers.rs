//! Dependencies point one way: this table is the law, and the code must keep it.

use std::path::Path;

/// Each module with those it may use.
const LAYERS: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("store", &["model"]),
    ("writer", &["model", "store"]),
    ("query", &["model", "store"]),
    ("remote", &["model", "store"]),
    ("mirror", &["model", "store", "query", "remote"]),
    ("sync", &["model", "store", "query", "remote"]),
    ("system", &["model"]),
    ("server", &["model", "store", "query", "remote"]),
    ("import", &["model", "store"]),
    ("cli", &["model", "store", "writer", "query", "remote", "mirror", "sync", "server", "system", "import"]),
];

/// What the crate's root gives everybody.
const ROOT: [&str; 5] = ["Error", "ErrorKind", "Result", "Value", "VERSION"];

fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
            let module = name.components().next().unwrap().as_os_str().to_str().unwrap();
            found.push((module.trim_end_matches(".rs").to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Finds the modules that a source names after `crate::`, alone or in braces.
fn uses(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in source.split("crate::").skip(1) {
        let word = |text: &str| {
            text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        };
        match after.strip_prefix('{') {
            Some(list) => found.extend(list.split('}').next().unwrap().split(',').map(word)),
            None => found.push(word(after)),
        }
    }
    found.retain(|name| !name.is_empty() && !ROOT.contains(&name.as_str()));
    found
}

#[test]
fn modules_use_only_those_below_them() {
    let mut found = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    let mut seen = 0;
    for (module, source) in found {
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let (_, allowed) =
            LAYERS.iter().find(|(name, _)| *name == module).expect("every module is in the table");
        for used in uses(&source) {
            seen += 1;
            assert!(used == module || allowed.contains(&used.as_str()), "`{module}` must not use `{used}`");
        }
    }
    assert!(seen > 50, "only {seen} uses were found: the test does not read what it should");
}

#[test]
fn the_core_neither_prints_nor_reads_the_environment() {
    let mut found = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    for (module, source) in found.iter().filter(|(module, _)| !["cli", "main"].contains(&module.as_str())) {
        for word in ["println!", "eprintln!", "env::var", "io::stdout", "io::stderr", "process::exit"] {
            assert!(!source.contains(word), "`{module}` uses {word}");
        }
    }
}
