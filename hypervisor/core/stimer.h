/* SPDX-License-Identifier: BSD-2-Clause */
/* One synthetic timer (TLFS 12.3): times are reference time in 100 ns. */
#ifndef BULKHEAD_CORE_STIMER_H
#define BULKHEAD_CORE_STIMER_H

#include <stdbool.h>
#include <stdint.h>

struct stimer {
	uint64_t config, count;      /* the MSRs */
	uint64_t expiry;             /* 0 = not running */
	bool     message_pending;    /* expired at `expired_at`, but its message slot was taken */
	uint64_t expired_at;
	uint64_t interval;           /* from there to the last count */
	bool     steady;             /* the interval before was the same, but for the slop */
};

/** A timer may be late by so much, in 100 ns, where being on time would cost the way to the root and back. */
#define STIMER_SLOP 100ull

void stimer_reset(struct stimer *t);
/** False: #GP (reserved bits). */
bool stimer_write_config(struct stimer *t, uint64_t value, uint64_t now);
void stimer_write_count(struct stimer *t, uint64_t value, uint64_t now);
/** Reference time at which it has something to do; ~0 = never. */
uint64_t stimer_next(const struct stimer *t);
/** When one that has expired will have something to do, if it is set again as the last times; ~0 = there is no saying. */
uint64_t stimer_guess(const struct stimer *t);
/** Advances to `now`. True when it expired: then the caller delivers by message or direct vector. */
bool stimer_expire(struct stimer *t, uint64_t now);

static inline bool stimer_is_direct(const struct stimer *t)
{
	return t->config & (1ull << 12);
}

static inline uint8_t stimer_vector(const struct stimer *t)
{
	return t->config >> 4;
}

static inline unsigned int stimer_sint(const struct stimer *t)
{
	return t->config >> 16 & 15;
}

#endif
