//! The points at which a test kills whoever adds a run. Outside of tests there is nothing here.

/// Says that a step is done.
#[cfg(not(test))]
#[inline]
pub(super) const fn reached() {}

#[cfg(test)]
pub(super) use tests::reached;

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::io::{Read as _, Write as _};

    thread_local! {
        /// Steps until this thread waits to be killed; `None` is never.
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// What [`stop_at`] prints once it is there.
    pub(in super::super) const HERE: &str = "waits to be killed";

    /// This thread goes no further than its step `n` from now on, counted from 1.
    pub(in super::super) fn stop_at(n: u32) {
        LEFT.set(Some(n));
    }

    pub(in super::super) fn reached() {
        let Some(left) = LEFT.get() else { return };
        LEFT.set(Some(left - 1));
        if left == 1 {
            let mut out = std::io::stdout().lock();
            writeln!(out, "\n{HERE}").and_then(|()| out.flush()).expect("the parent reads");
            // Until the parent kills this process; it never writes.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::abort();
        }
    }
}
