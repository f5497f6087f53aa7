/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket with a machine that only counts: each request answered once, bad packets cost the connection only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "dynamic_memory.h"
#include "tests/unit/run_tests.h"
#include "services.h"

static struct worker_state_region state;
static struct machine machine = { .state = &state, .partition.fd = -1, .config.life_fd = { -1, -1 } };
static struct control control;
static uv_loop_t loop;
static struct sockaddr_un address;
static unsigned int paused, resumed, resets, stops, shutdowns;

void machine_pause(struct machine *m)
{
	(void)m;
	paused++;
}

void machine_resume(struct machine *m)
{
	(void)m;
	resumed++;
}

void machine_reset(struct machine *m)
{
	(void)m;
	resets++;
}

void machine_stop(struct machine *m, enum worker_stop_cause cause, const char *format, ...)
{
	(void)format;
	ck_assert_int_eq(cause, WORKER_STOP_TURNED_OFF);
	m->run_state = WORKER_STATE_OFF;
	stops++;
}

bool machine_over(const struct machine *m)
{
	return m->run_state == WORKER_STATE_OFF;
}

void machine_status(const struct machine *m, struct worker_status *ret)
{
	*ret = (struct worker_status){ .header = { .type = WORKER_STATUS, .size = sizeof *ret }, .state = m->run_state };
}

void machine_stats(struct machine *m, struct worker_stats *ret)
{
	(void)m;
	*ret = (struct worker_stats){ .dispatches = 42 };
}

struct dynamic_memory *services_memory(struct services *s)
{
	(void)s;
	return NULL;
}

bool dynamic_memory_report(const struct dynamic_memory *d, struct worker_memory *ret)
{
	(void)d;
	(void)ret;
	return false;
}

int dynamic_memory_set_target(struct dynamic_memory *d, uint64_t bytes)
{
	(void)d;
	(void)bytes;
	return -EOPNOTSUPP;
}

int services_shutdown(struct services *s, const struct worker_shutdown *request)
{
	(void)s;
	shutdowns++;
	ck_assert_ptr_nonnull(memchr(request->text, 0, sizeof request->text));
	return shutdowns == 1 ? -ENOTCONN : 0;
}

static unsigned int attached, detached, plugged;

int services_attach_interface(struct services *s, const struct worker_interface *config)
{
	unsigned int i;

	(void)s;
	for (i = 0; i < config->queue_count; i++)
		ck_assert_int_eq(close(config->fd[i]), 0);   /* theirs, and open */
	return attached++ == 0 ? 0 : -EEXIST;
}

int services_detach_interface(struct services *s, const uint8_t mac[6], void (*done)(void *context, uint64_t sequence), void *context,
			      uint64_t sequence)
{
	(void)s;
	detached++;
	if (mac[5] == 1)
		done(context, sequence);
	return mac[5] == 1 ? 0 : -ENOENT;
}

int services_set_link(struct services *s, const uint8_t mac[6], bool up)
{
	(void)s;
	plugged += up;
	return mac[5] == 1 ? 0 : -ENOENT;
}

static unsigned int disks_attached;
static struct control_ticket detaching;

int services_attach_disk(struct services *s, const struct worker_disk *disk, char *why, size_t why_size)
{
	(void)s;
	ck_assert_int_eq(close(disk->fd), 0);   /* theirs, and open */
	snprintf(why, why_size, "taken");
	return disks_attached++ == 0 ? 0 : -EEXIST;
}

int services_detach_disk(struct services *s, const struct worker_disk_request *request, const struct control_ticket *ticket)
{
	(void)s;
	detaching = *ticket;
	return request->lun == 1 ? 0 : -ENOENT;
}

int services_resize_disk(struct services *s, const struct worker_disk_request *request, uint64_t *size, char *why, size_t why_size)
{
	(void)s;
	*size = request->bytes;
	snprintf(why, why_size, "smaller");
	return request->bytes == 4096 ? 0 : -ERANGE;
}

static struct control_ticket asked;
static unsigned int guest_requests;

void services_guest_request(struct services *s, struct worker_message *request, const struct control_ticket *ticket, int fd)
{
	(void)s;
	guest_requests++;
	asked = *ticket;
	ck_assert((request->type == WORKER_COPY) == (fd >= 0));
	if (fd >= 0)
		ck_assert_int_eq(close(fd), 0);
}

void log_line(const char *format, ...)
{
	(void)format;
}

static void begin(void)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof address;

	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	uv_loop_init(&loop);
	machine.loop = &loop;
	machine.run_state = WORKER_STATE_RUNNING;
	/* A guest that is taken over may report before anybody listens. */
	control.client_fd = -1;
	control_send_memory(&control);
	ck_assert_int_eq(control_init(&control, &machine, listener), 0);
}

