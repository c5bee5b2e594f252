//! From a suite file to a [`Suite`].

use super::keys::{self, Scenario};
use super::range::{self, MOST_VALUES};
use super::statements::{CLAIM, EXPECT, Known, claim, claim_ids, expect};
use super::table::{Item, Keys, Source, Table, scalar};
use super::value::Kind;
use super::{Named, PerMode, Suite, SuiteError, error, hash};
use std::collections::{BTreeMap, HashSet};
use toml::de::DeValue;

/// Values by parameter.
type Axes = BTreeMap<String, Vec<String>>;

/// What a suite file may have.
const SUITE: &[&str] = &[
    "name",
    "title",
    "questions",
    "analysis",
    "scenario",
    "policies",
    "show",
    "skip",
    "parameters",
    "axes",
    "quick",
    "launches",
    "seconds",
    "expect",
    "claim",
];
const MODES: &[&str] = &["quick", "full"];

/// Reads the suite in `text`; `name` is what messages call the file.
///
/// # Errors
/// The first mistake, with its line and column.
pub fn read(name: &str, text: &str) -> Result<Suite, SuiteError> {
    let source = Source { name, text };
    let mut file = Table::file(source, "suite", Keys::Known(SUITE))?;
    let suite_name = suite_name(&mut file)?;
    let item = file.need("scenario")?;
    let word = item.get_ref().as_str().unwrap_or("");
    let scenario = Scenario::parse(word).map_err(|message| source.error(item.span(), message))?;
    let (title, analysis) = (file.text("title")?, file.text("analysis")?);
    let (questions, policies) = (questions(&mut file)?, policies(&mut file, &scenario)?);
    let show = names(&mut file, "show")?;
    let parameters = parameters(file.table("parameters", Keys::Any)?, &scenario)?;
    let axes = own_axes(file.table("axes", Keys::Any)?, &scenario, &parameters)?;
    let known = Known(axes.keys().chain(parameters.keys()).map(String::as_str).chain(["policy"]).collect());
    let (usual, seconds) = (PerMode { quick: 3.0, full: 12.0 }, PerMode { quick: 0.3, full: 1.0 });
    Ok(Suite {
        name: suite_name,
        title,
        questions,
        analysis,
        policies,
        show,
        quick_axes: quick_axes(file.table("quick", Keys::Any)?, &scenario, &axes)?,
        skip: known.filters(&mut file, "skip")?,
        launches: per_mode(file.table("launches", Keys::Known(MODES))?, usual, 1.0, 1_000.0)?
            .map(to_launches),
        seconds: per_mode(file.table("seconds", Keys::Known(MODES))?, seconds, 0.0, 3_600.0)?,
        expects: all(file.tables("expect", Keys::Known(EXPECT))?, |table| expect(table, &known))?,
        claims: all(file.tables("claim", Keys::Known(CLAIM))?, |table| claim(table, &known))?,
        hash: hash(text),
        source_name: name.to_owned(),
        scenario,
        parameters,
        axes,
    })
}

