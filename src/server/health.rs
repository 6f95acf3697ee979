//! How the server is, for those who watch over it.

use super::answer::{Answer, Refusal, run_blocking};
use super::{App, data};
use crate::model::{Error, ErrorKind, Result};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// That it is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
    /// The version of danlu.
    version: &'static str,
}

/// How long what is checked may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many checks there are at once: one whose answer nobody waits for any more still keeps a thread.
pub(super) const CHECKS: usize = 4;

/// `GET /healthz`: whether the catalogue and the objects can be used, and there is room for more.
pub(super) async fn health(State(app): State<Arc<App>>) -> Answer<Json<Health>> {
    match check_all(&app).await {
        Ok(()) => Ok(Json(Health { status: "ok", version: crate::VERSION })),
        Err(error) => Err(Refusal::with(StatusCode::SERVICE_UNAVAILABLE, error)),
    }
}

async fn check_all(app: &Arc<App>) -> Result<()> {
    check(app, "The catalogue", |app| app.catalogue.check()).await?;
    check(app, "The objects", |app| app.objects.identity().map(|_| ())).await?;
    data::check_room(&app.data)
}

async fn check(app: &Arc<App>, what: &str, ask: fn(&App) -> Result<()>) -> Result<()> {
    let of_it = Arc::clone(app);
    let asked = async {
        // It is never closed.
        let turn = Arc::clone(&app.checks).acquire_owned().await.ok();
        run_blocking(move || {
            let _turn = turn;
            ask(&of_it)
        })
        .await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(done) => done.map_err(|refusal| of(what, refusal.error)),
        Err(_) => {
            let message = format!("{what}: no answer within {} seconds", PATIENCE.as_secs());
            Err(Error::new(ErrorKind::Unreachable, message))
        }
    }
}

/// Lets an error name what it is of, unless it does.
fn of(what: &str, error: Error) -> Error {
    if error.to_string().starts_with(what) { error } else { error.in_context(what) }
}

/// `GET /metrics`, for Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Answer<impl IntoResponse> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.text()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_named_twice() {
        let said = |message: &str| of("The catalogue", Error::usage(message)).to_string();
        assert_eq!(said("The catalogue cannot be reached"), "The catalogue cannot be reached");
        assert_eq!(said("Cannot read a row"), "The catalogue: Cannot read a row");
    }
}
