/* SPDX-License-Identifier: BSD-2-Clause */
/* What a WS-Management server answered, as values: instances, results of methods, faults. Knows no socket. */
#ifndef BULKHEAD_CLI_REMOTE_REPLY_H
#define BULKHEAD_CLI_REMOTE_REPLY_H

#include <stddef.h>
#include "root-partition/cli/value.h"

#define REPLY_MAX (16u << 20)    /* bytes of one answer */

struct remote_reply {
	/*
	 * A list of dictionaries: instances (key: the class), or of one: a method's results. A property that is an array stands once for each
	 * of its elements, one that is null not at all; an endpoint reference is the dictionary of its selectors.
	 */
	struct value *items;
	char *context;               /* of an enumeration that goes on, or a subscription; else NULL */
	char *fault, *fault_code;    /* its text and the most particular code without prefix; NULL: none */
};

/** Returns 0 and a reply for remote_reply_free(), or -1 with why (a fault is no failure of this function). */
int remote_reply_parse(const char *text, size_t size, struct remote_reply *ret, char why[200]);
/** The properties of an <INSTANCE> (DSP0201) that is a text; for value_free(). NULL: it is none. */
struct value *remote_embedded_parse(const char *text);
void remote_reply_free(struct remote_reply *reply);

#endif
