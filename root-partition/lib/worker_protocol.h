/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the management daemon and a worker: the descriptors and the configuration that a worker is started with, and
 * the messages on its control socket. One machine, one build: native byte order, versioned by WORKER_PROTOCOL_VERSION.
 *
 * A worker is started as `bulkhead-worker --control 3 --config 4`. Descriptor 3 is a listening AF_UNIX SOCK_SEQPACKET socket
 * (RUN_DIR/NAME/control.sock): it serves one daemon at a time and goes on when that daemon dies, so that the next one can
 * adopt it. Descriptor 4 is a sealed memfd that holds one struct worker_config; the descriptors that it names follow from 5 on.
 */
#ifndef BULKHEAD_WORKER_PROTOCOL_H
#define BULKHEAD_WORKER_PROTOCOL_H

#include <stdint.h>

#define WORKER_PROTOCOL_VERSION 2u
#define WORKER_MAX_DISKS 16u
#define WORKER_NAME_MAX 64u
#define WORKER_MAX_INTERFACES 8u
#define WORKER_MAX_QUEUES 8u
#define WORKER_MAX_VPS 64u

enum worker_disk_flags {
	WORKER_DISK_READ_ONLY = 1,
	WORKER_DISK_NO_FLUSH  = 2,   /* cache='unsafe': a flush completes at once */
	WORKER_DISK_ZEROES    = 4,   /* a block device that zeroes by itself what is deallocated: the worker cannot find that out */
};

struct worker_disk {
	int32_t  fd;                 /* opened by the daemon with the access that the definition allows */
	uint32_t flags;              /* enum worker_disk_flags */
	uint8_t  controller;         /* SCSI controller 0..3 */
	uint8_t  target;             /* 0..1 */
	uint8_t  lun;                /* 0..63 */
	uint8_t  reserved;
	uint32_t block_size;         /* logical bytes: 512 or 4096 */
	char     serial[36];         /* VPD page 80h; NUL padded */
};

enum worker_interface_flags {
	WORKER_INTERFACE_LINK_DOWN = 1,
	WORKER_INTERFACE_SPOOFING  = 2,   /* frames from other source addresses than mac are let through */
};

struct worker_interface {
	int32_t  fd[WORKER_MAX_QUEUES];   /* queues of one TAP device with a virtio_net_hdr before each frame, non-blocking */
	uint32_t queue_count;        /* 1..WORKER_MAX_QUEUES */
	uint32_t flags;              /* enum worker_interface_flags */
	uint32_t mtu;                /* of the TAP; the guest's may be lower */
	uint8_t  mac[6];             /* the guest's; names the interface */
	uint16_t reserved;
	char     tap[16];            /* its name in the root, for people */
};

#define WORKER_MAX_PORT_RANGES 16u

struct worker_port_range {
	uint32_t first, last;
};

/** Stream sockets between guest and host. The directory is RUN_DIR/NAME/vsock; the worker makes it its root. */
struct worker_vsock {
	int32_t  directory_fd;       /* a host service on port N listens at listen/N in it; -1: none of this is offered */
	int32_t  listen_fd;          /* listening AF_UNIX stream socket, `connect` in the directory: clients of guest ports (vsock_client.h) */
	uint32_t listen_count, connect_count;
	struct worker_port_range listen[WORKER_MAX_PORT_RANGES];  /* ports of the host that the guest may connect to */
	struct worker_port_range connect[WORKER_MAX_PORT_RANGES]; /* ports of the guest that the host may connect to */
};

#define WORKER_MAX_CPUID 8u

/** Bits of one CPUID leaf that are not as the hypervisor has them: (its & ~mask) | (value & mask), EAX to EDX. */
struct worker_cpuid {
	uint32_t leaf;
	uint32_t value[4], mask[4];
};

enum worker_ic {
	WORKER_IC_SHUTDOWN = 1, WORKER_IC_HEARTBEAT = 2, WORKER_IC_TIMESYNC = 4, WORKER_IC_KVP = 8, WORKER_IC_VSS = 16, WORKER_IC_FCOPY = 32,
	WORKER_IC_ALL = 63
};
#define WORKER_ICS 6u                /* bit i of enum worker_ic is number i of arrays */

