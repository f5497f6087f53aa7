/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's relay between a guest's streams and UNIX sockets, with real sockets in a temporary directory, the real client, the real
 * provider and VMBus server, and the test as the guest. The loop runs until a condition holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "root-partition/lib/vsock_client.h"
#include "tests/unit/run_tests.h"
#include "tests/unit/vmbus/harness.h"
#include "vsock.h"

static struct partition p;
static struct vsock vsock;
static struct worker_vsock config;
static struct guest_channel g;
static uv_loop_t loop;
static char directory[] = "/tmp/hvsock-XXXXXX";

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	unlink(path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static void set_up(void)
{
	strcpy(directory, "/tmp/hvsock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_int_eq(mkdir("listen", 0700), 0);
	config = (struct worker_vsock){
		.directory_fd = open(".", O_RDONLY | O_DIRECTORY), .listen_fd = listen_at("connect"), .listen_count = 2,
		.listen = { { 1, 1 }, { 7000, 7009 } }, .connect_count = 1, .connect = { { 5000, 5001 } },
	};
	memset(&vsock, 0, sizeof vsock);
	uv_loop_init(&loop);
	partition_init(&p);
	ck_assert_int_eq(vsock_create(&vsock, &config, &loop, p.server), 0);
	vmbus_server_start(p.server);
	guest_connect(&p);
	vsock_tick(&vsock, 1);
}

static void tear_down(void)
{
	vsock_free(&vsock);
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	partition_done(&p);
	close(config.directory_fd);
	close(config.listen_fd);
	unlink("connect");
	unlink("listen/7000");
	rmdir("listen");
	rmdir(directory);
}

/* Turns the loop until the expression holds. */
#define UNTIL(condition)                                                    \
	do {                                                                \
		for (unsigned turns_ = 0; !(condition); turns_++) {         \
			ck_assert_msg(turns_ < 20000, "never: " #condition); \
			uv_run(&loop, UV_RUN_NOWAIT);                       \
			usleep(50);                                         \
		}                                                           \
	} while (0)

struct client {
	pthread_t thread;
	uint32_t port;
	int result;
	bool done;
	char why[256];
};

static void *client_thread(void *context)
{
	struct client *c = context;

	c->result = vsock_client_connect(directory, c->port, c->why, sizeof c->why);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void client_begin(struct client *c, uint32_t port)
{
	memset(c, 0, sizeof *c);
	c->port = port;
	ck_assert_int_eq(pthread_create(&c->thread, NULL, client_thread, c), 0);
}

static int client_end(struct client *c)
{
	UNTIL(__atomic_load_n(&c->done, __ATOMIC_ACQUIRE));
	pthread_join(c->thread, NULL);
	return c->result;
}

static uint32_t last_relid(void)
{
	struct vmbus_offer_message offer;

	memcpy(&offer, message_of(&p, VMBUS_MSG_OFFER, count_of(&p, VMBUS_MSG_OFFER) - 1)->bytes, sizeof offer);
	return offer.relid;
}

/* A client's stream to the guest's port 5000. */
static int open_from_host(void)
{
	unsigned before = count_of(&p, VMBUS_MSG_OFFER);
	struct client c;

	client_begin(&c, 5000);
	UNTIL(count_of(&p, VMBUS_MSG_OFFER) > before);
	ck_assert_uint_eq(guest_open(&p, &g, last_relid(), 16, 0), 0);
	ck_assert_int_ge(client_end(&c), 0);
	return c.result;
}

static void guest_asks(uint32_t port)
{
	struct vmbus_tl_connect m = { .header.type = VMBUS_MSG_TL_CONNECT, .endpoint = hvsock_guid(40000), .service = hvsock_guid(port) };

	guest_post(&p, &m, sizeof m);
}

static bool guest_sends(const void *data, uint32_t bytes)
{
	struct hvsock_header header = { .type = HVSOCK_DATA, .bytes = bytes };
	struct vmbus_ring_part parts[2] = { { &header, sizeof header }, { data, bytes } };

	if (vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, 0, 0, parts, 2) != VMBUS_RING_OK)
		return false;
	if (vmbus_ring_write_end(&g.out))
		while (vmbus_server_signal(p.server, g.relid))
			;
	return true;
}

static int guest_gets(uint8_t *data)
{
	static uint8_t packet[65536];
	struct hvsock_header header;
	uint16_t type;
	uint64_t id;

	if (guest_take(&g, &type, &id, packet, sizeof packet) < 0)
		return -1;
	memcpy(&header, packet, sizeof header);
	memcpy(data, packet + sizeof header, header.bytes);
	vmbus_server_signal(p.server, g.relid);
	return (int)header.bytes;
}

START_TEST(a_client_reaches_the_guest)
{
	uint8_t data[HVSOCK_MTU];
	char answer[16];
	int fd = open_from_host(), n = -1;

	ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
	UNTIL((n = guest_gets(data)) >= 0);
	ck_assert_int_eq(n, 5);
	ck_assert_mem_eq(data, "hello", 5);
	/* Half close of the client; the guest answers; then it ends too. */
	shutdown(fd, SHUT_WR);
	UNTIL((n = guest_gets(data)) >= 0);
	ck_assert_int_eq(n, 0);
	ck_assert(guest_sends("world", 5));
	ck_assert_int_eq(recv(fd, answer, sizeof answer, 0), 5);
	ck_assert(guest_sends(NULL, 0));
	UNTIL(vsock.count == 0);
	ck_assert_int_eq(recv(fd, answer, sizeof answer, 0), 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	close(fd);
}
END_TEST

START_TEST(clients_are_told_why_not)
{
	struct client c;
	uint64_t t;

	client_begin(&c, 6000);
	ck_assert_int_eq(client_end(&c), -ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(c.why, "port 6000"));
	client_begin(&c, 5001);
	UNTIL(count_of(&p, VMBUS_MSG_OFFER) == 1);
	for (t = 1000; t <= HVSOCK_OPEN_MS + 1000; t += 1000)
		vsock_tick(&vsock, t);
	ck_assert_int_eq(client_end(&c), -ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(c.why, "nobody in the guest listens on port 5001"));
	vmbus_server_reset(p.server);
	client_begin(&c, 5001);
	ck_assert_int_eq(client_end(&c), -ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(c.why, "VMBus"));
	unlink("connect");
	ck_assert_int_eq(vsock_client_connect(directory, 5000, c.why, sizeof c.why), -ENOENT);
}
END_TEST

static int raw_client(const char *line)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "connect" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(send(fd, line, strlen(line), 0), (ssize_t)strlen(line));
	return fd;
}

/* Lines in pieces, lines that are none, silence, and bytes of the stream that come with the line. */
START_TEST(lines_of_all_kinds)
{
	static const char *const bad[] = {
		"\n", "CONNECT\n", "CONNECT \n", "CONNECT 5000x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "connect 5000\n", "CONNECT 999999999999999999999999999999",
		"\xff\xff\xff\xff\n", "CONNECT 5000 \n",
	};
	char answer[256];
	uint8_t data[HVSOCK_MTU];
	int fd, n = -1;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fd = raw_client(bad[i]);
		UNTIL(recv(fd, answer, 5, MSG_DONTWAIT | MSG_PEEK) > 0);
		ck_assert_mem_eq(answer, "ERROR", 5);
		UNTIL(vsock.count == 0);
		close(fd);
	}
	fd = raw_client("CONN");
	UNTIL(vsock.count == 1);
	vsock_tick(&vsock, 1 + VSOCK_LINE_MS);
	ck_assert_uint_eq(vsock.count, 0);
	close(fd);
	fd = raw_client("CON");
	UNTIL(vsock.count == 1);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(send(fd, "NECT 5000\nearly", 15, 0), 15);
	UNTIL(count_of(&p, VMBUS_MSG_OFFER) == 1);
	ck_assert_uint_eq(guest_open(&p, &g, last_relid(), 16, 0), 0);
	UNTIL((n = guest_gets(data)) >= 0);
	ck_assert_int_eq(n, 5);
	ck_assert_mem_eq(data, "early", 5);
	/* The client goes altogether: the guest has an end of file, and no channel any more. */
	close(fd);
	UNTIL(vsock.count == 0);
	ck_assert_int_eq(guest_gets(data), 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
}
END_TEST

START_TEST(the_guest_reaches_a_service)
{
	int listener = listen_at("listen/7000"), fd;
	char text[16];

	guest_asks(7001);
	guest_asks(6999);
	guest_asks(8000);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_TL_CONNECT_RESULT), 3);
	ck_assert_uint_eq(vsock.count, 0);
	guest_asks(7000);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(guest_open(&p, &g, last_relid(), 16, 0), 0);
	ck_assert(guest_sends("hello", 5));
	ck_assert_int_eq(recv(fd, text, sizeof text, 0), 5);
	ck_assert(guest_sends(NULL, 0));
	ck_assert_int_eq(recv(fd, text, sizeof text, 0), 0);
	close(fd);
	UNTIL(vsock.count == 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	close(listener);
}
END_TEST

/* A service that reads nothing stops the guest after what a socket holds; all of it arrives when it does. */
START_TEST(slow_readers_lose_nothing)
{
	static uint8_t chunk[4000], data[HVSOCK_MTU];
	uint32_t sent = 0, got = 0, back = 0;
	int fd = open_from_host(), n;

	while (memset(chunk, (int)(sent / sizeof chunk), sizeof chunk), guest_sends(chunk, sizeof chunk)) {
		sent += sizeof chunk;
		uv_run(&loop, UV_RUN_NOWAIT);
		ck_assert_uint_lt(sent, 4u << 20);
	}
	while (got < sent) {
		n = (int)recv(fd, data, sizeof data, MSG_DONTWAIT);
		for (int i = 0; i < n; i++)
			ck_assert_uint_eq(data[i], (uint8_t)((got + (uint32_t)i) / sizeof chunk));
		got += n > 0 ? (uint32_t)n : 0;
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	/* The other way: the guest does not read. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (unsigned idle = 0; idle < 100; idle++) {
		n = (int)send(fd, chunk, sizeof chunk, 0);
		sent = n > 0 ? (idle = 0, sent + (uint32_t)n) : sent;
		uv_run(&loop, UV_RUN_NOWAIT);
		ck_assert_uint_lt(sent, 8u << 20);
	}
	shutdown(fd, SHUT_WR);
	do {
		n = guest_gets(data);
		back += n > 0 ? (uint32_t)n : 0;
		uv_run(&loop, UV_RUN_NOWAIT);
	} while (n != 0);
	ck_assert_uint_eq(back, sent - got);
	close(fd);
}
END_TEST

/* A guest that sends to a service which has gone has an error, not silence. */
START_TEST(a_closed_socket_resets_the_guest)
{
	int fd = open_from_host();

	shutdown(fd, SHUT_WR);
	UNTIL(guest_gets((uint8_t[HVSOCK_MTU]){ 0 }) == 0);
	close(fd);
	ck_assert(guest_sends("x", 1));
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	/* And one that says nothing: the tick sees it. */
	partition_forget(&p);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, g.relid);
	fd = open_from_host();
	shutdown(fd, SHUT_WR);
	UNTIL(guest_gets((uint8_t[HVSOCK_MTU]){ 0 }) == 0);
	vsock_tick(&vsock, 2000);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 0);
	close(fd);
	vsock_tick(&vsock, 3000);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
}
END_TEST

START_TEST(clients_beyond_the_limit_are_refused)
{
	int fd[VSOCK_MAX_PEERS], more;
	char answer[64];

	for (unsigned i = 0; i < VSOCK_MAX_PEERS; i++) {
		fd[i] = raw_client("CONN");
		UNTIL(vsock.count == i + 1);
	}
	more = raw_client("CONNECT 5000\n");
	UNTIL(recv(more, answer, sizeof answer, MSG_DONTWAIT | MSG_PEEK) > 0);
	ck_assert_mem_eq(answer, "ERROR too many", 14);
	close(more);
	for (unsigned i = 0; i < VSOCK_MAX_PEERS; i++)
		close(fd[i]);
	UNTIL(vsock.count == 0);
}
END_TEST

static unsigned open_files(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Ten thousand connections, begun by either side and ended by either side, a few relids used over and over: nothing is left of them. */
START_TEST(ten_thousand_connections)
{
	int listener = listen_at("listen/7000"), fd;
	unsigned before = open_files();
	uint32_t highest = 0;

	for (unsigned i = 0; i < 10000; i++) {
		bool from_host = i & 1, guest_first = i & 2;

		partition_forget(&p);
		if (from_host) {
			fd = raw_client("CONNECT 5000\n");
			UNTIL(count_of(&p, VMBUS_MSG_OFFER) == 1);
		} else {
			guest_asks(7000);
			fd = accept(listener, NULL, NULL);
		}
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(guest_open(&p, &g, last_relid(), 4, 0), 0);
		ck_assert(guest_sends("x", 1));
		if (guest_first)
			ck_assert(guest_sends(NULL, 0));
		close(fd);
		UNTIL(count_of(&p, VMBUS_MSG_RESCIND) == 1);
		guest_post_relid(&p, VMBUS_MSG_CLOSE, g.relid);
		guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, g.relid);
		highest = g.relid > highest ? g.relid : highest;
	}
	UNTIL(vsock.count == 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(hvsock_count(vsock.hvsock), 0);
	ck_assert_uint_le(highest, 2);
	ck_assert_uint_eq(p.state->gpadl_limit, 0);
	for (uint32_t relid = 1; relid < 2048; relid++)
		ck_assert(!p.connected[relid]);
	ck_assert_uint_eq(open_files(), before);
	close(listener);
}
END_TEST

RUN_TESTS_WITH("hvsock relay", set_up, tear_down, a_client_reaches_the_guest, clients_are_told_why_not, lines_of_all_kinds,
	the_guest_reaches_a_service, slow_readers_lose_nothing, a_closed_socket_resets_the_guest, clients_beyond_the_limit_are_refused,
	ten_thousand_connections)
