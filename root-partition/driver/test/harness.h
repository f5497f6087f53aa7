/* SPDX-License-Identifier: BSD-2-Clause */
/* What mshv-test is written with: checks that name themselves, and a child of one page of real-mode code. */
#ifndef BULKHEAD_MSHV_TEST_HARNESS_H
#define BULKHEAD_MSHV_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/message.h"
#include "abi/registers.h"
#include "root-partition/include/mshv.h"

#define CHILD_PORT 0x1234
#define MIB (1ull << 20)

/** Ends the program, with place and condition, unless it holds. */
#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
void check_that(bool holds, const char *condition, const char *file, int line);
/** The call fails, with that errno. */
#define CHECK_ERRNO(call, error) check_errno((call), (error), #call, __FILE__, __LINE__)
void check_errno(int result, int error, const char *call, const char *file, int line);

struct child {
	int partition;
	int vp[4];
	unsigned int vps;
	uint8_t *memory;
	size_t size;
	struct hv_vp_register_page *registers[4];
};

extern int device; /* /dev/mshv */

uint64_t now_us(void);
struct bulkhead_host_info host_info(void);
struct bulkhead_partition_info partition_info(int partition);

/** Anonymous memory that asks for huge pages, all present. */
uint8_t *huge_memory(size_t size);
/** Memory of a shared file, from its beginning; nothing of it is there yet. ret_file may be NULL. */
uint8_t *shared_memory(size_t size, int *ret_file);
/** What the file takes of the root's memory. */
uint64_t file_bytes(int file);
int release_memory(int partition, uint64_t gpa, size_t size);
int map_memory(int partition, uint64_t gpa, const void *memory, size_t size, unsigned int flags);
int unmap_memory(int partition, uint64_t gpa, size_t size);

int root_hvcall(int fd, uint16_t code, uint16_t reps, void *in, size_t in_size, void *out, size_t out_size,
		uint16_t *status);
int set_register(int vp, uint32_t index, uint32_t name, union hv_register_value value);
/** Type: HV_INTERRUPT_TYPE_*. */
int assert_interrupt(int partition, uint32_t type, uint64_t apic_id, uint32_t vector);

/** A partition with memory at 0 and VPs that start in real mode at 0:1000h, interrupts off, stack at 0:F00h. NMI comes
 * to 0:2000h. */
void child_create(struct child *c, size_t size, unsigned int vps);
void child_code(struct child *c, const void *code, size_t size);
/** Where an NMI goes: out of CHILD_PORT, then back. */
void child_nmi_handler(struct child *c);
void child_destroy(struct child *c);
/** RUN_VP; 0 or -1 with errno. */
int child_run(struct child *c, unsigned int vp, struct hv_message *message);
/** The VP runs until an OUT to CHILD_PORT, and will go on behind it. */
void child_expect_out(struct child *c, unsigned int vp);
/** The message that a run ended with is such an OUT. */
void child_complete_out(struct child *c, unsigned int vp, const struct hv_message *message);

/** DS of VP 0 begins at gpa, below 4 GiB. */
void child_point(struct child *c, uint64_t gpa);
/** The child's VP 0, which runs code that accesses DS:0 and comes out, touches that address. */
void child_touch(struct child *c, uint64_t gpa);
/** The same with code that writes an MSR. */
void child_wrmsr(struct child *c, uint32_t msr, uint32_t value);

/** shared.c: the thread that runs a VP has other work. */
void shared_run(void);
/** successor.c */
void successor_goes_on(void);
/** nonsense.c: that many random calls. */
void nonsense(uint64_t seed, unsigned int rounds);

#endif
