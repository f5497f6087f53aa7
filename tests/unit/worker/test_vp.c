/* SPDX-License-Identifier: BSD-2-Clause */
/* VP threads, their gate and the completion of exits, over a hypervisor that is a table of exits in this file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "abi/hypercall.h"
#include "layout.h"
#include "tests/unit/run_tests.h"
#include "vp.h"

static uint8_t ram[1u << 20];
static struct guest_memory memory = { ram, sizeof ram, sizeof ram, sizeof ram };
static struct worker_state_region region;
static struct console console;
static struct devices devices;
static struct event_queue events;
static struct vp_set set;
static struct hv_vp_register_page registers[2];
static uint8_t message_page[4096];
static uv_loop_t loop;
static atomic_int kicked[2], runs[2];
static atomic_bool flood;

/* The fake hypervisor: a VP spins in the guest until it is kicked, or posts messages without end. */
int mshv_vp_run(const struct mshv_vp *vp, struct hv_message *message)
{
	atomic_fetch_add(&runs[vp->index], 1);
	if (flood) {
		memset(message, 0, sizeof *message);
		message->header.message_type = HVMSG_BULKHEAD_POST_MESSAGE;
		return 0;
	}
	while (!atomic_exchange(&kicked[vp->index], 0))
		usleep(100);
	return -EINTR;
}

static struct bulkhead_run_vp script[4];
static unsigned int scripted;
static int script_rc;

/* The same for the loop's thread: what the test has written down. */
int mshv_vp_run_shared(const struct mshv_vp *vp, struct bulkhead_run_vp *run)
{
	uint32_t flags = run->flags;

	(void)vp;
	*run = script[scripted];
	run->flags = flags;
	script[scripted++].flags = flags;
	return script_rc;
}

int mshv_vp_kick(const struct mshv_vp *vp)
{
	atomic_store(&kicked[vp->index], 1);
	return 0;
}

int mshv_vp_translate(const struct mshv_vp *vp, uint64_t gva, uint64_t flags, uint64_t *ret_gpa)
{
	(void)vp;
	(void)flags;
	if (gva >= 0x10000 && gva < 0x20000) /* a hole in the page tables */
		return -EFAULT;
	*ret_gpa = gva;
	return 0;
}

static struct {
	uint64_t gpa, size;
} released[8];
static unsigned int release_count;

int mshv_partition_release(const struct mshv_partition *pt, uint64_t gpa, uint64_t size)
{
	(void)pt;
	released[release_count].gpa = gpa;
	released[release_count++].size = size;
	return 0;
}

static void wake(void *context)
{
	(void)context;
}

static void send_interrupt(void *context, unsigned int mode, bool logical, bool level, uint8_t destination, uint8_t vector)
{
	(void)context;
	(void)mode;
	(void)logical;
	(void)level;
	(void)destination;
	(void)vector;
}

static void begin(void)
{
	unsigned int i;

	uv_loop_init(&loop);
	ck_assert_int_eq(console_init(&console, &region.console, &loop, -1, -1), 0);
	devices = (struct devices){ .state = &region, .console = &console, .send_interrupt = send_interrupt };
	devices_init(&devices);
	devices_reset(&devices);
	event_queue_init(&events, &region.events);
	set.devices = &devices;
	set.events = &events;
	set.memory = &memory;
	set.wake = wake;
	set.first_run = wake;
	for (i = 0; i < 2; i++) {
		set.vp[i].set = &set;
		set.vp[i].mshv = (struct mshv_vp){ -1, i, &registers[i], message_page };
		registers[i] = (struct hv_vp_register_page){ .rip = 0x1000 };
	}
}

static struct hv_message port_exit(uint16_t port, unsigned int size, bool write, unsigned int flags, uint8_t length)
{
	struct hv_x64_io_port_intercept_message io = {
		.header = { .instruction_length = length, .intercept_access_type = write, .execution_state = 0x14,
			    .cs = { .attributes = 0xa09b }, .rip = 0x1000, .rflags = registers[0].rflags },
		.port_number = port, .access_info = (uint8_t)(size | flags), .rax = registers[0].gpr[0],
	};
	struct hv_message m = { .header.message_type = HVMSG_X64_IO_PORT_INTERCEPT };

