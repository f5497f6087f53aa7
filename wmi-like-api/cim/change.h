/* SPDX-License-Identifier: BSD-2-Clause */
/* An edit of one definition, from a method's arguments to the daemon's answer. */
#ifndef BULKHEAD_CIM_CHANGE_H
#define BULKHEAD_CIM_CHANGE_H

#include "wmi-like-api/cim/methods.h"

#define CHANGE_RESULTS 64u

enum change_kind { CHANGE_SYSTEM, CHANGE_ADD, CHANGE_MODIFY, CHANGE_REMOVE };

struct change {
	struct change *next;
	struct cim *cim;
	struct pool pool;                      /* copies of what came in */
	enum change_kind kind;
	char name[64];
	const struct cim_value *inputs;          /* instances, or paths for CHANGE_REMOVE */
	bool put;                                /* answered as WS-Transfer's Put */
	cim_result_fn fn;
	void *arg;
	/* being applied */
	bool edited;                             /* the text has to be stored */
	/* Of a running partition, stored by the daemon too: an <interface> or <disk>; a MAC address or a disk's target. */
	char *attach, *detach;
	bool disk;                               /* which of the two it is */
	char *link;                              /* of a running partition: the MAC address of what is plugged or unplugged now */
	bool link_up;
	uint64_t memory;                         /* bytes that a running partition is to have now; 0: as it is */
	char *text;                              /* edited, to be stored after that */
	const struct cim_path *results[CHANGE_RESULTS];
	unsigned result_count, code;
};

/** Applies one input. Returns 0 or a return code. */
unsigned change_system(struct change *change, struct view *view, struct edit *edit, const struct cim_instance *in);
unsigned change_add(struct change *change, struct view *view, struct edit *edit, const struct cim_instance *in);
unsigned change_modify(struct change *change, struct view *view, struct edit *edit, const struct cim_instance *in);
unsigned change_remove(struct change *change, struct view *view, struct edit *edit, const struct cim_path *path);
/** What both adding and modifying of processors and memory are. */
unsigned change_processors(struct edit *edit, const struct cim_instance *in);
unsigned change_memory(const struct definition *now, struct edit *edit, const struct cim_instance *in);

/** A deep copy. */
struct cim_value *value_copy(struct pool *pool, const struct cim_value *value);

#endif
