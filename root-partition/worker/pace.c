/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "pace.h"

#include <sched.h>

/* Operations between two decisions. */
#define EAGER 256u
#define TRIAL 16u
#define PATIENT 128u

bool pace_due(const struct pace *p, uint64_t operations)
{
	return operations - p->operations >= (!p->patient ? EAGER : p->confirmed ? PATIENT : TRIAL);
}

static bool set_patient(struct pace *p, bool patient)
{
	const struct sched_param none = { 0 };

	p->confirmed = p->patient && patient;
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
	return set_patient(p, !p->patient || halted * 2 < count);
}
