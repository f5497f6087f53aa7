/* SPDX-License-Identifier: BSD-2-Clause */
/* Reference time; see reftime.h. */
#include "core/reftime.h"

#define HUNDRED_NS_PER_SECOND 10000000ull

/* high * 2^64 / divisor; the caller sees to it that the quotient fits. */
static uint64_t divide_128(uint64_t high, uint64_t low, uint64_t divisor)
{
	uint64_t quotient, remainder;

	__asm__("divq %4" : "=a"(quotient), "=d"(remainder) : "a"(low), "d"(high), "r"(divisor) : "cc");
	return quotient;
}

static uint64_t multiply_high(uint64_t a, uint64_t b)
{
	return (uint64_t)(((unsigned __int128)a * b) >> 64);
}

void reftime_init(struct reftime *r, uint64_t tsc_hz, uint64_t now_tsc)
{
	r->tsc_hz = tsc_hz;
	r->scale = divide_128(HUNDRED_NS_PER_SECOND, 0, tsc_hz);
	r->base = now_tsc;
}

uint64_t reftime_from_tsc(const struct reftime *r, uint64_t tsc)
{
	/* As a child computes it from the page, so that page and MSR agree to the unit. */
	return multiply_high(tsc, r->scale) - multiply_high(r->base, r->scale);
}

uint64_t reftime_length(const struct reftime *r, uint64_t ticks)
{
	return multiply_high(ticks, r->scale);
}

uint64_t reftime_to_tsc(const struct reftime *r, uint64_t time)
{
	uint64_t target = time + multiply_high(r->base, r->scale);
	uint64_t tsc;

	if (target < time || target >= r->scale)
		return ~0ull;
	tsc = divide_128(target, 0, r->scale);
	return tsc + 1;
}

void reftime_fill_page(const struct reftime *r, struct hv_reference_tsc_page *page)
{
	page->tsc_scale = r->scale;
	page->tsc_offset = -(int64_t)multiply_high(r->base, r->scale);
	/* Any sequence but 0 and ~0: the page never changes again, because the TSC is the machine's own. */
	__atomic_store_n(&page->tsc_sequence, 1, __ATOMIC_RELEASE);
}
