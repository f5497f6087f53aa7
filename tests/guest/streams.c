/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvsock streams over the real VMBus, with the lab's stream-peer at the other end: `serve=` connections of the host to port 6000 are served as it
 * serves them ("source BYTES" and "ping"), then the guest connects to the host's port 7000 for `bytes=` of its pattern and for ten pings.
 */
#include <errno.h>

#include "lib/guest.h"
#include "lib/vmbus.h"

#include "vsc/hvsock/hvsock.h"

#define RING_BYTES (12u * 4096)
#define GUEST_PORT 6000u
#define HOST_PORT  7000u

static struct vsc_vmbus *bus;
static struct vsc_hvsock stream;
static void *rings;

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)((at * 2654435761u) >> 13 ^ at >> 20);
}

static bool wait(void)
{
	return check(bus->os->wait(bus->context), "the host says nothing more");
}

static bool send_all(const uint8_t *data, uint32_t bytes)
{
	while (bytes) {
		int n = vsc_hvsock_send(&stream, data, bytes);

		if (n == -EAGAIN) {
			if (!wait())
				return false;
			continue;
		}
		if (!check(n > 0, "send: error %d", n))
			return false;
		data += n;
		bytes -= (uint32_t)n;
	}
	return true;
}

static bool send_text(const char *text)
{
	return send_all((const uint8_t *)text, (uint32_t)strlen(text));
}

/* How much there is, at least a byte unless it is the end; negative when the stream has broken. */
static int receive_some(uint8_t *data, uint32_t capacity)
{
	int n;

	while ((n = vsc_hvsock_receive(&stream, data, capacity)) == -EAGAIN)
		if (!wait())
			return -ETIMEDOUT;
	check(n >= 0, "receive: error %d", n);
	return n;
}

static bool receive_line(char *line, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++) {
		if (receive_some((uint8_t *)line + i, 1) != 1)
			return false;
		if (line[i] == '\n') {
			line[i] = 0;
			return true;
		}
	}
	return false;
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint64_t)(*text++ - '0');
	return value;
}

static bool send_pattern(uint64_t bytes)
{
	static uint8_t data[8192];

	for (uint64_t at = 0; at < bytes;) {
		uint32_t n = bytes - at < sizeof data ? (uint32_t)(bytes - at) : (uint32_t)sizeof data;

		for (uint32_t i = 0; i < n; i++)
			data[i] = pattern(at + i);
		if (!send_all(data, n))
			return false;
		at += n;
	}
	return true;
}

static bool receive_pattern(uint64_t bytes)
{
	static uint8_t data[8192];
	uint64_t at = 0;
	int n;

	while ((n = receive_some(data, sizeof data)) > 0) {
		for (int i = 0; i < n; i++, at++)
			if (!check(data[i] == pattern(at), "byte %lu is %x", at, data[i]))
				return false;
	}
	return n == 0 && check(at == bytes, "%lu bytes of %lu", at, bytes);
}

static bool serve_one(void)
{
	char line[64];

	if (!receive_line(line, sizeof line))
		return false;
	if (strcmp(line, "ping") == 0)
		return send_text("pong\n");
	if (!check(strncmp(line, "source ", 7) == 0, "what is '%s'?", line))
		return false;
	return send_pattern(number(line + 7)) && vsc_hvsock_send_end(&stream) == 0 && receive_line(line, sizeof line) &&
	       check(strcmp(line, "thanks") == 0, "'%s'", line);
}

static bool close_stream(void)
{
	int rc = vsc_hvsock_close(&stream);

	return check(rc == 0, "close: error %d", rc);
}

static bool serve(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		int rc;

		while ((rc = vsc_hvsock_accept(&stream, bus, GUEST_PORT, rings, RING_BYTES)) == -EAGAIN)
			if (!wait())
				return false;
		if (!check(rc == 0, "connection %lu of the host: error %d", i, rc) || !serve_one() || !close_stream())
			return false;
	}
	return true;
}

static bool dial(uint32_t local_port)
{
	int rc = vsc_hvsock_connect(&stream, bus, local_port, HOST_PORT, rings, RING_BYTES);

	return check(rc == 0, "connect: error %d", rc);
}

static bool pull(uint64_t bytes)
{
	char line[32] = "source ", digits[24], *to = line + 7;
	int count = 0;

	for (uint64_t left = bytes; left || !count; left /= 10)
		digits[count++] = (char)('0' + left % 10);
	while (count)
		*to++ = digits[--count];
	*to++ = '\n';
	*to = 0;
	return dial(40000) && send_text(line) && receive_pattern(bytes) && send_text("thanks\n") && close_stream();
}

static bool ping(uint32_t local_port)
{
	char line[8];

	return dial(local_port) && send_text("ping\n") && receive_line(line, sizeof line) && check(strcmp(line, "pong") == 0, "'%s'", line) &&
	       close_stream();
}

GUEST_TEST(streams, "hvsock streams from the host and to it")
{
	const uint64_t count = option_number("serve", 0), bytes = option_number("bytes", 1 << 20);
	uint64_t start;

	bus = guest_vmbus_connected();
	if (!bus)
		return;
	rings = page_alloc(RING_BYTES / 4096);
	print("streams: serving %lu\n", count);
	if (!serve(count) || !pull(bytes))
		return;
	start = rdtsc();
	for (uint32_t i = 0; i < 10; i++)
		if (!ping(41000 + i))
			return;
	print("GUEST-VALUE stream-us %lu\n", (rdtsc() - start) / (tsc_hz / 1000000) / 10);
	check(bus->refused == 0, "%lu messages made no sense", bus->refused);
}
