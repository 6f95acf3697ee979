//! How the runs of a directory stand at its remotes.

use crate::cli::here_and_now;
use crate::cli::lines::time;
use crate::cli::named::open_there;
use crate::cli::output::{Output, bytes, count, plain, warn};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, SystemClock, full_name};
use crate::query;
use crate::remote::{Remote, heads};
use crate::sync::{
    At, Book, Candidate, Listed, LocalRuns, Peer, RunAt, Source, State, compare, standing as stand,
};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// More runs than this of a kind are only counted.
const MANY: usize = 20;

/// A remote, and how the runs stand there.
#[derive(Serialize)]
pub(super) struct AtRemote {
    name: Option<String>,
    address: String,
    default: bool,
    /// When it was met last, in seconds since 1970.
    met: Option<f64>,
    error: Option<String>,
    hint: Option<String>,
    /// Whether it was asked just now, and has answered.
    checked: bool,
    /// Whether the error is of just now.
    #[serde(skip)]
    is_new_error: bool,
    runs: Vec<RunAt>,
}

/// Says how the runs of a directory stand at all remotes that it has or had.
pub(super) fn standing(dir: &Path, default: Option<&str>, check: bool) -> Result<Vec<AtRemote>> {
    let directory = query::run_directory(dir);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let book = Book::load(&directory)?;
    let has_state = directory.join("sync.sqlite").is_file();
    let state = if has_state { State::open(&directory)? } else { State::in_memory()? };
    let mut remotes: Vec<(Option<String>, String)> =
        book.remotes.iter().map(|(name, address)| (Some(name.clone()), address.clone())).collect();
    for address in state.peers()? {
        if remotes.iter().all(|(_, known)| *known != address) {
            remotes.push((None, address));
        }
    }
    if remotes.is_empty() {
        return Ok(Vec::new());
    }
    let source = LocalRuns::new(dir, &here_and_now().0, Arc::new(SystemClock), Arc::new(warn));
    let candidates = source.list()?;
    let asked: Vec<Option<Result<Asked>>> =
        if check { ask_all(&remotes) } else { remotes.iter().map(|_| None).collect() };
    remotes
        .into_iter()
        .zip(asked)
        .map(|((name, address), asked)| {
            let is_default = default == Some(&*address);
            one(&state, &source, &candidates, name, address, asked)
                .map(|at| AtRemote { default: is_default, ..at })
        })
        .collect()
}

/// Asks remotes, each in a thread of its own: one that does not answer holds up no other.
fn ask_all(remotes: &[(Option<String>, String)]) -> Vec<Option<Result<Asked>>> {
    let broke = || Err(Error::new(ErrorKind::Io, "A thread that asks a remote broke down"));
    std::thread::scope(|scope| {
        let asking: Vec<_> = remotes.iter().map(|(_, address)| scope.spawn(move || ask(address))).collect();
        asking.into_iter().map(|asked| Some(asked.join().unwrap_or_else(|_| broke()))).collect()
    })
}

fn one(
    state: &State,
    source: &dyn Source,
    candidates: &[Candidate],
    name: Option<String>,
    address: String,
    asked: Option<Result<Asked>>,
) -> Result<AtRemote> {
    let peer = state.peer(&address)?;
    let mut identity = peer.as_ref().and_then(|peer| peer.identity);
    let mut trouble = peer.as_ref().and_then(|peer| Some((peer.error.clone()?, peer.hint.clone())));
    let (mut listed, is_new_error) = (None, matches!(asked, Some(Err(_))));
    match asked {
        Some(Ok((who, runs))) => (identity, trouble, listed) = (Some(who), None, Some(runs)),
        Some(Err(e)) => trouble = Some((e.to_string(), e.hint().map(str::to_owned))),
        None => {}
    }
    let mut runs = stand(candidates, state, identity)?;
    if let (Some(listed), Some(identity)) = (&listed, identity) {
        compare(&mut runs, source, candidates, &state.known_at(identity)?, listed);
    }
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
    let met = |peer: &Peer| peer.time as f64 / 1e6;
    Ok(AtRemote {
        name,
        address,
        default: false,
        met: peer.as_ref().map(met),
        error: trouble.as_ref().map(|(error, _)| error.clone()),
        hint: trouble.and_then(|(_, hint)| hint),
        checked: listed.is_some(),
        is_new_error,
        runs,
    })
}

