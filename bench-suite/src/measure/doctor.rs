//! Whether this machine is fit to measure on, and what to change.

use crate::cell::host::{HostTime, longest_gap_ns, measured_clock};
use crate::cell::threads;
use crate::run::clock::HostClock;
use crate::run::{Overhead, host, overhead};
use reports::machine::Machine;
use reports::record::Clock;
use reports::table::{Column, Table, Value};
use std::time::Duration;

/// How long the looks at steal and gaps last.
const LOOK: Duration = Duration::from_secs(1);

/// How good a fact is for measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    /// As it should be.
    Good,
    /// Numbers are less steady or less general; say so beside them.
    Fair,
    /// Not fit.
    Unfit,
    /// The host does not tell.
    Unknown,
}

/// One line of the examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// What it is worth.
    pub fitness: Fitness,
    /// What to change; empty where nothing is.
    pub advice: String,
}

/// What a look at the host gave, beside the facts of [`Machine`].
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// CPU time stolen during the look, percent of one core.
    pub steal_percent: Option<u64>,
    /// CPU time of anybody during the look, percent of one core; this process used 100.
    pub busy_percent: Option<u64>,
    /// The longest gap that a spinning clock reader saw, ns.
    pub longest_gap_ns: u64,
    /// The clock of loops: of models, the control and what the harness costs.
    pub loop_clock: Option<Clock>,
    /// The clock of the batches of prepared states.
    pub batch_clock: Option<Clock>,
    /// What the harness takes for operations that do nothing.
    pub harness: Option<Overhead>,
    /// Whether a thread may be bound to a core.
    pub may_pin: bool,
    /// Whether two logical cores share a physical one.
    pub smt: Option<bool>,
}

impl Look {
    /// Looks, for about a second.
    #[must_use]
    pub fn take() -> Self {
        let before = HostTime::read();
        let longest_gap_ns = longest_gap_ns(LOOK);
        let after = HostTime::read();
        let ticks = |of: fn(HostTime) -> u64| Some(of(after?).saturating_sub(of(before?)));
        Self {
            steal_percent: ticks(|h| h.steal),
            busy_percent: ticks(|h| h.busy),
            longest_gap_ns,
            loop_clock: Some(threads::clock(&HostClock::get().facts())),
            batch_clock: Some(measured_clock()),
            harness: Some(overhead()),
            may_pin: host::may_pin(),
            smt: smt(),
        }
    }
}

fn smt() -> Option<bool> {
    let active = std::fs::read_to_string("/sys/devices/system/cpu/smt/active").ok()?;
    Some(active.trim() == "1")
}

/// Everything that was found, worst advice included.
#[must_use]
pub fn examine(machine: &Machine, look: &Look) -> Vec<Finding> {
    let mut all = hardware(machine, look.smt);
    all.extend(settings(machine));
    all.extend(neighbours(machine, look));
    all.extend(harness(look));
    all
}

/// A finding of something with what was found and its worth.
fn row(what: &'static str, (found, fitness): (String, Fitness), advice: &str) -> Finding {
    finding(what, found, fitness, advice)
}

fn finding(what: &'static str, found: impl ToString, fitness: Fitness, advice: &str) -> Finding {
    let advice = if fitness == Fitness::Good { String::new() } else { advice.to_owned() };
    Finding { what, found: found.to_string(), fitness, advice }
}

fn of<T>(fact: Option<T>, judge: impl Fn(T) -> (String, Fitness)) -> (String, Fitness) {
    fact.map_or_else(|| ("not told".to_owned(), Fitness::Unknown), judge)
}

fn good_if(good: bool, otherwise: Fitness) -> Fitness {
    if good { Fitness::Good } else { otherwise }
}

