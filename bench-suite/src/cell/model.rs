//! A cell's values in the form that workload models are read from.
//!
//! Suites write units (`4KiB`, `10us`, `100k/s`, `70x4KiB+30x64KiB`, `exponential-1ms`); the models read
//! plain numbers and tables. The two JSON objects made here go to `Common` and `Model` by serde, which
//! refuse what they do not know.

use super::{CellError, CellSpec};
use serde_json::{Map, Value, from_value, json};
use workloads::model::{Common, Model};
use workloads::suite::keys::Scenario;
use workloads::suite::model_keys;
use workloads::suite::value::{Base, Quantity};

/// What a cell says to its model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelValues {
    /// For the parameters that all models share.
    pub common: Value,
    /// For the model itself, its `name` included.
    pub model: Value,
}

/// The model of a cell and what it shares with all models.
///
/// # Errors
/// What the models refuse.
pub fn model_of(spec: &CellSpec) -> Result<(Model, Common), CellError> {
    let values = values(spec)?;
    let refused = |error: serde_json::Error| CellError::Spec(format!("the model: {error}"));
    Ok((from_value(values.model).map_err(refused)?, from_value(values.common).map_err(refused)?))
}

/// Takes the model's values out of a cell.
///
/// # Errors
/// A scenario without a model, a value that is none.
pub fn values(spec: &CellSpec) -> Result<ModelValues, CellError> {
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    let name = scenario.model.ok_or_else(|| CellError::Spec("the cell names no model".to_owned()))?;
    let taken = |keys: &[(&str, _)]| -> Result<Map<String, Value>, CellError> {
        let mut map = Map::new();
        for (key, _) in keys {
            if let Some(text) = spec.text(key) {
                let wrong = || CellError::Parameter { key: (*key).to_owned(), value: text.to_owned() };
                map.insert((*key).to_owned(), value(key, text).ok_or_else(wrong)?);
            }
        }
        Ok(map)
    };
    let common = taken(&model_keys::COMMON)?;
    let mut model = taken(model_keys::own(&name))?;
    model.insert("name".to_owned(), Value::String(name));
    Ok(ModelValues { common: Value::Object(common), model: Value::Object(model) })
}

/// One value; nothing where it is none.
fn value(key: &str, text: &str) -> Option<Value> {
    match key {
        "sizes" | "packets" | "payloads" => sizes(text),
        "ends" => ends(text),
        "try_failed" => Some(Value::Bool(text == "on")),
        "trace" => Some(json!(workloads::trace::find(text))),
        _ => Some(plain(text)),
    }
}

/// A number in its base unit, a mask, a share, or a word.
fn plain(text: &str) -> Value {
    if let Some(quantity) = Quantity::parse(text) {
        return json!(quantity.number);
    }
    if let Some(mask) = text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        return json!(mask);
    }
    text.parse::<f64>().ok().filter(|x| x.is_finite()).map_or_else(|| json!(text), |x| json!(x))
}

/// `4KiB`, or `70x4KiB+30x64KiB`.
fn sizes(text: &str) -> Option<Value> {
    let share = |part: &str| {
        let (weight, size) = part.split_once('x').unwrap_or(("1", part));
        let size = Quantity::parse(size).filter(|q| q.unit == Base::Bytes)?;
        Some(json!({ "bytes": size.number, "weight": weight.parse::<f64>().ok()? }))
    };
    text.split('+').map(share).collect::<Option<Vec<_>>>().map(Value::Array)
}

/// `fifo`, `random`, `exponential-1ms`, `constant-10us`, `lognormal-1ms-1.5`.
fn ends(text: &str) -> Option<Value> {
    let mut parts = text.split('-');
    let kind = parts.next()?;
    let mut ns = || Quantity::parse(parts.next()?).filter(|q| q.unit == Base::Nanoseconds).map(|q| q.number);
    Some(match kind {
        "fifo" | "random" => json!({ "kind": kind }),
        "exponential" => json!({ "kind": kind, "mean_ns": ns()? }),
        "constant" => json!({ "kind": kind, "ns": ns()? }),
        "lognormal" => {
            let median = ns()?;
            json!({ "kind": kind, "median_ns": median, "sigma": parts.next()?.parse::<f64>().ok()? })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use std::collections::BTreeMap;
    use workloads::suite::Cell;

    fn of(scenario: &str, pairs: &[(&str, &str)]) -> Result<ModelValues, CellError> {
        let text = |t: &str| t.to_owned();
        let values: BTreeMap<_, _> = pairs.iter().map(|(k, v)| (text(k), text(v))).collect();
        let cell =
            Cell { id: text("s/x"), scenario: text(scenario), policy: text("kernel"), values, seed: 1 };
        let suite = text("s");
        values_of(CellSpec {
            counting: None,
            suite,
            suite_hash: String::new(),
            cell,
            launch: 0,
            quick: true,
            block: None,
            arm: None,
            program: None,
        })
    }

    fn values_of(spec: CellSpec) -> Result<ModelValues, CellError> {
        values(&spec)
    }

    #[test]
    fn units_become_plain_numbers() {
        let found = of(
            "model storage",
            &[
                ("threads", "2"),
                ("rate_per_s", "100000/s"),
                ("ends", "exponential-1ms"),
                ("sizes", "70x4KiB+30x64KiB"),
                ("min_align_mask", "0xfff"),
                ("read_share", "0.7"),
                ("depth", "unbounded"),
                ("nslabs", "4096"),
            ],
        )
        .unwrap();
        assert_eq!(
            found.common,
            json!({ "threads": 2, "rate_per_s": 100_000, "read_share": 0.7, "depth": "unbounded",
                "ends": { "kind": "exponential", "mean_ns": 1_000_000 } })
        );
        let sizes = json!([{ "bytes": 4096, "weight": 70.0 }, { "bytes": 65536, "weight": 30.0 }]);
        assert_eq!(found.model, json!({ "name": "storage", "sizes": sizes, "min_align_mask": 4095 }));
    }

    #[test]
    fn values_that_are_none_are_refused() {
        assert!(of("model storage", &[("sizes", "many")]).is_err());
        assert!(of("model storage", &[("ends", "exponential")]).is_err());
        assert!(of("control", &[]).is_err());
    }
}