/// Who a remote says it is, and what it has.
type Asked = (AttemptId, HashMap<Hash, Listed>);

fn ask(address: &str) -> Result<Asked> {
    let remote: Box<dyn Remote> = open_there(address)?;
    let identity = remote.identity()?;
    let there = heads(&*remote).map(|head| head.map(|head| (head.key, Listed::of(&head))));
    Ok((identity, there.collect::<Result<_, _>>()?))
}

impl AtRemote {
    pub(super) fn is_default(&self) -> bool {
        self.default
    }

    pub(super) fn print(&self, output: &mut Output) -> Result<()> {
        let name = self.name.as_ref().map_or(String::new(), |name| format!("{name}, "));
        let default = if self.default { ", the default" } else { "" };
        output.line("")?;
        output.line(plain(&format!("{name}{}{default}", self.address)))?;
        if let Some(error) = &self.error {
            let when = self.met.map_or(String::new(), |met| format!(" ({})", time(met)));
            let word = if self.is_new_error { "error".to_owned() } else { format!("last error{when}") };
            output.line(format!("  {word}: {}", plain(error)))?;
        }
        // What to do is said once, also where it is good for many.
        let mut said = BTreeSet::new();
        if let Some(hint) = self.hint.as_ref().filter(|hint| said.insert(hint.as_str())) {
            output.line(format!("  {}", plain(hint)))?;
        }
        for (at, word) in WORDS {
            let of_kind: Vec<&RunAt> = self.runs.iter().filter(|run| run.status == at).collect();
            if of_kind.len() > MANY {
                output.line(format!("  {word:<10}  {}", count(of_kind.len() as u64, "run")))?;
                continue;
            }
            for run in of_kind {
                output.line(format!("  {word:<10}  {}", self.line_of(run)))?;
                if let Some(hint) = run.hint.as_ref().filter(|hint| said.insert(hint.as_str())) {
                    output.line(format!("              {}", plain(hint)))?;
                }
            }
        }
        Ok(())
    }

    fn line_of(&self, run: &RunAt) -> String {
        let name = full_name(&[&run.project, &run.id]);
        let mut parts = Vec::new();
        if let (Some(digest), Some(when)) = (run.digest, run.time) {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
            let when = time(when as f64 / 1e6);
            parts.push(format!(
                "{}, digest {}, {when}",
                count(run.records, "record"),
                &digest.to_string()[..8]
            ));
        }
        if run.left_out > 0 {
            let files = count(run.left_out, "file");
            parts.push(format!("without {files} ({}), left out by choice", bytes(run.left_bytes)));
        }
        // What is wrong with the remote was said of all.
        parts.extend(run.why.clone().filter(|why| self.error.as_ref() != Some(why)));
        // A file that cannot be read has no other name, and the reason names it.
        let is_named = run.why.as_ref().is_some_and(|why| run.project.is_empty() && why.contains(&run.id));
        match (parts.is_empty(), is_named) {
            (true, _) => plain(&name),
            (false, true) => plain(&parts.join("; ")),
            (false, false) => plain(&format!("{name}: {}", parts.join("; "))),
        }
    }
}

const WORDS: [(At, &str); 7] = [
    (At::Diverged, "diverged"),
    (At::Parked, "parked"),
    (At::Failed, "failed"),
    (At::LocalOnly, "local only"),
    (At::Partly, "partly"),
    (At::Running, "running"),
    (At::Pushed, "pushed"),
];
