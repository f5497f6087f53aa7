/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface over the real VMBus: as `ip=` answers ARP, pings and the lab's datagram-peer on UDP port 7, whose payloads it checks, until that
 * says that it is done, or for `ms=`. Then the interface is closed in order, opened and closed once more. Answers go out by the send buffer and from
 * pages, with checksums of ours and of the host's making, in turn.
 */
#include <errno.h>

#include "lib/guest.h"
#include "lib/vmbus.h"

#include "vsc/netvsc/netvsc.h"

#define RING_BYTES    (32u * 4096)
#define RECEIVE_BYTES (2u << 20)
#define SEND_BYTES    (64u * 6144)
#define MTU           9000u
#define PORT          7u

enum { ETHERNET = 14, IP = 20, UDP = 8, ARP_BYTES = ETHERNET + 28 };

/* Where an answer is made; sent from there, it is the host's until it has gone. */
static struct buffer {
	uint8_t *bytes;              /* of 3 pages */
	bool busy;
} buffers[16];

static struct vsc_netvsc n;
static uint8_t frame_memory[VSC_NETVSC_FRAME_MAX];
static uint8_t ip[4];
static bool done;
static unsigned int answers, pings, datagrams, lost;

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The Internet's checksum, not yet complemented. */
static uint32_t sum(const uint8_t *at, uint32_t bytes, uint32_t total)
{
	for (; bytes > 1; bytes -= 2, at += 2)
		total += get16(at);
	if (bytes)
		total += (uint32_t)at[0] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

/* Of the addresses, protocol and length that UDP's checksum covers, too. */
static uint32_t pseudo_sum(const uint8_t *header, uint32_t bytes)
{
	return sum(header + 12, 8, header[9] + bytes);
}

static void on_sent(void *context, void *cookie, int error)
{
	(void)context;
	((struct buffer *)cookie)->busy = false;
	check(error == 0, "a frame that was sent: error %d", error);
}

static struct buffer *free_buffer(void)
{
	for (unsigned int i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		if (!buffers[i].busy)
			return &buffers[i];
	lost++;
	return NULL;
}

static void send(struct buffer *b, uint32_t bytes, const struct vsc_frame_work *work)
{
	const struct vsc_segment segments[2] = { { b->bytes, ETHERNET }, { b->bytes + ETHERNET, bytes - ETHERNET } };
	int rc;

	b->busy = answers++ % 2 || bytes > 6000;
	rc = b->busy ? vsc_netvsc_send_pages(&n, segments, 2, work, b) : vsc_netvsc_send(&n, b->bytes, bytes, work);
	if (rc < 0) {
		b->busy = false;
		lost++;
		check(rc == -EAGAIN, "send of %u bytes: error %d", bytes, rc);
	}
}

/* The frame back to whence it came; Ethernet done. */
static struct buffer *answer_to(const struct vsc_frame *f)
{
	struct buffer *b = free_buffer();

	if (!b)
		return NULL;
	memcpy(b->bytes, f->data, f->bytes);
	memcpy(b->bytes, f->data + 6, 6);
	memcpy(b->bytes + 6, n.mac, 6);
	return b;
}

static void answer_arp(const struct vsc_frame *f)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	const uint8_t *arp = f->data + ETHERNET;
	struct buffer *b;

	if (f->bytes < ARP_BYTES || memcmp(arp, request, sizeof request) != 0 || memcmp(arp + 24, ip, 4) != 0 || !(b = answer_to(f)))
		return;
	b->bytes[ETHERNET + 7] = 2;
	memcpy(b->bytes + ETHERNET + 8, n.mac, 6);
	memcpy(b->bytes + ETHERNET + 14, ip, 4);
	memcpy(b->bytes + ETHERNET + 18, arp + 8, 10);
	send(b, ARP_BYTES, NULL);
}

static void turn_addresses(uint8_t *header)
{
	memcpy(header + 16, header + 12, 4);
	memcpy(header + 12, ip, 4);
	put16(header + 10, 0);
	put16(header + 10, ~sum(header, IP, 0) & 0xffff);
}

static void answer_ping(const struct vsc_frame *f, uint32_t bytes)
{
	struct buffer *b = bytes >= 8 && f->data[ETHERNET + IP] == 8 ? answer_to(f) : NULL;
	uint8_t *icmp;

	if (!b || !check(sum(f->data + ETHERNET + IP, bytes, 0) == 0xffff, "a ping's checksum is wrong"))
		return;
	pings++;
	turn_addresses(b->bytes + ETHERNET);
	icmp = b->bytes + ETHERNET + IP;
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, ~sum(icmp, bytes, 0) & 0xffff);
	send(b, ETHERNET + IP + bytes, NULL);
}

static void check_datagram(const uint8_t *data, uint32_t bytes)
{
	for (uint32_t i = 4; i < bytes; i++)
		if (!check(data[i] == (uint8_t)(i * 7 + (i >> 8) + data[3]), "datagram %u: wrong at %u of %u", data[3], i, bytes))
			return;
}