struct worker_config {
	uint32_t version;            /* WORKER_PROTOCOL_VERSION */
	uint32_t size;               /* sizeof this */
	char     name[WORKER_NAME_MAX];
	uint8_t  uuid[16];
	uint64_t memory_bytes;       /* of the memory file; a multiple of 2 MiB */
	uint32_t vp_count;           /* 1..64 */
	uint32_t ic_mask;            /* enum worker_ic */
	int32_t  mshv_fd;            /* /dev/mshv, read-write */
	int32_t  state_fd;           /* memfd for the state that a successor needs; the daemon keeps it too */
	int32_t  memory_fd;          /* memfd of memory_bytes: the guest's memory; the daemon keeps it too */
	int32_t  kernel_fd;          /* bzImage, the same as unpacked_kernel.h has it, or a 64-bit ELF with a PVH note or entry point (tests/guest) */
	int32_t  initrd_fd;          /* -1: none */
	int32_t  console_fd;         /* listening AF_UNIX stream socket, RUN_DIR/NAME/console.sock */
	int32_t  console_log_fd;     /* append only; -1: none */
	int32_t  log_fd;             /* the worker's own log lines; stderr too */
	uint32_t uid, gid;           /* what to become before the first guest instruction; 0: stay */
	uint32_t disk_count;
	uint32_t start_paused;
	struct worker_disk disk[WORKER_MAX_DISKS];
	uint32_t interface_count, cpuid_count;
	struct worker_interface interface[WORKER_MAX_INTERFACES];
	struct worker_vsock vsock;
	struct worker_cpuid cpuid[WORKER_MAX_CPUID];
	char     cmdline[2048];
	/* Dynamic memory; startup_bytes 0: all of the file is the guest's from the start. The file has room for what the layout leaves out. */
	uint64_t startup_bytes, maximum_bytes;
	/* A successor gets its predecessor's memory, state and partition, when nothing of it touches the guest or its disks any more. */
	int32_t  partition_fd;       /* -1: a fresh start */
	uint32_t partition_resets;   /* reset_count of the hold */
	int32_t  life_fd[2];         /* a pipe for WORKER_HELD_LIFE; -1: nobody takes this worker's place, nothing is held */
};

/* Every message: header, then the body of that type. One packet each, without descriptors unless the type says so. */
struct worker_message {
	uint32_t type;               /* enum worker_message_type */
	uint32_t size;               /* whole packet, bytes */
	uint64_t sequence;           /* of a request; its reply repeats it; 0 in events */
};

enum worker_message_type {
	/* worker to daemon, once after accept, with the state now: struct worker_status. Then on every change. */
	WORKER_STATUS = 1,
	/* daemon to worker; each answered by WORKER_REPLY */
	WORKER_PAUSE = 16,
	WORKER_RESUME,
	WORKER_RESET,                /* hard reset: VPs and VMBus start afresh, memory is reloaded */
	WORKER_TURN_OFF,             /* hard: replies, reports WORKER_STATE_OFF, exits 0 */
	WORKER_SHUTDOWN,             /* struct worker_shutdown: asks the guest's integration component */
	WORKER_GET_STATS,            /* replied to by WORKER_STATS */
	WORKER_ATTACH_INTERFACE = 32, /* struct worker_attach, with queue_count descriptors in a control message */
	WORKER_DETACH_INTERFACE,     /* struct worker_interface_request; replied to when its descriptors are closed */
	WORKER_SET_LINK,             /* struct worker_interface_request */
	WORKER_ATTACH_DISK = 40,     /* struct worker_attach_disk, with the descriptor in a control message */
	WORKER_DETACH_DISK,          /* struct worker_disk_request; replied to when it is closed and the guest knows, or with what is to come */
	WORKER_RESIZE_DISK,          /* struct worker_disk_request; the reply's text says how large the disk is then */
	WORKER_SET_MEMORY = 48,      /* struct worker_set_memory */
	/* through the guest's integration services; replied to when the guest has answered */
	WORKER_KVP = 56,             /* struct worker_kvp, replied to by WORKER_KVP_REPLY */
	WORKER_FREEZE,               /* struct worker_freeze */
	WORKER_COPY,                 /* struct worker_copy, with the file's descriptor in a control message */
	/* worker to daemon */
	WORKER_HOLD = 3,             /* struct worker_hold, once after accept and after every reset */
	WORKER_MEMORY = 2,           /* struct worker_memory, on every change; only with dynamic memory */
	WORKER_REPLY = 64,           /* struct worker_reply */
	WORKER_STATS,                /* struct worker_stats */
	WORKER_KVP_REPLY,            /* struct worker_kvp_reply */
};

