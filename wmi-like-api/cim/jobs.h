/* SPDX-License-Identifier: BSD-2-Clause */
/* Msvm_ConcreteJob: what goes on after a method has answered 4096, and how it ended. Kept for a while after that. */
#ifndef BULKHEAD_CIM_JOBS_H
#define BULKHEAD_CIM_JOBS_H

#include "wmi-like-api/cim/pool.h"
#include "wmi-like-api/cim/cim.h"

#define JOBS_KEPT    4096u               /* finished ones; running ones are as many as there are */
#define JOBS_KEPT_US (600ull * 1000000u)

/* CIM's states of a job. */
enum { JOB_RUNNING = 4, JOB_DONE = 7, JOB_FAILED = 10 };

struct job {
	struct job *next;
	struct jobs *jobs;
	char     id[37], what[64], uuid[37];         /* GUID; "RequestStateChange"; the partition */
	unsigned state, percent, error;
	char     text[400];                          /* why it failed */
	uint64_t start_us, end_us;                   /* real time; end 0: goes on */
};

struct jobs {
	struct job *first;                           /* the newest */
	unsigned count;
	/* before NULL: it is new; after NULL: it is forgotten. Both live until it returns. */
	void   (*changed)(void *arg, const struct job *before, const struct job *after);
	void    *arg;
};

struct job *job_new(struct jobs *jobs, const char *what, const char *uuid);
void job_progress(struct job *job, unsigned percent);
/** code 0: done. */
void job_end(struct job *job, unsigned code, const char *text);
struct job *job_find(const struct jobs *jobs, const char *id);
struct cim_path *job_path(struct pool *pool, const struct job *job);
void jobs_free(struct jobs *jobs);

#endif
