/* SPDX-License-Identifier: BSD-2-Clause */
/* See providers.h. */
#include "providers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/bulkhead.h"
#include "log.h"
#include "ring_queue.h"

#define TICK_MS 1000u

/* The instance names that Hyper-V uses: guests' configuration may know controllers by them. */
static const struct vmbus_guid controller_instance[STATE_CONTROLLERS] = {
	VMBUS_GUID(0xf8b3781au, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781bu, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781cu, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781du, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
};

static void storage_log(void *context, const char *text)
{
	(void)context;
	log_line("storage: %s", text);
}

static int add_disks(struct providers *p, unsigned int controller)
{
	const struct worker_config *c = &p->machine->config;
	unsigned int i;
	int rc;

	for (i = 0; i < c->disk_count; i++) {
		const struct worker_disk *d = &c->disk[i];
		struct storvsp_disk_config disk = {
			.fd = d->fd,
			.target = d->target,
			.lun = d->lun,
			.read_only = (d->flags & WORKER_DISK_READ_ONLY) != 0,
			.no_flush = (d->flags & WORKER_DISK_NO_FLUSH) != 0,
			.block_size = d->block_size,
		};

		if (d->controller != controller)
			continue;
		memcpy(disk.serial, d->serial, sizeof disk.serial);
		rc = storvsp_add_disk(p->controller[controller], &disk);
		if (rc < 0) {
			log_line("disk %u (controller %u, target %u, lun %u): %s", i, d->controller, d->target, d->lun,
				 strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static bool has_disks(const struct worker_config *c, unsigned int controller)
{
	unsigned int i;

	for (i = 0; i < c->disk_count; i++)
		if (c->disk[i].controller == controller)
			return true;
	return false;
}

void providers_pace(struct providers *p)
{
	const struct worker_config *c = &p->machine->config;
	uint64_t operations = 0, halts = 0;
	struct bulkhead_vp_info vp;
	struct storvsp_disk_stats s;
	unsigned int i;

	for (i = 0; i < c->disk_count; i++) {
		const struct worker_disk *d = &c->disk[i];

		if (!storvsp_get_stats(p->controller[d->controller], d->target, d->lun, &s))
			continue;
		operations += s.reads + s.writes;
	}
	if (!pace_due(&p->pace, operations))
		return;
	for (i = 0; i < c->vp_count; i++)
		if (mshv_vp_info(&p->machine->vps.vp[i].mshv, &vp) == 0)
			halts += vp.exits[BH_EXIT_HLT];
	pace_decide(&p->pace, operations, halts);
}

/** Some controller's operations ended. The others are asked too: nothing comes of it, at little cost. */
static void process_controllers(void *context)
{
	struct providers *p = context;
	unsigned int i;

	for (i = 0; i < STATE_CONTROLLERS; i++)
		if (p->controller[i] != NULL)
			storvsp_process_completions(p->controller[i]);
	/* A guest with many requests in flight is not asked to signal: its load shows here. */
	providers_pace(p);
}

static int create_controller(struct providers *p, struct vmbus_server *server, unsigned int index)
{
	struct machine *m = p->machine;
	struct storvsp_config config = {
		.instance = controller_instance[index],
		.vp_count = m->config.vp_count,
		.log = storage_log,
	};
	int rc = ring_queue_create(m->host, process_controllers, p, &config.queue);

	if (rc == 0)
		rc = storvsp_create(server, (struct storvsp_state *)m->state->storage[index], &config, &p->controller[index]);
	if (rc == 0)
		rc = add_disks(p, index);
	if (rc == 0)
		rc = storvsp_start(p->controller[index]);
	if (rc < 0)
		log_line("SCSI controller %u: %s", index, strerror(-rc));
	return rc;
}

static void tick(uv_timer_t *timer)
{
	struct providers *p = timer->data;

	if (p->machine->run_state != WORKER_STATE_RUNNING)
		return;
	integration_tick(&p->integration, uv_now(timer->loop));
	vsock_tick(&p->vsock, uv_now(timer->loop));
	dynamic_memory_tick(&p->memory, uv_now(timer->loop));
}

int providers_create(struct providers *p, struct machine *m, struct vmbus_server *server)
{
	unsigned int i;
	int rc = 0;

	p->machine = m;
	for (i = 0; i < STATE_CONTROLLERS && rc == 0; i++)
		if (has_disks(&m->config, i))
			rc = create_controller(p, server, i);
	if (rc == 0)
		rc = network_create(&p->network, m, server);
	if (rc == 0)
		rc = integration_create(&p->integration, m, server);
	if (rc == 0)
		rc = vsock_create(&p->vsock, &m->config.vsock, m->loop, server);
	if (rc == 0)
		rc = dynamic_memory_create(&p->memory, m, server);
	if (rc < 0)
		return rc;
	uv_timer_init(m->loop, &p->tick);
	p->tick.data = p;
	return uv_timer_start(&p->tick, tick, TICK_MS, TICK_MS);
}

void providers_drain(struct providers *p)
{
	unsigned int i;

	for (i = 0; i < STATE_CONTROLLERS; i++)
		if (p->controller[i] != NULL)
			storvsp_drain(p->controller[i]);
}

void providers_stats(const struct providers *p, struct worker_stats *ret)
{
	const struct worker_config *c = &p->machine->config;
	unsigned int i;

	for (i = 0; i < c->disk_count; i++) {
		const struct worker_disk *d = &c->disk[i];
		struct storvsp_disk_stats s;

		if (!storvsp_get_stats(p->controller[d->controller], d->target, d->lun, &s))
			continue;
		ret->disk[i].reads = s.reads;
		ret->disk[i].writes = s.writes;
		ret->disk[i].flushes = s.flushes;
		ret->disk[i].unmaps = s.unmaps;
		ret->disk[i].read_bytes = s.read_bytes;
		ret->disk[i].written_bytes = s.written_bytes;
		ret->disk[i].errors = s.errors;
		ret->disk[i].pending = s.pending;
	}
	network_stats(&p->network, ret);
}
