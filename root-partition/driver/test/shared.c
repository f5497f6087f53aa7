/* SPDX-License-Identifier: BSD-2-Clause */
/* BULKHEAD_RUN_VP: the thread that runs a VP has other work and waits in poll(). */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/hypercall.h"

static const uint8_t code_halt[] = { 0xf4, 0xeb, 0xfd };   /* hlt; jmp to it */
static const uint8_t code_spin[] = { 0xeb, 0xfe, 0x90 };   /* jmp $ */

static bool may_go_on(const struct child *c, int timeout_ms)
{
	struct pollfd vp = { .fd = c->vp[0], .events = POLLIN };
	int rc = poll(&vp, 1, timeout_ms);

	CHECK(rc >= 0 && !(vp.revents & ~POLLIN));
	return rc == 1;
}

/* The state of one call; a message, which is an OUT, is completed. */
static uint32_t run(struct child *c, uint32_t flags)
{
	struct bulkhead_run_vp r = { .flags = flags, .state = ~0u };
	struct hv_message message;

	while (ioctl(c->vp[0], BULKHEAD_RUN_VP, &r) < 0)
		CHECK(errno == EINTR);
	if (r.state == BULKHEAD_STATE_MESSAGE) {
		__builtin_memcpy(&message, &r.message, sizeof message);
		child_complete_out(c, 0, &message);
	}
	return r.state;
}

static void nmi(const struct child *c)
{
	CHECK(assert_interrupt(c->partition, HV_INTERRUPT_TYPE_NMI, 0, 0) == 0);
}

/* It says that the VP is blocked, each time, and does not sleep; what the thread itself does for the VP counts without a poll. */
static void blocked(uint32_t flags)
{
	struct child c;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_halt, sizeof code_halt);
	child_nmi_handler(&c);
	for (int n = 0; n < 100; n++) {
		while (run(&c, flags) != HV_VP_DISPATCH_STATE_BLOCKED)
			;
		CHECK(run(&c, flags) == HV_VP_DISPATCH_STATE_BLOCKED);
		CHECK(!may_go_on(&c, 0));
		nmi(&c);
		while (run(&c, flags) != BULKHEAD_STATE_MESSAGE)
			;
	}
	/* A thread that sleeps in RUN_VP takes over at any time. */
	nmi(&c);
	child_expect_out(&c, 0);
	child_destroy(&c);
}

/* Another process's interrupt ends the poll, at whatever moment it comes. */
static void woken(uint32_t flags)
{
	int ready[2], status;
	struct child c;
	pid_t sender;
	char byte = 0;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_halt, sizeof code_halt);
	child_nmi_handler(&c);
	CHECK(pipe(ready) == 0);
	sender = fork();
	CHECK(sender >= 0);
	if (sender == 0) {
		for (int n = 0; n < 300; n++) {
			CHECK(read(ready[0], &byte, 1) == 1);
			if (n % 3)
				usleep((useconds_t)(n % 7) * 50);
			nmi(&c);
		}
		_exit(0);
	}
	for (int n = 0; n < 300; n++) {
		uint32_t state;

		CHECK(write(ready[1], &byte, 1) == 1);
		while ((state = run(&c, flags)) != BULKHEAD_STATE_MESSAGE)
			if (state == HV_VP_DISPATCH_STATE_BLOCKED)
				CHECK(may_go_on(&c, 10000));
	}
	CHECK(waitpid(sender, &status, 0) == sender && status == 0);
	close(ready[0]);
	close(ready[1]);
	child_destroy(&c);
}

/* A VP that never blocks gives the thread back all the same; a kick does so too. */
static void spins(uint32_t flags)
{
	struct bulkhead_run_vp r = { .flags = flags };
	struct child c;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_spin, sizeof code_spin);
	for (int n = 0; n < 20; n++)
		CHECK(run(&c, flags) == HV_VP_DISPATCH_STATE_READY);
	CHECK(!may_go_on(&c, 0));
	CHECK(ioctl(c.vp[0], BULKHEAD_KICK_VP) == 0);
	CHECK_ERRNO(ioctl(c.vp[0], BULKHEAD_RUN_VP, &r), EINTR);
	r.flags = ~0u;
	CHECK_ERRNO(ioctl(c.vp[0], BULKHEAD_RUN_VP, &r), EINVAL);
	child_destroy(&c);
}

void shared_run(void)
{
	for (uint32_t flags = 0; flags <= BULKHEAD_RUN_PATIENT; flags++) {
		blocked(flags);
		woken(flags);
		spins(flags);
	}
}
