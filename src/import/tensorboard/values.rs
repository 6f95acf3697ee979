//! The events of an event file become what a run says.

use super::events::EventReader;
use super::messages::{Any, AnyKind, Content, Event, Histogram, Hparams, Tagged, Tensor};
use super::tensor;
use crate::import::Take;
use crate::import::head::Head;
use crate::import::ledger::Ledger;
use crate::import::media::{self, Media};
use crate::import::proto::{decode, micros};
use crate::import::scribe::Said;
use crate::model::{Result, Value};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::io::Read;

/// The lane of the events.
const LANE: &str = "events";

/// Reads all events of a file.
pub(super) fn read(
    reader: &mut EventReader<impl Read>,
    head: &mut Head,
    ledger: &mut Ledger<'_>,
    take: Take<'_>,
) -> Result<()> {
    let mut reading = Reading { head, plugins: HashMap::new() };
    while let Some(bytes) = reader.next()? {
        let is_new = ledger.pass(LANE, bytes);
        match decode::<Event>(bytes) {
            Some(event) => {
                for said in reading.hear(event) {
                    if is_new {
                        take(said)?;
                    }
                }
            }
            None => reading.head.lose("an event is none of TensorBoard", 1),
        }
    }
    for (why, how_much) in reader.lost() {
        head.lose(why, *how_much);
    }
    Ok(())
}

struct Reading<'a> {
    head: &'a mut Head,
    /// Which plugin a tag is of: only the first event of the tag need say so.
    plugins: HashMap<String, String>,
}

impl Reading<'_> {
    /// Takes note of an event, and returns what it says: its values are one row.
    fn hear(&mut self, event: Event) -> Vec<Said> {
        let time = micros(event.wall_time).unwrap_or(self.head.last);
        self.head.heard(time);
        let (mut said, mut values) = (Vec::new(), Vec::new());
        if event.graph.is_some() {
            self.leave("the graph of the model");
        }
        for tagged in event.summary.unwrap_or_default().values {
            let tag = tagged.tag.clone();
            if let Some((value, files)) = self.value(tagged, event.step, time) {
                said.extend(files);
                values.push((tag, value));
            }
        }
        if !values.is_empty() {
            said.push(Said::Row { step: Some(event.step), time, values });
        }
        said
    }

    fn value(&mut self, tagged: Tagged, step: i64, time: i64) -> Option<(Value, Vec<Said>)> {
        let Tagged { tag, metadata, content } = tagged;
        if let Some(plugin) = metadata.and_then(|metadata| metadata.plugin) {
            if plugin.name == "hparams" {
                self.hparams(&plugin.content);
                return None;
            }
            self.plugins.insert(tag.clone(), plugin.name);
        }
        let media = Media { key: &tag, step, time };
        match content? {
            Content::Simple(number) => Some((Value::Float(f64::from(number)).canonical(), Vec::new())),
            Content::Image(image) => {
                let size = u64::try_from(image.width).ok().zip(u64::try_from(image.height).ok());
                Some(media.images(vec![image.encoded], size))
            }
            Content::Audio(audio) => Some(media.sounds(vec![audio.encoded])),
            Content::Histogram(histogram) => Some((of_buckets(*histogram)?, Vec::new())),
            Content::Tensor(tensor) => {
                let plugin = self.plugins.get(&tag).map(String::as_str).unwrap_or_default();
                let found = of_plugin(plugin, *tensor, &media);
                if found.is_none() {
                    self.head.lose("tensors were too large or of a type that is not known", 1);
                }
                found
            }
        }
    }

    fn hparams(&mut self, content: &[u8]) {
        let Some(found) = decode::<Hparams>(content) else {
            return self.head.lose("hyperparameters cannot be read", 1);
        };
        if let Some(start) = found.start {
            for (name, value) in start.hparams {
                self.head.config.insert(name, of_any(value));
            }
            if !start.group.is_empty() {
                self.head.group = start.group;
            }
            if let Some(time) = micros(start.start).filter(|time| *time > 0) {
                self.head.heard(time);
            }
        }
        if let Some(end) = found.end {
            if let Some(time) = micros(end.end).filter(|time| *time > 0) {
                self.head.heard(time);
            }
            self.head.end = Some((self.head.last, i32::from(end.status == 2)));
        }
    }

    fn leave(&mut self, what: &str) {
        if !self.head.left_out.iter().any(|left| left == what) {
            self.head.left_out.push(what.to_owned());
        }
    }
}

fn of_any(value: Any) -> Value {
    match value.kind {
        Some(AnyKind::Number(number)) => Value::Float(number).canonical(),
        Some(AnyKind::Text(text)) => Value::from(text),
        Some(AnyKind::Bool(bool)) => Value::from(bool),
        None => Value::from(Json::Null),
    }
}

/// Returns what a tensor of a plugin stands for.
fn of_plugin(plugin: &str, tensor: Tensor, media: &Media<'_>) -> Option<(Value, Vec<Said>)> {
    match plugin {
        "images" => {
            // Width and height come first.
            let mut strings = tensor::strings(tensor)?;
            let number = |text: &Vec<u8>| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
            let size = strings.first().and_then(number).zip(strings.get(1).and_then(number));
            let encoded = strings.split_off(strings.len().min(2));
            return (!encoded.is_empty()).then(|| media.images(encoded, size));
        }
        "audio" => {
            // Each with a label.
            let encoded: Vec<_> = tensor::strings(tensor)?.into_iter().step_by(2).collect();
            return (!encoded.is_empty()).then(|| media.sounds(encoded));
        }
        "histograms" => {
            let numbers = tensor::numbers(&tensor)?;
            let counts: Vec<f64> = numbers.chunks_exact(3).map(|row| row[2]).collect();
            let mut edges: Vec<f64> = numbers.chunks_exact(3).map(|row| row[0]).collect();
            edges.extend(numbers.chunks_exact(3).next_back().map(|row| row[1]));
            return Some((media::histogram(&counts, &edges)?, Vec::new()));
        }
        _ => {}
    }
    let value = if let Some(numbers) = tensor::numbers(&tensor) {
        let shape = tensor::shape(&tensor)?;
        match numbers.as_slice() {
            [number] if plugin == "scalars" || shape.is_empty() => Value::Float(*number).canonical(),
            _ => {
                let numbers: Vec<Json> = numbers.iter().map(|n| Value::Float(*n).to_json()).collect();
                Value::from(tensor::nested(&numbers, &shape))
            }
        }
    } else {
        let texts = tensor::strings(tensor)?;
        let texts: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
        Value::from(texts.join("\n"))
    };
    Some((value, Vec::new()))
}

fn of_buckets(histogram: Histogram) -> Option<Value> {
    let Histogram { min, max, limits, mut counts } = histogram;
    if limits.is_empty() || limits.len() != counts.len() {
        return None;
    }
    let mut edges = limits;
    if counts.len() > 1 && counts[0] == 0.0 {
        // An empty first bucket is only there for its limit, the edge of the second.
        counts.remove(0);
    } else {
        let first = edges[0];
        edges.insert(0, if min < first { min } else { first - 1.0 });
    }
    // The outer buckets may reach far beyond the values, to the largest number there is.
    if edges[0] < min && min < edges[1] {
        edges[0] = min;
    }
    if let [.., before, last] = edges.as_mut_slice()
        && *before < max
        && max < *last
    {
        *last = max;
    }
    media::histogram(&counts, &edges)
}
