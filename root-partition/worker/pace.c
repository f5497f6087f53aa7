/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "pace.h"

#include <sched.h>

#define WINDOW 64u            /* operations between two decisions */
#define SMALL (64u << 10)     /* bytes; with larger transfers the switches do not count, and the disk should be busy */

bool pace_due(const struct pace *p, uint64_t operations)
{
	return operations - p->operations >= WINDOW;
}

static bool set_patient(struct pace *p, bool patient)
{
	const struct sched_param none = { 0 };

	if (p->patient == patient)
		return false;
	p->patient = patient;
	/* Either policy is right, only not as fast: a refusal changes nothing else. */
	return sched_setscheduler(0, patient ? SCHED_BATCH : SCHED_OTHER, &none) == 0;
}

bool pace_decide(struct pace *p, uint64_t operations, uint64_t bytes, uint64_t halts)
{
	uint64_t count = operations - p->operations, halted = halts - p->halts;
	bool small = (bytes - p->bytes) / (count > 0 ? count : 1) <= SMALL;

	p->operations = operations;
	p->bytes = bytes;
	p->halts = halts;
	return set_patient(p, small && halted * 2 < count);
}
