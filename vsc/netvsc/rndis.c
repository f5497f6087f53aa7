/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages: what the interface is and can do, and what is wanted of it. One at a time, each with its answer. See netvsc.h. */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define MAX_TRANSFER 0x4000u
#define MTU_MIN      68u

static int send_control(struct vsc_netvsc *n, uint32_t bytes)
{
	const struct vsc_vmbus *bus = n->channel->bus;
	const struct nvsp_message message = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_CONTROL, NVSP_NO_SECTION, 0 } };
	const struct {
		struct vmbus_gpa_direct direct;
		struct vmbus_gpa_range range;
		uint64_t page;
	} extension = {
		.direct.range_count = 1, .range.bytes = bytes, .page = bus->os->physical(bus->context, n->config.scratch) / VMBUS_PAGE_SIZE,
	};
	int rc;

	n->reply.sent = n->reply.arrived = false;
	while ((rc = vsc_channel_send(n->channel, VMBUS_PACKET_GPA_DIRECT, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, TRANSACTION_CONTROL, &extension,
				      sizeof extension, &message, sizeof message)) == -EAGAIN)
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
	return rc;
}

/* A message with its answer, of which there are at least `least` bytes in n->reply.payload. */
static int ask(struct vsc_netvsc *n, uint32_t type, void *body, uint32_t body_bytes, const void *info, uint32_t info_bytes, uint32_t least)
{
	const struct rndis_header header = { type, (uint32_t)sizeof header + body_bytes + info_bytes };
	uint8_t *to = n->config.scratch;
	int rc;

	n->reply.id = ++n->next_request;
	memcpy(body, &n->reply.id, sizeof n->reply.id);
	memcpy(to, &header, sizeof header);
	memcpy(to + sizeof header, body, body_bytes);
	if (info_bytes)
		memcpy(to + sizeof header + body_bytes, info, info_bytes);
	n->reply.type = type | RNDIS_COMPLETION;
	rc = send_control(n, header.bytes);
	if (rc == 0)
		rc = vsc_netvsc_await(n, &n->reply.arrived);
	n->reply.type = 0;
	return rc < 0 ? rc : n->reply.bytes >= least ? 0 : -EPROTO;
}

static int status_error(uint32_t status)
{
	return status == RNDIS_STATUS_SUCCESS ? 0 : status == RNDIS_STATUS_NOT_SUPPORTED ? -EOPNOTSUPP : -EIO;
}

/* A question that itself says something, in the first `asked` bytes of the value. */
static int query(struct vsc_netvsc *n, uint32_t oid, void *value, uint32_t asked, uint32_t capacity)
{
	struct rndis_request request = { .oid = oid, .info_bytes = asked, .info_offset = sizeof request };
	struct rndis_query_complete answer;
	int rc = ask(n, RNDIS_QUERY, &request, sizeof request, value, asked, sizeof answer);

	if (rc < 0)
		return rc;
	memcpy(&answer, n->reply.payload, sizeof answer);
	if (answer.status != RNDIS_STATUS_SUCCESS)
		return status_error(answer.status);
	if (answer.info_offset > n->reply.bytes || answer.info_bytes > n->reply.bytes - answer.info_offset)
		return -EPROTO;
	if (answer.info_bytes > capacity)
		return -EMSGSIZE;
	memcpy(value, n->reply.payload + answer.info_offset, answer.info_bytes);
	return (int)answer.info_bytes;
}

int vsc_netvsc_query(struct vsc_netvsc *n, uint32_t oid, void *value, uint32_t capacity)
{
	return query(n, oid, value, 0, capacity);
}

int vsc_netvsc_set(struct vsc_netvsc *n, uint32_t oid, const void *value, uint32_t bytes)
{
	struct rndis_request request = { .oid = oid, .info_bytes = bytes, .info_offset = sizeof request };
	struct rndis_set_complete answer;
	int rc;

	if (bytes > CONTROL_BYTES - sizeof(struct rndis_header) - sizeof request)
		return -EMSGSIZE;
	rc = ask(n, RNDIS_SET, &request, sizeof request, value, bytes, sizeof answer);
	if (rc < 0)
		return rc;
	memcpy(&answer, n->reply.payload, sizeof answer);
	return status_error(answer.status);
}

int vsc_netvsc_set_filter(struct vsc_netvsc *n, uint32_t filter)
{
	int rc = vsc_netvsc_set(n, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);

	if (rc == 0)
		n->filter = filter;
	return rc;
}

static int initialise(struct vsc_netvsc *n)
{
	struct rndis_init init = { .major = 1, .max_transfer = MAX_TRANSFER };
	struct rndis_init_complete answer;
	int rc = ask(n, RNDIS_INIT, &init, sizeof init, NULL, 0, sizeof answer);

	if (rc < 0)
		return rc;
	memcpy(&answer, n->reply.payload, sizeof answer);
	return status_error(answer.status);
}

/* A value that must be of just that size. */
static int exactly(int rc, uint32_t bytes)
{
	return rc < 0 ? rc : (uint32_t)rc == bytes ? 0 : -EPROTO;
}

