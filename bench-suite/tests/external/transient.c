/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * transient.c: the toy with everything that is optional in swiotlb_ext.h: transient pools where the toy is full, read
 * sections, a growth worker that never adds anything, counters. It stops the process where the host breaks a promise
 * of the header, so that a test which runs it to its end has checked the host.
 */
#define swiotlb_ext_get toy_get
#include "toy.c"
#undef swiotlb_ext_get

#define CHECK(x) ((x) ? (void)0 : abort())

/* A pool of one mapping. */
struct pool {
	struct pool *next;
	struct device *device;
	uint64_t start, end, addr, orig;
	uint32_t dir;
};

struct whole {
	struct mem *toy;
	struct swiotlb_ext_host host;
	uint32_t flags;
	pthread_mutex_t lock;
	struct pool *live, *retired;
	uint64_t slots, waiting;
	int wanted, threads;
};

/* What belongs to one caller. */
struct thread {
	int depth;
	uint64_t maps, made;
};

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version);

static struct swiotlb_ext_caller inner(const struct swiotlb_ext_caller *caller)
{
	struct swiotlb_ext_caller toy_s = *caller;

	CHECK(((struct thread *)caller->thread)->depth == 1);
	toy_s.mem = ((struct whole *)caller->mem)->toy;
	return toy_s;
}

static int init(const struct swiotlb_ext_params *params, void **out)
{
	struct whole *mem = calloc(1, sizeof(*mem));
	void *toy_s;

	CHECK(mem && params->size >= sizeof(*params) && params->host->size >= sizeof(mem->host));
	CHECK(params->base % SWIOTLB_EXT_PAGE == 0 && params->nslabs > 0);
	if (toy_init(params, &toy_s) != SWIOTLB_EXT_OK)
		return SWIOTLB_EXT_NO_MEMORY;
	mem->toy = toy_s;
	mem->host = *params->host;
	mem->flags = params->flags;
	CHECK(pthread_mutex_init(&mem->lock, NULL) == 0);
	*out = mem;
	return SWIOTLB_EXT_OK;
}

static void free_all(struct whole *mem, struct pool *pool, int pages)
{
	while (pool) {
		struct pool *next = pool->next;

		if (pages)
			mem->host.pages_free(mem->host.ctx, pool->start);
		free(pool);
		pool = next;
	}
}

static void fini(void *opaque)
{
	struct whole *mem = opaque;

	CHECK(mem->threads == 0);
	/* What is live still is left to the host, which has to free it. */
	free_all(mem, mem->live, 0);
	free_all(mem, mem->retired, 1);
	toy_fini(mem->toy);
	pthread_mutex_destroy(&mem->lock);
	free(mem);
}

static int device_add(void *opaque, const struct swiotlb_ext_limits *limits, void **out)
{
	CHECK(is_mask(limits->min_align_mask) && is_mask(limits->seg_boundary_mask));
	return toy_device_add(((struct whole *)opaque)->toy, limits, out);
}

/* Whether a pool at this place can serve its one mapping: the pool has exactly the slots that it needs, so there is no
 * other place in it. */
static int usable(const struct device *device, const struct swiotlb_ext_request *request, const struct pool *pool)
{
	uint64_t high = ~(uint64_t)(SWIOTLB_EXT_SLOT - 1);

	if (request->orig && ((pool->start ^ request->orig) & device->limits.min_align_mask & high))
		return 0;
	return ((pool->start ^ (pool->end - 1)) & ~device->limits.seg_boundary_mask & high) == 0;
}

