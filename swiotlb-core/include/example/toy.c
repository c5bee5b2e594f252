/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * toy.c: an allocator of bounce buffers behind swiotlb_ext.h, as small as one can be. From this folder:
 *
 *	cc -std=c99 -O2 -Wall -Wextra -Werror -shared -fPIC -pthread -I.. toy.c -o toy.so
 *	swiotlb-bench verify --policy ext:toy.so ../../../workloads/data/golden
 *
 * One pool, one mutex, first fit: the lowest free run that keeps the rules. It does not grow, makes no transient
 * pools, and gives other slots than Linux does, so it declares statistics and no placement.
 *
 * -DBREAK leaves the slots of every 61st buffer free, so that the next buffer gets them too. Whatever checks an
 * allocator has to see that; bench-suite/tests/external.rs makes sure that it does.
 */
#define _POSIX_C_SOURCE 200809L

#include "swiotlb_ext.h"

#include <pthread.h>
#include <stdlib.h>

#define SHIFT 11
#define MOST ((uint64_t)SWIOTLB_EXT_SEGMENT << SHIFT)

/* What a slot remembers of the mapping that holds it. Padding slots remember nothing: `nslots` is 0 but in the slot
 * where a buffer starts, and `live` is 0 in slots before it. */
struct slot {
	/* The original address that matches this slot, and bytes of the allocation from there on. */
	uint64_t orig;
	int64_t left;
	/* Of a buffer's first slot: the first slot and the number of slots that were allocated for it. */
	uint32_t first;
	uint16_t nslots;
	uint8_t dir;
	uint8_t live;
	/* Under the lock: whether it is allocated. All else is written by the mapping's owner alone. */
	uint8_t taken;
};

struct device {
	struct device *next;
	struct swiotlb_ext_limits limits;
	/* Whether it ever had a bounce buffer. */
	int uses;
};

struct mem {
	struct swiotlb_ext_host host;
	uint64_t base;
	uint64_t end;
	uint32_t nslabs;
	struct slot *slots;
	struct device *devices;
	pthread_mutex_t lock;
	/* Under the lock. */
	uint64_t used;
	uint64_t used_hiwater;
#ifdef BREAK
	uint64_t maps;
#endif
};

/* What one map looks for. */
struct search {
	uint32_t nslots;
	/* Address bits that have to be 0; bits that have to be those of the original, if that is not 0. */
	uint64_t zero;
	uint64_t keep;
	uint64_t orig;
	uint64_t boundary;
};

static int is_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

static void toy_fini(void *opaque)
{
	struct mem *mem = opaque;

	while (mem->devices) {
		struct device *device = mem->devices;

		mem->devices = device->next;
		free(device);
	}
	pthread_mutex_destroy(&mem->lock);
	free(mem->slots);
	free(mem);
}

static int toy_init(const struct swiotlb_ext_params *params, void **out)
{
	struct mem *mem = calloc(1, sizeof(*mem));

	if (!mem)
		return SWIOTLB_EXT_NO_MEMORY;
	mem->slots = calloc(params->nslabs, sizeof(*mem->slots));
	if (!mem->slots || pthread_mutex_init(&mem->lock, NULL)) {
		free(mem->slots);
		free(mem);
		return SWIOTLB_EXT_NO_MEMORY;
	}
	mem->host = *params->host;
	mem->base = params->base;
	mem->end = params->base + (params->nslabs << SHIFT);
	mem->nslabs = (uint32_t)params->nslabs;
	*out = mem;
	return SWIOTLB_EXT_OK;
}

static int toy_device_add(void *opaque, const struct swiotlb_ext_limits *limits, void **out)
{
	struct mem *mem = opaque;
	struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return SWIOTLB_EXT_NO_MEMORY;
	device->limits = *limits;
	device->next = mem->devices;
	mem->devices = device;
	*out = device;
	return SWIOTLB_EXT_OK;
}

/* Whether an allocation may begin at this slot, were its slots free. */
static int may_begin(const struct mem *mem, const struct search *search, uint32_t slot)
{
	uint64_t addr = mem->base + ((uint64_t)slot << SHIFT);
	uint64_t last = addr + ((uint64_t)search->nslots << SHIFT) - 1;

	if (addr & search->zero)
		return 0;
	if (search->orig && ((addr ^ search->orig) & search->keep))
		return 0;
	if (slot / SWIOTLB_EXT_SEGMENT != (slot + search->nslots - 1) / SWIOTLB_EXT_SEGMENT)
		return 0;
	return ((addr ^ last) & ~(search->boundary | (SWIOTLB_EXT_SLOT - 1))) == 0;
}

