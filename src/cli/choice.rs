//! Which runs a person wants to see, in which order, and what of them.

use super::lines::{show, time};
use super::output::{Output, bytes};
use super::there::Remote;
use crate::model::Result;
use crate::query::{self, Field, Fields, Filter, Named, Order, RunDetails, RunInfo, Scalar};

/// Which runs to show, in which order, and what of them.
pub(super) struct Choice {
    pub(super) filter: Option<Filter>,
    pub(super) order: Option<Order>,
    pub(super) columns: Option<Vec<Field>>,
    pub(super) limit: usize,
}

/// The runs that were chosen, and the values of their columns if such were named.
pub(super) struct Chosen {
    pub(super) runs: Vec<RunInfo>,
    pub(super) rows: Option<Vec<Vec<Scalar<'static>>>>,
}

/// A run with as much of it as is asked for.
enum Known {
    AtAGlance(Box<RunInfo>),
    Whole(Box<RunDetails>),
}

impl Fields for Known {
    fn value(&self, field: &Field) -> Scalar<'_> {
        match self {
            Self::AtAGlance(info) => info.value(field),
            Self::Whole(details) => details.value(field),
        }
    }
}

impl Choice {
    pub(super) fn choose(&self, runs: Vec<RunInfo>) -> Result<Chosen> {
        let mut fields = self.filter.iter().flat_map(Filter::fields).chain(self.columns.iter().flatten());
        let ordered = self.order.iter().flat_map(Order::fields);
        let glance = fields.all(Field::is_at_a_glance) && ordered.into_iter().all(Field::is_at_a_glance);
        let known = |run: RunInfo| match glance {
            true => Ok(Known::AtAGlance(Box::new(run))),
            false => query::united_details(&run).map(Box::new).map(Known::Whole),
        };
        let mut runs = runs.into_iter().map(known).collect::<Result<Vec<_>>>()?;
        runs.retain(|run| self.filter.as_ref().is_none_or(|filter| filter.matches(run)));
        if let Some(order) = &self.order {
            runs.sort_by(|a, b| order.compare(&order.values(a), &order.values(b)));
        }
        runs.truncate(self.limit);
        let row = |columns: &Vec<Field>, run: &Known| {
            columns.iter().map(|field| run.value(field).into_owned()).collect()
        };
        let rows = self.columns.as_ref().map(|columns| runs.iter().map(|run| row(columns, run)).collect());
        let info = |run| match run {
            Known::AtAGlance(info) => *info,
            Known::Whole(details) => details.info,
        };
        Ok(Chosen { runs: runs.into_iter().map(info).collect(), rows })
    }
}

impl Choice {
    /// Lets a server choose, by the same filter and an order as it was given, and prints what it says.
    pub(super) fn ask(
        &self,
        remote: &Remote,
        sort: Option<&str>,
        json: bool,
        output: &mut Output,
    ) -> Result<bool> {
        let filter = self.filter.as_ref().map(ToString::to_string);
        let mut asked = vec![("sort", sort.unwrap_or("started"))];
        asked.extend(filter.as_deref().map(|filter| ("filter", filter)));
        let Some(columns) = &self.columns else {
            let runs: Vec<RunInfo> =
                remote.listed(&asked, self.limit)?.into_iter().map(|(_, run)| run).collect();
            if json {
                output.json(&runs)?;
            } else {
                show(&runs, output)?;
            }
            return Ok(true);
        };
        let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let list = names.join(",");
        asked.push(("columns", &list));
        let said = remote.pages(&asked, self.limit)?;
        let row = |run: &serde_json::Value| {
            let value = |name: &str| run.get(name).filter(|value| !value.is_null());
            names.iter().map(|name| value(name).map_or(Scalar::Missing, Scalar::of).into_owned()).collect()
        };
        show_columns(columns, &said.iter().map(row).collect::<Vec<Vec<_>>>(), json, output)?;
        Ok(true)
    }
}

/// Prints what was asked for of the chosen runs.
pub(super) fn show_columns(
    columns: &[Field],
    rows: &[Vec<Scalar<'_>>],
    json: bool,
    output: &mut Output,
) -> Result<()> {
    if json {
        let object = |row: &Vec<Scalar<'_>>| {
            let pairs = columns.iter().zip(row).map(|(field, value)| (field.to_string(), value.to_json()));
            pairs.collect::<serde_json::Map<_, _>>()
        };
        return output.json(&rows.iter().map(object).collect::<Vec<_>>());
    }
    let number = |n: usize| rows.iter().all(|row| row[n].as_f64().is_some() || row[n] == Scalar::Missing);
    let heading: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(n, field)| format!("{}{}", if number(n) { ">" } else { "" }, title(field)))
        .collect();
    let cell = |(field, value): (&Field, &Scalar<'_>)| match (field, value) {
        (Field::Of(Named::Started | Named::Ended), Scalar::Float(seconds)) => time(*seconds),
        (Field::Of(Named::Bytes), Scalar::Int(int)) => bytes(int.cast_unsigned()),
        (_, Scalar::Missing) => String::new(),
        (_, Scalar::Text(text)) => text.to_string(),
        (_, value) => value.to_json().to_string(),
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| columns.iter().zip(row).map(cell).collect()).collect();
    output.table(&heading.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
}

/// What is logged has names of its own; the others are as `ls` has them.
fn title(field: &Field) -> String {
    match field {
        Field::Of(named) => named.name().replace('_', " ").to_uppercase(),
        logged => logged.to_string(),
    }
}
