//! The process of a stage: this program again.
//!
//! Invariant: its command line says all that it does. What variables say to a night is meant for the night, which has
//! written into the command lines what its stages are to know. And a stage does not outlive its night: whatever ends
//! the one ends the other, so that who resumes the night finds nobody at work in its folders.

use super::said::Said;
use super::stage::Name;
use crate::measure::commands::VARIABLES;
use crate::measure::plan::PLAN_FILE;
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a night looks whether a stage is over, or the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);
/// The summary of a GitHub workflow's step, which every command adds to: the night's own stands for its stages'.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// The file in a night's folder that a stage prints to.
#[must_use]
pub fn output(name: Name) -> String {
    format!("{}.txt", name.word())
}

/// A stage at work.
#[derive(Debug)]
pub struct Stage {
    child: Child,
    said: Said,
}

/// Starts the stage `name` of the night in `folder`, in the folder `place` that its command line is meant from. What it
/// prints goes into [`output`], in the place of what it printed before it was cut; what it complains of goes there and
/// to this program's standard error.
///
/// # Errors
/// The system's answer.
pub fn start(folder: &Path, place: &Path, name: Name, command: &[String]) -> io::Result<Stage> {
    let path = folder.join(output(name));
    let told = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let output = File::create(&path).map_err(told)?;
    // Handles of one file as it is open once: whoever writes adds to what the other wrote.
    let kept = output.try_clone().map_err(told)?;
    let mut process = Command::new(std::env::current_exe()?);
    process.args(command);
    if !place.as_os_str().is_empty() {
        process.current_dir(place);
    }
    if name.measures() && folder.join(name.word()).join(PLAN_FILE).exists() {
        process.arg("--resume");
    }
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with(VARIABLES) || variable == STEP_SUMMARY {
            process.env_remove(variable);
        }
    }
    let (heard, says) = io::pipe()?;
    process.stdin(Stdio::null()).stdout(output).stderr(says);
    // An interrupt from the terminal goes to the night, which ends the stage.
    process.process_group(0);
    end_with_this(&mut process);
    let child = process.spawn()?;
    // With it goes this process's end of the pipe that the stage writes to.
    drop(process);
    Ok(Stage { child, said: Said::listen(heard, io::stderr(), kept) })
}

/// Has the system kill the process once this one has gone. A kill loses nothing: records and histories are made for it.
fn end_with_this(process: &mut Command) {
    let night = Some(getpid());
    let before_it_runs = move || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // Where the night has gone meanwhile, no signal comes any more.
        if getppid() == night { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec only what is safe in a signal handler may be called. These are two system calls, and
    // neither an error's number nor its kind allocates.
    unsafe {
        process.pre_exec(before_it_runs);
    }
}

impl Stage {
    /// Waits for the stage, and says its exit code, nothing where a signal ended it. Where the user wants to stop, asks the
    /// stage to end and waits for that.
    ///
    /// # Errors
    /// The system's answer.
    pub fn wait(&mut self, stop: &AtomicBool) -> io::Result<Option<i32>> {
        let mut asked = false;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            // Relaxed: nothing but the flag itself is read.
            if stop.load(Ordering::Relaxed) && !asked {
                asked = true;
                let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
                // A stage that has ended meanwhile needs no signal.
                let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The last thing that a stage complained of that has ended; all of it is repeated by then.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.said.last()
    }
}
