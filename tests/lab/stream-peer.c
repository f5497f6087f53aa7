/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ends of the streams that the lab tries hvsock with, in the guest and in the root. An ADDRESS is vsock:PORT (the host, seen from the
 * guest; with `serve`, any), unix:PATH, or guest:DIRECTORY:PORT (the guest, seen from the root). Data are a pattern that follows from their length,
 * so each end knows the hash. Exit code 0: all was as it should be.
 *
 *   serve ADDRESS              answers the commands below, sixteen at a time; with `run WORDS` runs this program there and says how it went
 *   push ADDRESS BYTES         sends, half-closes, gets the hash of what arrived
 *   pull ADDRESS BYTES         gets, up to the end of file, then sends something back
 *   stall ADDRESS BYTES        sends to a reader that does not read until it is told to on another connection; says how much was taken before
 *   churn ADDRESS COUNT WIDTH  so many connections, a word to and fro on each, WIDTH at a time
 *   refused ADDRESS            the connection must fail; the guest's side is told so by silence, for which five seconds are enough
 *   run ADDRESS WORDS...       has the server at ADDRESS run this program with the words
 *   as UID:GID WORDS...        does the words as that user
 *   figures                    what could leak: VMBus devices, sockets, free memory in KiB
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>
#include <openssl/sha.h>

enum { SERVERS = 16, CHUNK = 16384, TIMEOUT_S = 60, REFUSED_S = 5 };

static int connect_timeout_s = TIMEOUT_S;

_Noreturn static void die(const char *what)
{
	printf("stream-peer: FAILED: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool send_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

/* A line without its newline; false when the connection ends first. */
static bool read_line(int fd, char *line, size_t size)
{
	for (size_t used = 0; used < size; used++) {
		if (recv(fd, line + used, 1, 0) != 1)
			return false;
		if (line[used] == '\n') {
			line[used] = '\0';
			return true;
		}
	}
	return false;
}

/* Addresses. */

static int vsock_socket(const char *port, bool listening)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = listening ? VMADDR_CID_ANY : VMADDR_CID_HOST, .svm_port = (unsigned int)strtoul(port, NULL, 10),
	};
	struct timeval timeout = { .tv_sec = connect_timeout_s };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("vsock socket");
	/* Two seconds unless told, too little on an emulated machine. */
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof timeout);
	if (listening ? bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 :
			connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int unix_socket(const char *path, bool listening)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof address.sun_path)
		die(path);
	strcpy(address.sun_path, path);
	if (listening)
		unlink(path);
	if (listening ? bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0666) < 0 || listen(fd, 64) < 0 :
			connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static char refusal[256]; /* the worker's words */

static int guest_socket(const char *words)
{
	char path[256], line[256];
	const char *port = strrchr(words, ':');
	int fd, size;

	snprintf(path, sizeof path, "%.*s/connect", (int)(port - words), words);
	fd = unix_socket(path, false);
	if (fd < 0)
		return -1;
	size = snprintf(line, sizeof line, "CONNECT %s\n", port + 1);
	if (send_all(fd, line, (size_t)size) && read_line(fd, line, sizeof line) && !strcmp(line, "OK"))
		return fd;
	snprintf(refusal, sizeof refusal, "%s", line);
	close(fd);
	errno = ECONNREFUSED;
	return -1;
}

static int dial(const char *address)
{
	errno = EINVAL;
	if (!strncmp(address, "vsock:", 6))
		return vsock_socket(address + 6, false);
	if (!strncmp(address, "unix:", 5))
		return unix_socket(address + 5, false);
	if (!strncmp(address, "guest:", 6))
		return guest_socket(address + 6);
	return -1;
}

static int dial_or_die(const char *address)
{
	int fd = dial(address);

	if (fd < 0)
		die(*refusal ? refusal : address);
	return fd;
}

/* Data. */

static void fill(uint8_t *data, size_t bytes, uint64_t at)
{
	for (size_t i = 0; i < bytes; i++, at++)
		data[i] = (uint8_t)((at * 2654435761u) >> 13 ^ at >> 20);
}

static void hash_text(const unsigned char digest[SHA256_DIGEST_LENGTH], char text[2 * SHA256_DIGEST_LENGTH + 1])
{
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

static void expected_hash(uint64_t bytes, char text[2 * SHA256_DIGEST_LENGTH + 1])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	uint8_t data[CHUNK];
	SHA256_CTX sha;

	SHA256_Init(&sha);
	for (uint64_t at = 0; at < bytes; at += CHUNK) {
		size_t n = bytes - at < CHUNK ? bytes - at : CHUNK;

		fill(data, n, at);
		SHA256_Update(&sha, data, n);
	}
	SHA256_Final(digest, &sha);
	hash_text(digest, text);
}