	memcpy(m.u.bytes, &io, sizeof io);
	return m;
}

/* IN merges into RAX by its width and moves RIP; OUT leaves the registers alone. */
START_TEST(ports)
{
	struct hv_message m;

	begin();
	registers[0].gpr[0] = 0x1122334455667788u;
	m = port_exit(0x64, 1, false, 0, 2);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(registers[0].gpr[0], 0x11223344556677ffu);
	ck_assert_uint_eq(registers[0].rip, 0x1002);
	ck_assert_uint_eq(registers[0].dirty, HV_REGISTER_PAGE_DIRTY_GP | HV_REGISTER_PAGE_DIRTY_IP);
	m = port_exit(0xcfc, 4, false, 0, 1);
	vp_complete_exit(&set.vp[0], &m);
	ck_assert_uint_eq(registers[0].gpr[0], 0xffffffffu);
	registers[0].dirty = 0;
	registers[0].gpr[0] = 'Q';
	m = port_exit(0x3f8, 1, true, 0, 1);
	vp_complete_exit(&set.vp[0], &m);
	ck_assert_uint_eq(registers[0].dirty, HV_REGISTER_PAGE_DIRTY_IP);
	ck_assert_uint_eq(region.console.ring[0], 'Q');
	m = port_exit(0x3f8, 3, true, 0, 1);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_HALT);
}
END_TEST

/* REP OUTSB over a page boundary; what is left after a page comes with the next exit; a hole ends the guest with a reason. */
START_TEST(string_output)
{
	struct hv_message m;
	struct event e;
	size_t i;

	begin();
	for (i = 0; i < 6000; i++)
		ram[0x2f00 + i] = (uint8_t)('a' + i % 26);
	registers[0].gpr[6] = 0x2f00;
	registers[0].gpr[1] = 6000;
	m = port_exit(0x3f8, 1, true, 0x18, 2);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(registers[0].gpr[1], 6000 - 4096);
	ck_assert_uint_eq(registers[0].rip, 0x1000);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(registers[0].gpr[1], 0);
	ck_assert_uint_eq(registers[0].gpr[6], 0x2f00 + 6000);
	ck_assert_uint_eq(registers[0].rip, 0x1002);
	ck_assert_uint_eq(region.console.head, 6000);
	ck_assert_int_eq(memcmp(region.console.ring, ram + 0x2f00, 6000), 0);
	registers[0].gpr[6] = 0xfffe;
	registers[0].gpr[1] = 10;
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_HALT);
	ck_assert(event_queue_get(&events, &e));
	ck_assert_int_eq(e.type, EVENT_STOP);
	ck_assert_ptr_nonnull(strstr(e.u.stop.reason, "0x10000"));
}
END_TEST

static struct hv_message memory_exit(uint64_t gpa, const uint8_t *bytes, uint8_t count, unsigned int access)
{
	struct hv_x64_memory_intercept_message mem = {
		.header = { .intercept_access_type = (uint8_t)access, .execution_state = 0x14, .cs = { .attributes = 0xa09b }, .rip = 0x1000 },
		.instruction_byte_count = count, .guest_physical_address = gpa,
	};
	struct hv_message m = { .header.message_type = HVMSG_UNMAPPED_GPA };

	memcpy(mem.instruction_bytes, bytes, count);
	memcpy(m.u.bytes, &mem, sizeof mem);
	return m;
}

