/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RNDIS, as it travels in NVSP (Linux drivers/net/hyperv/hyperv_net.h, include/linux/rndis.h). Offsets inside of a message count from
 * its request id, those of a data packet from its data_offset field: both follow the 8-byte header. Little-endian. Guest and host side
 * include this.
 */
#ifndef BULKHEAD_VMBUS_PROTOCOL_RNDIS_H
#define BULKHEAD_VMBUS_PROTOCOL_RNDIS_H

#include <stddef.h>
#include <stdint.h>

enum rndis_type {
	RNDIS_PACKET = 1, RNDIS_INIT = 2, RNDIS_HALT = 3, RNDIS_QUERY = 4, RNDIS_SET = 5, RNDIS_RESET = 6, RNDIS_INDICATE = 7,
	RNDIS_KEEPALIVE = 8,
};
#define RNDIS_COMPLETION 0x80000000u

#define RNDIS_STATUS_SUCCESS          0x00000000u
#define RNDIS_STATUS_NOT_SUPPORTED    0xc00000bbu
#define RNDIS_STATUS_INVALID_DATA     0xc0010015u
#define RNDIS_STATUS_MEDIA_CONNECT    0x4001000bu
#define RNDIS_STATUS_MEDIA_DISCONNECT 0x4001000cu
#define RNDIS_STATUS_NETWORK_CHANGE   0x40010018u

#define OID_GEN_SUPPORTED_LIST        0x00010101u
#define OID_GEN_HARDWARE_STATUS       0x00010102u
#define OID_GEN_MEDIA_SUPPORTED       0x00010103u
#define OID_GEN_MEDIA_IN_USE          0x00010104u
#define OID_GEN_MAXIMUM_FRAME_SIZE    0x00010106u
#define OID_GEN_LINK_SPEED            0x00010107u
#define OID_GEN_VENDOR_ID             0x0001010cu
#define OID_GEN_CURRENT_PACKET_FILTER 0x0001010eu
#define OID_GEN_MAXIMUM_TOTAL_SIZE    0x00010111u
#define OID_GEN_MEDIA_CONNECT_STATUS  0x00010114u
#define OID_GEN_RECEIVE_SCALE_CAPABILITIES 0x00010203u
#define OID_GEN_RECEIVE_SCALE_PARAMETERS   0x00010204u
#define OID_GEN_TRANSMIT_OK           0x00020101u
#define OID_GEN_RECEIVE_OK            0x00020102u
#define OID_GEN_CONFIG_PARAMETER      0x0001021bu
#define OID_802_3_PERMANENT_ADDRESS   0x01010101u
#define OID_802_3_CURRENT_ADDRESS     0x01010102u
#define OID_802_3_MULTICAST_LIST      0x01010103u
#define OID_802_3_MAXIMUM_LIST_SIZE   0x01010104u
#define OID_TCP_OFFLOAD_PARAMETERS    0xfc01020cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES 0xfc01020du

#define RNDIS_FILTER_DIRECTED      0x01u
#define RNDIS_FILTER_MULTICAST     0x02u
#define RNDIS_FILTER_ALL_MULTICAST 0x04u
#define RNDIS_FILTER_BROADCAST     0x08u
#define RNDIS_FILTER_PROMISCUOUS   0x20u

struct rndis_header {
	uint32_t type, bytes;        /* enum rndis_type; of the whole message */
};

struct rndis_init {
	uint32_t request_id, major, minor, max_transfer;
};
struct rndis_init_complete {
	uint32_t request_id, status, major, minor, device_flags, medium, max_packets, max_transfer, alignment_shift, list_offset,
		list_bytes;
};
struct rndis_request {               /* QUERY, SET */
	uint32_t request_id, oid, info_bytes, info_offset, vc;
};
struct rndis_query_complete {
	uint32_t request_id, status, info_bytes, info_offset;
};
struct rndis_set_complete {          /* KEEPALIVE's too */
	uint32_t request_id, status;
};
struct rndis_reset_complete {
	uint32_t status, addressing;
};
struct rndis_indicate {
	uint32_t status, bytes, offset;
};

struct rndis_packet {
	uint32_t data_offset, data_bytes, oob_offset, oob_bytes, oob_count, info_offset, info_bytes, vc, reserved;
};
_Static_assert(sizeof(struct rndis_packet) == 36, "hyperv_net.h");

/* Per-packet information: this, then the value at `offset`. */
struct rndis_packet_info {
	uint32_t bytes, type, offset;        /* type bit 31: internal */
};
#define RNDIS_INFO_CHECKSUM   0u
#define RNDIS_INFO_LARGE_SEND 2u
#define RNDIS_INFO_8021Q      6u
#define RNDIS_INFO_HASH       8u

#define RNDIS_INFO_PACKET_ID  0x80000001u    /* struct rndis_packet_id: which fragment of a coalesced packet this is */

struct rndis_packet_id {
	uint8_t version, flags;
	uint16_t id;
};
#define RNDIS_PACKET_ID_VERSION  1u
#define RNDIS_PACKET_ID_PART     1u
#define RNDIS_PACKET_ID_FIRST    2u
#define RNDIS_PACKET_ID_LAST     4u
#define RNDIS_PACKET_ID_VALUE(flags) (RNDIS_PACKET_ID_VERSION | (uint32_t)(flags) << 8) /* as one word, frame number 0 */

#define RNDIS_CHECKSUM_IPV4       0x01u      /* transmit */
#define RNDIS_CHECKSUM_IPV6       0x02u
#define RNDIS_CHECKSUM_TCP        0x04u
#define RNDIS_CHECKSUM_UDP        0x08u
#define RNDIS_CHECKSUM_HEADER(v)  ((v) >> 16 & 0x3ffu)
#define RNDIS_CHECKSUM_TCP_GOOD   0x08u      /* receive */
#define RNDIS_CHECKSUM_UDP_GOOD   0x10u

