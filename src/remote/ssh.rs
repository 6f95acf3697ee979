//! A directory on another machine: `ssh` runs danlu there, which answers on its standard input and output.

mod connection;

use super::stdio::{Committed, Request};
use super::{Manifest, Object, Options, PART_BYTES, Receipt, Remote, RunHead, SizedHash};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use bytes::Bytes;
use connection::Connection;
use serde::de::DeserializeOwned;
use std::io::{Cursor, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Connections at once: each is a login of its own, and servers bound how many there may be.
const CONNECTIONS: usize = 4;

/// What goes into one request.
const ASKED_AT_ONCE: usize = 100_000;
const BYTES_AT_ONCE: usize = 8 << 20;

/// A directory on another machine.
#[derive(Debug, Clone)]
pub struct Ssh(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    command: Command,
    pool: Mutex<Pool>,
    returned: Condvar,
}

/// What is run to reach the other machine.
#[derive(Debug)]
struct Command {
    program: String,
    arguments: Vec<String>,
}

/// Connections that nobody uses, and how many there are in all.
#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

impl Ssh {
    /// Prepares to reach a directory: `ssh://[user@]host[:port]/dir`, or `…/~/dir` below the user's home. Does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for an address that is none.
    pub fn new(address: &str, options: &Options) -> Result<Self> {
        let command = Command::parse(address, options)?;
        let (pool, returned) = (Mutex::default(), Condvar::new());
        Ok(Self(Arc::new(Shared { name: address.to_owned(), command, pool, returned })))
    }

    /// Asks on a connection that is free, or on a new one.
    fn ask<T: DeserializeOwned>(&self, request: &Request, body: &[u8]) -> Result<(T, Vec<u8>)> {
        let mut connection = self.0.take()?;
        let answer = connection.ask(request, body);
        self.0.give_back(answer.is_ok().then_some(connection));
        answer?.map_err(Error::from)
    }

    fn json<T: DeserializeOwned>(&self, request: &Request, body: &[u8]) -> Result<T> {
        self.ask(request, body).map(|(answer, _)| answer)
    }

    fn put_some(&self, objects: &mut Vec<(Object, u64)>, body: &mut Vec<u8>) -> Result<()> {
        let (objects, body) = (std::mem::take(objects), std::mem::take(body));
        if objects.is_empty() { Ok(()) } else { self.json(&Request::PutAll(objects), &body) }
    }

    fn commit_some(&self, manifests: &[Vec<u8>]) -> Result<Vec<Result<Receipt>>> {
        if manifests.is_empty() {
            return Ok(Vec::new());
        }
        let body = [b"[", manifests.join(&b',').as_slice(), b"]"].concat();
        let done: Vec<Committed> = self.json(&Request::Commit, &body)?;
        if done.len() != manifests.len() {
            return Err(Error::new(
                ErrorKind::Unreachable,
                format!("`{}` broke off its answer", self.0.name),
            ));
        }
        Ok(done.into_iter().map(|done| done.map_err(Error::from)).collect())
    }

    fn part(&self, object: Object, offset: u64) -> Result<Vec<u8>> {
        Ok(self.ask::<()>(&Request::Get(object, offset), &[])?.1)
    }
}

impl Shared {
    fn take(&self) -> Result<Connection> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if pool.open < CONNECTIONS {
                pool.open += 1;
                drop(pool);
                return Connection::open(&self.name, &self.command).inspect_err(|_| self.give_back(None));
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes back a connection, or hears that it is no more: then those that nobody uses are as old, and go too.
    fn give_back(&self, connection: Option<Connection>) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Some(connection) => pool.idle.push(connection),
            None => {
                pool.open -= 1 + pool.idle.len();
                pool.idle.clear();
            }
        }
        self.returned.notify_all();
    }
}

