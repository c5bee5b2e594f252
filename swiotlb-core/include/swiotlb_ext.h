/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * swiotlb_ext.h: the interface between this workbench and an allocator of bounce buffers that comes from outside,
 * as a shared library. C99; C++ can include it too.
 *
 * WHAT A LIBRARY IS
 *
 * A library exports one function, swiotlb_ext_get(). The workbench (the host) calls it once after loading, and from
 * then on only through the functions in the table that it returns. `swiotlb-bench verify --policy ext:PATH.so` and
 * the other commands take such a library like any policy of their own. docs/EXTERNAL.md leads through it;
 * example/toy.c beside this file is a whole one.
 *
 * UNITS AND ADDRESSES
 *
 * Sizes are in bytes, slots are of 2,048 bytes, masks have their low bits set (2^n - 1) and nothing else. Addresses
 * are made-up physical addresses of 64 bits: numbers in a space of 2^40 bytes, in which originals and pools lie.
 * Bus addresses are equal to them. They are no pointers. Bytes move by swiotlb_ext_host.copy, and that is also how
 * the host counts them and switches copying off; swiotlb_ext_host.at gives a pointer where one is needed.
 *
 * OWNERSHIP
 *
 * What the host passes in belongs to the host and is valid during the call only, with two exceptions that are valid
 * until fini() returns: the table of swiotlb_ext_host, and the bytes of the default pool. What the library makes
 * (an allocator, devices, threads) belongs to the library; the host hands the pointers back and never looks behind
 * them. The table of swiotlb_ext_ops and its strings are valid as long as the library is loaded, which is until the
 * process ends.
 *
 * THREADS
 *
 * Several allocators of one library may exist at once and are used independently of each other. init(), device_add()
 * and fini() of one allocator are called by one thread at a time, with no other call of that allocator under way.
 * All other functions are called by many threads at once. A swiotlb_ext_caller is used by one thread at a time, and
 * calls with it do not overlap; one thread may have several callers, for different CPUs, so a library keeps what
 * belongs to a caller in swiotlb_ext_caller.thread and not in thread-local variables. A mapping may be ended by
 * another thread than the one that made it. Whoever passes an address on does so in a way that orders memory at
 * least as a relaxed atomic does: see find_pool().
 *
 * The host keeps a driver's promises: one address is not unmapped twice, nor by two threads at once; an original is
 * not written while it is copied. `verify` breaks none of them, but asks find_pool() for addresses that are no
 * bounce buffers.
 *
 * No function may let an exception or a longjmp() pass its frame, nor call exit(). A function that is measured may
 * block on a lock of the library, and on nothing else.
 *
 * VERSIONS
 *
 * SWIOTLB_EXT_ABI changes when something in here changes its meaning; a library of another version is refused.
 * Within a version structures only grow at their end. Each that may grow begins with its size as the one who filled
 * it in was compiled: nobody reads beyond that, and functions that lie beyond the end of a library's table count as
 * NULL. Reserved fields are 0.
 */
#ifndef SWIOTLB_EXT_H
#define SWIOTLB_EXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this interface. */
#define SWIOTLB_EXT_ABI 1u
/** Bytes of a slot. */
#define SWIOTLB_EXT_SLOT 2048u
/** Slots of a segment, counted from a pool's start. No allocation crosses one, so none exceeds 256 KiB. */
#define SWIOTLB_EXT_SEGMENT 128u
/** Bytes of a page. */
#define SWIOTLB_EXT_PAGE 4096u

/** What calls return. Any other number is a mistake of the library: the host says so and counts it as NO_POOL. */
enum swiotlb_ext_error {
	SWIOTLB_EXT_OK = 0,
	/** No pool has room, and there is no fallback. */
	SWIOTLB_EXT_FULL = 1,
	/** More than a segment holds, padding and rounding included. */
	SWIOTLB_EXT_TOO_LARGE = 2,
	/** No pool has room, and the host gave no pages for a transient one. */
	SWIOTLB_EXT_OUT_OF_PAGES = 3,
	/** A transient pool was made and cannot be aligned as asked; it was freed again. */
	SWIOTLB_EXT_UNUSABLE = 4,
	/** A mask that is not a run of low bits. */
	SWIOTLB_EXT_BAD_MASK = 5,
	/** Zero bytes, and no offset to keep: no slot would be taken. */
	SWIOTLB_EXT_ZERO = 6,
	/** There is no pool. */
	SWIOTLB_EXT_NO_POOL = 7,
	/** The address lies in no pool that the device uses. */
	SWIOTLB_EXT_NOT_BOUNCED = 8,
	/** The address lies in a pool and in no live mapping, or (unmap) not at a mapping's start. */
	SWIOTLB_EXT_NOT_LIVE = 9,
	/** The direction differs from the map's. */
	SWIOTLB_EXT_WRONG_DIRECTION = 10,
	/** init() and device_add(): no memory for the library's own data. */
	SWIOTLB_EXT_NO_MEMORY = 11,
	/** init(): a geometry that the library does not build. */
	SWIOTLB_EXT_UNSUPPORTED = 12
};

