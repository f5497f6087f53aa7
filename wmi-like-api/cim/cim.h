/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between what speaks WS-Management and what knows partitions: classes, instances, queries, methods, events. Nothing here
 * knows SOAP. One thread, one libuv loop, no call blocks. After cim_open the process may be in a sandbox without files.
 */
#ifndef BULKHEAD_CIM_H
#define BULKHEAD_CIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum cim_type {
	CIM_BOOLEAN, CIM_UINT8, CIM_SINT8, CIM_UINT16, CIM_SINT16, CIM_UINT32, CIM_SINT32, CIM_UINT64, CIM_SINT64, CIM_REAL32, CIM_REAL64,
	CIM_STRING, CIM_DATETIME, CIM_REFERENCE, CIM_INSTANCE
};

/** Who may call a method. */
enum cim_right { CIM_READ = 1, CIM_OPERATE = 2, CIM_ADMINISTER = 3 };

struct cim_value_name {
	const char *value, *name;                 /**< "2", "Enabled"; name NULL ends a table */
};

struct cim_property {
	const char *name;
	enum cim_type type;
	bool array, key;
	const struct cim_value_name *values;      /**< what its numbers mean; NULL: nothing more */
};

struct cim_parameter {
	const char *name;
	enum cim_type type;
	bool array, in, out;
};

struct cim_method {
	const char *name;
	const struct cim_parameter *parameters;   /**< without ReturnValue */
	unsigned parameter_count;
	enum cim_right right;
	bool changes;                             /**< something: goes into the audit log */
};

struct cim_class {
	const char *name, *space;                 /**< "Msvm_ComputerSystem", "root/virtualization/v2" */
	const char *const *ancestors;             /**< its parent, the parent's parent, ...; ended by NULL */
	const struct cim_property *properties;
	unsigned property_count;
	const struct cim_method *methods;
	unsigned method_count;
};

/** Ended by NULL. */
extern const struct cim_class *const cim_classes[];

/** By name and namespace, case-insensitive; NULL: none. A parent that has no instances of its own is none. */
const struct cim_class *cim_class_find(const char *space, const char *name);
const struct cim_method *cim_method_find(const struct cim_class *class, const char *name);

/** Values: of properties, arguments and results alike. Numbers, booleans ("true") and times (CIM's 25 characters) are text. */
struct cim_path;
struct cim_instance;

struct cim_item {
	const char *text;                         /**< NULL when it is one of the others */
	const struct cim_path *path;
	const struct cim_instance *instance;
};

struct cim_value {
	bool null, array;
	unsigned count;                           /**< 1 unless it is an array */
	const struct cim_item *items;
};

struct cim_named_value {
	const char *name;
	struct cim_value value;
};

/** An instance's name: class, and keys with text or paths. */
struct cim_path {
	const char *space, *class;
	const struct cim_named_value *keys;
	unsigned key_count;
};

/** What the table says in the table's order (out), or what somebody sent (in: class name and named properties only). */
struct cim_instance {
	const struct cim_class *class;            /**< out */
	const struct cim_value *values;           /**< out: one a property of the class */
	const uint8_t *selected;                  /**< out: NULL, or one byte a property: 0 = not asked for */
	const char *class_name;                   /**< in */
	const struct cim_named_value *properties; /**< in */
	unsigned property_count;
};

enum cim_status {
	CIM_OK, CIM_INVALID_QUERY, CIM_NO_SUCH_CLASS, CIM_NOT_FOUND, CIM_INVALID_ARGUMENT, CIM_NO_SUCH_METHOD, CIM_ACCESS_DENIED, CIM_NOT_SUPPORTED,
	CIM_ALREADY_EXISTS, CIM_UNAVAILABLE, CIM_FAILED
};

struct cim_error {
	enum cim_status status;
	char text[400];
};

struct cim_options {
	uv_loop_t *loop;
	/** A connected, non-blocking stream socket to the daemon, or a negative errno. Called again when the daemon was gone. */
	int (*connect)(void *arg);
	void *arg;
	/** What a partition starts that was defined by its name alone. NULL: /boot/vmlinuz, none, console=ttyS0. Copied. */
	const char *kernel, *initrd, *cmdline;
};

struct cim;
struct cim *cim_open(const struct cim_options *options);
/** What is pending is answered by CIM_UNAVAILABLE or a failure first; memory goes when the loop has run once more. */
void cim_close(struct cim *cim);
/** Whether everything is known of the daemon's partitions; until then queries are answered by CIM_UNAVAILABLE. */
bool cim_is_ready(const struct cim *cim);

/** Immutable; lives on when what it shows is gone. */
struct cim_list {
	const struct cim_instance *const *instances;
	unsigned count;
};
void cim_list_free(struct cim_list *list);

/** wql NULL: all instances of class. NULL: error says why. */
struct cim_list *cim_query(struct cim *cim, const char *space, const char *class, const char *wql, struct cim_error *error);
/** A list of one. */
struct cim_list *cim_get(struct cim *cim, const struct cim_path *path, struct cim_error *error);

/** results: ReturnValue and out parameters, until fn returns; error NULL when it was run. */
typedef void (*cim_result_fn)(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error);
/** fn is called once, perhaps before it returns. What arguments point to is needed until it returns only. */
void cim_invoke(struct cim *cim, const struct cim_path *path, const char *method, const struct cim_named_value *arguments, unsigned count,
		cim_result_fn fn, void *arg);
/** WS-Transfer's Put; count and results are 0 when it is done. */
void cim_put(struct cim *cim, const struct cim_path *path, const struct cim_named_value *properties, unsigned count, cim_result_fn fn, void *arg);

/** An event's instance, until fn returns. */
typedef void (*cim_event_fn)(void *arg, struct cim_list *event);   /* owned by the callee */
struct cim_subscription;
struct cim_subscription *cim_subscribe(struct cim *cim, const char *space, const char *wql, cim_event_fn fn, void *arg, struct cim_error *error);
void cim_unsubscribe(struct cim_subscription *subscription);

#endif
