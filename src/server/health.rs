//! How the server is, for those who watch over it.

use super::answer::{Answer, Refusal, run_blocking};
use super::{App, data};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// That it is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
    /// The version of danlu.
    version: &'static str,
}

/// `GET /healthz`: whether the catalogue and the objects can be used, and there is room for more.
pub(super) async fn health(State(app): State<Arc<App>>) -> Answer<Json<Health>> {
    let checked = run_blocking(move || {
        app.catalogue.check().map_err(|e| e.in_context("The catalogue"))?;
        app.objects.identity().map_err(|e| e.in_context("The objects"))?;
        data::check_room(&app.data)
    });
    match checked.await {
        Ok(_) => Ok(Json(Health { status: "ok", version: crate::VERSION })),
        Err(refusal) => Err(Refusal::with(StatusCode::SERVICE_UNAVAILABLE, refusal.error)),
    }
}

/// `GET /metrics`, for Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Answer<impl IntoResponse> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.text()?))
}
