//! Media become files of the run and the JSON that stands for them in the history; see `docs/media.md`.

use super::scribe::Said;
use crate::model::{Hash, Value};
use serde_json::{Value as Json, json};

/// Media of one value.
pub(super) struct Media<'a> {
    pub(super) key: &'a str,
    pub(super) step: i64,
    pub(super) time: i64,
}

impl Media<'_> {
    /// Returns encoded pictures as one value, and the files to store before it.
    pub(super) fn images(&self, encoded: Vec<Vec<u8>>, size: Option<(u64, u64)>) -> (Value, Vec<Said>) {
        let format = encoded.first().map_or("png", |bytes| ending(bytes));
        let (entries, files) = self.store("images", encoded);
        let mut first = json!({"_type": "image-file"});
        if let [only] = entries.as_slice() {
            extend(&mut first, only);
        } else {
            let names: Vec<&Json> = entries.iter().map(|entry| &entry["path"]).collect();
            first = json!({"_type": "images/separated", "count": names.len(), "filenames": names});
        }
        first["format"] = format.into();
        if let Some((width, height)) = size {
            first["width"] = width.into();
            first["height"] = height.into();
        }
        (Value::from(first), files)
    }

    /// Returns encoded sounds as one value, and the files to store before it.
    pub(super) fn sounds(&self, encoded: Vec<Vec<u8>>) -> (Value, Vec<Said>) {
        let (entries, files) = self.store("audio", encoded);
        let mut sounds: Vec<Json> = Vec::new();
        for entry in &entries {
            let mut sound = json!({"_type": "audio-file"});
            extend(&mut sound, entry);
            sounds.push(sound);
        }
        let value = match sounds.len() {
            1 => sounds.remove(0),
            count => json!({"_type": "audio", "count": count, "audio": sounds}),
        };
        (Value::from(value), files)
    }

    fn store(&self, kind: &str, encoded: Vec<Vec<u8>>) -> (Vec<Json>, Vec<Said>) {
        let mut entries = Vec::new();
        let mut files = Vec::new();
        for bytes in encoded {
            let hash = Hash::of(&bytes).to_string();
            let path = format!(
                "media/{kind}/{}_{}_{}.{}",
                name_like(self.key),
                self.step,
                &hash[..20],
                ending(&bytes)
            );
            entries.push(json!({"path": path, "sha256": hash, "size": bytes.len()}));
            files.push(Said::Media { time: self.time, path, bytes });
        }
        (entries, files)
    }
}

/// Returns a histogram as a value: counts, and one edge more than counts.
pub(super) fn histogram(counts: &[f64], edges: &[f64]) -> Option<Value> {
    if counts.is_empty() || edges.len() != counts.len() + 1 {
        return None;
    }
    // At most as many buckets as a histogram of the run has.
    let step = counts.len().div_ceil(512);
    let values: Vec<f64> = counts.chunks(step).map(|chunk| chunk.iter().sum()).collect();
    let mut bins: Vec<f64> = edges[..counts.len()].iter().copied().step_by(step).collect();
    bins.extend(edges.last());
    Some(Value::from(json!({"_type": "histogram", "values": values, "bins": bins})))
}

fn extend(object: &mut Json, with: &Json) {
    for (name, value) in with.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
}

/// Returns the ending of a name for encoded media, by how they begin.
fn ending(bytes: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 5] = [
        (b"\x89PNG", "png"),
        (b"\xff\xd8\xff", "jpg"),
        (b"GIF8", "gif"),
        (b"RIFF", "wav"),
        (b"fLaC", "flac"),
    ];
    KINDS.iter().find(|(start, _)| bytes.starts_with(start)).map_or("bin", |(_, kind)| kind)
}

/// Returns a key in a form that is a part of a file's name; a slash in it makes a directory.
pub(super) fn name_like(key: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '\\' { '_' } else { c };
    let parts: Vec<String> =
        key.split('/')
            .filter(|part| !part.is_empty())
            .map(|part| {
                if part.chars().all(|c| c == '.') {
                    "_".to_owned()
                } else {
                    part.chars().map(plain).collect()
                }
            })
            .collect();
    super::head::cut(parts.join("/"), 1024)
}
