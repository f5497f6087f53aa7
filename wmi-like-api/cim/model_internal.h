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
void view_drop_pairs(struct view *view);

/** Reads everything. */
void model_list(struct model *model);
/** Reads one, without its definition. */
void model_refresh_state(struct model *model, const char *name);
/** Asks the guest's key-value service, without waiting for it. */
void model_read_pairs(struct model *model, const char *name);

#endif
