/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause */
/*
 * /dev/mshv: numbers and layouts of Linux's include/uapi/linux/mshv.h, as far as bulkhead.ko implements them, and
 * Bulkhead's own ioctls. For the driver and for user space.
 */
#ifndef BULKHEAD_MSHV_H
#define BULKHEAD_MSHV_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define MSHV_IOCTL 0xB8

/* /dev/mshv */
struct mshv_create_partition {
	__u64 pt_flags;
	__u64 pt_isolation;
};
struct mshv_create_partition_v2 {
	__u64 pt_flags;
	__u64 pt_isolation;
	__u16 pt_num_cpu_fbanks;
	__u8  pt_rsvd[6];
	__u64 pt_cpu_fbanks[2];
	__u64 pt_rsvd1[2];
	__u64 pt_disabled_xsave;
};
#define MSHV_PT_BIT_LAPIC       0
#define MSHV_PT_BIT_X2APIC      1
#define MSHV_PT_BIT_GPA_SUPER_PAGES 2
#define MSHV_PT_BIT_CPU_AND_XSAVE_FEATURES 3
#define MSHV_CREATE_PARTITION _IOW(MSHV_IOCTL, 0x00, struct mshv_create_partition)

/* /dev/mshv, partition, VP */
struct mshv_root_hvcall {
	__u16 code;
	__u16 reps;      /* in: to do; out: done */
	__u16 in_sz;
	__u16 out_sz;
	__u16 status;    /* out: HV_STATUS_* */
	__u8  rsvd[6];
	__u64 in_ptr;    /* first u64 is replaced by the partition's id */
	__u64 out_ptr;
};
#define MSHV_ROOT_HVCALL _IOWR(MSHV_IOCTL, 0x07, struct mshv_root_hvcall)

/* partition */
#define MSHV_INITIALIZE_PARTITION _IO(MSHV_IOCTL, 0x00)
struct mshv_create_vp {
	__u32 vp_index;
};
#define MSHV_CREATE_VP _IOW(MSHV_IOCTL, 0x01, struct mshv_create_vp)
struct mshv_user_mem_region {
	__u64 size;
	__u64 guest_pfn;
	__u64 userspace_addr;
	__u8  flags;
	__u8  rsvd[7];
};
#define MSHV_SET_MEM_BIT_WRITABLE   0
#define MSHV_SET_MEM_BIT_EXECUTABLE 1
#define MSHV_SET_MEM_BIT_UNMAP      2
/**
 * Makes the range the child's memory until UNMAP of the same range, or the partition's end. Ranges do not overlap (EEXIST). Pages are
 * pinned and mapped, 2 MiB at a time where that is possible, when the child first touches them: RUN_VP does it without a message. The
 * whole range counts at once against RLIMIT_MEMLOCK of the partition's creator (ENOMEM), unless that had CAP_IPC_LOCK.
 */
#define MSHV_SET_GUEST_MEMORY _IOW(MSHV_IOCTL, 0x02, struct mshv_user_mem_region)
struct mshv_user_irqfd {
	__s32 fd;
	__s32 resamplefd;
	__u32 gsi;
	__u32 flags;
};
#define MSHV_IRQFD_BIT_DEASSIGN 0
#define MSHV_IRQFD_BIT_RESAMPLE 1
#define MSHV_IRQFD _IOW(MSHV_IOCTL, 0x03, struct mshv_user_irqfd)
struct mshv_user_irq_entry {
	__u32 gsi;
	__u32 address_lo;
	__u32 address_hi;
	__u32 data;
};
struct mshv_user_irq_table {
	__u32 nr;
	__u32 rsvd;
	struct mshv_user_irq_entry entries[];
};
#define MSHV_SET_MSI_ROUTING _IOW(MSHV_IOCTL, 0x05, struct mshv_user_irq_table)

/* VP */
#define MSHV_RUN_VP_BUF_SZ 256
struct mshv_run_vp {
	__u8 msg_buf[MSHV_RUN_VP_BUF_SZ];
};
/**
 * Returns 0 with a message, or -1: EINTR after a signal, a kick, or for work that only the way to user space can do (run again);
 * ENOMEM: no memory for a page that the child touched; the access is tried anew if it is run again; anything else is final. The exit is completed by the next call: what was not completed by then happens again.
 */
#define MSHV_RUN_VP _IOR(MSHV_IOCTL, 0x00, struct mshv_run_vp)
struct mshv_get_set_vp_state {
	__u8  type;
	__u8  rsvd[3];
	__u32 buf_sz;
	__u64 buf_ptr;
};
#define MSHV_GET_VP_STATE _IOWR(MSHV_IOCTL, 0x01, struct mshv_get_set_vp_state)
#define MSHV_SET_VP_STATE _IOWR(MSHV_IOCTL, 0x02, struct mshv_get_set_vp_state)
#define MSHV_VP_MMAP_OFFSET_REGISTERS         0 /* pages */
#define MSHV_VP_MMAP_OFFSET_INTERCEPT_MESSAGE 1

/* Bulkhead's own, from B8h/80h on. */

