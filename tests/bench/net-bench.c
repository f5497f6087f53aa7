/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP between a child and the root, the same binary on both ends: `net-bench peer` serves on every address, `net-bench ADDRESS`
 * connects and prints "BENCH name value": a stream each way (MiB/s) and a byte sent back and forth (transactions a second).
 * Streams are counted where they arrive.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT 5210
#define SECONDS 1.5
#define CHUNK (128u << 10)
#define MIB (1024.0 * 1024.0)

static char buffer[CHUNK];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	printf("BENCH-FAILED %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Sends for the time; the other side counts. */
static void send_stream(int fd)
{
	uint64_t end = now_ns() + (uint64_t)(SECONDS * 1e9);

	while (now_ns() < end)
		if (write(fd, buffer, sizeof buffer) < 0)
			fail("send");
	shutdown(fd, SHUT_WR);
}

/* Counts until the end of the stream. The first tenth of a second is not counted: slow start. */
static double receive_stream(int fd)
{
	uint64_t begin = 0, last = 0, bytes = 0;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) > 0) {
		last = now_ns();
		if (!begin)
			begin = last;
		if (last - begin > 100000000)
			bytes += (uint64_t)n;
	}
	if (n < 0)
		fail("receive");
	return last - begin > 200000000 ? (double)bytes / MIB / ((double)(last - begin - 100000000) / 1e9) : 0;
}

static void serve(int fd)
{
	double rate;
	char what;

	if (read(fd, &what, 1) != 1)
		return;
	switch (what) {
	case 'S':        /* the client sends */
		rate = receive_stream(fd);
		if (write(fd, &rate, sizeof rate) != sizeof rate)
			fail("reply");
		break;
	case 'R':
		send_stream(fd);
		break;
	case 'P':
		while (read(fd, &what, 1) == 1 && write(fd, &what, 1) == 1)
			;
		break;
	}
}

static int peer(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
		fail("listen");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		serve(fd);
		close(fd);
	}
	return 1;
}

static int connect_to(const char *host, char what)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fail(host);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (write(fd, &what, 1) != 1)
		fail("send");
	return fd;
}

static void begin(const char *name)
{
	printf("BENCH-BEGIN %s\n", name);
	fflush(stdout);
}

/* Figures of a stream are also counted by the MiB, those of requests by the transaction. */
static void report(const char *name, double value, double operations)
{
	printf("BENCH-END %s %llu\nBENCH %s %.3f\n", name, (unsigned long long)operations, name, value);
	fflush(stdout);
}

static void bench_send(const char *host)
{
	int fd = connect_to(host, 'S');
	double rate = 0;

	begin("tcp_send");
	send_stream(fd);
	if (read(fd, &rate, sizeof rate) != sizeof rate)
		fail("reply");
	report("tcp_send", rate, rate * SECONDS + 1);
	close(fd);
}

static void bench_receive(const char *host)
{
	int fd = connect_to(host, 'R');
	double rate;

	begin("tcp_receive");
	rate = receive_stream(fd);
	report("tcp_receive", rate, rate * SECONDS + 1);
	close(fd);
}

static void bench_requests(const char *host)
{
	int fd = connect_to(host, 'P');
	uint64_t start, end, count = 0;
	char byte = 1;

	begin("tcp_rr");
	start = now_ns();
	end = start + (uint64_t)(SECONDS * 1e9);
	do {
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			fail("request");
		count++;
	} while (now_ns() < end);
	report("tcp_rr", (double)count * 1e9 / (double)(now_ns() - start), (double)count);
	close(fd);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc != 2) {
		fprintf(stderr, "usage: net-bench peer | ADDRESS\n");
		return 2;
	}
	if (strcmp(argv[1], "peer") == 0)
		return peer();
	bench_requests(argv[1]);
	bench_send(argv[1]);
	bench_receive(argv[1]);
	return 0;
}
