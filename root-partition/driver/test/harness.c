// SPDX-License-Identifier: BSD-2-Clause
/* See harness.h. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CODE 0x1000u
#define NMI_HANDLER 0x2000u
#define STACK 0xf00u

int device = -1;

void check_that(bool holds, const char *condition, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s (errno %d, %s)\n", file, line, condition, errno, strerror(errno));
	exit(1);
}

void check_errno(int result, int error, const char *call, const char *file, int line)
{
	if (result == -1 && errno == error)
		return;
	fprintf(stderr, "%s:%d: %s: %d (errno %d, %s), expected errno %d (%s)\n", file, line, call, result, errno,
		strerror(errno), error, strerror(error));
	exit(1);
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct bulkhead_host_info host_info(void)
{
	struct bulkhead_host_info info;

	CHECK(ioctl(device, BULKHEAD_HOST_INFO, &info) == 0);
	return info;
}

struct bulkhead_partition_info partition_info(int partition)
{
	struct bulkhead_partition_info info;

	CHECK(ioctl(partition, BULKHEAD_PARTITION_INFO, &info) == 0);
	return info;
}

uint8_t *huge_memory(size_t size)
{
	const size_t huge = 2 * MIB;
	uint8_t *raw =
		mmap(NULL, size + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *memory = (uint8_t *)(((uintptr_t)raw + huge - 1) & ~(huge - 1));

	CHECK(raw != MAP_FAILED);
	if (memory > raw)
		munmap(raw, (size_t)(memory - raw));
	if (raw + huge > memory)
		munmap(memory + size, (size_t)(raw + huge - memory));
	madvise(memory, size, MADV_HUGEPAGE);
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 0;
	return memory;
}

uint8_t *shared_memory(size_t size, int *ret_file)
{
	const size_t huge = 2 * MIB;
	uint8_t *raw = mmap(NULL, size + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *memory = (uint8_t *)(((uintptr_t)raw + huge - 1) & ~(huge - 1));
	int file = memfd_create("child", MFD_CLOEXEC);

	CHECK(raw != MAP_FAILED && file >= 0 && ftruncate(file, (off_t)size) == 0);
	if (memory > raw)
		munmap(raw, (size_t)(memory - raw));
	if (raw + huge > memory)
		munmap(memory + size, (size_t)(raw + huge - memory));
	CHECK(mmap(memory, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == memory);
	madvise(memory, size, MADV_HUGEPAGE);
	if (ret_file)
		*ret_file = file;
	else
		close(file);
	return memory;
}

uint64_t file_bytes(int file)
{
	struct stat st;

	CHECK(fstat(file, &st) == 0);
	return (uint64_t)st.st_blocks * 512;
}

int release_memory(int partition, uint64_t gpa, size_t size)
{
	struct bulkhead_release_memory range = { .guest_pfn = gpa >> 12, .pages = size >> 12 };

	return ioctl(partition, BULKHEAD_RELEASE_MEMORY, &range);
}

int map_memory(int partition, uint64_t gpa, const void *memory, size_t size, unsigned int flags)
{
	struct mshv_user_mem_region region = {
		.size = size, .guest_pfn = gpa >> 12, .userspace_addr = (uintptr_t)memory, .flags = (uint8_t)flags
	};

	return ioctl(partition, MSHV_SET_GUEST_MEMORY, &region);
}

int unmap_memory(int partition, uint64_t gpa, size_t size)
{
	return map_memory(partition, gpa, NULL, size, 1u << MSHV_SET_MEM_BIT_UNMAP);
}

int root_hvcall(int fd, uint16_t code, uint16_t reps, void *in, size_t in_size, void *out, size_t out_size,
		uint16_t *status)
{
	struct mshv_root_hvcall call = { .code = code,
					 .reps = reps,
					 .in_sz = (uint16_t)in_size,
					 .out_sz = (uint16_t)out_size,
					 .in_ptr = (uintptr_t)in,
					 .out_ptr = (uintptr_t)out };
	int rc = ioctl(fd, MSHV_ROOT_HVCALL, &call);

	if (status)
		*status = call.status;
	return rc;
}

int set_register(int vp, uint32_t index, uint32_t name, union hv_register_value value)
{
	struct {
		struct hv_input_vp_registers header;
		struct hv_register_assoc assoc;
	} in = { .header.vp_index = index, .assoc = { .name = name, .value = value } };

	return root_hvcall(vp, HVCALL_SET_VP_REGISTERS, 1, &in, sizeof in, NULL, 0, NULL);
}

int assert_interrupt(int partition, uint32_t type, uint64_t apic_id, uint32_t vector)
{
	struct hv_input_assert_virtual_interrupt in = { .control.s.type = type,
							.dest_addr = apic_id,
							.vector = vector };

	return root_hvcall(partition, HVCALL_ASSERT_VIRTUAL_INTERRUPT, 0, &in, sizeof in, NULL, 0, NULL);
}

static void start_in_real_mode(struct child *c, unsigned int vp)
{
	union hv_register_value cs = { .segment = { .limit = 0xffff, .attributes = 0x9b } };

	CHECK(set_register(c->vp[vp], vp, HV_X64_REGISTER_CS, cs) == 0);
	CHECK(set_register(c->vp[vp], vp, HV_X64_REGISTER_RIP, (union hv_register_value){ .reg64 = CODE }) == 0);
	CHECK(set_register(c->vp[vp], vp, HV_X64_REGISTER_RAX + 4, (union hv_register_value){ .reg64 = STACK }) == 0);
	CHECK(set_register(c->vp[vp], vp, HV_REGISTER_INTERNAL_ACTIVITY_STATE, (union hv_register_value){ 0 }) == 0);
}

void child_create(struct child *c, size_t size, unsigned int vps)
{
	struct mshv_create_partition create = { .pt_flags = 1u << MSHV_PT_BIT_LAPIC | 1u << MSHV_PT_BIT_X2APIC };

	memset(c, 0, sizeof *c);
	c->size = size;
	c->memory = huge_memory(size);
	c->partition = ioctl(device, MSHV_CREATE_PARTITION, &create);
	CHECK(c->partition >= 0);
	CHECK(ioctl(c->partition, MSHV_INITIALIZE_PARTITION) == 0);
	CHECK(map_memory(c->partition, 0, c->memory, size, 3) == 0);
	for (c->vps = 0; c->vps < vps; c->vps++) {
		struct mshv_create_vp vp = { .vp_index = c->vps };
		int fd = ioctl(c->partition, MSHV_CREATE_VP, &vp);

		CHECK(fd >= 0);
		c->vp[c->vps] = fd;
		c->registers[c->vps] =
			mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, MSHV_VP_MMAP_OFFSET_REGISTERS * 4096);
		CHECK(c->registers[c->vps] != MAP_FAILED);
		start_in_real_mode(c, c->vps);
	}
}

void child_code(struct child *c, const void *code, size_t size)
{
	memcpy(c->memory + CODE, code, size);
}

void child_nmi_handler(struct child *c)
{
	/* mov dx, CHILD_PORT; out dx, al; iret */
	static const uint8_t handler[] = { 0xba, CHILD_PORT & 0xff, CHILD_PORT >> 8, 0xee, 0xcf };

	memcpy(c->memory + NMI_HANDLER, handler, sizeof handler);
	*(uint16_t *)(c->memory + 2 * 4) = NMI_HANDLER;
	*(uint16_t *)(c->memory + 2 * 4 + 2) = 0;
}

