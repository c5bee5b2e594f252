/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * next_fit.c: the toy with areas and the stepped walk of search/mod.rs, as long as there is one pool. It declares
 * Linux's placement, so that `verify` holds a library to it. One lock is enough: nothing here is timed.
 */
#define swiotlb_ext_get toy_get
#include "toy.c"
#undef swiotlb_ext_get

struct area {
	uint32_t used, index;
};

struct cut {
	struct mem *toy;
	struct area *areas;
	uint32_t nareas, slots;
};

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version);

static int init(const struct swiotlb_ext_params *params, void **out)
{
	struct cut *cut = calloc(1, sizeof(*cut));
	void *whole;

	if (!cut || toy_init(params, &whole) != SWIOTLB_EXT_OK)
		return SWIOTLB_EXT_NO_MEMORY;
	cut->toy = whole;
	cut->nareas = params->nareas;
	cut->slots = (uint32_t)(params->nslabs / params->nareas);
	cut->areas = calloc(cut->nareas, sizeof(*cut->areas));
	*out = cut;
	return cut->areas ? SWIOTLB_EXT_OK : SWIOTLB_EXT_NO_MEMORY;
}

static void fini(void *opaque)
{
	struct cut *cut = opaque;

	toy_fini(cut->toy);
	free(cut->areas);
	free(cut);
}

static int device_add(void *opaque, const struct swiotlb_ext_limits *limits, void **out)
{
	return toy_device_add(((struct cut *)opaque)->toy, limits, out);
}

static int is_free(const struct mem *mem, const struct search *search, uint32_t slot)
{
	uint32_t run = 0;

	if (slot + search->nslots > mem->nslabs)
		return 0;
	while (run < search->nslots && !mem->slots[slot + run].taken)
		run++;
	return run == search->nslots;
}

/* The first slot that the walk through one area finds; nslabs if it finds none. Takes it. Under the lock. */
static uint32_t walk(struct cut *cut, uint32_t number, const struct search *search)
{
	struct mem *mem = cut->toy;
	struct area *area = &cut->areas[number];
	uint64_t most = search->zero > search->keep ? search->zero : search->keep;
	uint32_t stride = (uint32_t)(most >> SHIFT) + 1, index = area->index, passed = 0, i;

	if (search->nslots > cut->slots - area->used)
		return mem->nslabs;
	while (passed < cut->slots) {
		uint32_t slot = number * cut->slots + index, step = stride;
		uint64_t addr = (mem->base & search->boundary) + ((uint64_t)slot << SHIFT);
		int fits = !(addr & search->zero) &&
			   !(search->orig && ((addr ^ search->orig) & search->keep));

		if (!fits) {
			step = 1;
		} else if (may_begin(mem, search, slot) && is_free(mem, search, slot)) {
			for (i = 0; i < search->nslots; i++)
				mem->slots[slot + i].taken = 1;
			area->index = index + search->nslots < cut->slots ? index + search->nslots : 0;
			area->used += search->nslots;
			return slot;
		}
		index = index + step < cut->slots ? index + step : 0;
		passed += step;
	}
	return mem->nslabs;
}

static int map(const struct swiotlb_ext_caller *caller, void *opaque, const struct swiotlb_ext_request *request,
	       uint64_t *addr)
{
	struct cut *cut = caller->mem;
	struct mem *mem = cut->toy;
	struct device *device = opaque;
	uint64_t mask = request->alloc_align_mask, min = device->limits.min_align_mask;
	uint64_t offset = request->orig & min & (mask | (SWIOTLB_EXT_SLOT - 1));
	uint64_t bytes = (request->size + offset + mask) & ~mask;
	struct search search;
	uint32_t first = mem->nslabs, k;

	if (request->size > MOST || bytes > MOST)
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
	for (k = 0; k < cut->nareas && first == mem->nslabs; k++)
		first = walk(cut, (caller->cpu + k) & (cut->nareas - 1), &search);
	if (first != mem->nslabs)
		mem->used += search.nslots;
	if (mem->used > mem->used_hiwater)
		mem->used_hiwater = mem->used;
	pthread_mutex_unlock(&mem->lock);
	if (first == mem->nslabs)
		return SWIOTLB_EXT_FULL;
	__atomic_store_n(&device->uses, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	remember(mem, first, search.nslots, (uint32_t)(offset >> SHIFT), (int64_t)(bytes - offset), request);
	*addr = mem->base + ((uint64_t)first << SHIFT) + offset;
	mem->host.copy(mem->host.ctx, request->orig, *addr, request->size);
	return SWIOTLB_EXT_OK;
}

static struct swiotlb_ext_caller inner(const struct swiotlb_ext_caller *caller)
{
	struct swiotlb_ext_caller of_toy = *caller;

	of_toy.mem = ((struct cut *)caller->mem)->toy;
	return of_toy;
}

static int unmap(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size, uint32_t dir,
		 uint32_t attrs)
{
	struct swiotlb_ext_caller of_toy = inner(caller);
	struct cut *cut = caller->mem;
	struct slot slot = cut->toy->slots[(addr - cut->toy->base) >> SHIFT];
	int error = toy_unmap(&of_toy, device, addr, size, dir, attrs);

	if (error == SWIOTLB_EXT_OK)
		cut->areas[slot.first / cut->slots].used -= slot.nslots;
	return error;
}

static int sync_for_cpu(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			uint32_t dir)
{
	struct swiotlb_ext_caller of_toy = inner(caller);

	return toy_sync_for_cpu(&of_toy, device, addr, size, dir);
}

static int sync_for_device(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			   uint32_t dir)
{
	struct swiotlb_ext_caller of_toy = inner(caller);

	return toy_sync_for_device(&of_toy, device, addr, size, dir);
}

static int find_pool(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr,
		     struct swiotlb_ext_pool *pool)
{
	struct swiotlb_ext_caller of_toy = inner(caller);

	return toy_find_pool(&of_toy, device, addr, pool);
}

static void stats(void *opaque, struct swiotlb_ext_stats *stats)
{
	toy_stats(((struct cut *)opaque)->toy, stats);
}

static void hiwater_reset(void *opaque)
{
	toy_hiwater_reset(((struct cut *)opaque)->toy);
}

static const struct swiotlb_ext_ops next_fit = {
	.abi_version = SWIOTLB_EXT_ABI,
	.size = sizeof(struct swiotlb_ext_ops),
	.name = "toy-next-fit",
	.declares = SWIOTLB_EXT_PLACEMENT | SWIOTLB_EXT_STATISTICS,
	.init = init,
	.fini = fini,
	.device_add = device_add,
	.map = map,
	.unmap = unmap,
	.sync_for_cpu = sync_for_cpu,
	.sync_for_device = sync_for_device,
	.find_pool = find_pool,
	.stats = stats,
	.hiwater_reset = hiwater_reset,
};

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version)
{
	return toy_get(abi_version) ? &next_fit : NULL;
}
