//! What changes, as server-sent events.
//!
//! Changes are numbered in the catalogue. A listener hears of those at this server at once, and of those at other servers over the
//! same catalogue within a second.

use super::App;
use super::answer::{Answer, run_blocking};
use super::auth::Asker;
use super::catalogue::{Event, EventKind};
use super::described::Errors;
use super::extract::Query;
use super::index::concerns;
use crate::model::{Error, ErrorKind, Hash, Result};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use serde::Deserialize;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

/// Listeners at once.
pub(super) const LISTENERS: usize = 256;

/// How often it is looked for changes at other servers.
const LOOK: Duration = Duration::from_secs(1);

/// How often a silent connection says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often it is looked whether the key is still good, and what it is good for.
const KEY: Duration = Duration::from_secs(5);

/// After this, a listener has to come again.
const LONGEST: Duration = Duration::from_secs(3600);

/// Changes that are read at once.
const CHANGES: u64 = 500;

/// Which changes to hear of.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsIn {
    /// Only those of this entity.
    entity: Option<String>,
    /// Only those of this project.
    project: Option<String>,
    /// Only those of the run with this key.
    run: Option<String>,
    /// In place of the header `last-event-id`, for those who cannot set it.
    last_event_id: Option<i64>,
}

/// Streams changes.
///
/// An event `run` has the run at a glance, without its config; `removed` has its `key`, `entity` and `project`. With the header
/// `last-event-id` those since are sent first, or an event `resync`, which says that they are too many: read everything anew. A comment
/// comes every 15 seconds.
#[utoipa::path(get, path = "/events", tag = "events",
    params(EventsIn, ("last-event-id" = Option<i64>, Header, description = "The last event that was heard")),
    responses((status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"), Errors))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    who: Asker,
    Query(wanted): Query<EventsIn>,
    headers: HeaderMap,
) -> Answer<impl IntoResponse> {
    let full = || {
        Error::new(ErrorKind::Busy, format!("{LISTENERS} others listen already"))
            .with_hint("listen again later")
    };
    let permit = Arc::clone(&app.listeners).try_acquire_owned().map_err(|_| full())?;
    let run = wanted.run.as_deref().map(super::objects::parse).transpose()?;
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let changes = app.catalogue.changes();
    let shared = Arc::clone(&app);
    let now = run_blocking(move || shared.catalogue.last_event()).await?;
    let stopping = app.stopping.subscribe();
    let listener = Listener {
        who,
        looked: Instant::now(),
        after: header.or(wanted.last_event_id).unwrap_or(now),
        app,
        wanted,
        run,
        changes,
        stopping,
        begun: Instant::now(),
        waiting: VecDeque::new(),
        _permit: permit,
    };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        listener.next().await.map(|event| (Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Listener {
    app: Arc<App>,
    who: Asker,
    /// When it was looked whether their key is still good.
    looked: Instant,
    wanted: EventsIn,
    run: Option<Hash>,
    /// The last change that was looked at.
    after: i64,
    changes: watch::Receiver<i64>,
    stopping: watch::Receiver<bool>,
    begun: Instant,
    waiting: VecDeque<sse::Event>,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits for the next event; `None` when the server stops, when the key is good no more, or after long.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if *self.stopping.borrow() || self.begun.elapsed() > LONGEST || !self.may_still().await {
                return None;
            }
            let (app, after) = (Arc::clone(&self.app), self.after);
            // A catalogue that does not answer for a moment is asked again.
            let news = run_blocking(move || app.catalogue.events(after, CHANGES)).await;
            match news.ok() {
                Some(None) => self.resync().await?,
                Some(Some(news)) if !news.is_empty() => self.take_in(news).await?,
                _ => self.wait().await,
            }
        }
    }

    /// Says whether the key is still good, and takes in what it is good for now.
    async fn may_still(&mut self) -> bool {
        if self.looked.elapsed() < KEY {
            return true;
        }
        let (app, who) = (Arc::clone(&self.app), self.who.clone());
        let found = run_blocking(move || app.catalogue.who_still(&who, app.clock.now())).await;
        self.looked = Instant::now();
        match found {
            Ok(who) => self.who = Asker::new(who),
            // A catalogue that does not answer for a moment is asked again.
            Err(refused) => return refused.error.kind() != ErrorKind::Denied,
        }
        true
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.changes.changed() => {}
            _ = self.stopping.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    async fn resync(&mut self) -> Option<()> {
        let app = Arc::clone(&self.app);
        self.after = run_blocking(move || app.catalogue.last_event()).await.ok()?;
        let event = sse::Event::default().id(self.after.to_string()).event("resync").data("{}");
        self.waiting.push_back(event);
        Some(())
    }

    async fn take_in(&mut self, news: Vec<Event>) -> Option<()> {
        let last = news.last()?.id;
        let seen = self.who.sees();
        let is_wanted = |change: &Event| {
            concerns(change, &seen)
                && self.wanted.entity.as_ref().is_none_or(|entity| *entity == change.entity)
                && self.wanted.project.as_ref().is_none_or(|project| *project == change.project)
                && self.run.is_none_or(|run| run == change.run)
        };
        // Of a run that changed several times, the last change tells all.
        let mut newest: HashMap<Hash, Event> = HashMap::new();
        for change in news.into_iter().filter(is_wanted) {
            newest.insert(change.run, change);
        }
        let mut news: Vec<Event> = newest.into_values().collect();
        news.sort_by_key(|change| change.id);
        let app = Arc::clone(&self.app);
        let told = run_blocking(move || told(&app, &news)).await.ok()?;
        self.waiting.extend(told);
        self.after = last;
        Some(())
    }
}

fn told(app: &App, news: &[Event]) -> Result<Vec<sse::Event>> {
    let mut events = Vec::new();
    for change in news {
        let id = change.id.to_string();
        let listed = match change.kind {
            EventKind::Run => app.catalogue.run(change.run)?.filter(|listed| listed.removed.is_none()),
            EventKind::Removed => None,
        };
        let (kind, data) = match listed {
            Some(listed) => {
                let shown = listed.shown(app.clock.now()).without_config();
                ("run", serde_json::to_string(&shown))
            }
            None => {
                let gone = json!({"key": change.run, "entity": change.entity, "project": change.project});
                ("removed", Ok(gone.to_string()))
            }
        };
        let data = data.map_err(|e| Error::damaged("A run cannot be shown").with_source(e))?;
        events.push(sse::Event::default().id(id).event(kind).data(data));
    }
    Ok(events)
}
