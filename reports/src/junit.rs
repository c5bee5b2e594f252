//! Outcomes as JUnit XML, which continuous integration shows as tests.
//!
//! One `<testsuite>` is the root: Jenkins' schema (junit-10.xsd), Surefire's (surefire-test-report-3.0.xsd) and
//! GitLab all take that. The schemas bind the form: times are seconds with three decimals at most, and a case
//! holds its outcome before its output.
//!
//! Invariant: whatever the texts hold, the result is well-formed XML 1.0. A character that XML cannot carry
//! becomes U+FFFD. Numbers of cases are counted here, so they agree with the cases.

use std::fmt::Write as _;
use std::time::Duration;

/// A set of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suite {
    /// Its name: a gate's, a suite's.
    pub name: String,
    /// The cases, in the order in which they are shown.
    pub cases: Vec<Case>,
}

/// One case: something that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What was decided: a cell's id and a metric.
    pub name: String,
    /// Under what it is sorted, with dots between the levels: `gate.slot-search`.
    pub classname: String,
    /// How long it took.
    pub seconds: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// What a reader may want to know beside; nothing is written where it is empty.
    pub system_out: String,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// It was decided against: a confirmed regression.
    Failed {
        /// In one line.
        message: String,
        /// In full.
        text: String,
    },
    /// Nothing was decided: inconclusive, oversubscribed, advice.
    Skipped {
        /// Why, in one line.
        message: String,
    },
    /// It could not be decided: a cell that did not run, a failed verification.
    Error {
        /// In one line.
        message: String,
        /// In full.
        text: String,
    },
}

impl Suite {
    /// The suite as an XML file.
    #[must_use]
    pub fn xml(&self) -> String {
        let count = |is: fn(&Outcome) -> bool| self.cases.iter().filter(|case| is(&case.outcome)).count();
        let failures = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let errors = count(|outcome| matches!(outcome, Outcome::Error { .. }));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        let took = self.cases.iter().fold(Duration::ZERO, |sum, case| sum.saturating_add(case.seconds));
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            out,
            "<testsuite name=\"{}\" time=\"{}\" tests=\"{}\" errors=\"{errors}\" skipped=\"{skipped}\" failures=\"{failures}\">",
            attribute(&self.name),
            seconds(took),
            self.cases.len(),
        );
        self.cases.iter().for_each(|case| case.write(&mut out));
        out.push_str("</testsuite>\n");
        out
    }
}

impl Case {
    fn write(&self, out: &mut String) {
        let (name, classname) = (attribute(&self.name), attribute(&self.classname));
        let time = seconds(self.seconds);
        let _ = write!(out, "  <testcase name=\"{name}\" classname=\"{classname}\" time=\"{time}\"");
        if self.outcome == Outcome::Passed && self.system_out.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push_str(">\n");
        self.outcome.write(out);
        if !self.system_out.is_empty() {
            let _ = writeln!(out, "    <system-out>{}</system-out>", content(&self.system_out));
        }
        out.push_str("  </testcase>\n");
    }
}

impl Outcome {
    fn write(&self, out: &mut String) {
        let (tag, kind, message, text) = match self {
            Self::Passed => return,
            Self::Skipped { message } => {
                let _ = writeln!(out, "    <skipped message=\"{}\"/>", attribute(message));
                return;
            }
            Self::Failed { message, text } => ("failure", "regression", message, text),
            Self::Error { message, text } => ("error", "error", message, text),
        };
        let (message, text) = (attribute(message), content(text));
        let _ = writeln!(out, "    <{tag} message=\"{message}\" type=\"{kind}\">{text}</{tag}>");
    }
}

/// Seconds with three decimals, which is all that Surefire's schema takes.
fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Text between double quotes. A reader would turn bare line ends and tabs into spaces.
fn attribute(text: &str) -> String {
    escaped(text, |c| match c {
        '"' => Some("&quot;"),
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        _ => None,
    })
}

/// Text between tags.
fn content(text: &str) -> String {
    escaped(text, |_| None)
}

fn escaped(text: &str, more: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // Bare, it would end a section that this is not, after `]]`.
            '>' => out.push_str("&gt;"),
            // Bare, a reader would turn it into a line feed.
            '\r' => out.push_str("&#13;"),
            c if !is_allowed(c) => out.push('\u{fffd}'),
            c => match more(c) {
                Some(escape) => out.push_str(escape),
                None => out.push(c),
            },
        }
    }
    out
}

/// `Char` of XML 1.0, fifth edition, production 2. Surrogates are no `char`.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, outcome: Outcome, system_out: &str) -> Case {
        Case {
            name: name.to_owned(),
            classname: "gate.locks".to_owned(),
            seconds: Duration::from_micros(1_234_999),
            outcome,
            system_out: system_out.to_owned(),
        }
    }

    #[test]
    fn every_outcome_has_its_form() {
        let both = |message: &str, text: &str| (message.to_owned(), text.to_owned());
        let (message, text) = both("+4.1 %", "A 97.5\nB < 102");
        let failed = Outcome::Failed { message, text };
        let (message, text) = both("the cell did not run", "exit 1");
        let error = Outcome::Error { message, text };
        let skipped = Outcome::Skipped { message: "inconclusive".to_owned() };
        let cases = vec![
            case("a", Outcome::Passed, ""),
            case("b", failed, "why: 2 more"),
            case("c", skipped, ""),
            case("d", error, ""),
            case("e", Outcome::Passed, "floor 1 %"),
        ];
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuite name=\"night\" time=\"6.174\" tests=\"5\" errors=\"1\" skipped=\"1\" failures=\"1\">
  <testcase name=\"a\" classname=\"gate.locks\" time=\"1.234\"/>
  <testcase name=\"b\" classname=\"gate.locks\" time=\"1.234\">
    <failure message=\"+4.1 %\" type=\"regression\">A 97.5
B &lt; 102</failure>
    <system-out>why: 2 more</system-out>
  </testcase>
  <testcase name=\"c\" classname=\"gate.locks\" time=\"1.234\">
    <skipped message=\"inconclusive\"/>
  </testcase>
  <testcase name=\"d\" classname=\"gate.locks\" time=\"1.234\">
    <error message=\"the cell did not run\" type=\"error\">exit 1</error>
  </testcase>
  <testcase name=\"e\" classname=\"gate.locks\" time=\"1.234\">
    <system-out>floor 1 %</system-out>
  </testcase>
</testsuite>
";
        assert_eq!(Suite { name: "night".to_owned(), cases }.xml(), expected);
        let empty = Suite::default().xml();
        assert!(empty.contains("tests=\"0\"") && empty.ends_with("</testsuite>\n"), "{empty}");
    }

    #[test]
    fn texts_break_out_of_nothing() {
        assert_eq!(attribute("\"/><x a='1' &amp;\n\t"), "&quot;/&gt;&lt;x a='1' &amp;amp;&#10;&#9;");
        assert_eq!(content("]]></failure>\r\n\"漢\""), "]]&gt;&lt;/failure&gt;&#13;\n\"漢\"");
    }

    #[test]
    fn what_xml_forbids_is_replaced_and_nothing_else() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let n = u32::from(c);
            // Written out from the production, not from the code.
            let allowed = [0x9, 0xa, 0xd].contains(&n)
                || (0x20..=0xd7ff).contains(&n)
                || (0xe000..=0xfffd).contains(&n)
                || n >= 0x1_0000;
            let replaced = content(&c.to_string()) == "\u{fffd}" && c != '\u{fffd}';
            assert_eq!(replaced, !allowed, "{c:?}");
        }
    }
}
