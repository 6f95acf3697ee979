//! `danlu offline`, `online`, `disabled`, `enabled`: how the next runs of a directory are written.

use super::Common;
use super::output::Output;
use crate::model::{Error, Result};
use crate::store::DIR_NAME;
use std::path::{Path, PathBuf};

/// Writes the mode into the settings of the directory, or takes it out of them.
pub(super) fn set(common: &Common, mode: Option<&str>, output: &mut Output) -> Result<bool> {
    let path = settings_of(&common.dir);
    let text = read(&path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
    std::fs::write(&path, with_mode(&text, mode)).map_err(|e| Error::io("write the settings", &path, e))?;
    if common.format.json {
        output.json(&serde_json::json!({"mode": mode, "settings": path}))?;
    } else {
        let directory = common.dir.display();
        let said = match mode {
            Some("offline") => {
                format!("Runs of `{directory}` are written there and sent nowhere by themselves")
            }
            Some("online") => {
                format!("Runs of `{directory}` are written there, and sent to the remote if there is one")
            }
            Some(_) => format!("Runs of `{directory}` are not written: `danlu enabled` changes that"),
            None => format!("Runs of `{directory}` are written as by default"),
        };
        output.line(said)?;
    }
    Ok(true)
}

/// The settings of a directory: an ini file with a section `[default]`.
pub(super) fn settings_of(dir: &Path) -> PathBuf {
    dir.join(DIR_NAME).join("settings")
}

/// Reads a settings file; nothing if there is none.
pub(super) fn read(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|e| Error::io("read the settings", path, e)),
    }
}

/// Finds a setting in the section `[default]`.
pub(super) fn setting<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    lines_of_default(text).find_map(|(_, line)| value_of(line, name))
}

fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(['=', ':'])?;
    (key.trim() == name).then(|| value.trim())
}

/// Lists the lines of the section `[default]` with their numbers.
fn lines_of_default(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .scan(false, |inside, (number, line)| {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                *inside = trimmed == "[default]";
                return Some(None);
            }
            Some(inside.then_some((number, line)))
        })
        .flatten()
}

/// Returns the settings with another mode. Everything else in them stays.
fn with_mode(text: &str, mode: Option<&str>) -> String {
    let old: Vec<usize> =
        lines_of_default(text).filter_map(|(number, line)| value_of(line, "mode").map(|_| number)).collect();
    let mut lines: Vec<String> = (0..)
        .zip(text.lines())
        .filter(|(number, _)| !old.contains(number))
        .map(|(_, line)| line.to_owned())
        .collect();
    if let Some(mode) = mode {
        let section = lines.iter().position(|line| line.trim() == "[default]").unwrap_or_else(|| {
            lines.push("[default]".to_owned());
            lines.len() - 1
        });
        lines.insert(section + 1, format!("mode = {mode}"));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_set_and_taken_away_and_the_rest_stays() {
        let text = "# mine\n[default]\nproject = mnist\nmode: disabled\n\n[other]\nmode = x\n";
        let offline = with_mode(text, Some("offline"));
        assert_eq!(offline, "# mine\n[default]\nmode = offline\nproject = mnist\n\n[other]\nmode = x\n");
        assert_eq!(setting(&offline, "mode"), Some("offline"));
        assert_eq!(setting(&offline, "project"), Some("mnist"));
        assert_eq!(setting(&with_mode(&offline, None), "mode"), None);
        assert_eq!(with_mode("", Some("online")), "[default]\nmode = online\n");
        assert_eq!(with_mode("", None), "");
    }
}
