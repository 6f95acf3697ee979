//! Lists: projects, and runs by filter and order.

use super::App;
use super::answer::{Answer, blocking};
use super::auth::Asker;
use super::catalogue::{Catalogue, Project};
use super::described::{Errors, Run};
use super::extract::Query;
use super::index::{Cursor, Listing, PAGE_BYTES, Wanted};
use crate::model::{Error, Hash, Result};
use crate::query::{self, Field, Filter, Named, Order};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Most runs on a page.
const PAGE: usize = 1000;

/// Lists the projects of the runs that the key may see.
#[utoipa::path(get, path = "/projects", tag = "runs", responses((status = 200, body = Vec<Project>), Errors))]
pub(super) async fn projects(State(app): State<Arc<App>>, who: Asker) -> Answer<Json<Vec<Project>>> {
    blocking(move || app.catalogue.projects(&who)).await
}

/// Which runs to list, in which order, and what of them.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListIn {
    /// Only those of this entity; empty for those without one.
    entity: Option<String>,
    /// Only those of this project.
    project: Option<String>,
    /// Only those that this holds for, such as `config.lr > 0.1 and tags has best`; see `docs/filters.md`.
    filter: Option<String>,
    /// Fields with commas in between, `-` in front of those whose largest comes first. Newest first by default.
    sort: Option<String>,
    /// Fields with commas in between. Without them, all of each run.
    columns: Option<String>,
    /// At most so many, up to 1000, and about 16 MiB of them; 100 by default.
    limit: Option<usize>,
    /// What `next` of the page before says.
    cursor: Option<String>,
    /// `true` for those that are put away, `false` for the others, `all` for both. Without it, those that are not put
    /// away, unless the filter asks for `archived`.
    archived: Option<Archived>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Archived {
    True,
    False,
    All,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub(super) struct ListOut {
    /// The runs; with `columns`, objects of `key` and those columns.
    #[schema(value_type = Vec<Run>)]
    runs: Vec<Box<RawValue>>,
    /// What to ask for the next page with; null on the last.
    next: Option<String>,
    /// How many runs there are on all pages.
    total: usize,
}

/// Lists runs.
///
/// The pages of a list do not shift when runs come or go meanwhile.
#[utoipa::path(get, path = "/runs", tag = "runs", params(ListIn), responses((status = 200, body = ListOut), Errors))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Asker,
    Query(wanted): Query<ListIn>,
) -> Answer<Json<ListOut>> {
    blocking(move || list_runs(&app, &who, &wanted)).await
}

fn list_runs(app: &App, who: &Asker, wanted: &ListIn) -> Result<ListOut> {
    let filter = wanted.filter.as_deref().map(Filter::parse).transpose()?;
    let order = Order::parse(wanted.sort.as_deref().unwrap_or("-started"))?;
    let columns = wanted.columns.as_deref().map(columns).transpose()?;
    let fields = order.fields().count();
    let after = wanted.cursor.as_deref().map(|text| Cursor::decode(text, fields)).transpose()?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=PAGE).contains(&limit) {
        return Err(Error::usage(format!("A page of {limit} runs cannot be had: 1 to {PAGE} can")));
    }
    let asked = filter.as_ref().is_some_and(|filter| filter.fields().contains(&&Field::Of(Named::Archived)));
    let now = app.clock.now();
    let page = app.index.list(
        &app.catalogue,
        &Wanted {
            who,
            entity: wanted.entity.as_deref(),
            project: wanted.project.as_deref(),
            filter: filter.as_ref(),
            order: &order,
            archived: match wanted.archived {
                Some(Archived::True) => Some(true),
                Some(Archived::All) => None,
                Some(Archived::False) => Some(false),
                None => (!asked).then_some(false),
            },
            after: after.as_ref(),
            limit,
        },
        columns.as_deref().unwrap_or_default(),
        now,
    )?;
    let (runs, shown) = match &columns {
        None => whole(&app.catalogue, &page.runs, now)?,
        Some(columns) => {
            let run = |Listing { key, values, .. }: &Listing| {
                let values =
                    columns.iter().zip(values).map(|(field, value)| (field.to_string(), value.to_json()));
                std::iter::once(("key".to_owned(), key.to_string().into()))
                    .chain(values)
                    .collect::<Map<_, _>>()
            };
            (page.runs.iter().map(|one| as_text(&run(one))).collect::<Result<_>>()?, page.runs.len())
        }
    };
    let more = page.more || shown < page.runs.len();
    let last = shown.checked_sub(1).and_then(|last| page.runs.get(last)).filter(|_| more);
    Ok(ListOut { runs, next: last.map(|last| last.end.encode()), total: page.total })
}

/// Reads columns. One that is there twice comes once.
fn columns(text: &str) -> Result<Vec<Field>> {
    let mut columns = query::columns(text)?;
    let mut known = HashSet::new();
    columns.retain(|field| known.insert(field.clone()));
    Ok(columns)
}

/// How many runs are read at once.
const AT_ONCE: usize = 50;

/// Reads runs in this order, as many as there is room for on a page. One that is gone since is left out. Says also how many
/// that are.
fn whole(catalogue: &Catalogue, runs: &[Listing], now: i64) -> Result<(Vec<Box<RawValue>>, usize)> {
    let (mut texts, mut left, mut seen): (Vec<Box<RawValue>>, _, _) = (Vec::new(), PAGE_BYTES, 0);
    for some in runs.chunks(AT_ONCE) {
        let keys: Vec<Hash> = some.iter().map(|run| run.key).collect();
        let found = catalogue.runs(&keys)?;
        for key in keys {
            if let Some(listed) = found.get(&key) {
                let text = as_text(&listed.shown(now))?;
                if text.get().len() > left && !texts.is_empty() {
                    return Ok((texts, seen));
                }
                left = left.saturating_sub(text.get().len());
                texts.push(text);
            }
            seen += 1;
        }
    }
    Ok((texts, seen))
}

fn as_text(run: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(run).map_err(|e| Error::damaged("A run cannot be shown").with_source(e))
}
