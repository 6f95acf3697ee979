//! Telling people of alerts: by a command, a request to a server, or a mail.

use super::State;
use crate::model::{Error, ErrorKind, Result};
use crate::query::Alert;
use lettre::message::Mailbox;
use lettre::{Message, SmtpTransport, Transport};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How people are told of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// A command for the shell; it finds the alert in `DANLU_ALERT_TITLE`, `DANLU_ALERT_TEXT` and `DANLU_ALERT_LEVEL`.
    pub command: Option<String>,
    /// An address that takes JSON, such as an incoming webhook of Slack.
    pub webhook: Option<String>,
    /// A mail server with the one who gets the mail, such as `smtps://user:password@mail.example.org?to=me@example.org`.
    pub email: Option<String>,
}

impl Hooks {
    /// Says whether there are any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [("command", &self.command), ("webhook", &self.webhook), ("email", &self.email)];
        all.into_iter().filter_map(|(name, hook)| Some((name, hook.as_ref()?)))
    }

    /// Remembers alerts that people are to be told of; those that they were told of stay so.
    ///
    /// # Errors
    /// What the syncer knows cannot be written.
    pub fn remember(&self, alerts: &[Alert], state: &State) -> Result<()> {
        for alert in alerts {
            for (hook, _) in self.each() {
                state.remember_alert(hook, alert)?;
            }
        }
        Ok(())
    }

    /// Tells of every alert that people were not told of yet, and returns what went wrong. What fails is told the next
    /// time, by whoever comes first.
    ///
    /// # Errors
    /// What the syncer knows cannot be read or written.
    pub fn tell(&self, state: &State, now: i64) -> Result<Vec<Error>> {
        let mut problems = Vec::new();
        for (name, hook) in self.each() {
            for alert in state.alerts_to_tell(name)? {
                if !state.claim_alert(name, &alert.id, now)? {
                    continue;
                }
                let told = match name {
                    "command" => run_command(hook, &alert),
                    "webhook" => post(hook, &alert),
                    _ => mail(hook, &alert),
                };
                state.end_claim(name, &alert.id, told.is_ok())?;
                if let Err(e) = told {
                    problems
                        .push(e.in_context(format!("The alert `{}` is not told by {name} yet", alert.title)));
                    // The others would fail alike.
                    break;
                }
            }
        }
        Ok(problems)
    }
}

fn run_command(command: &str, alert: &Alert) -> Result<()> {
    let status = Command::new("sh")
        .args(["-c", command])
        .env("DANLU_ALERT_TITLE", &alert.title)
        .env("DANLU_ALERT_TEXT", &alert.text)
        .env("DANLU_ALERT_LEVEL", &alert.level)
        .env("DANLU_ALERT_RUN", &alert.run)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|e| Error::new(ErrorKind::Io, "Cannot start the shell").with_source(e))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, format!("The command of DANLU_ALERT_COMMAND failed ({status})")))
}

fn post(address: &str, alert: &Alert) -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    // The address holds a secret of its own: errors must not show it.
    let failed = |e: reqwest::Error| {
        Error::new(ErrorKind::Io, "The server of DANLU_ALERT_WEBHOOK cannot be told")
            .with_source(e.without_url())
    };
    let body = serde_json::json!({
        "text": format!("*[{}] {}*\n{}\n_run {}_", alert.level, alert.title, alert.text, alert.run),
        "title": alert.title,
        "message": alert.text,
        "level": alert.level,
        "run": alert.run,
        "project": alert.project,
        "time": alert.time,
    });
    let client = reqwest::blocking::Client::builder().timeout(PATIENCE).build().map_err(failed)?;
    let answer = client.post(address).json(&body).send().map_err(failed)?;
    answer.error_for_status().map(|_| ()).map_err(failed)
}

fn mail(address: &str, alert: &Alert) -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let wrong = |why: String| {
        Error::usage(format!("DANLU_ALERT_EMAIL cannot be used: {why}"))
            .with_hint("one looks like smtps://user:password@mail.example.org?to=me@example.org")
    };
    let mut url = reqwest::Url::parse(address).map_err(|e| wrong(e.to_string()))?;
    let of = |url: &reqwest::Url, name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let to = of(&url, "to").ok_or_else(|| wrong("it does not say to whom".to_owned()))?;
    let from = of(&url, "from").unwrap_or_else(|| to.clone());
    let encryption = of(&url, "tls");
    url.set_query(encryption.map(|tls| format!("tls={tls}")).as_deref());
    let mailbox = |address: &str| address.parse::<Mailbox>().map_err(|e| wrong(format!("`{address}`: {e}")));
    let message = Message::builder()
        .from(mailbox(&from)?)
        .to(mailbox(&to)?)
        .subject(format!("[{}] {}", alert.level, alert.title))
        .body(format!("{}\n\nrun {} of project {}\n", alert.text, alert.run, alert.project))
        .map_err(|e| wrong(e.to_string()))?;
    let server = SmtpTransport::from_url(url.as_str()).map_err(|e| wrong(e.to_string()))?;
    let sent = server.timeout(Some(PATIENCE)).build().send(&message);
    sent.map(|_| ()).map_err(|e| Error::new(ErrorKind::Io, "The mail cannot be sent").with_source(e))
}
