/* SPDX-License-Identifier: BSD-2-Clause */
/* See dynamic_memory.h. */
#include "dynamic_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

#define PAGE_BYTES 4096u
/* Added memory begins at such a boundary: what guests' memory blocks are aligned to. */
#define ADD_ALIGNMENT (128ull << 20)

static const struct vmbus_guid instance = VMBUS_GUID(0x1eccfd72u, 0x4b41, 0x45ef, 0xb7, 0x3a, 0x4a, 0x6e, 0x44, 0xc1, 0x29, 0x24);

static void release(void *context, uint64_t gfn, uint64_t pages)
{
	struct dynamic_memory *d = context;
	int rc = mshv_partition_release(&d->machine->partition, gfn * PAGE_BYTES, pages * PAGE_BYTES);

	/* The guest does not use it, so nothing is wrong but that the root does not have it back. */
	if (rc < 0 && !d->failure_logged)
		log_line("memory: %llu pages from frame %#llx on cannot be given back: %s", (unsigned long long)pages,
			 (unsigned long long)gfn, strerror(-rc));
	d->failure_logged |= rc < 0;
}

static void changed(void *context)
{
	struct dynamic_memory *d = context;

	if (d->machine->on_memory != NULL)
		d->machine->on_memory(d->machine->context);
}

static void balloon_log(void *context, const char *text)
{
	(void)context;
	log_line("memory: %s", text);
}

static const struct balloon_ops ops = { release, changed, balloon_log };

int dynamic_memory_create(struct dynamic_memory *d, struct machine *m, struct vmbus_server *server)
{
	const struct guest_memory *g = &m->memory;
	uint64_t high = g->start_size - g->low_size, high_end = (high + ADD_ALIGNMENT - 1) & ~(ADD_ALIGNMENT - 1);
	uint64_t room = g->size - g->low_size > high_end ? g->size - g->low_size - high_end : 0;
	struct balloon_config config = {
		.instance = instance,
		.low_pages = g->low_size / PAGE_BYTES,
		.high_pages = high / PAGE_BYTES,
		.hot_add_gfn = (LAYOUT_4G + high_end) / PAGE_BYTES,
		.hot_add_pages = m->config.maximum_bytes - g->start_size,
	};
	int rc;

	d->machine = m;
	if (m->config.startup_bytes == 0)
		return 0;
	if (config.hot_add_pages > room)
		config.hot_add_pages = room;
	config.hot_add_pages /= PAGE_BYTES;
	rc = balloon_create(server, (struct balloon_state *)m->state->balloon, &config, &ops, d, &d->balloon);
	if (rc < 0) {
		log_line("memory: %s", strerror(-rc));
		return rc;
	}
	/* What a guest that was lost had beyond its start is not the next one's. */
	if (m->state->resetting)
		balloon_reset(d->balloon);
	return 0;
}

void dynamic_memory_tick(struct dynamic_memory *d, uint64_t now_ms)
{
	if (d->balloon != NULL)
		balloon_tick(d->balloon, now_ms);
}

void dynamic_memory_reset(struct dynamic_memory *d)
{
	if (d->balloon != NULL)
		balloon_reset(d->balloon);
}

int dynamic_memory_set_target(struct dynamic_memory *d, uint64_t bytes)
{
	if (d->balloon == NULL)
		return -EOPNOTSUPP;
	balloon_set_target(d->balloon, bytes / PAGE_BYTES);
	return 0;
}

bool dynamic_memory_report(const struct dynamic_memory *d, struct worker_memory *ret)
{
	struct balloon_status s;
	struct stat st;

	if (d->balloon == NULL)
		return false;
	balloon_get_status(d->balloon, &s);
	*ret = (struct worker_memory){
		.flags = (s.ready ? WORKER_MEMORY_READY : 0) | (s.reported ? WORKER_MEMORY_REPORTED : 0) |
			 (s.can_add ? WORKER_MEMORY_CAN_ADD : 0) | (s.busy ? WORKER_MEMORY_BUSY : 0),
		.version = s.version,
		.target_bytes = s.target_pages * PAGE_BYTES,
		.assigned_bytes = s.assigned_pages * PAGE_BYTES,
		.added_bytes = s.added_pages * PAGE_BYTES,
		.ballooned_bytes = s.ballooned_pages * PAGE_BYTES,
		.demand_bytes = s.demand_pages * PAGE_BYTES,
		.available_bytes = s.available_pages * PAGE_BYTES,
	};
	if (fstat(d->machine->config.memory_fd, &st) == 0)
		ret->resident_bytes = (uint64_t)st.st_blocks * 512;
	return true;
}
