/* SPDX-License-Identifier: BSD-2-Clause */
/* See providers.h. */
#include "providers.h"

#include "abi/bulkhead.h"

#define TICK_MS 1000u

void providers_pace(struct providers *p)
{
	const struct worker_config *c = &p->machine->config;
	/* A request and its answer, two frames, are one operation. */
	uint64_t operations = storage_operations(&p->storage) + network_frames(&p->network) / 2, halts = 0;
	struct bulkhead_vp_info vp;
	unsigned int i;

	if (!pace_due(&p->pace, operations))
		return;
	for (i = 0; i < c->vp_count; i++)
		if (mshv_vp_info(&p->machine->vps.vp[i].mshv, &vp) == 0)
			halts += vp.exits[BH_EXIT_HLT];
	pace_decide(&p->pace, operations, halts);
}

/** A guest with many requests in flight is not asked to signal: its load shows here. */
static void operations_ended(void *context)
{
	providers_pace(context);
}

static void tick(uv_timer_t *timer)
{
	struct providers *p = timer->data;

	if (p->machine->run_state != WORKER_STATE_RUNNING)
		return;
	integration_tick(&p->integration, uv_now(timer->loop));
	vsock_tick(&p->vsock, uv_now(timer->loop));
	dynamic_memory_tick(&p->memory, uv_now(timer->loop));
}

int providers_create(struct providers *p, struct machine *m, struct vmbus_server *server)
{
	int rc;

	p->machine = m;
	rc = storage_create(&p->storage, m, server, operations_ended, p);
	if (rc == 0)
		rc = network_create(&p->network, m, server, operations_ended, p);
	if (rc == 0)
		rc = integration_create(&p->integration, m, server);
	if (rc == 0)
		rc = vsock_create(&p->vsock, &m->config.vsock, m->loop, server);
	if (rc == 0)
		rc = dynamic_memory_create(&p->memory, m, server);
	if (rc < 0)
		return rc;
	uv_timer_init(m->loop, &p->tick);
	p->tick.data = p;
	return uv_timer_start(&p->tick, tick, TICK_MS, TICK_MS);
}

void providers_stats(const struct providers *p, struct worker_stats *ret)
{
	storage_stats(&p->storage, ret);
	network_stats(&p->network, ret);
}
