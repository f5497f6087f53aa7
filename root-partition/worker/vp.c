/* SPDX-License-Identifier: BSD-2-Clause */
/* VP threads and their gate. See vp.h. */
#include "vp.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi/hypercall.h"
#include "log.h"

/** Returns when the gate is open and this VP counts as inside. */
static void enter(struct vp *vp)
{
	struct vp_set *set = vp->set;

	pthread_mutex_lock(&set->lock);
	vp->inside = false;
	pthread_cond_broadcast(&set->changed);
	while (set->closed)
		pthread_cond_wait(&set->changed, &set->lock);
	vp->inside = true;
	pthread_mutex_unlock(&set->lock);
}

/**
 * The first message of a successor may be one that its predecessor had. What it did about a port or device is in the register page, or is
 * not and then the instruction comes again; a message for the loop is known by its number.
 */
static bool is_settled(struct vp *vp, const struct hv_message *message)
{
	uint32_t type = message->header.message_type;
	bool inherited = vp->inherited;

	vp->inherited = false;
	return inherited && (type == HVMSG_X64_IO_PORT_INTERCEPT || type == HVMSG_UNMAPPED_GPA || type == HVMSG_GPA_INTERCEPT);
}

static void tell_first_run(struct vp_set *set)
{
	if (!atomic_exchange(&set->ran, true))
		set->first_run(set->context);
}

/** Deals with what a run ended with. */
static enum vp_verdict complete_run(struct vp *vp, int rc, const struct hv_message *message)
{
	if (rc == -EINTR || rc == -EAGAIN)
		return VP_CONTINUE;
	if (rc == -ENOMEM)
		return vp_stop(vp, WORKER_STOP_INTERNAL, 0,
			       "VP %u: the root has no memory left for a page that the guest uses; free some there, or give "
			       "this partition or others less <memory>",
			       vp->mshv.index);
	if (rc < 0)
		return vp_stop(vp, WORKER_STOP_INTERNAL, 0, "VP %u: cannot be run: %s", vp->mshv.index, strerror(-rc));
	return is_settled(vp, message) ? VP_CONTINUE : vp_complete_exit(vp, message);
}

static void *vp_thread(void *argument)
{
	struct vp *vp = argument;
	const struct sched_param none = { 0 };
	struct vp_set *set = vp->set;
	struct hv_message message;
	int rc;

	/* Woken by an answer, a VP lets the loop finish giving the others that are ready too. See pace.h. */
	sched_setscheduler(0, SCHED_BATCH, &none);
	for (;;) {
		enter(vp);
		tell_first_run(set);
		while (!atomic_load_explicit(&set->closed, memory_order_relaxed)) {
			rc = mshv_vp_run(&vp->mshv, &message);
			if (complete_run(vp, rc, &message) != VP_CONTINUE)
				break;
		}
	}
	return NULL;
}

bool vp_set_run(struct vp_set *set, bool patient)
{
	struct bulkhead_run_vp run;
	struct hv_message message;
	int rc;

	if (atomic_load_explicit(&set->closed, memory_order_relaxed))
		return true;
	tell_first_run(set);
	run.flags = patient ? BULKHEAD_RUN_PATIENT : 0;
	rc = mshv_vp_run_shared(&set->vp[0].mshv, &run);
	if (rc == 0 && run.state != BULKHEAD_STATE_MESSAGE)
		return run.state == HV_VP_DISPATCH_STATE_BLOCKED;
	if (rc == 0)
		memcpy(&message, &run.message, sizeof message);
	complete_run(&set->vp[0], rc, &message);
	return false;
}

int vp_set_start(struct vp_set *set, unsigned int count)
{
	sigset_t all, old;
	unsigned int i;
	int rc = 0;

	pthread_mutex_init(&set->lock, NULL);
	pthread_cond_init(&set->changed, NULL);
	atomic_store(&set->closed, true);
	set->count = count;
	for (i = 0; i < count; i++)
		set->vp[i].set = set;
	if (set->by_loop)
		return 0;
	/* Signals are for the loop's thread: a VP is kicked by its own ioctl. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < count && rc == 0; i++) {
		char name[16];

		rc = pthread_create(&set->vp[i].thread, NULL, vp_thread, &set->vp[i]);
		snprintf(name, sizeof name, "vp%u", i % 1000);
		if (rc == 0)
			pthread_setname_np(set->vp[i].thread, name);
		set->vp[i].started = rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

void vp_set_open_gate(struct vp_set *set)
{
	pthread_mutex_lock(&set->lock);
	atomic_store(&set->closed, false);
	pthread_cond_broadcast(&set->changed);
	pthread_mutex_unlock(&set->lock);
}

void vp_set_close_gate(struct vp_set *set)
{
	unsigned int i;

	pthread_mutex_lock(&set->lock);
	atomic_store(&set->closed, true);
	/* A kick is kept until the next run, so one that comes between a VP's check of the gate and its run is not lost. */
	for (i = 0; i < set->count; i++)
		if (set->vp[i].inside)
			mshv_vp_kick(&set->vp[i].mshv);
	for (i = 0; i < set->count; i++)
		while (set->vp[i].inside)
			pthread_cond_wait(&set->changed, &set->lock);
	pthread_mutex_unlock(&set->lock);
}