void child_destroy(struct child *c)
{
	for (unsigned int i = 0; i < c->vps; i++) {
		munmap(c->registers[i], 4096);
		close(c->vp[i]);
	}
	close(c->partition);
	munmap(c->memory, c->size);
}

int child_run(struct child *c, unsigned int vp, struct hv_message *message)
{
	return ioctl(c->vp[vp], MSHV_RUN_VP, message);
}

void child_expect_out(struct child *c, unsigned int vp)
{
	struct hv_message m;
	int rc;

	do
		rc = child_run(c, vp, &m);
	while (rc == -1 && errno == EINTR);
	CHECK(rc == 0);
	child_complete_out(c, vp, &m);
}

void child_complete_out(struct child *c, unsigned int vp, const struct hv_message *m)
{
	const struct hv_x64_io_port_intercept_message *io = (const void *)m->u.bytes;
	struct hv_vp_register_page *r = c->registers[vp];

	if (m->header.message_type != HVMSG_X64_IO_PORT_INTERCEPT)
		fprintf(stderr, "message %xh\n", m->header.message_type);
	CHECK(m->header.message_type == HVMSG_X64_IO_PORT_INTERCEPT);
	CHECK(io->port_number == CHILD_PORT);
	CHECK(io->header.intercept_access_type == HV_INTERCEPT_ACCESS_WRITE);
	r->rip = io->header.rip + (io->header.instruction_length & 0xf);
	r->dirty |= HV_REGISTER_PAGE_DIRTY_IP;
}

void child_point(struct child *c, uint64_t gpa)
{
	union hv_register_value ds = { .segment = { .base = gpa, .limit = 0xffff, .attributes = 0x93 } };

	CHECK(set_register(c->vp[0], 0, HV_X64_REGISTER_DS, ds) == 0);
}

void child_touch(struct child *c, uint64_t gpa)
{
	child_point(c, gpa);
	child_expect_out(c, 0);
}

void child_wrmsr(struct child *c, uint32_t msr, uint32_t value)
{
	CHECK(set_register(c->vp[0], 0, HV_X64_REGISTER_RAX, (union hv_register_value){ .reg64 = value }) == 0);
	CHECK(set_register(c->vp[0], 0, HV_X64_REGISTER_RAX + 1, (union hv_register_value){ .reg64 = msr }) == 0);
	child_expect_out(c, 0);
}
