//! Threads may not be pinned, or there are fewer cores to pin them to than the machine has.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of a filter, which are small"
)]

use crate::{Place, has_ended};
use reports::store;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Has the system answer EPERM to whoever asks for an affinity, as a container's filter may.
fn refused(mut command: Command) -> Command {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let number = libc::SYS_sched_setaffinity as u32;
    let filter = move || {
        let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
        // The call's number is the first word of what a filter is shown.
        let mut steps = [
            step(LOAD, 0, 0),
            step(EQUAL, 1, number),
            step(ANSWER, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            step(ANSWER, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
        // SAFETY: the call has numbers only.
        let fixed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_u64, 0_u64, 0_u64, 0_u64) };
        let mode = u64::from(libc::SECCOMP_MODE_FILTER);
        // SAFETY: `program` and what it points to live through the call, which only reads them.
        let filtered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
        let done = fixed == 0 && filtered == 0;
        if done { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(filter);
    }
    command
}

/// Leaves the command one core.
fn on_one_core(mut command: Command) -> Command {
    let one = || -> io::Result<()> {
        let allowed = sched_getaffinity(None)?;
        let mut set = CpuSet::new();
        (0..CpuSet::MAX_CPU).find(|&core| allowed.is_set(core)).iter().for_each(|&core| set.set(core));
        Ok(sched_setaffinity(None, &set)?)
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(one);
    }
    command
}

#[test]
fn a_run_whose_threads_cannot_be_pinned_says_so_and_so_do_its_records() {
    let place = Place::new();
    let what = "unpinned: the system refuses to bind threads to cores (sched_setaffinity)";
    let measure = "measure @fast.toml --launches 1 --no-control --out @run";
    let (shown, said) = has_ended(&refused(place.command(measure)).output().unwrap(), 0);
    assert!(said.contains(what) && said.contains("allow it in this container"), "{said}");
    assert!(shown.contains("unpinned"), "{shown}");
    let records = store::load(&place.path("run/runs.jsonl")).unwrap().records;
    assert!(records.len() == 3 && records.iter().all(|r| r.notes.iter().any(|note| note.starts_with(what))));
    assert!(records.iter().flat_map(|record| &record.threads).all(|thread| thread.pinned_to.is_none()));
    // Those who are strict have such a run not begun.
    for command in [
        "measure @fast.toml --launches 1 --no-control --strict --out @strict",
        "ab none none @slow.toml --strict --out @strict",
        "gate @gate.toml --strict --out @strict",
        "calibrate @slow.toml --policy none --strict --out @strict",
    ] {
        let (_, said) = has_ended(&refused(place.command(command)).output().unwrap(), 6);
        assert!(said.contains(what) && !place.path("strict").exists(), "{command}: {said}");
    }
    // Where threads are pinned nothing is said.
    place.run("pinned", "1");
    let records = store::load(&place.path("pinned/runs.jsonl")).unwrap().records;
    assert!(records.iter().all(|record| record.notes.is_empty()));
}

#[test]
fn fewer_cores_than_the_machine_has_are_those_that_count() {
    let place = Place::new();
    let areas = "measure areas --set threads=2 --dry-run --strict";
    let (_, said) = has_ended(&on_one_core(place.command(areas)).output().unwrap(), 6);
    assert!(said.contains("want up to 2 threads and there are 1 cores"), "{said}");
}
