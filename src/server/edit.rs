//! What people say about runs: names, notes, tags, comments; and putting runs away, removing and restoring them.

use super::App;
use super::answer::{Answer, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::{Comment, Edit, Scope};
use super::described::{Errors, Run, RunKey};
use super::extract::{Json as JsonIn, Path};
use crate::model::{Error, ErrorKind, Result, limits};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest notes and comments, in bytes.
const TEXT_BYTES: usize = 1 << 20;

/// Most tags of a run.
const TAGS: usize = 1000;

/// Changes what people see of a run.
///
/// It lies over what the run says, and stays when more of the run comes in. The run's own records do not change.
#[utoipa::path(patch, path = "/runs/{key}", tag = "editing", params(RunKey), request_body = Edit,
    responses((status = 200, body = Run), Errors))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    JsonIn(edit): JsonIn<Edit>,
) -> Answer<Json<Value>> {
    check(&edit)?;
    blocking(move || {
        let listed = app.target(&who, &key, Scope::Write)?;
        let now = app.clock.now();
        app.catalogue.edit(listed.key, &edit, &who.account, now)?.to_json(now)
    })
    .await
}

fn check(edit: &Edit) -> Result<()> {
    if *edit == Edit::default() {
        let hint = "give name, notes, tags, group or archived";
        return Err(Error::usage("There is nothing to change").with_hint(hint));
    }
    for (what, text) in [("name", &edit.name), ("group", &edit.group)] {
        bounded(what, text.as_deref().unwrap_or_default(), limits::NAME_BYTES)?;
    }
    bounded("notes", edit.notes.as_deref().unwrap_or_default(), TEXT_BYTES)?;
    let tags = edit.tags.as_deref().unwrap_or_default();
    super::extract::at_most("tags", tags.len(), TAGS)?;
    tags.iter().try_for_each(|tag| bounded("tag", tag, limits::NAME_BYTES))
}

fn bounded(what: &str, text: &str, most: usize) -> Result<()> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Limit, format!("The {what} has {} bytes, at most {most} can be", text.len())))
}

/// Removes a run.
///
/// A stone stays, so that no syncer brings it back: a later push of it is 410. Until the server's grace is over it can be restored;
/// then what no other run has is removed.
#[utoipa::path(delete, path = "/runs/{key}", tag = "editing", params(RunKey),
    responses((status = 204, description = "It is removed"), Errors))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<StatusCode> {
    run_blocking(move || {
        let listed = app.target(&who, &key, Scope::Write)?;
        let remove = || app.reserve.spend(|| app.catalogue.remove(listed.key, &who.account, app.clock.now()));
        remove().or_else(|e| {
            if !e.is_out_of_room() {
                return Err(e);
            }
            // Its own run file makes room too, and is made again if the run is restored.
            app.files.remove(listed.key);
            remove()
        })
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What became of a restored run.
#[derive(Serialize, ToSchema)]
pub(super) struct Restored {
    /// The run; null if its objects are gone. Then it can be pushed again.
    #[schema(value_type = Option<Run>)]
    run: Option<Value>,
}

/// Takes the removal of a run back.
#[utoipa::path(post, path = "/runs/{key}/restore", tag = "editing", params(RunKey),
    responses((status = 200, body = Restored), Errors))]
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Restored>> {
    blocking(move || {
        let key = app.removed(&who, &key)?;
        let now = app.clock.now();
        app.catalogue.restore(key, now)?;
        let run = app.catalogue.run(key)?;
        Ok(Restored { run: run.map(|listed| listed.to_json(now)).transpose()? })
    })
    .await
}

/// Lists the comments on a run, oldest first.
#[utoipa::path(get, path = "/runs/{key}/comments", tag = "editing", params(RunKey),
    responses((status = 200, body = Vec<Comment>), Errors))]
pub(super) async fn comments(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Vec<Comment>>> {
    blocking(move || app.catalogue.comments(app.target(&who, &key, Scope::Read)?.key)).await
}

/// A comment to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommentIn {
    /// What it says.
    text: String,
}

/// Adds a comment.
#[utoipa::path(post, path = "/runs/{key}/comments", tag = "editing", params(RunKey), request_body = CommentIn,
    responses((status = 201, body = Comment), Errors))]
pub(super) async fn comment(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    JsonIn(comment): JsonIn<CommentIn>,
) -> Answer<(StatusCode, Json<Comment>)> {
    bounded("comment", &comment.text, TEXT_BYTES)?;
    if comment.text.trim().is_empty() {
        return Err(Error::usage("The comment says nothing").into());
    }
    let added = blocking(move || {
        let listed = app.target(&who, &key, Scope::Write)?;
        app.catalogue.add_comment(&listed.run, &who.account, &comment.text, app.clock.now())
    });
    Ok((StatusCode::CREATED, added.await?))
}

/// Removes a comment: one's own, or as an admin of the team any.
#[utoipa::path(delete, path = "/runs/{key}/comments/{id}", tag = "editing",
    params(RunKey, ("id" = i64, Path, description = "The number of the comment")),
    responses((status = 204, description = "It is removed"), Errors))]
pub(super) async fn remove_comment(
    State(app): State<Arc<App>>,
    who: Asker,
    Path((key, id)): Path<(String, i64)>,
) -> Answer<StatusCode> {
    run_blocking(move || {
        let listed = app.target(&who, &key, Scope::Write)?;
        let own = who.may_manage(&listed.run.entity).is_err().then_some(who.account.as_str());
        app.catalogue.remove_comment(&listed.run, id, own, app.clock.now())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
