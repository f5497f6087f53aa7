/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP datagrams to an echo that checks them (tests/guest/network.c), and checked when they come back. Exit code 0: all did.
 *
 *   datagram-peer ADDRESS PORT COUNT BYTES     so many, of up to so many bytes
 *   datagram-peer ADDRESS PORT end             says that this was all
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TRIES = 5, LEAST = 5 };

static unsigned int sent_again;

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void exchange(int fd, const uint8_t *data, size_t bytes)
{
	static uint8_t back[65536];

	for (int try = 0; try < TRIES; try++) {
		ssize_t n;

		if (send(fd, data, bytes, 0) != (ssize_t)bytes)
			die("datagram-peer: send");
		/* What is left of an earlier try is of another size or number. */
		while ((n = recv(fd, back, sizeof back, 0)) >= 0)
			if ((size_t)n == bytes && memcmp(back, data, bytes) == 0)
				return;
		sent_again++;
	}
	printf("datagram-peer: FAILED: a datagram of %zu bytes does not come back\n", bytes);
	exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval timeout = { .tv_sec = 1 };
	static uint8_t data[65536];
	unsigned int count, most;
	int fd;

	if (argc < 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 || connect(fd, (void *)&to, sizeof to) < 0)
		die("datagram-peer: connect");
	if (argc == 4) {
		exchange(fd, (const uint8_t *)"end\n", 4);
		return 0;
	}
	count = (unsigned int)atoi(argv[3]);
	most = (unsigned int)atoi(argv[4]);
	if (most < LEAST || most > sizeof data)
		return 2;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t number = htonl(i), bytes = LEAST + i * 977 % (most - LEAST + 1);

		memcpy(data, &number, sizeof number);
		for (uint32_t at = 4; at < bytes; at++)
			data[at] = (uint8_t)(at * 7 + (at >> 8) + i);
		exchange(fd, data, bytes);
	}
	printf("datagram-peer: %u datagrams verified, %u sent again\n", count, sent_again);
	return 0;
}
