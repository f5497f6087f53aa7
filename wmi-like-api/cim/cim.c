/* SPDX-License-Identifier: BSD-2-Clause */
/* See cim.h: what the gateway calls. */
#include "wmi-like-api/cim/cim.h"

#include <stdio.h>
#include <stdlib.h>

struct cim {
	struct cim_options options;
};

struct cim *cim_open(const struct cim_options *options)
{
	struct cim *cim = calloc(1, sizeof *cim);

	if (cim)
		cim->options = *options;
	return cim;
}

void cim_close(struct cim *cim)
{
	free(cim);
}

static void unavailable(struct cim_error *error)
{
	error->status = CIM_UNAVAILABLE;
	snprintf(error->text, sizeof error->text, "not connected to bulkheadd");
}

void cim_list_free(struct cim_list *list)
{
	free(list);
}

struct cim_list *cim_query(struct cim *cim, const char *space, const char *class, const char *wql, struct cim_error *error)
{
	(void)cim, (void)space, (void)class, (void)wql;
	unavailable(error);
	return NULL;
}

struct cim_list *cim_get(struct cim *cim, const struct cim_path *path, struct cim_error *error)
{
	(void)cim, (void)path;
	unavailable(error);
	return NULL;
}

void cim_invoke(struct cim *cim, const struct cim_path *path, const char *method, const struct cim_named_value *arguments, unsigned count,
		cim_result_fn fn, void *arg)
{
	struct cim_error error;

	(void)cim, (void)path, (void)method, (void)arguments, (void)count;
	unavailable(&error);
	fn(arg, NULL, 0, &error);
}

void cim_put(struct cim *cim, const struct cim_path *path, const struct cim_named_value *properties, unsigned count, cim_result_fn fn, void *arg)
{
	cim_invoke(cim, path, "", properties, count, fn, arg);
}

struct cim_subscription *cim_subscribe(struct cim *cim, const char *space, const char *wql, cim_event_fn fn, void *arg, struct cim_error *error)
{
	(void)cim, (void)space, (void)wql, (void)fn, (void)arg;
	unavailable(error);
	return NULL;
}

void cim_unsubscribe(struct cim_subscription *subscription)
{
	(void)subscription;
}