/// The cores, and whose they are.
fn hardware(machine: &Machine, smt: Option<bool>) -> Vec<Finding> {
    use Fitness::{Fair, Good, Unfit};
    let cores = |n| match n {
        0 | 1 => Unfit,
        2 | 3 => Fair,
        _ => Good,
    };
    vec![
        row("processor", of(machine.cpu_model.clone(), |m| (m, Good)), "name the machine beside the numbers"),
        row(
            "cores",
            of(machine.usable_cores, |n: u32| (n.to_string(), cores(n))),
            "contended scenarios want four cores or more, and one left free",
        ),
        row(
            "shared cores (SMT)",
            of(smt, |on| (on_off(on), good_if(!on, Fair))),
            "pin threads to cores that share nothing, or switch SMT off",
        ),
        row(
            "virtual machine",
            of(machine.hypervisor, |yes| (on_off(yes), good_if(!yes, Fair))),
            "another guest may take the cores: watch steal, prefer paired comparisons",
        ),
    ]
}

/// What the system was set to.
fn settings(machine: &Machine) -> Vec<Finding> {
    use Fitness::{Fair, Good, Unfit};
    vec![
        row(
            "frequency governor",
            of(machine.governor.clone(), |g| {
                let f = good_if(g == "performance", Fair);
                (g, f)
            }),
            "cpupower frequency-set -g performance (a guest's host decides)",
        ),
        row(
            "clock source",
            of(machine.clock_source.clone(), |c| {
                let f = good_if(["tsc", "kvm-clock", "arch_sys_counter"].contains(&c.as_str()), Unfit);
                (c, f)
            }),
            "boot with clocksource=tsc: other clocks cost a system call a reading",
        ),
        row(
            "transparent huge pages",
            of(machine.transparent_huge_pages.clone(), |t| {
                let f = good_if(t != "always", Fair);
                (t, f)
            }),
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, so that page size is an axis and no accident",
        ),
        row(
            "mitigations",
            of(machine.mitigations.clone(), |m| (m, Good)),
            "they are recorded; compare only machines that agree in them",
        ),
    ]
}

fn on_off(on: bool) -> String {
    if on { "yes" } else { "no" }.to_owned()
}

/// Who else runs here, and what of that a thread feels.
fn neighbours(machine: &Machine, look: &Look) -> Vec<Finding> {
    use Fitness::{Fair, Good, Unfit};
    let gap = |ns| match ns {
        0..=99_999 => Good,
        100_000..=4_999_999 => Fair,
        _ => Unfit,
    };
    vec![
        row(
            "steal, one second",
            of(look.steal_percent, |n| percent(n, 1, 5)),
            "other guests run on these cores: measure at another time or elsewhere",
        ),
        row(
            "others' CPU time",
            // This process kept one core busy itself.
            of(look.busy_percent, |n| percent(n.saturating_sub(100), 10, 50)),
            "stop what else runs here",
        ),
        row(
            "load, one minute",
            of(machine.load_average.zip(machine.usable_cores), |([load, ..], cores)| {
                (format!("{load:.2}"), good_if(load < 0.5 * f64::from(cores), Fair))
            }),
            "wait until the machine is idle",
        ),
        row(
            "binding threads",
            (on_off(look.may_pin), good_if(look.may_pin, Fair)),
            "allow sched_setaffinity in this container",
        ),
        row(
            "longest gap, one second",
            (reports::units::time(look.longest_gap_ns), gap(look.longest_gap_ns)),
            "tails beyond this gap are the machine's: isolcpus or a quieter host",
        ),
    ]
}

/// Percent of a core, which is no good from `fair` on and unfit from `unfit` on.
fn percent(n: u64, fair: u64, unfit: u64) -> (String, Fitness) {
    let fitness = if n >= unfit { Fitness::Unfit } else { good_if(n < fair, Fitness::Fair) };
    (format!("{n} %"), fitness)
}

/// What measuring itself costs.
fn harness(look: &Look) -> Vec<Finding> {
    vec![
        row(
            "clock reading, loops",
            of(look.loop_clock.as_ref(), clock),
            "operations shorter than ten readings are reported as batch means only",
        ),
        row(
            "clock reading, prepared states",
            of(look.batch_clock.as_ref(), clock),
            "a batch of prepared states is two readings",
        ),
        row(
            "the harness, an operation",
            of(look.harness, |h| {
                let (closed, batch, open) = (h.closed_ns, h.batch_ns, h.open_ns);
                let text = format!("{closed:.0} ns timed, {batch:.0} ns in a batch, {open:.0} ns open loop");
                (text, good_if(open < 250.0, Fitness::Fair))
            }),
            "rates above one operation in that time cannot be offered by one thread",
        ),
    ]
}

