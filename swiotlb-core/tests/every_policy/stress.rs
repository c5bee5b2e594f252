//! Threads that share an allocator lose nothing, and one thread breaks no rule.

use crate::common::crowd::{one_thread_keeps_every_rule, threads_lose_nothing};
use crate::common::sharing::two_cpus_get_every_slot_once;

crate::for_every_policy! {
    nothing_is_lost_by_threads => threads_lose_nothing;
    every_rule_is_kept_by_one_thread => one_thread_keeps_every_rule;
    an_area_is_shared_without_a_loss => two_cpus_get_every_slot_once;
}
