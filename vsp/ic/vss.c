/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Freezing of the guest's file systems for a backup. A freeze is a lease: unless it is kept up, the guest is thawed, whatever became of
 * who asked. A thaw that the guest does not confirm is asked for again.
 */
#include <errno.h>
#include <string.h>

#include "vsp/ic/ic_internal.h"

#define THAW_MS    5000u     /* until a thaw is asked for again */
#define MAX_THAWS  20u

enum vss_step { VSS_IDLE, VSS_CHECKING, VSS_FREEZING, VSS_FROZEN, VSS_THAWING };

struct vss {
	struct ic ic;
	enum vss_step step;
	uint32_t flags;
	uint64_t lease_end;          /* ms, of ticks */
	uint32_t thaws;              /* asked for without success */
	ic_done *done;
	void *arg;
};

static void finish(struct vss *v, int error, uint32_t status)
{
	ic_done *done = v->done;

	v->done = NULL;
	if (done)
		done(v->arg, error, status);
}

static int ask(struct vss *v, enum ic_vss_operation operation)
{
	struct ic_vss body = { .operation = (uint8_t)operation };

	return ic_ask(&v->ic, &body, sizeof body);
}

static void begin_thaw(struct vss *v)
{
	v->step = VSS_THAWING;
	v->thaws++;
	v->ic.asked_at = v->ic.now;
	ask(v, IC_VSS_THAW);         /* a full ring: again at a tick */
}

static void checked(struct vss *v, uint32_t status, const struct ic_vss *answer)
{
	int rc;

	v->flags = answer->flags;
	rc = status ? -EIO : ask(v, IC_VSS_FREEZE);
	if (rc) {
		v->step = VSS_IDLE;
		finish(v, rc, status);
		return;
	}
	v->ic.state->frozen = 1;
	v->step = VSS_FREEZING;
}

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	struct vss *v = (struct vss *)ic;
	struct ic_vss answer;

	if (bytes < sizeof answer || !ic_answers(ic, header))
		return;
	memcpy(&answer, body, sizeof answer);
	switch (v->step) {
	case VSS_CHECKING:
		checked(v, header->status, &answer);
		break;
	case VSS_FREEZING:
		if (header->status) {
			begin_thaw(v);       /* some may be frozen */
			finish(v, -EIO, header->status);
			break;
		}
		v->step = VSS_FROZEN;
		finish(v, 0, 0);
		break;
	case VSS_THAWING:
		if (header->status && v->thaws < MAX_THAWS)
			break;               /* again at a tick */
		if (header->status)
			ic_log(ic, "backup: the guest does not thaw its file systems: %#x", header->status);
		ic->state->frozen = 0;
		v->step = VSS_IDLE;
		finish(v, ic_error_of(header->status), header->status);
		break;
	default:
		break;
	}
}

static void tick(struct ic *ic)
{
	struct vss *v = (struct vss *)ic;

	if (v->step == VSS_THAWING) {
		if (ic->now - ic->asked_at >= THAW_MS && v->thaws < MAX_THAWS)
			begin_thaw(v);
		else if (ic->now - ic->asked_at >= THAW_MS)
			finish(v, -ETIMEDOUT, 0);
		return;
	}
	if (v->step == VSS_IDLE || ic->now < v->lease_end)
		return;
	if (v->step == VSS_CHECKING) {
		v->step = VSS_IDLE;
		ic->state->request = 0;
	} else {
		ic_log(ic, "backup: the file systems were not thawed in time; they are now");
		v->thaws = 0;
		begin_thaw(v);
	}
	finish(v, -ETIMEDOUT, 0);
}

static void ready(struct ic *ic, bool resumed)
{
	struct vss *v = (struct vss *)ic;

	v->step = VSS_IDLE;
	if (!resumed)
		return;
	ic->state->request = 0;
	if (ic->state->frozen)       /* a predecessor's; who asked cannot know what it has copied since */
		begin_thaw(v);
}

static void closed(struct ic *ic)
{
	struct vss *v = (struct vss *)ic;

	v->step = VSS_IDLE;
	finish(v, -ENOTCONN, 0);
}

int ic_vss_freeze(struct ic *ic, uint32_t lease_ms, ic_done *done, void *arg)
{
	struct vss *v = (struct vss *)ic;
	int rc;

	if (ic->type != IC_VSS || !ic_ready(ic))
		return -ENOTCONN;
	if (v->step != VSS_IDLE)
		return -EBUSY;
	if (!lease_ms || lease_ms > IC_VSS_LEASE_MAX_MS)
		return -EINVAL;
	rc = ask(v, IC_VSS_HOT_BACKUP);
	if (rc)
		return rc;
	v->step = VSS_CHECKING;
	v->thaws = 0;
	v->lease_end = ic->now + lease_ms;
	v->done = done;
	v->arg = arg;
	return 0;
}

int ic_vss_keep(struct ic *ic, uint32_t lease_ms)
{
	struct vss *v = (struct vss *)ic;

	if (ic->type != IC_VSS || v->step != VSS_FROZEN)
		return -ESTALE;
	if (!lease_ms || lease_ms > IC_VSS_LEASE_MAX_MS)
		return -EINVAL;
	v->lease_end = ic->now + lease_ms;
	return 0;
}

int ic_vss_thaw(struct ic *ic, ic_done *done, void *arg)
{
	struct vss *v = (struct vss *)ic;

	if (ic->type != IC_VSS || v->step != VSS_FROZEN)
		return -ESTALE;
	v->done = done;
	v->arg = arg;
	v->thaws = 0;
	begin_thaw(v);
	return 0;
}

uint32_t ic_vss_flags(const struct ic *ic)
{
	return ((const struct vss *)ic)->flags;
}

const struct ic_service ic_vss_service = {
	.name = "backup", .class = VMBUS_CLASS_VSS, .message_type = IC_MESSAGE_VSS, .version_count = 1, .versions = { IC_VERSION(5, 0) },
	.bytes = sizeof(struct vss), .ready = ready, .answered = answered, .tick = tick, .closed = closed,
};
