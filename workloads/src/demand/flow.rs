//! The playback of a load: who asks when. What answers is a [`Room`].
//!
//! Each queue place asks for its requests one after the other: the next one comes its think time after the last
//! was ended. A request that finds no room waits in its queue: that of its device on its CPU, as multi-queue block
//! devices have one for each CPU. Whenever its device ends a request, those that wait are asked again: first the
//! queue of what ended, then the device's other queues, in each first come first served until one fails. (A device that
//! gave up what failed when it was recorded gives it up here.) A device with nothing in flight asks again whenever any
//! device ends a request. What waits when nothing is left to end never gets room, and its place asks for nothing more.
//!
//! Virtual time: calls take none. Events of one time come in the order in which they were caused. The same load
//! and the same answers give the same flow whenever it is played.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use super::work::Progress;
use super::{Cost, Load, Request};

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

    /// Ends a request that was mapped, on the CPU on which it was.
    fn end(&mut self, now_ns: u64, number: usize, device: u32, cpu: u32, request: &Request);
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
    Ask(usize),
    /// Requests of a device end, unless its requests in flight have changed since this was foreseen.
    End(usize, u64),
}

/// The requests of a device that are mapped and will end.
#[derive(Default)]
struct InFlight {
    progress: Progress,
    /// How far the device has got when each ends, and its place.
    ends: BinaryHeap<Reverse<(u128, usize)>>,
    /// Counts changes.
    changes: u64,
}

/// What waits of a device on a CPU: places, with the time since when.
type Queue = VecDeque<(usize, u64)>;

struct Player<'a, R> {
    load: &'a Load<'a>,
    room: &'a mut R,
    cpus: u32,
    /// By time, then by the number of the event.
    due: BinaryHeap<Reverse<(u64, u64, Due)>>,
    events: u64,
    /// By place: how many requests it has asked for.
    next: Vec<usize>,
    /// By number. Only those that were asked: a trace may name 65,536 devices and as many CPUs.
    queues: HashMap<usize, Queue>,
    /// Queues in which something waits.
    stuck: BTreeSet<usize>,
    /// By device.
    devices: Vec<InFlight>,
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
        queues: HashMap::new(),
        stuck: BTreeSet::new(),
        devices: (0..devices).map(|_| InFlight::default()).collect(),
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
        while let Some(Reverse((now, _, due))) = self.due.pop() {
            match due {
                Due::Ask(place) => self.ask(now, place),
                Due::End(device, changes) if self.devices[device].changes == changes => self.end(now, device),
                Due::End(..) => continue,
            }
            self.flow.end_ns = now;
        }
        for (number, queue) in &self.queues {
            self.flow.devices[number / self.cpus as usize].never += queue.len() as u64;
        }
    }

    fn push(&mut self, at: u64, due: Due) {
        self.events += 1;
        self.due.push(Reverse((at, self.events, due)));
    }

    /// Foresees the next end of a device, whose requests in flight have changed.
    fn foresee(&mut self, device: usize) {
        let of = &mut self.devices[device];
        of.changes += 1;
        if let Some(&Reverse((done, _))) = of.ends.peek() {
            let (at, due) = (of.progress.when(done), Due::End(device, of.changes));
            self.push(at, due);
        }
    }

    /// The next request of a place comes its think time after `now`.
    fn think(&mut self, now: u64, place: usize) {
        if let Some(&(_, think)) = self.load.places[place].requests.get(self.next[place]) {
            self.push(now.saturating_add(think), Due::Ask(place));
        }
    }

    /// The request that a place asks for or has.
    fn request(&self, place: usize) -> (u32, Request) {
        let of = &self.load.places[place];
        let index = of.requests[self.next[place]].0;
        (of.device, self.load.demand.requests[index as usize])
    }

    /// The queue of a place's next request.
    fn queue(&self, place: usize) -> usize {
        let (device, request) = self.request(place);
        device as usize * self.cpus as usize + self.cpu(place, &request) as usize
    }

    fn cpu(&self, place: usize, request: &Request) -> u32 {
        (request.cpu + self.load.places[place].cpu_shift) % self.cpus
    }

    fn ask(&mut self, now: u64, place: usize) {
        let (device, _) = self.request(place);
        self.flow.devices[device as usize].requests += 1;
        if self.attempt(now, place) == Answer::Mapped {
            return;
        }
        self.flow.devices[device as usize].delayed += 1;
        if self.drops(device) {
            self.flow.devices[device as usize].never += 1;
            self.next[place] += 1;
            return self.think(now, place);
        }
        let queue = self.queue(place);
        self.queues.entry(queue).or_default().push_back((place, now));
        self.stuck.insert(queue);
    }

    /// Whether the recording shows that this device gives up what fails.
    fn drops(&self, device: u32) -> bool {
        let devices = &self.load.demand.devices;
        devices[device as usize % devices.len()].cost() == Cost::Dropped
    }

    fn attempt(&mut self, now: u64, place: usize) -> Answer {
        let (device, request) = self.request(place);
        let cpu = self.cpu(place, &request);
        let answer = self.room.map(now, place, device, cpu, &request);
        match (answer, request.held_ns) {
            (Answer::Full, _) => self.flow.devices[device as usize].failed += 1,
            (Answer::Mapped, Some(_)) => {
                let of = &mut self.devices[device as usize];
                let done = of.progress.at(now) + request.work;
                of.ends.push(Reverse((done, place)));
                of.progress.set_in_flight(of.ends.len() as u64);
                self.foresee(device as usize);
            }
            // Held for ever: the place asks for nothing more.
            (Answer::Mapped, None) => {}
        }
        answer
    }

    fn end(&mut self, now: u64, device: usize) {
        let of = &mut self.devices[device];
        of.progress.at(now);
        let Some(Reverse((_, place))) = of.ends.pop() else { return };
        of.progress.set_in_flight(of.ends.len() as u64);
        self.foresee(device);
        let (number, request) = self.request(place);
        let queue = self.queue(place);
        let cpu = self.cpu(place, &request);
        self.room.end(now, place, number, cpu, &request);
        self.next[place] += 1;
        self.think(now, place);
        self.retry(now, queue);
        let cpus = self.cpus as usize;
        let asks = |other: &usize| {
            let of = *other / cpus;
            *other != queue && (of == device || self.devices[of].ends.is_empty())
        };
        let others: Vec<usize> = self.stuck.iter().copied().filter(asks).collect();
        others.into_iter().for_each(|other| self.retry(now, other));
    }

    fn first_waiting(&self, queue: usize) -> Option<(usize, u64)> {
        self.queues.get(&queue)?.front().copied()
    }

    /// Asks again for what waits in a queue, until one fails.
    fn retry(&mut self, now: u64, queue: usize) {
        while let Some((place, since)) = self.first_waiting(queue) {
            if self.attempt(now, place) == Answer::Full {
                return;
            }
            self.queues.entry(queue).or_default().pop_front();
            self.flow.devices[queue / self.cpus as usize].waits_ns.push(now - since);
        }
        self.stuck.remove(&queue);
    }
}
