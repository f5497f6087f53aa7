/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stream sockets between guest and host (hvsock), as Linux has them in net/vmw_vsock/hyperv_transport.c: a channel a connection, offered
 * with VMBUS_OFFER_TLNPI_PROVIDER, and in-band packets that begin with a header. Guest and host side include this.
 *
 * The guest connects: TL_CONNECT names its endpoint and the host's service; the offer has type = service, instance = endpoint.
 * The host connects: the offer has type = the guest's service, instance = the host's endpoint, and HVSOCK_USER_FROM_HOST set.
 */
#ifndef BULKHEAD_VMBUS_PROTOCOL_HVSOCK_H
#define BULKHEAD_VMBUS_PROTOCOL_HVSOCK_H

#include "guid.h"

/** Begins the payload of each packet. */
struct hvsock_header {
	uint32_t type;               /* HVSOCK_DATA */
	uint32_t bytes;              /* that follow; 0: the sender sends no more */
};
_Static_assert(sizeof(struct hvsock_header) == 8, "hyperv_transport.c, struct vmpipe_proto_header");
#define HVSOCK_DATA      1u
#define HVSOCK_MTU       16384u  /* most bytes of one packet, either way (HVS_MTU_SIZE) */

#define HVSOCK_USER_FROM_HOST 4  /* index into an offer's user[], behind the pipe's mode: 1 = the host connects */

/** The service or endpoint of an AF_VSOCK port: <port>-facb-11e6-bd58-64006a7986d3. */
static inline struct vmbus_guid hvsock_guid(uint32_t port)
{
	return VMBUS_GUID(port, 0xfacb, 0x11e6, 0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3);
}

/** Its port; false for a GUID of another kind. */
static inline bool hvsock_port(const struct vmbus_guid *guid, uint32_t *port)
{
	const struct vmbus_guid any = hvsock_guid(0);

	*port = guid->bytes[0] | (uint32_t)guid->bytes[1] << 8 | (uint32_t)guid->bytes[2] << 16 | (uint32_t)guid->bytes[3] << 24;
	return memcmp(guid->bytes + 4, any.bytes + 4, sizeof guid->bytes - 4) == 0;
}

#endif
