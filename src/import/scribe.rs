//! What a part says becomes the records of an attempt.

use super::digest::Hasher;
use super::files::Found;
use super::head::{Head, cut};
use super::known::Known;
use crate::model::{
    Error, ErrorKind, Event, EventKind, File, Hash, Record, Result, Row, Setting, Value, check_file_name,
    limits,
};
use crate::store::{self, Appender, Stream};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;

/// Something that a run says.
pub(super) enum Said {
    /// A row of the history, or without a step a sample of the system.
    Row { step: Option<i64>, time: i64, values: Vec<(String, Value)> },
    /// Anything that happens at a time.
    Event(Event),
    /// A file that is not on disk by itself.
    Media { time: i64, path: String, bytes: Vec<u8> },
}

/// How much was said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Where the records go.
enum Out<'a> {
    /// Nowhere: they are only hashed.
    Hash(Hasher),
    /// To a run file.
    File(&'a mut Appender, Box<Stream>),
}

/// Makes records of what is said.
pub(super) struct Scribe<'a> {
    out: Out<'a>,
    /// The keys of the history, and those of the system.
    keys: [HashMap<String, u64>; 2],
    last: HashMap<u64, Value>,
    /// Metrics whose last value is not in the summary.
    defined: BTreeSet<String>,
    seq: u64,
    pending: Vec<Record>,
    weight: u64,
    media: Vec<Vec<u8>>,
    media_bytes: usize,
    lost: BTreeMap<String, u64>,
    pub(super) counts: Counts,
}

impl<'a> Scribe<'a> {
    /// Writes nothing, and computes what the attempt will be named after.
    pub(super) fn dry() -> Self {
        Self::new(Out::Hash(Hasher::default()))
    }

