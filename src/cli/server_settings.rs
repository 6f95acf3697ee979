//! Where the data of a server is.

use crate::model::{Error, Result};
use crate::server::Settings;
use clap::Args;
use std::path::PathBuf;

/// Where the data of a server is.
#[derive(Debug, Clone, Args)]
pub(super) struct Where {
    /// The directory that everything is kept in; `danlu serve` makes a new one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// A PostgreSQL database for the catalogue, such as postgres://danlu@db.example.org/danlu, in place of a file in the data
    /// directory; the password may be in PGPASSWORD, all of it in DANLU_CATALOGUE
    #[arg(long, value_name = "URL")]
    catalogue: Option<String>,

    /// A directory or bucket for the objects, such as s3://bucket/prefix, in place of one in the data directory; also
    /// DANLU_OBJECTS
    #[arg(long, value_name = "DIR|URL")]
    objects: Option<String>,
}

impl Where {
    /// Returns the settings that say so, and that listen nowhere in particular.
    pub(super) fn settings(&self) -> Result<Settings> {
        let data = self.data.clone().ok_or_else(|| {
            Error::usage("No data directory was given")
                .with_hint("`--data DIR` says where everything is kept")
        })?;
        let mut settings = Settings::new(data, ([127, 0, 0, 1], 0).into());
        let catalogue = self.catalogue.clone().or_else(|| std::env::var("DANLU_CATALOGUE").ok());
        settings.catalogue = catalogue.map(with_password).transpose()?;
        settings.objects = self.objects.clone().or_else(|| std::env::var("DANLU_OBJECTS").ok());
        settings.options = super::config::options_for(settings.objects.as_deref().unwrap_or_default())?;
        Ok(settings)
    }
}

/// Adds the password of the environment to an address that has none: there it is not in the list of processes.
fn with_password(address: String) -> Result<String> {
    let Ok(password) = std::env::var("PGPASSWORD") else { return Ok(address) };
    let mut url = reqwest::Url::parse(&address)
        .map_err(|e| Error::usage("The address of the catalogue cannot be read").with_source(e))?;
    if url.password().is_none() && !url.username().is_empty() {
        url.set_password(Some(&password)).ok();
        return Ok(url.into());
    }
    Ok(address)
}
