// SPDX-License-Identifier: BSD-2-Clause
/*
 * mshv-test: /dev/mshv against its promises, on a machine where bulkhead.ko is loaded. Each test is one paragraph of
 * those promises; after each everything that it took has come back. Usage: mshv-test [TEST [TURNS]].
 */
#include "harness.h"

#include "abi/bulkhead.h"
#include "abi/status.h"
#include "abi/tlfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint8_t code_spin[] = { 0xeb, 0xfe, 0x90 };                     /* jmp $ */
static const uint8_t code_halt[] = { 0xf4, 0xeb, 0xfd };                     /* hlt; jmp to it */
static const uint8_t code_out[] = { 0xba, 0x34, 0x12, 0xee, 0xeb, 0xfd };    /* mov dx, 1234h; out dx, al; jmp to it */

/* inc byte [0]; mov dx, 1234h; out dx, al; jmp to the inc */
static const uint8_t code_touch[] = { 0xfe, 0x06, 0x00, 0x00, 0xba, 0x34, 0x12, 0xee, 0xeb, 0xf6 };

/* Periodic LAPIC timer, 1 ms; each tick comes out of the port. Between ticks it halts (the test may turn that into
 * spinning). */
extern const uint8_t code_timer[], code_timer_wait[], code_timer_end[];
__asm__(".pushsection .rodata\n\t.code16\n"
	"code_timer:\n"
	"	movw $tick - code_timer + 0x1000, 0x40 * 4\n"
	"	movw $0, 0x40 * 4 + 2\n"
	"	mov $0x1b, %ecx\n\trdmsr\n\tor $0xc00, %eax\n\twrmsr\n"       /* APIC_BASE: enabled, x2APIC */
	"	xor %edx, %edx\n"
	"	mov $0x80f, %ecx\n\tmov $0x1ff, %eax\n\twrmsr\n"               /* spurious vector register: on */
	"	mov $0x83e, %ecx\n\tmov $0xb, %eax\n\twrmsr\n"                 /* divide by 1 */
	"	mov $0x832, %ecx\n\tmov $0x20040, %eax\n\twrmsr\n"             /* LVT timer: periodic, vector 40h */
	"	mov $0x838, %ecx\n\tmov $200000, %eax\n\twrmsr\n"              /* 1 ms at 200 MHz */
	"	sti\n"
	"code_timer_wait:\n"
	"	hlt\n"
	"	jmp code_timer_wait\n"
	"tick:\n"
	"	mov $0x1234, %dx\n\tout %al, %dx\n"
	"	mov $0x80b, %ecx\n\txor %eax, %eax\n\txor %edx, %edx\n\twrmsr\n"
	"	iretw\n"
	"code_timer_end:\n"
	"	.code64\n\t.popsection");

/* What does not exist or is malformed is refused and leaves nothing behind. */
static void refuses_what_it_does_not_know(void)
{
	struct mshv_create_partition_v2 create = { .pt_flags = 1u << 10 };
	struct mshv_create_vp vp = { .vp_index = 64 };
	struct hv_input_partition_property property = { .property_code = HV_PARTITION_PROPERTY_PROCESSOR_CLOCK_FREQUENCY };
	uint64_t in[4] = { 0 }, out;
	uint16_t status;
	struct child c;

	CHECK_ERRNO(ioctl(device, _IO(MSHV_IOCTL, 0x7f)), ENOTTY);
	CHECK_ERRNO(ioctl(device, MSHV_CREATE_PARTITION, &create), EINVAL);
	create.pt_flags = 1u << MSHV_PT_BIT_CPU_AND_XSAVE_FEATURES;
	create.pt_rsvd[1] = 1;
	CHECK_ERRNO(ioctl(device, MSHV_CREATE_PARTITION, &create), EINVAL);
	CHECK_ERRNO(ioctl(device, MSHV_CREATE_PARTITION, NULL), EFAULT);
	child_create(&c, 2 * MIB, 1);
	CHECK_ERRNO(ioctl(c.partition, _IO(MSHV_IOCTL, 0x7f)), ENOTTY);
	CHECK_ERRNO(ioctl(c.partition, MSHV_CREATE_VP, &vp), EINVAL);
	vp.vp_index = 0;
	CHECK_ERRNO(ioctl(c.partition, MSHV_CREATE_VP, &vp), EEXIST);
	CHECK_ERRNO(ioctl(c.vp[0], MSHV_CREATE_VP, &vp), ENOTTY);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, c.vp[0], 2 * 4096) == MAP_FAILED && errno == ENODEV);
	/* Not on the list of hypercalls; on the list, but not for the device. */
	CHECK_ERRNO(root_hvcall(c.partition, HVCALL_MAP_GPA_PAGES, 1, in, sizeof in, NULL, 0, NULL), EINVAL);
	CHECK_ERRNO(root_hvcall(c.partition, HVCALL_DELETE_PARTITION, 0, in, 8, NULL, 0, NULL), EINVAL);
	CHECK_ERRNO(root_hvcall(device, HVCALL_SET_VP_REGISTERS, 1, in, sizeof in, &out, 8, NULL), EINVAL);
	/* The device stands for the root itself. */
	CHECK(root_hvcall(device, HVCALL_GET_PARTITION_PROPERTY, 0, &property, sizeof property, &out, 8, &status) == 0);
	CHECK(status == HV_STATUS_SUCCESS && out > 100000000);
	child_destroy(&c);
}