enum worker_state {
	WORKER_STATE_STARTING = 1,
	WORKER_STATE_RUNNING,
	WORKER_STATE_PAUSED,
	WORKER_STATE_STOPPING,
	WORKER_STATE_OFF,            /* last status before exit 0: the guest powered off or was turned off */
	WORKER_STATE_CRASHED,        /* last status before exit 2: triple fault, failing entry, I/O configuration; see reason */
};

enum worker_stop_cause {
	WORKER_STOP_NONE = 0,
	WORKER_STOP_GUEST_OFF,       /* ACPI S5 */
	WORKER_STOP_TURNED_OFF,      /* WORKER_TURN_OFF */
	WORKER_STOP_TRIPLE_FAULT,
	WORKER_STOP_ENTRY_FAILED,
	WORKER_STOP_INTERNAL,        /* the worker's own error */
};

enum worker_guest_flags { WORKER_GUEST_ALIVE = 1, WORKER_GUEST_FROZEN = 2 }; /* its heart beats; its file systems are frozen */

struct worker_status {
	struct worker_message header;
	uint32_t state;              /* enum worker_state */
	uint32_t stop_cause;         /* enum worker_stop_cause */
	uint32_t pid;
	uint32_t vmbus_version;      /* as negotiated, e.g. 00050003h; 0 before */
	uint32_t ic_ready;           /* enum worker_ic: components that finished their negotiation */
	uint32_t reset_count;
	uint32_t guest_crashes;      /* guest panics reported through the crash MSRs */
	uint32_t guest_flags;        /* enum worker_guest_flags */
	uint32_t ic_framework[WORKER_ICS], ic_version[WORKER_ICS]; /* as negotiated, major << 16 | minor; 0: not ready */
	uint64_t heartbeat_sequence;
	uint64_t start_realtime_ns;
	char     reason[256];        /* one line for people; empty: none; of a running guest: the crash that it reported */
};

struct worker_shutdown {
	struct worker_message header;
	uint32_t reboot;             /* 0 = power off, 1 = reboot */
	uint32_t force;
	char     text[128];
};

struct worker_attach {
	struct worker_message header;
	struct worker_interface interface;   /* fd[] is not read: the descriptors come along */
};

struct worker_interface_request {
	struct worker_message header;
	uint8_t  mac[6];             /* which one */
	uint8_t  up;                 /* WORKER_SET_LINK: 0 or 1 */
	uint8_t  reserved;
};

struct worker_attach_disk {
	struct worker_message header;
	struct worker_disk disk;             /* fd is not read: the descriptor comes along */
};

struct worker_disk_request {
	struct worker_message header;
	uint8_t  controller, target, lun;    /* which one */
	uint8_t  reserved[5];
	uint64_t bytes;                      /* WORKER_RESIZE_DISK: what its file is to have; 0: the size that it has */
};

struct worker_set_memory {
	struct worker_message header;
	uint64_t bytes;              /* what the guest is to have */
};

enum worker_memory_flags {
	WORKER_MEMORY_READY    = 1,  /* the guest's driver is there */
	WORKER_MEMORY_REPORTED = 2,  /* demand and available hold */
	WORKER_MEMORY_CAN_ADD  = 4,
	WORKER_MEMORY_BUSY     = 8,  /* the guest is giving or taking */
};

