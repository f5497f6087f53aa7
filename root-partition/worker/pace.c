/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "pace.h"

#include <sched.h>

#define WINDOW 64u            /* operations between two decisions */

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

bool pace_decide(struct pace *p, uint64_t operations, uint64_t halts)
{
	uint64_t count = operations - p->operations, halted = halts - p->halts;

	p->operations = operations;
	p->halts = halts;
	return set_patient(p, halted * 2 < count);
}
