//! A table of a suite or gate file that is taken apart key by key, every mistake with its place.

use super::error::{Place, SuiteError, place, unknown};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text that is read, for places.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file's name.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A value with its place.
pub type Item<'a> = Spanned<DeValue<'a>>;

impl Source<'_> {
    /// Line and column of a place.
    pub fn place(&self, at: Range<usize>) -> Place {
        place(self.text, at.start)
    }

    /// A mistake at a place.
    pub fn error(&self, at: Range<usize>, message: impl Into<String>) -> SuiteError {
        let place = Some(self.place(at));
        SuiteError { source_name: self.name.to_owned(), place, message: message.into() }
    }
}

/// A table whose keys are taken one after the other. Invariant: every key was known when it was opened,
/// unless all keys are welcome.
pub struct Table<'a> {
    source: Source<'a>,
    span: Range<usize>,
    what: &'static str,
    rest: DeTable<'a>,
}

/// The keys that a table may have.
#[derive(Clone, Copy)]
pub enum Keys {
    /// These.
    Known(&'static [&'static str]),
    /// Any: whoever reads them knows.
    Any,
}

impl<'a> Table<'a> {
    /// A table at `span`, called `what` in messages.
    ///
    /// # Errors
    /// The first unknown key, with the nearest known ones. It is named before anything that lacks: a key
    /// with a typo is both.
    fn open(
        source: Source<'a>,
        what: &'static str,
        table: DeTable<'a>,
        span: Range<usize>,
        keys: Keys,
    ) -> Result<Self, SuiteError> {
        if let Keys::Known(known) = keys {
            let strange = table.keys().filter(|key| !known.contains(&&**key.get_ref()));
            if let Some(key) = strange.min_by_key(|key| key.span().start) {
                let message = unknown(&format!("key of the {what}"), key.get_ref(), known.iter().copied());
                return Err(source.error(key.span(), message));
            }
        }
        Ok(Self { source, span, what, rest: table })
    }

    /// The whole file, called `what` in messages.
    ///
    /// # Errors
    /// Where it is not TOML, or has an unknown key.
    pub fn file(source: Source<'a>, what: &'static str, keys: Keys) -> Result<Self, SuiteError> {
        let table = DeTable::parse(source.text).map_err(|error| {
            let message = error.message().to_owned();
            source.error(error.span().unwrap_or(0..0), message)
        })?;
        let span = 0..0;
        Self::open(source, what, table.into_inner(), span, keys)
    }