/** Which way data goes; the numbers are Linux's. There is no other value. */
enum swiotlb_ext_direction {
	SWIOTLB_EXT_BIDIRECTIONAL = 0,
	SWIOTLB_EXT_TO_DEVICE = 1,
	SWIOTLB_EXT_FROM_DEVICE = 2
};

/** Attributes of a call, or-ed. The numbers are Linux's. */
enum swiotlb_ext_attributes {
	/** unmap(): do not copy back. The copy at map is never skipped. */
	SWIOTLB_EXT_SKIP_CPU_SYNC = 1 << 5,
	/** map(): say nothing where there is no room. */
	SWIOTLB_EXT_NO_WARN = 1 << 8
};

/** What a library declares (swiotlb_ext_ops.declares), or-ed; `verify` compares that. */
enum swiotlb_ext_declares {
	/** Every call gets the slots that Linux 6.12 would give, as long as calls do not overlap in time. */
	SWIOTLB_EXT_PLACEMENT = 1,
	/** stats() is exact at any moment at which no call is under way. */
	SWIOTLB_EXT_STATISTICS = 2
};

/** What an allocator is to do (swiotlb_ext_params.flags), or-ed. */
enum swiotlb_ext_flags {
	/** It may grow and make transient pools; a library that cannot ignores this. */
	SWIOTLB_EXT_CAN_GROW = 1,
	/** Bytes are not copied: bookkeeping alone is measured. swiotlb_ext_host.copy then does nothing, so this
	 * concerns only a library that copies by itself. */
	SWIOTLB_EXT_NO_COPY = 2
};

/** What the host does for a library. Every function may be called by any thread, at any time from init() until
 * fini() returns. `ctx` is swiotlb_ext_host.ctx. */
struct swiotlb_ext_host {
	/** sizeof(struct swiotlb_ext_host) of the host. */
	uint32_t size;
	uint32_t reserved;
	void *ctx;

	/** Copies `bytes` bytes between two ranges of made-up addresses, which may overlap. Nobody else may access
	 * either range meanwhile but to read the source. Cannot fail. The measured policies of the host copy by the
	 * same routine. */
	void (*copy)(void *ctx, uint64_t from, uint64_t to, uint64_t bytes);

	/** A pointer to the bytes at `addr`, valid until fini() returns; NULL if they do not lie in the address space
	 * or not in one piece. Memory lies in pieces of 32 MiB, each from a multiple of 32 MiB on: what lies in one
	 * piece is contiguous behind the pointer, and nothing more. */
	void *(*at)(void *ctx, uint64_t addr, uint64_t bytes);

	/** Pages for a pool: `bytes` bytes at a multiple of 4,096, all zero, at or below `limit` (the address of the
	 * last byte). Does not block. SWIOTLB_EXT_OK or SWIOTLB_EXT_OUT_OF_PAGES, and then *addr is as before. */
	int (*pages_alloc)(void *ctx, uint64_t bytes, uint64_t limit, uint64_t *addr);

	/** Gives back what pages_alloc() gave at `addr`. Nobody may be able to look these pages up any more. */
	void (*pages_free)(void *ctx, uint64_t addr);

	/** A line of text for the user, without a newline at its end; goes to standard error. Not for what is
	 * measured. */
	void (*log)(void *ctx, const char *text);
};

/** What an allocator is made of. */
struct swiotlb_ext_params {
	/** sizeof(struct swiotlb_ext_params) of the host. */
	uint32_t size;
	/** enum swiotlb_ext_flags. Unknown flags are ignored. */
	uint32_t flags;
	/** The default pool: its first address, a multiple of 4,096. Its bytes are zero. */
	uint64_t base;
	/** Its slots, at least 1; at most 2^25. */
	uint64_t nslabs;
	/** Its areas: a power of two, and whole segments each unless there is one. A library may treat all of them
	 * as one. */
	uint32_t nareas;
	uint32_t reserved;
	/** Slots and areas that grown pools are wished to have. */
	uint64_t default_nslabs;
	uint32_t default_nareas;
	uint32_t reserved2;
	/** The highest address of grown pools. Transient pools obey their device. */
	uint64_t phys_limit;
	/** What the host does for it. */
	const struct swiotlb_ext_host *host;
};