/* Takes the lowest run of free slots that fits; its first slot, or nslabs if there is none. Under the lock. */
static uint32_t take(struct mem *mem, const struct search *search)
{
	uint32_t slot = 0;

	while (slot + search->nslots <= mem->nslabs) {
		uint32_t run = 0;

		if (!may_begin(mem, search, slot)) {
			slot++;
			continue;
		}
		while (run < search->nslots && !mem->slots[slot + run].taken)
			run++;
		if (run < search->nslots) {
			slot += run + 1;
			continue;
		}
#ifdef BREAK
		if (++mem->maps % 61 == 0)
			run = 0;
#endif
		while (run > 0)
			mem->slots[slot + --run].taken = 1;
		mem->used += search->nslots;
		if (mem->used > mem->used_hiwater)
			mem->used_hiwater = mem->used;
		return slot;
	}
	return mem->nslabs;
}

/* Writes into the slots, from the one on in which the buffer starts, whose they are. */
static void remember(struct mem *mem, uint32_t first, uint32_t nslots, uint32_t pad, int64_t left,
		     const struct swiotlb_ext_request *request)
{
	uint32_t i;

	for (i = pad; i < nslots; i++) {
		struct slot *slot = &mem->slots[first + i];
		uint64_t passed = (uint64_t)(i - pad) << SHIFT;

		slot->orig = request->orig + passed;
		slot->left = left - (int64_t)passed;
		slot->dir = (uint8_t)request->dir;
		slot->live = 1;
		slot->first = first;
		slot->nslots = i == pad ? (uint16_t)nslots : 0;
	}
}