/* Reads to the end of file: "COUNT HASH". */
static bool receive_all(int fd, char *result, size_t size)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1];
	uint64_t total = 0;
	uint8_t data[CHUNK];
	SHA256_CTX sha;
	ssize_t n;

	SHA256_Init(&sha);
	while ((n = recv(fd, data, sizeof data, 0)) > 0) {
		SHA256_Update(&sha, data, (size_t)n);
		total += (uint64_t)n;
	}
	SHA256_Final(digest, &sha);
	hash_text(digest, text);
	snprintf(result, size, "%llu %s", (unsigned long long)total, text);
	return n == 0;
}

static bool send_pattern(int fd, uint64_t from, uint64_t bytes)
{
	uint8_t data[CHUNK];

	while (from < bytes) {
		size_t n = bytes - from < CHUNK ? bytes - from : CHUNK;

		fill(data, n, from);
		if (!send_all(fd, data, n))
			return false;
		from += n;
	}
	return true;
}

static void check_result(const char *got, uint64_t bytes)
{
	char hash[2 * SHA256_DIGEST_LENGTH + 1], wanted[128];

	expected_hash(bytes, hash);
	snprintf(wanted, sizeof wanted, "%llu %s", (unsigned long long)bytes, hash);
	errno = 0;
	if (strcmp(got, wanted)) {
		printf("stream-peer: got %s, wanted %s\n", got, wanted);
		die("the data");
	}
}

/* Clients. */

static void push(const char *address, uint64_t bytes)
{
	int fd = dial_or_die(address);
	char line[128];

	if (!send_all(fd, "sink\n", 5) || !send_pattern(fd, 0, bytes) || shutdown(fd, SHUT_WR) < 0)
		die("push");
	if (!read_line(fd, line, sizeof line))
		die("no answer after half close");
	check_result(line, bytes);
	if (recv(fd, line, 1, 0) != 0)
		die("no end of file");
	close(fd);
	printf("stream-peer: pushed %llu bytes\n", (unsigned long long)bytes);
}

static void pull(const char *address, uint64_t bytes)
{
	int fd = dial_or_die(address), size;
	char line[128];

	size = snprintf(line, sizeof line, "source %llu\n", (unsigned long long)bytes);
	if (!send_all(fd, line, (size_t)size) || !receive_all(fd, line, sizeof line))
		die("pull");
	check_result(line, bytes);
	/* The other direction is open still. */
	if (!send_all(fd, "thanks\n", 7))
		die("send after the other end's half close");
	close(fd);
	printf("stream-peer: pulled %llu bytes\n", (unsigned long long)bytes);
}

static void stall(const char *address, uint64_t bytes)
{
	int fd = dial_or_die(address), other;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t sent = 0;
	uint8_t data[CHUNK];
	char line[128];

	if (!send_all(fd, "stall\n", 6) || !read_line(fd, line, sizeof line))
		die("stall");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	/* Two seconds without room: nobody takes any. */
	while (sent < bytes && poll(&p, 1, 2000) == 1) {
		size_t n = bytes - sent < CHUNK ? bytes - sent : CHUNK;
		ssize_t done;

		fill(data, n, sent);
		done = send(fd, data, n, MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN)
			die("send");
		sent += done > 0 ? (uint64_t)done : 0;
	}
	errno = 0;
	if (sent == bytes)
		die("everything was taken by somebody who does not read");
	printf("stream-peer: blocked after %llu bytes\n", (unsigned long long)sent);
	other = dial_or_die(address);
	if (!send_all(other, "release\n", 8))
		die("release");
	close(other);
	fcntl(fd, F_SETFL, 0);
	if (!send_pattern(fd, sent, bytes) || shutdown(fd, SHUT_WR) < 0 || !read_line(fd, line, sizeof line))
		die("after release");
	check_result(line, bytes);
	close(fd);
}

static void ping(const char *address)
{
	int fd = dial_or_die(address);
	char line[16];

	if (!send_all(fd, "ping\n", 5) || !read_line(fd, line, sizeof line) || strcmp(line, "pong"))
		die("ping");
	close(fd);
}

static void churn(const char *address, unsigned int count, unsigned int width)
{
	int64_t begin = now_ms();
	int status, bad = 0;

	fflush(stdout);
	for (unsigned int i = 0; i < width; i++) {
		if (fork() == 0) {
			for (unsigned int n = i; n < count; n += width)
				ping(address);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	errno = 0;
	if (bad)
		die("churn");
	printf("stream-peer: %u connections in %lld ms\n", count, (long long)(now_ms() - begin));
}

static int run_there(char **words)
{
	int fd = dial_or_die(words[0]), result = -1;
	FILE *in = fdopen(fd, "r+");
	char line[512] = "run";

	for (int i = 1; words[i]; i++)
		snprintf(line + strlen(line), sizeof line - strlen(line), " %s", words[i]);
	strcat(line, "\n");
	if (!in || !send_all(fd, line, strlen(line)))
		die("run");
	while (fgets(line, sizeof line, in))
		if (sscanf(line, "exit %d", &result) != 1)
			fputs(line, stdout);
	return result;
}

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	for (struct dirent *e; dir && (e = readdir(dir));)
		count += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static unsigned long figure(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	unsigned long value = 0;
	char line[256];

	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, key, strlen(key)))
			value = strtoul(line + strlen(key), NULL, 10);
	if (file)
		fclose(file);
	return value;
}