/** Partition: HvSignalEvent of the child on connection_id adds 1 to the eventfd, without leaving the kernel. fd -1 removes. */
struct bulkhead_signalfd {
	__u32 connection_id;
	__s32 fd;
};
#define BULKHEAD_SIGNALFD _IOW(MSHV_IOCTL, 0x80, struct bulkhead_signalfd)

/** Partition: lets the child post messages to connection_id; they end a run as HVMSG_BULKHEAD_POST_MESSAGE. enable 0 removes. */
struct bulkhead_message_port {
	__u32 connection_id;
	__u32 enable;
};
#define BULKHEAD_MESSAGE_PORT _IOW(MSHV_IOCTL, 0x81, struct bulkhead_message_port)

/** Partition: sets an event flag for SINT 2 of a VP and wakes it; no hypercall. */
struct bulkhead_signal_event {
	__u32 vp_index;
	__u32 flag;       /* below 2048 */
};
#define BULKHEAD_SIGNAL_EVENT _IOW(MSHV_IOCTL, 0x82, struct bulkhead_signal_event)

/** Partition: its VPs' and its own figures. */
struct bulkhead_partition_info {
	__u64 pinned_bytes;     /* of the root's memory, pinned for this child */
	__u64 deposited_bytes;
	__u64 deposited_free_bytes;
	__u64 mapped_bytes;
	__u32 vp_count;
	__u32 rsvd;
};
#define BULKHEAD_PARTITION_INFO _IOR(MSHV_IOCTL, 0x83, struct bulkhead_partition_info)

/** VP: counters; the layout of exits[] is enum bh_exit_reason of the hypervisor's abi/bulkhead.h. */
struct bulkhead_vp_info {
	__u64 exits[9];
	__u64 dispatches;
	__u64 guest_tsc;
	__u64 hypervisor_tsc;
	__u64 interrupts_injected;
	__u64 signals;
	__u64 messages_posted;
	__u64 timer_expirations;
};
#define BULKHEAD_VP_INFO _IOR(MSHV_IOCTL, 0x84, struct bulkhead_vp_info)

/** /dev/mshv: the host. */
struct bulkhead_host_info {
	__u32 version;          /* major 31:16, minor 15:0 */
	__u32 cpu_count;
	__u32 partition_count;
	__u32 rsvd;
	char  vendor[16];       /* "AuthenticAMD" */
	__u64 image_bytes;
	__u64 owned_bytes;
	__u64 owned_free_bytes;
	__u64 deposited_bytes;
	__u64 pinned_bytes;
	__u64 root_exits;
	__u64 tsc_hz;
};
#define BULKHEAD_HOST_INFO _IOR(MSHV_IOCTL, 0x85, struct bulkhead_host_info)

/** VP: makes its current or next RUN_VP return EINTR once, from any thread. (A signal to the thread does the same.) */
#define BULKHEAD_KICK_VP _IO(MSHV_IOCTL, 0x86)

/**
 * Partition: takes pages out of the child, unpins them and punches a hole into the shared file that is mapped there: the root has them
 * back and their contents are gone. They remain the child's memory: what it touches again is populated with zeroes. By the process that
 * called SET_GUEST_MEMORY, within one of its ranges. EINVAL also when no shared file is behind them: then they are only unpinned.
 */
struct bulkhead_release_memory {
	__u64 guest_pfn;
	__u64 pages;
};
#define BULKHEAD_RELEASE_MEMORY _IOW(MSHV_IOCTL, 0x87, struct bulkhead_release_memory)

/**
 * VP: as RUN_VP, for a thread that has other work: it does not sleep while the VP is blocked, and returns whenever the machine's interrupts or
 * the child's signals may have brought some. state BLOCKED: until poll() reports POLLIN (or the caller itself does something for the VP) a
 * call only says so again. state READY: call again.
 */
struct bulkhead_run_vp {
	__u32 flags;      /* in: BULKHEAD_RUN_* */
	__u32 state;      /* out: MESSAGE, or HV_VP_DISPATCH_STATE_* */
	struct mshv_run_vp message; /* out, with MESSAGE */
};
#define BULKHEAD_RUN_PATIENT   0x1u /* the other work can wait until the VP blocks, or for a tick of the root's clock */
#define BULKHEAD_STATE_MESSAGE 0u
#define BULKHEAD_RUN_VP _IOWR(MSHV_IOCTL, 0x8a, struct bulkhead_run_vp)

/* For a successor, who has the partition's descriptor from a process that has died. */

/**
 * Partition: a descriptor of a VP that exists. EBUSY: somebody runs it. The message that RUN_VP gave last and that no further RUN_VP has
 * completed is given again; it has its number (header.sender, which counts a VP's messages from 1) still.
 */
#define BULKHEAD_OPEN_VP _IOW(MSHV_IOCTL, 0x88, struct mshv_create_vp)

/**
 * Partition: the same memory as in a call of SET_GUEST_MEMORY, at another address or in another process; the caller sees to it that it
 * is the same. Nothing changes for the child: what is mapped stays mapped. EINVAL: there is no such range; EBUSY: the process that it
 * belongs to is there still.
 */
#define BULKHEAD_MOVE_MEMORY _IOW(MSHV_IOCTL, 0x89, struct mshv_user_mem_region)

#endif
