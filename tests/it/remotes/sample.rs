//! Real runs to push: what they consist of, as a syncer sends it.

use crate::support::Place;
use danlu::Run;
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Manifest, Memory, Object};
use danlu::store;
use std::path::Path;

/// An empty remote in memory.
pub fn memory(name: &str) -> Memory {
    Memory::new(name, AttemptId::random().unwrap())
}

/// A run as it goes over the line.
#[derive(Clone)]
pub struct Sample {
    pub manifest: Manifest,
    pub objects: Vec<(Object, Vec<u8>)>,
}

impl Sample {
    /// A finished run with two keys, and a file for each of `contents`.
    pub fn run(id: &str, rows: u32, contents: &[&[u8]]) -> Self {
        let place = Place::new();
        let run = start(&place, id);
        log(&run, rows);
        save(&place, &run, contents);
        let path = run.path().to_owned();
        run.finish(0).unwrap();
        Self::of(&path)
    }

    /// Reads a run file as it is now.
    pub fn of(path: &Path) -> Self {
        let connection = store::open(path).unwrap();
        let manifest = Manifest::of_live(&connection).unwrap();
        let mut objects = Vec::new();
        for info in store::attempts(&connection).unwrap() {
            let segments = store::segments(&connection, info.base).unwrap();
            for (n, segment) in segments.iter().enumerate() {
                let records = store::segment_records(&connection, info.base, &segments, n).unwrap();
                let bytes = store::encode_segment(info.attempt, segment.first, &records).unwrap();
                objects.push(packed(&bytes));
            }
            if info.digest.is_none() {
                objects.extend(store::tail_segment(&connection, &info).unwrap().map(|tail| packed(&tail)));
            }
        }
        for blob in store::blobs(&connection).unwrap() {
            let mut bytes = Vec::new();
            store::read_blob(&connection, blob.sha256, |chunk| {
                bytes.extend(chunk);
                Ok(())
            })
            .unwrap();
            objects.push((Object::Blob(blob.sha256), bytes));
        }
        objects.retain(|(object, _)| manifest.objects().contains(object));
        Self { manifest, objects }
    }

    pub fn names(&self) -> Vec<Object> {
        self.objects.iter().map(|(object, _)| *object).collect()
    }
}

pub fn start(place: &Place, id: &str) -> Run {
    Run::builder("demo").id(id).dir(place.path()).start().unwrap()
}

pub fn log(run: &Run, rows: u32) {
    for n in 0..rows {
        run.log([("loss", 1.0 / f64::from(n + 1)), ("acc", f64::from(n))]);
    }
}

pub fn save(place: &Place, run: &Run, contents: &[&[u8]]) {
    for (n, content) in contents.iter().enumerate() {
        let path = place.join("content");
        std::fs::write(&path, content).unwrap();
        run.save_as(&path, &format!("content-{n}")).unwrap();
    }
}

fn packed(bytes: &[u8]) -> (Object, Vec<u8>) {
    (Object::Segment(Hash::of(bytes)), store::pack(bytes, 3).unwrap())
}

/// Bytes that are nowhere alike.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
