/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host: queries to their end, methods to the end of their job, and a partition found by its name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/remote.h"

#define SERVICE       "Msvm_VirtualSystemManagementService"
#define PULLS_MAX     4096u
#define JOB_POLL_US   100000u
#define STARTED_JOB   4096u
#define PROGRESS_S    2.0

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

char *remote_quote(const char *text)
{
	char *quoted = malloc(2 * strlen(text) + 1), *to = quoted;

	if (!quoted)
		abort();
	for (; *text; text++) {
		if (*text == '\'' || *text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to = 0;
	return quoted;
}

int remote_query(struct arguments *args, const char *subject, const char *space, const char *wql, struct value **ret)
{
	char *request = request_enumerate(remote_url(args), space, wql);
	struct value *list = value_new(VALUE_LIST, NULL), **at;
	struct remote_reply reply;
	unsigned pulls = 0;
	int rc;

	if (!list)
		abort();
	at = &list->first;
	for (;;) {
		rc = remote_post(args, subject, request, &reply);
		free(request);
		if (rc)
			break;
		*at = reply.items->first;
		reply.items->first = NULL;
		while (*at)
			at = &(*at)->next;
		request = reply.context ? request_pull(remote_url(args), space, reply.context, 60) : NULL;
		remote_reply_free(&reply);
		if (!request)
			break;
		if (++pulls > PULLS_MAX) {
			complain(subject, "the host's answer does not end");
			free(request);
			rc = EXIT_REFUSED;
			break;
		}
	}
	if (rc)
		value_free(list);
	else
		*ret = list;
	return rc;
}

/* What Hyper-V's return codes mean to a person. */
static const char *code_text(uint64_t code)
{
	static const char *const texts[] = {
		"the host failed to do it; its log says why", "access denied", "not supported by the host", "the state is not known", "not in time",
		"an argument that the host does not take", "in use", "not possible in this state", "a value of a wrong type", "not available",
		"the host has not enough memory",
	};

	if (code >= 32768 && code - 32768 < sizeof texts / sizeof *texts)
		return texts[code - 32768];
	return "refused by the host";
}

static int job_ended(const char *subject, const struct value *job)
{
	uint64_t state = strtoull(value_text(job, "JobState"), NULL, 10), code = strtoull(value_text(job, "ErrorCode"), NULL, 10);
	const char *text = value_text(job, "ErrorDescription");

	if (state == 7)
		return EXIT_OK;
	complain(subject, "%s", *text ? text : code_text(code));
	return code == 32772 ? EXIT_TIMED_OUT : EXIT_REFUSED;
}

static int wait_for_job(struct arguments *args, const char *subject, const char *doing, const char *id, uint64_t limit_s)
{
	char *quoted = remote_quote(id), wql[600];
	double start = now();
	bool said = false;
	int rc;

	snprintf(wql, sizeof wql, "SELECT * FROM Msvm_ConcreteJob WHERE InstanceID = '%.400s'", quoted);
	free(quoted);
	for (;;) {
		struct value *jobs;
		uint64_t state;

		rc = remote_query(args, subject, REMOTE_V2, wql, &jobs);
		if (rc)
			return rc;
		if (!jobs->first) {
			value_free(jobs);
			complain(subject, "the host has forgotten the job; 'bhctl show' tells how it ended");
			return EXIT_REFUSED;
		}
		state = strtoull(value_text(jobs->first, "JobState"), NULL, 10);
		rc = state >= 7 && state <= 11 ? job_ended(subject, jobs->first) : -1;
		value_free(jobs);
		if (rc >= 0)
			return rc;
		if (limit_s && now() - start > (double)limit_s) {
			complain(subject, "not within %llu s; it goes on", (unsigned long long)limit_s);
			return EXIT_TIMED_OUT;
		}
		if (!said && now() - start > PROGRESS_S) {
			complain(subject, "%s", doing);
			said = true;
		}
		usleep(JOB_POLL_US);
	}
}

int remote_call(struct arguments *args, const char *subject, const char *class, const struct remote_argument *keys, const char *method,
		const struct remote_argument *arguments, struct remote_reply *ret, uint64_t *code)
{
	char *request = request_invoke(remote_url(args), REMOTE_V2, class, keys, method, arguments);
	int rc = remote_post(args, subject, request, ret);

	free(request);
	if (rc)
		return rc;
	*code = strtoull(value_text(ret->items->first, "ReturnValue"), NULL, 10);
	if (ret->items->first && value_get(ret->items->first, "ReturnValue"))
		return EXIT_OK;
	complain(subject, "the host's answer has no return value");
	remote_reply_free(ret);
	return EXIT_REFUSED;
}

int remote_judge(const char *subject, uint64_t code)
{
	if (!code)
		return EXIT_OK;
	complain(subject, "%s (%llu)", code_text(code), (unsigned long long)code);
	return EXIT_REFUSED;
}

int remote_invoke(struct arguments *args, const char *subject, const char *doing, const char *class, const struct remote_argument *keys,
		  const char *method, const struct remote_argument *arguments, uint64_t limit_s)
{
	struct remote_reply reply;
	uint64_t code;
	int rc = remote_call(args, subject, class, keys, method, arguments, &reply, &code);

	if (rc)
		return rc;
	if (code == STARTED_JOB)
		rc = wait_for_job(args, subject, doing, value_text(value_get(reply.items->first, "Job"), "InstanceID"), limit_s);
	else
		rc = remote_judge(subject, code);
	remote_reply_free(&reply);
	return rc;
}

int remote_serve(struct arguments *args, const char *name, const char *method, const struct remote_argument *arguments, struct remote_reply *ret)
{
	struct value *list = NULL;
	int rc = remote_query(args, name, REMOTE_V2, "SELECT * FROM " SERVICE, &list);
	uint64_t code;

	if (rc)
		return rc;
	{
		const struct remote_argument keys[] = {
			{ .name = "SystemCreationClassName", .text = value_text(list->first, "SystemCreationClassName") },
			{ .name = "SystemName", .text = value_text(list->first, "SystemName") },
			{ .name = "CreationClassName", .text = SERVICE }, { .name = "Name", .text = value_text(list->first, "Name") }, { 0 },
		};

		if (!ret)
			rc = remote_invoke(args, name, "waiting for the host", SERVICE, keys, method, arguments, 0);
		else if (!(rc = remote_call(args, name, SERVICE, keys, method, arguments, ret, &code)) && (rc = remote_judge(name, code)))
			remote_reply_free(ret);
	}
	value_free(list);
	return rc;
}

const char *remote_state(const struct value *system)
{
	switch (strtoull(value_text(system, "EnabledState"), NULL, 10)) {
	case 2:
		return "running";
	case 3:
		return strcmp(value_text(system, "HealthState"), "5") ? "failed" : "off";
	case 4:
		return "stopping";
	case 6:
	case 32769:
		return "saved";
	case 9:
	case 32768:
		return "paused";
	case 10:
		return "starting";
	}
	return "";
}

int remote_find(struct arguments *args, const char *name, struct remote_partition *ret)
{
	char *quoted = remote_quote(name), *wql = NULL;
	struct value *list = NULL;
	int rc = EXIT_REFUSED;

	memset(ret, 0, sizeof *ret);
	if (asprintf(&wql, "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = '%s'", quoted) >= 0)
		rc = remote_query(args, name, REMOTE_V2, wql, &list);
	free(wql);
	free(quoted);
	if (rc)
		return rc;
	/* The host itself is a system too; partitions are named by a GUID. */
	while (list->first && strlen(value_text(list->first, "Name")) != 36) {
		struct value *other = list->first;

		list->first = other->next;
		other->next = NULL;
		value_free(other);
	}
	if (!list->first) {
		complain(name, "no partition has this name; 'bhctl list' shows them");
		value_free(list);
		return EXIT_REFUSED;
	}
	ret->system = list->first;
	list->first = NULL;
	value_free(list);
	snprintf(ret->uuid, sizeof ret->uuid, "%s", value_text(ret->system, "Name"));
	snprintf(ret->state, sizeof ret->state, "%s", remote_state(ret->system));
	return EXIT_OK;
}
