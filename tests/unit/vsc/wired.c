/* SPDX-License-Identifier: BSD-2-Clause */
/* See wired.h. Plain assertions: fuzz targets run it without a test runner. */
#undef NDEBUG
#include "wired.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/status.h"

#define PATIENCE 50u

static int host_post(void *context, uint32_t vp, uint32_t sint, uint32_t type, const void *payload, size_t size)
{
	struct wired *w = context;
	struct queued *q = &w->queue[w->tail % QUEUE];

	assert(sint == VMBUS_SINT && type == VMBUS_MESSAGE_TYPE);
	(void)vp;
	if (w->silent)
		return 0;
	if (w->tail - w->head == QUEUE)
		return -EAGAIN;
	q->bytes = (uint32_t)size;
	memcpy(q->payload, payload, size);
	w->tail++;
	return 0;
}

static void host_event(void *context, uint32_t vp, uint16_t flag)
{
	struct wired *w = context;

	(void)vp;
	w->events[flag] = true;
}

static int host_connect(void *context, uint32_t connection_id, uint32_t relid, bool connected)
{
	struct wired *w = context;

	w->relid_of[connection_id % 4096] = connected ? relid : 0;
	return 0;
}

static void host_log(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static const struct vmbus_server_ops host_ops = { host_post, host_event, host_connect, host_log };

static uint16_t guest_post(void *context, uint32_t connection_id, const void *payload, uint32_t bytes)
{
	struct wired *w = context;
	uint32_t version;

	w->posts++;
	if (w->busy) {
		w->busy--;
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	}
	if (w->oldest_refused && ((const struct vmbus_message_header *)payload)->type == VMBUS_MSG_INITIATE_CONTACT) {
		memcpy(&version, (const uint8_t *)payload + 8, sizeof version);
		/* As a host that knows no newer one: connection 4 is not there at all before 5.0. */
		if (version >= w->oldest_refused && w->oldest_refused <= VMBUS_VERSION_5_0 && version >= VMBUS_VERSION_5_0)
			return HV_STATUS_INVALID_CONNECTION_ID;
		if (version >= w->oldest_refused) {
			struct vmbus_version_response no = { .header.type = VMBUS_MSG_VERSION_RESPONSE };

			host_post(w, 0, VMBUS_SINT, VMBUS_MESSAGE_TYPE, &no, sizeof no);
			return HV_STATUS_SUCCESS;
		}
	}
	return vmbus_server_handle_message(w->server, connection_id, VMBUS_MESSAGE_TYPE, payload, bytes) == 0 ? HV_STATUS_SUCCESS
													      : HV_STATUS_INSUFFICIENT_BUFFERS;
}

static uint16_t guest_signal(void *context, uint32_t connection_id)
{
	struct wired *w = context;
	uint32_t relid = w->relid_of[connection_id % 4096];

	w->signals++;
	if (!relid)
		return HV_STATUS_INVALID_CONNECTION_ID;
	while (vmbus_server_signal(w->server, relid))
		;
	return HV_STATUS_SUCCESS;
}

static uint64_t guest_physical(void *context, const void *memory)
{
	struct wired *w = context;
	uintptr_t offset = (uintptr_t)memory - (uintptr_t)w->arena;

	assert(offset < ARENA_BYTES && "the client shares memory that nobody gave it");
	return ARENA_GPA + offset;
}

bool wired_pump(struct wired *w)
{
	bool any = w->head != w->tail;
	uint32_t relid;

	while (w->head != w->tail) {
		struct queued q = w->queue[w->head++ % QUEUE];

		vsc_vmbus_message(&w->bus, q.payload, q.bytes);
		vmbus_server_message_slot_free(w->server);
	}
	for (relid = 1; relid <= VMBUS_MAX_RELID; relid++) {
		if (!w->events[relid])
			continue;
		w->events[relid] = false;
		any = true;
		vsc_vmbus_event(&w->bus, relid);
	}
	if (w->host_work)
		any |= w->host_work(w->device);
	return any;
}

static bool guest_wait(void *context)
{
	struct wired *w = context;

	if (wired_pump(w)) {
		w->patience = PATIENCE;
		return true;
	}
	if (w->patience == 0) {
		w->patience = PATIENCE;
		return false;
	}
	w->patience--;
	return true;
}

static const struct vsc_os guest_os = { guest_post, guest_signal, guest_physical, guest_wait };

void wired_init(struct wired *w)
{
	memset(w, 0, sizeof *w);
	w->arena = aligned_alloc(4096, ARENA_BYTES);
	memset(w->arena, 0, ARENA_BYTES);
	w->map = (struct guest_map){ 1, { { ARENA_GPA, ARENA_BYTES, w->arena } } };
	w->state = calloc(1, VMBUS_STATE_BYTES);
	w->server = vmbus_server_create(w->state, &w->map, 2, &host_ops, w);
	assert(w->server);
	w->patience = PATIENCE;
	vsc_vmbus_init(&w->bus, &guest_os, w, 0);
}

void wired_done(struct wired *w)
{
	vmbus_server_free(w->server);
	free(w->state);
	free(w->arena);
}

void *wired_memory(struct wired *w, size_t bytes)
{
	void *at = w->arena + w->used;

	w->used += (bytes + 4095) & ~(size_t)4095;
	assert(w->used <= ARENA_BYTES);
	return at;
}

void wired_connect(struct wired *w)
{
	vmbus_server_start(w->server);
	assert(vsc_vmbus_connect(&w->bus, 0) == 0);
	assert(vsc_vmbus_request_offers(&w->bus) == 0);
}
