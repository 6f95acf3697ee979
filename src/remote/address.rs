//! From what a user names to a remote.

use super::{Directory, Http, Remote, Ssh};
use crate::model::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What opening a remote may need beside its address. The library reads no environment.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The API key for a server.
    pub key: Option<String>,
    /// Variables of the environment that remotes are set up with: `AWS_…`, `GOOGLE_…`, `AZURE_…`, `DANLU_SSH`.
    pub environment: Vec<(String, String)>,
    /// How long a server may take to answer, beside the time for the bytes, and another process to end what it writes to the same
    /// directory; a minute if nothing is said.
    pub timeout: Option<Duration>,
    /// Is told what is waited for.
    pub tell: Tell,
}

/// Is told what people should know while something goes on.
#[derive(Clone, Default)]
pub struct Tell(Option<Arc<Listener>>);

type Listener = dyn Fn(&str) + Send + Sync;

impl Tell {
    /// Tells whoever is called.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(super) fn tell(&self, what: &str) {
        if let Some(tell) = &self.0 {
            tell(what);
        }
    }
}

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tell").field(&self.0.is_some()).finish()
    }
}

impl Options {
    /// Prepares to talk to a server; does not connect yet.
    ///
    /// # Errors
    /// The address is none.
    pub fn server(&self, address: &str) -> Result<Http> {
        let http = Http::new(address, self.key.clone())?;
        match self.timeout {
            Some(timeout) => http.with_timeout(timeout),
            None => Ok(http),
        }
    }
}

/// Opens a remote by its address: a directory, a server (`http://…`, `https://…`), or a bucket (`s3://…`,
/// `gs://…`, `az://…`), or a directory on another machine (`ssh://…`).
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for an address of no known form.
pub fn open(address: &str, options: &Options) -> Result<Box<dyn Remote>> {
    if address.trim().is_empty() {
        return Err(
            Error::usage("The name of the remote is empty").with_hint("give a directory or an address")
        );
    }
    check_no_secret(address)?;
    if let Some(directory) = directory_of(address) {
        return Ok(Box::new(Directory::create_with(directory, options)?));
    }
    #[cfg(feature = "bucket")]
    if super::bucket::is_bucket(address) {
        return Ok(Box::new(super::Bucket::open(address, options)?));
    }
    if address.starts_with("ssh://") {
        return Ok(Box::new(Ssh::new(address, options)?));
    }
    if has_scheme_of_server(address) {
        return Ok(Box::new(options.server(address)?));
    }
    let why = match address.split_once("://") {
        Some(("file", _)) => "it names no directory".to_owned(),
        Some((scheme, _)) => format!("it knows no `{scheme}://`"),
        None => "that is the beginning of an address".to_owned(),
    };
    Err(Error::usage(format!("danlu cannot sync to `{address}`: {why}"))
        .with_hint("give a directory, the http:// or https:// address of a danlu server, s3://, gs:// or az:// for a bucket, or ssh://host/dir"))
}

/// Refuses an address with a password or a key in it, in words that do not repeat it: addresses are written down and shown.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] if there is one.
pub fn check_no_secret(address: &str) -> Result<()> {
    if !has_secret(address) {
        return Ok(());
    }
    Err(Error::usage("The address of the remote has a user, a password or a key in it, and addresses are written down and shown")
        .with_hint("leave it out: `danlu login` keeps the key of a server, the environment has those of a bucket (docs/remotes.md), ssh finds its own"))
}

fn has_secret(address: &str) -> bool {
    // The password of something that has a user in front of its host.
    let has_password = |text: &str| text.split_once('@').is_some_and(|(user, _)| user.contains(':'));
    let Some((scheme, rest)) = address.split_once("://").or_else(|| {
        let (scheme, rest) = address.split_once(':')?;
        has_scheme_of_server(address).then_some((scheme, rest))
    }) else {
        return !address.contains('/') && has_password(address);
    };
    if scheme == "file" {
        return false;
    }
    let Ok(url) = reqwest::Url::parse(address) else { return has_password(rest) };
    let has_user = !url.username().is_empty() && scheme != "ssh";
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == "sig" || ["key", "secret", "token", "password"].iter().any(|word| name.contains(word))
    };
    has_user || url.password().is_some() || url.query_pairs().any(|(name, _)| is_secret(&name))
}

/// Returns the directory that an address means, if it is none of a server.
pub fn directory_of(address: &str) -> Option<&Path> {
    match address.split_once("://") {
        Some(("file", path)) => Some(Path::new(path)).filter(|path| !path.as_os_str().is_empty()),
        Some(_) => None,
        // Nobody means directories of these names.
        None if has_scheme_of_server(address) || address == "file:" => None,
        None => Some(Path::new(address)),
    }
}

fn has_scheme_of_server(address: &str) -> bool {
    address.starts_with("http:") || address.starts_with("https:")
}

/// Returns the address of the server of which this may be that of the API.
pub fn server_of(address: &str) -> &str {
    let address = address.trim_end_matches('/');
    address.strip_suffix("/api/v1").unwrap_or(address)
}

/// Says whether an address is that of a server.
pub fn is_server(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}
