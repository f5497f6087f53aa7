/* SPDX-License-Identifier: BSD-2-Clause */
/* See services.h. */
#include "services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "providers.h"
#include "abi/bulkhead.h"
#include "vmbus/server/server.h"

#define MAX_CONNECTIONS VMBUS_MAX_CHANNELS

/** An event connection: the guest's signals on it arrive at an eventfd. */
struct connection {
	struct host_source source;
	struct services *services;
	uint32_t id, relid;
};

struct services {
	struct machine *machine;
	struct vmbus_server *server;
	struct guest_map map;
	struct connection *connection[MAX_CONNECTIONS];
	struct providers providers;
	uint32_t version_told;       /* what the daemon knows as the guest's VMBus version */
	uint64_t frames_seen;
	bool overflow_logged;
};

static int post_message(void *context, uint32_t vp, uint32_t sint, uint32_t type, const void *payload, size_t size)
{
	struct services *s = context;
	int rc = mshv_partition_post_message(&s->machine->partition, vp, (uint8_t)sint, type, payload, size);

	if (rc < 0 && rc != -EAGAIN)
		log_line("message to VP %u, SINT %u: %s", vp, sint, strerror(-rc));
	return rc == -EAGAIN ? rc : 0;
}

static void signal_event(void *context, uint32_t vp, uint16_t flag)
{
	struct services *s = context;
	int rc = mshv_partition_signal_event(&s->machine->partition, vp, flag);

	if (rc < 0)
		log_line("event %u to VP %u: %s", flag, vp, strerror(-rc));
}

static bool signalled(struct host_source *source)
{
	struct connection *c = (struct connection *)source;

	bool more = vmbus_server_signal(c->services->server, c->relid);

	providers_pace(&c->services->providers);
	return more;
}

static void connection_removed(struct host_source *source)
{
	close(source->fd);
	free(source);
}

static void disconnect(struct services *s, unsigned int slot)
{
	struct connection *c = s->connection[slot];

	s->connection[slot] = NULL;
	mshv_partition_signalfd(&s->machine->partition, c->id, -1);
	host_loop_remove(&c->source);
}

static int connect_event(void *context, uint32_t connection_id, uint32_t relid, bool connected)
{
	struct services *s = context;
	struct connection *c;
	unsigned int i, slot = MAX_CONNECTIONS;
	int fd, rc;

	for (i = 0; i < MAX_CONNECTIONS; i++) {
		if (s->connection[i] != NULL && s->connection[i]->id == connection_id) {
			disconnect(s, i);
			slot = i;
		} else if (s->connection[i] == NULL && slot == MAX_CONNECTIONS) {
			slot = i;
		}
	}
	if (!connected)
		return 0;
	if (slot == MAX_CONNECTIONS)
		return -ENOSPC;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	*c = (struct connection){ .services = s, .id = connection_id, .relid = relid };
	c->source.ready = signalled;
	c->source.removed = connection_removed;
	fd = eventfd(0, EFD_CLOEXEC);
	rc = fd < 0 ? -errno : mshv_partition_signalfd(&s->machine->partition, connection_id, fd);
	if (rc < 0) {
		log_line("event connection %u: %s", connection_id, strerror(-rc));
		if (fd >= 0)
			close(fd);
		free(c);
		return rc;
	}
	s->connection[slot] = c;
	host_loop_add(s->machine->host, &c->source, fd);
	return 0;
}

static void server_log(void *context, const char *text)
{
	(void)context;
	log_line("vmbus: %s", text);
}

static const struct vmbus_server_ops server_ops = { post_message, signal_event, connect_event, server_log };

/** Messages that the server could not take before. */
static void take_deferred(struct services *s)
{
	struct worker_state_region *state = s->machine->state;
	const struct bh_posted_message *m = state->deferred;
	unsigned int done = 0;

	for (; done < state->deferred_count; done++, m++)
		if (vmbus_server_handle_message(s->server, m->connection_id, m->message_type, m->payload, m->payload_size) == -EAGAIN)
			break;
	memmove(state->deferred, m, (state->deferred_count - done) * sizeof *m);
	state->deferred_count -= done;
}

int services_create(struct machine *m, struct services **ret)
{
	const struct guest_memory *g = &m->memory;
	struct services *s = calloc(1, sizeof *s);
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->machine = m;
	s->map.count = 1;
	s->map.regions[0] = (struct guest_region){ 0, g->low_size, g->host };
	if (g->size > g->low_size)
		s->map.regions[s->map.count++] = (struct guest_region){ LAYOUT_4G, g->size - g->low_size, g->host + g->low_size };
	s->server = vmbus_server_create((struct vmbus_state *)m->state->vmbus, &s->map, m->config.vp_count, &server_ops, s);
	if (s->server == NULL) {
		rc = -errno;
		free(s);
		return rc;
	}
	rc = providers_create(&s->providers, m, s->server);
	if (rc < 0)
		return rc;           /* the process ends: nothing of it is taken down */
	vmbus_server_start(s->server);
	take_deferred(s);
	s->version_told = vmbus_server_version(s->server);
	*ret = s;
	return 0;
}