static void figures(void)
{
	FILE *drop = fopen("/proc/sys/vm/drop_caches", "we");

	if (drop) {
		fputs("3\n", drop);
		fclose(drop);
	}
	printf("devices=%u sockets=%lu free=%lu slab=%lu\n", entries("/sys/bus/vmbus/devices"), figure("/proc/net/sockstat", "sockets: used "),
	       figure("/proc/meminfo", "MemFree:"), figure("/proc/meminfo", "SUnreclaim:"));
}

/* The server. */

static int act(char **words);

static void serve_run(int fd, char *words)
{
	char *list[16] = { NULL }, result[32];
	int status, count = 0;

	for (char *word = strtok(words, " "); word && count < 15; word = strtok(NULL, " "))
		list[count++] = word;
	if (fork() == 0) {
		dup2(fd, STDOUT_FILENO);
		exit(act(list));
	}
	wait(&status);
	snprintf(result, sizeof result, "exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	send_all(fd, result, strlen(result));
}

static void serve_stall(int fd, const char *gate)
{
	int rc = mkfifo(gate, 0600), reader = open(gate, O_RDWR | O_CLOEXEC);
	char byte;

	if ((rc < 0 && errno != EEXIST) || reader < 0)
		die(gate);
	send_all(fd, "ready\n", 6);
	if (read(reader, &byte, 1) != 1)
		die(gate);
}

static void serve_one(int fd)
{
	static const char gate[] = "/run/stream-peer.gate";
	char line[512];
	int writer;

	if (!read_line(fd, line, sizeof line))
		return;
	if (!strcmp(line, "ping")) {
		send_all(fd, "pong\n", 5);
		recv(fd, line, 1, 0);
	} else if (!strncmp(line, "source ", 7)) {
		if (!send_pattern(fd, 0, strtoull(line + 7, NULL, 10)) || shutdown(fd, SHUT_WR) < 0 || !read_line(fd, line, sizeof line) ||
		    strcmp(line, "thanks"))
			die("source");
	} else if (!strcmp(line, "sink") || !strcmp(line, "stall")) {
		if (line[1] == 't')
			serve_stall(fd, gate);
		if (!receive_all(fd, line, sizeof line))
			die("sink");
		strcat(line, "\n");
		send_all(fd, line, strlen(line));
	} else if (!strcmp(line, "release")) {
		writer = open(gate, O_WRONLY | O_CLOEXEC);
		if (writer < 0 || write(writer, "", 1) != 1)
			die(gate);
	} else if (!strncmp(line, "run ", 4)) {
		serve_run(fd, line + 4);
	}
}

static void serve(const char *address)
{
	int listener = !strncmp(address, "unix:", 5) ? unix_socket(address + 5, true) : vsock_socket(address + 6, true);

	if (listener < 0)
		die(address);
	printf("stream-peer: serving %s\n", address);
	fflush(stdout);
	/* Before any connection comes: a new process for each would cost more than the connection. */
	for (int i = 1; i < SERVERS && fork() != 0; i++)
		;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		serve_one(fd);
		close(fd);
	}
}

static int act(char **words)
{
	const char *verb = words[0], *address = verb ? words[1] : NULL;
	const char *first = address ? words[2] : NULL, *second = first ? words[3] : NULL;
	int64_t begin = now_ms();

	if (verb && !strcmp(verb, "figures")) {
		figures();
	} else if (!address) {
		return 2;
	} else if (!strcmp(verb, "serve")) {
		serve(address);
	} else if (!strcmp(verb, "refused")) {
		int fd, error;

		connect_timeout_s = REFUSED_S;
		fd = dial(address);
		error = errno;
		errno = 0;
		if (fd >= 0)
			die("connected");
		printf("stream-peer: refused after %lld ms: %s\n", (long long)(now_ms() - begin), *refusal ? refusal : strerror(error));
	} else if (!strcmp(verb, "as")) {
		gid_t gid = (gid_t)strtoul(strchrnul(address, ':') + 1, NULL, 10);

		if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid((uid_t)strtoul(address, NULL, 10)) < 0)
			die(address);
		return act(words + 2);
	} else if (!strcmp(verb, "run")) {
		return run_there(words + 1);
	} else if (first && !strcmp(verb, "push")) {
		push(address, strtoull(first, NULL, 10));
	} else if (first && !strcmp(verb, "pull")) {
		pull(address, strtoull(first, NULL, 10));
	} else if (first && !strcmp(verb, "stall")) {
		stall(address, strtoull(first, NULL, 10));
	} else if (second && !strcmp(verb, "churn")) {
		churn(address, (unsigned int)strtoul(first, NULL, 10), (unsigned int)strtoul(second, NULL, 10));
	} else {
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	return act(argv + 1);
}
