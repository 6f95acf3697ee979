use super::*;
use crate::query::field::Named;
use proptest::prelude::*;
use serde_json::json;

/// A run of nothing but JSON.
struct Json(serde_json::Value);

impl Fields for Json {
    fn value(&self, field: &Field) -> Scalar<'_> {
        let (scope, path) = match field {
            Field::Config(path) => ("config", path),
            Field::Summary(path) => ("summary", path),
            Field::Of(named) => {
                return self.0.get(named.name()).map_or(Scalar::Missing, Scalar::of);
            }
        };
        crate::query::descend(&self.0[scope], path)
    }
}

fn run() -> Json {
    Json(json!({
        "id": "12345678", "name": "base \"one\"", "state": "finished", "started": 1_769_860_800.25, "ended": null,
        "tags": ["best", "v2"], "last_step": 99, "archived": false, "notes": "",
        "config": {"lr": 0.5, "seed": 9_007_199_254_740_993_i64, "opt": {"name": "adam", "betas": [0.9, 0.99]}, "a.b": {"c": 1},
                   "bf16": true, "none": null, "version": "10"},
        "summary": {"loss": "NaN", "best": "Infinity", "val/acc": 0.75, "a b": 1},
    }))
}

#[test]
fn filters_mean_what_they_say() {
    for (holds, filters) in [(true, HOLD), (false, HOLD_NOT)] {
        for filter in filters {
            let parsed = Filter::parse(filter).unwrap_or_else(|e| panic!("{filter}: {e}"));
            assert_eq!(parsed.matches(&run()), holds, "{filter}");
            assert_eq!(Filter::parse(&parsed.to_string()).unwrap(), parsed, "{filter} is {parsed}");
        }
    }
}

const HOLD: &[&str] = &[
    "id = 12345678",
    "id in [1, 12345678]",
    "name = \"base \\\"one\\\"\"",
    "name ~ '^base.*$' and name !~ other",
    "name has one and not name has two",
    "state = finished",
    "state in [finished, crashed]",
    "started > 2026-01-31 and started < 2026-02-01",
    "started >= 2026-01-31T12:00:00Z and created < '2026-01-31 12:01'",
    "started = 1769860800.25",
    "ended = null",
    "tags has best and tags = v2 and tags != other and tags ~ 'v[0-9]'",
    "last_step >= 99",
    "archived = false",
    "config.lr > 0.1",
    "config.lr=.5",
    "config.lr not in [1, 2]",
    "config.seed = 9007199254740993",
    "config.opt.name = adam",
    "config.opt.betas > 0.95",
    "config.opt.betas has 0.9",
    "config.opt exists",
    "config.a.b.c = 1",
    "config.\"a.b\" exists",
    "config.bf16 = true",
    "config.none = null AND config.none exists",
    "config.missing = null and NOT config.missing exists",
    "config.missing != 1",
    "config.version = 10",
    "summary.loss = NaN",
    "summary.best > 1e300",
    "summary.val/acc < 1",
    "summary.\"a b\" = 1",
    "summary.'a b' = 1",
    "(config.lr > 1 or config.lr < 0.6) and not (state = crashed or state = running)",
    "state = crashed and state = running or state = finished",
];

const HOLD_NOT: &[&str] = &[
    "config.seed = 9007199254740992",
    "config.lr > a",
    "config.version > 2",
    "config.bf16 = 1",
    "config.bf16 > false",
    "config.missing < 1",
    "config.missing > 0",
    "config.opt = adam",
    "summary.loss < 1 or summary.loss >= 1 or summary.loss = 1",
    "config.lr ~ '.*'",
    "last_step < 99",
    "tags = bes",
    "notes has x",
    "state = crashed and (state = running or state = finished)",
];

#[test]
fn an_order_puts_what_is_missing_last() {
    let runs: Vec<_> = [json!(2), json!("NaN"), json!("b"), json!(1.5), json!(true), json!(null), json!("a")]
        .into_iter()
        .map(|x| Json(json!({"summary": {"x": x}})))
        .collect();
    for (order, wanted) in [
        ("summary.x", json!([1.5, 2, "a", "b", true, "NaN", null])),
        ("-summary.x", json!([true, "b", "a", 2, 1.5, "NaN", null])),
    ] {
        let order = crate::query::Order::parse(order).unwrap();
        let mut sorted: Vec<&Json> = runs.iter().collect();
        sorted.sort_by(|a, b| order.compare(&order.values(*a), &order.values(*b)));
        let found: Vec<_> = sorted.iter().map(|run| run.0["summary"]["x"].clone()).collect();
        assert_eq!(serde_json::Value::from(found), wanted);
    }
}

