//! Accounts, teams and keys over HTTP.

use super::answer::{Answer, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::{Account, KeyInfo, Member, NewKey, Scope, Team, seconds};
use super::{App, Stats};
use crate::model::{Error, ErrorKind, Result};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

type Shared = State<Arc<App>>;

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The account.
    account: String,
    /// The beginning of the key.
    key: String,
    /// What the key is good for.
    scope: Scope,
    /// The only team that it is good for.
    team: Option<String>,
    /// And the only project.
    project: Option<String>,
    /// The teams of the account, with what it may do in each.
    teams: BTreeMap<String, Scope>,
}

/// `GET /me`.
pub(super) async fn me(who: Asker) -> Json<Me> {
    Json(Me {
        account: who.account.clone(),
        key: who.key.clone(),
        scope: who.scope,
        team: who.team.clone(),
        project: who.project.clone(),
        teams: who.teams.clone(),
    })
}

/// `GET /accounts`.
pub(super) async fn accounts(State(app): Shared, who: Asker) -> Answer<Json<Vec<Account>>> {
    who.may_administer()?;
    blocking(move || app.catalogue.accounts(app.clock.now())).await
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// Its name.
    name: String,
    /// Whether its keys may have the scope `admin`.
    #[serde(default)]
    admin: bool,
}

/// `POST /accounts`.
pub(super) async fn add_account(
    State(app): Shared,
    who: Asker,
    Json(new): Json<NewAccount>,
) -> Answer<StatusCode> {
    who.may_administer()?;
    run_blocking(move || app.catalogue.add_account(&new.name, new.admin, app.clock.now())).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /accounts/{name}`.
pub(super) async fn remove_account(
    State(app): Shared,
    who: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    who.may_administer()?;
    run_blocking(move || app.reserve.spend(|| app.catalogue.remove_account(&name))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /teams`: all of them for an admin, else those of who asks.
pub(super) async fn teams(State(app): Shared, who: Asker) -> Answer<Json<Vec<Team>>> {
    blocking(move || {
        let mut teams = app.catalogue.teams()?;
        teams.retain(|team| who.may_administer().is_ok() || who.teams.contains_key(&team.name));
        Ok(teams)
    })
    .await
}

/// A team to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTeam {
    /// Its name, which is the entity of its runs.
    name: String,
}

/// `POST /teams`.
pub(super) async fn add_team(State(app): Shared, who: Asker, Json(new): Json<NewTeam>) -> Answer<StatusCode> {
    who.may_administer()?;
    run_blocking(move || app.catalogue.add_team(&new.name, app.clock.now())).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /teams/{team}`.
pub(super) async fn remove_team(
    State(app): Shared,
    who: Asker,
    Path(team): Path<String>,
) -> Answer<StatusCode> {
    who.may_administer()?;
    run_blocking(move || app.catalogue.remove_team(&team)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /teams/{team}/members`.
pub(super) async fn members(
    State(app): Shared,
    who: Asker,
    Path(name): Path<String>,
) -> Answer<Json<Vec<Member>>> {
    blocking(move || {
        let found = app.catalogue.teams()?.into_iter().find(|team| team.name == name);
        let seen = found.filter(|team| who.may_administer().is_ok() || who.teams.contains_key(&team.name));
        let team = seen.ok_or_else(|| Error::new(ErrorKind::NotFound, "There is no such team of yours"))?;
        Ok(team.members)
    })
    .await
}

/// What a member may.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// What they may do in the team.
    role: Scope,
}

