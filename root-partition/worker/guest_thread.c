/* SPDX-License-Identifier: BSD-2-Clause */
/* See guest_thread.h. */
#include "guest_thread.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "log.h"
#include "services.h"

static bool run_guest(void *context)
{
	struct machine *m = context;

	machine_take_events(m);
	/* The machine is over, or its partition so new that the kernel does not watch it yet. */
	if (machine_over(m) || m->guest_watch->queued)
		return false;
	/* Who got the guest's frames runs first: an answer then finds the guest awake. */
	if (services_sent_frames(m->services)) {
		sched_yield();
		return false;
	}
	return vp_set_run(&m->vps, services_are_patient(m->services));
}

/** The VP may go on. That is all there is to say: the loop comes back to run_guest by itself. */
static bool may_go_on(struct host_source *source)
{
	(void)source;
	return false;
}

static void removed(struct host_source *source)
{
	free(source);
}

void guest_thread_choose(struct machine *m)
{
	cpu_set_t cpus;

	if (m->config.vp_count != 1 || sched_getaffinity(0, sizeof cpus, &cpus) < 0 || CPU_COUNT(&cpus) != 1)
		return;
	m->vps.by_loop = true;
	m->host->guest_context = m;
	m->host->run_guest = run_guest;
	log_line("one processor: the loop's thread runs the guest");
}

int guest_thread_attach(struct machine *m)
{
	if (!m->vps.by_loop)
		return 0;
	m->guest_watch = calloc(1, sizeof *m->guest_watch);
	if (m->guest_watch == NULL)
		return -ENOMEM;
	m->guest_watch->ready = may_go_on;
	m->guest_watch->removed = removed;
	host_loop_add(m->host, m->guest_watch, m->vps.vp[0].mshv.fd);
	return 0;
}

void guest_thread_detach(struct machine *m)
{
	if (m->guest_watch != NULL)
		host_loop_remove_now(m->guest_watch);
	m->guest_watch = NULL;
}
