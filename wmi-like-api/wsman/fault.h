/* SPDX-License-Identifier: BSD-2-Clause */
/* The faults that DSP0226 names (section 14.6): SOAP codes, what HTTP says with them, and the text that says what to do. */
#ifndef BULKHEAD_WSMAN_FAULT_H
#define BULKHEAD_WSMAN_FAULT_H

enum fault_code {
	FAULT_NONE,
	FAULT_ACCESS_DENIED,
	FAULT_ACTION_NOT_SUPPORTED,
	FAULT_ALREADY_EXISTS,
	FAULT_CANNOT_PROCESS_FILTER,
	FAULT_CONCURRENCY,
	FAULT_DELIVERY_MODE,
	FAULT_DESTINATION_UNREACHABLE,
	FAULT_ENCODING_LIMIT,
	FAULT_ENDPOINT_UNAVAILABLE,
	FAULT_EXPIRATION_TIME,
	FAULT_FILTER_DIALECT,
	FAULT_INTERNAL_ERROR,
	FAULT_INVALID_CONTEXT,
	FAULT_INVALID_HEADER,
	FAULT_INVALID_PARAMETER,
	FAULT_INVALID_SELECTORS,
	FAULT_HEADER_REQUIRED,
	FAULT_MUST_UNDERSTAND,
	FAULT_NO_SUBSCRIPTION,
	FAULT_QUOTA_LIMIT,
	FAULT_SCHEMA_VALIDATION,
	FAULT_TIMED_OUT,
	FAULT_UNSUPPORTED_FEATURE,
	FAULT_VERSION_MISMATCH,
	FAULT_CODES
};

/** What is wrong with a request; code FAULT_NONE: nothing yet. */
struct fault {
	enum fault_code code;
	const char *detail;   /**< after URI_FAULT_DETAIL, or NULL; static */
	char text[512];       /**< for people: what and what to do */
};

struct fault_type {
	const char *sender;   /**< "s:Sender", "s:Receiver", or SOAP's own codes, which have no subcode */
	const char *subcode;  /**< with its prefix, or NULL */
	const char *prefix_uri;
	int status;           /**< of HTTP: 400 or 500 */
};

const struct fault_type *fault_type(enum fault_code code);
/** Fills in a fault; returns -1 for the caller to return. A fault that is there already stays. */
int fault_set(struct fault *fault, enum fault_code code, const char *detail, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
