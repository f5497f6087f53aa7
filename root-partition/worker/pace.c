/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "pace.h"

#include <sched.h>

/* Operations between two decisions. */
#define EAGER 32u
#define RETRY 256u
#define TRIAL 16u
#define PATIENT 64u

bool pace_due(const struct pace *p, uint64_t operations)
{
	unsigned int eager = p->in_vain ? RETRY : EAGER, patient = p->confirmed ? PATIENT : TRIAL;

	return operations - p->operations >= (p->patient ? patient : eager);
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
	bool waits = (halts - p->halts) * 2 >= operations - p->operations;

	p->operations = operations;
	p->halts = halts;
	/* What it shows to an eager loop is beyond doubt. */
	p->in_vain = waits ? p->patient && !p->confirmed : p->in_vain && !p->confirmed;
	return set_patient(p, !waits);
}