/* Version 2 of the creation structure, and creation followed by nothing. */
static void creates_and_forgets(void)
{
	struct mshv_create_partition_v2 create = {
		.pt_flags =
			1u << MSHV_PT_BIT_LAPIC | 1u << MSHV_PT_BIT_X2APIC | 1u << MSHV_PT_BIT_CPU_AND_XSAVE_FEATURES,
		.pt_num_cpu_fbanks = 2,
	};

	for (int i = 0; i < 100; i++) {
		int fd = ioctl(device, MSHV_CREATE_PARTITION, &create);

		CHECK(fd >= 0);
		if (i & 1)
			CHECK(ioctl(fd, MSHV_INITIALIZE_PARTITION) == 0);
		close(fd);
	}
}

/* Memory: no overlap, unmapping by the same range only, the same host page at two addresses, figures that add up. */
static void maps_and_unmaps(void)
{
	struct child c;
	uint8_t *more = huge_memory(4 * MIB);

	child_create(&c, 2 * MIB, 1);
	CHECK_ERRNO(map_memory(c.partition, 4096, more, 4096, 3), EEXIST);
	CHECK_ERRNO(map_memory(c.partition, 8 * MIB, more + 1, 4096, 3), EINVAL);
	CHECK_ERRNO(map_memory(c.partition, 8 * MIB, more, 4097, 3), EINVAL);
	CHECK_ERRNO(map_memory(c.partition, 8 * MIB, (void *)0x1000, 4096, 3), EFAULT);
	child_code(&c, code_touch, sizeof code_touch);
	child_touch(&c, 0);
	/* Half of it is not there. */
	CHECK_ERRNO(map_memory(c.partition, 8 * MIB, more + 3 * MIB, 64 * MIB, 3), EFAULT);
	CHECK(partition_info(c.partition).mapped_bytes == 2 * MIB);
	CHECK(map_memory(c.partition, 8 * MIB, more, 4 * MIB, 3) == 0);
	CHECK(map_memory(c.partition, 16 * MIB + 4096, more, 3 * MIB, 3) == 0);
	CHECK(partition_info(c.partition).mapped_bytes == 2 * MIB);
	child_touch(&c, 8 * MIB);
	child_touch(&c, 10 * MIB);
	child_touch(&c, 16 * MIB + 4096);
	child_touch(&c, 18 * MIB);
	CHECK(more[0] == 2);
	CHECK(partition_info(c.partition).mapped_bytes == 9 * MIB);
	CHECK(partition_info(c.partition).pinned_bytes == 9 * MIB);
	CHECK_ERRNO(unmap_memory(c.partition, 8 * MIB, 2 * MIB), EINVAL);
	CHECK(unmap_memory(c.partition, 8 * MIB, 4 * MIB) == 0);
	CHECK(unmap_memory(c.partition, 16 * MIB + 4096, 3 * MIB) == 0);
	/* Large pages where small ones were. */
	CHECK(map_memory(c.partition, 16 * MIB, more, 4 * MIB, 3) == 0);
	child_touch(&c, 16 * MIB);
	child_touch(&c, 18 * MIB);
	CHECK(partition_info(c.partition).mapped_bytes == 6 * MIB);
	CHECK(unmap_memory(c.partition, 16 * MIB, 4 * MIB) == 0);
	CHECK(partition_info(c.partition).mapped_bytes == 2 * MIB);
	munmap(more, 4 * MIB);
	child_destroy(&c);
}