static void answer_datagram(const struct vsc_frame *f, uint32_t bytes)
{
	const struct vsc_frame_work work = { .checksum = VSC_CHECKSUM_UDP, .transport = ETHERNET + IP };
	const uint8_t *header = f->data + ETHERNET, *udp = header + IP;
	struct buffer *b;
	bool offload = datagrams % 3 == 0;

	if (bytes < UDP + 4 || get16(udp + 2) != PORT || get16(udp + 4) != bytes)
		return;
	if (!f->checksum_good && get16(udp + 6))
		check(sum(udp, bytes, pseudo_sum(header, bytes)) == 0xffff, "a datagram's checksum is wrong");
	datagrams++;
	if (bytes == UDP + 4 && memcmp(udp + UDP, "end\n", 4) == 0)
		done = true;
	else
		check_datagram(udp + UDP, bytes - UDP);
	b = answer_to(f);
	if (!b)
		return;
	turn_addresses(b->bytes + ETHERNET);
	memcpy(b->bytes + ETHERNET + IP, udp + 2, 2);
	memcpy(b->bytes + ETHERNET + IP + 2, udp, 2);
	put16(b->bytes + ETHERNET + IP + 6, 0);
	put16(b->bytes + ETHERNET + IP + 6, offload ? pseudo_sum(header, bytes)
						    : ~sum(b->bytes + ETHERNET + IP, bytes, pseudo_sum(b->bytes + ETHERNET, bytes)) & 0xffff);
	send(b, ETHERNET + IP + bytes, offload ? &work : NULL);
}

static void on_received(void *context, const struct vsc_frame *f)
{
	const uint8_t *header = f->data + ETHERNET;
	uint32_t bytes;

	(void)context;
	if (f->bytes > MTU + ETHERNET || f->bytes < ARP_BYTES)
		return;
	if (get16(f->data + 12) == 0x0806)
		answer_arp(f);
	bytes = get16(header + 2);
	if (get16(f->data + 12) != 0x0800 || header[0] != 0x45 || bytes < IP || bytes > f->bytes - ETHERNET || memcmp(header + 16, ip, 4) != 0 ||
	    get16(header + 6) & 0x3fff)
		return;
	check(sum(header, IP, 0) == 0xffff, "an IP header's checksum is wrong");
	if (header[9] == 1)
		answer_ping(f, bytes - IP);
	else if (header[9] == 17)
		answer_datagram(f, bytes - IP);
}

static void on_link(void *context, bool up)
{
	(void)context;
	print("network: cable %s\n", up ? "in" : "out");
}

static const struct vsc_netvsc_ops ops = { .received = on_received, .sent = on_sent, .link = on_link };

static bool open(struct vsc_channel *channel, const struct vsc_netvsc_config *config)
{
	int rc = vsc_netvsc_open(&n, channel, config);

	if (rc == 0)
		rc = vsc_netvsc_set_filter(&n, RNDIS_FILTER_DIRECTED | RNDIS_FILTER_BROADCAST);
	return check(rc == 0, "the interface: error %d", rc);
}

static bool read_address(void)
{
	char text[16], *at = text;

	if (!option_text("ip", text, sizeof text))
		return false;
	for (int i = 0; i < 4; i++) {
		for (; *at >= '0' && *at <= '9'; at++)
			ip[i] = (uint8_t)(ip[i] * 10 + (*at - '0'));
		at += *at == '.';
	}
	return *at == 0;
}

GUEST_TEST(network, "answers ARP, pings and datagrams on a network interface")
{
	const uint64_t end = rdtsc() + tsc_hz / 1000 * option_number("ms", 60000);
	const struct vmbus_guid class = VMBUS_CLASS_NETWORK;
	struct vsc_vmbus *bus = guest_vmbus_connected();
	struct vsc_channel *channel = bus ? vsc_vmbus_find(bus, &class, 0) : NULL;
	struct vsc_netvsc_config config = {
		.ring_bytes = RING_BYTES, .receive_bytes = RECEIVE_BYTES, .send_bytes = SEND_BYTES,
		.frame = frame_memory, .frame_bytes = sizeof frame_memory, .mtu = MTU, .ops = &ops,
	};

	if (!bus)
		return;
	if (!channel || !read_address()) {
		skip(channel ? "no ip=" : "no network interface");
		return;
	}
	config.rings = page_alloc(RING_BYTES / 4096);
	config.receive = page_alloc(RECEIVE_BYTES / 4096);
	config.send = page_alloc(SEND_BYTES / 4096);
	config.scratch = page_alloc(VSC_NETVSC_SCRATCH_BYTES / 4096);
	for (unsigned int i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffers[i].bytes = page_alloc(3);
	if (!open(channel, &config))
		return;
	print("network: NVSP %x, MTU %u, serving\n", n.version, n.mtu);
	while (!done && rdtsc() < end && bus->os->wait(bus->context))
		;
	check(done, "nobody says that it is done");
	print("network: %u pings, %u datagrams, %lu frames in, %lu out, %u not answered\n", pings, datagrams, n.stats.received, n.stats.sent, lost);
	check(pings && datagrams, "nothing came");
	for (int i = 0; i < 2; i++) {
		check(n.refused == 0 && n.stats.failed == 0, "%lu packets made no sense, %lu were not taken", n.refused, n.stats.failed);
		check(vsc_netvsc_close(&n) == 0, "the interface cannot be closed");
		if (i == 0 && !open(channel, &config))
			return;
	}
}
