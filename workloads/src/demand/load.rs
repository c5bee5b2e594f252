//! A demand scaled: more copies of its devices, deeper queues, shorter think times.
//!
//! | factor | what it does |
//! | --- | --- |
//! | `devices` | overlays copies of all devices; the first as recorded, each other one as if the recording had begun at another time of it, its CPUs moved on by one each |
//! | `depth` | deals each queue place's requests onto that many places, which begin when it did, so that as many are in flight at once |
//! | `rate` | divides think times |
//!
//! A copy runs around: it begins somewhere in the recording, and what came before follows at the end. So it loads
//! the machine all the time, and its share of every phase is kept.

use std::fmt;
use std::str::FromStr;

use super::{Demand, Request};

/// Most of any factor.
const MOST: u32 = 64;

/// Factors, each from 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Copies of all devices.
    pub devices: u32,
    /// Requests in flight.
    pub depth: u32,
    /// How often.
    pub rate: u32,
}

impl Default for Scale {
    fn default() -> Self {
        Self { devices: 1, depth: 1, rate: 1 }
    }
}

impl Scale {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_one(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Scale {
    /// The factors that change something, as `devices=4,depth=2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [("devices", self.devices), ("depth", self.depth), ("rate", self.rate)];
        for (i, (name, factor)) in all.into_iter().filter(|(_, factor)| *factor != 1).enumerate() {
            write!(f, "{}{name}={factor}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Scale {
    type Err = String;

    /// Reads `devices=4,depth=2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut scale = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let wrong = || format!("`{part}`: write devices=N, depth=N or rate=N with N from 1 to {MOST}");
            let (name, number) = part.split_once('=').ok_or_else(wrong)?;
            let number = number.trim().parse().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(wrong)?;
            let factor = match name.trim() {
                "devices" => &mut scale.devices,
                "depth" => &mut scale.depth,
                "rate" => &mut scale.rate,
                _ => return Err(wrong()),
            };
            *factor = number;
        }
        Ok(scale)
    }
}

/// One queue place of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The device: that of the demand, plus the number of its devices for every copy before.
    pub device: u32,
    /// How many CPUs its calls are moved on.
    pub cpu_shift: u32,
    /// Its requests in order, each with its think time in ns.
    pub requests: Vec<(u32, u64)>,
}

/// A demand, scaled and ready to be played.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// The demand.
    pub demand: &'a Demand,
    /// Copies of its devices.
    pub copies: u32,
    /// The queue places of all copies.
    pub places: Vec<Place>,
}

impl<'a> Load<'a> {
    /// The demand as recorded.
    #[must_use]
    pub fn recorded(demand: &'a Demand) -> Self {
        Self::new(demand, Scale::default(), &[])
    }

    /// One copy that begins at `shift_ns` of the recording, deepened and hastened as `scale` says.
    #[must_use]
    pub fn begun_at(demand: &'a Demand, scale: Scale, shift_ns: u64) -> Self {
        let mut load = Self { demand, copies: 1, places: Vec::new() };
        load.add(0, shift_ns, scale);
        load
    }

    /// A demand scaled. `shifts_ns` says where in the recording each further copy begins; copies without one
    /// begin with it.
    #[must_use]
    pub fn new(demand: &'a Demand, scale: Scale, shifts_ns: &[u64]) -> Self {
        let mut load = Self { demand, copies: scale.devices, places: Vec::new() };
        for copy in 0..scale.devices {
            let shift = copy.checked_sub(1).and_then(|i| shifts_ns.get(i as usize)).copied().unwrap_or(0);
            load.add(copy, shift, scale);
        }
        load
    }

    fn add(&mut self, copy: u32, shift_ns: u64, scale: Scale) {
        let demand = self.demand;
        let devices = u32::try_from(demand.devices.len()).unwrap_or(u32::MAX);
        for (device, number) in demand.devices.iter().zip(0..devices) {
            for stream in &device.streams {
                let turned = turn(demand, &stream.requests, shift_ns);
                let begins = turned.first().map_or(0, |(_, think)| *think);
                for part in 0..scale.depth as usize {
                    let of_part = turned.iter().skip(part).step_by(scale.depth as usize);
                    let mut requests: Vec<_> = of_part.copied().collect();
                    if let Some(first) = requests.first_mut().filter(|_| part > 0) {
                        first.1 += begins;
                    }
                    requests.iter_mut().for_each(|(_, think)| *think /= u64::from(scale.rate));
                    if !requests.is_empty() {
                        let device = copy * devices + number;
                        self.places.push(Place { device, cpu_shift: copy, requests });
                    }
                }
            }
        }
    }

    /// Devices of all copies.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.demand.devices.len() * self.copies as usize
    }

    /// Requests of all places.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.places.iter().map(|place| place.requests.len() as u64).sum()
    }
}

/// A stream's requests with their think times, as if the recording began at `shift_ns` and ran around.
fn turn(demand: &Demand, stream: &[u32], shift_ns: u64) -> Vec<(u32, u64)> {
    let of = |&index: &u32| &demand.requests[index as usize];
    let from = stream.partition_point(|index| of(index).asked_ns < shift_ns);
    let (before, after) = stream.split_at(from);
    let mut turned: Vec<(u32, u64)> = after.iter().chain(before).map(|i| (*i, of(i).think_ns)).collect();
    if shift_ns == 0 {
        return turned;
    }
    // The first request comes when it came, counted from the new beginning; the recording's own first follows the
    // recording's end.
    let until_end = |index: &u32| demand.span_ns.saturating_sub(ended_ns(of(index)));
    if let Some(first) = after.first() {
        turned[0].1 = of(first).asked_ns - shift_ns;
        if let Some(own) = turned.get_mut(after.len()) {
            own.1 += after.last().map_or(0, until_end);
        }
    } else if let Some(own) = turned.first_mut() {
        own.1 += demand.span_ns.saturating_sub(shift_ns);
    }
    turned
}

/// When a request ended in the recording, ns.
fn ended_ns(request: &Request) -> u64 {
    request.asked_ns + request.waited_ns + request.held_ns.unwrap_or(0)
}
