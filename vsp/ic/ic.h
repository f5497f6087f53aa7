/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integration components of a partition: guest shutdown, heartbeat, time synchronization, key-value pairs, freezing of file systems for
 * a backup, files for the guest. One struct ic each, over VMBus to the guest's hv_utils. Knows the VMBus server, not the worker; one thread, the one that also calls the VMBus server.
 *
 * Start: ic_create() before vmbus_server_start(); ic_tick() about once a second. A successor gives the predecessor's state.
 */
#ifndef BULKHEAD_VSP_IC_IC_H
#define BULKHEAD_VSP_IC_IC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/protocol/ic.h"
#include "vmbus/server/server.h"

struct ic;

enum ic_type { IC_SHUTDOWN, IC_HEARTBEAT, IC_TIMESYNC, IC_KVP, IC_VSS, IC_FCOPY, IC_TYPES };

/** For a successor. Zeroed or a predecessor's. */
struct ic_state {
	uint32_t version;            /* IC_STATE_VERSION once used */
	uint32_t phase;              /* enum ic_phase */
	uint32_t framework, message; /* negotiated: major << 16 | minor */
	uint64_t sequence;           /* heartbeat: last sent */
	uint64_t answered;           /* heartbeat: last that came back */
	uint32_t transaction;        /* last used */
	uint32_t request;            /* transaction that waits for its answer, plus 1; 0 none */
	uint32_t request_reboot;     /* shutdown */
	uint32_t frozen;             /* vss: the guest was asked to freeze and has not thawed since */
};
#define IC_STATE_VERSION 1u

/** Any may be NULL except reference_time for IC_TIMESYNC. context is the one given to ic_create. */
struct ic_ops {
	/** The guest's component finished its negotiation, or is gone. */
	void (*ready)(void *context, enum ic_type type, bool ready);
	/** The guest answered the shutdown request: 0 = it is going down, else its error (HRESULT). */
	void (*shutdown_answer)(void *context, bool reboot, uint32_t status);
	/** The heartbeat began (alive) or stopped: nothing came back for IC_HEARTBEAT_LOST_MS. */
	void (*heartbeat)(void *context, bool alive);
	/** The partition's reference counter now, 100 ns units: what the guest's reference TSC page or MSR 40000020h shows. */
	uint64_t (*reference_time)(void *context);
	/** One line for people, without a newline. */
	void (*log)(void *context, const char *text);
};

#define IC_HEARTBEAT_MS      2000u
#define IC_HEARTBEAT_LOST_MS 10000u
#define IC_TIMESYNC_MS       5000u

/** Offers the component. 0, -EINVAL (state of another version), -ENOMEM, -ENOSPC (no VMBus slot). state, ops outlive it. */
int ic_create(struct vmbus_server *server, enum ic_type type, const struct vmbus_guid *instance, struct ic_state *state,
	const struct ic_ops *ops, void *context, struct ic **ret);
/** Takes the offer back. NULL is fine. */
void ic_free(struct ic *ic);
/** Frees without telling the guest anything, for a successor; after vmbus_server_free. */
void ic_detach(struct ic *ic);

/** The guest's component is there and agreed on a version. */
bool ic_ready(const struct ic *ic);
/** The versions it agreed on, major << 16 | minor; 0 while it is not ready. */
uint32_t ic_framework_version(const struct ic *ic);
uint32_t ic_message_version(const struct ic *ic);
/** Sends what is due. now_ms: monotonic. */
void ic_tick(struct ic *ic, uint64_t now_ms);

/**
 * IC_SHUTDOWN: asks the guest to turn itself off or restart; shutdown_answer follows. text (may be NULL) is shown to its users.
 * 0, -ENOTCONN (not ready), -EALREADY (asked and not answered), -EAGAIN (the guest does not read its ring).
 */
int ic_shutdown_request(struct ic *ic, bool reboot, bool force, const char *text);
/** IC_HEARTBEAT: last sequence number that the guest answered, 0 if none. */
uint64_t ic_heartbeat_sequence(const struct ic *ic);
/** IC_HEARTBEAT: answers come. */
bool ic_heartbeat_alive(const struct ic *ic);
/** IC_TIMESYNC: the guest's clock is wrong (it was paused or restored): sets it, now if the guest can take it, else at a tick. */
void ic_timesync_force(struct ic *ic);