static void turn(void)
{
	int i;

	for (i = 0; i < 5; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* Connects; the first packet is the state now. */
static int connect_daemon(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct worker_status status;

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(sa_family_t) + 6), 0);
	turn();
	ck_assert_int_eq(recv(fd, &status, sizeof status, MSG_DONTWAIT), sizeof status);
	ck_assert_uint_eq(status.header.type, WORKER_STATUS);
	return fd;
}

static struct worker_reply ask(int fd, const void *packet, size_t size)
{
	struct worker_reply reply = { 0 };

	ck_assert_int_eq(send(fd, packet, size, MSG_NOSIGNAL), (ssize_t)size);
	turn();
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), sizeof reply);
	ck_assert_uint_eq(reply.header.type, WORKER_REPLY);
	ck_assert_uint_eq(reply.header.sequence, ((const struct worker_message *)packet)->sequence);
	return reply;
}

static struct worker_reply ask_simple(int fd, uint32_t type)
{
	static uint64_t sequence = 100;
	struct worker_message m = { .type = type, .size = sizeof m, .sequence = ++sequence };

	return ask(fd, &m, sizeof m);
}

START_TEST(verbs)
{
	struct worker_message get = { .type = WORKER_GET_STATS, .size = sizeof get, .sequence = 7 };
	struct worker_shutdown shutdown = { .header = { .type = WORKER_SHUTDOWN, .size = sizeof shutdown, .sequence = 8 } };
	struct worker_stats stats;
	int fd;

	begin();
	fd = connect_daemon();
	ck_assert_int_eq(ask_simple(fd, WORKER_PAUSE).error, 0);
	ck_assert_int_eq(ask_simple(fd, WORKER_RESUME).error, 0);
	ck_assert_int_eq(ask_simple(fd, WORKER_RESET).error, 0);
	ck_assert_int_eq(ask_simple(fd, 999).error, -EOPNOTSUPP);
	ck_assert_int_eq(ask_simple(fd, WORKER_SHUTDOWN).error, -EINVAL);
	memset(shutdown.text, 'x', sizeof shutdown.text);
	ck_assert_int_eq(ask(fd, &shutdown, sizeof shutdown).error, -ENOTCONN);
	ck_assert_int_eq(ask(fd, &shutdown, sizeof shutdown).error, 0);
	ck_assert_int_eq(send(fd, &get, sizeof get, 0), sizeof get);
	turn();
	ck_assert_int_eq(recv(fd, &stats, sizeof stats, MSG_DONTWAIT), sizeof stats);
	ck_assert_uint_eq(stats.dispatches, 42);
	ck_assert_uint_eq(stats.header.sequence, 7);
	ck_assert_int_eq(ask_simple(fd, WORKER_TURN_OFF).error, 0);
	ck_assert_int_eq(ask_simple(fd, WORKER_PAUSE).error, -ESHUTDOWN);
	ck_assert_uint_eq(paused, 1);
	ck_assert_uint_eq(resumed, 1);
	ck_assert_uint_eq(resets, 1);
	ck_assert_uint_eq(stops, 1);
	close(fd);
}
END_TEST

static struct worker_reply ask_attach(int fd, struct worker_message *request, unsigned int fds)
{
	char control[CMSG_SPACE(WORKER_MAX_QUEUES * sizeof(int))] = { 0 };
	struct iovec iov = { request, request->size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct worker_reply reply;
	struct cmsghdr *header;
	unsigned int i;

	if (fds > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		*header = (struct cmsghdr){ CMSG_LEN(fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		for (i = 0; i < fds; i++)
			memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
	}
	ck_assert_int_eq(sendmsg(fd, &message, 0), request->size);
	turn();
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), sizeof reply);
	return reply;
}

static unsigned int receive_hold(int fd, struct worker_hold *hold)
{
	int fds[WORKER_HELD_COUNT];
	char control_bytes[CMSG_SPACE(sizeof fds)];
	struct iovec iov = { hold, sizeof *hold };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control_bytes, .msg_controllen = sizeof control_bytes };
	unsigned int count = 0;

	ck_assert_int_eq(recvmsg(fd, &message, MSG_DONTWAIT), sizeof *hold);
	ck_assert_uint_eq(hold->header.type, WORKER_HOLD);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), CMSG_FIRSTHDR(&message)->cmsg_len - CMSG_LEN(0));
	for (; count < WORKER_HELD_COUNT && CMSG_LEN(count * sizeof(int)) < CMSG_FIRSTHDR(&message)->cmsg_len; count++)
		ck_assert_int_eq(close(fds[count]), 0);
	return count;
}

