//! Alerts that people are to be told of.

use super::State;
use crate::model::{Error, Result};
use crate::query::Alert;
use rusqlite::params;

/// How long somebody may take to tell of an alert, in microseconds; after that he counts as dead.
const CLAIM: i64 = 120_000_000;

impl State {
    /// Writes down an alert that people are to be told of, unless it is known.
    pub(in crate::sync) fn remember_alert(&self, hook: &str, alert: &Alert) -> Result<()> {
        let data =
            serde_json::to_string(alert).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        let sql = "INSERT OR IGNORE INTO alert VALUES (?, ?, ?, 0, 0)";
        self.lock().execute(sql, params![hook, alert.id, data])?;
        Ok(())
    }

    /// Returns the alerts that people were not told of yet.
    pub(in crate::sync) fn alerts_to_tell(&self, hook: &str) -> Result<Vec<Alert>> {
        let sql = "SELECT data FROM alert WHERE hook = ? AND told = 0 ORDER BY rowid";
        let connection = self.lock();
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map([hook], |row| row.get::<_, String>(0))?;
        let mut alerts = Vec::new();
        for data in found {
            alerts.extend(serde_json::from_str::<Alert>(&data?));
        }
        Ok(alerts)
    }

    /// Sets about to tell of an alert; false if somebody else does.
    pub(in crate::sync) fn claim_alert(&self, hook: &str, id: &str, now: i64) -> Result<bool> {
        let sql =
            "UPDATE alert SET claimed = ?3 WHERE hook = ?1 AND id = ?2 AND told = 0 AND claimed < ?3 - ?4";
        Ok(self.lock().execute(sql, params![hook, id, now, CLAIM])? == 1)
    }

    /// Writes down whether people were told.
    pub(in crate::sync) fn end_claim(&self, hook: &str, id: &str, told: bool) -> Result<()> {
        let sql = "UPDATE alert SET claimed = 0, told = ? WHERE hook = ? AND id = ?";
        self.lock().execute(sql, params![told, hook, id])?;
        Ok(())
    }
}
