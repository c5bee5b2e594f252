//! From a suite file to a [`Suite`].

use super::expect::{Claim, Expect, Sign, Subject, Test};
use super::filter::Filter;
use super::keys::{self, Scenario};
use super::table::{Item, Source, Table, scalar};
use super::value::Kind;
use super::{PerMode, Suite, SuiteError, hash, range};
use std::collections::BTreeMap;
use toml::de::DeValue;

/// Values by parameter.
type Axes = BTreeMap<String, Vec<String>>;

/// Reads the suite in `text`; `name` is what messages call the file.
///
/// # Errors
/// The first mistake, with its line and column.
pub fn read(name: &str, text: &str) -> Result<Suite, SuiteError> {
    let source = Source { name, text };
    let mut file = Table::file(source)?;
    let suite_name = suite_name(&mut file)?;
    let item = file.need("scenario")?;
    let word = item.get_ref().as_str().unwrap_or("");
    let scenario = Scenario::parse(word).map_err(|message| source.error(item.span(), message))?;
    let suite = Suite {
        name: suite_name,
        title: file.text("title")?,
        questions: questions(&mut file)?,
        analysis: file.text("analysis")?,
        policies: policies(&mut file, &scenario)?,
        parameters: parameters(file.table("parameters")?, &scenario)?,
        axes: axes(file.table("axes")?, &scenario)?,
        quick_axes: axes(file.table("quick")?, &scenario)?,
        skip: filters(&mut file, "skip")?,
        launches: per_mode(file.table("launches")?, PerMode { quick: 3.0, full: 12.0 }, 1.0, 1_000.0)?
            .map(to_launches),
        seconds: per_mode(file.table("seconds")?, PerMode { quick: 0.3, full: 1.0 }, 0.0, 3_600.0)?,
        expects: file.tables("expect")?.into_iter().map(expect).collect::<Result<_, _>>()?,
        claims: file.tables("claim")?.into_iter().map(claim).collect::<Result<_, _>>()?,
        hash: hash(text),
        source_name: name.to_owned(),
        scenario,
    };
    let whole = file.error("");
    file.finish()?;
    check_keys(&suite).map_err(|message| SuiteError { message, ..whole })?;
    Ok(suite)
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
    let known: Vec<String> =
        (1..=8).map(|n| format!("Q{n}")).chain((1..=10).map(|n| format!("N{n}"))).collect();
    let mut questions = Vec::new();
    for (text, span) in file.texts("questions")? {
        if !known.contains(&text) {
            let message = super::error::unknown("question or claim", &text, known.iter().map(String::as_str));
            return Err(file.source().error(span, message));
        }
        questions.push(text);
    }
    Ok(questions)
}

fn policies(file: &mut Table<'_>, scenario: &Scenario) -> Result<Vec<String>, SuiteError> {
    let texts: Vec<String> = file.texts("policies")?.into_iter().map(|(text, _)| text).collect();
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

/// The values of an axis: one, a range, or a list of both.
fn values(source: Source<'_>, kind: Kind, item: &Item<'_>) -> Result<Vec<String>, SuiteError> {
    let items = match item.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        _ => vec![item],
    };
    let mut values: Vec<String> = Vec::new();
    for item in items {
        let wrong = |message: String| source.error(item.span(), message);
        let text = scalar(item.get_ref())
            .ok_or_else(|| wrong("a value has to be a text, a number or a boolean".into()))?;
        for value in range::expand(kind, &text).map_err(wrong)? {
            if values.contains(&value) {
                return Err(wrong(format!("the value {value} is there twice")));
            }
            values.push(value);
        }
    }
    if values.is_empty() {
        return Err(source.error(item.span(), "an axis wants at least one value"));
    }
    Ok(values)
}

fn filters(table: &mut Table<'_>, key: &'static str) -> Result<Vec<Filter>, SuiteError> {
    let source = table.source();
    let read =
        |(text, span): (String, _)| Filter::parse(&text).map_err(|message| source.error(span, message));
    table.texts(key)?.into_iter().map(read).collect()
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
    table.finish()?;
    Ok(read)
}