/* Every daemon gets what a successor needs, and again with the new partition of a reset. */
START_TEST(holds)
{
	struct worker_status status;
	struct worker_hold hold;
	int fd, client;

	begin();
	machine.partition.fd = machine.config.memory_fd = machine.config.state_fd = machine.config.life_fd[0] = control.listen_fd;
	for (client = 0; client < 2; client++) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(sa_family_t) + 6), 0);
		turn();
		ck_assert_uint_eq(receive_hold(fd, &hold), WORKER_HELD_COUNT);
		ck_assert_uint_eq(hold.reset_count, state.reset_count);
		ck_assert_int_eq(recv(fd, &status, sizeof status, MSG_DONTWAIT), sizeof status);
		control_send_status(&control);
		ck_assert_int_eq(recv(fd, &status, sizeof status, MSG_DONTWAIT), sizeof status);
		state.reset_count++;
		control_send_status(&control);
		ck_assert_uint_eq(receive_hold(fd, &hold), WORKER_HELD_COUNT);
		ck_assert_uint_eq(hold.reset_count, state.reset_count);
		close(fd);
		turn();
	}
}
END_TEST

/* An answer comes when the guest has given it, and only to the daemon that asked. */
START_TEST(guests_answers)
{
	struct worker_freeze freeze = { .header = { .type = WORKER_FREEZE, .size = sizeof freeze, .sequence = 77 } };
	struct worker_kvp kvp = { .header = { .type = WORKER_KVP, .size = sizeof kvp, .sequence = 78 } };
	struct worker_copy copy = { .header = { .type = WORKER_COPY, .size = sizeof copy, .sequence = 79 } };
	struct worker_reply reply;
	int fd;

	begin();
	fd = connect_daemon();
	ck_assert_int_eq(send(fd, &freeze, sizeof freeze, 0), sizeof freeze);
	turn();
	ck_assert_uint_eq(guest_requests, 1);
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), -1);
	control_reply(&asked, -EBUSY, "busy");
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), sizeof reply);
	ck_assert_uint_eq(reply.header.sequence, 77);
	ck_assert_int_eq(reply.error, -EBUSY);
	ck_assert_str_eq(reply.text, "busy");
	/* A copy without its file. */
	ck_assert_int_eq(ask(fd, &copy, sizeof copy).error, -EINVAL);
	ck_assert_uint_eq(guest_requests, 1);
	ck_assert_int_eq(send(fd, &kvp, sizeof kvp, 0), sizeof kvp);
	turn();
	ck_assert_uint_eq(guest_requests, 2);
	close(fd);
	turn();
	fd = connect_daemon();
	control_reply(&asked, 0, "");
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), -1);
	close(fd);
}
END_TEST

static int highest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* An interface comes with descriptors: as many as it says, and none of them stays behind when it is refused. */
START_TEST(interfaces)
{
	struct worker_attach attach = { .header = { .type = WORKER_ATTACH_INTERFACE, .size = sizeof attach },
					.interface = { .queue_count = 2, .tap = "bh-web1-0" } };
	struct worker_interface_request request = { .header = { .type = WORKER_DETACH_INTERFACE, .size = sizeof request }, .mac = { [5] = 1 } };
	int fd, free_fd;

	begin();
	fd = connect_daemon();
	free_fd = highest_fd();
	ck_assert_int_eq(ask_attach(fd, &attach.header, 2).error, 0);
	ck_assert_int_eq(ask_attach(fd, &attach.header, 2).error, -EEXIST);
	ck_assert_int_eq(ask_attach(fd, &attach.header, 3).error, -EINVAL);
	ck_assert_int_eq(ask_attach(fd, &attach.header, 0).error, -EINVAL);
	attach.interface.queue_count = 0;
	ck_assert_int_eq(ask_attach(fd, &attach.header, 0).error, -EINVAL);
	attach.interface.queue_count = 1;
	attach.interface.mac[0] = 1;
	ck_assert_int_eq(ask_attach(fd, &attach.header, 1).error, -EINVAL);
	ck_assert_uint_eq(attached, 2);
	ck_assert_int_eq(ask(fd, &request, sizeof request).error, 0);
	request.mac[5] = 2;
	ck_assert_int_eq(ask(fd, &request, sizeof request).error, -ENOENT);
	ck_assert_uint_eq(detached, 2);
	request.header.type = WORKER_SET_LINK;
	request.up = 1;
	ck_assert_int_eq(ask(fd, &request, sizeof request).error, -ENOENT);
	request.mac[5] = 1;
	ck_assert_int_eq(ask(fd, &request, sizeof request).error, 0);
	ck_assert_uint_eq(plugged, 2);
	ck_assert_int_eq(ask_simple(fd, WORKER_SET_LINK).error, -EINVAL);
	ck_assert_int_eq(ask_simple(fd, WORKER_ATTACH_INTERFACE).error, -EINVAL);
	ck_assert_int_eq(highest_fd(), free_fd);
	close(fd);
}
END_TEST

