/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface's life: channel, version, buffers, packets taken and handed on, the end. See netvsc.h. */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define SECTION_MIN 256u             /* of either buffer; less is no use to anybody */
#define NDIS_MAJOR  6u
#define NDIS_MINOR  30u

static void on_event(void *context, struct vsc_channel *channel)
{
	(void)channel;
	vsc_netvsc_poll(context);
}

int vsc_netvsc_await(struct vsc_netvsc *n, const bool *arrived)
{
	struct vsc_vmbus *bus = n->channel->bus;

	vsc_channel_flush(n->channel);
	for (;;) {
		vsc_netvsc_poll(n);
		if (*arrived)
			return 0;
		if (n->channel->failed || n->channel->rescinded)
			return -ENODEV;
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
	}
}

/* A message that is not answered. */
static int tell(struct vsc_netvsc *n, const struct nvsp_message *message)
{
	struct vsc_vmbus *bus = n->channel->bus;
	int rc;

	while ((rc = vsc_channel_send(n->channel, VMBUS_PACKET_INBAND, 0, 0, NULL, 0, message, sizeof *message)) == -EAGAIN)
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
	vsc_channel_flush(n->channel);
	return rc;
}

/* A message, then its answer, of that type. */
static int ask(struct vsc_netvsc *n, struct nvsp_message *message, uint32_t answer)
{
	int rc;

	n->init_arrived = false;
	rc = vsc_channel_send(n->channel, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, TRANSACTION_INIT, NULL, 0, message,
			      sizeof *message);
	if (rc == 0)
		rc = vsc_netvsc_await(n, &n->init_arrived);
	*message = n->init_reply;
	return rc < 0 ? rc : message->type == answer ? 0 : -EPROTO;
}

static int negotiate(struct vsc_netvsc *n)
{
	static const uint32_t versions[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5 };
	int rc;

	for (uint32_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		struct nvsp_message m = { .type = NVSP_INIT, .init = { versions[i], versions[i] } };

		if (n->config.newest && versions[i] > n->config.newest)
			continue;
		rc = ask(n, &m, NVSP_INIT_COMPLETE);
		if (rc < 0)
			return rc;
		if (m.init_complete.status == NVSP_STATUS_SUCCESS) {
			n->version = versions[i];
			return 0;
		}
	}
	return -EPROTONOSUPPORT;
}

static int configure(struct vsc_netvsc *n)
{
	struct nvsp_message config = { .type = NVSP_SEND_NDIS_CONFIG, .config = { n->mtu + VSC_NETVSC_HEADER, 0, NVSP_CAPABILITY_VLAN } };
	const struct nvsp_message version = { .type = NVSP_SEND_NDIS_VERSION, .ndis_version = { NDIS_MAJOR, NDIS_MINOR } };
	int rc;

	if (n->version >= NVSP_VERSION_61 && n->config.frame_bytes >= VSC_NETVSC_FRAME_MAX)
		config.config.capabilities |= NVSP_CAPABILITY_RSC;
	rc = tell(n, &config);
	return rc < 0 ? rc : tell(n, &version);
}

static int share_receive(struct vsc_netvsc *n)
{
	struct nvsp_message m = { .type = NVSP_SEND_RECEIVE_BUFFER };
	int rc = vsc_gpadl_create(n->channel, n->config.receive, n->config.receive_bytes, &n->receive_gpadl);

	if (rc < 0)
		return rc;
	m.buffer.gpadl = n->receive_gpadl;
	m.buffer.id = NVSP_RECEIVE_BUFFER_ID;
	rc = ask(n, &m, NVSP_SEND_RECEIVE_BUFFER_COMPLETE);
	if (rc < 0 || m.receive_complete.status != NVSP_STATUS_SUCCESS)
		return rc < 0 ? rc : -EIO;
	if (m.receive_complete.section_count != 1 || m.receive_complete.section.offset != 0 || m.receive_complete.section.size < SECTION_MIN ||
	    (uint64_t)m.receive_complete.section.size * m.receive_complete.section.count > n->config.receive_bytes)
		return -EPROTO;
	return 0;
}

static int share_send(struct vsc_netvsc *n)
{
	struct nvsp_message m = { .type = NVSP_SEND_SEND_BUFFER };
	int rc = vsc_gpadl_create(n->channel, n->config.send, n->config.send_bytes, &n->send_gpadl);

	if (rc < 0)
		return rc;
	m.buffer.gpadl = n->send_gpadl;
	rc = ask(n, &m, NVSP_SEND_SEND_BUFFER_COMPLETE);
	if (rc < 0 || m.send_complete.status != NVSP_STATUS_SUCCESS)
		return rc < 0 ? rc : -EIO;
	if (m.send_complete.section_size < SECTION_MIN || m.send_complete.section_size > n->config.send_bytes)
		return -EPROTO;
	n->section_bytes = m.send_complete.section_size;
	n->sections = n->config.send_bytes / n->section_bytes;
	if (n->sections > VSC_NETVSC_SENDS)
		n->sections = VSC_NETVSC_SENDS;
	return 0;
}

