/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker without a guest, for the tests of the daemon: it speaks worker_protocol.h on descriptor 3 and plays what the words of
 * its command line say. It first checks what it was given, as the real one would: exactly the descriptors it was promised, sealed.
 *
 *   fail-start   complains on stderr and exits 3       slow-start   reports RUNNING after 300 ms
 *   no-ic        integration components never ready    deaf         ignores WORKER_SHUTDOWN's effect: the guest never powers off
 *   stubborn     does not answer WORKER_TURN_OFF       triple       a triple fault 100 ms after the start
 *   die=N        kills itself by signal N after 100 ms
 *
 * It keeps the disks that it is given; each is as large as its file.
 *
 * Its console greets and echoes. Its guest keeps key-value items, and its VPs run all of the time, a tenth of that in the hypervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/lib/unpacked_kernel.h"
#include "root-partition/lib/worker_protocol.h"
#include "vsp/ic/ic.h"

static struct worker_config config;
static struct worker_status status = { .header = { .type = WORKER_STATUS, .size = sizeof status }, .state = WORKER_STATE_STARTING };
static int client = -1, viewer = -1;
static uint64_t ran_ms;
static struct item { char key[WORKER_KVP_KEY], value[WORKER_KVP_VALUE]; } items[IC_KVP_POOLS][8] = {
	[IC_KVP_AUTO] = { { "OSName", "Fake & Sons" }, { "OSVersion", "1" } },
};

static bool has(const char *word)
{
	return strstr(config.cmdline, word) != NULL;
}

static void refuse(const char *what)
{
	fprintf(stderr, "fake worker: %s\n", what);
	exit(7);
}

