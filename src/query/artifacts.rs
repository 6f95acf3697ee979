//! Which artifacts runs made and used, in which versions and under which aliases.
//!
//! It follows from what the runs say, as `docs/artifacts.md` has it.

use crate::model::Result;
use rusqlite::Connection;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Something that a run said of an artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactEvent {
    /// The run that said it.
    pub run: String,
    /// Its place in the run file.
    pub id: i64,
    /// The name, with the version behind a colon.
    pub name: String,
    /// `made`, `used`, `linked`, `changed`, `deleted`, `unlinked` or `part`.
    pub text: String,
    /// What else is said, without the manifest.
    pub data: Map<String, Value>,
}

impl ArtifactEvent {
    fn uid(&self) -> String {
        self.text_of("uid").map_or_else(|| format!("{}.{}", self.run, self.id), str::to_owned)
    }

    fn text_of(&self, field: &str) -> Option<&str> {
        self.data.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    fn time(&self) -> f64 {
        self.data.get("time").and_then(Value::as_f64).unwrap_or(0.0)
    }

    fn list(&self, field: &str) -> Vec<String> {
        let items = self.data.get(field).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The run that said it, which a fork may only repeat.
    fn said_by(&self) -> &str {
        self.text_of("run").unwrap_or(&self.run)
    }

    fn collection(&self) -> (String, String, String) {
        let text = |field| self.text_of(field).unwrap_or_default().to_owned();
        let name = self.name.split(':').next().unwrap_or_default().to_owned();
        (text("entity"), text("project"), name)
    }
}

/// A version of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ArtifactVersion {
    /// What tells it from all others.
    pub uid: String,
    /// The entity of the artifact; may be empty.
    pub entity: String,
    /// Its project.
    pub project: String,
    /// Its name, without the version.
    pub name: String,
    /// `v` and its number.
    pub version: String,
    /// What sort of thing it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digest of its contents.
    pub digest: String,
    /// The length of its contents.
    pub size: u64,
    /// How many entries it has.
    pub file_count: u64,
    /// What else it is called, `latest` first.
    pub aliases: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// What was said of it.
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub metadata: Value,
    /// The same in prose; may be empty.
    pub description: String,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: f64,
    /// When something of it was changed.
    pub updated: f64,
    /// The runs that made it.
    pub made_by: Vec<String>,
    /// The runs that used it.
    pub used_by: Vec<String>,
    /// Of a link, the version that it leads to.
    pub source: Option<String>,
    #[serde(skip)]
    number: u64,
    #[serde(skip)]
    claimed: u64,
    #[serde(skip)]
    deleted: bool,
}

/// Reads what a run said of artifacts.
///
/// # Errors
/// The file is damaged.
pub fn artifact_events(connection: &Connection, run: &str) -> Result<Vec<ArtifactEvent>> {
    let mut statement = connection.prepare(
        "SELECT id, name, text, CASE WHEN json_valid(data) THEN json_remove(data, '$.manifest') ELSE '{}' END
         FROM event WHERE kind = 'artifact' ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        let data: String = row.get(3)?;
        let event = |data| Ok((row.get(0)?, row.get(1)?, row.get(2)?, data));
        event(serde_json::from_str::<Map<String, Value>>(&data).ok())
    })?;
    let mut events = Vec::new();
    for row in rows {
        // One whose data are no object says nothing.
        if let (id, name, text, Some(data)) = row? {
            events.push(ArtifactEvent { run: run.to_owned(), id, name, text, data });
        }
    }
    Ok(events)
}

/// Works out the versions that there are of what runs said, by name and number; those that were deleted are left out.
pub fn artifacts(events: impl IntoIterator<Item = ArtifactEvent>) -> Vec<ArtifactVersion> {
    let events = in_order(events);
    let mut catalog = Catalog::default();
    events.iter().for_each(|event| catalog.create(event));
    catalog.number();
    events.iter().for_each(|event| catalog.replay(event));
    catalog.settle()
}

