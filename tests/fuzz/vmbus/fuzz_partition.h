/* SPDX-License-Identifier: BSD-2-Clause */
/* A partition around the real server, for the fuzzer to be the guest of. Two devices are offered; the first echoes. */
#ifndef BULKHEAD_FUZZ_PARTITION_H
#define BULKHEAD_FUZZ_PARTITION_H

#include <stdbool.h>

#include "fuzz_input.h"
#include "vmbus/server/server.h"

#define FUZZ_PAGES 32u           /* guest memory: this many pages at 0, and at 4 GiB */
#define FUZZ_HIGH  0x100000ull   /* page number of 4 GiB */

struct fuzz_partition {
	struct vmbus_state *state;
	struct vmbus_server *server;
	struct vmbus_channel *channels[2];
	struct guest_map map;
	uint8_t *memory[2];
	bool slot_taken;
	uint32_t replies;
};

/** Fresh state and memory; started, with both devices. Uses what the last call allocated. */
struct fuzz_partition *fuzz_partition_start(void);
/** The worker dies and a successor takes over. */
void fuzz_partition_succeed(struct fuzz_partition *p);
void fuzz_partition_post(struct fuzz_partition *p, const void *message, size_t size);
/** Takes a device back, or offers it again. */
void fuzz_partition_toggle(struct fuzz_partition *p, unsigned device);
/** Connected with 5.3, offers requested. */
void fuzz_partition_connect(struct fuzz_partition *p);

#endif