static int map_transient(struct whole *mem, struct device *device, const struct swiotlb_ext_request *request,
			 uint64_t *addr)
{
	uint64_t offset = request->orig & (SWIOTLB_EXT_SLOT - 1) & device->limits.min_align_mask;
	uint64_t bytes = ((request->size + offset - 1) / SWIOTLB_EXT_SLOT + 1) * SWIOTLB_EXT_SLOT;
	struct pool *pool = calloc(1, sizeof(*pool));
	char *first;

	CHECK(pool != NULL);
	if (mem->host.pages_alloc(mem->host.ctx, bytes, device->limits.reach, &pool->start) != SWIOTLB_EXT_OK) {
		free(pool);
		return SWIOTLB_EXT_OUT_OF_PAGES;
	}
	CHECK(pool->start % SWIOTLB_EXT_PAGE == 0);
	first = mem->host.at(mem->host.ctx, pool->start, 1);
	CHECK(first && *first == 0);
	*first = 1;
	pool->end = pool->start + bytes;
	if (!usable(device, request, pool)) {
		mem->host.pages_free(mem->host.ctx, pool->start);
		free(pool);
		return SWIOTLB_EXT_UNUSABLE;
	}
	pool->device = device;
	pool->addr = pool->start + offset;
	pool->orig = request->orig;
	pool->dir = request->dir;
	mem->host.copy(mem->host.ctx, request->orig, pool->addr, request->size);
	pthread_mutex_lock(&mem->lock);
	pool->next = mem->live;
	mem->live = pool;
	mem->slots += bytes / SWIOTLB_EXT_SLOT;
	mem->wanted = 1;
	pthread_mutex_unlock(&mem->lock);
	__atomic_store_n(&device->uses, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*addr = pool->addr;
	return SWIOTLB_EXT_OK;
}

static int map(const struct swiotlb_ext_caller *caller, void *device, const struct swiotlb_ext_request *request,
	       uint64_t *addr)
{
	struct swiotlb_ext_caller toy_s = inner(caller);
	struct whole *mem = caller->mem;
	struct thread *thread = caller->thread;
	int error = toy_map(&toy_s, device, request, addr);

	thread->maps++;
	if (error != SWIOTLB_EXT_FULL || !(mem->flags & SWIOTLB_EXT_CAN_GROW) || request->alloc_align_mask)
		return error;
	thread->made++;
	return map_transient(mem, device, request, addr);
}

/* The place in the list where the pool of an address is linked; of any address in it, or of the mapping's own. */
static struct pool **find(struct whole *mem, const struct device *device, uint64_t addr)
{
	struct pool **at = &mem->live;

	while (*at && ((*at)->device != device || addr < (*at)->start || addr >= (*at)->end))
		at = &(*at)->next;
	return at;
}

static int find_pool(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr,
		     struct swiotlb_ext_pool *out)
{
	struct swiotlb_ext_caller toy_s = inner(caller);
	struct whole *mem = caller->mem;
	struct pool *pool;

	if (toy_find_pool(&toy_s, device, addr, out) == SWIOTLB_EXT_OK)
		return SWIOTLB_EXT_OK;
	pthread_mutex_lock(&mem->lock);
	pool = *find(mem, device, addr);
	if (pool && out) {
		out->start = pool->start;
		out->end = pool->end;
		out->transient = 1;
	}
	pthread_mutex_unlock(&mem->lock);
	return pool ? SWIOTLB_EXT_OK : SWIOTLB_EXT_NOT_BOUNCED;
}

static int unmap(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size, uint32_t dir,
		 uint32_t attrs)
{
	struct swiotlb_ext_caller toy_s = inner(caller);
	struct whole *mem = caller->mem;
	struct pool **at, *pool;

	if (toy_find_pool(&toy_s, device, addr, NULL) == SWIOTLB_EXT_OK)
		return toy_unmap(&toy_s, device, addr, size, dir, attrs);
	pthread_mutex_lock(&mem->lock);
	at = find(mem, device, addr);
	pool = *at;
	if (pool && pool->addr == addr && pool->dir == dir) {
		*at = pool->next;
		pool->next = mem->retired;
		mem->retired = pool;
		mem->slots -= (pool->end - pool->start) / SWIOTLB_EXT_SLOT;
		mem->waiting++;
		if (dir != SWIOTLB_EXT_TO_DEVICE && !(attrs & SWIOTLB_EXT_SKIP_CPU_SYNC))
			mem->host.copy(mem->host.ctx, addr, pool->orig,
				       size < pool->end - addr ? size : pool->end - addr);
	} else {
		pool = NULL;
	}
	pthread_mutex_unlock(&mem->lock);
	return pool ? SWIOTLB_EXT_OK : SWIOTLB_EXT_NOT_BOUNCED;
}

static int sync(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size, uint32_t dir,
		int for_cpu)
{
	struct swiotlb_ext_caller toy_s = inner(caller);
	struct whole *mem = caller->mem;
	struct pool *pool;
	uint64_t orig;

	if (toy_find_pool(&toy_s, device, addr, NULL) == SWIOTLB_EXT_OK)
		return for_cpu ? toy_sync_for_cpu(&toy_s, device, addr, size, dir)
			       : toy_sync_for_device(&toy_s, device, addr, size, dir);
	pthread_mutex_lock(&mem->lock);
	pool = *find(mem, device, addr);
	pthread_mutex_unlock(&mem->lock);
	if (!pool)
		return SWIOTLB_EXT_NOT_BOUNCED;
	orig = pool->orig + (addr - pool->addr);
	size = size < pool->end - addr ? size : pool->end - addr;
	if (for_cpu && dir != SWIOTLB_EXT_TO_DEVICE)
		mem->host.copy(mem->host.ctx, addr, orig, size);
	if (!for_cpu && dir != SWIOTLB_EXT_FROM_DEVICE)
		mem->host.copy(mem->host.ctx, orig, addr, size);
	return SWIOTLB_EXT_OK;
}

static int sync_for_cpu(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			uint32_t dir)
{
	return sync(caller, device, addr, size, dir, 1);
}

static int sync_for_device(const struct swiotlb_ext_caller *caller, void *device, uint64_t addr, uint64_t size,
			   uint32_t dir)
{
	return sync(caller, device, addr, size, dir, 0);
}

static void stats(void *opaque, struct swiotlb_ext_stats *stats)
{
	struct whole *mem = opaque;

	CHECK(stats->size >= sizeof(*stats));
	toy_stats(mem->toy, stats);
	pthread_mutex_lock(&mem->lock);
	stats->used += mem->slots;
	stats->transient_nslabs = mem->slots;
	stats->work_wanted = (uint32_t)mem->wanted;
	stats->retired = mem->waiting;
	pthread_mutex_unlock(&mem->lock);
}

static int thread_enter(void *opaque, uint32_t cpu, void **out)
{
	(void)cpu;
	__atomic_fetch_add(&((struct whole *)opaque)->threads, 1, __ATOMIC_RELAXED);
	*out = calloc(1, sizeof(struct thread));
	return *out ? SWIOTLB_EXT_OK : SWIOTLB_EXT_NO_MEMORY;
}

static void thread_exit(void *opaque, void *thread)
{
	CHECK(((struct thread *)thread)->depth == 0);
	__atomic_fetch_sub(&((struct whole *)opaque)->threads, 1, __ATOMIC_RELAXED);
	free(thread);
}

static void section_enter(const struct swiotlb_ext_caller *caller)
{
	CHECK(((struct thread *)caller->thread)->depth++ == 0);
}

static void section_exit(const struct swiotlb_ext_caller *caller)
{
	CHECK(((struct thread *)caller->thread)->depth-- == 1);
}

static int work(const struct swiotlb_ext_caller *caller, uint64_t *added)
{
	struct whole *mem = caller->mem;

	CHECK(((struct thread *)caller->thread)->depth == 0);
	pthread_mutex_lock(&mem->lock);
	mem->wanted = 0;
	pthread_mutex_unlock(&mem->lock);
	*added = 0;
	return SWIOTLB_EXT_OK;
}

static uint64_t reclaim(const struct swiotlb_ext_caller *caller, int wait)
{
	struct whole *mem = caller->mem;
	struct pool *pool;
	uint64_t freed;

	(void)wait;
	CHECK(((struct thread *)caller->thread)->depth == 0);
	pthread_mutex_lock(&mem->lock);
	pool = mem->retired;
	freed = mem->waiting;
	mem->retired = NULL;
	mem->waiting = 0;
	pthread_mutex_unlock(&mem->lock);
	free_all(mem, pool, 1);
	return freed;
}

static void counters(const struct swiotlb_ext_caller *caller, struct swiotlb_ext_counters *out)
{
	const struct thread *thread = caller->thread;

	CHECK(out->size >= sizeof(*out));
	out->areas_tried = thread->maps;
	out->locks_taken = thread->maps;
	out->transient_made = thread->made;
}

static const struct swiotlb_ext_ops all = {
	.abi_version = SWIOTLB_EXT_ABI,
	.size = sizeof(struct swiotlb_ext_ops),
	.name = "toy-with-all",
	.declares = 0,
	.init = init,
	.fini = fini,
	.device_add = device_add,
	.map = map,
	.unmap = unmap,
	.sync_for_cpu = sync_for_cpu,
	.sync_for_device = sync_for_device,
	.find_pool = find_pool,
	.stats = stats,
	.thread_enter = thread_enter,
	.thread_exit = thread_exit,
	.section_enter = section_enter,
	.section_exit = section_exit,
	.work = work,
	.reclaim = reclaim,
	.counters = counters,
};

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version)
{
	CHECK(toy_get(abi_version) == &toy);
	return &all;
}
