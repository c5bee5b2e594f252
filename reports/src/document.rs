//! A report without a form: sections of sentences, tables, figures and commands.
//!
//! The forms ([`crate::html`], [`crate::outline`]) make it safe, each in its own way; text in a document is as it
//! came from outside. Section names are unique within a document and hold letters, digits and `-` only, since
//! they are anchors of a page and names of splice markers.

use crate::table::Table;

/// A report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// One line below the title: when, where, of what revision.
    pub lead: String,
    sections: Vec<Section>,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Anchor and marker, as [`Document::push`] made it.
    name: String,
    /// Its heading.
    pub title: String,
    /// Whether it belongs to the section before it that is not one of these.
    pub below: bool,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// One piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Short answers, each with its tone.
    Findings(Vec<Finding>),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
    /// Lines for a shell.
    Commands(Vec<String>),
}

/// A short answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is to be taken.
    pub tone: Tone,
    /// The answer.
    pub text: String,
    /// The section that has the numbers.
    pub see: Option<String>,
}

/// How an answer is to be taken. Every form shows the word as well as any colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Something is wrong.
    Bad,
    /// A result.
    Result,
    /// Something limits what the numbers say.
    Caution,
    /// As it should be.
    Good,
}

/// A figure whose drawing is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// The drawing: an SVG element in which all text from outside is escaped already.
    pub svg: String,
}

impl Tone {
    /// The word that stands before the answer.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bad => "wrong",
            Self::Caution => "mind",
            Self::Result => "found",
            Self::Good => "fine",
        }
    }
}

impl Finding {
    /// An answer without a section behind it.
    #[must_use]
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into(), see: None }
    }

    /// The same with the section that has the numbers.
    #[must_use]
    pub fn see(self, section: impl Into<String>) -> Self {
        Self { see: Some(section.into()), ..self }
    }
}

impl Section {
    /// Its anchor and marker.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Document {
    /// A report without sections.
    #[must_use]
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self { title: title.into(), lead: lead.into(), sections: Vec::new() }
    }

    /// Adds a section and says what it is called: `name` made safe, with a number where it is taken.
    pub fn push(&mut self, name: &str, title: impl Into<String>, blocks: Vec<Block>) -> String {
        self.add(name, title.into(), false, blocks)
    }

    /// Adds a section below the last one that [`Document::push`] added.
    pub fn push_below(&mut self, name: &str, title: impl Into<String>, blocks: Vec<Block>) -> String {
        self.add(name, title.into(), true, blocks)
    }

    fn add(&mut self, name: &str, title: String, below: bool, blocks: Vec<Block>) -> String {
        let wanted = safe(name);
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let free = |name: &String| self.section(name).is_none();
        let name = std::iter::once(wanted.clone()).chain(numbered).find(free).unwrap_or(wanted);
        self.sections.push(Section { name: name.clone(), title, below, blocks });
        name
    }

    /// The sections, in order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section called `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The section called `name`, to add to it.
    pub fn section_mut(&mut self, name: &str) -> Option<&mut Section> {
        self.sections.iter_mut().find(|section| section.name == name)
    }

    /// A report of the section called `name` and those below it; nothing where there is none.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<Self> {
        let mut sections = self.sections.iter().skip_while(|section| section.name != name);
        let first = sections.next()?;
        let mut part = Self::new(self.title.clone(), self.lead.clone());
        part.sections.push(first.clone());
        if !first.below {
            part.sections.extend(sections.take_while(|section| section.below).cloned());
        }
        Some(part)
    }

    /// All figures, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks.filter_map(|block| if let Block::Figure(figure) = block { Some(figure) } else { None })
    }
}

/// `name` in lower-case letters, digits and `-`, at most 60 of them; `section` where nothing is left.
#[must_use]
pub fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = name.chars().take(60).map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "section".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_unique() {
        let mut document = Document::new("t", "");
        let names = ["Quick search", "quick/search", "<script>\"'\u{202e}", "漢字", "", "a--b-"];
        let got: Vec<_> = names.iter().map(|name| document.push(name, *name, Vec::new())).collect();
        assert_eq!(got, ["quick-search", "quick-search-2", "script", "section", "section-2", "a-b"]);
        assert_eq!(document.section("section-2").map(|s| s.title.as_str()), Some(""));
        assert_eq!(safe(&"x".repeat(99)).len(), 60);
    }

    #[test]
    fn a_part_has_its_section_and_what_is_below() {
        let mut document = Document::new("t", "l");
        document.push("run", "", Vec::new());
        document.push_below("a", "", Vec::new());
        document.push_below("b", "", Vec::new());
        document.push("method", "", Vec::new());
        let names = |name: &str| {
            document.part(name).map(|part| part.sections.into_iter().map(|s| s.name).collect::<Vec<_>>())
        };
        assert_eq!(names("run").unwrap_or_default(), ["run", "a", "b"]);
        assert_eq!(names("a").unwrap_or_default(), ["a"]);
        assert_eq!((names("method").map(|all| all.len()), names("c")), (Some(1), None));
    }
}
