/* SPDX-License-Identifier: BSD-2-Clause */
/* /metrics in OpenMetrics 1.0: partitions as the last snapshot has them, and the gateway itself. Nothing is asked of a partition for it. */
#ifndef BULKHEAD_GATEWAY_METRICS_H
#define BULKHEAD_GATEWAY_METRICS_H

#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/gateway/server.h"

/** To be freed; NULL: out of memory. */
char *metrics_text(struct cim *cim, const struct server *server, size_t *size);

#endif
