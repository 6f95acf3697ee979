//! What the documentation lists is what the code has.

use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Gathers the texts of all sources below a directory.
fn sources(directory: &Path, found: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let is_source =
            path.extension().is_some_and(|extension| ["rs", "py"].iter().any(|e| extension == *e));
        if path.is_dir() {
            sources(&path, found);
        } else if is_source {
            found.push_str(&read(&path));
        }
    }
}

/// Finds the names of variables in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let names = text.split("DANLU_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    names.filter(|name| !name.is_empty()).map(|name| format!("DANLU_{name}")).collect()
}

#[test]
fn every_environment_variable_is_documented() {
    let mut text = String::new();
    for directory in ["src", "python/src", "python/danlu"] {
        sources(&root().join(directory), &mut text);
    }
    let mut read_by_the_code = variables(&text);
    // Those of `init` are put together from parts.
    let table = text.split_once("_VARIABLES = {").unwrap().1.split_once('}').unwrap().0;
    read_by_the_code.extend(table.split('"').skip(3).step_by(4).map(|name| format!("DANLU_{name}")));
    assert!(read_by_the_code.len() > 15, "{read_by_the_code:?}");
    assert_eq!(variables(&read(&root().join("docs/environment.md"))), read_by_the_code);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    documents.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for document in documents.into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        for link in read(&document).split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let target = link.0.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(document.with_file_name(target).exists(), "{}: {target}", document.display());
            }
        }
    }
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = read(&root().join("README.md"));
    for page in std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("(docs/{name})")), "the README leads nobody to docs/{name}");
    }
}

/// Reads the tables of a page: for each row that begins with a number, that number and the words in backticks of its last column.
fn rows_of_faults(page: &str) -> Vec<(u32, Vec<String>)> {
    let text = read(&root().join("docs").join(page));
    let rows = text.lines().filter_map(|line| {
        let columns: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let words = columns.last()?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((columns[0].trim().parse().ok()?, words))
    });
    rows.collect()
}

/// Gathers the names of all tests.
fn names_of_tests(directory: &str) -> BTreeSet<String> {
    let mut text = String::new();
    sources(&root().join(directory), &mut text);
    let names = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = line.strip_prefix("fn ").or_else(|| line.strip_prefix("def "))?;
        rest.split_once('(').map(|(name, _)| name.to_owned())
    });
    names.collect()
}

#[test]
fn every_fault_has_tests_and_they_exist() {
    let known: BTreeSet<String> =
        ["tests", "python/tests", "src"].into_iter().flat_map(names_of_tests).collect();
    let (before, later) = (rows_of_faults("durability.md"), rows_of_faults("faults.md"));
    let numbers = |rows: &[(u32, Vec<String>)]| rows.iter().map(|row| row.0).collect::<BTreeSet<_>>();
    assert!(numbers(&before).is_superset(&(1..=36).collect()), "{:?}", numbers(&before));
    assert_eq!(numbers(&later), (37..=66).collect());
    for (number, tests) in before.iter().chain(&later) {
        assert!(!tests.is_empty(), "fault {number} has no test");
        // Modules and names that are cut short are for readers.
        for test in tests.iter().filter(|test| !test.contains(['/', '…', '.', ' ', ':', '=', '-'])) {
            assert!(known.contains(test), "fault {number}: there is no test `{test}`");
        }
    }
    for test in names_of_tests("tests/network").iter().chain(&names_of_tests("tests/it")) {
        let Some(number) = test.strip_prefix('f').and_then(|rest| rest.get(..2)?.parse::<u32>().ok()) else {
            continue;
        };
        assert!(
            later.iter().any(|(row, tests)| *row == number && tests.contains(test)),
            "docs/faults.md does not name `{test}` beside fault {number}"
        );
    }
}
