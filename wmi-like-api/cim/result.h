/* SPDX-License-Identifier: BSD-2-Clause */
/* Building instances: a list in an pool, what a provider adds to it, and which of it is kept. */
#ifndef BULKHEAD_CIM_RESULT_H
#define BULKHEAD_CIM_RESULT_H

#include "wmi-like-api/cim/model.h"
#include "wmi-like-api/cim/path.h"
#include "wmi-like-api/cim/wql.h"

struct jobs;

/* Where providers look. */
struct world {
	const struct model *model;
	const struct jobs *jobs;
	const char *only;                        /* GUID: other partitions need not be looked at; NULL: all */
};

struct result {
	struct cim_list list;                    /* first: what the caller holds */
	struct pool pool;
	const struct world *world;
	const struct cim_instance **instances;
	unsigned room;
	/* kept is what fits: NULL: all */
	const struct wql_node *where;
	const char *unknown;                     /* a name in where that no class has */
	bool names_known;                        /* where was evaluated at least once without such a name */
	bool (*keep)(void *arg, const struct cim_instance *instance);
	void *arg;
	struct pool_mark mark;
};

struct result *result_new(const struct world *world);
void result_free(struct result *result);

/** A new instance of the class, all null. Ended by instance_add() before the next one begins. */
struct cim_instance *instance_new(struct result *result, const struct cim_class *class);
/** All of these end the program for a property that the class has not: the tests make each instance once. */
void put_text(struct result *result, struct cim_instance *instance, const char *name, const char *text);   /* NULL: null */
void put_format(struct result *result, struct cim_instance *instance, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void put_number(struct result *result, struct cim_instance *instance, const char *name, uint64_t value);
void put_bool(struct result *result, struct cim_instance *instance, const char *name, bool value);
/** Real time, microseconds; 0: null. */
void put_time(struct result *result, struct cim_instance *instance, const char *name, uint64_t us);
void put_path(struct result *result, struct cim_instance *instance, const char *name, const struct cim_path *path);
void put_texts(struct result *result, struct cim_instance *instance, const char *name, const char *const *texts, unsigned count);
/** Up to three numbers of an array. */
void put_numbers(struct result *result, struct cim_instance *instance, const char *name, unsigned count, const unsigned *values);
void instance_add(struct result *result, struct cim_instance *instance);

/** The value of a property, by name in any case; NULL: none. */
const struct cim_value *instance_value(const struct cim_instance *instance, const char *name);
/** Its text, or NULL. */
const char *instance_text(const struct cim_instance *instance, const char *name);
/** A property, or one of __CLASS, __SERVER, __PATH, __RELPATH, __NAMESPACE: see wql_look_fn. pool: for what has to be made. */
bool instance_look(const struct cim_instance *instance, const char *name, const char *host, struct pool *pool, struct wql_value *ret);

/** CIM's time of 25 characters, in UTC. */
char *cim_time(struct pool *pool, uint64_t us);
/** And an interval. */
char *cim_interval(struct pool *pool, uint64_t us);

/* Names: of a partition's things. */
struct cim_path *name_path(struct pool *pool, const char *class, unsigned count, const char *const *names_and_values);
struct cim_path *system_path(struct pool *pool, const char *uuid);
struct cim_path *settings_path(struct pool *pool, const char *class, const char *id);

/** Fills the result with the class's instances. false: the class has none ever. */
bool provide(struct result *result, const struct cim_class *class);
void provide_systems(struct result *result, const struct cim_class *class);
void provide_system_of(struct result *result, const struct cim_class *class, const struct view *view);
void provide_settings(struct result *result, const struct cim_class *class);
void provide_resources(struct result *result, const struct cim_class *class);
void provide_devices(struct result *result, const struct cim_class *class);
void provide_processors(struct result *result, const struct cim_class *class);
void provide_processor_counters(struct result *result, const struct cim_class *class);
void provide_services(struct result *result, const struct cim_class *class);
void provide_switches(struct result *result, const struct cim_class *class);
void provide_summaries(struct result *result, const struct cim_class *class);
void provide_summary_of(struct result *result, const struct cim_class *class, const struct view *view);
void provide_jobs(struct result *result, const struct cim_class *class);
void provide_host(struct result *result, const struct cim_class *class);
void provide_associations(struct result *result, const struct cim_class *class);

/** What all devices of a partition have; id: the end of its DeviceID. */
void put_device(struct result *result, struct cim_instance *instance, const struct view *view, const char *name, const char *id);
/** A pool of key-value items as embedded instances; nothing when it is not known. */
void put_items(struct result *result, struct cim_instance *instance, const char *name, const struct view *view, enum view_pool pool);

/** The partitions that a provider shows. */
const struct view *first_view(const struct result *result);
const struct view *next_view(const struct result *result, const struct view *view);

#define V2    "root/virtualization/v2"
#define CIMV2 "root/cimv2"

#endif
