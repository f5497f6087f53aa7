/* SPDX-License-Identifier: BSD-2-Clause */
/* See integration.h. */
#include "integration.h"

#include <errno.h>
#include <string.h>

#include "abi/hypercall.h"
#include "log.h"

/* The instance names that Hyper-V uses. */
static const struct {
	const char *name;
	uint32_t mask;               /* enum worker_ic */
	struct vmbus_guid instance;
} components[STATE_ICS] = {
	[IC_SHUTDOWN] = { "shutdown", WORKER_IC_SHUTDOWN,
			  VMBUS_GUID(0xb6650ff7u, 0x33bc, 0x4840, 0x80, 0x48, 0xe0, 0x67, 0x67, 0x86, 0xf3, 0x93) },
	[IC_HEARTBEAT] = { "heartbeat", WORKER_IC_HEARTBEAT,
			   VMBUS_GUID(0xfd149e91u, 0x82e0, 0x4a7d, 0xaf, 0xa6, 0x2a, 0x41, 0x66, 0xcb, 0xd7, 0xc0) },
	[IC_TIMESYNC] = { "timesync", WORKER_IC_TIMESYNC,
			  VMBUS_GUID(0x2dd1ce17u, 0x079e, 0x403c, 0xb3, 0x52, 0xa1, 0x92, 0x1e, 0xe2, 0x07, 0xee) },
	[IC_KVP] = { "kvp", WORKER_IC_KVP,
		     VMBUS_GUID(0x242ff919u, 0x07db, 0x4180, 0x9c, 0x2e, 0xb8, 0x6c, 0xb6, 0x8c, 0x8c, 0x55) },
	[IC_VSS] = { "vss", WORKER_IC_VSS,
		     VMBUS_GUID(0x2450ee40u, 0x33bf, 0x4fbd, 0x89, 0x2e, 0x9f, 0xb0, 0x6e, 0x92, 0x14, 0xcf) },
	[IC_FCOPY] = { "fcopy", WORKER_IC_FCOPY,
		       VMBUS_GUID(0xeb765408u, 0x105f, 0x49b6, 0xb4, 0xaa, 0xc1, 0x23, 0xb6, 0x4d, 0x17, 0xd4) },
};
_Static_assert(WORKER_ICS == IC_TYPES, "one numbering of the services");

static void on_ready(void *context, enum ic_type type, bool ready)
{
	struct integration *in = context;

	log_line("component %s: %s", components[type].name, ready ? "ready" : "gone");
	if (type == IC_KVP && ready)
		integration_introduce(in);
	machine_changed(in->machine);
}

static void on_shutdown_answer(void *context, bool reboot, uint32_t status)
{
	(void)context;
	if (status == 0)
		log_line("the guest %s", reboot ? "restarts" : "turns itself off");
	else
		log_line("the guest refuses to %s: %#x", reboot ? "restart" : "turn itself off", status);
}

static void on_heartbeat(void *context, bool alive)
{
	struct integration *in = context;

	log_line("the guest's heartbeat %s", alive ? "is there" : "has stopped");
	machine_changed(in->machine);
}

static uint64_t reference_time(void *context)
{
	struct integration *in = context;
	uint64_t now = 0;
	int rc = mshv_partition_get_property(&in->machine->partition, HV_PARTITION_PROPERTY_REFERENCE_TIME, &now);

	if (rc < 0)
		log_line("reference time: %s", strerror(-rc));
	return now;
}

static void on_log(void *context, const char *text)
{
	(void)context;
	log_line("component %s", text);
}

static const struct ic_ops ops = {
	.ready = on_ready,
	.shutdown_answer = on_shutdown_answer,
	.heartbeat = on_heartbeat,
	.reference_time = reference_time,
	.log = on_log,
};

int integration_create(struct integration *in, struct machine *m, struct vmbus_server *server)
{
	unsigned int i;
	int rc = 0;

	in->machine = m;
	for (i = 0; i < STATE_ICS && rc == 0; i++) {
		if (!(m->config.ic_mask & components[i].mask))
			continue;
		rc = ic_create(server, (enum ic_type)i, &components[i].instance, &m->state->ic[i], &ops, in, &in->ic[i]);
		if (rc < 0)
			log_line("component %s: %s", components[i].name, strerror(-rc));
	}
	return rc;
}

void integration_tick(struct integration *in, uint64_t now_ms)
{
	unsigned int i;

	for (i = 0; i < STATE_ICS; i++)
		if (in->ic[i] != NULL)
			ic_tick(in->ic[i], now_ms);
}

void integration_resumed(struct integration *in)
{
	if (in->ic[IC_TIMESYNC] != NULL)
		ic_timesync_force(in->ic[IC_TIMESYNC]);
}

int integration_shutdown(struct integration *in, const struct worker_shutdown *request)
{
	if (in->ic[IC_SHUTDOWN] == NULL)
		return -ENOTCONN;
	return ic_shutdown_request(in->ic[IC_SHUTDOWN], request->reboot != 0, request->force != 0, request->text);
}

void integration_status(const struct integration *in, struct worker_status *ret)
{
	unsigned int i;

	for (i = 0; i < STATE_ICS; i++) {
		if (in->ic[i] == NULL || !ic_ready(in->ic[i]))
			continue;
		ret->ic_ready |= components[i].mask;
		ret->ic_framework[i] = ic_framework_version(in->ic[i]);
		ret->ic_version[i] = ic_message_version(in->ic[i]);
	}
	if (in->ic[IC_HEARTBEAT] != NULL) {
		ret->heartbeat_sequence = ic_heartbeat_sequence(in->ic[IC_HEARTBEAT]);
		if (ic_heartbeat_alive(in->ic[IC_HEARTBEAT]))
			ret->guest_flags |= WORKER_GUEST_ALIVE;
	}
	if (in->machine->state->ic[IC_VSS].frozen)
		ret->guest_flags |= WORKER_GUEST_FROZEN;
}
