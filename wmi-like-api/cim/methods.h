/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Methods: what each does with the daemon, and what it answers. Hyper-V's return codes: 0 done, 4096 goes on as a job, 32768 and
 * up why not.
 */
#ifndef BULKHEAD_CIM_METHODS_H
#define BULKHEAD_CIM_METHODS_H

#include "wmi-like-api/cim/events.h"
#include "wmi-like-api/cim/jobs.h"
#include "wmi-like-api/cim/result.h"

enum {
	RETURN_DONE = 0, RETURN_JOB = 4096, RETURN_FAILED = 32768, RETURN_ACCESS_DENIED = 32769, RETURN_NOT_SUPPORTED = 32770,
	RETURN_TIMED_OUT = 32772, RETURN_INVALID_PARAMETER = 32773, RETURN_IN_USE = 32774, RETURN_INVALID_STATE = 32775,
	RETURN_NOT_AVAILABLE = 32777
};

struct change;

struct cim {
	struct model model;
	struct jobs jobs;
	struct subscriptions subscriptions;
	struct world world;
	struct change *changes, **changes_end;       /* edits of definitions, one at a time */
	char    *kernel, *initrd, *cmdline;          /* of what is defined by a name alone; initrd NULL: none */
};

/* One invocation while its method looks at it. */
struct call {
	struct cim *cim;
	const struct cim_path *path;
	const struct cim_method *method;
	const struct cim_named_value *arguments;
	unsigned count;
	cim_result_fn fn;
	void *arg;
};

/** Answers with a code and nothing else. */
void answer_code(cim_result_fn fn, void *arg, unsigned code);
/** Answers 4096 and the job. */
void answer_job(cim_result_fn fn, void *arg, const struct job *job);
/** org.bulkhead.Error.* as a return code. */
unsigned code_of(const char *error_name);

/** The argument's value, or NULL: absent or null. */
const struct cim_value *argument(const struct call *call, const char *name);
const char *argument_text(const struct call *call, const char *name);
/** The partition that a reference or text names, by GUID; NULL: none. */
struct view *view_of(struct cim *cim, const struct cim_value *value);
/** A property of an embedded instance that came in; NULL: absent or null. */
const struct cim_value *input(const struct cim_instance *instance, const char *name);
const char *input_text(const struct cim_instance *instance, const char *name);
/** Its number. Returns -1: there is none; -2: it is no number, or above most; else 0. */
int input_number(const struct cim_instance *instance, const char *name, uint64_t most, uint64_t *ret);
int input_bool(const struct cim_instance *instance, const char *name, bool *ret);

/* methods_state.c */
void method_request_state(struct call *call);
void method_shutdown(struct call *call);
void method_kvp(struct call *call);
/* methods_system.c */
void method_define(struct call *call);
void method_destroy(struct call *call);
void method_summary(struct call *call);
/** ModifySystemSettings, AddResourceSettings, ModifyResourceSettings, RemoveResourceSettings. */
void method_edit(struct call *call);
/* methods_definition.c */
void method_set_definition(struct call *call);
void method_get_definition(struct call *call);

/** WS-Transfer's Put on a settings class. */
void put_settings(struct call *call, const struct cim_class *class);

void changes_free(struct cim *cim);

#endif