/* The I/O APIC's version register by index and window; with no instruction bytes in the message they are fetched. */
START_TEST(mmio)
{
	const uint8_t store[] = { 0xc7, 0x07, 1, 0, 0, 0 }, load[] = { 0x8b, 0x07 }, wild[] = { 0x0f, 0xae, 0x07 };
	struct hv_message m;
	struct event e;

	begin();
	m = memory_exit(LAYOUT_IOAPIC, store, sizeof store, HV_INTERCEPT_ACCESS_WRITE);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(registers[0].rip, 0x1006);
	memcpy(ram + 0x1000, load, sizeof load);
	m = memory_exit(LAYOUT_IOAPIC + 0x10, load, 0, HV_INTERCEPT_ACCESS_READ);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(registers[0].gpr[0], 0x00170011);
	m = memory_exit(0xfed00000, wild, sizeof wild, HV_INTERCEPT_ACCESS_READ);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_HALT);
	ck_assert(event_queue_get(&events, &e));
	ck_assert_ptr_nonnull(strstr(e.u.stop.reason, "0f ae 07"));
	m = memory_exit(0xfed00000, wild, 0, HV_INTERCEPT_ACCESS_EXECUTE);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_HALT);
}
END_TEST

START_TEST(fatal_exits_have_reasons)
{
	struct hv_x64_fatal_message f = { .header = { .rip = 0xffffffff81000000u }, .exit_code = 0x7f };
	struct hv_message m = { .header.message_type = HVMSG_UNRECOVERABLE_EXCEPTION };
	struct event e;

	begin();
	memcpy(m.u.bytes, &f, sizeof f);
	ck_assert_int_eq(vp_complete_exit(&set.vp[1], &m), VP_HALT);
	ck_assert(event_queue_get(&events, &e));
	ck_assert_int_eq(e.u.stop.cause, WORKER_STOP_TRIPLE_FAULT);
	ck_assert_ptr_nonnull(strstr(e.u.stop.reason, "0xffffffff81000000"));
	ck_assert_ptr_nonnull(strstr(e.u.stop.reason, "VP 1"));
	m.header.message_type = 0x12345678;
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_HALT);
}
END_TEST

/* Closing the gate gets every VP out of the guest, whatever it does; opening lets them in again; many times. */
START_TEST(gate)
{
	int i, before;

	begin();
	ck_assert_int_eq(vp_set_start(&set, 2), 0);
	for (i = 0; i < 200; i++) {
		before = runs[1];
		vp_set_open_gate(&set);
		while (runs[1] == before)
			usleep(10);
		vp_set_close_gate(&set);
		ck_assert(!set.vp[0].inside && !set.vp[1].inside);
	}
	before = runs[0] + runs[1];
	usleep(20000);
	ck_assert_int_eq(runs[0] + runs[1], before);
}
END_TEST

/* Guests that post without end wait for the loop, can be paused meanwhile, and lose their stale events at a reset. */
START_TEST(flood_of_messages)
{
	struct event e;
	int i;

	begin();
	flood = true;
	ck_assert_int_eq(vp_set_start(&set, 2), 0);
	vp_set_open_gate(&set);
	for (i = 0; i < 2000; i++) {
		while (!event_queue_get(&events, &e))
			usleep(10);
		ck_assert_int_eq(e.type, EVENT_POSTED_MESSAGE);
		vp_set_drained(&set);
	}
	vp_set_close_gate(&set);
	ck_assert(!set.vp[0].inside && !set.vp[1].inside);
	vp_set_forget_events(&set);
	usleep(5000);
	ck_assert(!event_queue_get(&events, &e));
	vp_set_open_gate(&set);
	while (!event_queue_get(&events, &e))
		usleep(10);
	vp_set_close_gate(&set);
}
END_TEST

/* What was queued, and what was given but not handled, is there for a successor; a message that has come before is not taken twice. */
START_TEST(queue_outlives_its_worker)
{
	struct event e = { .type = EVENT_POSTED_MESSAGE, .vp = 1 };
	bool wake;
	uint64_t n;

	begin();
	for (n = 1; n <= 3; n++) {
		e.message = n;
		ck_assert(event_queue_put(&events, &e, &wake));
		ck_assert_int_eq(wake, n == 1);
	}
	ck_assert(event_queue_get(&events, &e) && e.message == 1);
	ck_assert(event_queue_get(&events, &e) && e.message == 2);
	event_queue_init(&events, &region.events);
	e.message = 3;
	ck_assert(event_queue_put(&events, &e, &wake));
	for (n = 2; n <= 3; n++)
		ck_assert(event_queue_get(&events, &e) && e.message == n);
	ck_assert(!event_queue_get(&events, &e));
	/* The VPs of a new partition count from 1. */
	event_queue_clear(&events);
	e.message = 1;
	ck_assert(event_queue_put(&events, &e, &wake) && wake);
	ck_assert(event_queue_get(&events, &e));
}
END_TEST