fn expect(mut table: Table<'_>) -> Result<Expect, SuiteError> {
    let says = table.text("says")?;
    let subject = subject(&mut table)?;
    let below = table.number_if("ratio_below")?.or(table.number_if("below")?);
    let above = table.number_if("ratio_above")?.or(table.number_if("above")?);
    let test = match (above, below) {
        (None, Some(below)) => Test::Below(below),
        (Some(above), None) => Test::Above(above),
        (Some(above), Some(below)) => Test::Within(above, below),
        (None, None) => {
            return Err(
                table.error("the expect lacks a bound: `ratio_below`, `ratio_above`, `below` or `above`")
            );
        }
    };
    table.finish()?;
    Ok(Expect { says, subject, test })
}

fn claim(mut table: Table<'_>) -> Result<Claim, SuiteError> {
    let sign_item = table.need("sign")?;
    let sign = match sign_item.get_ref().as_str() {
        Some("lower") => Sign::Lower,
        Some("higher") => Sign::Higher,
        _ => return Err(table.source().error(sign_item.span(), "`sign` has to be \"lower\" or \"higher\"")),
    };
    let claim = Claim {
        id: table.text("id")?,
        says: table.text("says")?,
        subject: subject(&mut table)?,
        sign,
        smallest: table.number_if("smallest")?.unwrap_or(0.02),
        claimed: table.number_if("claimed")?.unwrap_or(1.0),
        own_noise: table.number_if("own_noise")?.unwrap_or(0.0),
        undecidable: table.text_if("undecidable")?,
    };
    table.finish()?;
    Ok(claim)
}

fn subject(table: &mut Table<'_>) -> Result<Subject, SuiteError> {
    Ok(Subject {
        metric: table.text("metric")?,
        compare: filter(table, "compare")?.unwrap_or_default(),
        against: filter(table, "against")?,
        within: filter(table, "where")?.unwrap_or_default(),
    })
}

/// A condition, as an expression or as a table of keys and values.
fn filter(table: &mut Table<'_>, key: &'static str) -> Result<Option<Filter>, SuiteError> {
    let source = table.source();
    let Some(item) = table.take(key) else { return Ok(None) };
    let wrong = |message: String| source.error(item.span(), message);
    match item.get_ref() {
        DeValue::Table(pairs) => {
            let pair = |(key, value): (&toml::Spanned<_>, &Item<'_>)| {
                let text =
                    scalar(value.get_ref()).ok_or_else(|| wrong("a condition's values are single".into()))?;
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Ok((key.to_string(), text))
            };
            let pairs = pairs.iter().map(pair).collect::<Result<Vec<_>, SuiteError>>()?;
            Ok(Some(Filter::equal(pairs.iter().map(|(k, v)| (k.as_str(), v.clone())))))
        }
        value => {
            let text = value.as_str().ok_or_else(|| wrong(format!("`{key}` has to be a condition")))?;
            Filter::parse(text).map(Some).map_err(wrong)
        }
    }
}

/// Conditions may only ask about what cells have, and no parameter may be an axis too.
fn check_keys(suite: &Suite) -> Result<(), String> {
    let known: Vec<&str> =
        suite.axes.keys().chain(suite.parameters.keys()).map(String::as_str).chain(["policy"]).collect();
    let subjects = suite.expects.iter().map(|e| &e.subject).chain(suite.claims.iter().map(|c| &c.subject));
    let asked = subjects.flat_map(|s| [Some(&s.compare), s.against.as_ref(), Some(&s.within)]);
    for key in asked.flatten().chain(&suite.skip).flat_map(Filter::keys) {
        if !known.contains(&key) {
            return Err(super::error::unknown("axis or parameter", key, known.iter().copied()));
        }
    }
    if let Some(key) = suite.quick_axes.keys().find(|key| !suite.axes.contains_key(*key)) {
        return Err(format!("[quick] has `{key}`, which is no axis of this suite"));
    }
    if let Some(key) = suite.axes.keys().find(|key| suite.parameters.contains_key(*key)) {
        return Err(format!("`{key}` is an axis and a parameter: one of them is too many"));
    }
    Ok(())
}