/** What a driver declares of its device. Both masks have been checked to be runs of low bits. */
struct swiotlb_ext_limits {
	/** sizeof(struct swiotlb_ext_limits) of the host. */
	uint32_t size;
	uint32_t reserved;
	/** Low address bits that a bounce address shares with its original. */
	uint64_t min_align_mask;
	/** A buffer may not cross a multiple of this mask plus one. 2^64 - 1 is no boundary. */
	uint64_t seg_boundary_mask;
	/** The highest address that the device reaches. Only transient pools look at it: the host itself checks what
	 * a streaming map returns. */
	uint64_t reach;
};

/** Who calls. The host fills it in, and may change `cpu` between two calls. */
struct swiotlb_ext_caller {
	/** What init() gave. */
	void *mem;
	/** What thread_enter() gave; NULL without that function. */
	void *thread;
	/** The simulated CPU, whose area is searched first. Need not be below the number of areas. */
	uint32_t cpu;
	uint32_t reserved;
};

/** One buffer to map. */
struct swiotlb_ext_request {
	/** Where the original lies. It lies in the address space with all its bytes. 0 stands for none: its address
	 * bits are not kept. */
	uint64_t orig;
	/** Bytes to map. May be 0 and may be too large. */
	uint64_t size;
	/** Alignment of the allocation. May be no mask. */
	uint64_t alloc_align_mask;
	/** enum swiotlb_ext_direction. */
	uint32_t dir;
	/** enum swiotlb_ext_attributes. Unknown ones are ignored. */
	uint32_t attrs;
};

/** A pool, as find_pool() tells of it. */
struct swiotlb_ext_pool {
	/** First byte, and the byte after the last. */
	uint64_t start;
	uint64_t end;
	/** 1 for a transient pool, else 0. */
	uint32_t transient;
	uint32_t reserved;
};

/** The statistics, in slots. The host sets `size`, the library fills in what lies within it. */
struct swiotlb_ext_stats {
	/** sizeof(struct swiotlb_ext_stats) of the host. */
	uint32_t size;
	/** 1 if the growth worker was asked for a pool and has not run since. */
	uint32_t work_wanted;
	/** Slots of all pools but transient ones. */
	uint64_t nslabs;
	/** Slots in use, padding and rounding and transient pools included. */
	uint64_t used;
	/** The most that were in use at once. */
	uint64_t used_hiwater;
	/** Slots of transient pools. */
	uint64_t transient_nslabs;
	/** Pools but transient ones. */
	uint64_t pools;
	/** Transient pools that were unmapped and not freed yet. */
	uint64_t retired;
};

/** Steps that one caller has made since thread_enter(). The host sets `size`. */
struct swiotlb_ext_counters {
	/** sizeof(struct swiotlb_ext_counters) of the host. */
	uint32_t size;
	uint32_t reserved;
	/** Areas searched, slots stepped over by the searches, locks taken, locks that were not free at once. */
	uint64_t areas_tried;
	uint64_t slots_scanned;
	uint64_t locks_taken;
	uint64_t locks_contended;
	/** Lookups, pools compared by them, transient pools made. */
	uint64_t lookups;
	uint64_t pools_visited;
	uint64_t transient_made;
};

/** The library's table. Functions under "Required" may not be NULL. */
struct swiotlb_ext_ops {
	/** SWIOTLB_EXT_ABI as the library was compiled. */
	uint32_t abi_version;
	/** sizeof(struct swiotlb_ext_ops) as the library was compiled. */
	uint32_t size;
	/** A short name for labels: 1 to 32 of a-z, 0-9 and '-'. */
	const char *name;
	/** enum swiotlb_ext_declares. */
	uint64_t declares;

	/* Required. */

	/** Makes an allocator whose default pool is free, and stores it in *mem. SWIOTLB_EXT_OK, _NO_MEMORY or
	 * _UNSUPPORTED; on error *mem is not looked at. */
	int (*init)(const struct swiotlb_ext_params *params, void **mem);

	/** Frees an allocator with its devices, whatever is still mapped. All threads have exited. */
	void (*fini)(void *mem);

	/** Adds a device, which lives until fini(), and stores it in *device. SWIOTLB_EXT_OK, _NO_MEMORY or
	 * _UNSUPPORTED. */
	int (*device_add)(void *mem, const struct swiotlb_ext_limits *limits, void **device);

