/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest shutdown: one request, one answer; what the guest then does is seen elsewhere. */
#include <errno.h>
#include <string.h>

#include "vsp/ic/ic_internal.h"

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	bool reboot = ic->state->request_reboot;

	(void)body, (void)bytes;
	if (ic_answers(ic, header) && ic->ops->shutdown_answer)
		ic->ops->shutdown_answer(ic->context, reboot, header->status);
}

int ic_shutdown_request(struct ic *ic, bool reboot, bool force, const char *text)
{
	struct ic_shutdown body = {
		.reason = IC_SHUTDOWN_PLANNED, .flags = (reboot ? IC_SHUTDOWN_RESTART : 0) | (force ? IC_SHUTDOWN_FORCE : 0),
	};

	if (!ic_ready(ic) || ic->type != IC_SHUTDOWN)
		return -ENOTCONN;
	if (ic->state->request)
		return -EALREADY;
	if (text)
		memcpy(body.text, text, strnlen(text, sizeof body.text - 1));
	ic->state->request_reboot = reboot;
	return ic_ask(ic, &body, sizeof body);
}

const struct ic_service ic_shutdown_service = {
	.name = "shutdown", .class = VMBUS_CLASS_SHUTDOWN, .message_type = IC_MESSAGE_SHUTDOWN, .version_count = 4,
	.versions = { IC_VERSION(3, 2), IC_VERSION(3, 1), IC_VERSION(3, 0), IC_VERSION(1, 0) }, .bytes = sizeof(struct ic),
	.answered = answered,
};
