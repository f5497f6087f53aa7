/* SPDX-License-Identifier: BSD-2-Clause */
/* See network.h. */
#include "network.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log.h"
#include "vsp/network/netvsp.h"

#define FLUSH_MS 4u
/* A guest that was told that its cable is out counts as quiet when it has not sent for so long; after the limit it goes as it is. */
#define LEAVE_TICK_MS 100u
#define QUIET_TICKS   3u
#define LEAVE_TICKS   60u

struct queue {
	struct host_source source;   /* first */
	struct network_interface *interface;
	uint32_t index;
};

struct network_interface {
	struct network *network;
	struct worker_interface config;
	struct netvsp *netvsp;
	struct netvsp_state *state;
	struct queue queue[WORKER_MAX_QUEUES];
	unsigned int open_queues;    /* watched, or not let go of yet */
	bool leaving, in_guest;      /* being detached; the guest has not let go of it */
	uint64_t sent;               /* by the guest, at the last tick */
	unsigned int ticks, quiet;
	void (*detached)(void *context, uint64_t sequence);
	void *context;
	uint64_t sequence;
};

static bool has_input(struct host_source *source)
{
	struct queue *q = (struct queue *)source;
	struct network *n = q->interface->network;
	bool more = netvsp_input(q->interface->netvsp, q->index);

	n->on_input(n->context);
	return more;
}

static void free_unused(struct network_interface *n)
{
	if (n->open_queues == 0 && !n->in_guest)
		free(n);
}

static void let_go(struct host_source *source)
{
	struct network_interface *n = ((struct queue *)source)->interface;

	close(source->fd);
	if (--n->open_queues > 0)
		return;
	if (n->detached != NULL)
		n->detached(n->context, n->sequence);
	free_unused(n);
}

static void guest_let_go(void *context)
{
	struct network_interface *n = context;

	netvsp_free(n->netvsp);
	n->in_guest = false;
	free_unused(n);
}

static void provider_log(void *context, const char *text)
{
	const struct network_interface *n = context;

	log_line("network: %.15s: %s", n->config.tap, text);
}

static void flush(uv_timer_t *timer)
{
	struct network *n = timer->data;
	unsigned int i;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++)
		if (n->interface[i] != NULL)
			netvsp_flush(n->interface[i]->netvsp);
}

static void flush_later(void *context)
{
	struct network *n = ((struct network_interface *)context)->network;

	if (!uv_is_active((uv_handle_t *)&n->flush))
		uv_timer_start(&n->flush, flush, FLUSH_MS, 0);
}

static void take_again(void *context, uint32_t queue)
{
	struct network_interface *n = context;

	host_loop_call(&n->queue[queue].source);
}

static void stop_watching(void *context, uint32_t queue)
{
	struct network_interface *n = context;

	n->queue[queue].source.muted = true;
}

/** The same interface has the same name in the guest, whenever it comes. */
static struct vmbus_guid instance_of(const uint8_t mac[6])
{
	struct vmbus_guid guid = VMBUS_GUID(0, 0, 0x4b48, 0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e);

	memcpy(&guid, mac, 6);
	return guid;
}

void network_instance_name(const uint8_t mac[6], char text[39])
{
	const struct vmbus_guid guid = instance_of(mac);
	const uint8_t *b = guid.bytes;

	snprintf(text, 39, "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}", b[3], b[2], b[1], b[0], b[5], b[4], b[7],
		 b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static struct network_interface **find(struct network *n, const uint8_t mac[6])
{
	unsigned int i;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++)
		if (n->interface[i] != NULL && memcmp(n->interface[i]->config.mac, mac, 6) == 0)
			return &n->interface[i];
	return NULL;
}

static struct network_interface *find_in_use(struct network *n, const uint8_t mac[6])
{
	struct network_interface **at = find(n, mac);

	return at == NULL || (*at)->leaving ? NULL : *at;
}

/** The root's end loses its carrier, too. */
static void set_carrier(const struct network_interface *n, int up)
{
	if (ioctl(n->config.fd[0], TUNSETCARRIER, &up) < 0 && errno != ENOTTY && errno != EBADFD)
		log_line("network: %.15s: carrier: %s", n->config.tap, strerror(errno));
}

/** What a predecessor kept of the interface, or room for a new one. */
static struct netvsp_state *state_of(const struct network *n, const struct vmbus_guid *instance)
{
	struct netvsp_state *s, *unused = NULL;
	unsigned int i;

	for (i = 0; i < STATE_INTERFACES; i++) {
		s = (struct netvsp_state *)n->machine->state->network[i];
		if (s->magic == 0)
			unused = s;
		else if (!s->leaving && vmbus_guid_equal(&s->instance, instance))
			return s;
	}
	return unused;
}

/** A guest that a predecessor has told to let go is served until it has. */
static bool goes_on_leaving(struct network *n, struct netvsp_state *state)
{
	struct network_interface *interface = calloc(1, sizeof *interface);
	const struct netvsp_config config = {
		.instance = state->instance, .vp_count = n->machine->config.vp_count, .queue_count = 1, .log = provider_log, .context = interface,
	};

	if (interface == NULL)
		return false;
	interface->network = n;
	interface->in_guest = true;
	if (netvsp_remove_on(n->server, state, &config, guest_let_go, &interface->netvsp) == 0)
		return true;
	free(interface);
	return false;
}

static bool in_use(const struct network *n, const struct netvsp_state *state)
{
	unsigned int i;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++)
		if (n->interface[i] != NULL && n->interface[i]->state == state)
			return true;
	return false;
}

