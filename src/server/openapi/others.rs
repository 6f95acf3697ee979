//! The addresses of pushing and managing, and those outside of the API: described here, handled elsewhere.

use super::Errors;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{OpenApi, PathItem, RefOr, Required, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema};

/// What a body is.
#[derive(Clone, Copy)]
enum Body {
    None,
    Json,
    Bytes,
    Text,
}

use Body::{Bytes, Json, None, Text};
use HttpMethod::{Delete, Get, Post, Put};

/// Method, address, what for, the parameters behind the question mark, what comes in, the status of success and what comes out.
type Route = (HttpMethod, &'static str, &'static str, &'static [&'static str], Body, &'static str, Body);

const PUSHING: [Route; 14] = [
    (Get, "/remote", "Returns what tells this remote from every other.", &[], None, "200", Json),
    (
        Post,
        "/objects",
        "Stores many small objects, each a frame of kind, hash, length and bytes.",
        &[],
        Bytes,
        "200",
        Json,
    ),
    (Post, "/objects/missing", "Returns which of these objects are not here.", &[], Json, "200", Json),
    (Put, "/segments/{hash}", "Stores a segment, a zstd frame.", &[], Bytes, "204", None),
    (Get, "/segments/{hash}", "Reads a segment.", &[], None, "200", Bytes),
    (
        Put,
        "/blobs/{hash}",
        "Stores a blob, or a part of a large one.",
        &["offset", "size"],
        Bytes,
        "204",
        None,
    ),
    (Get, "/blobs/{hash}", "Reads a blob.", &[], None, "200", Bytes),
    (
        Get,
        "/blobs/{hash}/held",
        "Returns how much of a blob is here from parts that were put.",
        &["size"],
        None,
        "200",
        Json,
    ),
    (Post, "/manifests", "Makes a run visible, and returns the receipt.", &[], Json, "200", Json),
    (Get, "/manifests", "Lists runs with their digests, by key.", &["after"], None, "200", Json),
    (Post, "/manifests/batch", "Makes many runs visible.", &[], Json, "200", Json),
    (Get, "/manifests/{key}", "Reads the manifest of a run.", &[], None, "200", Json),
    (Get, "/stats", "Returns how much the server holds.", &[], None, "200", Json),
    (Post, "/gc", "Removes what no run names.", &[], Json, "200", Json),
];

const MANAGING: [Route; 14] = [
    (Get, "/me", "Returns whose key it is, and what it is good for.", &[], None, "200", Json),
    (Get, "/accounts", "Lists the accounts.", &[], None, "200", Json),
    (Post, "/accounts", "Makes an account.", &[], Json, "201", None),
    (Delete, "/accounts/{name}", "Removes an account with its keys.", &[], None, "204", None),
    (Get, "/teams", "Lists the teams.", &[], None, "200", Json),
    (Post, "/teams", "Makes a team.", &[], Json, "201", None),
    (Delete, "/teams/{team}", "Removes a team that has no runs.", &[], None, "204", None),
    (Get, "/teams/{team}/members", "Lists the members of a team.", &[], None, "200", Json),
    (Put, "/teams/{team}/members/{account}", "Gives a member a role.", &[], Json, "204", None),
    (Delete, "/teams/{team}/members/{account}", "Takes a member out of a team.", &[], None, "204", None),
    (Get, "/keys", "Lists keys, without what makes them keys.", &[], None, "200", Json),
    (Post, "/keys", "Makes a key, and returns it once.", &[], Json, "201", Json),
    (Delete, "/keys/{id}", "Revokes a key.", &[], None, "204", None),
    (Post, "/keys/{id}/rotate", "Makes a key like another, which ends.", &[], Json, "201", Json),
];

/// Outside of `/api/v1`; none of these needs a key.
const OUTSIDE: [Route; 4] = [
    (Get, "/", "Returns the page.", &["key"], None, "200", Text),
    (Post, "/login", "Keeps a key in a cookie, for the page.", &[], Json, "204", None),
    (Get, "/healthz", "Says whether the server is well.", &[], None, "200", Json),
    (Get, "/metrics", "Returns counters for Prometheus.", &[], None, "200", Text),
];

/// Adds them to a description.
pub(super) fn describe(all: &mut OpenApi) {
    for (routes, prefix, tag) in
        [(&PUSHING[..], "/api/v1", "pushing"), (&MANAGING, "/api/v1", "managing"), (&OUTSIDE, "", "outside")]
    {
        for route in routes {
            let path = format!("{prefix}{}", route.1);
            let operation = operation(route, tag).build();
            let item = PathItem::new(route.0.clone(), operation);
            match all.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                Option::None => {
                    all.paths.paths.insert(path, item);
                }
            }
        }
    }
}

fn operation((_, path, what, queries, input, status, output): &Route, tag: &str) -> OperationBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let named = |name: &str, place: ParameterIn| {
        let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
        ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text()))
    };
    let mut operation = OperationBuilder::new().tag(tag).summary(Some(*what));
    for name in path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
        operation = operation.parameter(named(name, ParameterIn::Path));
    }
    for name in *queries {
        operation = operation.parameter(named(name, ParameterIn::Query));
    }
    if let Some((kind, schema)) = content(*input) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        operation = operation.request_body(Some(RequestBodyBuilder::new().content(kind, content).build()));
    }
    let mut success = ResponseBuilder::new().description("Done");
    if let Some((kind, schema)) = content(*output) {
        success = success.content(kind, ContentBuilder::new().schema(Some(schema)).build());
    }
    operation = operation.response(*status, success);
    for (status, response) in Errors::responses() {
        operation = operation.response(status, response);
    }
    operation
}

fn content(body: Body) -> Option<(&'static str, RefOr<Schema>)> {
    let bytes = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
    };
    match body {
        None => Option::None,
        Json => Some(("application/json", <serde_json::Value as PartialSchema>::schema())),
        Bytes => Some(("application/octet-stream", bytes().into())),
        Text => Some(("text/plain", ObjectBuilder::new().schema_type(Type::String).into())),
    }
}
