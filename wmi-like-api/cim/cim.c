/* SPDX-License-Identifier: BSD-2-Clause */
/* See cim.h: what the gateway calls, put together. */
#include "wmi-like-api/cim/cim.h"

#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/methods.h"
#include "wmi-like-api/cim/query.h"

#define DEFAULT_KERNEL "/boot/vmlinuz"

static void on_changed(void *arg, const struct view *before, const struct view *after)
{
	struct cim *cim = arg;

	subscriptions_tell(&cim->subscriptions, &cim->world, before, after);
}

static void on_job(void *arg, const struct job *before, const struct job *after)
{
	struct cim *cim = arg;

	subscriptions_tell_job(&cim->subscriptions, &cim->world, before, after);
}

static void on_closed(void *arg)
{
	struct cim *cim = arg;

	changes_free(cim);
	jobs_free(&cim->jobs);
	free(cim->kernel);
	free(cim->initrd);
	free(cim->cmdline);
	free(cim);
}

struct cim *cim_open(const struct cim_options *options)
{
	struct cim *cim = calloc(1, sizeof *cim);

	if (!cim)
		return NULL;
	cim->changes_end = &cim->changes;
	cim->world = (struct world){ &cim->model, &cim->jobs, NULL };
	cim->jobs.changed = on_job;
	cim->jobs.arg = cim;
	cim->kernel = strdup(options->kernel ? options->kernel : DEFAULT_KERNEL);
	cim->initrd = options->initrd && *options->initrd ? strdup(options->initrd) : NULL;
	cim->cmdline = strdup(options->cmdline ? options->cmdline : "console=ttyS0");
	if (!cim->kernel || !cim->cmdline)
		abort();
	model_open(&cim->model, options, on_changed, on_closed, cim);
	return cim;
}

void cim_close(struct cim *cim)
{
	subscriptions_free(&cim->subscriptions);
	model_close(&cim->model);
}

bool cim_is_ready(const struct cim *cim)
{
	return cim->model.complete;
}

void cim_list_free(struct cim_list *list)
{
	result_free((struct result *)list);
}

static bool is_ready(const struct cim *cim, struct cim_error *error)
{
	if (!cim->model.complete)
		error_set(error, CIM_UNAVAILABLE, daemon_is_up(cim->model.daemon) ? "bulkheadd's partitions are being read; try again" :
			  "not connected to bulkheadd; 'systemctl status bulkheadd' says why");
	return cim->model.complete;
}

struct cim_list *cim_query(struct cim *cim, const char *space, const char *class, const char *wql, struct cim_error *error)
{
	return is_ready(cim, error) ? query_run(&cim->world, space, class, wql, error) : NULL;
}

struct cim_list *cim_get(struct cim *cim, const struct cim_path *path, struct cim_error *error)
{
	return is_ready(cim, error) ? query_get(&cim->world, path, error) : NULL;
}

struct cim_subscription *cim_subscribe(struct cim *cim, const char *space, const char *wql, cim_event_fn fn, void *arg, struct cim_error *error)
{
	return subscription_new(&cim->subscriptions, space, wql, fn, arg, error);
}
