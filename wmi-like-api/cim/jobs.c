/* SPDX-License-Identifier: BSD-2-Clause */
/* See jobs.h. */
#include "wmi-like-api/cim/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/result.h"

static void tell(const struct jobs *jobs, const struct job *before, const struct job *after)
{
	if (jobs->changed)
		jobs->changed(jobs->arg, before, after);
}

static void sweep(struct jobs *jobs)
{
	uint64_t now = model_now_us();
	struct job **at = &jobs->first;
	unsigned kept = 0;

	while (*at) {
		struct job *job = *at;

		if (!job->end_us || (now - job->end_us < JOBS_KEPT_US && kept < JOBS_KEPT)) {
			kept += job->end_us != 0;
			at = &job->next;
			continue;
		}
		*at = job->next;
		jobs->count--;
		tell(jobs, job, NULL);
		free(job);
	}
}

struct job *job_new(struct jobs *jobs, const char *what, const char *uuid)
{
	struct job *job = calloc(1, sizeof *job);

	if (!job)
		abort();
	sweep(jobs);
	id_new(job->id);
	snprintf(job->what, sizeof job->what, "%s", what);
	snprintf(job->uuid, sizeof job->uuid, "%s", uuid);
	job->jobs = jobs;
	job->state = JOB_RUNNING;
	job->start_us = model_now_us();
	job->next = jobs->first;
	jobs->first = job;
	jobs->count++;
	tell(jobs, NULL, job);
	return job;
}

void job_progress(struct job *job, unsigned percent)
{
	struct job before = *job;

	job->percent = percent;
	if (percent != before.percent)
		tell(job->jobs, &before, job);
}

void job_end(struct job *job, unsigned code, const char *text)
{
	struct job before = *job;

	job->state = code ? JOB_FAILED : JOB_DONE;
	job->percent = code ? 0 : 100;
	job->error = code;
	job->end_us = model_now_us();
	snprintf(job->text, sizeof job->text, "%s", code ? text : "");
	tell(job->jobs, &before, job);
}

struct job *job_find(const struct jobs *jobs, const char *id)
{
	for (struct job *job = jobs->first; job; job = job->next)
		if (!strcasecmp(job->id, id))
			return job;
	return NULL;
}

struct cim_path *job_path(struct pool *pool, const struct job *job)
{
	return settings_path(pool, "Msvm_ConcreteJob", job->id);
}

void jobs_free(struct jobs *jobs)
{
	struct job *next;

	for (struct job *job = jobs->first; job; job = next) {
		next = job->next;
		free(job);
	}
	jobs->first = NULL;
}

void provide_jobs(struct result *r, const struct cim_class *class)
{
	for (const struct job *job = r->world->jobs->first; job; job = job->next) {
		struct cim_instance *i = instance_new(r, class);
		unsigned status = job->state == JOB_FAILED ? 6 : job->state == JOB_DONE ? 2 : 11;
		uint64_t end = job->end_us ? job->end_us : model_now_us();

		put_text(r, i, "InstanceID", job->id);
		put_text(r, i, "Name", job->what);
		put_text(r, i, "ElementName", job->what);
		put_text(r, i, "Caption", job->what);
		put_number(r, i, "JobState", job->state);
		put_text(r, i, "JobStatus", job->state == JOB_DONE ? "OK" : job->state == JOB_FAILED ? "Error" : "Job is running");
		put_number(r, i, "PercentComplete", job->percent);
		put_number(r, i, "ErrorCode", job->error);
		if (job->error) {
			put_text(r, i, "ErrorDescription", job->text);
			put_text(r, i, "ErrorSummaryDescription", job->text);
		}
		put_numbers(r, i, "OperationalStatus", 1, &status);
		put_number(r, i, "HealthState", 5);
		put_time(r, i, "TimeSubmitted", job->start_us);
		put_time(r, i, "StartTime", job->start_us);
		put_time(r, i, "TimeOfLastStateChange", end);
		put_text(r, i, "ElapsedTime", cim_interval(&r->pool, end > job->start_us ? end - job->start_us : 0));
		put_text(r, i, "TimeBeforeRemoval", cim_interval(&r->pool, JOBS_KEPT_US));
		put_bool(r, i, "DeleteOnCompletion", true);
		put_bool(r, i, "Cancellable", false);
		instance_add(r, i);
	}
}