/// `PUT /teams/{team}/members/{account}`.
pub(super) async fn set_member(
    State(app): Shared,
    who: Asker,
    Path((team, account)): Path<(String, String)>,
    Json(Role { role }): Json<Role>,
) -> Answer<StatusCode> {
    who.may_manage(&team)?;
    run_blocking(move || app.catalogue.set_member(&team, &account, Some(role))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /teams/{team}/members/{account}`.
pub(super) async fn remove_member(
    State(app): Shared,
    who: Asker,
    Path((team, account)): Path<(String, String)>,
) -> Answer<StatusCode> {
    who.may_manage(&team)?;
    run_blocking(move || app.catalogue.set_member(&team, &account, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /keys`: all of them for an admin, else those of who asks that are good for no more than the one that asks.
pub(super) async fn keys(State(app): Shared, who: Asker) -> Answer<Json<Vec<KeyInfo>>> {
    blocking(move || {
        let own = who.may_administer().is_err().then_some(who.account.as_str());
        let mut keys = app.catalogue.keys(own)?;
        keys.retain(|key| own.is_none() || reaches(&who, key));
        Ok(keys)
    })
    .await
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyWanted {
    /// The account that gets it; that of who asks without it.
    account: Option<String>,
    /// What it is for, in words.
    #[serde(default)]
    name: String,
    /// What it is good for.
    scope: Scope,
    /// The only team that it is good for.
    team: Option<String>,
    /// And the only project.
    project: Option<String>,
    /// For how many seconds it is good.
    expires_in: Option<u64>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyMade {
    /// The key itself: it is kept nowhere.
    key: String,
}

/// `POST /keys`: the answer has the key, which is kept nowhere. Who is no admin makes keys for themselves that are good for no
/// more than the one that asks.
pub(super) async fn add_key(
    State(app): Shared,
    who: Asker,
    Json(wanted): Json<KeyWanted>,
) -> Answer<(StatusCode, Json<KeyMade>)> {
    let made = run_blocking(move || {
        let account = wanted.account.unwrap_or_else(|| who.account.clone());
        if who.may_administer().is_err() {
            if account != who.account {
                return Err(Error::new(ErrorKind::Forbidden, "Keys of other accounts are made by admins"));
            }
            within(&who, wanted.team.as_ref(), wanted.project.as_ref(), wanted.scope)?;
        }
        let now = app.clock.now();
        let expires = wanted.expires_in.map(|seconds| later(now, seconds)).or(who.expires);
        if who.expires.is_some_and(|own| expires > Some(own)) {
            let message = "A key that expires makes keys that expire no later";
            return Err(Error::new(ErrorKind::Forbidden, message));
        }
        let new = NewKey {
            account,
            name: wanted.name,
            scope: wanted.scope,
            team: wanted.team,
            project: wanted.project,
            expires,
        };
        app.catalogue.add_key(&new, now)
    });
    Ok((StatusCode::CREATED, Json(KeyMade { key: made.await? })))
}

/// Checks that a new key is good for no more than the one that makes it.
fn within(who: &Asker, team: Option<&String>, project: Option<&String>, scope: Scope) -> Result<()> {
    who.may_at_all(Scope::Write.max(scope))?;
    if !is_for(who, team, project) {
        let message = "A key that is good for one team or project makes keys for that alone";
        return Err(Error::new(ErrorKind::Forbidden, message));
    }
    Ok(())
}

fn is_for(who: &Asker, team: Option<&String>, project: Option<&String>) -> bool {
    (who.team.is_none() || team == who.team.as_ref())
        && (who.project.is_none() || project == who.project.as_ref())
}

/// Says whether a key of the same account is good for no more than the one that asks.
fn reaches(who: &Asker, key: &KeyInfo) -> bool {
    let in_time = who.expires.is_none_or(|own| key.expires.is_some_and(|expires| expires <= seconds(own)));
    key.scope <= who.scope && in_time && is_for(who, key.team.as_ref(), key.project.as_ref())
}

fn later(now: i64, seconds: u64) -> i64 {
    now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// `DELETE /keys/{id}`.
pub(super) async fn revoke_key(State(app): Shared, who: Asker, Path(id): Path<String>) -> Answer<StatusCode> {
    run_blocking(move || {
        let key = own_key(&app, &who, &id)?;
        app.reserve.spend(|| app.catalogue.revoke_key(&key.id, app.clock.now()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// For how long the old key stays good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Overlap {
    /// In seconds; 0 without it.
    #[serde(default)]
    overlap: u64,
}

/// `POST /keys/{id}/rotate`.
pub(super) async fn rotate_key(
    State(app): Shared,
    who: Asker,
    Path(id): Path<String>,
    Json(Overlap { overlap }): Json<Overlap>,
) -> Answer<(StatusCode, Json<KeyMade>)> {
    let made = run_blocking(move || {
        let key = own_key(&app, &who, &id)?;
        if who.may_administer().is_err() {
            within(&who, key.team.as_ref(), key.project.as_ref(), key.scope)?;
        }
        let now = app.clock.now();
        app.catalogue.rotate_key(&key.id, later(now, overlap), who.expires, now)
    });
    Ok((StatusCode::CREATED, Json(KeyMade { key: made.await? })))
}

fn own_key(app: &App, who: &Asker, id: &str) -> Result<KeyInfo> {
    let key = app.catalogue.key(id)?;
    if who.may_administer().is_ok() || key.account == who.account && reaches(who, &key) {
        return Ok(key);
    }
    let message = "It is no key of this account that is good for no more than the one that asks";
    Err(Error::new(ErrorKind::Forbidden, message))
}

/// `GET /stats`.
pub(super) async fn stats(State(app): Shared, who: Asker) -> Answer<Json<Stats>> {
    who.may_administer()?;
    blocking(move || app.catalogue.stats(app.clock.now())).await
}

/// What was removed for good.
#[derive(Serialize, ToSchema)]
pub(super) struct Purged {
    /// How many runs.
    runs: usize,
    /// How many objects.
    objects: usize,
}

/// What is removed by a `POST /gc`.
#[derive(Deserialize)]
pub(super) struct OlderThan {
    /// In seconds; as long as the server keeps it without this.
    older_than: Option<u64>,
}

/// `POST /gc?older_than=…`.
pub(super) async fn gc(
    State(app): Shared,
    who: Asker,
    Query(OlderThan { older_than }): Query<OlderThan>,
) -> Answer<Json<Purged>> {
    who.may_administer()?;
    let older_than = older_than.map(Duration::from_secs);
    blocking(move || app.clean(older_than).map(|(runs, objects)| Purged { runs, objects })).await
}
