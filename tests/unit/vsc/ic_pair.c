/* SPDX-License-Identifier: BSD-2-Clause */
/* See ic_pair.h. Plain assertions: fuzz targets run it without a test runner. */
#undef NDEBUG
#include "ic_pair.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define RING_BYTES (8u * 4096)

static void on_ready(void *context, enum ic_type type, bool ready)
{
	struct ic_pair *p = context;

	(void)type;
	ready ? p->ready++ : p->gone++;
}

static void on_shutdown_answer(void *context, bool reboot, uint32_t status)
{
	struct ic_pair *p = context;

	p->shutdown_answers++;
	p->reboot = reboot;
	p->shutdown_status = status;
}

static void on_heartbeat(void *context, bool alive)
{
	struct ic_pair *p = context;

	alive ? p->beats_began++ : p->beats_stopped++;
}

static uint64_t reference_time(void *context)
{
	return ((struct ic_pair *)context)->reference;
}

static const struct ic_ops host_ops = {
	.ready = on_ready, .shutdown_answer = on_shutdown_answer, .heartbeat = on_heartbeat, .reference_time = reference_time,
};

static uint32_t on_shutdown(void *context, uint32_t flags, const char *text)
{
	struct ic_pair *p = context;

	p->shutdowns++;
	p->flags = flags;
	snprintf(p->text, sizeof p->text, "%s", text);
	return p->answer;
}

static void on_time(void *context, uint64_t time, uint64_t reference, uint8_t flags)
{
	struct ic_pair *p = context;

	p->times++;
	p->time = time;
	p->guest_reference = reference;
	p->flags = flags;
}

static uint32_t on_kvp(void *context, struct ic_kvp *message)
{
	return vsc_kvp_serve(&((struct ic_pair *)context)->kvp, message);
}

static uint32_t on_vss(void *context, enum ic_vss_operation operation)
{
	struct ic_pair *p = context;

	operation == IC_VSS_FREEZE ? p->freezes++ : p->thaws++;
	return p->answer;
}

static uint32_t on_file_start(void *context, const struct ic_fcopy_start *file)
{
	struct ic_pair *p = context;

	p->file = *file;
	p->bytes = 0;
	return p->answer;
}

static uint32_t on_file_write(void *context, uint64_t offset, const uint8_t *data, uint32_t bytes)
{
	struct ic_pair *p = context;

	if (offset > PAIR_FILE_BYTES || bytes > PAIR_FILE_BYTES - offset)
		return IC_STATUS_DISK_FULL;
	memcpy(p->data + offset, data, bytes);
	p->bytes += bytes;
	return 0;
}

static uint32_t on_file_end(void *context, bool complete)
{
	struct ic_pair *p = context;

	complete ? p->files++ : p->removed++;
	return 0;
}

static const struct vsc_ic_ops guest_ops = {
	.shutdown = on_shutdown, .time = on_time, .kvp = on_kvp, .vss = on_vss,
	.file_start = on_file_start, .file_write = on_file_write, .file_end = on_file_end,
};

void ic_pair_begin(struct ic_pair *p, enum ic_type type)
{
	const struct vmbus_guid instance = { { 9 } }, class = vsc_ic_class((enum vsc_ic_type)type);
	struct vsc_channel *channel;
	int rc;

	memset(p, 0, sizeof *p);
	p->reference = 1234567;
	p->kvp = (struct vsc_kvp){ p->entries, PAIR_ENTRIES };
	p->guest.backup_flags = 5;
	wired_init(&p->w);
	rc = ic_create(p->w.server, type, &instance, &p->state, &host_ops, p, &p->host);
	assert(rc == 0);
	wired_connect(&p->w);
	channel = vsc_vmbus_find(&p->w.bus, &class, 0);
	assert(channel);
	rc = vsc_ic_open(&p->guest, (enum vsc_ic_type)type, channel, &guest_ops, p, wired_memory(&p->w, RING_BYTES), RING_BYTES);
	assert(rc == 0);
	wired_pump(&p->w);
}

void ic_pair_end(struct ic_pair *p)
{
	ic_free(p->host);
	wired_done(&p->w);
}