    /// Writes an attempt that begins with `start`.
    pub(super) fn begin(file: &'a mut Appender, start: crate::model::Start) -> Result<Self> {
        let stream = Stream::open(&*file.begin()?, start.attempt)?;
        if stream.seq() > 0 {
            let message = format!("Attempt {} is in the run file already", start.attempt);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let mut scribe = Self::new(Out::File(file, Box::new(stream)));
        scribe.push(Record::Start(Box::new(start)))?;
        Ok(scribe)
    }

    fn new(out: Out<'a>) -> Self {
        Self {
            out,
            keys: [HashMap::new(), HashMap::new()],
            last: HashMap::new(),
            defined: BTreeSet::new(),
            seq: 0,
            pending: Vec::new(),
            weight: 0,
            media: Vec::new(),
            media_bytes: 0,
            lost: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Returns the hash of what was said, where nothing is written.
    pub(super) fn hash(&self) -> Hash {
        match &self.out {
            Out::Hash(hasher) => hasher.so_far(),
            Out::File(..) => Hash([0; 32]),
        }
    }

    pub(super) fn take(&mut self, said: Said) -> Result<()> {
        match said {
            Said::Row { step, time, values } => self.row(step, time, values),
            Said::Event(event) => self.event(event),
            Said::Media { time, path, bytes } => self.media(time, path, bytes),
        }
    }

    /// Sets the config, as far as the run does not have it.
    pub(super) fn config(&mut self, config: &BTreeMap<String, Value>, known: &Known) -> Result<()> {
        for (key, value) in config.iter().filter(|(key, value)| known.config.get(*key) != Some(value)) {
            if self.can_be(key, value) {
                self.push(Record::Config(Setting { key: key.clone(), value: Some(value.clone()) }))?;
            }
        }
        Ok(())
    }

    /// Says what is known at the end: files, summary, what is lost, and how it ended.
    pub(super) fn finish(mut self, head: &Head, known: &Known) -> Result<Counts> {
        for found in &head.files {
            self.file(found, head.last, known)?;
        }
        self.summary(head, known)?;
        for (why, how_much) in &head.lost {
            *self.lost.entry(why.clone()).or_default() += how_much;
        }
        for (why, how_much) in std::mem::take(&mut self.lost) {
            let data = format!("{{\"records\":{how_much}}}");
            self.push(event(head.last, EventKind::Lost, String::new(), why, data))?;
        }
        if let Some((time, code)) = head.end {
            let data = format!("{{\"exit_code\":{code}}}");
            self.push(event(time, EventKind::End, String::new(), String::new(), data))?;
        }
        self.flush()?;
        if let Out::File(file, stream) = &mut self.out {
            let tx = file.begin()?;
            stream.seal(&tx)?;
            tx.commit()?;
        }
        Ok(self.counts)
    }

    fn row(&mut self, step: Option<i64>, time: i64, values: Vec<(String, Value)>) -> Result<()> {
        let mut row = Row { step, time, values: Vec::with_capacity(values.len()) };
        for (name, value) in values {
            if !self.can_be(&name, &value) {
                continue;
            }
            let key = self.key(name, step.is_none())?;
            if step.is_some() {
                self.last.insert(key, value.clone());
            }
            row.values.push((key, value));
        }
        // Of a key that comes twice in a row, the last value counts.
        row.values.reverse();
        row.values.sort_by_key(|(key, _)| *key);
        row.values.dedup_by_key(|(key, _)| *key);
        let too_large = row.values.len() > limits::ROW_KEYS;
        if too_large || row.values.iter().map(|(_, value)| value.weight()).sum::<u64>() > limits::ROW_WEIGHT {
            self.lose("rows were too large");
            return Ok(());
        }
        self.counts.rows += 1;
        self.push(Record::Row(row))
    }

    fn key(&mut self, name: String, system: bool) -> Result<u64> {
        if let Some(key) = self.keys[usize::from(system)].get(&name) {
            return Ok(*key);
        }
        self.push(Record::Key { name: name.clone(), system })?;
        self.keys[usize::from(system)].insert(name, self.seq);
        Ok(self.seq)
    }

    fn event(&mut self, mut event: Event) -> Result<()> {
        event.name = cut(event.name, limits::NAME_BYTES);
        if event.text.len() + event.data.len() > limits::VALUE_BYTES {
            self.lose("events were too large");
            return Ok(());
        }
        if event.kind == EventKind::Metric {
            // As the view `summary` tells it.
            if event.data.contains("\"summary\":[\"") {
                self.defined.insert(event.name.clone());
            } else {
                self.defined.remove(&event.name);
            }
        }
        self.push(Record::Event(event))
    }

    fn media(&mut self, time: i64, path: String, bytes: Vec<u8>) -> Result<()> {
        if check_file_name(&path).is_err() {
            self.lose("media had a name that a file cannot have");
            return Ok(());
        }
        let (sha256, size) = (Hash::of(&bytes), bytes.len() as u64);
        self.store(bytes)?;
        self.record(time, path, sha256, size)
    }

    fn record(&mut self, time: i64, path: String, sha256: Hash, size: u64) -> Result<()> {
        self.counts.files += 1;
        self.counts.bytes += size;
        self.push(Record::File(File { time, path, sha256, size }))
    }

    /// Keeps a small content until there are enough to store.
    fn store(&mut self, bytes: Vec<u8>) -> Result<()> {
        if matches!(self.out, Out::Hash(_)) {
            return Ok(());
        }
        self.media_bytes += bytes.len();
        self.media.push(bytes);
        if self.media_bytes >= limits::IMPORT_MEDIA_BYTES { self.flush() } else { Ok(()) }
    }

    fn file(&mut self, found: &Found, time: i64, known: &Known) -> Result<()> {
        if known.files.get(&found.path) == Some(&found.sha256) {
            return Ok(());
        }
        self.store_file(found)?;
        self.record(time, found.path.clone(), found.sha256, found.size)
    }

    fn store_file(&mut self, found: &Found) -> Result<()> {
        if matches!(self.out, Out::Hash(_)) {
            return Ok(());
        }
        let changed = || {
            Error::new(ErrorKind::Busy, format!("`{}` changed while it was imported", found.at.display()))
                .with_hint("import it again when nobody writes it")
        };
        let in_context = |e| Error::io("read", &found.at, e);
        let source = std::fs::File::open(&found.at).map_err(in_context)?;
        if found.size <= limits::IMPORT_SMALL_BYTES {
            let mut bytes = Vec::new();
            source.take(limits::IMPORT_SMALL_BYTES + 1).read_to_end(&mut bytes).map_err(in_context)?;
            return if Hash::of(&bytes) == found.sha256 { self.store(bytes) } else { Err(changed()) };
        }
        let check = |hash, _| if hash == found.sha256 { Ok(()) } else { Err(changed()) };
        match &mut self.out {
            Out::File(file, _) => store::put_stream(file, source, || (), check).map(|_| ()),
            Out::Hash(_) => Ok(()),
        }
    }

    /// Sets what the summary has beyond the last values of the rows.
    fn summary(&mut self, head: &Head, known: &Known) -> Result<()> {
        let mut stands: BTreeMap<String, Value> = known.summary.clone();
        for (name, key) in &self.keys[0] {
            if let Some(value) = self.last.get(key) {
                stands.insert(name.clone(), value.clone());
            }
        }
        stands.retain(|name, _| !self.defined.contains(name));
        for (name, value) in &head.summary {
            if stands.get(name) == value.as_ref() || value.as_ref().is_some_and(|v| !self.can_be(name, v)) {
                continue;
            }
            self.push(Record::Summary(Setting { key: name.clone(), value: value.clone() }))?;
        }
        Ok(())
    }

    fn can_be(&mut self, name: &str, value: &Value) -> bool {
        if name.is_empty() || name.len() > limits::KEY_BYTES {
            self.lose("values had a name that a key cannot have");
            return false;
        }
        if value.problem().is_some() {
            self.lose("values were too large or nested too deep");
            return false;
        }
        true
    }

    fn lose(&mut self, why: &str) {
        *self.lost.entry(why.to_owned()).or_default() += 1;
    }

    fn push(&mut self, record: Record) -> Result<()> {
        self.seq += 1;
        if let Out::Hash(hasher) = &mut self.out {
            return hasher.value(&record);
        }
        self.weight += record.weight();
        self.pending.push(record);
        if self.weight >= limits::BATCH_WEIGHT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let Out::File(file, stream) = &mut self.out else { return Ok(()) };
        if !self.media.is_empty() {
            store::put_small(file, &self.media)?;
            self.media.clear();
            self.media_bytes = 0;
        }
        let first = self.seq + 1 - self.pending.len() as u64;
        let tx = file.begin()?;
        stream.apply(&tx, first, self.pending.drain(..))?;
        tx.commit()?;
        self.weight = 0;
        Ok(())
    }
}

fn event(time: i64, kind: EventKind, name: String, text: String, data: String) -> Record {
    Record::Event(Event { time, kind, name, text, data })
}
