//! A library's table, checked: what the header requires is there, and what is optional is there or not.

use super::abi;
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use swiotlb_core::policy::Reproduces;
use thiserror::Error;

/// Bytes of a table up to its version and size.
const HEAD: u32 = 8;
/// The most characters of a name.
const NAME: usize = 32;

/// The functions of a library. Those that the header requires can be called without asking.
#[derive(Clone, Copy)]
pub struct Ops {
    pub init: abi::Init,
    pub fini: abi::Fini,
    pub device_add: abi::DeviceAdd,
    pub map: abi::Map,
    pub unmap: abi::Unmap,
    pub sync_for_cpu: abi::Sync,
    pub sync_for_device: abi::Sync,
    pub find_pool: abi::FindPool,
    pub stats: abi::GetStats,
    /// Enter and exit: both or none.
    pub thread: Option<(abi::ThreadEnter, abi::ThreadExit)>,
    /// Enter and exit: both or none.
    pub section: Option<(abi::Section, abi::Section)>,
    pub hiwater_reset: Option<abi::HiwaterReset>,
    pub work: Option<abi::Work>,
    pub reclaim: Option<abi::Reclaim>,
    pub counters: Option<abi::GetCounters>,
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TableError {
    /// `swiotlb_ext_get` gave nothing.
    #[error("it does not speak version {host} of the interface", host = abi::ABI)]
    Declined,
    /// It was compiled for another version.
    #[error("it was compiled for version {theirs} of the interface, and this program speaks version {host}; \
        compile it with this program's swiotlb_ext.h", host = abi::ABI)]
    Version {
        /// The library's version.
        theirs: u32,
    },
    /// Its table ends within its first fields.
    #[error(
        "its table says that it has {size} bytes, which is no table: set `size` to \
        sizeof(struct swiotlb_ext_ops)"
    )]
    Size {
        /// What the table says.
        size: u32,
    },
    /// A name that no label can hold.
    #[error("its name is not 1 to 32 of a-z, 0-9 and '-'")]
    Name,
    /// It declares something that this version does not know.
    #[error("it declares {bits:#x}, which version {host} does not know", host = abi::ABI)]
    Declares {
        /// What is not known.
        bits: u64,
    },
    /// A function that has to be there.
    #[error("its function `{0}` is NULL, and it is required")]
    Missing(&'static str),
    /// One of two functions that come together.
    #[error("of `{0}_enter` and `{0}_exit` it has only one")]
    Half(&'static str),
}

/// What a table says of its library.
pub struct Described {
    /// The functions.
    pub ops: Ops,
    /// The name.
    pub name: String,
    /// What it declares.
    pub reproduces: Reproduces,
}

/// Reads a library's table.
///
/// # Errors
/// What is wrong with it.
///
/// # Safety
/// `table` is null or points to a `struct swiotlb_ext_ops` that keeps the header's promises: as many bytes as
/// it says, and a name that is null or ends.
pub unsafe fn read(table: *const abi::Ops) -> Result<Described, TableError> {
    if table.is_null() {
        return Err(TableError::Declined);
    }
    let head = table.cast::<[u32; 2]>();
    // SAFETY: every table begins with these two fields, as the caller promises; no reference to what may lie
    // beyond a shorter table is made.
    let [theirs, size] = unsafe { head.read() };
    if theirs != abi::ABI {
        return Err(TableError::Version { theirs });
    }
    if size < HEAD {
        return Err(TableError::Size { size });
    }
    let bytes = size.min(abi::size::<abi::Ops>()) as usize;
    let mut whole = MaybeUninit::<abi::Ops>::zeroed();
    // SAFETY: the table has `size` bytes, as the caller promises, and `whole` has as many as are copied; it was
    // made just now, so the two do not overlap.
    unsafe { core::ptr::copy_nonoverlapping(table.cast::<u8>(), whole.as_mut_ptr().cast(), bytes) };
    // SAFETY: zeroes are a valid table (null pointers, `None`), and so is every bit pattern of a field that a
    // library has filled in: numbers, a pointer, functions or null.
    let table = unsafe { whole.assume_init() };
    // SAFETY: the caller's promise about the name.
    let name = unsafe { name(table.name) }.ok_or(TableError::Name)?;
    let unknown = table.declares & !(abi::PLACEMENT | abi::STATISTICS);
    if unknown != 0 {
        return Err(TableError::Declares { bits: unknown });
    }
    let declares = |bit| table.declares & bit != 0;
    let reproduces = Reproduces {
        placement: declares(abi::PLACEMENT),
        statistics: declares(abi::STATISTICS),
        ..Reproduces::NOTHING
    };
    Ok(Described { ops: checked(&table)?, name, reproduces })
}

/// # Safety
/// `name` is null or points to a text that ends.
unsafe fn name(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=NAME).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

fn checked(table: &abi::Ops) -> Result<Ops, TableError> {
    macro_rules! required {
        ($($name:ident)*) => { $( let $name = table.$name.ok_or(TableError::Missing(stringify!($name)))?; )* };
    }
    required!(init fini device_add map unmap sync_for_cpu sync_for_device find_pool stats);
    Ok(Ops {
        init,
        fini,
        device_add,
        map,
        unmap,
        sync_for_cpu,
        sync_for_device,
        find_pool,
        stats,
        thread: both("thread", table.thread_enter, table.thread_exit)?,
        section: both("section", table.section_enter, table.section_exit)?,
        hiwater_reset: table.hiwater_reset,
        work: table.work,
        reclaim: table.reclaim,
        counters: table.counters,
    })
}

fn both<A, B>(name: &'static str, enter: Option<A>, exit: Option<B>) -> Result<Option<(A, B)>, TableError> {
    match (enter, exit) {
        (Some(enter), Some(exit)) => Ok(Some((enter, exit))),
        (None, None) => Ok(None),
        _ => Err(TableError::Half(name)),
    }
}
