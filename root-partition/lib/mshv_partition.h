/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition seen from user space: thin wrappers around the ioctls of /dev/mshv and the root hypercalls that a VMM
 * needs. No state beyond the descriptors; every function returns 0 or a negative errno and is safe from any thread
 * unless it says otherwise. What an exit means and what to do about it is the caller's.
 */
#ifndef BULKHEAD_MSHV_PARTITION_H
#define BULKHEAD_MSHV_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/message.h"
#include "abi/registers.h"
#include "root-partition/include/mshv.h"

struct mshv_partition {
	int fd;
};

struct mshv_vp {
	int fd;
	uint32_t index;
	struct hv_vp_register_page *registers; /* shared with the hypervisor; valid after a run that ended in an exit */
	const uint8_t *message;                /* the whole message page, read only */
};

#define MSHV_PARTITION_NONE ((struct mshv_partition){ .fd = -1 })
#define MSHV_VP_NONE ((struct mshv_vp){ .fd = -1 })

int mshv_host_info(int mshv_fd, struct bulkhead_host_info *ret);

/** Creates a partition with LAPICs that can be x2APICs, and initializes it. mshv_partition_close undoes it. */
int mshv_partition_create(int mshv_fd, struct mshv_partition *ret);
/** Closes the descriptor; the driver frees the partition with its last one. */
void mshv_partition_close(struct mshv_partition *pt);

/** Maps (and pins) host memory at a guest-physical address. All of it page aligned. */
int mshv_partition_map(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size, bool writable);
/** What a process that has died had mapped, from this process from now on. -EBUSY: it is not dead yet. */
int mshv_partition_move(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size, bool writable);
int mshv_partition_unmap(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size);

/** Gives pages of a mapped range back to the root, as BULKHEAD_RELEASE_MEMORY: what the guest touches again is empty memory. */
int mshv_partition_release(const struct mshv_partition *pt, uint64_t gpa, uint64_t size);
int mshv_partition_message_port(const struct mshv_partition *pt, uint32_t connection_id, bool enable);
/** The child's signals of connection_id go to eventfd; -1 removes the port. */
int mshv_partition_signalfd(const struct mshv_partition *pt, uint32_t connection_id, int eventfd);
/** Sets an event flag for SINT 2 of a VP and wakes it. */
int mshv_partition_signal_event(const struct mshv_partition *pt, uint32_t vp_index, uint32_t flag);
int mshv_partition_info(const struct mshv_partition *pt, struct bulkhead_partition_info *ret);

/** Writes a message into a VP's slot. -EAGAIN: the slot is taken; a run will end with HVMSG_BULKHEAD_EOM when it is free. */
int mshv_partition_post_message(const struct mshv_partition *pt, uint32_t vp_index, uint8_t sint, uint32_t type,
				const void *payload, size_t size);
/** HV_PARTITION_PROPERTY_*. */
int mshv_partition_get_property(const struct mshv_partition *pt, uint32_t code, uint64_t *ret);
/** Replaces bits of a CPUID leaf as the guest sees it: (leaf & ~mask) | (value & mask), EAX to EDX. Before its VPs run. */
int mshv_partition_set_cpuid(const struct mshv_partition *pt, uint32_t leaf, const uint32_t value[4], const uint32_t mask[4]);
/** Asserts a vector as an MSI or an IOAPIC pin would. type and flags: HV_INTERRUPT_*. */
int mshv_partition_assert_interrupt(const struct mshv_partition *pt, uint32_t type, uint32_t flags, uint64_t dest,
				    uint32_t vector);

/** Creates VP index with its shared pages. */
int mshv_vp_create(const struct mshv_partition *pt, uint32_t index, struct mshv_vp *ret);
/** A VP of a process that has died: its first run gives the message again that was not completed there. */
int mshv_vp_open(const struct mshv_partition *pt, uint32_t index, struct mshv_vp *ret);
void mshv_vp_close(struct mshv_vp *vp);
/** Runs until an exit for the VMM: 0 and *message, or -EINTR after a kick or signal. For the VP's own thread. */
int mshv_vp_run(const struct mshv_vp *vp, struct hv_message *message);
/** As BULKHEAD_RUN_VP: 0 with run->state and maybe a message, or -EINTR. run->flags is the caller's. */
int mshv_vp_run_shared(const struct mshv_vp *vp, struct bulkhead_run_vp *run);
/** Makes the current or the next run return -EINTR, once. */
int mshv_vp_kick(const struct mshv_vp *vp);
int mshv_vp_info(const struct mshv_vp *vp, struct bulkhead_vp_info *ret);

/** At most MSHV_MAX_REGISTERS at once. The VP must not be running. */
#define MSHV_MAX_REGISTERS 64u
int mshv_vp_set_registers(const struct mshv_vp *vp, const struct hv_register_assoc *registers, unsigned int count);
int mshv_vp_get_registers(const struct mshv_vp *vp, const uint32_t *names, union hv_register_value *values,
			  unsigned int count);
/** Walks the VP's page tables. -EFAULT: not mapped so, or not with the access asked for (HV_TRANSLATE_GVA_VALIDATE_*). */
int mshv_vp_translate(const struct mshv_vp *vp, uint64_t gva, uint64_t flags, uint64_t *ret_gpa);

#endif