/// Puts events into the order in which they were said, each once: a fork has copies of what the other run said.
fn in_order(events: impl IntoIterator<Item = ArtifactEvent>) -> Vec<ArtifactEvent> {
    let mut known: HashMap<String, ArtifactEvent> = HashMap::new();
    for event in events {
        let uid = event.uid();
        if !known.contains_key(&uid) || event.said_by() == event.run {
            known.insert(uid, event);
        }
    }
    let mut events: Vec<(String, ArtifactEvent)> = known.into_iter().collect();
    let seq = |event: &ArtifactEvent| event.data.get("seq").and_then(Value::as_i64).unwrap_or(0);
    events.sort_by(|(uid, a), (other, b)| {
        let by_time = seq(a).cmp(&seq(b)).then(a.time().total_cmp(&b.time()));
        by_time.then_with(|| (&a.run, uid).cmp(&(&b.run, other)))
    });
    events.into_iter().map(|(_, event)| event).collect()
}

#[derive(Default)]
struct Catalog {
    versions: Vec<ArtifactVersion>,
    by_uid: HashMap<String, usize>,
    /// The version that an alias of a collection means.
    aliases: BTreeMap<((String, String, String), String), usize>,
}

impl Catalog {
    fn create(&mut self, event: &ArtifactEvent) {
        let of = event.text_of("of");
        let linked = event.text == "linked";
        if !linked && (event.text != "made" || of.is_some()) {
            return;
        }
        let source = of.and_then(|of| self.by_uid.get(of)).copied().filter(|_| linked);
        let (entity, project, name) = event.collection();
        // A link has of its source what it does not say itself.
        let from = source.map(|place| self.versions[place].clone());
        let text = |field: &str, of: fn(&ArtifactVersion) -> &String| {
            event
                .text_of(field)
                .map(str::to_owned)
                .or_else(|| from.as_ref().map(|v| of(v).clone()))
                .unwrap_or_default()
        };
        let number = |field: &str| event.data.get(field).and_then(Value::as_u64);
        let claimed =
            event.text_of("version").and_then(|version| version.strip_prefix('v')?.parse().ok()).unwrap_or(0);
        let metadata = event.data.get("metadata").filter(|metadata| metadata.is_object()).cloned();
        let version = ArtifactVersion {
            uid: event.uid(),
            entity,
            project,
            name,
            version: String::new(),
            kind: text("type", |v| &v.kind),
            digest: text("digest", |v| &v.digest),
            size: number("size").or(from.as_ref().map(|v| v.size)).unwrap_or(0),
            file_count: number("file_count").or(from.as_ref().map(|v| v.file_count)).unwrap_or(0),
            aliases: Vec::new(),
            tags: event.list("tags"),
            metadata: metadata
                .or_else(|| from.as_ref().map(|v| v.metadata.clone()))
                .unwrap_or_else(|| Map::new().into()),
            description: text("description", |v| &v.description),
            created: event.time(),
            updated: event.time(),
            made_by: Vec::new(),
            used_by: Vec::new(),
            source: from.map(|v| v.uid),
            number: claimed,
            claimed,
            // Its content went with the run that made it; the number stays taken.
            deleted: linked && source.is_none(),
        };
        self.by_uid.insert(version.uid.clone(), self.versions.len());
        self.versions.push(version);
    }

    /// Of two versions that claim one number, the older one keeps it, and the other gets the lowest that nobody claims.
    fn number(&mut self) {
        let mut collections: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (place, version) in self.versions.iter().enumerate() {
            collections.entry(version.collection()).or_default().push(place);
        }
        for mut places in collections.into_values() {
            places.sort_by(|a, b| {
                let (a, b) = (&self.versions[*a], &self.versions[*b]);
                a.created.total_cmp(&b.created).then_with(|| a.uid.cmp(&b.uid))
            });
            let mut taken: BTreeSet<u64> = places.iter().map(|place| self.versions[*place].claimed).collect();
            let (mut owned, mut free) = (BTreeSet::new(), 0);
            for place in places {
                if owned.insert(self.versions[place].claimed) {
                    continue;
                }
                while !taken.insert(free) {
                    free += 1;
                }
                self.versions[place].number = free;
            }
        }
        for version in &mut self.versions {
            version.version = format!("v{}", version.number);
        }
    }