/* An MSR gets a page that nobody has touched, then one that no memory is behind. */
static void hypervisor_touches(void)
{
	/* xor edx, edx; wrmsr; mov dx, CHILD_PORT; out dx, al; jmp to the xor */
	static const uint8_t code[] = { 0x66, 0x31, 0xd2, 0x0f, 0x30, 0xba, 0x34, 0x12, 0xee, 0xeb, 0xf5 };
	uint8_t *more = shared_memory(2 * MIB, NULL);
	struct child c;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code, sizeof code);
	CHECK(map_memory(c.partition, 8 * MIB, more, 2 * MIB, 3) == 0);
	memset(more, 0x55, 4096);
	child_wrmsr(&c, HV_X64_MSR_SIMP, 8 * MIB | 1);
	CHECK(partition_info(c.partition).mapped_bytes == 4 * MIB);
	CHECK(more[0] == 0);
	child_wrmsr(&c, HV_X64_MSR_SIEFP, 32 * MIB | 1);
	CHECK(partition_info(c.partition).mapped_bytes == 4 * MIB);
	munmap(more, 2 * MIB);
	child_destroy(&c);
}

/* What is given back is the root's again and comes back empty, alone, when the child touches it. */
static void releases(void)
{
	uint8_t *more;
	struct child c;
	int file;

	child_create(&c, 2 * MIB, 1);
	more = shared_memory(6 * MIB, &file);
	child_code(&c, code_touch, sizeof code_touch);
	CHECK(map_memory(c.partition, 8 * MIB, more, 6 * MIB, 3) == 0);
	for (unsigned int i = 0; i < 3; i++)
		child_touch(&c, (8 + 2 * i) * MIB);
	CHECK(partition_info(c.partition).pinned_bytes == 8 * MIB);
	CHECK(file_bytes(file) == 6 * MIB);
	/* A whole large page, then a part of the next. */
	CHECK(release_memory(c.partition, 8 * MIB, 2 * MIB) == 0);
	CHECK(partition_info(c.partition).pinned_bytes == 6 * MIB);
	CHECK(partition_info(c.partition).mapped_bytes == 6 * MIB);
	CHECK(file_bytes(file) == 4 * MIB);
	CHECK(release_memory(c.partition, 10 * MIB + 4096, 8192) == 0);
	CHECK(file_bytes(file) == 4 * MIB - 8192);
	/* The rest of that large page has not been away. */
	CHECK(partition_info(c.partition).mapped_bytes == 6 * MIB - 8192);
	CHECK(partition_info(c.partition).pinned_bytes == 6 * MIB - 8192);
	child_touch(&c, 10 * MIB);
	CHECK(more[2 * MIB] == 2);
	CHECK(partition_info(c.partition).pinned_bytes == 6 * MIB - 8192);
	CHECK(file_bytes(file) == 4 * MIB - 8192);
	child_touch(&c, 10 * MIB + 4096);
	CHECK(partition_info(c.partition).pinned_bytes == 6 * MIB - 4096);
	CHECK(more[2 * MIB + 4096] == 1);
	child_touch(&c, 8 * MIB);
	CHECK(more[0] == 1);
	CHECK(partition_info(c.partition).pinned_bytes == 8 * MIB - 4096);
	/* Across everything; nothing is left but the child's own. */
	CHECK(release_memory(c.partition, 8 * MIB + 4096, 6 * MIB - 4096) == 0);
	CHECK(release_memory(c.partition, 8 * MIB, 4096) == 0);
	CHECK(partition_info(c.partition).pinned_bytes == 2 * MIB);
	CHECK(file_bytes(file) == 0);
	CHECK_ERRNO(release_memory(c.partition, 7 * MIB, 2 * MIB), EINVAL);
	CHECK_ERRNO(release_memory(c.partition, 13 * MIB, 2 * MIB), EINVAL);
	CHECK_ERRNO(release_memory(c.partition, 8 * MIB, 0), EINVAL);
	munmap(more, 6 * MIB);
	close(file);
	child_destroy(&c);
}