static int toy_map(const struct swiotlb_ext_caller *caller, void *opaque, const struct swiotlb_ext_request *request,
		   uint64_t *addr)
{
	struct mem *mem = caller->mem;
	struct device *device = opaque;
	uint64_t mask = request->alloc_align_mask, min = device->limits.min_align_mask;
	uint64_t offset = request->orig & min & (mask | (SWIOTLB_EXT_SLOT - 1));
	struct search search;
	uint64_t bytes;
	uint32_t first;

	if (!is_mask(mask))
		return SWIOTLB_EXT_BAD_MASK;
	if (request->size > MOST || mask >= MOST)
		return SWIOTLB_EXT_TOO_LARGE;
	bytes = (request->size + offset + mask) & ~mask;
	if (bytes > MOST)
		return SWIOTLB_EXT_TOO_LARGE;
	if (bytes == 0)
		return SWIOTLB_EXT_ZERO;
	if (!mask && !min && bytes >= SWIOTLB_EXT_PAGE)
		mask = SWIOTLB_EXT_PAGE - 1;
	search.nslots = (uint32_t)((bytes + SWIOTLB_EXT_SLOT - 1) >> SHIFT);
	search.zero = mask | (SWIOTLB_EXT_SLOT - 1);
	search.keep = min & ~search.zero;
	search.orig = request->orig;
	search.boundary = device->limits.seg_boundary_mask;

	pthread_mutex_lock(&mem->lock);
	first = take(mem, &search);
	pthread_mutex_unlock(&mem->lock);
	if (first == mem->nslabs)
		return SWIOTLB_EXT_FULL;
	/* Before the fence, and that before the address is passed on: whoever has it sees the flag. */
	__atomic_store_n(&device->uses, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	remember(mem, first, search.nslots, (uint32_t)(offset >> SHIFT), (int64_t)(bytes - offset), request);
	*addr = mem->base + ((uint64_t)first << SHIFT) + offset;
	mem->host.copy(mem->host.ctx, request->orig, *addr, request->size);
	return SWIOTLB_EXT_OK;
}

static int toy_find_pool(const struct swiotlb_ext_caller *caller, void *opaque, uint64_t addr,
			 struct swiotlb_ext_pool *pool)
{
	const struct mem *mem = caller->mem;
	struct device *device = opaque;

	/* The partner of the fence in toy_map(). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!__atomic_load_n(&device->uses, __ATOMIC_RELAXED) || addr < mem->base || addr >= mem->end)
		return SWIOTLB_EXT_NOT_BOUNCED;
	if (pool) {
		pool->start = mem->base;
		pool->end = mem->end;
		pool->transient = 0;
	}
	return SWIOTLB_EXT_OK;
}

/* The slot that holds an address of a live mapping, and how far the address lies behind the byte that the slot's
 * original address stands for: negative where the address lies before it. */
static int find_live(const struct swiotlb_ext_caller *caller, void *opaque, uint64_t addr, uint32_t dir,
		     struct slot **found, int64_t *behind)
{
	struct mem *mem = caller->mem;
	const struct device *device = opaque;
	struct slot *slot;

	if (toy_find_pool(caller, opaque, addr, NULL) != SWIOTLB_EXT_OK)
		return SWIOTLB_EXT_NOT_BOUNCED;
	slot = &mem->slots[(addr - mem->base) >> SHIFT];
	*behind = (int64_t)(addr & (SWIOTLB_EXT_SLOT - 1)) -
		  (int64_t)(slot->orig & device->limits.min_align_mask & (SWIOTLB_EXT_SLOT - 1));
	if (!slot->live || (*behind < 0 && slot->nslots) || *behind > slot->left)
		return SWIOTLB_EXT_NOT_LIVE;
	if (slot->dir != dir)
		return SWIOTLB_EXT_WRONG_DIRECTION;
	*found = slot;
	return SWIOTLB_EXT_OK;
}

/* Copies `size` bytes at `addr`, at most to the allocation's end, to or from the original. */
static void bounce(const struct mem *mem, const struct slot *slot, int64_t behind, uint64_t addr, uint64_t size,
		   int to_original)
{
	uint64_t orig = slot->orig + (uint64_t)behind;
	uint64_t left = (uint64_t)(slot->left - behind);

	if (size > left)
		size = left;
	if (to_original)
		mem->host.copy(mem->host.ctx, addr, orig, size);
	else
		mem->host.copy(mem->host.ctx, orig, addr, size);
}

static int toy_sync_for_cpu(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			    uint32_t dir)
{
	struct slot *slot;
	int64_t behind;
	int error = find_live(caller, device, addr, dir, &slot, &behind);

	if (error == SWIOTLB_EXT_OK && dir != SWIOTLB_EXT_TO_DEVICE)
		bounce(caller->mem, slot, behind, addr, size, 1);
	return error;
}

static int toy_sync_for_device(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			       uint32_t dir)
{
	struct slot *slot;
	int64_t behind;
	int error = find_live(caller, device, addr, dir, &slot, &behind);

	if (error == SWIOTLB_EXT_OK && dir != SWIOTLB_EXT_FROM_DEVICE)
		bounce(caller->mem, slot, behind, addr, size, 0);
	return error;
}

static int toy_unmap(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
		     uint32_t dir, uint32_t attrs)
{
	struct mem *mem = caller->mem;
	struct slot *slot;
	int64_t behind;
	uint32_t first, nslots, i;
	int error = find_live(caller, device, addr, dir, &slot, &behind);

	if (error != SWIOTLB_EXT_OK)
		return error;
	if (behind != 0 || slot->nslots == 0)
		return SWIOTLB_EXT_NOT_LIVE;
	if (dir != SWIOTLB_EXT_TO_DEVICE && !(attrs & SWIOTLB_EXT_SKIP_CPU_SYNC))
		bounce(mem, slot, 0, addr, size, 1);
	first = slot->first;
	nslots = slot->nslots;
	pthread_mutex_lock(&mem->lock);
	for (i = first; i < first + nslots; i++) {
		mem->slots[i].live = 0;
		mem->slots[i].nslots = 0;
		mem->slots[i].taken = 0;
	}
	mem->used -= nslots;
	pthread_mutex_unlock(&mem->lock);
	return SWIOTLB_EXT_OK;
}

static void toy_stats(void *opaque, struct swiotlb_ext_stats *stats)
{
	struct mem *mem = opaque;

	pthread_mutex_lock(&mem->lock);
	stats->used = mem->used;
	stats->used_hiwater = mem->used_hiwater;
	pthread_mutex_unlock(&mem->lock);
	stats->nslabs = mem->nslabs;
	stats->pools = 1;
}

static void toy_hiwater_reset(void *opaque)
{
	struct mem *mem = opaque;

	pthread_mutex_lock(&mem->lock);
	mem->used_hiwater = 0;
	pthread_mutex_unlock(&mem->lock);
}

static const struct swiotlb_ext_ops toy = {
	.abi_version = SWIOTLB_EXT_ABI,
	.size = sizeof(struct swiotlb_ext_ops),
#ifdef BREAK
	.name = "toy-broken",
#else
	.name = "toy-first-fit",
#endif
	.declares = SWIOTLB_EXT_STATISTICS,
	.init = toy_init,
	.fini = toy_fini,
	.device_add = toy_device_add,
	.map = toy_map,
	.unmap = toy_unmap,
	.sync_for_cpu = toy_sync_for_cpu,
	.sync_for_device = toy_sync_for_device,
	.find_pool = toy_find_pool,
	.stats = toy_stats,
	.hiwater_reset = toy_hiwater_reset,
};

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version)
{
	return abi_version == SWIOTLB_EXT_ABI ? &toy : NULL;
}
