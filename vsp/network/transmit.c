/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames from the guest. The RNDIS header, its per-packet information and the frame's headers are copied once and checked in the copy;
 * the rest of a frame goes from guest memory to the TAP as it is. What segmentation offload leaves blank in the headers is filled in.
 */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#define COPY_SMALL  1792u            /* frames up to this size are copied whole: cheaper than a list of pieces */
#define COPY_HEADER 256u             /* of larger ones: Ethernet, VLAN, IP with options or extensions, TCP */
#define MAX_INFO    512u
#define ETHERNET    14u
#define TAG         4u

struct frame {
	struct virtio_net_hdr header;
	/* Room for a VLAN tag between the addresses and the rest. */
	uint8_t bytes[COPY_SMALL + TAG];
} __attribute__((packed));

struct offload {
	uint32_t checksum, large_send, vlan; /* values as the guest gave them */
	bool has_checksum, has_large_send, has_vlan;
};

/* The information that we know of; an entry that does not fit its frame spoils the packet. */
static bool parse_info(const uint8_t *info, uint32_t bytes, struct offload *ret)
{
	struct rndis_packet_info entry;
	uint32_t value;

	while (bytes >= sizeof entry) {
		memcpy(&entry, info, sizeof entry);
		if (entry.bytes < sizeof entry || entry.bytes > bytes || entry.offset > entry.bytes)
			return false;
		if (entry.bytes - entry.offset >= sizeof value && entry.offset >= sizeof entry) {
			memcpy(&value, info + entry.offset, sizeof value);
			switch (entry.type) {
			case RNDIS_INFO_CHECKSUM:
				ret->checksum = value;
				ret->has_checksum = true;
				break;
			case RNDIS_INFO_LARGE_SEND:
				ret->large_send = value;
				ret->has_large_send = true;
				break;
			case RNDIS_INFO_8021Q:
				ret->vlan = value;
				ret->has_vlan = true;
				break;
			}
		}
		info += entry.bytes;
		bytes -= entry.bytes;
	}
	return !bytes;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

static void ip4_checksum(uint8_t *ip, uint32_t bytes)
{
	uint64_t sum = 0;

	put16(ip + 10, 0);
	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += get16(ip + i);
	put16(ip + 10, ~fold(sum) & 0xffff);
}

/*
 * A large segment: the guest leaves the IP length and its share of TCP's pseudo header at zero (and IPv4's checksum), to be put in for
 * each segment. The TAP's side wants them of the whole. `copied` bytes of the frame are in f, `total` it has.
 */
static bool prepare_large_send(struct frame *f, uint32_t copied, uint32_t total, const struct offload *o)
{
	uint32_t tcp = RNDIS_LSO_HEADER(o->large_send), mss = RNDIS_LSO_MSS(o->large_send), tcp_bytes;
	bool ip6 = RNDIS_LSO_IPV6(o->large_send);
	uint32_t ip = ETHERNET;
	uint8_t *b = f->bytes;

	if (get16(b + 12) == 0x8100)
		ip += TAG;
	if (!mss || mss > 0xffff || tcp < ip + (ip6 ? 40 : 20) || tcp + 20 > copied || get16(b + ip - 2) != (ip6 ? 0x86dd : 0x0800))
		return false;
	tcp_bytes = (uint32_t)(b[tcp + 12] >> 4) * 4;
	if (tcp_bytes < 20 || tcp + tcp_bytes > copied || tcp + tcp_bytes >= total || total - ip > 0xffff)
		return false;
	if (ip6) {
		put16(b + ip + 4, total - ip - 40);
	} else {
		uint32_t ip_bytes = (b[ip] & 15u) * 4u;

		if (ip_bytes < 20 || ip + ip_bytes != tcp)
			return false;
		put16(b + ip + 2, total - ip);
		ip4_checksum(b + ip, ip_bytes);
	}
	put16(b + tcp + 16, fold((uint64_t)get16(b + tcp + 16) + (total - tcp)));
	f->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->header.gso_type = ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	f->header.gso_size = (uint16_t)mss;
	f->header.hdr_len = (uint16_t)(tcp + tcp_bytes);
	f->header.csum_start = (uint16_t)tcp;
	f->header.csum_offset = 16;
	return true;
}

static bool prepare_checksum(struct frame *f, uint32_t copied, const struct offload *o)
{
	uint32_t start = RNDIS_CHECKSUM_HEADER(o->checksum), offset;

	if (o->checksum & RNDIS_CHECKSUM_TCP)
		offset = 16;
	else if (o->checksum & RNDIS_CHECKSUM_UDP)
		offset = 6;
	else
		return true;
	if (start < ETHERNET + 20 || start + offset + 2 > copied)
		return false;
	f->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->header.csum_start = (uint16_t)start;
	f->header.csum_offset = (uint16_t)offset;
	return true;
}

/* The tag that the guest gave beside the frame is put into it. */
static void insert_tag(struct frame *f, uint32_t *copied, uint32_t value)
{
	memmove(f->bytes + 12 + TAG, f->bytes + 12, *copied - 12);
	put16(f->bytes + 12, 0x8100);
	put16(f->bytes + 14, RNDIS_VLAN_PRIORITY(value) << 13 | RNDIS_VLAN_CFI(value) << 12 | RNDIS_VLAN_ID(value));
	*copied += TAG;
	if (f->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		f->header.csum_start = (uint16_t)(f->header.csum_start + TAG);
	if (f->header.hdr_len)
		f->header.hdr_len = (uint16_t)(f->header.hdr_len + TAG);
}

/* Neither a frame nor a segment that is cut from one leaves larger than the MTU: a device behind the bridge may not bear it. */
static bool fits_mtu(const struct netvsp *vsp, const struct frame *f, uint32_t bytes)
{
	return (f->header.gso_type ? (uint32_t)f->header.hdr_len + f->header.gso_size : bytes) <= vsp->config.mtu + ETHERNET + TAG;
}

static bool may_send(struct netvsp *vsp, const struct frame *f, uint32_t bytes)
{
	if (!vsp->stats.link_up || !vsp->filter || !fits_mtu(vsp, f, bytes)) {
		vsp->stats.tx_dropped++;
		return false;
	}
	if (vsp->config.allow_spoofing || !memcmp(f->bytes + 6, vsp->config.mac, 6))
		return true;
	vsp->stats.spoofed++;
	vsp->stats.tx_dropped++;
	return false;
}

static void send_frame(struct netvsp_channel *channel, const struct frame *f, const struct iovec *iov, uint32_t count, uint32_t total)
{
	struct netvsp *vsp = channel->vsp;
	int fd = vsp->config.fd[channel->index < vsp->config.queue_count ? channel->index : 0];
	ssize_t n = count == 1 ? write(fd, f, iov[0].iov_len) : writev(fd, iov, (int)count);

	if (n < 0) {
		vsp->stats.tx_dropped++;   /* the device has no room, or is down */
		return;
	}
	vsp->stats.tx_packets++;
	vsp->stats.tx_bytes += total;
}

/* One RNDIS data packet at offset `at` of the view, `bytes` long without its 8-byte header. */
static bool transmit_packet(struct netvsp_channel *channel, const struct netvsp_view *view, uint64_t at, uint32_t bytes)
{
	struct iovec iov[NETVSP_MAX_PIECES + 8];
	struct offload offload = { 0 };
	uint8_t info[MAX_INFO];
	struct rndis_packet p;
	struct frame f;
	uint32_t copied, count = 1;

	if (bytes < sizeof p || !netvsp_view_read(view, at, &p, sizeof p))
		return false;
	if (p.data_offset > bytes || p.data_bytes > bytes - p.data_offset || p.data_bytes < ETHERNET || p.data_bytes > NETVSP_MAX_FRAME)
		return false;
	if (p.info_bytes) {
		if (p.info_bytes > MAX_INFO || p.info_offset > bytes || p.info_bytes > bytes - p.info_offset ||
		    !netvsp_view_read(view, at + p.info_offset, info, p.info_bytes) || !parse_info(info, p.info_bytes, &offload))
			return false;
	}
	copied = p.data_bytes <= COPY_SMALL ? p.data_bytes : COPY_HEADER;
	memset(&f.header, 0, sizeof f.header);
	if (!netvsp_view_read(view, at + p.data_offset, f.bytes, copied))
		return false;
	if (offload.has_large_send ? !prepare_large_send(&f, copied, p.data_bytes, &offload)
				   : offload.has_checksum && !prepare_checksum(&f, copied, &offload))
		return false;
	if (!may_send(channel->vsp, &f, p.data_bytes))
		return true;
	if (copied < p.data_bytes &&
	    !netvsp_view_slice(view, at + p.data_offset + copied, p.data_bytes - copied, iov, &count, NETVSP_MAX_PIECES + 8))
		return false;
	if (offload.has_vlan)
		insert_tag(&f, &copied, offload.vlan);
	iov[0] = (struct iovec){ &f, sizeof f.header + copied };
	send_frame(channel, &f, iov, count, p.data_bytes);
	return true;
}

uint32_t netvsp_transmit(struct netvsp_channel *channel, const struct netvsp_view *view)
{
	uint32_t status = NVSP_STATUS_SUCCESS;
	struct rndis_header header;
	uint64_t at = 0;

	/* Small packets come several in a message, one behind the other. */
	while (netvsp_view_read(view, at, &header, sizeof header)) {
		if (header.type != RNDIS_PACKET || header.bytes < sizeof header || header.bytes > view->bytes - at ||
		    !transmit_packet(channel, view, at + sizeof header, header.bytes - (uint32_t)sizeof header)) {
			channel->vsp->stats.tx_errors++;
			return NVSP_STATUS_INVALID_RNDIS_PACKET;
		}
		at += header.bytes;
	}
	return status;
}
