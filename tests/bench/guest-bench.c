/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measuring program, the same binary on the bare machine and in both kinds of child: guest-bench DISK.
 * Prints one line a figure: "BENCH name value". The loops are the best of SLICES, which leaves out what else the host did; a disk
 * pattern is one run. The caller repeats and takes medians.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define SPAN (192 * MIB)      /* of the disk, so that no run sees more of it than another */
#define MAX_DEPTH 32
#define SLICES 12

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void report(const char *name, double value)
{
	printf("BENCH %s %.3f\n", name, value);
	fflush(stdout);
}

static void fail(const char *what, int error)
{
	printf("BENCH-FAILED %s: %s\n", what, strerror(error));
	exit(1);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Integer work in user mode, no memory beyond a cache line: million steps a second. */
static void bench_cpu(void)
{
	const uint64_t steps = 40000000;
	uint64_t state = 88172645463325252ull, best = UINT64_MAX;

	for (unsigned int slice = 0; slice < SLICES; slice++) {
		uint64_t start = now_ns(), took;

		for (uint64_t i = 0; i < steps; i++)
			next_random(&state);
		__asm__ volatile("" : "+r"(state));
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	report("cpu_loop", (double)steps * 1000 / (double)best);
}

static void bench_cpuid(void)
{
	const unsigned int count = 2000;
	uint64_t best = UINT64_MAX;
	unsigned int a, b, c, d;

	for (unsigned int slice = 0; slice < SLICES; slice++) {
		uint64_t start = now_ns(), took;

		for (unsigned int i = 0; i < count; i++)
			__cpuid(0, a, b, c, d);
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	report("cpuid_ns", (double)best / count);
}

struct pattern {
	const char *name;
	int write, sequential;
	unsigned int depth;
	size_t size;
	double seconds;
	int in_mib;               /* MiB/s instead of operations a second */
};

static void submit(struct io_uring *ring, int fd, const struct pattern *p, void *buffer, uint64_t index, uint64_t *seed)
{
	uint64_t blocks = SPAN / p->size, block = p->sequential ? index % blocks : next_random(seed) % blocks;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (p->write)
		io_uring_prep_write(sqe, fd, buffer, (unsigned int)p->size, block * p->size);
	else
		io_uring_prep_read(sqe, fd, buffer, (unsigned int)p->size, block * p->size);
	io_uring_sqe_set_data(sqe, buffer);
}

static void bench_disk(int fd, const struct pattern *p)
{
	uint64_t issued = 0, done = 0, seed = 0x9e3779b97f4a7c15ull, start, end;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	void *buffer[MAX_DEPTH];
	int rc = io_uring_queue_init(MAX_DEPTH * 2, &ring, 0);

	if (rc < 0)
		fail("io_uring", -rc);
	for (unsigned int i = 0; i < p->depth; i++) {
		if (posix_memalign(&buffer[i], 4096, p->size))
			fail("memory", ENOMEM);
		memset(buffer[i], (int)i + 1, p->size);
	}
	printf("BENCH-BEGIN %s\n", p->name);
	fflush(stdout);
	start = now_ns();
	end = start + (uint64_t)(p->seconds * 1e9);
	while (issued < p->depth)
		submit(&ring, fd, p, buffer[issued], issued, &seed), issued++;
	while (done < issued) {
		rc = io_uring_submit_and_wait(&ring, 1);
		if (rc < 0)
			fail("io_uring_enter", -rc);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			void *b = io_uring_cqe_get_data(cqe);

			if (cqe->res != (int)p->size)
				fail(p->name, cqe->res < 0 ? -cqe->res : EIO);
			io_uring_cqe_seen(&ring, cqe);
			done++;
			if (now_ns() < end) {
				submit(&ring, fd, p, b, issued, &seed);
				issued++;
			}
		}
	}
	end = now_ns();
	printf("BENCH-END %s %llu\n", p->name, (unsigned long long)done);
	report(p->name, (double)done * 1e9 / (double)(end - start) * (p->in_mib ? (double)p->size / (double)MIB : 1));
	io_uring_queue_exit(&ring);
	for (unsigned int i = 0; i < p->depth; i++)
		free(buffer[i]);
}

int main(int argc, char **argv)
{
	static const struct pattern patterns[] = {
		{ "read4k_d1", 0, 0, 1, 4 * KIB, 1.0, 0 },
		{ "read4k_d32", 0, 0, 32, 4 * KIB, 1.0, 0 },
		{ "write4k_d32", 1, 0, 32, 4 * KIB, 1.0, 0 },
		{ "read1m_seq", 0, 1, 4, MIB, 1.0, 1 },
	};
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: guest-bench DISK    (its content is overwritten)\n");
		return 2;
	}
	bench_cpu();
	bench_cpuid();
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		fail(argv[1], errno);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
		bench_disk(fd, &patterns[i]);
	return 0;
}