int services_connect(struct services *s)
{
	const struct mshv_partition *pt = &s->machine->partition;
	int rc = mshv_partition_message_port(pt, VMBUS_CONNECTION_MESSAGE, true);

	return rc < 0 ? rc : mshv_partition_message_port(pt, VMBUS_CONNECTION_MESSAGE_V5, true);
}

void services_reset(struct services *s)
{
	if (s == NULL)
		return;
	s->machine->state->deferred_count = 0;
	vmbus_server_reset(s->server);
	/* The guest's memory is about to be reloaded or given back: nothing may be written to it any more. */
	storage_drain(&s->providers.storage);
	dynamic_memory_reset(&s->providers.memory);
}

struct dynamic_memory *services_memory(struct services *s)
{
	return s == NULL ? NULL : &s->providers.memory;
}

void services_resumed(struct services *s)
{
	integration_resumed(&s->providers.integration);
}

/** The daemon hears of a guest that connected or left. */
static void tell_version(struct services *s)
{
	uint32_t version = vmbus_server_version(s->server);

	if (version == s->version_told)
		return;
	s->version_told = version;
	machine_changed(s->machine);
}

void services_message(struct services *s, const struct bh_posted_message *message)
{
	uint32_t size = message->payload_size <= sizeof message->payload ? message->payload_size : sizeof message->payload;
	struct worker_state_region *state = s->machine->state;

	/* Behind those that wait already, so that the order stays. */
	if (state->deferred_count == 0 && vmbus_server_handle_message(s->server, message->connection_id, message->message_type,
								      message->payload, size) != -EAGAIN) {
		tell_version(s);
		return;
	}
	if (state->deferred_count < STATE_DEFERRED) {
		state->deferred[state->deferred_count] = *message;
		state->deferred[state->deferred_count++].payload_size = size;
	} else if (!s->overflow_logged) {
		s->overflow_logged = true;
		log_line("vmbus: the guest posts without taking replies; messages are dropped");
	}
}

void services_slot_free(struct services *s, uint32_t vp, uint32_t sint_mask)
{
	(void)vp;
	if (!(sint_mask & 1u << BH_EVENT_SINT))
		return;
	vmbus_server_message_slot_free(s->server);
	take_deferred(s);
}

int services_shutdown(struct services *s, const struct worker_shutdown *request)
{
	return integration_shutdown(&s->providers.integration, request);
}

void services_guest_request(struct services *s, struct worker_message *request, const struct control_ticket *ticket, int fd)
{
	integration_request(&s->providers.integration, request, ticket, fd);
}

int services_attach_disk(struct services *s, const struct worker_disk *disk, char *why, size_t why_size)
{
	return storage_attach(&s->providers.storage, disk, why, why_size);
}

int services_detach_disk(struct services *s, const struct worker_disk_request *request, const struct control_ticket *ticket)
{
	return storage_detach(&s->providers.storage, request, ticket);
}

int services_resize_disk(struct services *s, const struct worker_disk_request *request, uint64_t *size, char *why, size_t why_size)
{
	return storage_resize(&s->providers.storage, request, size, why, why_size);
}

int services_attach_interface(struct services *s, const struct worker_interface *config)
{
	return network_attach(&s->providers.network, config);
}

int services_detach_interface(struct services *s, const uint8_t mac[6], void (*done)(void *context, uint64_t sequence), void *context,
			      uint64_t sequence)
{
	return network_detach(&s->providers.network, mac, done, context, sequence);
}

int services_set_link(struct services *s, const uint8_t mac[6], bool up)
{
	return network_set_link(&s->providers.network, mac, up);
}

bool services_sent_frames(struct services *s)
{
	uint64_t before = s->frames_seen;

	s->frames_seen = network_frames_sent(&s->providers.network);
	return s->frames_seen > before;
}

bool services_are_patient(const struct services *s)
{
	return s->providers.pace.patient;
}

void services_status(const struct services *s, struct worker_status *ret)
{
	if (s == NULL)
		return;
	ret->vmbus_version = vmbus_server_version(s->server);
	integration_status(&s->providers.integration, ret);
}

void services_stats(const struct services *s, struct worker_stats *ret)
{
	providers_stats(&s->providers, ret);
}
