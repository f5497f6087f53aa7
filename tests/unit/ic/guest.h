/* SPDX-License-Identifier: BSD-2-Clause */
/* One integration component and the guest's end of its channel, for its tests. */
#ifndef BULKHEAD_TESTS_UNIT_IC_GUEST_H
#define BULKHEAD_TESTS_UNIT_IC_GUEST_H

#include "tests/unit/vmbus/harness.h"
#include "vsp/ic/ic.h"
#include "vmbus/protocol/ic.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 6u

extern struct partition p;
extern struct guest_channel g;
extern struct ic_state state;
extern struct ic *ic;
extern struct seen {
	unsigned int ready, gone, answers, began, stopped, logs;
	bool reboot;
	uint32_t status;
} seen;

/* The last message of the host. */
extern struct message {
	struct ic_header header;
	uint8_t body[7600];
} message;
extern int message_bytes;

void offer(enum ic_type type);
/* A fresh partition whose guest has opened the channel. */
void begin(enum ic_type type);
void end(void);
/* Takes the next message of the host; false: there is none. */
bool receive(void);
void send_bytes(const void *bytes, uint32_t size);
/* As hv_utils does: the message itself goes back. */
void reply(void);
void answer_negotiation(uint16_t framework_major, uint16_t major, uint16_t minor);
/* begin, and the negotiation. */
void connect_ic(enum ic_type type, uint16_t major, uint16_t minor);

/* How the last request ended. */
extern struct result {
	unsigned int count;
	int error;
	uint32_t status;
	char key[IC_KVP_KEY_MAX], value[IC_KVP_VALUE_MAX];
} result;
void on_done(void *arg, int error, uint32_t status);
/* connect_ic with what Linux has, and a first tick. */
void setup(enum ic_type type);
/* So many requests have ended, the last one so. */
void expect(unsigned int count, int error);

#endif