impl Command {
    fn parse(address: &str, options: &Options) -> Result<Self> {
        let bad = |why: &str| {
            Error::usage(format!("`{address}` is no address of a directory on another machine: {why}"))
                .with_hint(
                    "one looks like ssh://user@host/dir, or ssh://host/~/dir for one below your home there",
                )
        };
        let url = reqwest::Url::parse(address).map_err(|e| bad(&e.to_string()))?;
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no machine"))?;
        if url.password().is_some() {
            return Err(bad("passwords do not belong into an address; ssh finds keys by itself"));
        }
        let decoded = object_path(url.path()).ok_or_else(|| bad("its path is not UTF-8"))?;
        let directory = decoded.strip_prefix("/~/").unwrap_or(&decoded);
        if ["", "/"].contains(&directory) {
            return Err(bad("it names no directory"));
        }
        let mut danlu = "danlu".to_owned();
        for (name, value) in url.query_pairs() {
            match &*name {
                "danlu" => danlu = value.into_owned(),
                _ => return Err(bad(&format!("it has no setting `{name}`"))),
            }
        }
        let named = options.environment.iter().find(|(name, _)| name == "DANLU_SSH");
        let mut words = named.map_or("ssh", |(_, program)| program).split_whitespace().map(str::to_owned);
        let program = words.next().unwrap_or_else(|| "ssh".to_owned());
        let mut arguments: Vec<String> = words.collect();
        // Nobody is there to be asked for a password; and a line that is dead is noticed.
        for option in
            ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4"]
        {
            arguments.extend(["-o".to_owned(), option.to_owned()]);
        }
        if let Some(port) = url.port() {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        if !url.username().is_empty() {
            arguments.extend(["-l".to_owned(), url.username().to_owned()]);
        }
        let there = format!("{} remote-stdio {}", quoted(&danlu), quoted(directory));
        arguments.extend(["--".to_owned(), host.trim_matches(['[', ']']).to_owned(), there]);
        Ok(Self { program, arguments })
    }
}

/// Puts a word into quotes, for the shell on the other machine.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Decodes the path of an address.
fn object_path(path: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// Reads an object, a part at a time: in between, the connection is free for others.
struct Parts {
    remote: Ssh,
    object: Object,
    offset: u64,
    part: Cursor<Vec<u8>>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.part.read(buffer)?;
        if read > 0 || buffer.is_empty() || (self.part.get_ref().len() as u64) < PART_BYTES {
            return Ok(read);
        }
        self.offset += PART_BYTES;
        let part = self.remote.part(self.object, self.offset).map_err(std::io::Error::other)?;
        self.part = Cursor::new(part);
        self.part.read(buffer)
    }
}

impl Remote for Ssh {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn identity(&self) -> Result<AttemptId> {
        self.json(&Request::Identity, &[])
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        let mut missing = Vec::new();
        for some in objects.chunks(ASKED_AT_ONCE) {
            missing.extend(self.json::<Vec<Object>>(&Request::Missing(some.to_vec()), &[])?);
        }
        Ok(missing)
    }

    fn put(&self, object: Object, length: u64, mut bytes: Box<dyn Read + Send>) -> Result<()> {
        let mut part = Vec::new();
        let most = if matches!(object, Object::Blob(_)) { PART_BYTES } else { u64::MAX };
        let mut fill =
            |part: &mut Vec<u8>| bytes.by_ref().take(most).read_to_end(part).map_err(super::cannot_read);
        fill(&mut part)?;
        if length <= most {
            return self.put_all(vec![(object, part)]);
        }
        let blob = SizedHash { sha256: object.hash(), size: length };
        let mut offset = 0;
        while !part.is_empty() {
            let sent = part.len() as u64;
            self.put_part(blob, offset, std::mem::take(&mut part).into())?;
            offset += sent;
            fill(&mut part)?;
        }
        Ok(())
    }

    fn put_all(&self, objects: Vec<(Object, Vec<u8>)>) -> Result<()> {
        let (mut some, mut body) = (Vec::new(), Vec::new());
        for (object, bytes) in objects {
            if body.len() + bytes.len() > BYTES_AT_ONCE {
                self.put_some(&mut some, &mut body)?;
            }
            some.push((object, bytes.len() as u64));
            body.extend(bytes);
        }
        self.put_some(&mut some, &mut body)
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        self.json(&Request::Held(blob), &[])
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        self.json(&Request::PutPart(blob, offset), &bytes)
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        let part = Cursor::new(self.part(object, offset)?);
        Ok(Box::new(Parts { remote: self.clone(), object, offset, part }))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let mut done = self.commit_all(std::slice::from_ref(manifest))?;
        done.pop().unwrap_or_else(|| Err(Error::damaged("A commit came to nothing")))
    }

    fn commit_all(&self, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        let (mut done, mut some, mut bytes) = (Vec::new(), Vec::new(), 0);
        for manifest in manifests {
            let json = manifest.to_json()?;
            if bytes + json.len() > BYTES_AT_ONCE {
                done.extend(self.commit_some(&std::mem::take(&mut some))?);
                bytes = 0;
            }
            bytes += json.len();
            some.push(json);
        }
        done.extend(self.commit_some(&some)?);
        Ok(done)
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        let (found, json) = self.ask::<bool>(&Request::Manifest(key), &[])?;
        if found { Manifest::parse(&json).map(Some) } else { Ok(None) }
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        self.json(&Request::Runs(after), &[])
    }

    fn remove_run(&self, key: Hash) -> Result<()> {
        self.json(&Request::RemoveRun(key), &[])
    }

    fn remove(&self, objects: &[Object]) -> Result<()> {
        objects.chunks(ASKED_AT_ONCE).try_for_each(|some| self.json(&Request::Remove(some.to_vec()), &[]))
    }
}
