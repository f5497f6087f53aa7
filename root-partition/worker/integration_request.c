/* SPDX-License-Identifier: BSD-2-Clause */
/* See integration.h: the daemon's requests that the guest answers. Pairs wait for their turn; a freeze or a copy beside another is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration.h"
#include "log.h"
#include "network.h"

#define MAX_KVP_JOBS 64u

_Static_assert(WORKER_KVP_KEY == IC_KVP_KEY_MAX && WORKER_KVP_VALUE == IC_KVP_VALUE_MAX, "one size of pairs");

struct integration_job {
	struct integration_job *next;
	struct integration *integration;
	struct control_ticket ticket;
	struct worker_kvp kvp;       /* of WORKER_KVP */
	int fd;                      /* of WORKER_COPY */
};

static const char *explain(int error, uint32_t status, const char *program, char text[128])
{
	if (error == -EIO && status == 0x80070050u)
		return "the guest has a file of that name already; --overwrite replaces it";
	if (error == -EIO && status == 0x80070070u)
		return "the guest's file system is full";
	if (error == -ENOTCONN)
		snprintf(text, 128, "the guest's service is not ready; does %s run in it?", program);
	else if (error == -EIO)
		snprintf(text, 128, "the guest failed (%#x); does %s run in it?", status, program);
	else if (error == -ETIMEDOUT)
		snprintf(text, 128, "the guest has not answered in time; is %s stuck?", program);
	else if (error == -EBUSY)
		return "another such request is under way";
	else if (error == -ESTALE)
		return "was thawed or changed meanwhile";
	else
		snprintf(text, 128, "%s", error ? strerror(-error) : "");
	return text;
}

static struct integration_job *new_job(struct integration *in, const struct control_ticket *ticket)
{
	struct integration_job *job = calloc(1, sizeof *job);

	if (job == NULL) {
		control_reply(ticket, -ENOMEM, "the worker is out of memory");
		return NULL;
	}
	job->integration = in;
	job->ticket = *ticket;
	job->fd = -1;
	return job;
}

static void end_job(struct integration_job *job, int error, const char *text)
{
	control_reply(&job->ticket, error, text);
	if (job->fd >= 0)
		close(job->fd);
	machine_changed(job->integration->machine);
	free(job);
}

static void run_kvp(struct integration *in);

static void end_kvp(struct integration *in, int error, uint32_t status, const char *key, const char *value)
{
	struct integration_job *job = in->kvp_jobs;
	struct worker_kvp_reply r = { .header = { .type = WORKER_KVP_REPLY, .size = sizeof r }, .error = error };
	char text[128];

	in->kvp_jobs = job->next;
	in->kvp_count--;
	snprintf(r.key, sizeof r.key, "%s", key ? key : "");
	snprintf(r.value, sizeof r.value, "%s", value ? value : "");
	snprintf(r.text, sizeof r.text, "%s", error == -ENOENT ? "there is no such key" : explain(error, status, "hv_kvp_daemon", text));
	control_answer(&job->ticket, &r.header);
	free(job);
}

static void kvp_done(void *arg, int error, uint32_t status, const char *key, const char *value)
{
	end_kvp(arg, error, status, key, value);
	run_kvp(arg);
}

/** Gives the first to the guest; those that it cannot take are answered. */
static void run_kvp(struct integration *in)
{
	while (in->kvp_jobs != NULL) {
		const struct worker_kvp *k = &in->kvp_jobs->kvp;
		const struct ic_kvp_request request = { (enum ic_kvp_operation)k->operation, (enum ic_kvp_pool)k->pool, k->index, k->key, k->value };
		int rc = in->ic[IC_KVP] ? ic_kvp_request(in->ic[IC_KVP], &request, kvp_done, in) : -ENOTCONN;

		if (rc == 0)
			return;
		end_kvp(in, rc, 0, NULL, NULL);
	}
}

