//! A gate's findings as JUnit's cases: one a check, sorted under its cell.
//!
//! What fails the gate is a failure, what has no number and should is an error; whatever decides nothing (advice, not
//! measured, not enough data) is skipped with its reason.

use super::finding::{Finding, Findings, Outcome};
use super::shown::{change, rests_on, verdict};
use reports::compare::verdict::State;
use reports::junit::{self, Case, Suite};
use std::time::Duration;

/// The gate called `name` as an XML file.
#[must_use]
pub fn junit(name: &str, findings: &Findings) -> String {
    Suite { name: name.to_owned(), cases: findings.all.iter().map(case).collect() }.xml()
}

fn case(finding: &Finding) -> Case {
    let (message, text) = (line(finding), whole(finding));
    let outcome = match &finding.outcome {
        Outcome::Said(State::Regressed) => junit::Outcome::Failed { message, text },
        Outcome::Said(State::Improved | State::Equivalent) => junit::Outcome::Passed,
        Outcome::Said(State::Inconclusive) | Outcome::Advice(_) | Outcome::NotMeasured(_) => {
            junit::Outcome::Skipped { message }
        }
        Outcome::Void(_) => junit::Outcome::Error { message, text },
    };
    let passed = outcome == junit::Outcome::Passed;
    let system_out = if passed { format!("{}\n{}", line(finding), whole(finding)) } else { String::new() };
    let suite = finding.cell.split('/').next().unwrap_or_default();
    Case {
        name: format!("{} {}", finding.cell, finding.check.metric),
        classname: format!("gate.{suite}"),
        // What a check took cannot be told apart from what its cell's others took.
        seconds: Duration::ZERO,
        outcome,
        system_out,
    }
}

/// Both numbers, and what the verdict rests on.
fn whole(finding: &Finding) -> String {
    let numbers = finding.a.zip(finding.b).map(|(a, b)| format!("A = {a}, B = {b}\n"));
    format!("{}{}", numbers.unwrap_or_default(), rests_on(finding))
}

/// `regressed: +3.1 [+2.0, +4.2] %`.
fn line(finding: &Finding) -> String {
    let change = change(finding).map(|change| format!(": {change} %"));
    format!("{}{}", verdict(finding), change.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::check::{Check, Trust};
    use super::*;

    fn finding(outcome: Outcome) -> Finding {
        let check = Check { pair: 0, metric: "counters".to_owned(), trust: Trust::Exact };
        let steps = vec![("slots_scanned".to_owned(), 1.0, 2.0)];
        Finding {
            cell: "s/x=1".to_owned(),
            check,
            outcome,
            a: Some(1.0),
            b: Some(2.0),
            verdict: None,
            steps,
            lost: None,
        }
    }

    #[test]
    fn each_outcome_is_a_case_of_its_kind() {
        let outcomes = [
            Outcome::Said(State::Regressed),
            Outcome::Said(State::Equivalent),
            Outcome::Advice(State::Regressed),
            Outcome::NotMeasured("valgrind is not installed".to_owned()),
            Outcome::Void("killed".to_owned()),
        ];
        let all = outcomes.map(finding).to_vec();
        let xml = junit("gate.toml", &Findings { all, control: None });
        assert!(xml.contains("tests=\"5\" errors=\"1\" skipped=\"2\" failures=\"1\""), "{xml}");
        assert!(xml.contains("<failure message=\"regressed: +100.00 %\""), "{xml}");
        assert!(
            xml.contains("slots_scanned 1 -&gt; 2") && xml.contains("valgrind is not installed"),
            "{xml}"
        );
        assert!(xml.contains("name=\"s/x=1 counters\" classname=\"gate.s\""), "{xml}");
    }
}
