//! How often one map + unmap round trip asks `find_pool`.
//!
//! | trip | when it wins |
//! |---|---|
//! | [`PassAlong`] | 6.11 and later: looked up once, at unmap, and handed from step to step |
//! | [`EachStep`] | 6.6: looked up again at every step that needs the pool, six times per round trip (map: copy; unmap: whose it is, what it is, copy, transient or not, release) |

/// What a step does that needs the pool which an earlier step had found.
pub trait Trip: Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;

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
