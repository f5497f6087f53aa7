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

static const struct {
	const char *name;
	uint32_t mask;               /* enum worker_ic */
	struct vmbus_guid instance;
} components[STATE_ICS] = {
	[IC_SHUTDOWN] = { "shutdown", WORKER_IC_SHUTDOWN,
			  VMBUS_GUID(0xb6650ff7u, 0x33bc, 0x4840, 0x80, 0x48, 0xe0, 0x67, 0x67, 0x86, 0xf3, 0x93) },
	[IC_HEARTBEAT] = { "heartbeat", WORKER_IC_HEARTBEAT,
			   VMBUS_GUID(0xfd149e91u, 0x82e0, 0x4a7d, 0xaf, 0xa6, 0x2a, 0x41, 0x66, 0xcb, 0xd7, 0xc0) },
	[IC_TIMESYNC] = { "timesync", WORKER_IC_TIMESYNC,
			  VMBUS_GUID(0x2dd1ce17u, 0x079e, 0x403c, 0xb3, 0x52, 0xa1, 0x92, 0x1e, 0xe2, 0x07, 0xee) },
};

static void storage_log(void *context, const char *text)
{
	(void)context;
	log_line("storage: %s", text);
}

static void ic_ready_changed(void *context, enum ic_type type, bool ready)
{
	struct providers *p = context;

	log_line("component %s: %s", components[type].name, ready ? "ready" : "gone");
	machine_changed(p->machine);
}

static void ic_shutdown_answered(void *context, bool reboot, uint32_t status)
{
	(void)context;
	if (status == 0)
		log_line("the guest %s", reboot ? "restarts" : "turns itself off");
	else
		log_line("the guest refuses to %s: %#x", reboot ? "restart" : "turn itself off", status);
}

static void ic_heartbeat_changed(void *context, bool alive)
{
	struct providers *p = context;

	log_line("the guest's heartbeat %s", alive ? "is there" : "has stopped");
	machine_changed(p->machine);
}

static uint64_t ic_reference_time(void *context)
{
	struct providers *p = context;
	uint64_t now = 0;
	int rc = mshv_partition_get_property(&p->machine->partition, HV_PARTITION_PROPERTY_REFERENCE_TIME, &now);

	if (rc < 0)
		log_line("reference time: %s", strerror(-rc));
	return now;
}

static void ic_log(void *context, const char *text)
{
	(void)context;
	log_line("component %s", text);
}

static const struct ic_ops ic_ops = {
	.ready = ic_ready_changed,
	.shutdown_answer = ic_shutdown_answered,
	.heartbeat = ic_heartbeat_changed,
	.reference_time = ic_reference_time,
	.log = ic_log,
};

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
	unsigned int i;

	if (p->machine->run_state != WORKER_STATE_RUNNING)
		return;
	for (i = 0; i < STATE_ICS; i++)
		if (p->ic[i] != NULL)
			ic_tick(p->ic[i], uv_now(timer->loop));
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
	for (i = 0; i < STATE_ICS && rc == 0; i++) {
		if (!(m->config.ic_mask & components[i].mask))
			continue;
		rc = ic_create(server, (enum ic_type)i, &components[i].instance, &m->state->ic[i], &ic_ops, p, &p->ic[i]);
		if (rc < 0)
			log_line("component %s: %s", components[i].name, strerror(-rc));
	}
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

void providers_resumed(struct providers *p)
{
	if (p->ic[IC_TIMESYNC] != NULL)
		ic_timesync_force(p->ic[IC_TIMESYNC]);
}

int providers_shutdown(struct providers *p, const struct worker_shutdown *request)
{
	if (p->ic[IC_SHUTDOWN] == NULL)
		return -ENOTCONN;
	return ic_shutdown_request(p->ic[IC_SHUTDOWN], request->reboot != 0, request->force != 0, request->text);
}

void providers_status(const struct providers *p, struct worker_status *ret)
{
	unsigned int i;

	for (i = 0; i < STATE_ICS; i++)
		if (p->ic[i] != NULL && ic_ready(p->ic[i]))
			ret->ic_ready |= components[i].mask;
	if (p->ic[IC_HEARTBEAT] != NULL)
		ret->heartbeat_sequence = ic_heartbeat_sequence(p->ic[IC_HEARTBEAT]);
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
