#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::lines::Lines;
use crate::trace::TraceOptions;
use std::io::Cursor;
use std::path::Path;

/// A call of device `d` on CPU 0: what, when it begins, its original (a page's number), its bytes. Bounce addresses
/// follow originals, so an unmap names the mapping by the original's number.
type Call = (&'static str, u64, u64, u32);

fn trace(calls: &[Call]) -> Trace {
    let line = |&(op, t_ns, page, size): &Call| {
        let (orig, tlb) = (0x10_0000 + page * 0x1000, 0x800_0000 + page * 0x4_0000);
        let tlb = if op == "map_fail" { "null".to_owned() } else { format!("\"{tlb:#x}\"") };
        format!(
            "{{\"t_ns\":{t_ns},\"cpu\":0,\"op\":\"{op}\",\"dev\":\"d\",\"orig\":\"{orig:#x}\",\"size\":{size},\"dir\":1,\
             \"tlb\":{tlb},\"ctx\":\"task\",\"t_ret_ns\":{}}}\n",
            t_ns + 100
        )
    };
    let text: String = calls.iter().map(line).collect();
    let lines = Lines::from_reader(Path::new("t"), Cursor::new(text.into_bytes())).unwrap();
    Trace::from_lines(lines, None, &TraceOptions::default()).unwrap()
}

fn demand(calls: &[Call]) -> Demand {
    Demand::of(&trace(calls))
}

fn recorded(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/traces").join(name);
    Trace::open(&path, &TraceOptions::default()).unwrap()
}

/// Asked, waited, held and how many buffers.
fn shapes(demand: &Demand) -> Vec<(u64, u64, Option<u64>, u32)> {
    demand.requests.iter().map(|r| (r.asked_ns, r.waited_ns, r.held_ns, r.elements)).collect()
}

/// A room for so many requests at once.
struct Seats(usize);

impl Room for Seats {
    fn map(&mut self, _: u64, _: usize, _: u32, _: u32, _: &Request) -> Answer {
        if self.0 == 0 {
            return Answer::Full;
        }
        self.0 -= 1;
        Answer::Mapped
    }

    fn end(&mut self, _: u64, _: usize, _: u32, _: u32, _: &Request) {
        self.0 += 1;
    }
}

#[test]
fn maps_in_a_row_that_end_together_are_one_request() {
    let (a, b, c) = (1, 2, 3);
    let demand = demand(&[
        ("map", 0, a, 2048),
        ("map", 1_000, b, 4096),
        // Ends with the others, but comes too late for their list.
        ("map", 50_000, c, 2048),
        ("unmap", 90_000, a, 2048),
        ("unmap", 91_000, b, 4096),
        ("unmap", 92_000, c, 2048),
        // Two in a row that end apart are two.
        ("map", 100_000, a, 2048),
        ("map", 101_000, b, 2048),
        ("unmap", 110_000, b, 2048),
        ("map", 111_000, c, 2048),
        ("unmap", 120_000, a, 2048),
    ]);
    let expected = [
        (0, 0, Some(91_000), 2),
        (50_000, 0, Some(42_000), 1),
        (100_000, 0, Some(20_000), 1),
        (101_000, 0, Some(9_000), 1),
        (111_000, 0, None, 1),
    ];
    assert_eq!(shapes(&demand), expected);
    assert_eq!(demand.slots_of(&demand.requests[0]), 3);
}

#[test]
fn failures_until_it_maps_are_one_request_that_waited() {
    let demand = demand(&[
        ("map", 0, 1, 2048),
        ("map_fail", 10_000, 2, 4096),
        ("map_fail", 20_000, 2, 4096),
        // Another size is another request.
        ("map_fail", 25_000, 2, 8192),
        ("unmap", 30_000, 1, 2048),
        ("map", 40_000, 2, 4096),
        ("unmap", 70_000, 2, 4096),
    ]);
    assert_eq!(shapes(&demand), [(0, 0, Some(30_000), 1), (10_000, 30_000, Some(30_000), 1)]);
    let device = &demand.devices[0];
    assert_eq!((device.requests, device.delayed, device.never, device.failed_calls), (3, 2, 1, 3));
    assert_eq!(device.cost(), Cost::Mixed);
    assert_eq!(demand.requests[1].failed, 2);
}

#[test]
fn what_a_failed_list_undid_is_not_asked_twice() {
    let demand = demand(&[
        ("map", 0, 1, 16),
        ("map_fail", 1_000, 2, 4096),
        ("unmap", 2_000, 1, 16),
        ("map", 50_000, 1, 16),
        ("map", 51_000, 2, 4096),
        ("map", 52_000, 3, 1),
        ("unmap", 80_000, 1, 16),
        ("unmap", 81_000, 2, 4096),
        ("unmap", 82_000, 3, 1),
    ]);
    assert_eq!(shapes(&demand), [(0, 50_000, Some(32_000), 3)]);
    let device = &demand.devices[0];
    assert_eq!((device.requests, device.delayed, device.never), (1, 1, 0));
    assert_eq!(device.cost(), Cost::Retried);
}

#[test]
fn what_is_not_asked_again_soon_was_given_up() {
    let demand =
        demand(&[("map_fail", 0, 1, 64), ("map", 2_000_000_000, 1, 64), ("unmap", 2_000_001_000, 1, 64)]);
    assert_eq!(shapes(&demand), [(2_000_000_000, 0, Some(1_000), 1)]);
    assert_eq!((demand.devices[0].requests, demand.devices[0].never), (2, 1));
}

#[test]
fn with_room_a_recording_is_played_as_it_was() {
    for name in ["dyn_growth.jsonl.gz", "boot_probe.jsonl.gz"] {
        let trace = recorded(name);
        let demand = Demand::of(&trace);
        let occupancy = unbounded(&Load::recorded(&demand));
        // A list is held from its first map to its last end, so it may take a few slots a moment longer.
        let high_water = pair(&trace).high_water_slots;
        assert!((high_water..=high_water + 4).contains(&occupancy.high_water), "{name}: {occupancy:?}");
        let last = demand.requests.iter().map(|r| r.asked_ns + r.held_ns.unwrap_or(0)).max().unwrap();
        assert!(occupancy.end_ns.abs_diff(last) < 10_000, "{name}: {} and {last}", occupancy.end_ns);
    }
}

#[test]
fn fewer_at_once_are_served_faster_and_the_work_stays() {
    // Two maps of one list, so that those 5 us apart are none; then four requests at once.
    let mut calls: Vec<Call> =
        vec![("map", 0, 8, 64), ("map", 100, 9, 64), ("unmap", 300, 8, 64), ("unmap", 400, 9, 64)];
    calls.extend((0..4).map(|i| ("map", 10_000 + i * 5_000, i, 2048)));
    calls.extend((0..4).map(|i| ("unmap", 50_000 + i * 1_000, i, 2048)));
    let demand = demand(&calls);
    assert_eq!((demand.devices[0].requests, demand.devices[0].streams.len()), (5, 4));
    let load = Load::recorded(&demand);
    let mut ends = Vec::new();
    for seats in [4, 2, 1] {
        let flow = play(&load, 1, &mut Seats(seats));
        assert_eq!((flow.requests(), flow.never()), (5, 0));
        assert_eq!(flow.delayed(), 4 - seats as u64);
        ends.push(flow.end_ns);
    }
    assert!(ends.iter().all(|end| end.abs_diff(53_000) < 10), "{ends:?}");
}

#[test]
fn what_waits_on_one_cpu_is_asked_again_when_its_device_ends_a_request_on_another() {
    // Two maps of one list, as above; then three requests, of which there is room for two.
    let mut calls: Vec<Call> =
        vec![("map", 0, 8, 64), ("map", 100, 9, 64), ("unmap", 300, 8, 64), ("unmap", 400, 9, 64)];
    calls.extend((0..3).map(|i| ("map", 10_000 + i * 5_000, i, 2048)));
    calls.extend([60_000, 100_000, 105_000].iter().zip(0..).map(|(&t_ns, i)| ("unmap", t_ns, i, 2048)));
    let mut demand = demand(&calls);
    demand.requests.iter_mut().skip(2).for_each(|request| request.cpu = 1);
    let flow = play(&Load::recorded(&demand), 2, &mut Seats(2));
    // The first of the three ends 27 us after the third was asked, and the second, on the third's CPU, 20 us later.
    let waits = flow.waits_ns();
    assert!(matches!(waits[..], [wait] if wait.abs_diff(26_667) < 10), "{waits:?}");
}

#[test]
fn nobody_has_more_in_flight_than_recorded() {
    let demand = Demand::of(&recorded("dyn_growth.jsonl.gz"));
    let flow = play(&Load::recorded(&demand), demand.cpus, &mut Seats(1));
    assert_eq!(flow.requests(), demand.requests.len() as u64, "all are asked in the end");
    assert_eq!(flow.never(), 0);
    let waits = flow.waits_ns();
    assert_eq!(waits.len() as u64, flow.delayed());
    let most: usize = demand.devices.iter().map(|device| device.streams.len()).sum();
    let mut room = Most { now: 0, most: 0 };
    play(&Load::recorded(&demand), demand.cpus, &mut room);
    assert!(room.most <= most);
}

/// Counts what is in flight.
struct Most {
    now: usize,
    most: usize,
}

impl Room for Most {
    fn map(&mut self, _: u64, _: usize, _: u32, _: u32, _: &Request) -> Answer {
        self.now += 1;
        self.most = self.most.max(self.now);
        Answer::Mapped
    }

    fn end(&mut self, _: u64, _: usize, _: u32, _: u32, _: &Request) {
        self.now -= 1;
    }
}

#[test]
fn a_scaled_load_has_all_requests_of_all_copies() {
    let demand = Demand::of(&recorded("dyn_growth.jsonl.gz"));
    let n = demand.requests.len() as u64;
    let one = unbounded(&Load::recorded(&demand));
    let scale = |text: &str| text.parse::<Scale>().unwrap();
    let four = Load::new(&demand, scale("devices=4"), &[demand.span_ns / 3, demand.span_ns / 2]);
    assert_eq!((four.requests(), four.devices()), (4 * n, 4 * demand.devices.len()));
    let wanted = unbounded(&four).high_water;
    assert!((one.high_water..=4 * one.high_water).contains(&wanted), "{wanted}");
    // Without shifts all copies are in phase.
    let in_phase = unbounded(&Load::new(&demand, scale("devices=4"), &[]));
    assert_eq!(in_phase.high_water, 4 * one.high_water);
    let deep = Load::new(&demand, scale("depth=2"), &[]);
    assert_eq!(deep.requests(), n);
    assert!(unbounded(&deep).high_water > one.high_water);
    let fast = unbounded(&Load::new(&demand, scale("rate=4"), &[]));
    assert!(fast.end_ns < one.end_ns, "{} {}", fast.end_ns, one.end_ns);
}

#[test]
fn a_place_that_is_dealt_requests_begins_when_the_stream_did() {
    const LATE: u64 = 1_000_000_000;
    // One request at a time.
    let round = |page| [("map", page * 100_000, page, 2048), ("unmap", page * 100_000 + 90_000, page, 2048)];
    let mut demand = demand(&(0..8).flat_map(round).collect::<Vec<Call>>());
    demand.requests.iter_mut().for_each(|request| request.asked_ns += LATE);
    demand.requests[0].think_ns += LATE;
    demand.span_ns += LATE;
    let marks = |depth| {
        let load = Load::new(&demand, Scale { depth, ..Scale::default() }, &[]);
        unbounded(&load).high_water
    };
    assert_eq!([1, 2, 4].map(marks), [1, 2, 4]);
}

#[test]
fn no_overlay_wants_more_than_its_copies_at_their_peaks() {
    let demand = Demand::of(&recorded("boot_probe.jsonl.gz"));
    let scale = Scale { devices: 3, depth: 2, rate: 1 };
    for (a, b) in [(1, 2), (1, 5), (3, 4)] {
        let shifts = [demand.span_ns / 7 * a, demand.span_ns / 7 * b];
        let alone = |shift| unbounded(&Load::begun_at(&demand, scale, shift)).high_water;
        let wanted = unbounded(&Load::new(&demand, scale, &shifts)).high_water;
        assert!(wanted <= alone(0) + alone(shifts[0]) + alone(shifts[1]), "{wanted}");
    }
}

#[test]
fn factors_are_named_and_bounded() {
    assert_eq!("".parse::<Scale>(), Ok(Scale::default()));
    assert_eq!("devices=4, depth=2".parse(), Ok(Scale { devices: 4, depth: 2, rate: 1 }));
    for wrong in ["4", "devices=0", "devices=65", "rate=x", "cpus=2"] {
        assert!(wrong.parse::<Scale>().unwrap_err().contains("write devices=N"), "{wrong}");
    }
}

#[test]
fn two_halves_hold_every_request() {
    let demand = Demand::of(&recorded("boot_probe.jsonl.gz"));
    let half = demand.span_ns / 2;
    let (first, second) = (demand.part(0, half), demand.part(half, u64::MAX));
    let over = demand
        .requests
        .iter()
        .filter(|r| r.asked_ns < half && r.held_ns.is_none_or(|held| r.asked_ns + r.waited_ns + held > half));
    assert_eq!(first.requests.len() + second.requests.len(), demand.requests.len() + over.count());
    assert!(second.requests.iter().all(|r| r.asked_ns <= second.span_ns));
    let most = [&first, &second].map(|part| unbounded(&Load::recorded(part)).high_water);
    let whole = unbounded(&Load::recorded(&demand)).high_water;
    assert!(most.iter().max().unwrap().abs_diff(whole) <= 4, "{most:?} {whole}");
}

#[test]
fn a_queue_takes_memory_only_where_something_is_asked() {
    // As many CPUs as a trace can name: a table of all queues would take 20 GiB.
    let line = |i: u64| {
        let (t_ns, tlb) = (i * 10, 0x800_0000 + i * 0x1000);
        format!(
            "{{\"t_ns\":{t_ns},\"cpu\":65535,\"op\":\"map\",\"dev\":\"d{i}\",\"orig\":\"0x1000\",\"size\":512,\"dir\":1,\"tlb\":{tlb}}}\n"
        )
    };
    let text: String = (0..10_000).map(line).collect();
    let lines = Lines::from_reader(Path::new("t"), Cursor::new(text.into_bytes())).unwrap();
    let demand = Demand::of(&Trace::from_lines(lines, None, &TraceOptions::default()).unwrap());
    assert_eq!(demand.cpus, 65_536);
    let flow = play(&Load::recorded(&demand), demand.cpus, &mut Seats(9_000));
    assert_eq!((flow.requests(), flow.never()), (10_000, 1_000));
}
