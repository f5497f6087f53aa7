/* SPDX-License-Identifier: BSD-2-Clause */
/* A child whose process is killed, and the process that goes on with it. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* inc byte [0]; mov dx, 1234h; out dx, al; jmp to the inc */
static const uint8_t code_touch[] = { 0xfe, 0x06, 0x00, 0x00, 0xba, 0x34, 0x12, 0xee, 0xeb, 0xf6 };

/* Runs a child to an OUT that it does not complete, tells by which descriptor and which message, and waits to be killed. */
static _Noreturn void predecessor(uint8_t *more, int out)
{
	struct hv_message m;
	struct child c;
	uint64_t told[2];

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_touch, sizeof code_touch);
	CHECK(map_memory(c.partition, 8 * MIB, more, 4 * MIB, 3) == 0);
	child_touch(&c, 8 * MIB);
	CHECK(child_run(&c, 0, &m) == 0);
	told[0] = (uint64_t)c.partition;
	told[1] = m.header.sender;
	CHECK(write(out, told, sizeof told) == sizeof told);
	for (;;)
		pause();
}

static int move_memory(int partition, uint64_t gpa, const void *memory, size_t size)
{
	struct mshv_user_mem_region region = { .size = size, .guest_pfn = gpa >> 12, .userspace_addr = (uintptr_t)memory, .flags = 3 };

	return ioctl(partition, BULKHEAD_MOVE_MEMORY, &region);
}

/* A partition outlives its process by its descriptor: another one has its memory and its VP, with the exit that was not completed. */
void successor_goes_on(void)
{
	int file, out[2], pidfd;
	uint8_t *more = shared_memory(4 * MIB, &file), *own = huge_memory(2 * MIB);
	struct mshv_create_vp vp = { 0 };
	struct child c = { .vps = 1 };
	struct hv_message m;
	uint64_t told[2];
	pid_t pid;

	CHECK(pipe(out) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		predecessor(more, out[1]);
	CHECK(read(out[0], told, sizeof told) == sizeof told);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	c.partition = (int)syscall(SYS_pidfd_getfd, pidfd, (int)told[0], 0);
	CHECK(c.partition >= 0);
	CHECK_ERRNO(move_memory(c.partition, 8 * MIB, more, 4 * MIB), EBUSY);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(partition_info(c.partition).pinned_bytes == 4 * MIB);
	CHECK_ERRNO(move_memory(c.partition, 8 * MIB, more, 2 * MIB), EINVAL);
	CHECK_ERRNO(move_memory(c.partition, 8 * MIB, (void *)0x1000, 4 * MIB), EFAULT);
	CHECK(move_memory(c.partition, 8 * MIB, more, 4 * MIB) == 0);
	CHECK(move_memory(c.partition, 0, own, 2 * MIB) == 0);
	vp.vp_index = 1;
	CHECK_ERRNO(ioctl(c.partition, BULKHEAD_OPEN_VP, &vp), ENOENT);
	vp.vp_index = 0;
	c.vp[0] = ioctl(c.partition, BULKHEAD_OPEN_VP, &vp);
	CHECK(c.vp[0] >= 0);
	c.registers[0] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c.vp[0], MSHV_VP_MMAP_OFFSET_REGISTERS * 4096);
	CHECK(c.registers[0] != MAP_FAILED);
	/* The same message; not completed, its instruction is executed again. */
	CHECK(child_run(&c, 0, &m) == 0 && m.header.sender == told[1]);
	CHECK(m.header.message_type == HVMSG_X64_IO_PORT_INTERCEPT);
	CHECK(more[0] == 2);
	child_expect_out(&c, 0);
	CHECK(more[0] == 2);
	child_touch(&c, 8 * MIB);
	CHECK(more[0] == 3);
	/* What was not there yet comes from here. */
	child_touch(&c, 10 * MIB);
	CHECK(more[2 * MIB] == 1);
	CHECK(partition_info(c.partition).pinned_bytes == 6 * MIB);
	c.memory = own;
	c.size = 2 * MIB;
	child_destroy(&c);
	munmap(more, 4 * MIB);
	close(file);
	close(pidfd);
	close(out[0]);
	close(out[1]);
}