/* A page that cannot be had ends the run with an error; when it can, the child goes on where it was. */
static void page_that_cannot_be_had(void)
{
	struct hv_message m;
	uint8_t *more;
	struct child c;
	int file;

	child_create(&c, 2 * MIB, 1);
	more = shared_memory(2 * MIB, &file);
	child_code(&c, code_touch, sizeof code_touch);
	CHECK(map_memory(c.partition, 8 * MIB, more, 2 * MIB, 3) == 0);
	CHECK(ftruncate(file, 0) == 0);
	child_point(&c, 8 * MIB);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_ERRNO(child_run(&c, 0, &m), EFAULT);
	CHECK(partition_info(c.partition).pinned_bytes == 2 * MIB);
	CHECK(ftruncate(file, 2 * MIB) == 0);
	child_expect_out(&c, 0);
	CHECK(more[0] == 1);
	CHECK(partition_info(c.partition).pinned_bytes == 4 * MIB);
	munmap(more, 2 * MIB);
	close(file);
	child_destroy(&c);
}

/* 256 MiB of huge pages are registered at once, and populated as fast as they can be touched. */
static void maps_fast(void)
{
	struct child c;
	uint8_t *memory = huge_memory(256 * MIB);
	uint64_t start;

	child_create(&c, 2 * MIB, 1);
	start = now_us();
	CHECK(map_memory(c.partition, 1024 * MIB, memory, 256 * MIB, 3) == 0);
	printf("  256 MiB registered in %llu us\n", (unsigned long long)(now_us() - start));
	child_code(&c, code_touch, sizeof code_touch);
	start = now_us();
	for (uint64_t at = 0; at < 256 * MIB; at += 2 * MIB)
		child_touch(&c, 1024 * MIB + at);
	printf("  populated in %llu us, deposited %llu KiB\n", (unsigned long long)(now_us() - start),
	       (unsigned long long)partition_info(c.partition).deposited_bytes >> 10);
	CHECK(partition_info(c.partition).mapped_bytes == 258 * MIB);
	start = now_us();
	child_destroy(&c);
	printf("  torn down in %llu us\n", (unsigned long long)(now_us() - start));
	munmap(memory, 256 * MIB);
}

/* Port I/O comes out and is completed through the register page. */
static void runs_and_exits(void)
{
	struct bulkhead_vp_info info;
	struct child c;
	uint64_t start;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_out, sizeof code_out);
	start = now_us();
	for (int i = 0; i < 1000; i++)
		child_expect_out(&c, 0);
	printf("  %.2f us for an exit to user space and back\n", (double)(now_us() - start) / 1000);
	CHECK(ioctl(c.vp[0], BULKHEAD_VP_INFO, &info) == 0);
	CHECK(info.exits[BH_EXIT_IO] >= 1000 && info.dispatches >= 1000);
	child_destroy(&c);
}

struct runner {
	struct child *child;
	unsigned int vp;
	int result, error;
};

