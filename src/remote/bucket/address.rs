//! From the address of a bucket, and the environment, to a store.

use super::Bucket;
use crate::model::{Error, Result};
use crate::remote::{Options, PART_BYTES, check_no_secret};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The schemes of buckets.
const SCHEMES: [&str; 3] = ["s3", "gs", "az"];

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, beside the time of a part at [`SLOWEST`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The slowest line that a part is given time for, in bytes per second.
const SLOWEST: u64 = 16 << 10;

/// Whoever pushes tries again later, with everything: a request need not be patient.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(15),
};

/// Says whether an address is that of a bucket.
pub(in crate::remote) fn is_bucket(address: &str) -> bool {
    address.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

impl Bucket {
    /// Prepares to use a bucket: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, with options after a
    /// `?`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for an address or a setting that cannot be.
    pub fn open(address: &str, options: &Options) -> Result<Self> {
        check_no_secret(address)?;
        let parsed = Address::parse(address)?;
        // Another part of the process may have chosen a provider already; that one is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (store, hint) = parsed.store(options)?;
        let mut bucket = Self::new(address, store, &parsed.prefix, parsed.alone)?;
        bucket.hint = hint;
        Ok(bucket)
    }
}

/// What an address says.
struct Address {
    scheme: String,
    bucket: String,
    prefix: String,
    /// Settings of the store, by the names that its maker has for them.
    settings: Vec<(String, String)>,
    /// `conditional=none`.
    alone: bool,
}

impl Address {
    fn parse(address: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::usage(format!("`{address}` is no address of a bucket: {why}"))
                .with_hint("one looks like s3://bucket/place, gs://bucket/place or az://container/place")
        };
        let url = reqwest::Url::parse(address).map_err(|e| bad(&e.to_string()))?;
        let bucket =
            url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no bucket"))?;
        if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            return Err(bad("a bucket has no user and no port; `?endpoint=…` says where it is"));
        }
        let path = url.path().trim_matches('/');
        let prefix = object_store::path::Path::from_url_path(path).map_err(|e| bad(&e.to_string()))?;
        let (mut settings, mut alone) = (Vec::new(), false);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("conditional", "none") => alone = true,
                ("conditional", _) => return Err(bad("`conditional` can only be `none`")),
                (name, value) => settings.push((name.to_owned(), value.to_owned())),
            }
        }
        let scheme = url.scheme().to_owned();
        Ok(Self { scheme, bucket: bucket.to_owned(), prefix: prefix.to_string(), settings, alone })
    }

    /// Builds the store, and says what to look at if it cannot be reached.
    fn store(&self, options: &Options) -> Result<(Arc<dyn ObjectStore>, Option<&'static str>)> {
        let cannot = |e: object_store::Error| {
            Error::usage(format!("Cannot use the bucket `{}`", self.bucket)).with_source(e)
        };
        let client = self.client(options);
        Ok(match self.scheme.as_str() {
            "s3" => {
                let mut builder = AmazonS3Builder::new()
                    .with_client_options(client)
                    .with_retry(RETRY)
                    .with_checksum_algorithm(Checksum::SHA256)
                    // Not everything that speaks like S3 has it.
                    .with_disable_bulk_delete(true);
                for (key, value) in self.settings::<AmazonS3ConfigKey>("AWS_", options)? {
                    builder = builder.with_config(key, value);
                }
                let store = builder.with_bucket_name(&self.bucket).build().map_err(cannot)?;
                (Arc::new(store), (!has(options, "AWS_")).then_some(S3_KEYS))
            }
            "gs" => {
                let mut builder =
                    GoogleCloudStorageBuilder::new().with_client_options(client).with_retry(RETRY);
                for (key, value) in self.settings::<GoogleConfigKey>("GOOGLE_", options)? {
                    builder = builder.with_config(key, value);
                }
                let store = builder.with_bucket_name(&self.bucket).build().map_err(cannot)?;
                (Arc::new(store), (!has(options, "GOOGLE_")).then_some(GS_KEYS))
            }
            _ => {
                let mut builder = MicrosoftAzureBuilder::new().with_client_options(client).with_retry(RETRY);
                for (key, value) in self.settings::<AzureConfigKey>("AZURE_", options)? {
                    builder = builder.with_config(key, value);
                }
                let store = builder.with_container_name(&self.bucket).build().map_err(cannot)?;
                (Arc::new(store), (!has(options, "AZURE_")).then_some(AZ_KEYS))
            }
        })
    }

    fn client(&self, options: &Options) -> ClientOptions {
        let plain = |(_, value): &(String, String)| value.starts_with("http://");
        let of_environment = options.environment.iter().filter(|(name, _)| name.contains("ENDPOINT"));
        let allow_http = self.settings.iter().any(plain) || of_environment.into_iter().any(plain);
        ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT + Duration::from_secs(PART_BYTES / SLOWEST))
            .with_allow_http(allow_http)
    }

    /// Returns what the environment and the address set; the address comes last, and wins.
    fn settings<K: FromStr>(&self, prefix: &str, options: &Options) -> Result<Vec<(K, String)>> {
        let environment = options.environment.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut settings: Vec<(K, String)> = environment
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())))
            .collect();
        for (name, value) in &self.settings {
            // Everybody else calls it so.
            let known = if self.scheme == "gs" && name == "endpoint" { "base_url" } else { name };
            let key = known.parse().map_err(|_| {
                Error::usage(format!("A bucket of {}:// has no setting `{name}`", self.scheme))
                    .with_hint("docs/remotes.md lists those that there are")
            })?;
            settings.push((key, value.clone()));
        }
        Ok(settings)
    }
}

const S3_KEYS: &str =
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_REGION or `?region=` if it is not us-east-1";
const GS_KEYS: &str = "set GOOGLE_APPLICATION_CREDENTIALS to the file with the keys of a service account";
const AZ_KEYS: &str = "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY";

fn has(options: &Options, prefix: &str) -> bool {
    options.environment.iter().any(|(name, _)| name.starts_with(prefix))
}