fn clock(clock: &Clock) -> (String, Fitness) {
    let Clock { name, overhead_ns, precision_ns } = clock;
    let fitness = match *overhead_ns {
        x if x < 60.0 => Fitness::Good,
        x if x < 250.0 => Fitness::Fair,
        _ => Fitness::Unfit,
    };
    (format!("{name}: {overhead_ns:.1} ns, step {precision_ns:.1} ns"), fitness)
}

/// The findings as a table.
#[must_use]
pub fn table(findings: &[Finding]) -> Table {
    let columns = ["fact", "found", "verdict", "what to change"].map(Column::text).to_vec();
    let mut table = Table::new("Is this machine fit to measure on?", columns);
    for finding in findings {
        let word = match finding.fitness {
            Fitness::Good => "good",
            Fitness::Fair => "fair",
            Fitness::Unfit => "UNFIT",
            Fitness::Unknown => "not told",
        };
        let texts = [finding.what, &finding.found, word, &finding.advice];
        table.push(texts.map(|text| Value::Text(text.to_owned())).to_vec());
    }
    table.notes.push(match unfit(findings).count() {
        0 => "Fit, within what is marked fair.".to_owned(),
        n => format!("Not fit: {n} facts. Step counters are exact all the same; times need another machine or another hour."),
    });
    table
}

/// The facts that make the machine unfit.
pub fn unfit(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.fitness == Fitness::Unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noisy_machine_is_unfit_and_says_what_to_change() {
        let machine =
            Machine { clock_source: Some("hpet".into()), usable_cores: Some(1), ..Machine::default() };
        let look = Look { steal_percent: Some(20), longest_gap_ns: 9_000_000, ..Look::default() };
        let findings = examine(&machine, &look);
        assert_eq!(unfit(&findings).count(), 4);
        assert!(findings.iter().filter(|f| f.fitness == Fitness::Unfit).all(|f| !f.advice.is_empty()));
    }

    #[test]
    fn what_the_host_does_not_tell_is_no_fault() {
        let findings = examine(&Machine::default(), &Look::default());
        assert_eq!(unfit(&findings).count(), 0);
        assert!(findings.iter().any(|f| f.fitness == Fitness::Unknown && f.found == "not told"));
    }

    #[test]
    fn a_quiet_machine_needs_no_advice() {
        let machine = Machine {
            cpu_model: Some("x".into()),
            usable_cores: Some(16),
            governor: Some("performance".into()),
            clock_source: Some("tsc".into()),
            transparent_huge_pages: Some("madvise".into()),
            load_average: Some([0.1; 3]),
            hypervisor: Some(false),
            mitigations: Some("none".into()),
            ..Machine::default()
        };
        let clock = |name: &str| Some(Clock { name: name.into(), overhead_ns: 20.0, precision_ns: 1.0 });
        let look = Look {
            steal_percent: Some(0),
            busy_percent: Some(101),
            longest_gap_ns: 9_000,
            loop_clock: clock("tsc"),
            batch_clock: clock("clock_monotonic"),
            harness: Some(Overhead { closed_ns: 45.0, closed_inside_ns: 10.0, batch_ns: 5.0, open_ns: 55.0 }),
            may_pin: true,
            smt: Some(false),
        };
        let findings = examine(&machine, &look);
        assert!(findings.iter().all(|f| f.fitness == Fitness::Good && f.advice.is_empty()), "{findings:?}");
        let clocks = findings.iter().filter(|f| f.what.starts_with("clock reading")).map(|f| &f.found[..]);
        let both = ["tsc: 20.0 ns, step 1.0 ns", "clock_monotonic: 20.0 ns, step 1.0 ns"];
        assert_eq!(clocks.collect::<Vec<_>>(), both);
    }
}
