/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's envelope: headers of WS-Addressing and WS-Management as values, the body as a tree. What a resource URI, a selector and
 * an endpoint reference mean is here too, for arguments have them as well. Nothing here knows a class.
 */
#ifndef BULKHEAD_WSMAN_ENVELOPE_H
#define BULKHEAD_WSMAN_ENVELOPE_H

#include <stdint.h>
#include "wmi-like-api/wsman/fault.h"
#include "wmi-like-api/wsman/xml.h"

#define SELECTORS_MAX 32u
#define EPR_DEPTH_MAX 4u   /**< references within selectors of references */

struct reference;

struct selector {
	const char *name;
	const char *value;                 /**< text, or NULL when it is a reference */
	const struct reference *reference;
};

/** What an instance, a class or (class "*") all of a namespace is called. */
struct reference {
	const char *space;   /**< "root/virtualization/v2", "" if it was not said; lower case, forward slashes */
	const char *class;   /**< as it was written; "" when the URI names none */
	const char *uri;     /**< as it was written, without white space around it */
	struct selector selectors[SELECTORS_MAX];
	unsigned count;
};

struct envelope {
	struct scratch scratch;
	xmlDoc *doc;
	const char *action;      /**< "" for Identify, which has no headers */
	const char *message_id;  /**< "" when the request has none */
	const char *to;
	struct reference target;
	uint64_t timeout_ms;     /**< OperationTimeout, or 0 */
	uint64_t max_bytes;      /**< MaxEnvelopeSize, or 0 */
	const char *identifier;  /**< of a subscription (WS-Eventing), or "" */
	xmlNode *body;           /**< first element in the body, or NULL */
};

/**
 * Reads a request. Returns 0, or -1 with a fault; what was read before the fault is there (message_id for RelatesTo). To be freed by
 * envelope_free in either case.
 */
int envelope_parse(struct envelope *envelope, const char *text, size_t size, struct fault *fault);
void envelope_free(struct envelope *envelope);

/** An element that holds Address and ReferenceParameters, or such an EndpointReference inside. */
int reference_parse(struct scratch *scratch, const xmlNode *element, struct reference *reference, unsigned depth, struct fault *fault);
/** Namespace and class of a resource URI. */
int reference_parse_uri(struct scratch *scratch, const char *uri, struct reference *reference, struct fault *fault);
/** A selector by its name in any case, or NULL. */
const struct selector *reference_selector(const struct reference *reference, const char *name);

/** xs:duration ("PT60.5S", no years or months) in ms; -1: none. Bounded at ten years. */
int64_t duration_parse(const char *text);

#endif