struct worker_memory {
	struct worker_message header;
	uint32_t flags;              /* enum worker_memory_flags */
	uint32_t version;            /* of the protocol, major 31:16 */
	uint64_t target_bytes, assigned_bytes, added_bytes, ballooned_bytes;
	uint64_t demand_bytes, available_bytes;  /* as the guest says */
	uint64_t resident_bytes;     /* what its memory takes of the root's now */
};

/** With what the daemon holds for a successor, as descriptors in this order. */
enum worker_held {
	WORKER_HELD_PARTITION,
	WORKER_HELD_MEMORY,
	WORKER_HELD_STATE,
	WORKER_HELD_LIFE,            /* reads as ended when the worker is gone and none of its disk requests is under way any more */
	WORKER_HELD_COUNT
};

struct worker_hold {
	struct worker_message header;
	uint32_t reset_count;        /* the partition is that of so many resets */
	uint32_t reserved;
};

#define WORKER_KVP_KEY   768u        /* bytes of UTF-8 with the NUL, as IC_KVP_KEY_MAX and IC_KVP_VALUE_MAX */
#define WORKER_KVP_VALUE 3072u

struct worker_kvp {
	struct worker_message header;
	uint32_t operation, pool;    /* enum ic_kvp_operation, ic_kvp_pool of vsp/ic/ic.h */
	uint32_t index, reserved;    /* of an enumeration */
	char     key[WORKER_KVP_KEY], value[WORKER_KVP_VALUE]; /* of addresses: an interface's MAC address in capitals; words as in vsp/ic/ic.h */
};

struct worker_kvp_reply {
	struct worker_message header;
	int32_t  error;              /* 0 or a negative errno; -ENOENT: no such key, or the end of the pool */
	uint32_t reserved;
	char     key[WORKER_KVP_KEY], value[WORKER_KVP_VALUE];
	char     text[128];          /* for people */
};

enum worker_freeze_operation { WORKER_FREEZE_BEGIN, WORKER_FREEZE_KEEP, WORKER_FREEZE_END };

/** Unless kept, a freeze ends by itself: see ic_vss_freeze. */
struct worker_freeze {
	struct worker_message header;
	uint32_t operation;          /* enum worker_freeze_operation */
	uint32_t lease_ms;           /* begin, keep */
};

struct worker_copy {
	struct worker_message header;
	uint32_t flags, reserved;    /* IC_FCOPY_* of vsp/ic/ic.h */
	uint64_t size;
	char     path[1024], file[1024]; /* UTF-8, NUL-terminated */
};

struct worker_reply {
	struct worker_message header;
	int32_t  error;              /* 0 or a negative errno */
	uint32_t reserved;
	char     text[248];          /* for people */
};

struct worker_stats {
	struct worker_message header;
	uint64_t pinned_bytes, deposited_bytes, deposited_free_bytes;
	uint64_t exits[16];          /* sum of all VPs, by enum bh_exit_reason */
	uint64_t dispatches, guest_tsc, hypervisor_tsc;
	uint32_t vp_count, disk_count;
	struct worker_disk_stats {
		uint8_t  controller, target, lun, reserved[5];
		uint64_t size_bytes;
		uint64_t reads, writes, flushes, unmaps, read_bytes, written_bytes, errors, pending;
	} disk[WORKER_MAX_DISKS];
	uint32_t interface_count, reserved;
	struct worker_interface_stats {
		uint8_t  mac[6];
		uint8_t  link_up;
		uint8_t  ready;              /* the guest's driver has set it up */
		char     tap[16];
		uint32_t queues, mtu;        /* in use by the guest */
		/* as the guest sees them */
		uint64_t rx_packets, rx_bytes, rx_dropped, rx_errors, tx_packets, tx_bytes, tx_dropped, tx_errors;
		uint64_t spoofed;            /* of tx_dropped: by their source address */
	} interface[WORKER_MAX_INTERFACES];
	uint64_t tsc_hz;             /* 0: not known */
	struct { uint64_t guest_tsc, hypervisor_tsc; } vp[WORKER_MAX_VPS];
};

#endif