#define RNDIS_LSO_MSS(v)          ((v) & 0xfffffu)
#define RNDIS_LSO_HEADER(v)       ((v) >> 20 & 0x3ffu)
#define RNDIS_LSO_IPV6(v)         ((v) >> 31)
#define RNDIS_LSO_V2              (1u << 30)

#define RNDIS_VLAN_PRIORITY(v)    ((v) & 7u)
#define RNDIS_VLAN_CFI(v)         ((v) >> 3 & 1u)
#define RNDIS_VLAN_ID(v)          ((v) >> 4 & 0xfffu)

struct ndis_header {
	uint8_t type, revision;
	uint16_t bytes;
};

/* What OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES is answered with; older guests ask for the beginning of it. */
struct ndis_offload {
	struct ndis_header header;
	struct {
		uint32_t ip4_tx_encap, ip4_tx, ip4_rx_encap, ip4_rx, ip6_tx_encap, ip6_tx, ip6_rx_encap, ip6_rx;
	} checksum;
	uint32_t lso_v1[4], ipsec_v1[7];
	struct {
		uint32_t ip4_encap, ip4_max, ip4_min_segments, ip6_encap, ip6_max, ip6_min_segments, ip6_options;
	} lso_v2;
	uint32_t flags;
	uint8_t  ipsec_v2[32];       /* from NDIS 6.1 on */
	uint8_t  rsc_ip4, rsc_ip6;   /* from NDIS 6.30 on */
	uint8_t  padding[2];
	uint32_t encapsulated[2];
};
_Static_assert(offsetof(struct ndis_offload, lso_v2) == 80 && offsetof(struct ndis_offload, ipsec_v2) == 112, "hyperv_net.h");
_Static_assert(offsetof(struct ndis_offload, rsc_ip4) == 144 && sizeof(struct ndis_offload) == 156, "hyperv_net.h");
#define NDIS_TYPE_OFFLOAD           0xa7u
#define NDIS_ENCAPSULATION_ETHERNET 0x2u
#define NDIS_CHECKSUM_TCP_OPTIONS   0x004u
#define NDIS_CHECKSUM_TCP           0x010u
#define NDIS_CHECKSUM_UDP           0x040u
#define NDIS_CHECKSUM4_ALL          0x054u   /* TCP options, TCP, UDP */
#define NDIS_CHECKSUM6_ALL          0x055u   /* extension headers, TCP options, TCP, UDP */
#define NDIS_LSO6_OPTIONS           0x005u

/* OID_TCP_OFFLOAD_PARAMETERS as far as it is used. 0: as it was. */
struct ndis_offload_parameters {
	struct ndis_header header;
	uint8_t  ip4, tcp4, udp4, tcp6, udp6, lso_v1, ipsec_v1, lso_v2_ip4, lso_v2_ip6, connection_ip4, connection_ip6, padding;
	uint32_t flags;
	uint8_t  ipsec_v2, ipsec_v2_ip4, rsc_ip4, rsc_ip6;
};
_Static_assert(offsetof(struct ndis_offload_parameters, rsc_ip4) == 22, "hyperv_net.h");
#define NDIS_TYPE_DEFAULT     0x80u
#define NDIS_RSC_DISABLED     1u
#define NDIS_RSC_ENABLED      2u
#define NDIS_LSO_DISABLED     1u
#define NDIS_LSO_ENABLED      2u
#define NDIS_CHECKSUM_NONE    1u
#define NDIS_CHECKSUM_BOTH    4u     /* sent and received */

struct ndis_receive_scale_capabilities {
	struct ndis_header header;
	uint32_t flags, interrupts, queues;
	uint16_t table_entries;
} __attribute__((packed));
#define NDIS_TYPE_RSS_CAPABILITIES 0x88u

/* OID_GEN_RECEIVE_SCALE_PARAMETERS; table (32 bits an entry: a channel) and key are at offsets from its beginning. */
struct ndis_receive_scale_parameters {
	struct ndis_header header;
	uint16_t flags, base_processor;
	uint32_t hash;               /* 8: function and NDIS_HASH_* types; 0: none */
	uint16_t table_bytes;
	uint32_t table_offset;       /* 16 */
	uint16_t key_bytes;
	uint32_t key_offset;         /* 24 */
	uint32_t masks_offset, mask_count, mask_bytes; /* from NDIS 6.20 on */
};
_Static_assert(offsetof(struct ndis_receive_scale_parameters, key_offset) == 24, "hyperv_net.h");
_Static_assert(sizeof(struct ndis_receive_scale_parameters) == 40, "hyperv_net.h");
#define NDIS_TYPE_RSS_PARAMETERS  0x89u
#define NDIS_RSS_PARAMETERS_MIN   28u
#define NDIS_RSS_KEY_BYTES        40u
#define NDIS_RSS_HASH_UNCHANGED   0x02u
#define NDIS_RSS_TABLE_UNCHANGED  0x04u
#define NDIS_RSS_KEY_UNCHANGED    0x08u
#define NDIS_RSS_DISABLE          0x10u
#define NDIS_HASH_FUNCTION_MASK     0xffu
#define NDIS_HASH_FUNCTION_TOEPLITZ 0x01u
#define NDIS_HASH_IP4     0x0100u
#define NDIS_HASH_TCP_IP4 0x0200u
#define NDIS_HASH_IP6     0x0400u
#define NDIS_HASH_TCP_IP6 0x1000u

#endif