static int learn(struct vsc_netvsc *n)
{
	uint32_t value = 0;
	int rc = exactly(vsc_netvsc_query(n, OID_802_3_PERMANENT_ADDRESS, n->mac, sizeof n->mac), sizeof n->mac);

	if (rc == 0)
		rc = exactly(vsc_netvsc_query(n, OID_GEN_MAXIMUM_FRAME_SIZE, &value, sizeof value), sizeof value);
	if (rc == 0 && value < MTU_MIN)
		rc = -EPROTO;
	if (rc == 0 && value < n->mtu)
		n->mtu = value;
	if (rc == 0)
		rc = exactly(vsc_netvsc_query(n, OID_GEN_MEDIA_CONNECT_STATUS, &value, sizeof value), sizeof value);
	n->link_up = rc == 0 && value == 0;
	return rc;
}

static bool all_of(uint32_t value, uint32_t bits)
{
	return (value & bits) == bits;
}

static uint32_t segmentable(uint32_t encapsulation, uint32_t max)
{
	return !(encapsulation & NDIS_ENCAPSULATION_ETHERNET) ? 0 : max < VSC_NETVSC_FRAME_MAX ? max : VSC_NETVSC_FRAME_MAX;
}

static int learn_offloads(struct vsc_netvsc *n)
{
	struct ndis_offload o = { .header = { NDIS_TYPE_OFFLOAD, 3, sizeof o } };
	int rc = query(n, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &o, sizeof o, sizeof o);

	if (rc < 0)
		return rc == -EOPNOTSUPP ? 0 : rc;
	/* An older host's is shorter: what it does not know of is not there. */
	memset((uint8_t *)&o + rc, 0, sizeof o - (uint32_t)rc);
	n->offers.tcp4 = all_of(o.checksum.ip4_tx, NDIS_CHECKSUM_TCP | NDIS_CHECKSUM_TCP_OPTIONS);
	n->offers.udp4 = all_of(o.checksum.ip4_tx, NDIS_CHECKSUM_UDP);
	n->offers.tcp6 = all_of(o.checksum.ip6_tx, NDIS_CHECKSUM_TCP | NDIS_CHECKSUM_TCP_OPTIONS);
	n->offers.udp6 = all_of(o.checksum.ip6_tx, NDIS_CHECKSUM_UDP);
	n->offers.segment4 = n->offers.tcp4 ? segmentable(o.lso_v2.ip4_encap, o.lso_v2.ip4_max) : 0;
	n->offers.segment6 = n->offers.tcp6 ? segmentable(o.lso_v2.ip6_encap, o.lso_v2.ip6_max) : 0;
	n->offers.coalesce = n->version >= NVSP_VERSION_61 && n->config.frame_bytes >= VSC_NETVSC_FRAME_MAX && o.rsc_ip4 && o.rsc_ip6;
	return 0;
}

static uint8_t checksum(bool offered)
{
	return offered ? NDIS_CHECKSUM_BOTH : NDIS_CHECKSUM_NONE;
}

static int set_offloads(struct vsc_netvsc *n)
{
	const uint8_t rsc = n->offers.coalesce ? NDIS_RSC_ENABLED : NDIS_RSC_DISABLED;
	const struct ndis_offload_parameters p = {
		.header = { NDIS_TYPE_DEFAULT, 3, sizeof p },
		.ip4 = NDIS_CHECKSUM_NONE,
		.tcp4 = checksum(n->offers.tcp4), .udp4 = checksum(n->offers.udp4),
		.tcp6 = checksum(n->offers.tcp6), .udp6 = checksum(n->offers.udp6),
		.lso_v2_ip4 = n->offers.segment4 ? NDIS_LSO_ENABLED : NDIS_LSO_DISABLED,
		.lso_v2_ip6 = n->offers.segment6 ? NDIS_LSO_ENABLED : NDIS_LSO_DISABLED,
		.rsc_ip4 = rsc, .rsc_ip6 = rsc,
	};

	return vsc_netvsc_set(n, OID_TCP_OFFLOAD_PARAMETERS, &p, sizeof p);
}

int vsc_netvsc_start(struct vsc_netvsc *n)
{
	int rc = initialise(n);

	if (rc == 0)
		rc = learn(n);
	if (rc == 0)
		rc = learn_offloads(n);
	if (rc == 0 && (n->offers.tcp4 || n->offers.tcp6 || n->offers.coalesce))
		rc = set_offloads(n);
	return rc;
}

int vsc_netvsc_halt(struct vsc_netvsc *n)
{
	const struct {
		struct rndis_header header;
		uint32_t request_id;
	} halt = { { RNDIS_HALT, sizeof halt }, ++n->next_request };
	int rc;

	memcpy(n->config.scratch, &halt, sizeof halt);
	rc = send_control(n, sizeof halt);
	return rc < 0 ? rc : vsc_netvsc_await(n, &n->reply.sent);
}
