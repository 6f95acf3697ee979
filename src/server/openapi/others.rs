//! The addresses of pushing and managing, and those outside of the API: described here, handled elsewhere.

use crate::remote::{Manifest, Object, Receipt, RunHead};
use crate::server::described::Errors;
use crate::server::health::Health;
use crate::server::objects::{Committed, Held, Identity};
use crate::server::page::KeyIn;
use crate::server::people::{KeyMade, KeyWanted, Me, NewAccount, NewTeam, Overlap, Purged, Role};
use crate::server::{Account, KeyInfo, Member, Stats, Team};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// What a body is.
#[derive(Clone, Copy)]
enum Body {
    None,
    /// JSON, of a schema that is added to the others.
    Json(fn(&mut Schemas) -> RefOr<Schema>),
    Bytes,
    Text,
}

/// Schemas by their names.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// JSON of a type.
fn of<T: ToSchema>(all: &mut Schemas) -> RefOr<Schema> {
    T::schemas(all);
    all.push((T::name().into_owned(), T::schema()));
    Ref::from_schema_name(T::name()).into()
}

/// A list of it.
fn list_of<T: ToSchema>(all: &mut Schemas) -> RefOr<Schema> {
    ArrayBuilder::new().items(of::<T>(all)).into()
}

use Body::{Bytes, Json, None, Text};
use HttpMethod::{Delete, Get, Post, Put};

/// Method, address, what for, the parameters behind the question mark, what comes in, the status of success and what comes out.
type Route = (HttpMethod, &'static str, &'static str, &'static [&'static str], Body, &'static str, Body);

const PUSHING: [Route; 14] = [
    (
        Get,
        "/remote",
        "Returns what tells this remote from every other.",
        &[],
        None,
        "200",
        Json(of::<Identity>),
    ),
    (
        Post,
        "/objects",
        "Stores many small objects, each a frame of kind, hash, length and bytes.",
        &[],
        Bytes,
        "204",
        None,
    ),
    (
        Post,
        "/objects/missing",
        "Returns which of these objects are not here.",
        &[],
        Json(list_of::<Object>),
        "200",
        Json(list_of::<Object>),
    ),
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
        Json(of::<Held>),
    ),
    (
        Post,
        "/manifests",
        "Makes a run visible, and returns the receipt.",
        &[],
        Json(of::<Manifest>),
        "200",
        Json(of::<Receipt>),
    ),
    (
        Get,
        "/manifests",
        "Lists runs with their digests, by key.",
        &["after"],
        None,
        "200",
        Json(list_of::<RunHead>),
    ),
    (
        Post,
        "/manifests/batch",
        "Makes many runs visible.",
        &[],
        Json(list_of::<Manifest>),
        "200",
        Json(list_of::<Committed>),
    ),
    (Get, "/manifests/{key}", "Reads the manifest of a run.", &[], None, "200", Json(of::<Manifest>)),
    (Get, "/stats", "Returns how much the server holds.", &[], None, "200", Json(of::<Stats>)),
    (Post, "/gc", "Removes what no run names.", &["older_than"], None, "200", Json(of::<Purged>)),
];

const MANAGING: [Route; 14] = [
    (Get, "/me", "Returns whose key it is, and what it is good for.", &[], None, "200", Json(of::<Me>)),
    (Get, "/accounts", "Lists the accounts.", &[], None, "200", Json(list_of::<Account>)),
    (Post, "/accounts", "Makes an account.", &[], Json(of::<NewAccount>), "201", None),
    (Delete, "/accounts/{name}", "Removes an account with its keys.", &[], None, "204", None),
    (Get, "/teams", "Lists the teams.", &[], None, "200", Json(list_of::<Team>)),
    (Post, "/teams", "Makes a team.", &[], Json(of::<NewTeam>), "201", None),
    (Delete, "/teams/{team}", "Removes a team that has no runs.", &[], None, "204", None),
    (Get, "/teams/{team}/members", "Lists the members of a team.", &[], None, "200", Json(list_of::<Member>)),
    (Put, "/teams/{team}/members/{account}", "Gives a member a role.", &[], Json(of::<Role>), "204", None),
    (Delete, "/teams/{team}/members/{account}", "Takes a member out of a team.", &[], None, "204", None),
    (Get, "/keys", "Lists keys, without what makes them keys.", &[], None, "200", Json(list_of::<KeyInfo>)),
    (
        Post,
        "/keys",
        "Makes a key, and returns it once.",
        &[],
        Json(of::<KeyWanted>),
        "201",
        Json(of::<KeyMade>),
    ),
    (Delete, "/keys/{id}", "Revokes a key.", &[], None, "204", None),
    (
        Post,
        "/keys/{id}/rotate",
        "Makes a key like another, which ends.",
        &[],
        Json(of::<Overlap>),
        "201",
        Json(of::<KeyMade>),
    ),
];

/// Outside of `/api/v1`; none of these needs a key.
const OUTSIDE: [Route; 4] = [
    (Get, "/", "Returns the page.", &["key"], None, "200", Text),
    (Post, "/login", "Keeps a key in a cookie, for the page.", &[], Json(of::<KeyIn>), "204", None),
    (Get, "/healthz", "Says whether the server is well.", &[], None, "200", Json(of::<Health>)),
    (Get, "/metrics", "Returns counters for Prometheus.", &[], None, "200", Text),
];

/// Adds them to a description.
pub(super) fn describe(all: &mut OpenApi) {
    let mut schemas = Schemas::new();
    for (routes, prefix, tag) in
        [(&PUSHING[..], "/api/v1", "pushing"), (&MANAGING, "/api/v1", "managing"), (&OUTSIDE, "", "outside")]
    {
        for route in routes {
            let path = format!("{prefix}{}", route.1);
            let operation = operation(route, tag, &mut schemas).build();
            let item = PathItem::new(route.0.clone(), operation);
            match all.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                Option::None => {
                    all.paths.paths.insert(path, item);
                }
            }
        }
    }
    all.components.get_or_insert_default().schemas.extend(schemas);
}

fn operation(
    (_, path, what, queries, input, status, output): &Route,
    tag: &str,
    schemas: &mut Schemas,
) -> OperationBuilder {
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
    if let Some((kind, schema)) = content(*input, schemas) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        operation = operation.request_body(Some(RequestBodyBuilder::new().content(kind, content).build()));
    }
    let mut success = ResponseBuilder::new().description("Done");
    if let Some((kind, schema)) = content(*output, schemas) {
        success = success.content(kind, ContentBuilder::new().schema(Some(schema)).build());
    }
    operation = operation.response(*status, success);
    for (status, response) in Errors::responses() {
        operation = operation.response(status, response);
    }
    operation
}

fn content(body: Body, schemas: &mut Schemas) -> Option<(&'static str, RefOr<Schema>)> {
    let bytes = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
    };
    match body {
        None => Option::None,
        Json(schema) => Some(("application/json", schema(schemas))),
        Bytes => Some(("application/octet-stream", bytes().into())),
        Text => Some(("text/plain", ObjectBuilder::new().schema_type(Type::String).into())),
    }
}
