/* SPDX-License-Identifier: BSD-2-Clause */
/* A file for the guest: its name, then fragments of 6 KiB, each answered before the next, then the end. */
#include <errno.h>
#include <string.h>

#include "vsp/ic/ic_internal.h"

enum fcopy_step { FCOPY_IDLE, FCOPY_STARTING, FCOPY_WRITING, FCOPY_COMPLETING, FCOPY_CANCELLING };

struct fcopy {
	struct ic ic;
	enum fcopy_step step;
	uint64_t size, offset;
	int64_t (*read)(void *arg, uint64_t offset, void *to, uint32_t bytes);
	struct ic_fcopy_write fragment;
	ic_done *done;
	void *arg;
};

static void finish(struct fcopy *f, int error, uint32_t status)
{
	ic_done *done = f->done;

	f->done = NULL;
	if (done)
		done(f->arg, error, status);
}

static int ask(struct fcopy *f, enum ic_fcopy_operation operation)
{
	struct ic_fcopy_header body = { .operation = operation };

	return ic_ask(&f->ic, &body, sizeof body);
}

/* The guest removes what it has; meanwhile nothing else can be copied. */
static void cancel(struct fcopy *f, int error, uint32_t status)
{
	f->step = ask(f, IC_FCOPY_CANCEL) == 0 ? FCOPY_CANCELLING : FCOPY_IDLE;
	finish(f, error, status);
}

static void next(struct fcopy *f)
{
	struct ic_fcopy_write *w = &f->fragment;
	uint64_t left = f->size - f->offset;
	int64_t n;
	int rc;

	if (!left) {
		f->step = FCOPY_COMPLETING;
		rc = ask(f, IC_FCOPY_COMPLETE);
	} else {
		memset(w, 0, sizeof *w);
		n = f->read(f->arg, f->offset, w->data, left < sizeof w->data ? (uint32_t)left : (uint32_t)sizeof w->data);
		if (n <= 0 || n > (int64_t)sizeof w->data || (uint64_t)n > left) {
			cancel(f, n < 0 ? (int)n : -ESTALE, 0);
			return;
		}
		w->header.operation = IC_FCOPY_WRITE;
		w->offset[0] = (uint32_t)f->offset;
		w->offset[1] = (uint32_t)(f->offset >> 32);
		w->bytes = (uint32_t)n;
		f->offset += (uint64_t)n;
		f->step = FCOPY_WRITING;
		rc = ic_ask(&f->ic, w, sizeof *w);
	}
	if (rc) {
		f->step = FCOPY_IDLE;
		finish(f, rc, 0);
	}
}

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	struct fcopy *f = (struct fcopy *)ic;

	(void)body, (void)bytes;
	if (!ic_answers(ic, header))
		return;
	if (f->step == FCOPY_CANCELLING || f->step == FCOPY_IDLE) {
		f->step = FCOPY_IDLE;
	} else if (header->status && f->step == FCOPY_WRITING) {
		/* Not when it could not begin: Linux' daemon would then remove the file that was there before. */
		cancel(f, -EIO, header->status);
	} else if (header->status) {
		f->step = FCOPY_IDLE;
		finish(f, -EIO, header->status);
	} else if (f->step == FCOPY_COMPLETING) {
		f->step = FCOPY_IDLE;
		finish(f, 0, 0);
	} else {
		next(f);
	}
}

static void tick(struct ic *ic)
{
	struct fcopy *f = (struct fcopy *)ic;

	if (!ic_overdue(ic, IC_FCOPY_TIMEOUT_MS))
		return;
	ic->state->request = 0;
	if (f->step == FCOPY_WRITING) {
		cancel(f, -ETIMEDOUT, 0);
		return;
	}
	f->step = FCOPY_IDLE;
	finish(f, -ETIMEDOUT, 0);
}

static void ready(struct ic *ic, bool resumed)
{
	(void)resumed;
	ic->state->request = 0;
	((struct fcopy *)ic)->step = FCOPY_IDLE;
}

static void closed(struct ic *ic)
{
	struct fcopy *f = (struct fcopy *)ic;

	f->step = FCOPY_IDLE;
	finish(f, -ENOTCONN, 0);
}

static int encode_name(const char *text, uint8_t to[IC_FCOPY_NAME_UNITS * 2])
{
	int rc = *text ? ic_text_encode(text, to, IC_FCOPY_NAME_UNITS * 2) : -EINVAL;

	return rc == -E2BIG ? -ENAMETOOLONG : rc;
}

int ic_fcopy_start(struct ic *ic, const struct ic_fcopy_request *request, ic_done *done, void *arg)
{
	struct ic_fcopy_start body = {
		.header = { .operation = IC_FCOPY_START }, .flags = request->flags & (IC_FCOPY_OVERWRITE | IC_FCOPY_MAKE_PATH),
		.size = { (uint32_t)request->size, (uint32_t)(request->size >> 32) },
	};
	struct fcopy *f = (struct fcopy *)ic;
	int rc;

	if (ic->type != IC_FCOPY || !ic_ready(ic))
		return -ENOTCONN;
	if (f->step != FCOPY_IDLE)
		return -EBUSY;
	rc = encode_name(request->path, body.path);
	if (rc >= 0)
		rc = encode_name(request->file, body.file);
	if (rc >= 0)
		rc = ic_ask(ic, &body, sizeof body);
	if (rc < 0)
		return rc;
	f->step = FCOPY_STARTING;
	f->size = request->size;
	f->offset = 0;
	f->read = request->read;
	f->done = done;
	f->arg = arg;
	return 0;
}

void ic_fcopy_cancel(struct ic *ic)
{
	struct fcopy *f = (struct fcopy *)ic;

	if (ic->type == IC_FCOPY && f->done)
		cancel(f, -ECANCELED, 0);
}

const struct ic_service ic_fcopy_service = {
	.name = "file copy", .class = VMBUS_CLASS_FCOPY, .message_type = IC_MESSAGE_FCOPY, .version_count = 1, .versions = { IC_VERSION(1, 1) },
	.bytes = sizeof(struct fcopy), .ready = ready, .answered = answered, .tick = tick, .closed = closed,
};
