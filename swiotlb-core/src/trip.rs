//! How often one map + unmap round trip asks `find_pool`.
//!
//! | trip | when it wins |
//! |---|---|
//! | [`PassAlong`] | 6.11 and later: looked up once, at unmap, and handed from step to step |
//! | [`Twice`] | at unmap once for the question whether the address is bounced at all, and once for the pool that the steps then share |
//! | [`EachStep`] | 6.6: looked up again at every step that needs the pool, six times per round trip (map: copy; unmap: whose it is, what it is, copy, transient or not, release) |

/// What a step does that needs the pool which an earlier step had found.
pub trait Trip: Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;

    /// The pool for the unmap itself: `known` from the question whether the address is bounced at all, or what
    /// `look_up` finds.
    #[inline]
    fn for_unmap<'g, T>(known: &'g T, look_up: impl FnOnce() -> Option<&'g T>) -> &'g T {
        Self::again(known, look_up)
    }

    /// The pool for the next step: `known`, or what `look_up` finds.
    fn again<'g, T>(known: &'g T, look_up: impl FnOnce() -> Option<&'g T>) -> &'g T;
}

/// The caller passes the pool along.
pub struct PassAlong;

impl Trip for PassAlong {
    const NAME: &'static str = "pass-along";

    #[inline]
    fn again<'g, T>(known: &'g T, _look_up: impl FnOnce() -> Option<&'g T>) -> &'g T {
        known
    }
}

/// The caller passes the pool along, but for the answer to the question whether an address is bounced.
pub struct Twice;

impl Trip for Twice {
    const NAME: &'static str = "twice";

    #[inline]
    fn for_unmap<'g, T>(known: &'g T, look_up: impl FnOnce() -> Option<&'g T>) -> &'g T {
        EachStep::again(known, look_up)
    }

    #[inline]
    fn again<'g, T>(known: &'g T, _look_up: impl FnOnce() -> Option<&'g T>) -> &'g T {
        known
    }
}

/// Every step looks the pool up.
pub struct EachStep;

impl Trip for EachStep {
    const NAME: &'static str = "each-step";

    #[inline]
    fn again<'g, T>(known: &'g T, look_up: impl FnOnce() -> Option<&'g T>) -> &'g T {
        // The pool cannot have gone: the mapping that lives in it is the caller's.
        look_up().unwrap_or(known)
    }
}
