/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "pace.h"

#include <sched.h>

#define DEEP 2u                      /* requests in flight that count as many: a fast disk never lets more pile up */
#define DEEP_STEP 8
#define SCORE_MAX 64
#define SCORE_PATIENT 32
#define SMALL (64u << 10)            /* bytes; with larger transfers the switches do not count, and the disk should be busy */

static bool set_patient(struct pace *p, bool patient)
{
	const struct sched_param none = { 0 };

	p->patient = patient;
	/* Either policy is right, only not as fast: a refusal changes nothing else. */
	return sched_setscheduler(0, patient ? SCHED_BATCH : SCHED_OTHER, &none) == 0;
}

bool pace_sample(struct pace *p, uint64_t pending, uint64_t operations, uint64_t bytes)
{
	bool small;

	if (pending >= DEEP)
		p->score = p->score + DEEP_STEP < SCORE_MAX ? p->score + DEEP_STEP : SCORE_MAX;
	else if (pending == 1 && p->score > 0)
		p->score--;
	if (p->patient ? p->score > 0 : p->score < SCORE_PATIENT)
		return false;
	/* At the threshold only: what was transferred since the last time that a decision was due. */
	small = operations == p->operations || (bytes - p->bytes) / (operations - p->operations) <= SMALL;
	p->operations = operations;
	p->bytes = bytes;
	if (p->patient)
		return set_patient(p, false);
	if (!small) {
		p->score = 0;
		return false;
	}
	return set_patient(p, true);
}