/** A MAC address becomes the name of the interface's instance; what is none stays, and no guest knows it. */
static void name_instance(char key[WORKER_KVP_KEY])
{
	unsigned int m[6];
	uint8_t mac[6];

	if (sscanf(key, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		return;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	network_instance_name(mac, key);
}

static void add_kvp(struct integration *in, const struct worker_kvp *request, const struct control_ticket *ticket)
{
	struct integration_job **at = &in->kvp_jobs, *job;

	if (in->kvp_count >= MAX_KVP_JOBS) {
		control_reply(ticket, -EBUSY, "too many requests wait for the guest");
		return;
	}
	job = new_job(in, ticket);
	if (job == NULL)
		return;
	job->kvp = *request;
	job->kvp.key[sizeof job->kvp.key - 1] = job->kvp.value[sizeof job->kvp.value - 1] = '\0';
	if (job->kvp.operation == IC_KVP_SET_ADDRESSES)
		name_instance(job->kvp.key);
	while (*at != NULL)
		at = &(*at)->next;
	*at = job;
	if (in->kvp_count++ == 0)
		run_kvp(in);
}

void integration_introduce(struct integration *in)
{
	const struct worker_config *c = &in->machine->config;
	const uint8_t *u = c->uuid;
	struct worker_kvp item = { .operation = IC_KVP_SET, .pool = IC_KVP_AUTO_EXTERNAL };
	const struct control_ticket nobody = { 0 };

	snprintf(item.key, sizeof item.key, "VirtualMachineName");
	snprintf(item.value, sizeof item.value, "%s", c->name);
	add_kvp(in, &item, &nobody);
	snprintf(item.key, sizeof item.key, "VirtualMachineId");
	snprintf(item.value, sizeof item.value, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", u[0], u[1], u[2], u[3],
		 u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	add_kvp(in, &item, &nobody);
}

static void freeze_done(void *arg, int error, uint32_t status)
{
	struct integration_job *job = arg;
	char text[128];

	log_line("backup: %s", error ? explain(error, status, "hv_vss_daemon", text)
		 : job->integration->machine->state->ic[IC_VSS].frozen ? "the guest's file systems are frozen" : "thawed");
	end_job(job, error, explain(error, status, "hv_vss_daemon", text));
}

static void change_freeze(struct integration *in, const struct worker_freeze *request, const struct control_ticket *ticket)
{
	struct integration_job *job = new_job(in, ticket);
	struct ic *ic = in->ic[IC_VSS];
	char text[128];
	int rc = -ENOTCONN;

	if (job == NULL)
		return;
	if (ic != NULL && request->operation == WORKER_FREEZE_BEGIN)
		rc = ic_vss_freeze(ic, request->lease_ms, freeze_done, job);
	else if (ic != NULL && request->operation == WORKER_FREEZE_END)
		rc = ic_vss_thaw(ic, freeze_done, job);
	else if (ic != NULL)
		rc = ic_vss_keep(ic, request->lease_ms);
	if (rc != 0 || request->operation == WORKER_FREEZE_KEEP)
		end_job(job, rc, explain(rc, 0, "hv_vss_daemon", text));
}

static int64_t read_file(void *arg, uint64_t offset, void *to, uint32_t bytes)
{
	const struct integration_job *job = arg;
	ssize_t n = pread(job->fd, to, bytes, (off_t)offset);

	return n < 0 ? -errno : n;
}

static void copy_done(void *arg, int error, uint32_t status)
{
	char text[128];

	end_job(arg, error, explain(error, status, "hv_fcopy_daemon", text));
}

static void copy(struct integration *in, struct worker_copy *request, const struct control_ticket *ticket, int fd)
{
	const struct ic_fcopy_request file = { request->path, request->file, request->flags, request->size, read_file };
	struct integration_job *job = new_job(in, ticket);
	char text[128];
	int rc;

	request->path[sizeof request->path - 1] = request->file[sizeof request->file - 1] = '\0';
	if (job == NULL) {
		close(fd);
		return;
	}
	job->fd = fd;
	rc = in->ic[IC_FCOPY] ? ic_fcopy_start(in->ic[IC_FCOPY], &file, copy_done, job) : -ENOTCONN;
	if (rc != 0)
		end_job(job, rc, explain(rc, 0, "hv_fcopy_daemon", text));
}

void integration_request(struct integration *in, struct worker_message *request, const struct control_ticket *ticket, int fd)
{
	switch (request->type) {
	case WORKER_KVP:
		add_kvp(in, (const struct worker_kvp *)request, ticket);
		break;
	case WORKER_FREEZE:
		change_freeze(in, (const struct worker_freeze *)request, ticket);
		break;
	default:
		copy(in, (struct worker_copy *)request, ticket, fd);
	}
}
