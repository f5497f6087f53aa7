/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's integration components: each answers on its channel what the host asks (vmbus/protocol/ic.h). One struct vsc_ic each, no
 * allocation: it and the rings are the caller's. Single-threaded; nothing waits but opening and closing. Errors are negative errno values.
 *
 * The host is not trusted: its messages are copied once and checked. One whose frame makes no sense is dropped and counted in `refused`; one
 * that only the service cannot make sense of is answered with IC_STATUS_FAIL, so that the host need not wait for its answer.
 */
#ifndef BULKHEAD_VSC_IC_IC_H
#define BULKHEAD_VSC_IC_IC_H

#include "vmbus/protocol/ic.h"
#include "vsc/vmbus/client.h"

enum vsc_ic_type { VSC_IC_SHUTDOWN, VSC_IC_HEARTBEAT, VSC_IC_TIMESYNC, VSC_IC_KVP, VSC_IC_VSS, VSC_IC_FCOPY, VSC_IC_TYPES };

/**
 * What the guest does. Any may be NULL: the host is then told that it failed, or, of the time, that it was taken. They return the HRESULT that
 * the host gets (0: done), and must not open or close channels.
 */
struct vsc_ic_ops {
	/** To turn off or restart; text is the host's, UTF-8. The answer goes when this has returned: turn off after that. */
	uint32_t (*shutdown)(void *context, uint32_t flags, const char *text);
	/** time: 100 ns since 1601, when the reference counter stood at `reference` (0: before version 4.0, not told). flags: IC_TIME_*. */
	void (*time)(void *context, uint64_t time, uint64_t reference, uint8_t flags);
	/** The answer of an operation that asks something goes into the message; vsc_kvp_serve does it all. */
	uint32_t (*kvp)(void *context, struct ic_kvp *message);
	/** Freezes or thaws the file systems. What a backup of the running guest may do is answered without it: `backup_flags`. */
	uint32_t (*vss)(void *context, enum ic_vss_operation operation);
	/** A file begins (its names are UTF-16LE with a NUL), its next bytes, its end, or that what there is of it is to be removed. */
	uint32_t (*file_start)(void *context, const struct ic_fcopy_start *file);
	uint32_t (*file_write)(void *context, uint64_t offset, const uint8_t *data, uint32_t bytes);
	uint32_t (*file_end)(void *context, bool complete);
};

struct vsc_ic {
	struct vsc_channel *channel;
	enum vsc_ic_type type;
	const struct vsc_ic_ops *ops;
	void *context;
	uint32_t framework, message; /* versions agreed on, major << 16 | minor; 0: not yet, or none */
	uint32_t backup_flags;       /* VSC_IC_VSS: set it before opening */
	bool file_open;              /* VSC_IC_FCOPY: between start and end */
	uint64_t answered, refused;
	uint64_t transaction_id;     /* of the packet below */
	uint32_t unsent;             /* bytes of an answer that the ring had no room for; no more is taken before it has gone */
	uint8_t packet[8192];
};

/** The class to look for with vsc_vmbus_find. */
struct vmbus_guid vsc_ic_class(enum vsc_ic_type type);
/**
 * Opens the channel and answers from then on, whenever the channel's event comes. `memory` as for vsc_channel_open, half for each direction; four
 * pages each way, as Linux has them, do for every type. What vsc_channel_open returns.
 */
int vsc_ic_open(struct vsc_ic *ic, enum vsc_ic_type type, struct vsc_channel *channel, const struct vsc_ic_ops *ops, void *context,
	void *memory, uint32_t bytes);
/** What vsc_channel_close returns. */
int vsc_ic_close(struct vsc_ic *ic);
/** Answers what has come; how many messages were taken. Called by the channel's event. */
unsigned int vsc_ic_poll(struct vsc_ic *ic);

/** One key with its value in one of the pools. */
struct vsc_kvp_entry {
	bool used;
	uint8_t pool;
	struct ic_kvp_value pair;
};

/** Pools of key-value pairs in the caller's memory. The order of enumeration is that of `entries`, without gaps. */
struct vsc_kvp {
	struct vsc_kvp_entry *entries;
	uint32_t count;
};

/** Does what the host's message says and writes the answer into it. The host may not write the guest's own pools. An HRESULT. */
uint32_t vsc_kvp_serve(struct vsc_kvp *kvp, struct ic_kvp *message);
/** The guest's own: sets a pair of ASCII text. -ENOSPC: no entry is free; -EINVAL: empty or too long. */
int vsc_kvp_set(struct vsc_kvp *kvp, enum ic_kvp_pool pool, const char *key, const char *value);
/** Reads one as ASCII; other characters become '?'. -ENOENT, -ENOSPC (cut off). */
int vsc_kvp_get(const struct vsc_kvp *kvp, enum ic_kvp_pool pool, const char *key, char *value, uint32_t size);

#endif