static void check_descriptors(void)
{
	int highest = 4, given[] = { config.mshv_fd, config.state_fd, config.memory_fd, config.kernel_fd, config.initrd_fd, config.console_fd,
				     config.console_log_fd, config.vsock.directory_fd, config.vsock.listen_fd,
				     config.partition_fd, config.life_fd[0], config.life_fd[1] };
	struct stat st;

	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		if (given[i] > highest)
			highest = given[i];
	for (uint32_t i = 0; i < config.disk_count; i++)
		if (config.disk[i].fd > highest)
			highest = config.disk[i].fd;
	for (int fd = 0; fd <= highest; fd++)
		if (fcntl(fd, F_GETFD) != 0)
			refuse("a descriptor is missing, or would be closed by exec");
	for (int fd = highest + 1; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			refuse("a descriptor too many");
	if (fcntl(4, F_GET_SEALS) != (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		refuse("the configuration is not sealed");
	if (fcntl(config.memory_fd, F_GET_SEALS) != (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW))
		refuse("the memory is not sealed in its size");
	if (config.partition_fd >= 0 && pread(config.state_fd, &status.heartbeat_sequence, sizeof status.heartbeat_sequence, 0) < 0)
		refuse("no state");
	status.heartbeat_sequence++;
	if (pwrite(config.state_fd, &status.heartbeat_sequence, sizeof status.heartbeat_sequence, 0) < 0)
		refuse("no state");
	if (fstat(config.memory_fd, &st) < 0 || (uint64_t)st.st_size != config.memory_bytes)
		refuse("the memory has a wrong size");
}

static void name_kernel(void)
{
	uint64_t magic = 0;

	if (pread(config.kernel_fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic && magic == UNPACKED_KERNEL_MAGIC)
		fprintf(stderr, "fake worker: the kernel is unpacked\n");
}

static void send_packet(const void *packet, size_t size)
{
	if (client >= 0 && send(client, packet, size, MSG_NOSIGNAL) < 0) {
		close(client);
		client = -1;
	}
}

/* What a successor will get; /dev/null is the partition. */
static void send_hold(void)
{
	struct worker_hold hold = { .header = { WORKER_HOLD, sizeof hold, 0 } };
	int fds[WORKER_HELD_COUNT] = { config.mshv_fd, config.memory_fd, config.state_fd, config.life_fd[0] };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = { 0 };
	struct iovec iov = { &hold, sizeof hold };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fds) };
	memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
	if (config.life_fd[0] >= 0)
		sendmsg(client, &message, MSG_NOSIGNAL);
}

static void set_state(uint32_t state)
{
	status.state = state;
	send_packet(&status, sizeof status);
}

static void end(uint32_t state, uint32_t cause, const char *reason, int code)
{
	status.stop_cause = cause;
	snprintf(status.reason, sizeof status.reason, "%s", reason);
	set_state(state);
	exit(code);
}

static void reply(const struct worker_message *request, int error, const char *text)
{
	struct worker_reply r = { .header = { WORKER_REPLY, sizeof r, request->sequence }, .error = error };

	snprintf(r.text, sizeof r.text, "%s", text);
	send_packet(&r, sizeof r);
}

static struct worker_disk *find_disk(const struct worker_disk_request *request)
{
	for (uint32_t i = 0; i < config.disk_count; i++)
		if (config.disk[i].controller == request->controller && config.disk[i].lun == request->lun)
			return &config.disk[i];
	return NULL;
}

static void attach_disk(const struct worker_attach_disk *request, int fd)
{
	if (request->header.size != sizeof *request || fd < 0 || config.disk_count == WORKER_MAX_DISKS)
		refuse("a disk that is none");
	config.disk[config.disk_count] = request->disk;
	config.disk[config.disk_count++].fd = fd;
	reply(&request->header, 0, "");
}

static void change_disk(const struct worker_disk_request *request)
{
	struct worker_disk *disk = find_disk(request);
	char text[64] = "";

	if (!disk)
		refuse("a disk that it has not");
	if (request->header.type == WORKER_DETACH_DISK) {
		close(disk->fd);
		*disk = config.disk[--config.disk_count];
	} else {
		if (request->bytes && ftruncate(disk->fd, (off_t)request->bytes) < 0)
			refuse("ftruncate");
		snprintf(text, sizeof text, "%lld bytes", (long long)lseek(disk->fd, 0, SEEK_END));
	}
	reply(&request->header, 0, text);
}

static int on_items(const struct worker_kvp *request, struct worker_kvp_reply *r)
{
	struct item *pool = items[request->pool];
	unsigned at = 0;

	if (!(status.ic_ready & WORKER_IC_KVP))
		return -ENOTCONN;
	if (request->operation == IC_KVP_ENUMERATE) {
		if (request->index >= 8 || !*pool[request->index].key)
			return -ENOENT;
		strcpy(r->key, pool[request->index].key);
		strcpy(r->value, pool[request->index].value);
		return 0;
	}
	while (at < 7 && *pool[at].key && strcmp(pool[at].key, request->key))
		at++;
	if (request->operation == IC_KVP_SET) {
		strcpy(pool[at].key, request->key);
		strcpy(pool[at].value, request->value);
		return 0;
	}
	if (!*pool[at].key)
		return -ENOENT;
	memmove(&pool[at], &pool[at + 1], (7 - at) * sizeof *pool);
	return 0;
}

static void send_items(const struct worker_kvp *request)
{
	struct worker_kvp_reply r = { .header = { WORKER_KVP_REPLY, sizeof r, request->header.sequence } };

	r.error = on_items(request, &r);
	snprintf(r.text, sizeof r.text, "%s", r.error == -ENOENT ? "there is no such key" : r.error ? strerror(-r.error) : "");
	send_packet(&r, sizeof r);
}

static void send_stats(const struct worker_message *request)
{
	struct worker_stats stats = { .header = { WORKER_STATS, sizeof stats, request->sequence }, .pinned_bytes = config.memory_bytes,
				      .vp_count = config.vp_count, .disk_count = config.disk_count, .tsc_hz = 1000000000 };

	for (uint32_t i = 0; i < config.disk_count; i++)
		stats.disk[i] = (struct worker_disk_stats){
			.controller = config.disk[i].controller, .lun = config.disk[i].lun, .reads = i + 1,
			.size_bytes = (uint64_t)lseek(config.disk[i].fd, 0, SEEK_END),
		};
	for (uint32_t i = 0; i < config.vp_count; i++) {
		stats.vp[i].guest_tsc = ran_ms * 900000;
		stats.vp[i].hypervisor_tsc = ran_ms * 100000;
	}
	send_packet(&stats, sizeof stats);
}

static void on_request(const struct worker_message *request, int fd)
{
	switch (request->type) {
	case WORKER_ATTACH_DISK:
		attach_disk((const struct worker_attach_disk *)request, fd);
		return;
	case WORKER_DETACH_DISK:
	case WORKER_RESIZE_DISK:
		change_disk((const struct worker_disk_request *)request);
		return;
	case WORKER_GET_STATS:
		send_stats(request);
		return;
	case WORKER_KVP:
		send_items((const struct worker_kvp *)request);
		return;
	case WORKER_TURN_OFF:
		if (has("stubborn"))
			return;
		reply(request, 0, "");
		end(WORKER_STATE_OFF, WORKER_STOP_TURNED_OFF, "turned off", 0);
		return;
	case WORKER_SHUTDOWN:
		reply(request, 0, "");
		if (((const struct worker_shutdown *)request)->reboot) {
			status.reset_count++;
			set_state(WORKER_STATE_RUNNING);
		} else if (!has("deaf")) {
			end(WORKER_STATE_OFF, WORKER_STOP_GUEST_OFF, "the guest powered off", 0);
		}
		return;
	case WORKER_PAUSE:
		reply(request, 0, "");
		set_state(WORKER_STATE_PAUSED);
		return;
	case WORKER_RESUME:
		reply(request, 0, "");
		set_state(WORKER_STATE_RUNNING);
		return;
	case WORKER_RESET:
		reply(request, 0, "");
		status.reset_count++;
		set_state(status.state);
		return;
	}
	reply(request, -EOPNOTSUPP, "unknown request");
}

/* As recv; *fd: what came along, or -1. */
static ssize_t receive(void *packet, size_t size, int *fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { packet, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(client, &message, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n >= 0 && CMSG_FIRSTHDR(&message))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *fd);
	return n;
}

static void serve(int milliseconds)
{
	struct pollfd polls[4] = { { .fd = client < 0 ? 3 : -1, .events = POLLIN }, { .fd = client, .events = POLLIN },
				   { .fd = viewer < 0 ? config.console_fd : -1, .events = POLLIN }, { .fd = viewer, .events = POLLIN } };
	static _Alignas(struct worker_kvp) char packet[sizeof(struct worker_kvp)];
	ssize_t n;
	int fd;

	if (poll(polls, 4, milliseconds) <= 0)
		return;
	if (polls[2].revents) {
		viewer = accept4(config.console_fd, NULL, NULL, SOCK_CLOEXEC);
		dprintf(viewer, "console of %s: ", config.name);
	} else if (polls[3].revents) {
		n = read(viewer, packet, sizeof packet);
		if (n <= 0 || write(viewer, packet, (size_t)n) != n) {
			close(viewer);
			viewer = -1;
		}
	}
	if (polls[0].revents) {
		client = accept4(3, NULL, NULL, SOCK_CLOEXEC);
		send_hold();
		send_packet(&status, sizeof status);
	} else if (polls[1].revents) {
		n = receive(packet, sizeof packet, &fd);
		if (n > 0) {
			on_request((const struct worker_message *)packet, fd);
		} else {
			close(client);
			client = -1;
		}
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void)
{
	long start = now_ms(), passed = 0, now;
	const char *die;

	if (pread(4, &config, sizeof config, 0) != sizeof config || config.version != WORKER_PROTOCOL_VERSION || config.size != sizeof config)
		refuse("no configuration");
	signal(SIGPIPE, SIG_IGN);
	check_descriptors();
	name_kernel();
	status.pid = (uint32_t)getpid();
	if (has("fail-start")) {
		fprintf(stderr, "loader: kernel: not a bzImage\nloader: giving up\n");
		return 3;
	}
	die = strstr(config.cmdline, "die=");
	for (;;) {
		now = now_ms() - start;
		ran_ms += status.state == WORKER_STATE_RUNNING ? (uint64_t)(now - passed) : 0;
		passed = now;
		if (status.state == WORKER_STATE_STARTING && passed >= (has("slow-start") ? 300 : 0)) {
			status.ic_ready = has("no-ic") ? 0 : config.ic_mask;
			set_state(config.start_paused ? WORKER_STATE_PAUSED : WORKER_STATE_RUNNING);
		}
		if (passed > 100 && client >= 0 && status.state == WORKER_STATE_RUNNING) {
			if (has("triple"))
				end(WORKER_STATE_CRASHED, WORKER_STOP_TRIPLE_FAULT, "VP 0: triple fault at rip 1000h", 2);
			if (die)
				raise(atoi(die + 4));
		}
		serve(20);
	}
}
