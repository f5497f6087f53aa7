/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of one integration component, vsp/ic and vsc/ic, wired together in one process; the guest does what struct ic_pair says. */
#ifndef BULKHEAD_TEST_VSC_IC_PAIR_H
#define BULKHEAD_TEST_VSC_IC_PAIR_H

#include "vsc/ic/ic.h"
#include "vsp/ic/ic.h"
#include "wired.h"

#define PAIR_FILE_BYTES 40000u
#define PAIR_ENTRIES    8u

struct ic_pair {
	struct wired w;
	struct ic *host;
	struct ic_state state;
	struct vsc_ic guest;
	/* The host's side. */
	unsigned int ready, gone, shutdown_answers, beats_began, beats_stopped;
	bool reboot;
	uint32_t shutdown_status;
	uint64_t reference;          /* its counter */
	/* The guest's. */
	uint32_t answer;             /* of the services that call back, but key-value pairs */
	uint32_t flags;              /* of the last shutdown or time */
	unsigned int shutdowns, times, freezes, thaws, files, removed;
	char text[64];
	uint64_t time, guest_reference;
	struct vsc_kvp_entry entries[PAIR_ENTRIES];
	struct vsc_kvp kvp;
	struct ic_fcopy_start file;
	uint8_t data[PAIR_FILE_BYTES];
	uint64_t bytes;
};

/** Offers the component, connects, opens. The memory is given once: a pair may be begun again after ic_pair_end. */
void ic_pair_begin(struct ic_pair *p, enum ic_type type);
void ic_pair_end(struct ic_pair *p);

#endif
