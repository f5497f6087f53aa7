/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the snapshot (model.c) and what reads the daemon's answers into it (model_read.c). */
#ifndef BULKHEAD_CIM_MODEL_INTERNAL_H
#define BULKHEAD_CIM_MODEL_INTERNAL_H

#include "wmi-like-api/cim/model.h"

/* One entry of ListPartitions. */
struct summary {
	struct view view;
	uint64_t uptime_s;
};

struct view *model_take_summary(struct model *model, const struct summary *summary);
void model_take_text(struct model *model, struct view *view, const char *text);
/** Takes away what was not seen. */
void model_sweep(struct model *model);
void model_forget(struct model *model, const char *name);

/** Reads everything. */
void model_list(struct model *model);
/** Forgets what is left of that: the connection has ended. */
void model_list_stop(struct model *model);
/** Reads one, without its definition. */
void model_refresh_state(struct model *model, const char *name);
typedef void (*text_fn)(void *arg, const char *key, const char *text);
typedef void (*number_fn)(void *arg, const char *key, uint64_t number);
/** An a{sv}: its texts and numbers; what is not known is skipped, so that a newer daemon can say more. number may be NULL. */
int read_dictionary(sd_bus_message *message, text_fn text, number_fn number, void *arg);

/* model_items.c: what guests and workers answer, whom nobody waits for. */
/** Asks the guest's key-value service for all pools. */
void model_read_items(struct model *model, const char *name);
/** Asks workers for the times of their processors, where they are due. */
void model_read_times(struct model *model);
void view_drop_answers(struct view *view);

#endif
