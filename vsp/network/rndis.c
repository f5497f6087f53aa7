/* SPDX-License-Identifier: BSD-2-Clause */
/* RNDIS control messages: what the interface is and can do, and what the guest wants of it. Copied whole, then checked. */
#include "vsp/network/netvsp_internal.h"

#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_CONTROL 1024u            /* bytes of a message: the longest is RSS's table and key */
#define MAX_INFO    256u             /* bytes of an answer's information */
#define LINK_SPEED  100000000u       /* 10 Gbit/s in units of 100 bit/s */

struct control {
	struct rndis_header header;
	union {
		uint8_t bytes[MAX_CONTROL];
		struct rndis_init init;
		struct rndis_request request;
		uint32_t request_id;
	};
};

void netvsp_update_offloads(struct netvsp *vsp)
{
	unsigned int offloads;

	vsp->coalesces &= vsp->may_coalesce;
	offloads = vsp->coalesces ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;

	/* A descriptor that is no TAP (in tests) has none. */
	for (uint32_t i = 0; i < vsp->config.queue_count; i++)
		(void)!ioctl(vsp->config.fd[i], TUNSETOFFLOAD, offloads);
}

static uint32_t put_u32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof value);
	return sizeof value;
}

static uint32_t query_offload(const struct netvsp *vsp, uint32_t wanted, uint8_t *to)
{
	struct ndis_offload offload = {
		.header = { NDIS_TYPE_OFFLOAD, 3, sizeof offload },
		.checksum = {
			.ip4_tx_encap = NDIS_ENCAPSULATION_ETHERNET, .ip4_tx = NDIS_CHECKSUM4_ALL, .ip4_rx_encap = NDIS_ENCAPSULATION_ETHERNET,
			.ip4_rx = NDIS_CHECKSUM4_ALL, .ip6_tx_encap = NDIS_ENCAPSULATION_ETHERNET, .ip6_tx = NDIS_CHECKSUM6_ALL,
			.ip6_rx_encap = NDIS_ENCAPSULATION_ETHERNET, .ip6_rx = NDIS_CHECKSUM6_ALL,
		},
		.lso_v2 = {
			.ip4_encap = NDIS_ENCAPSULATION_ETHERNET, .ip4_max = NETVSP_LSO_MAX, .ip4_min_segments = 2,
			.ip6_encap = NDIS_ENCAPSULATION_ETHERNET, .ip6_max = NETVSP_LSO_MAX, .ip6_min_segments = 2,
			.ip6_options = NDIS_LSO6_OPTIONS,
		},
		.rsc_ip4 = vsp->may_coalesce, .rsc_ip6 = vsp->may_coalesce,
	};

	if (wanted >= offsetof(struct ndis_offload, ipsec_v2) && wanted < sizeof offload) {
		offload.header.bytes = (uint16_t)wanted;
		offload.header.revision = wanted < offsetof(struct ndis_offload, rsc_ip4) ? 1 : 2;
	}
	memcpy(to, &offload, offload.header.bytes);
	return offload.header.bytes;
}

static uint32_t query_rss(const struct netvsp *vsp, uint8_t *to)
{
	uint32_t queues = vsp->config.queue_count < vsp->config.vp_count ? vsp->config.queue_count : vsp->config.vp_count;
	const struct ndis_receive_scale_capabilities caps = {
		.header = { NDIS_TYPE_RSS_CAPABILITIES, 2, sizeof caps }, .interrupts = queues, .queues = queues, .table_entries = RSS_TABLE_ENTRIES,
	};

	memcpy(to, &caps, sizeof caps);
	return sizeof caps;
}

