/* SPDX-License-Identifier: BSD-2-Clause */
/* Synthetic timers; see stimer.h. */
#include "core/stimer.h"

#include "abi/tlfs.h"
#include "core/string.h"

/* Enable, periodic, lazy, auto-enable 3:0; vector 11:4; direct 12; SINT 19:16. */
#define CONFIG_RESERVED (~0xf1fffull)
/*
 * A periodic timer fires at most every 100 us, however short a period it was given: each expiry is an interrupt of the root's.
 * A one-shot needs no bound: between two of them the child runs, on time that the root's scheduler gave it.
 */
#define PERIOD_MIN 1000ull
/* Ticks come at least so often. */
#define GUESS_MAX 200000ull

void stimer_reset(struct stimer *t)
{
	memset(t, 0, sizeof *t);
}

/* A time beyond the end of reference time is never. */
static uint64_t later(uint64_t time, uint64_t delay)
{
	return delay > ~0ull - time ? ~0ull : time + delay;
}

static uint64_t period(const struct stimer *t)
{
	return t->count > PERIOD_MIN ? t->count : PERIOD_MIN;
}

static void start(struct stimer *t, uint64_t now)
{
	t->message_pending = false;
	if (!(t->config & HV_STIMER_ENABLE) || !t->count) {
		t->expiry = 0;
		return;
	}
	/* One-shot: count is the time itself, due at once when it has passed. Periodic: count is the period. */
	t->expiry = t->config & HV_STIMER_PERIODIC ? later(now, period(t)) : t->count;
}

bool stimer_write_config(struct stimer *t, uint64_t value, uint64_t now)
{
	if (value & CONFIG_RESERVED)
		return false;
	t->config = value;
	/* Direct mode needs a vector that an APIC takes, a message a SINT other than 0 (12.3.1). */
	if (stimer_is_direct(t) ? stimer_vector(t) < 16 : !stimer_sint(t))
		t->config &= ~HV_STIMER_ENABLE;
	start(t, now);
	return true;
}

/* A tick is set anew after each expiry, for the next point of a grid. */
static void note_interval(struct stimer *t, uint64_t count)
{
	uint64_t interval = count > t->expired_at ? count - t->expired_at : 0;
	uint64_t off = interval > t->interval ? interval - t->interval : t->interval - interval;

	t->steady = t->expired_at && interval && interval < GUESS_MAX && off <= STIMER_SLOP / 4;
	t->interval = interval;
}

void stimer_write_count(struct stimer *t, uint64_t value, uint64_t now)
{
	t->count = value;
	note_interval(t, value);
	if (!value)
		t->config &= ~HV_STIMER_ENABLE;
	else if (t->config & HV_STIMER_AUTO_ENABLE)
		t->config |= HV_STIMER_ENABLE;
	start(t, now);
}

uint64_t stimer_next(const struct stimer *t)
{
	return t->expiry ? t->expiry : ~0ull;
}

uint64_t stimer_guess(const struct stimer *t)
{
	/* A little late, for the count may be a little later than the grid. */
	return !t->expiry && t->steady ? t->expired_at + t->interval + STIMER_SLOP / 2 : ~0ull;
}

bool stimer_expire(struct stimer *t, uint64_t now)
{
	if (!t->expiry || now < t->expiry)
		return false;
	t->expired_at = t->expiry;
	if (t->config & HV_STIMER_PERIODIC) {
		/* Ticks that nobody could see are one tick, on the original grid. */
		t->expiry = later(now - (now - t->expiry) % period(t), period(t));
	} else {
		t->expiry = 0;
		t->config &= ~HV_STIMER_ENABLE;
	}
	return true;
}