	/** Maps a buffer: finds slots, copies `size` bytes from the original whatever the direction, and stores the
	 * bounce address in *addr. The address shares the original's bits under min_align_mask (within a slot, and
	 * beyond it as far as padding slots make up for alloc_align_mask); the allocation lies in one segment, starts
	 * at a multiple of alloc_align_mask + 1, and crosses no boundary of the device. No byte of its slots belongs
	 * to another live mapping. Before it returns, its pool can be found by every CPU that obtains the address by
	 * any atomic access, a relaxed one too: so a full fence comes between publishing and returning.
	 *
	 * SWIOTLB_EXT_OK, _FULL, _TOO_LARGE, _OUT_OF_PAGES, _UNUSABLE, _BAD_MASK, _ZERO or _NO_POOL. On error nothing
	 * is mapped, `used` is as before, and *addr is not looked at. */
	int (*map)(const struct swiotlb_ext_caller *caller, void *device, const struct swiotlb_ext_request *request,
		   uint64_t *addr);

	/** Ends the mapping that starts at `addr`: if `dir` is from-device or bidirectional and `attrs` do not forbid
	 * it, copies `size` bytes back, at most to the allocation's end. Then frees what was allocated, whatever `size`
	 * says. SWIOTLB_EXT_OK, _NOT_BOUNCED, _NOT_LIVE or _WRONG_DIRECTION; on error nothing has changed. */
	int (*unmap)(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size, uint32_t dir,
		     uint32_t attrs);

	/** Copies a part of a live mapping to the original if `dir` is from-device or bidirectional, and does nothing
	 * otherwise. The part may start anywhere in the mapping; what lies beyond the allocation's end is cut off.
	 * SWIOTLB_EXT_OK, _NOT_BOUNCED, _NOT_LIVE or _WRONG_DIRECTION; on error nothing was copied. */
	int (*sync_for_cpu)(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			    uint32_t dir);

	/** The same from the original, for to-device and bidirectional. */
	int (*sync_for_device)(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			       uint32_t dir);

	/** The pool that holds `addr`, the device's transient ones included; stores it in *pool unless that is NULL.
	 * `addr` may be any number. Never blocks. An acquire fence comes before the first read: the partner of the
	 * fence in map(). SWIOTLB_EXT_OK or SWIOTLB_EXT_NOT_BOUNCED; the latter without a search for a device that
	 * never had a bounce buffer. */
	int (*find_pool)(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr,
			 struct swiotlb_ext_pool *pool);

	/** The statistics now. */
	void (*stats)(void *mem, struct swiotlb_ext_stats *stats);

	/* Optional: NULL where the library has no use for them. Of enter and exit there are both or none. */

	/** A thread begins to use the allocator; stores what belongs to it in *thread. SWIOTLB_EXT_OK or
	 * SWIOTLB_EXT_NO_MEMORY, which ends the run. */
	int (*thread_enter)(void *mem, uint32_t cpu, void **thread);

	/** It uses it no more. Comes once for every thread_enter(), by the same thread. */
	void (*thread_exit)(void *mem, void *thread);

	/** The caller enters and leaves a read section, as a softirq holds one: no pool that it may have seen is freed
	 * meanwhile. Every map, unmap, sync and find_pool happens in one; one spans many of them. Not nested. A
	 * library that leaves these NULL protects each call by itself. */
	void (*section_enter)(const struct swiotlb_ext_caller *caller);
	void (*section_exit)(const struct swiotlb_ext_caller *caller);

	/** Sets the high-water mark to 0. */
	void (*hiwater_reset)(void *mem);

	/** The growth worker, run once; outside of read sections, may block. Stores the slots that it added in *added.
	 * SWIOTLB_EXT_OK (0 slots: nothing was asked for) or SWIOTLB_EXT_OUT_OF_PAGES. */
	int (*work)(const struct swiotlb_ext_caller *caller, uint64_t *added);

	/** Frees transient pools that were unmapped and that no read section can hold any more; how many. If `wait` is
	 * not 0, waits until all that were unmapped before are freed. The caller is in no read section. Called often
	 * and never measured, but for the part "reclaim" of a fallback. */
	uint64_t (*reclaim)(const struct swiotlb_ext_caller *caller, int wait);

	/** The caller's steps so far. A library may count always, or only where it was compiled to. */
	void (*counters)(const struct swiotlb_ext_caller *caller, struct swiotlb_ext_counters *counters);
};

/** What a library exports. `abi_version` is the host's SWIOTLB_EXT_ABI; a library may return NULL if it does not
 * speak that version. The table is the same at every call. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version);

#ifdef __cplusplus
}
#endif

#endif /* SWIOTLB_EXT_H */