fn all<'a, T>(
    tables: Vec<Table<'a>>,
    read: impl Fn(Table<'a>) -> Result<T, SuiteError>,
) -> Result<Vec<T>, SuiteError> {
    tables.into_iter().map(read).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 1 to 1,000")]
fn to_launches(number: f64) -> u32 {
    number as u32
}

fn suite_name(file: &mut Table<'_>) -> Result<String, SuiteError> {
    let item = file.need("name")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = item.get_ref().as_str().filter(|n| !n.is_empty() && n.len() <= 60 && n.chars().all(fits));
    let wrong = || file.source().error(item.span(), "`name` has to be lower-case letters, digits and `-`");
    name.map(str::to_owned).ok_or_else(wrong)
}

fn questions(file: &mut Table<'_>) -> Result<Vec<String>, SuiteError> {
    let known: Vec<String> = (1..=8).map(|n| format!("Q{n}")).chain(claim_ids()).collect();
    let mut questions = Vec::new();
    for (text, span) in file.texts("questions")? {
        if !known.contains(&text) {
            let message = error::unknown("question or claim", &text, known.iter().map(String::as_str));
            return Err(file.source().error(span, message));
        }
        questions.push(text);
    }
    Ok(questions)
}

fn names(file: &mut Table<'_>, key: &'static str) -> Result<Vec<Named>, SuiteError> {
    let source = file.source();
    let named = |(text, span): (String, _)| Named { text, place: source.place(span) };
    Ok(file.texts(key)?.into_iter().map(named).collect())
}

fn policies(file: &mut Table<'_>, scenario: &Scenario) -> Result<Vec<Named>, SuiteError> {
    let texts = names(file, "policies")?;
    match (scenario.sort.has_policy(), texts.is_empty()) {
        (true, true) => Err(file.error("the suite lacks `policies`")),
        (false, false) => {
            Err(file.error(format!("`{scenario}` has no policy under test: remove `policies`")))
        }
        _ => Ok(texts),
    }
}

fn parameters(table: Option<Table<'_>>, scenario: &Scenario) -> Result<BTreeMap<String, String>, SuiteError> {
    let mut parameters = BTreeMap::new();
    for (key, mut values) in axes(table, scenario)? {
        // A list here would be an axis: `axes` is asked first and reads both.
        if let (Some(value), true) = (values.pop(), values.is_empty()) {
            parameters.insert(key, value);
        }
    }
    Ok(parameters)
}

fn axes(table: Option<Table<'_>>, scenario: &Scenario) -> Result<Axes, SuiteError> {
    let Some(table) = table else { return Ok(Axes::new()) };
    let source = table.source();
    let mut axes = Axes::new();
    for (key, item) in table.entries() {
        let wrong = |message| source.error(key.span(), message);
        let kind = keys::kind(scenario, key.get_ref()).map_err(wrong)?;
        let values = values(source, kind, &item)?;
        axes.insert(key.into_inner(), values);
    }
    Ok(axes)
}

/// The suite's axes; none of them may be a parameter too.
fn own_axes(
    table: Option<Table<'_>>,
    scenario: &Scenario,
    parameters: &BTreeMap<String, String>,
) -> Result<Axes, SuiteError> {
    only(table.as_ref(), |key| {
        let twice = || format!("`{key}` is an axis and a parameter: one of them is too many");
        parameters.contains_key(key).then(twice)
    })?;
    axes(table, scenario)
}

/// Other values for a quick run, of axes that there are.
fn quick_axes(table: Option<Table<'_>>, scenario: &Scenario, own: &Axes) -> Result<Axes, SuiteError> {
    only(table.as_ref(), |key| {
        let none = || format!("[quick] has `{key}`, which is no axis of this suite");
        (!own.contains_key(key)).then(none)
    })?;
    axes(table, scenario)
}

/// Refuses the first key that `wrong` has something to say about.
fn only(table: Option<&Table<'_>>, wrong: impl Fn(&str) -> Option<String>) -> Result<(), SuiteError> {
    let Some(table) = table else { return Ok(()) };
    let said = table.keys().into_iter().find_map(|(key, span)| Some((span, wrong(key)?)));
    said.map_or(Ok(()), |(span, message)| Err(table.source().error(span, message)))
}

/// The values of an axis: one, a range, or a list of both.
fn values(source: Source<'_>, kind: Kind, item: &Item<'_>) -> Result<Vec<String>, SuiteError> {
    let items = match item.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        _ => vec![item],
    };
    let (mut values, mut seen) = (Vec::new(), HashSet::new());
    for item in items {
        let wrong = |message: String| source.error(item.span(), message);
        let text = scalar(item.get_ref())
            .ok_or_else(|| wrong("a value has to be a text, a number or a boolean".into()))?;
        for value in range::expand(kind, &text).map_err(wrong)? {
            if !seen.insert(value.clone()) {
                return Err(wrong(format!("the value {value} is there twice")));
            }
            if values.len() == MOST_VALUES {
                return Err(wrong(format!("more than {MOST_VALUES} values of one axis")));
            }
            values.push(value);
        }
    }
    if values.is_empty() {
        return Err(source.error(item.span(), "an axis wants at least one value"));
    }
    Ok(values)
}

fn per_mode(
    table: Option<Table<'_>>,
    usual: PerMode<f64>,
    least: f64,
    most: f64,
) -> Result<PerMode<f64>, SuiteError> {
    let Some(mut table) = table else { return Ok(usual) };
    let read = PerMode {
        quick: table.number_if("quick")?.unwrap_or(usual.quick),
        full: table.number_if("full")?.unwrap_or(usual.full),
    };
    if [read.quick, read.full].iter().any(|n| !(least..=most).contains(n)) {
        return Err(table.error(format!("these have to be within {least} and {most}")));
    }
    Ok(read)
}
