//! What a suite file states: expectations, claims, and the conditions on cells in them.
//!
//! Invariant: a condition that is read asks about axes and parameters that the suite has, and knows its place.

use super::SuiteError;
use super::error;
use super::expect::{Claim, Expect, Sign, Subject, Test};
use super::filter::Filter;
use super::table::{Item, Source, Table, scalar};
use std::ops::Range;
use toml::de::DeValue;

/// What an expectation may have.
pub(super) const EXPECT: &[&str] =
    &["says", "metric", "compare", "against", "where", "ratio_below", "ratio_above", "below", "above"];
/// What a claim may have.
pub(super) const CLAIM: &[&str] = &[
    "id",
    "says",
    "metric",
    "compare",
    "against",
    "where",
    "sign",
    "smallest",
    "claimed",
    "own_noise",
    "undecidable",
];

/// The numbers of the published claims.
pub(super) fn claim_ids() -> impl Iterator<Item = String> {
    (1..=10).map(|n| format!("N{n}"))
}

pub(super) fn expect(mut table: Table<'_>, known: &Known<'_>) -> Result<Expect, SuiteError> {
    let says = table.text("says")?;
    let subject = known.subject(&mut table)?;
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
    Ok(Expect { says, subject, test })
}

pub(super) fn claim(mut table: Table<'_>, known: &Known<'_>) -> Result<Claim, SuiteError> {
    let id_item = table.need("id")?;
    let claims: Vec<String> = claim_ids().collect();
    let id = id_item.get_ref().as_str().unwrap_or("");
    if !claims.iter().any(|claim| claim == id) {
        let message = error::unknown("claim", id, claims.iter().map(String::as_str));
        return Err(table.source().error(id_item.span(), message));
    }
    let sign_item = table.need("sign")?;
    let sign = match sign_item.get_ref().as_str() {
        Some("lower") => Sign::Lower,
        Some("higher") => Sign::Higher,
        _ => return Err(table.source().error(sign_item.span(), "`sign` has to be \"lower\" or \"higher\"")),
    };
    Ok(Claim {
        id: id.to_owned(),
        says: table.text("says")?,
        subject: known.subject(&mut table)?,
        sign,
        smallest: table.number_if("smallest")?.unwrap_or(0.02),
        claimed: table.number_if("claimed")?.unwrap_or(1.0),
        own_noise: table.number_if("own_noise")?.unwrap_or(0.0),
        undecidable: table.text_if("undecidable")?,
    })
}

/// The keys that conditions may ask about: axes, parameters and the policy.
pub(super) struct Known<'k>(pub Vec<&'k str>);

impl Known<'_> {
    fn subject(&self, table: &mut Table<'_>) -> Result<Subject, SuiteError> {
        let (metric, place) = table.text_at("metric")?;
        Ok(Subject {
            metric,
            place: Some(place),
            compare: self.filter(table, "compare")?.unwrap_or_default(),
            against: self.filter(table, "against")?,
            within: self.filter(table, "where")?.unwrap_or_default(),
        })
    }

    fn filter(&self, table: &mut Table<'_>, key: &'static str) -> Result<Option<Filter>, SuiteError> {
        let source = table.source();
        let Some(item) = table.take(key) else { return Ok(None) };
        let span = item.span();
        let read = filter(source, key, &item)?;
        self.checked(read, source, span).map(Some)
    }

    pub fn filters(&self, table: &mut Table<'_>, key: &'static str) -> Result<Vec<Filter>, SuiteError> {
        let source = table.source();
        let read = |(text, span): (String, Range<usize>)| {
            let filter = Filter::parse(&text).map_err(|message| source.error(span.clone(), message))?;
            self.checked(filter, source, span)
        };
        table.texts(key)?.into_iter().map(read).collect()
    }

    fn checked(&self, filter: Filter, source: Source<'_>, span: Range<usize>) -> Result<Filter, SuiteError> {
        let strange = filter.keys().find(|key| !self.0.contains(key));
        let message = strange.map(|key| error::unknown("axis or parameter", key, self.0.iter().copied()));
        match message {
            Some(message) => Err(source.error(span, message)),
            None => Ok(filter.at(source.place(span))),
        }
    }
}

/// A condition, as an expression or as a table of keys and values.
fn filter(source: Source<'_>, key: &str, item: &Item<'_>) -> Result<Filter, SuiteError> {
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
            Ok(Filter::equal(pairs.iter().map(|(k, v)| (k.as_str(), v.clone()))))
        }
        value => {
            let text = value.as_str().ok_or_else(|| wrong(format!("`{key}` has to be a condition")))?;
            Filter::parse(text).map_err(wrong)
        }
    }
}