/**
 * How a request to the guest ended. error: 0; -EIO with the guest's HRESULT in status; -ENOENT: it has no such key; -ENOTCONN: its component
 * went away; -ETIMEDOUT: no answer; other negative errnos where said. Not called when the request itself was refused.
 */
typedef void ic_done(void *arg, int error, uint32_t status);

#define IC_KVP_KEY_MAX     768u      /* bytes of UTF-8 with the NUL */
#define IC_KVP_VALUE_MAX   3072u
#define IC_KVP_TIMEOUT_MS  40000u    /* Linux answers within 30 s */

struct ic_kvp_request {
	enum ic_kvp_operation operation;
	enum ic_kvp_pool pool;
	uint32_t index;              /* enumerate */
	const char *key, *value;     /* UTF-8; get, delete: key; set: both */
};

/*
 * Addresses of a network interface: the key names it as struct ic_kvp_addresses says. The value, of the answer or to be set, is words between
 * blanks: dhcp=0 or dhcp=1, family=4, 6 or 46 (answers only), address=, mask=, gateway=, dns= with lists between semicolons; what is empty is
 * left out. To set, a guest needs a program that knows how its system is configured (Linux: hv_set_ifconfig).
 */

/** As ic_done; key and value (UTF-8) after a get or an enumerate that worked, else NULL. */
typedef void ic_kvp_done(void *arg, int error, uint32_t status, const char *key, const char *value);

/**
 * IC_KVP: one request at a time. 0: done follows. -ENOTCONN; -EBUSY (another waits); -EINVAL (no such operation or pool, an empty key);
 * -EILSEQ (not UTF-8); -E2BIG (key or value too long); -EAGAIN (the guest does not read its ring).
 */
int ic_kvp_request(struct ic *ic, const struct ic_kvp_request *request, ic_kvp_done *done, void *arg);

#define IC_VSS_LEASE_MAX_MS 60000u

/**
 * IC_VSS: asks whether a backup may be made, then freezes the guest's file systems. Unless ic_vss_keep is called in time they are thawed when
 * lease_ms (at most IC_VSS_LEASE_MAX_MS) are over, counted from now on, whoever asked for it. 0: done follows, once they are frozen or not.
 * -ENOTCONN; -EBUSY (frozen already, or under way); -EINVAL; -EAGAIN.
 */
int ic_vss_freeze(struct ic *ic, uint32_t lease_ms, ic_done *done, void *arg);
/** Puts the end off to lease_ms from now. -ESTALE: the guest is not frozen (any more). */
int ic_vss_keep(struct ic *ic, uint32_t lease_ms);
/** 0: done follows. -ESTALE: as above, what was copied meanwhile is not of one moment. */
int ic_vss_thaw(struct ic *ic, ic_done *done, void *arg);
/** What the guest said of a backup of a running guest, at the last freeze (Linux: 5, it recovers by itself). */
uint32_t ic_vss_flags(const struct ic *ic);

#define IC_FCOPY_TIMEOUT_MS 40000u

struct ic_fcopy_request {
	const char *path, *file;     /* UTF-8; the guest's folder, and the name in it */
	uint32_t flags;              /* IC_FCOPY_* */
	uint64_t size;
	/** Reads up to `bytes` at offset: how many, 0 at the end (before size: the copy fails with -ESTALE), or a negative errno. */
	int64_t (*read)(void *arg, uint64_t offset, void *to, uint32_t bytes);
};

/**
 * IC_FCOPY: writes a file in the guest, one at a time. 0: done follows. path and file are copied. -ENOTCONN, -EBUSY, -EILSEQ,
 * -ENAMETOOLONG, -EAGAIN as above.
 */
int ic_fcopy_start(struct ic *ic, const struct ic_fcopy_request *request, ic_done *done, void *arg);
/** Ends the copy with -ECANCELED; the guest removes what it has. */
void ic_fcopy_cancel(struct ic *ic);

#endif
