/* SPDX-License-Identifier: BSD-2-Clause */
/* Between ic.c, which frames, negotiates and keeps order, and the services, one file each. */
#ifndef BULKHEAD_VSP_IC_IC_INTERNAL_H
#define BULKHEAD_VSP_IC_IC_INTERNAL_H

#include "vsp/ic/ic.h"

enum ic_phase { IC_PHASE_CLOSED, IC_PHASE_NEGOTIATING, IC_PHASE_READY, IC_PHASE_REFUSED, IC_PHASE_COUNT };

/* Of messages that come round by themselves: how many may be unanswered before the next is held back. */
#define IC_MAX_UNANSWERED 4u

/* What tells the services apart. */
struct ic_service {
	const char *name;
	struct vmbus_guid class;
	uint16_t message_type;
	uint32_t version_count;
	uint32_t versions[4];        /* newest first */
	size_t bytes;                /* of the service's structure, which begins with its struct ic */
	/** Any may be NULL. ready: negotiated, or taken over so. */
	void (*ready)(struct ic *ic, bool resumed);
	/** A response of the guest; body is a copy that nobody else writes. */
	void (*answered)(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes);
	/** About once a second while ready. */
	void (*tick)(struct ic *ic);
	/** The channel is gone: whoever waits is told. */
	void (*closed)(struct ic *ic);
};

extern const struct ic_service ic_shutdown_service, ic_heartbeat_service, ic_timesync_service, ic_kvp_service, ic_vss_service,
	ic_fcopy_service;

struct ic {
	enum ic_type type;
	const struct ic_service *service;
	struct ic_state *state;
	const struct ic_ops *ops;
	void *context;
	struct vmbus_channel *channel;
	bool open;
	bool negotiate_due;          /* the ring was full */
	bool ready_told;
	uint32_t unanswered;         /* of regular messages */
	uint64_t now, sent_at;       /* ms; of the last tick, and when the last regular message went; 0: never */
	uint64_t asked_at;           /* ms; when the request that waits was sent */
	uint8_t buffer[8192];
};

void ic_log(const struct ic *ic, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** 0, -EAGAIN (the ring is full), -EIO (the channel has failed). */
int ic_send(struct ic *ic, uint16_t type, const void *body, uint32_t bytes);
/** ic_send of a request that ic_answers will know the answer of. Its errors, with -ENOTCONN for -EIO. */
int ic_ask(struct ic *ic, const void *body, uint32_t bytes);
/** Whether this is the answer that is waited for; nothing is waited for any more then. */
bool ic_answers(struct ic *ic, const struct ic_header *header);
/** Whether a request waits for longer than that. */
bool ic_overdue(const struct ic *ic, uint32_t milliseconds);
/** 0, -EIO or -ENOENT for an answer's status. */
int ic_error_of(uint32_t status);

/** UTF-8 as NUL-terminated UTF-16LE in `bytes` bytes: bytes used with the NUL, -EILSEQ, or -E2BIG. */
int ic_text_encode(const char *text, uint8_t *to, uint32_t bytes);
/** The other way, up to a NUL or the end; what is no UTF-16 becomes U+FFFD; cut at a whole character to fit. */
void ic_text_decode(const uint8_t *from, uint32_t bytes, char *to, uint32_t size);

/** kvp_addresses.c: of IC_KVP_GET_ADDRESSES and IC_KVP_SET_ADDRESSES; the text's form is ic.h's. 0, -EINVAL, -E2BIG, -EILSEQ. */
int ic_addresses_encode(const struct ic_kvp_request *request, struct ic_kvp_addresses *ret);
/** Whatever the guest says: no character comes out that is not of an address, a list or the form. */
void ic_addresses_decode(const struct ic_kvp_addresses *addresses, char *text, uint32_t size);

#endif