static void *run_once(void *argument)
{
	struct runner *r = argument;
	struct hv_message m;

	r->result = child_run(r->child, r->vp, &m);
	r->error = errno;
	return NULL;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* A kick ends the current run, or the next one, once; whether the VP spins or sleeps. */
static void kick_ends_a_run(void)
{
	static const uint8_t *const codes[] = { code_spin, code_halt };

	for (int i = 0; i < 2; i++) {
		struct runner r = { 0 };
		struct child c;
		pthread_t thread;

		child_create(&c, 2 * MIB, 1);
		child_code(&c, codes[i], 3);
		r.child = &c;
		for (int turn = 0; turn < 50; turn++) {
			r.result = 0;
			CHECK(pthread_create(&thread, NULL, run_once, &r) == 0);
			if (turn & 1)
				sleep_ms(turn % 5);
			CHECK(ioctl(c.vp[0], BULKHEAD_KICK_VP) == 0);
			CHECK(pthread_join(thread, NULL) == 0);
			CHECK(r.result == -1 && r.error == EINTR);
		}
		child_destroy(&c);
	}
}

/* An interrupt from another thread reaches a VP that sleeps, one that spins and one that is on its way to sleep. */
static void interrupt_wakes(void)
{
	static const uint8_t *const codes[] = { code_halt, code_spin };

	for (int i = 0; i < 2; i++) {
		struct child c;
		pid_t sender;
		int ready[2], status;
		char byte = 0;

		child_create(&c, 2 * MIB, 1);
		child_code(&c, codes[i], 3);
		child_nmi_handler(&c);
		CHECK(pipe(ready) == 0);
		sender = fork();
		CHECK(sender >= 0);
		if (sender == 0) {
			for (int n = 0; n < 300; n++) {
				CHECK(read(ready[0], &byte, 1) == 1);
				if (n % 3)
					usleep((useconds_t)(n % 7) * 50);
				CHECK(assert_interrupt(c.partition, HV_INTERRUPT_TYPE_NMI, 0, 0) == 0);
			}
			_exit(0);
		}
		for (int n = 0; n < 300; n++) {
			CHECK(write(ready[1], &byte, 1) == 1);
			child_expect_out(&c, 0);
		}
		CHECK(waitpid(sender, &status, 0) == sender && status == 0);
		close(ready[0]);
		close(ready[1]);
		child_destroy(&c);
	}
}

/* A child's timer ends its sleep, and its run when it does not sleep, at the right time. */
static void timer_wakes(void)
{
	for (int spins = 0; spins < 2; spins++) {
		uint64_t start, took;
		struct child c;

		child_create(&c, 2 * MIB, 1);
		child_code(&c, code_timer, (size_t)(code_timer_end - code_timer));
		if (spins)
			c.memory[0x1000 + (code_timer_wait - code_timer)] = 0x90; /* nop */
		child_expect_out(&c, 0);
		start = now_us();
		for (int i = 0; i < 200; i++)
			child_expect_out(&c, 0);
		took = now_us() - start;
		printf("  200 ticks of 1 ms in %llu us\n", (unsigned long long)took);
		CHECK(took > 190000 && took < 4000000);
		child_destroy(&c);
	}
}

/* An irqfd is the same without a system call on the partition; a signal from before it was assigned counts. */
static void irqfd_interrupts(void)
{
	struct {
		struct mshv_user_irq_table table;
		struct mshv_user_irq_entry entry;
	} routes = { .table.nr = 1,
		     .entry = { .gsi = 24, .address_lo = 0xfee00000, .data = HV_INTERRUPT_TYPE_NMI << 8 } };
	struct mshv_user_irqfd irqfd = { .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), .gsi = 24 };
	struct child c;
	uint64_t one = 1;

	child_create(&c, 2 * MIB, 1);
	child_code(&c, code_halt, sizeof code_halt);
	child_nmi_handler(&c);
	CHECK(ioctl(c.partition, MSHV_SET_MSI_ROUTING, &routes) == 0);
	CHECK(ioctl(c.partition, MSHV_IRQFD, &irqfd) == 0);
	child_expect_out(&c, 0);
	CHECK_ERRNO(ioctl(c.partition, MSHV_IRQFD, &irqfd), EBUSY);
	for (int i = 0; i < 100; i++) {
		CHECK(write(irqfd.fd, &one, 8) == 8);
		child_expect_out(&c, 0);
	}
	CHECK(read(irqfd.fd, &one, 8) == -1 && (errno == EAGAIN));
	irqfd.flags = 1u << MSHV_IRQFD_BIT_DEASSIGN;
	CHECK(ioctl(c.partition, MSHV_IRQFD, &irqfd) == 0);
	CHECK_ERRNO(ioctl(c.partition, MSHV_IRQFD, &irqfd), ENOENT);
	irqfd.flags = 1u << MSHV_IRQFD_BIT_RESAMPLE;
	CHECK_ERRNO(ioctl(c.partition, MSHV_IRQFD, &irqfd), EOPNOTSUPP);
	/* Closed while assigned, then the partition goes: neither order matters. */
	irqfd.flags = 0;
	CHECK(ioctl(c.partition, MSHV_IRQFD, &irqfd) == 0);
	close(irqfd.fd);
	child_destroy(&c);
}