int vsc_netvsc_open(struct vsc_netvsc *n, struct vsc_channel *channel, const struct vsc_netvsc_config *config)
{
	uint32_t mtu = config->mtu ? config->mtu : 1500;
	int rc;

	if ((uintptr_t)config->scratch % VMBUS_PAGE_SIZE || mtu > VSC_NETVSC_FRAME_MAX || config->frame_bytes < mtu + VSC_NETVSC_HEADER)
		return -EINVAL;
	memset(n, 0, sizeof *n);
	n->config = *config;
	n->channel = channel;
	n->mtu = mtu;
	channel->context = n;
	channel->event = on_event;
	rc = vsc_channel_open(channel, config->rings, config->ring_bytes, config->ring_bytes / 2 & ~(VMBUS_PAGE_SIZE - 1), NULL, 0);
	if (rc < 0)
		return rc;
	rc = negotiate(n);
	if (rc == 0)
		rc = configure(n);
	if (rc == 0)
		rc = share_receive(n);
	if (rc == 0)
		rc = share_send(n);
	if (rc == 0)
		rc = vsc_netvsc_start(n);
	if (rc < 0)
		vsc_netvsc_close(n);
	return rc;
}

/* What is on its way out; a host that does not come to its end must not keep us for ever. */
static int drain(struct vsc_netvsc *n)
{
	struct vsc_vmbus *bus = n->channel->bus;

	while (n->in_flight) {
		vsc_netvsc_poll(n);
		if (n->channel->failed || n->channel->rescinded)
			return -ENODEV;
		if (n->in_flight && !bus->os->wait(bus->context))
			return -ETIMEDOUT;
	}
	return 0;
}

static void quiesce(struct vsc_netvsc *n)
{
	struct nvsp_message revoke = { .type = NVSP_REVOKE_RECEIVE_BUFFER, .buffer.id = NVSP_RECEIVE_BUFFER_ID };
	int rc = drain(n);

	if (rc == 0 && n->filter)
		rc = vsc_netvsc_set_filter(n, 0);
	if (rc == 0)
		rc = vsc_netvsc_halt(n);
	if (rc == 0)
		rc = tell(n, &revoke);
	revoke = (struct nvsp_message){ .type = NVSP_REVOKE_SEND_BUFFER };
	if (rc == 0)
		tell(n, &revoke);
}

static int take_back(struct vsc_netvsc *n, uint32_t *gpadl)
{
	int rc = *gpadl ? vsc_gpadl_teardown(n->channel, *gpadl) : 0;

	if (rc == 0)
		*gpadl = 0;
	return rc;
}

int vsc_netvsc_close(struct vsc_netvsc *n)
{
	int rc = 0;

	if (n->channel->open) {
		if (n->send_gpadl && !n->channel->rescinded && !n->channel->failed)
			quiesce(n);
		n->filter = 0;
		rc = vsc_channel_close(n->channel);
	}
	if (rc == 0)
		rc = take_back(n, &n->receive_gpadl);
	if (rc == 0)
		rc = take_back(n, &n->send_gpadl);
	/* Until here the host may have read the caller's pages. */
	for (uint32_t tag = 0; rc == 0 && tag < VSC_NETVSC_SENDS; tag++)
		vsc_netvsc_complete(n, tag, -ENODEV);
	return rc;
}

/* Gives packets back, as far as the ring has room. True: there is a place for another. */
static bool pay(struct vsc_netvsc *n)
{
	const struct { uint32_t type, status; } done = { NVSP_SEND_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS };

	while (n->owed_count && vsc_channel_send(n->channel, VMBUS_PACKET_COMPLETION, 0, n->owed[n->first_owed], NULL, 0, &done, sizeof done) == 0) {
		n->first_owed = (n->first_owed + 1) % VSC_NETVSC_OWED;
		n->owed_count--;
	}
	return n->owed_count < VSC_NETVSC_OWED;
}

static void take_completion(struct vsc_netvsc *n, const struct vsc_packet *p, const struct nvsp_message *message)
{
	bool good = message->type == NVSP_SEND_RNDIS_PACKET_COMPLETE && message->rndis_complete.status == NVSP_STATUS_SUCCESS;

	if (p->transaction_id == TRANSACTION_INIT) {
		n->init_reply = *message;
		n->init_arrived = true;
	} else if (p->transaction_id == TRANSACTION_CONTROL) {
		n->reply.sent = true;
	} else if (!vsc_netvsc_complete(n, p->transaction_id - 1, good ? 0 : -EIO)) {
		n->refused++;
	}
}

static void take(struct vsc_netvsc *n, const struct vsc_packet *p, const struct nvsp_message *message)
{
	switch (p->type) {
	case VMBUS_PACKET_COMPLETION:
		take_completion(n, p, message);
		break;
	case VMBUS_PACKET_TRANSFER_PAGES:
		vsc_netvsc_receive(n, p);
		n->owed[(n->first_owed + n->owed_count++) % VSC_NETVSC_OWED] = p->transaction_id;
		break;
	default:
		/* With one channel and no other path there is nothing to choose. */
		n->refused += p->type != VMBUS_PACKET_INBAND || (message->type != NVSP_VF_ASSOCIATION && message->type != NVSP_SEND_TABLE);
	}
}

unsigned int vsc_netvsc_poll(struct vsc_netvsc *n)
{
	struct nvsp_message message;
	struct vsc_packet p;
	unsigned int taken = 0;

	/* The host stops when it has no room, so that we must go on when we have none. */
	while (pay(n)) {
		memset(&n->ranges.pages, 0, sizeof n->ranges.pages);
		memset(&message, 0, sizeof message);
		if (vsc_channel_receive_extended(n->channel, &p, &n->ranges, sizeof n->ranges, &message, sizeof message) < 0)
			break;
		take(n, &p, &message);
		taken++;
	}
	vsc_channel_flush(n->channel);
	if (n->starved) {
		n->starved = false;
		if (n->config.ops && n->config.ops->room)
			n->config.ops->room(n->config.context);
	}
	return taken;
}
