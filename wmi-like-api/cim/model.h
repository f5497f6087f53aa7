/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The snapshot: every partition as the daemon last told, kept up to date by its events. Nothing that reads it waits for anybody, so a
 * partition that starts or a worker that is stuck delays no answer.
 */
#ifndef BULKHEAD_CIM_MODEL_H
#define BULKHEAD_CIM_MODEL_H

#include "wmi-like-api/cim/daemon.h"
#include "wmi-like-api/cim/definition.h"
#include "wmi-like-api/cim/host.h"

enum view_state { VIEW_OFF, VIEW_STARTING, VIEW_RUNNING, VIEW_PAUSED, VIEW_STOPPING, VIEW_FAILED, VIEW_RESTARTING };
enum view_heartbeat { VIEW_NO_HEARTBEAT, VIEW_HEARTBEAT_OK, VIEW_HEARTBEAT_LOST };

#define VIEW_PENDING 16u

/* What was added by one call and needs a second one before the definition can say it. */
struct view_pending {
	unsigned controllers;                    /* bits: shown though no disk is on them */
	unsigned drive_count, port_count;
	struct { unsigned controller, lun; } drives[VIEW_PENDING];
	char     ports[VIEW_PENDING][13];        /* MAC addresses */
};

/* Key-value items, by the daemon's numbers of the pools: what the host tells the guest, programs in the guest the host, the guest of itself. */
enum view_pool { VIEW_HOST_ITEMS, VIEW_GUEST_ITEMS, VIEW_INTRINSIC_ITEMS, VIEW_POOLS };

struct view_items {
	bool     known, again;                   /* again: asked for once more while an answer was on its way */
	unsigned count, asked;
	struct { char *key, *value; } *pairs;
};

/* What a virtual processor ran, and how much of the time between the last two looks, in percent. */
struct view_processor {
	uint64_t guest_ns, hypervisor_ns;
	int      load;                           /* -1: not known yet */
};

struct view {
	struct view *next;
	char     name[64], uuid[37];             /* upper case */
	enum view_state state;
	enum view_heartbeat heartbeat;
	char     reason[512];
	unsigned vps;                            /* of the running instance, if there is one */
	uint32_t pid;
	uint64_t memory_bytes, assigned_bytes, demand_bytes, since_us, started_us;   /* real time; started 0: does not run */
	bool     shutdown_ready, seen;
	bool     stale, asked;                   /* of text: from an earlier connection; on its way */
	char    *text;                           /* the definition; NULL: not read yet, or undefined */
	struct definition *definition;
	struct view_items items[VIEW_POOLS];
	struct view_processor *processors;       /* NULL: not known */
	unsigned processor_count;
	uint64_t processors_us, processors_hr;   /* when: real time; uv_hrtime */
	bool     processors_due;
	struct view_pending pending;
};

struct host_memory_facts {
	bool     known;
	uint64_t available_bytes, total_bytes;
	char     hypervisor_version[32], daemon_version[32];
};

/** before NULL: it is new; after NULL: it is gone. Both live until the function returns. */
typedef void (*model_change_fn)(void *arg, const struct view *before, const struct view *after);
/** view NULL: there is none (any more). */
typedef void (*model_refreshed_fn)(void *arg, struct view *view);

struct model {
	struct daemon *daemon;
	struct host_facts host;
	struct host_memory_facts memory;
	struct view *views;
	uv_timer_t timer;
	bool complete;                           /* everything was read once on this connection */
	bool told;                               /* and on any: from then on changes are told */
	bool listing;
	sd_bus_message *list;                    /* being taken in; NULL: none */
	uv_idle_t slices;
	unsigned handles;                        /* open ones */
	unsigned reading, timing;                /* definitions, times of processors on their way */
	unsigned looks;                          /* how often everybody was looked at */
	model_change_fn changed;
	void (*closed)(void *arg);
	void *arg;
};

/** closed is called when the model's memory may go. */
void model_open(struct model *model, const struct cim_options *options, model_change_fn changed, void (*closed)(void *arg), void *arg);
void model_close(struct model *model);

struct view *model_by_uuid(const struct model *model, const char *uuid);
struct view *model_by_name(const struct model *model, const char *name);

/** Reads it again, with its definition, and then calls fn (may be NULL), not before this returns. */
void model_refresh(struct model *model, const char *name, model_refreshed_fn fn, void *arg);

/** Reads a pool of key-value items again, and then calls fn (may be NULL). */
void model_refresh_items(struct model *model, const char *name, enum view_pool pool, model_refreshed_fn fn, void *arg);

/** Real time, microseconds. */
uint64_t model_now_us(void);

#endif