    /// Takes a value that may lack.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        let found = self.rest.keys().find(|k| k.get_ref() == key)?.clone();
        self.rest.remove(&found)
    }

    /// Takes a value.
    ///
    /// # Errors
    /// Where it lacks.
    pub fn need(&mut self, key: &'static str) -> Result<Item<'a>, SuiteError> {
        let lacks = self.error(format!("the {} lacks `{key}`", self.what));
        self.take(key).ok_or(lacks)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// Where it lacks, is none or is empty.
    pub fn text(&mut self, key: &'static str) -> Result<String, SuiteError> {
        let item = self.need(key)?;
        self.as_text(key, &item)
    }

    /// Takes a text, and says where it is.
    ///
    /// # Errors
    /// As [`Table::text`].
    pub fn text_at(&mut self, key: &'static str) -> Result<(String, Place), SuiteError> {
        let item = self.need(key)?;
        Ok((self.as_text(key, &item)?, self.source.place(item.span())))
    }

    /// Takes a text that may lack.
    ///
    /// # Errors
    /// Where it is none.
    pub fn text_if(&mut self, key: &'static str) -> Result<Option<String>, SuiteError> {
        self.take(key).map(|item| self.as_text(key, &item)).transpose()
    }

    fn as_text(&self, key: &str, item: &Item<'a>) -> Result<String, SuiteError> {
        let text = item.get_ref().as_str().map(str::trim).filter(|t| !t.is_empty());
        let wrong = || self.source.error(item.span(), format!("`{key}` has to be a text"));
        text.map(str::to_owned).ok_or_else(wrong)
    }

    /// Takes a finite number that may lack.
    ///
    /// # Errors
    /// Where it is none.
    pub fn number_if(&mut self, key: &'static str) -> Result<Option<f64>, SuiteError> {
        let Some(item) = self.take(key) else { return Ok(None) };
        let number = number(item.get_ref());
        number.map(Some).ok_or_else(|| self.source.error(item.span(), format!("`{key}` has to be a number")))
    }

    /// Takes a list of texts that may lack.
    ///
    /// # Errors
    /// Where it is none.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<(String, Range<usize>)>, SuiteError> {
        let Some(item) = self.take(key) else { return Ok(Vec::new()) };
        let wrong = |span| self.source.error(span, format!("`{key}` has to be a list of texts"));
        let list = item.get_ref().as_array().ok_or_else(|| wrong(item.span()))?;
        let texts = list.iter().map(|text| {
            let read = text.get_ref().as_str().map(|t| (t.to_owned(), text.span()));
            read.ok_or_else(|| wrong(text.span()))
        });
        texts.collect()
    }

    /// Takes a table that may lack.
    ///
    /// # Errors
    /// Where it is none, or has an unknown key.
    pub fn table(&mut self, key: &'static str, keys: Keys) -> Result<Option<Table<'a>>, SuiteError> {
        let Some(item) = self.take(key) else { return Ok(None) };
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => Self::open(self.source, key, table, span, keys).map(Some),
            _ => Err(self.source.error(span, format!("`{key}` has to be a table"))),
        }
    }

    /// Takes a list of tables that may lack (`[[key]]`).
    ///
    /// # Errors
    /// Where it is none, or one has an unknown key.
    pub fn tables(&mut self, key: &'static str, keys: Keys) -> Result<Vec<Table<'a>>, SuiteError> {
        let Some(item) = self.take(key) else { return Ok(Vec::new()) };
        let wrong = |span| self.source.error(span, format!("`{key}` has to be written as [[{key}]]"));
        let span = item.span();
        let DeValue::Array(list) = item.into_inner() else { return Err(wrong(span)) };
        let mut tables = Vec::new();
        for item in list {
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(table) => tables.push(Self::open(self.source, key, table, span, keys)?),
                _ => return Err(wrong(span)),
            }
        }
        Ok(tables)
    }

    /// The keys that are left, in the order of the file, and where they are.
    pub fn keys(&self) -> Vec<(&str, Range<usize>)> {
        let mut keys: Vec<_> = self.rest.keys().map(|key| (&**key.get_ref(), key.span())).collect();
        keys.sort_by_key(|(_, span)| span.start);
        keys
    }

    /// Everything that is left, in the order of the file.
    pub fn entries(self) -> Vec<(Spanned<String>, Item<'a>)> {
        let owned = |key: Spanned<_>| Spanned::new(key.span(), String::from(key.into_inner()));
        let mut all: Vec<_> = self.rest.into_iter().map(|(key, item)| (owned(key), item)).collect();
        all.sort_by_key(|(key, _)| key.span().start);
        all
    }

    /// A mistake of the whole table.
    pub fn error(&self, message: impl Into<String>) -> SuiteError {
        self.source.error(self.span.clone(), message)
    }

    /// The text that it is read from.
    pub fn source(&self) -> Source<'a> {
        self.source
    }
}

/// A whole or other finite number.
pub fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Integer(n) => n.as_str(),
        DeValue::Float(x) => x.as_str(),
        _ => return None,
    };
    text.replace('_', "").parse().ok().filter(|x: &f64| x.is_finite())
}

/// A single value as text: a text, a number or a boolean.
pub fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(n) if n.radix() == 10 => Some(n.as_str().to_owned()),
        DeValue::Float(x) => Some(x.as_str().to_owned()),
        DeValue::Boolean(b) => Some(b.to_string()),
        _ => None,
    }
}