/* Small pages and large ones go back; what is not all of it memory, or of 1 GiB, does not, and neither does a list outside of memory. */
START_TEST(discarded_memory)
{
	const uint64_t ranges[] = { 0x5000, 0x7000 | 2, sizeof ram - 0x1000, sizeof ram, 0x8000 | HV_GPA_RANGE_ADDITIONAL,
				    HV_GPA_RANGE_LARGE, HV_GPA_RANGE_LARGE | HV_GPA_RANGE_GIB, ~0ull, 0xffull << 52 };
	struct bh_discard_message d = { .ranges_gpa = 0x2008, .count = sizeof ranges / sizeof *ranges };
	struct hv_message m = { .header.message_type = HVMSG_BULKHEAD_DISCARD };

	begin();
	memcpy(ram + d.ranges_gpa, ranges, sizeof ranges);
	memcpy(m.u.bytes, &d, sizeof d);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(release_count, 3);
	ck_assert(released[0].gpa == 0x5000 && released[0].size == 0x1000);
	ck_assert(released[1].gpa == 0x7000 && released[1].size == 0x3000);
	ck_assert(released[2].gpa == sizeof ram - 0x1000 && released[2].size == 0x1000);
	d.ranges_gpa = sizeof ram - 8;
	memcpy(m.u.bytes, &d, sizeof d);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	d = (struct bh_discard_message){ .ranges_gpa = 0x2008, .count = HV_HEAT_HINT_RANGES_MAX + 1 };
	memcpy(m.u.bytes, &d, sizeof d);
	ck_assert_int_eq(vp_complete_exit(&set.vp[0], &m), VP_CONTINUE);
	ck_assert_uint_eq(release_count, 3);
}
END_TEST

/* One thread for loop and VP: no other is started, the gate needs no waiting, and each run says whether the loop may wait. */
START_TEST(run_by_loop)
{
	struct hv_message m;
	struct event e;

	begin();
	set.by_loop = true;
	ck_assert_int_eq(vp_set_start(&set, 1), 0);
	ck_assert(!set.vp[0].started);
	ck_assert(vp_set_run(&set, false));
	ck_assert_uint_eq(scripted, 0);
	vp_set_open_gate(&set);
	registers[0].gpr[0] = 'Q';
	m = port_exit(0x3f8, 1, true, 0, 1);
	script[0].state = HV_VP_DISPATCH_STATE_READY;
	script[1].state = HV_VP_DISPATCH_STATE_BLOCKED;
	script[2].state = BULKHEAD_STATE_MESSAGE;
	memcpy(&script[2].message, &m, sizeof m);
	ck_assert(!vp_set_run(&set, false));
	ck_assert_uint_eq(script[0].flags, 0);
	ck_assert(vp_set_run(&set, true));
	ck_assert_uint_eq(script[1].flags, BULKHEAD_RUN_PATIENT);
	ck_assert(!vp_set_run(&set, true));
	ck_assert_uint_eq(region.console.ring[0], 'Q');
	vp_set_close_gate(&set);
	ck_assert(vp_set_run(&set, false));
	ck_assert_uint_eq(scripted, 3);
	vp_set_open_gate(&set);
	script_rc = -ENOMEM;
	ck_assert(!vp_set_run(&set, false));
	ck_assert(vp_set_run(&set, false));
	ck_assert_uint_eq(scripted, 4);
	ck_assert(event_queue_get(&events, &e));
	ck_assert_int_eq(e.type, EVENT_STOP);
	ck_assert_ptr_nonnull(strstr(e.u.stop.reason, "no memory left"));
}
END_TEST

RUN_TESTS("worker vp", run_by_loop, ports, string_output, mmio, fatal_exits_have_reasons, gate, flood_of_messages, queue_outlives_its_worker,
	  discarded_memory)