/* Fills in the information; ~0: there is none of that name. */
static uint32_t query(const struct netvsp *vsp, const struct rndis_request *request, uint8_t info[MAX_INFO])
{
	static const uint32_t supported[] = {
		OID_GEN_SUPPORTED_LIST, OID_GEN_HARDWARE_STATUS, OID_GEN_MEDIA_SUPPORTED, OID_GEN_MEDIA_IN_USE, OID_GEN_MAXIMUM_FRAME_SIZE,
		OID_GEN_LINK_SPEED, OID_GEN_VENDOR_ID, OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_MAXIMUM_TOTAL_SIZE,
		OID_GEN_MEDIA_CONNECT_STATUS, OID_GEN_TRANSMIT_OK, OID_GEN_RECEIVE_OK, OID_802_3_PERMANENT_ADDRESS,
		OID_802_3_CURRENT_ADDRESS, OID_802_3_MULTICAST_LIST, OID_802_3_MAXIMUM_LIST_SIZE, OID_GEN_RECEIVE_SCALE_CAPABILITIES,
		OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
	};

	switch (request->oid) {
	case OID_GEN_SUPPORTED_LIST:
		memcpy(info, supported, sizeof supported);
		return sizeof supported;
	case OID_GEN_HARDWARE_STATUS:
	case OID_GEN_MEDIA_SUPPORTED:
	case OID_GEN_MEDIA_IN_USE:
		return put_u32(info, 0);
	case OID_GEN_MAXIMUM_FRAME_SIZE:
		return put_u32(info, vsp->config.mtu);
	case OID_GEN_MAXIMUM_TOTAL_SIZE:
		return put_u32(info, vsp->config.mtu + 14);
	case OID_GEN_LINK_SPEED:
		return put_u32(info, LINK_SPEED);
	case OID_GEN_VENDOR_ID:
		return put_u32(info, 0xffffff);
	case OID_GEN_CURRENT_PACKET_FILTER:
		return put_u32(info, vsp->filter);
	case OID_GEN_MEDIA_CONNECT_STATUS:
		return put_u32(info, !vsp->stats.link_up);
	case OID_GEN_TRANSMIT_OK:
		return put_u32(info, (uint32_t)vsp->stats.tx_packets);
	case OID_GEN_RECEIVE_OK:
		return put_u32(info, (uint32_t)vsp->stats.rx_packets);
	case OID_802_3_PERMANENT_ADDRESS:
	case OID_802_3_CURRENT_ADDRESS:
		memcpy(info, vsp->config.mac, 6);
		return 6;
	case OID_802_3_MAXIMUM_LIST_SIZE:
		return put_u32(info, NETVSP_MAX_GROUPS);
	case OID_802_3_MULTICAST_LIST:
		memcpy(info, vsp->groups, vsp->group_count * sizeof *vsp->groups);
		return vsp->group_count * (uint32_t)sizeof *vsp->groups;
	case OID_GEN_RECEIVE_SCALE_CAPABILITIES:
		return query_rss(vsp, info);
	case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
		return query_offload(vsp, request->info_bytes, info);
	}
	return ~0u;
}

/* What comes of a control message of the guest: once, whoever it is that gives it. */
static void answer_control(struct netvsp_channel *channel, const void *message, uint32_t bytes)
{
	netvsp_keep(channel->vsp);
	if (vmbus_once_output(&channel->once, channel->channel))
		netvsp_send_control(channel, message, bytes);
}

static void answer_query(struct netvsp_channel *channel, const struct control *c)
{
	struct {
		struct rndis_header header;
		struct rndis_query_complete complete;
		uint8_t info[MAX_INFO];
	} reply = { .header.type = RNDIS_QUERY | RNDIS_COMPLETION, .complete.request_id = c->request_id };
	uint32_t bytes = query(channel->vsp, &c->request, reply.info);

	if (bytes == ~0u) {
		reply.complete.status = RNDIS_STATUS_NOT_SUPPORTED;
		bytes = 0;
	}
	reply.complete.info_bytes = bytes;
	reply.complete.info_offset = sizeof reply.complete;
	reply.header.bytes = (uint32_t)(offsetof(__typeof__(reply), info)) + bytes;
	answer_control(channel, &reply, reply.header.bytes);
}

/*
 * Frames above the MTU are taken as soon as the driver says that it can at all, because Linux says "disabled" while it starts, whatever
 * its user has set; afterwards a word is a word.
 */
static void set_offloads(struct netvsp *vsp, const uint8_t *info, uint32_t bytes)
{
	struct ndis_offload_parameters p = { 0 };

	memcpy(&p, info, bytes < sizeof p ? bytes : sizeof p);
	if (p.rsc_ip4 == NDIS_RSC_ENABLED)
		vsp->refuses_coalescing = false;
	else if (p.rsc_ip4 == NDIS_RSC_DISABLED && vsp->filter)
		vsp->refuses_coalescing = true;
	vsp->coalesces = vsp->may_coalesce && !vsp->refuses_coalescing;
	netvsp_update_offloads(vsp);
}

_Static_assert(sizeof((struct netvsp){ 0 }.groups) <= MAX_INFO, "the list can be asked for");

