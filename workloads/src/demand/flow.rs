//! The playback of a load: who asks when. What answers is a [`Room`].
//!
//! Each queue place asks for its requests one after the other: the next one comes its think time after the last
//! was ended. A request that finds no room waits in its device's queue. Whenever a request of the device ends,
//! those that wait are asked again, first come first served, until one of them fails; a device that has nothing in
//! flight asks again whenever any request ends. What waits while nothing is in flight at all can never be mapped.
//!
//! Virtual time: calls take none. Events of one time come in the order in which they were caused. The same load
//! and the same answers give the same flow whenever it is played.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::{Load, Request};

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All elements are mapped.
    Mapped,
    /// None is.
    Full,
}

/// Who answers requests.
pub trait Room {
    /// Maps all elements of a request or none. `number` names it from now on until [`Room::end`]; numbers of ended
    /// requests are used again.
    fn map(&mut self, now_ns: u64, number: usize, device: u32, cpu: u32, request: &Request) -> Answer;

    /// Ends a request that was mapped.
    fn end(&mut self, now_ns: u64, number: usize, device: u32, request: &Request);
}

/// What happened to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFlow {
    /// Requests that were asked.
    pub requests: u64,
    /// Those that found no room at first.
    pub delayed: u64,
    /// Those of them that got none until nothing was left that could make room.
    pub never: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// How long each delayed request waited, ns, in the order in which they got room; those that never did are
    /// not among them.
    pub waits_ns: Vec<u64>,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// By device of the load.
    pub devices: Vec<DeviceFlow>,
    /// When the last request ended, ns.
    pub end_ns: u64,
}

impl Flow {
    /// Requests that were delayed, those that never got room included.
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.devices.iter().map(|device| device.delayed).sum()
    }

    /// Requests that never got room.
    #[must_use]
    pub fn never(&self) -> u64 {
        self.devices.iter().map(|device| device.never).sum()
    }

    /// Requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.devices.iter().map(|device| device.requests).sum()
    }

    /// The waits of all devices, ns, by length.
    #[must_use]
    pub fn waits_ns(&self) -> Vec<u64> {
        let mut waits: Vec<u64> = self.devices.iter().flat_map(|device| &device.waits_ns).copied().collect();
        waits.sort_unstable();
        waits
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A place asks for its next request.
    Ask,
    /// The request of a place ends.
    End,
}

struct Player<'a, R> {
    load: &'a Load<'a>,
    room: &'a mut R,
    cpus: u32,
    /// By time, then by the number of the event.
    due: BinaryHeap<Reverse<(u64, u64, Due, usize)>>,
    events: u64,
    /// By place: how many requests it has asked for.
    next: Vec<usize>,
    /// By device: places that wait, with the time since when.
    waiting: Vec<VecDeque<(usize, u64)>>,
    /// By device: requests that are mapped and will end.
    in_flight: Vec<u64>,
    /// All of them.
    ending: u64,
    flow: Flow,
}

/// Plays a load; `cpus` is how many CPUs the machine has.
pub fn play<R: Room>(load: &Load<'_>, cpus: u32, room: &mut R) -> Flow {
    let devices = load.devices();
    let mut player = Player {
        load,
        room,
        cpus: cpus.max(1),
        due: BinaryHeap::with_capacity(load.places.len()),
        events: 0,
        next: vec![0; load.places.len()],
        waiting: vec![VecDeque::new(); devices],
        in_flight: vec![0; devices],
        ending: 0,
        flow: Flow { devices: vec![DeviceFlow::default(); devices], end_ns: 0 },
    };
    for place in 0..load.places.len() {
        player.think(0, place);
    }
    player.run();
    player.flow
}

impl<R: Room> Player<'_, R> {
    fn run(&mut self) {
        while let Some(Reverse((now, _, due, place))) = self.due.pop() {
            self.flow.end_ns = now;
            match due {
                Due::Ask => self.ask(now, place),
                Due::End => self.end(now, place),
            }
        }
        for (queue, device) in self.waiting.iter().zip(&mut self.flow.devices) {
            device.never += queue.len() as u64;
        }
    }

    fn push(&mut self, at: u64, due: Due, place: usize) {
        self.events += 1;
        self.due.push(Reverse((at, self.events, due, place)));
    }

    /// The next request of a place comes its think time after `now`.
    fn think(&mut self, now: u64, place: usize) {
        if let Some(&(_, think)) = self.load.places[place].requests.get(self.next[place]) {
            self.push(now.saturating_add(think), Due::Ask, place);
        }
    }

    /// The request that a place asks for or has.
    fn request(&self, place: usize) -> (u32, Request) {
        let of = &self.load.places[place];
        let index = of.requests[self.next[place]].0;
        (of.device, self.load.demand.requests[index as usize])
    }

    fn ask(&mut self, now: u64, place: usize) {
        let (device, _) = self.request(place);
        self.flow.devices[device as usize].requests += 1;
        if self.attempt(now, place) == Answer::Full {
            self.flow.devices[device as usize].delayed += 1;
            self.waiting[device as usize].push_back((place, now));
        }
    }

    fn attempt(&mut self, now: u64, place: usize) -> Answer {
        let (device, request) = self.request(place);
        let cpu = (request.cpu + self.load.places[place].cpu_shift) % self.cpus;
        let answer = self.room.map(now, place, device, cpu, &request);
        match (answer, request.held_ns) {
            (Answer::Full, _) => self.flow.devices[device as usize].failed += 1,
            (Answer::Mapped, Some(held)) => {
                self.in_flight[device as usize] += 1;
                self.ending += 1;
                self.push(now.saturating_add(held), Due::End, place);
            }
            // Held for ever: the place asks for nothing more.
            (Answer::Mapped, None) => {}
        }
        answer
    }

    fn end(&mut self, now: u64, place: usize) {
        let (device, request) = self.request(place);
        self.room.end(now, place, device, &request);
        self.in_flight[device as usize] -= 1;
        self.ending -= 1;
        self.next[place] += 1;
        self.think(now, place);
        self.retry(now, device as usize);
        for other in 0..self.waiting.len() {
            if self.in_flight[other] == 0 && !self.waiting[other].is_empty() {
                self.retry(now, other);
            }
        }
    }

    /// Asks again for what waits, until one fails.
    fn retry(&mut self, now: u64, device: usize) {
        while let Some(&(place, since)) = self.waiting[device].front() {
            if self.attempt(now, place) == Answer::Full {
                return;
            }
            self.waiting[device].pop_front();
            self.flow.devices[device].waits_ns.push(now - since);
        }
    }
}
