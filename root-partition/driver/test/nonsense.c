// SPDX-License-Identifier: BSD-2-Clause
/* Random ioctls and hypercalls from a seed, on every kind of descriptor. What they do to their own child is their affair. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "abi/hypercall.h"

static uint64_t state;
static union {
	uint64_t words[1024];
	uint8_t bytes[8192];
} input, output;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Mostly small, sometimes at an edge, sometimes anything. */
static uint64_t any_number(void)
{
	static const uint64_t edges[] = {
		0, 1, 63, 64, 255, 511, 512, 4095, 4096, 0xffff, 0x7fffffff, 0xffffffff, ~0ull,
		1ull << 40, (1ull << 52) - 1, 1ull << 63,
	};

	switch (random64() % 4) {
	case 0:
		return random64();
	case 1:
		return edges[random64() % (sizeof edges / sizeof edges[0])];
	default:
		return random64() % 8;
	}
}

static void fill_input(void)
{
	for (unsigned int i = 0; i < 40; i++)
		input.words[i] = any_number();
	for (unsigned int i = 0; i < 16; i++)
		*(uint32_t *)(input.bytes + random64() % 20 * 4) = (uint32_t)any_number();
}

static void any_hypercall(int fd)
{
	static const uint16_t codes[] = {
		HVCALL_GET_PARTITION_PROPERTY, HVCALL_SET_PARTITION_PROPERTY, HVCALL_GET_PARTITION_PROPERTY_EX,
		HVCALL_INSTALL_INTERCEPT, HVCALL_GET_VP_REGISTERS, HVCALL_SET_VP_REGISTERS,
		HVCALL_TRANSLATE_VIRTUAL_ADDRESS, HVCALL_REGISTER_INTERCEPT_RESULT, HVCALL_ASSERT_VIRTUAL_INTERRUPT,
		HVCALL_SIGNAL_EVENT_DIRECT, HVCALL_POST_MESSAGE_DIRECT, 0x56, 0xc9, 0xf4, HVCALL_DELETE_PARTITION,
		HVCALL_MAP_GPA_PAGES, HVCALL_DEPOSIT_MEMORY,
	};
	static const uint32_t registers[] = {
		HV_X64_REGISTER_RAX, HV_X64_REGISTER_RIP, HV_X64_REGISTER_RFLAGS, HV_X64_REGISTER_CR0,
		HV_X64_REGISTER_CR3, HV_X64_REGISTER_CR4, HV_X64_REGISTER_EFER, HV_X64_REGISTER_CS,
		HV_X64_REGISTER_SS, HV_X64_REGISTER_TR, HV_X64_REGISTER_XFEM, HV_X64_REGISTER_PAT,
		HV_X64_REGISTER_APIC_BASE, HV_REGISTER_SIMP, HV_REGISTER_SIEFP,
		HV_REGISTER_PENDING_INTERRUPTION, HV_REGISTER_INTERNAL_ACTIVITY_STATE, HV_X64_REGISTER_DR7,
	};
	struct mshv_root_hvcall call = {
		.code = codes[random64() % (sizeof codes / sizeof codes[0])],
		.reps = (uint16_t)(random64() % 3 ? random64() % 4 : any_number()),
		.in_sz = (uint16_t)(random64() % 3 ? 512 : any_number()),
		.out_sz = (uint16_t)(random64() % 3 ? 512 : any_number()),
		.in_ptr = random64() % 16 ? (uintptr_t)&input : any_number(),
		.out_ptr = random64() % 16 ? (uintptr_t)&output : any_number(),
	};

	fill_input();
	/* A VP that exists and registers that exist, more often than chance would have it. */
	if (random64() % 4) {
		*(uint32_t *)(input.bytes + 8) = (uint32_t)(random64() % 2);
		*(uint32_t *)(input.bytes + 12) = 0;
		*(uint32_t *)(input.bytes + 16) = registers[random64() % (sizeof registers / sizeof registers[0])];
		if (call.code == HVCALL_SET_VP_REGISTERS)
			memset(input.bytes + 20, 0, 12);
	}
	ioctl(fd, MSHV_ROOT_HVCALL, &call);
}

static void any_memory(int fd)
{
	struct mshv_user_mem_region region = {
		.size = random64() % 4 ? (random64() % 64) << 12 : any_number(),
		.guest_pfn = any_number(),
		.userspace_addr = random64() % 4 ? ((uintptr_t)&input & ~4095ull) : any_number(),
		.flags = (uint8_t)(random64() % 8),
	};

	ioctl(fd, random64() % 4 ? MSHV_SET_GUEST_MEMORY : BULKHEAD_MOVE_MEMORY, &region);
}

static void any_ioctl(int fd)
{
	static const unsigned long numbers[] = {
		MSHV_INITIALIZE_PARTITION, MSHV_CREATE_VP, MSHV_IRQFD, MSHV_SET_MSI_ROUTING, MSHV_RUN_VP,
		MSHV_GET_VP_STATE, MSHV_SET_VP_STATE, BULKHEAD_SIGNALFD, BULKHEAD_MESSAGE_PORT, BULKHEAD_SIGNAL_EVENT,
		BULKHEAD_PARTITION_INFO, BULKHEAD_VP_INFO, BULKHEAD_HOST_INFO, BULKHEAD_KICK_VP, BULKHEAD_OPEN_VP,
	};
	unsigned long number = numbers[random64() % (sizeof numbers / sizeof numbers[0])];
	int result;

	fill_input();
	result = ioctl(fd, number, random64() % 16 ? (unsigned long)&input : any_number());
	if ((number == MSHV_CREATE_VP || number == BULKHEAD_OPEN_VP) && result > 2)
		close(result);
}

static void on_alarm(int signal)
{
	(void)signal;
}

void nonsense(uint64_t seed, unsigned int rounds)
{
	struct itimerval every = { { 0, 3000 }, { 0, 3000 } }, never = { 0 };
	struct sigaction action = { .sa_handler = on_alarm };
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct child c;

	state = seed;
	sigaction(SIGALRM, &action, NULL);
	child_create(&c, 4 * MIB, 2);
	for (size_t i = 0; i < c.size; i += 8)
		*(uint64_t *)(c.memory + i) = random64();
	setitimer(ITIMER_REAL, &every, NULL);
	for (unsigned int i = 0; i < rounds; i++) {
		int fds[] = { device, c.partition, c.vp[0], c.vp[1], event };
		int fd = fds[random64() % 5];

		switch (random64() % 4) {
		case 0:
			any_memory(c.partition);
			break;
		case 1:
			any_ioctl(fd);
			break;
		default:
			any_hypercall(fd);
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	close(event);
	child_destroy(&c);
}
