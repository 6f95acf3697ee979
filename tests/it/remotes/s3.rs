//! A real S3 server in this process, with its objects as files in a directory.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use danlu::remote::{Bucket, Options};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

/// What a server makes of conditions on puts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    Kept,
    Refused,
    Ignored,
}

/// A server with one bucket, `runs`. It ends with the test.
pub struct S3 {
    pub endpoint: String,
    root: tempfile::TempDir,
    conditions: Conditions,
    _runtime: Runtime,
}

/// The server proper looks at a condition before it writes: nobody may come between.
struct App {
    service: S3Service,
    files: PathBuf,
    conditions: Conditions,
    turns: RwLock<()>,
}

impl S3 {
    pub fn start(conditions: Conditions) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("runs")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        // A header that is taken away is missing in the signature.
        if conditions != Conditions::Ignored {
            builder.set_auth(SimpleAuth::from_single("danlu", "a secret"));
        }
        let (service, files) = (builder.build(), root.path().to_owned());
        let app = Arc::new(App { service, files, conditions, turns: RwLock::default() });
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(app);
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, root, conditions, _runtime: runtime }
    }

    /// The address of a place in the bucket.
    pub fn address(&self, place: &str) -> String {
        let unsigned = if self.conditions == Conditions::Ignored { "&skip_signature=true" } else { "" };
        format!("s3://runs/{place}?endpoint={}{unsigned}", self.endpoint)
    }

    /// Where the objects of the bucket are files.
    pub fn files(&self) -> PathBuf {
        self.root.path().join("runs")
    }
}

pub fn options(secret: &str) -> Options {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let environment = vec![variable("AWS_ACCESS_KEY_ID", "danlu"), variable("AWS_SECRET_ACCESS_KEY", secret)];
    Options { environment, ..Options::default() }
}

pub fn bucket(address: &str) -> Bucket {
    Bucket::open(address, &options("a secret")).unwrap()
}

async fn answer(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let writes = request.method() != Method::GET && request.method() != Method::HEAD;
    let conditions = ["if-match", "if-none-match"];
    if writes && conditions.iter().any(|name| request.headers().contains_key(*name)) {
        match app.conditions {
            Conditions::Kept => {}
            Conditions::Refused => {
                let said = "<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented.</Message></Error>";
                return (StatusCode::NOT_IMPLEMENTED, said).into_response();
            }
            Conditions::Ignored => {
                conditions.iter().for_each(|name| drop(request.headers_mut().remove(*name)));
            }
        }
    }
    let path = app.files.join(request.uri().path().trim_start_matches('/'));
    if request.method() != Method::PUT && request.uri().query().is_none() && path.is_dir() {
        // To S3 it is no object; to a server that keeps objects as files it is a directory.
        return StatusCode::NOT_FOUND.into_response();
    }
    let (_reads, _writes) =
        if writes { (None, Some(app.turns.write().await)) } else { (Some(app.turns.read().await), None) };
    match app.service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(answer) => answer.map(Body::new),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{e:?}")).into_response(),
    }
}