/* The whole list, each time. */
static uint32_t set_groups(struct netvsp *vsp, const uint8_t *info, uint32_t bytes)
{
	if (bytes % sizeof *vsp->groups || bytes > sizeof vsp->groups)
		return RNDIS_STATUS_INVALID_DATA;
	memcpy(vsp->groups, info, bytes);
	vsp->group_count = bytes / (uint32_t)sizeof *vsp->groups;
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t set(struct netvsp *vsp, const struct control *c, uint32_t bytes)
{
	const uint32_t offset = c->request.info_offset, length = c->request.info_bytes;
	uint32_t filter;

	if (offset > bytes || length > bytes - offset)
		return RNDIS_STATUS_INVALID_DATA;
	switch (c->request.oid) {
	case OID_GEN_CURRENT_PACKET_FILTER:
		if (length < sizeof filter)
			return RNDIS_STATUS_INVALID_DATA;
		memcpy(&filter, c->bytes + offset, sizeof filter);
		vsp->filter = filter;
		return RNDIS_STATUS_SUCCESS;
	case OID_TCP_OFFLOAD_PARAMETERS:
		set_offloads(vsp, c->bytes + offset, length);
		return RNDIS_STATUS_SUCCESS;
	case OID_802_3_MULTICAST_LIST:
		return set_groups(vsp, c->bytes + offset, length);
	case OID_GEN_RECEIVE_SCALE_PARAMETERS:
		return rss_set(&vsp->rss, c->bytes + offset, length);
	case OID_GEN_CONFIG_PARAMETER:               /* another address: the guard is what says whether it may be used */
		return RNDIS_STATUS_SUCCESS;
	}
	return RNDIS_STATUS_NOT_SUPPORTED;
}

static void answer_set(struct netvsp_channel *channel, const struct control *c, uint32_t bytes)
{
	struct {
		struct rndis_header header;
		struct rndis_set_complete complete;
	} reply = { { RNDIS_SET | RNDIS_COMPLETION, sizeof reply }, { c->request_id, 0 } };
	uint32_t before = channel->vsp->filter;

	reply.complete.status = set(channel->vsp, c, bytes);
	answer_control(channel, &reply, sizeof reply);
	if (!before && channel->vsp->filter)
		netvsp_feed(channel->vsp);
}

static void answer_init(struct netvsp_channel *channel, const struct control *c)
{
	struct {
		struct rndis_header header;
		struct rndis_init_complete complete;
	} reply = {
		{ RNDIS_INIT | RNDIS_COMPLETION, sizeof reply },
		{ .request_id = c->request_id, .major = 1, .device_flags = 1, .max_packets = 8, .max_transfer = 0x4000, .alignment_shift = 3 },
	};

	answer_control(channel, &reply, sizeof reply);
}

void netvsp_control(struct netvsp_channel *channel, const struct netvsp_view *view)
{
	struct control c = { 0 };
	uint32_t bytes;

	if (!netvsp_view_read(view, 0, &c.header, sizeof c.header) || c.header.bytes < sizeof c.header || c.header.bytes > view->bytes ||
	    c.header.bytes - sizeof c.header > MAX_CONTROL) {
		channel->vsp->stats.tx_errors++;
		return;
	}
	bytes = c.header.bytes - (uint32_t)sizeof c.header;
	netvsp_view_read(view, sizeof c.header, c.bytes, bytes);
	switch (c.header.type) {
	case RNDIS_INIT:
		answer_init(channel, &c);
		break;
	case RNDIS_QUERY:
		if (bytes >= sizeof c.request)
			answer_query(channel, &c);
		break;
	case RNDIS_SET:
		if (bytes >= sizeof c.request)
			answer_set(channel, &c, bytes);
		break;
	case RNDIS_KEEPALIVE: {
		const struct {
			struct rndis_header header;
			struct rndis_set_complete complete;
		} reply = { { RNDIS_KEEPALIVE | RNDIS_COMPLETION, sizeof reply }, { c.request_id, 0 } };

		answer_control(channel, &reply, sizeof reply);
		break;
	}
	case RNDIS_RESET: {
		const struct {
			struct rndis_header header;
			struct rndis_reset_complete complete;
		} reply = { { RNDIS_RESET | RNDIS_COMPLETION, sizeof reply }, { 0, 0 } };

		answer_control(channel, &reply, sizeof reply);
		break;
	}
	case RNDIS_HALT:
		channel->vsp->filter = 0;
		break;
	default:
		channel->vsp->stats.tx_errors++;
	}
}

void netvsp_indicate_link(struct netvsp *vsp)
{
	const struct {
		struct rndis_header header;
		struct rndis_indicate indicate;
	} message = { { RNDIS_INDICATE, sizeof message },
		      { .status = vsp->stats.link_up ? RNDIS_STATUS_MEDIA_CONNECT : RNDIS_STATUS_MEDIA_DISCONNECT } };

	/* A driver that is not there yet asks for the state when it comes. */
	vsp->link_untold = vsp->channels[0].open && vsp->slots && !netvsp_send_control(&vsp->channels[0], &message, sizeof message);
}