/** What a predecessor had beyond the configuration's. */
static void see_to_others(struct network *n)
{
	unsigned int i;

	for (i = 0; i < STATE_INTERFACES; i++) {
		struct netvsp_state *s = (struct netvsp_state *)n->machine->state->network[i];

		if (s->magic != 0 && !in_use(n, s) && !(s->leaving && goes_on_leaving(n, s)))
			memset(s, 0, sizeof *s);
	}
}

static int offer(struct network *n, struct network_interface *interface)
{
	const struct worker_interface *c = &interface->config;
	struct netvsp_config config = {
		.instance = instance_of(c->mac),
		.mtu = c->mtu,
		.link_up = !(c->flags & WORKER_INTERFACE_LINK_DOWN),
		.allow_spoofing = (c->flags & WORKER_INTERFACE_SPOOFING) != 0,
		.vp_count = n->machine->config.vp_count,
		.queue_count = c->queue_count,
		.log = provider_log,
		.defer = flush_later,
		.want_input = take_again,
		.lost = stop_watching,
		.context = interface,
	};

	memcpy(config.mac, c->mac, sizeof config.mac);
	memcpy(config.fd, c->fd, sizeof config.fd);
	interface->state = state_of(n, &config.instance);
	return interface->state == NULL ? -ENOSPC : netvsp_create(n->server, interface->state, &config, &interface->netvsp);
}

int network_attach(struct network *n, const struct worker_interface *config)
{
	struct network_interface *interface = NULL;
	unsigned int slot = 0, i;
	int rc = -ENOSPC;

	while (slot < WORKER_MAX_INTERFACES && n->interface[slot] != NULL)
		slot++;
	if (find(n, config->mac) != NULL)
		rc = -EEXIST;
	if (rc == -EEXIST || slot == WORKER_MAX_INTERFACES)
		goto fail;
	rc = -ENOMEM;
	interface = calloc(1, sizeof *interface);
	if (interface == NULL)
		goto fail;
	interface->network = n;
	interface->config = *config;
	rc = offer(n, interface);
	if (rc < 0)
		goto fail;
	n->interface[slot] = interface;
	if (config->flags & WORKER_INTERFACE_LINK_DOWN)
		set_carrier(interface, 0);
	interface->open_queues = config->queue_count;
	for (i = 0; i < config->queue_count; i++) {
		struct queue *q = &interface->queue[i];

		q->interface = interface;
		q->index = i;
		q->source.ready = has_input;
		q->source.removed = let_go;
		host_loop_add(n->machine->host, &q->source, config->fd[i]);
	}
	return 0;
fail:
	for (i = 0; i < config->queue_count; i++)
		close(config->fd[i]);
	free(interface);
	return rc;
}

/**
 * Linux stops listening to a channel with the news that its offer is gone, and then waits without end for the answers to what it has
 * sent. So the cable comes out first, and the offer goes when the guest has stopped sending.
 */
static bool has_stopped(struct network_interface *n)
{
	struct netvsp_stats s;
	uint64_t sent;

	netvsp_get_stats(n->netvsp, &s);
	sent = s.tx_packets + s.tx_dropped + s.tx_errors;
	n->quiet = sent == n->sent ? n->quiet + 1 : 0;
	n->sent = sent;
	return !s.ready || n->quiet >= QUIET_TICKS || ++n->ticks >= LEAVE_TICKS;
}