    fn replay(&mut self, event: &ArtifactEvent) {
        let uid =
            event.text_of("of").filter(|_| event.text != "linked").map_or_else(|| event.uid(), str::to_owned);
        let Some(place) = self.by_uid.get(&uid).copied() else { return };
        let run = event.said_by().to_owned();
        let version = &mut self.versions[place];
        let add = |runs: &mut Vec<String>| {
            if !runs.contains(&run) {
                runs.push(run.clone());
            }
        };
        match event.text.as_str() {
            "used" => add(&mut version.used_by),
            "made" | "linked" => {
                if event.text == "made" {
                    add(&mut version.made_by);
                }
                let new: Vec<String> =
                    event.list("tags").into_iter().filter(|tag| !version.tags.contains(tag)).collect();
                version.tags.extend(new);
                self.point(place, &event.list("aliases"), false);
            }
            "changed" => self.change(place, event),
            "deleted" | "unlinked" => {
                version.updated = event.time();
                let links =
                    self.versions.iter().enumerate().filter(|(_, link)| link.source.as_ref() == Some(&uid));
                let gone: Vec<usize> = links.map(|(link, _)| link).chain([place]).collect();
                for place in gone {
                    self.versions[place].deleted = true;
                    self.point(place, &[], true);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, place: usize, event: &ArtifactEvent) {
        let version = &mut self.versions[place];
        version.updated = event.time();
        if event.data.contains_key("tags") {
            version.tags = event.list("tags");
        }
        if let Some(metadata) = event.data.get("metadata").filter(|metadata| metadata.is_object()) {
            version.metadata = metadata.clone();
        }
        if let Some(description) = event.data.get("description") {
            version.description = description.as_str().unwrap_or_default().to_owned();
        }
        if event.data.contains_key("aliases") {
            self.point(place, &event.list("aliases"), true);
        }
    }

    /// Lets aliases mean a version; with `only`, no others do.
    fn point(&mut self, place: usize, aliases: &[String], only: bool) {
        if only {
            self.aliases.retain(|(_, alias), of| *of != place || aliases.contains(alias));
        }
        let collection = self.versions[place].collection();
        for alias in aliases.iter().filter(|alias| *alias != "latest") {
            self.aliases.insert((collection.clone(), alias.clone()), place);
        }
    }

    fn settle(mut self) -> Vec<ArtifactVersion> {
        let mut latest: BTreeMap<_, usize> = BTreeMap::new();
        for (place, version) in self.versions.iter().enumerate().filter(|(_, version)| !version.deleted) {
            let newest = latest.entry(version.collection()).or_insert(place);
            let known = &self.versions[*newest];
            let by_age = version.claimed.cmp(&known.claimed).then(version.created.total_cmp(&known.created));
            if by_age.then_with(|| version.uid.cmp(&known.uid)).is_gt() {
                *newest = place;
            }
        }
        latest.into_values().for_each(|place| self.versions[place].aliases.push("latest".to_owned()));
        for ((_, alias), place) in std::mem::take(&mut self.aliases) {
            self.versions[place].aliases.push(alias);
        }
        self.versions.retain(|version| !version.deleted);
        self.versions.sort_by_cached_key(|version| (version.collection(), version.number));
        self.versions
    }
}

impl ArtifactVersion {
    fn collection(&self) -> (String, String, String) {
        (self.entity.clone(), self.project.clone(), self.name.clone())
    }
}
