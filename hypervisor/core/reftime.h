/* SPDX-License-Identifier: BSD-2-Clause */
/* Partition reference time: 100 ns units since the partition began, from the TSC (TLFS 12.4 to 12.7). */
#ifndef BULKHEAD_CORE_REFTIME_H
#define BULKHEAD_CORE_REFTIME_H

#include <stdint.h>

#include "abi/tlfs.h"

struct reftime {
	uint64_t tsc_hz;
	uint64_t scale;      /* 2^64 * 10^7 / tsc_hz */
	uint64_t base;       /* TSC at time 0 */
};

/** tsc_hz above 10 MHz. */
void reftime_init(struct reftime *r, uint64_t tsc_hz, uint64_t now_tsc);
uint64_t reftime_from_tsc(const struct reftime *r, uint64_t tsc);
/** A length of time in TSC ticks, in 100 ns. */
uint64_t reftime_length(const struct reftime *r, uint64_t ticks);
/** The first TSC value at which reference time has reached `time`; ~0 when that is too far to say. */
uint64_t reftime_to_tsc(const struct reftime *r, uint64_t time);
/** Fills a child's reference TSC page: the same time from the child's own TSC, without an exit. */
void reftime_fill_page(const struct reftime *r, struct hv_reference_tsc_page *page);

#endif