static void *run_for_ever(void *argument)
{
	struct runner *r = argument;
	struct hv_message m;

	for (;;)
		child_run(r->child, r->vp, &m);
	return NULL;
}

/* A process that does everything at once, until it is killed. */
static _Noreturn void busy_process(bool spins)
{
	static struct runner r[2];
	static struct child c;
	uint8_t *more = huge_memory(16 * MIB);
	pthread_t thread;

	child_create(&c, 32 * MIB, 2);
	child_code(&c, spins ? code_spin : code_halt, 3);
	child_nmi_handler(&c);
	for (unsigned int i = 0; i < 2; i++) {
		r[i] = (struct runner){ .child = &c, .vp = i };
		CHECK(pthread_create(&thread, NULL, run_for_ever, &r[i]) == 0);
	}
	for (;;) {
		CHECK(map_memory(c.partition, 64 * MIB, more, 16 * MIB, 3) == 0);
		CHECK(assert_interrupt(c.partition, HV_INTERRUPT_TYPE_NMI, 0, 0) == 0);
		CHECK(unmap_memory(c.partition, 64 * MIB, 16 * MIB) == 0);
	}
}

static unsigned int turns; /* of the random tests; 0: as usual */

/* Nothing that a holder of the descriptors can ask for harms anybody but its own child. */
static void survives_nonsense(void)
{
	for (uint64_t seed = 1; seed <= (turns ? turns : 10); seed++)
		nonsense(seed * 0x9e3779b97f4a7c15ull, 3000);
}

/* Killed at any instant, a process leaves nothing behind: no partition, no pinned page, no page with the hypervisor. */
static void nothing_survives_a_kill(void)
{
	for (unsigned int i = 0; i < (turns ? turns : 40); i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			busy_process(i & 1);
		usleep((useconds_t)(i * 7919 % 200) * 1000);
		CHECK(kill(pid, SIGKILL) == 0);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "refuses_what_it_does_not_know", refuses_what_it_does_not_know },
	{ "creates_and_forgets", creates_and_forgets },
	{ "maps_and_unmaps", maps_and_unmaps },
	{ "hypervisor_touches", hypervisor_touches },
	{ "releases", releases },
	{ "page_that_cannot_be_had", page_that_cannot_be_had },
	{ "maps_fast", maps_fast },
	{ "runs_and_exits", runs_and_exits },
	{ "kick_ends_a_run", kick_ends_a_run },
	{ "interrupt_wakes", interrupt_wakes },
	{ "timer_wakes", timer_wakes },
	{ "irqfd_interrupts", irqfd_interrupts },
	{ "shared_run", shared_run },
	{ "successor_goes_on", successor_goes_on },
	{ "survives_nonsense", survives_nonsense },
	{ "nothing_survives_a_kill", nothing_survives_a_kill },
};

/* The last descriptor may be closed a moment after its process is gone. */
static void expect_nothing_left(void)
{
	struct bulkhead_host_info info;

	for (int i = 0; i < 100; i++) {
		info = host_info();
		if (!info.partition_count && !info.pinned_bytes && !info.deposited_bytes)
			return;
		usleep(20000);
	}
	printf("  left: %u partitions, %llu pinned, %llu deposited\n", info.partition_count,
	       (unsigned long long)info.pinned_bytes, (unsigned long long)info.deposited_bytes);
	CHECK(!"everything came back");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open("/dev/mshv", O_RDWR | O_CLOEXEC);
	CHECK(device >= 0);
	if (argc > 2)
		turns = (unsigned int)atoi(argv[2]);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		uint64_t start = now_us();

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		printf("%s\n", tests[i].name);
		tests[i].run();
		expect_nothing_left();
		printf("  good, %llu ms\n", (unsigned long long)(now_us() - start) / 1000);
	}
	puts("all good");
	return 0;
}
