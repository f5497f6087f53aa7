/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the service: a call from its envelope to its answer, and what lives between calls. service.c dispatches, one file a group of actions. */
#ifndef BULKHEAD_WSMAN_CALL_H
#define BULKHEAD_WSMAN_CALL_H

#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/wsman/envelope.h"
#include "wmi-like-api/wsman/names.h"
#include "wmi-like-api/wsman/render.h"
#include "wmi-like-api/wsman/service.h"

#define ID_SIZE        48u      /**< "uuid:" and a random UUID */
#define REPLY_BYTES    524288u  /**< of a reply, when the client does not say */
#define REPLY_MAX      4194304u
#define REPLY_RESERVE  4096u    /**< of it, for what is around the items */
#define EVENTS_MAX     256u     /**< that wait in a subscription */

struct wsman_call {
	struct wsman *wsman;
	struct wsman_call *next;       /**< that is pending */
	struct envelope envelope;
	struct fault fault;
	char user[64], address[80];
	enum wsman_role role;
	enum render_style style;
	wsman_reply_fn fn;             /**< NULL: abandoned */
	void *arg;
	bool answered, pending;
	const struct cim_method *method;   /**< of an Invoke under way */
	uint64_t deadline;             /**< of a Pull that waits for an event, of a method with an OperationTimeout; 0: none */
	bool runs;                     /**< a method or a Put */
	bool goes_on;                  /**< is being answered, and not over */
	unsigned max_elements;
};

enum item_mode { ITEM_OBJECT, ITEM_REFERENCE, ITEM_BOTH };

struct event {
	struct event *next;
	struct cim_list *list;
};

/** An enumeration between two Pulls, or a subscription. */
struct context {
	struct context *next;
	struct wsman *wsman;
	char id[ID_SIZE], user[64];
	uint64_t lifetime_ms, expires;
	enum item_mode mode;
	enum render_style style;
	struct cim_list *list;         /**< of an enumeration */
	unsigned position;
	struct cim_subscription *subscription;
	char identifier[ID_SIZE];
	struct event *first, **last;
	unsigned events;
	bool lost;                     /**< events were dropped: nobody pulled */
	struct wsman_call *waiting;
};

struct wsman {
	struct wsman_options options;
	struct wsman_counters counters;
	struct context *contexts;
	struct wsman_call *calls;      /**< pending */
};

/* service.c */
uint64_t call_now(const struct wsman *wsman);
/** "uuid:…" from the system's random numbers. -1: none to be had. */
int make_id(char id[ID_SIZE]);
/** Opens an answer to the call up to <s:Body>. */
void reply_begin(struct wsman_call *call, struct buffer *b, const char *action);
/** Closes it and hands it out; the buffer is empty then. The call may be gone, unless it is still in wsman_handle. */
void reply_end(struct wsman_call *call, struct buffer *b);
/** Answers with call->fault. */
void reply_fault(struct wsman_call *call);
/** What cim says as a fault; returns -1. */
int fault_from_cim(struct fault *fault, const struct cim_error *error);
void call_audit(struct wsman_call *call, const char *result, const char *action, const char *target, const char *text);
/** The namespace of the call's target, with the default for those who name none. */
const char *call_space(const struct wsman_call *call);
/** How large the answer's items may be together. */
size_t call_room(const struct wsman_call *call);

/* context.c */
/** A new one for the call's user, or NULL with a fault. expires: the client's wish as xs:duration, or NULL. */
struct context *context_new(struct wsman_call *call, const char *expires);
/** By id and the call's user; NULL with a fault, and a line in the audit log when it is somebody else's. */
struct context *context_find(struct wsman_call *call, const char *id);
struct context *context_find_subscription(struct wsman_call *call, const char *identifier);
void context_touch(struct context *context);
void context_free(struct context *context);
void contexts_expire(struct wsman *wsman);
/** The call waits for an event no longer. False: it did not. */
bool contexts_forget(const struct wsman_call *call);

/* Actions: 0 when answered or pending, else -1 with call->fault. */
int do_identify(struct wsman_call *call);
int do_enumerate(struct wsman_call *call);
int do_pull(struct wsman_call *call);
int do_release(struct wsman_call *call);
int do_get(struct wsman_call *call);
int do_put(struct wsman_call *call);
int do_invoke(struct wsman_call *call);
int do_subscribe(struct wsman_call *call);
int do_unsubscribe(struct wsman_call *call);
int do_renew(struct wsman_call *call);

/** eventing.c: a Pull on a subscription. */
int pull_events(struct wsman_call *call, struct context *context);
/** enumerate.c: one item in the context's mode. */
void render_item(struct buffer *b, enum item_mode mode, enum render_style style, const struct cim_instance *instance);

#endif
