//! The examples of `docs/api.md` work.

use super::Api;
use std::process::Command;

#[test]
fn the_examples_of_the_documentation_work() {
    let api = Api::with(|place| {
        place.run("ab12cd34", 3);
    });
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 8, "the test does not see the examples");
    let script = format!("set -e\n{}", blocks.join("\necho\n"));
    let done = Command::new("sh")
        .args(["-c", &script])
        .current_dir(api.place.path())
        .env("API", format!("{}/api/v1", api.server.url))
        .env("KEY", &api.key)
        .env("RUN", api.key_of("ab12cd34"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    for wanted in
        ["\"config.lr\":0.5", "\"the best\"", "\"why so slow?\"", "\"truncated\":false", "\"next\":null"]
    {
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }
    assert_eq!(std::fs::read(api.place.join("first.bin")).unwrap().len(), 100);
}