/* A disk comes with one descriptor, which is kept or closed; one that is detached is answered when it is gone. */
START_TEST(disks)
{
	struct worker_attach_disk attach = { .header = { .type = WORKER_ATTACH_DISK, .size = sizeof attach }, .disk = { .lun = 1, .block_size = 512 } };
	struct worker_disk_request request = { .header = { .type = WORKER_DETACH_DISK, .size = sizeof request, .sequence = 9 }, .lun = 1 };
	struct worker_reply reply;
	int fd, free_fd;

	begin();
	fd = connect_daemon();
	free_fd = highest_fd();
	ck_assert_int_eq(ask_attach(fd, &attach.header, 1).error, 0);
	reply = ask_attach(fd, &attach.header, 1);
	ck_assert_int_eq(reply.error, -EEXIST);
	ck_assert_str_eq(reply.text, "taken");
	ck_assert_int_eq(ask_attach(fd, &attach.header, 0).error, -EINVAL);
	ck_assert_int_eq(ask_attach(fd, &attach.header, 2).error, -EINVAL);
	attach.disk.lun = 64;
	ck_assert_int_eq(ask_attach(fd, &attach.header, 1).error, -EINVAL);
	attach.disk.lun = 1;
	attach.disk.block_size = 1024;
	ck_assert_int_eq(ask_attach(fd, &attach.header, 1).error, -EINVAL);
	ck_assert_uint_eq(disks_attached, 2);
	ck_assert_int_eq(send(fd, &request, sizeof request, 0), sizeof request);
	turn();
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), -1);
	control_reply(&detaching, 0, "not yet");
	ck_assert_int_eq(recv(fd, &reply, sizeof reply, MSG_DONTWAIT), sizeof reply);
	ck_assert_uint_eq(reply.header.sequence, 9);
	ck_assert_str_eq(reply.text, "not yet");
	request.lun = 2;
	ck_assert_int_eq(ask(fd, &request, sizeof request).error, -ENOENT);
	request.header.type = WORKER_RESIZE_DISK;
	reply = ask(fd, &request, sizeof request);
	ck_assert_int_eq(reply.error, -ERANGE);
	ck_assert_str_eq(reply.text, "smaller");
	request.bytes = 4096;
	reply = ask(fd, &request, sizeof request);
	ck_assert_int_eq(reply.error, 0);
	ck_assert_str_eq(reply.text, "4096 bytes");
	ck_assert_int_eq(ask_simple(fd, WORKER_ATTACH_DISK).error, -EINVAL);
	ck_assert_int_eq(ask_simple(fd, WORKER_DETACH_DISK).error, -EINVAL);
	ck_assert_int_eq(highest_fd(), free_fd);
	close(fd);
}
END_TEST

/* The daemon may die at any time; the next one is served, and has waited meanwhile. */
START_TEST(next_daemon)
{
	struct worker_status status;
	int first, second;

	begin();
	first = connect_daemon();
	second = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(second, (struct sockaddr *)&address, sizeof(sa_family_t) + 6), 0);
	turn();
	ck_assert_int_eq(recv(second, &status, sizeof status, MSG_DONTWAIT), -1);
	close(first);
	turn();
	ck_assert_int_eq(recv(second, &status, sizeof status, MSG_DONTWAIT), sizeof status);
	ck_assert_int_eq(ask_simple(second, WORKER_PAUSE).error, 0);
	close(second);
}
END_TEST

/* Too short, too long, a size that is not the packet's: the connection ends, the worker does not. */
START_TEST(bad_packets)
{
	uint8_t bytes[4096] = { WORKER_PAUSE };
	static const size_t sizes[] = { 1, 15, 16, 17, 160, 161, 4096 };
	size_t i;
	char c;

	begin();
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		int fd = connect_daemon();

		ck_assert_int_eq(send(fd, bytes, sizes[i], 0), (ssize_t)sizes[i]);
		turn();
		ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
		close(fd);
		turn();
	}
	ck_assert_uint_eq(paused, 0);
}
END_TEST

RUN_TESTS("worker control", verbs, holds, interfaces, disks, guests_answers, next_daemon, bad_packets)