static uint64_t frames_of(const struct network_interface *n)
{
	struct netvsp_stats s;

	netvsp_get_stats(n->netvsp, &s);
	return s.rx_packets + s.tx_packets;
}

static void take_away(struct network_interface **at)
{
	struct network_interface *interface = *at;
	unsigned int i;

	*at = NULL;
	interface->network->past_frames += frames_of(interface);
	for (i = 0; i < interface->config.queue_count; i++)
		host_loop_remove(&interface->queue[i].source);
	interface->in_guest = true;
	netvsp_remove(interface->netvsp, guest_let_go);
}

static void look_at_leaving(uv_timer_t *timer)
{
	struct network *n = timer->data;
	unsigned int i, left = 0;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++) {
		if (n->interface[i] == NULL || !n->interface[i]->leaving)
			continue;
		if (has_stopped(n->interface[i]))
			take_away(&n->interface[i]);
		else
			left++;
	}
	if (left == 0)
		uv_timer_stop(timer);
}

int network_detach(struct network *n, const uint8_t mac[6], void (*done)(void *context, uint64_t sequence), void *context,
		   uint64_t sequence)
{
	struct network_interface *interface = find_in_use(n, mac);

	if (interface == NULL)
		return -ENOENT;
	interface->leaving = true;
	interface->detached = done;
	interface->context = context;
	interface->sequence = sequence;
	set_carrier(interface, 0);
	netvsp_set_link(interface->netvsp, false);
	has_stopped(interface);
	uv_timer_start(&n->leave, look_at_leaving, 0, LEAVE_TICK_MS);
	return 0;
}

int network_set_link(struct network *n, const uint8_t mac[6], bool up)
{
	struct network_interface *interface = find_in_use(n, mac);

	if (interface == NULL)
		return -ENOENT;
	set_carrier(interface, up);
	netvsp_set_link(interface->netvsp, up);
	return 0;
}

int network_create(struct network *n, struct machine *m, struct vmbus_server *server, void (*on_input)(void *context), void *context)
{
	unsigned int i;
	int rc = 0;

	*n = (struct network){ .machine = m, .server = server, .on_input = on_input, .context = context };
	uv_timer_init(m->loop, &n->flush);
	uv_timer_init(m->loop, &n->leave);
	n->flush.data = n->leave.data = n;
	for (i = 0; i < m->config.interface_count && rc == 0; i++) {
		rc = network_attach(n, &m->config.interface[i]);
		if (rc < 0)
			log_line("interface %.15s: %s", m->config.interface[i].tap, strerror(-rc));
	}
	if (rc == 0)
		see_to_others(n);
	return rc;
}

uint64_t network_frames(const struct network *n)
{
	uint64_t frames = n->past_frames;
	unsigned int i;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++)
		if (n->interface[i] != NULL)
			frames += frames_of(n->interface[i]);
	return frames;
}

uint64_t network_frames_sent(const struct network *n)
{
	struct netvsp_stats s;
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < WORKER_MAX_INTERFACES; i++) {
		if (n->interface[i] == NULL)
			continue;
		netvsp_get_stats(n->interface[i]->netvsp, &s);
		frames += s.tx_packets;
	}
	return frames;
}

void network_stats(const struct network *n, struct worker_stats *ret)
{
	unsigned int i;

	ret->interface_count = 0;
	for (i = 0; i < WORKER_MAX_INTERFACES; i++) {
		const struct network_interface *interface = n->interface[i];
		struct worker_interface_stats *to = &ret->interface[ret->interface_count];
		struct netvsp_stats s;

		if (interface == NULL)
			continue;
		netvsp_get_stats(interface->netvsp, &s);
		*to = (struct worker_interface_stats){
			.link_up = s.link_up, .ready = s.ready, .queues = s.queues, .mtu = interface->config.mtu,
			.rx_packets = s.rx_packets, .rx_bytes = s.rx_bytes, .rx_dropped = s.rx_dropped, .rx_errors = s.rx_errors,
			.tx_packets = s.tx_packets, .tx_bytes = s.tx_bytes, .tx_dropped = s.tx_dropped, .tx_errors = s.tx_errors,
			.spoofed = s.spoofed,
		};
		memcpy(to->mac, interface->config.mac, sizeof to->mac);
		memcpy(to->tap, interface->config.tap, sizeof to->tap);
		ret->interface_count++;
	}
}

_Static_assert(NETVSP_MAX_QUEUES == WORKER_MAX_QUEUES, "the provider takes what the daemon gives");