enum vp_verdict vp_post(struct vp *vp, const struct event *event)
{
	struct vp_set *set = vp->set;
	enum vp_verdict verdict = VP_CONTINUE;
	unsigned int generation;
	bool wake = false;

	if (!event_queue_put(set->events, event, &wake)) {
		/* The loop may be waiting for this VP to come out, so it waits as one that is out; it enters anew afterwards. */
		pthread_mutex_lock(&set->lock);
		verdict = VP_HALT;
		generation = set->generation;
		vp->inside = false;
		pthread_cond_broadcast(&set->changed);
		while (generation == set->generation && !event_queue_put(set->events, event, &wake))
			pthread_cond_wait(&set->changed, &set->lock);
		pthread_mutex_unlock(&set->lock);
	}
	if (wake)
		set->wake(set->context);
	return verdict;
}

void vp_set_drained(struct vp_set *set)
{
	pthread_mutex_lock(&set->lock);
	pthread_cond_broadcast(&set->changed);
	pthread_mutex_unlock(&set->lock);
}

void vp_set_forget_events(struct vp_set *set)
{
	pthread_mutex_lock(&set->lock);
	event_queue_clear(set->events);
	set->generation++;
	pthread_cond_broadcast(&set->changed);
	pthread_mutex_unlock(&set->lock);
}

static void shut_gate(struct vp_set *set)
{
	pthread_mutex_lock(&set->lock);
	atomic_store(&set->closed, true);
	pthread_mutex_unlock(&set->lock);
}

enum vp_verdict vp_ask_reset(struct vp *vp)
{
	struct event event = { .type = EVENT_RESET, .vp = vp->mshv.index };

	shut_gate(vp->set);
	vp_post(vp, &event);
	return VP_HALT;
}

enum vp_verdict vp_stop(struct vp *vp, enum worker_stop_cause cause, uint32_t exit_code, const char *format, ...)
{
	struct event event = { .type = EVENT_STOP, .vp = vp->mshv.index };
	va_list args;

	event.u.stop.cause = cause;
	event.u.stop.exit_code = exit_code;
	va_start(args, format);
	vsnprintf(event.u.stop.reason, sizeof event.u.stop.reason, format, args);
	va_end(args);
	shut_gate(vp->set);
	vp_post(vp, &event);
	return VP_HALT;
}

static int copy_virtual(struct vp *vp, uint64_t gva, void *buffer, size_t size, uint64_t access)
{
	uint8_t *p = buffer, *host;
	size_t chunk;
	uint64_t gpa;
	int rc;

	while (size > 0) {
		chunk = HV_PAGE_SIZE - gva % HV_PAGE_SIZE;
		if (chunk > size)
			chunk = size;
		rc = mshv_vp_translate(&vp->mshv, gva, access, &gpa);
		if (rc < 0)
			return rc;
		host = guest_memory_at(vp->set->memory, gpa, chunk);
		if (host == NULL)
			return -EFAULT;
		if (access & HV_TRANSLATE_GVA_VALIDATE_WRITE)
			memcpy(host, p, chunk);
		else
			memcpy(p, host, chunk);
		p += chunk;
		gva += chunk;
		size -= chunk;
	}
	return 0;
}

int vp_read_virtual(struct vp *vp, uint64_t gva, void *buffer, size_t size, uint64_t access)
{
	return copy_virtual(vp, gva, buffer, size, access);
}

int vp_write_virtual(struct vp *vp, uint64_t gva, const void *buffer, size_t size)
{
	return copy_virtual(vp, gva, (void *)(uintptr_t)buffer, size, HV_TRANSLATE_GVA_VALIDATE_WRITE);
}