fn any_place() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<i64>().prop_map(serde_json::Value::from),
        (-3i64..3).prop_map(serde_json::Value::from),
        (0i64..4).prop_map(|n| json!((1i64 << 53) + n)),
        (0i64..4).prop_map(|n| json!(9_007_199_254_740_992.0 + n as f64)),
        any::<f64>().prop_map(|float| crate::Value::Float(float).to_json()),
        Just(json!(-0.0)),
        Just(json!(true)),
        "[a-b]{0,10}".prop_map(serde_json::Value::from),
        any_text().prop_map(serde_json::Value::from),
        Just(json!([1])),
    ]
}

proptest! {
    #[test]
    fn an_order_is_one_and_what_is_about_a_value_keeps_to_it(
        values in prop::collection::vec(any_place(), 3),
        falls in any::<bool>(),
    ) {
        let order = crate::query::Order::parse(if falls { "-summary.x" } else { "summary.x" }).unwrap();
        let scalars: Vec<Scalar<'_>> = values.iter().map(Scalar::of).collect();
        let compare = |a: usize, b: usize| order.compare(&scalars[a..=a], &scalars[b..=b]);
        for (a, b, c) in [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0), (1, 0, 2), (0, 2, 1)] {
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            if compare(a, b).is_le() {
                prop_assert!(order.about(&scalars[a]) <= order.about(&scalars[b]));
                if compare(b, c).is_le() {
                    let both = compare(a, b).then(compare(b, c));
                    prop_assert_eq!(compare(a, c), both, "{:?}", values);
                }
            }
        }
    }
}

#[test]
fn what_would_take_too_long_is_refused() {
    let deep = |n: usize| format!("{}id=1{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&deep(FILTER_DEPTH - 1)).is_ok());
    let many = |n: usize| format!("id in [{}]", vec!["1"; n].join(","));
    assert!(Filter::parse(&many(FILTER_VALUES)).is_ok());
    for (filter, why) in [
        (deep(FILTER_DEPTH), "levels of `not` and parentheses"),
        (format!("{}id=1", "not ".repeat(FILTER_BYTES / 4 - 2)), "levels of `not`"),
        ("(".repeat(FILTER_BYTES), "levels of `not`"),
        (many(FILTER_VALUES + 1), "more than 500 values"),
        (vec!["id ~ a"; FILTER_PATTERNS + 1].join(" or "), "more than 16 patterns"),
        ("name ~ '(a{1000}){1000}'".to_owned(), "the pattern is too large"),
        (format!("name ~ '{}{}'", "(".repeat(100), ")".repeat(100)), "the pattern is none"),
        ("x".repeat(FILTER_BYTES + 1), "at most 16384 can be"),
    ] {
        let error = Filter::parse(&filter).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just("null".to_owned()), "[ -~]{0,8}", "\\PC{0,6}", Just("a\\\\\"'\\n\n".to_owned())]
}

fn any_literal() -> impl Strategy<Value = Literal> {
    let word = "[a-zA-Z0-9_./:+*-]{1,8}"
        .prop_filter("a word of the language", |word| Filter::parse(&format!("config.x = {word}")).is_ok());
    let words = word.prop_map(|text| (text, false));
    let texts = any_text().prop_map(|text| (text, true));
    prop_oneof![words, texts].prop_map(|(text, quoted)| Literal { text, quoted, meaning: Meaning::Text })
}

fn any_field() -> impl Strategy<Value = Field> {
    let named = [Named::Id, Named::Name, Named::Notes, Named::Tags, Named::JobType];
    prop_oneof![
        proptest::sample::select(named.to_vec()).prop_map(Field::Of),
        any_text().prop_map(Field::Config),
        "[a-z./]{1,9}".prop_map(Field::Summary),
    ]
}

fn any_test() -> impl Strategy<Value = Test> {
    let senses = vec![Sense::Below, Sense::AtMost, Sense::Above, Sense::AtLeast];
    prop_oneof![
        any_literal().prop_map(Test::Equals),
        (proptest::sample::select(senses), any_literal())
            .prop_map(|(sense, value)| Test::Comes(sense, value)),
        any_text().prop_map(|text| Test::Matches(Pattern(Regex::new(&regex::escape(&text)).unwrap()))),
        proptest::collection::vec(any_literal(), 1..4).prop_map(Test::In),
        any_literal().prop_map(Test::Has),
        Just(Test::Exists),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = (any_field(), any_test()).prop_map(|(field, test)| Filter::Is(field, test));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(filter in any_filter()) {
        let printed = filter.to_string();
        let read = Filter::parse(&printed);
        prop_assert_eq!(read.map_err(|e| format!("{printed}: {e}")), Ok(filter));
    }

    #[test]
    fn whatever_comes_is_read_or_refused(text in "(config\\.|id|[ -~]|\\PC| and | or |not |in \\[|\"|'|~|=){0,30}") {
        if let Ok(filter) = Filter::parse(&text) {
            filter.matches(&run());
            prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
        }
    }
}
