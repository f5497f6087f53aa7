/* SPDX-License-Identifier: BSD-2-Clause */
/* The model on a running daemon: what the tests of instances and methods ask it, and wait for. */
#ifndef BULKHEAD_TESTS_CIM_LIVE_H
#define BULKHEAD_TESTS_CIM_LIVE_H

#include <check.h>
#include "wmi-like-api/cim/cim.h"

#define V2 "root/virtualization/v2"
#define VM "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='%s'"

extern struct cim *cim;
extern uv_loop_t live_loop;

/** Ends the program when the daemon is not there within ten seconds. */
void live_open(void);
void live_close(void);
/** Cuts the connection and waits until there is another. */
void live_cut(void);

/** Both fail the test on an error. */
struct cim_list *ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The first instance's property as text: "" is null, "a|b" an array. */
const char *ask_one(const char *property, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *value_of(const struct cim_instance *instance, const char *property);

/** A method's answer. */
struct answer {
	bool done;
	unsigned code;
	enum cim_status status;
	char path[300], list[300];   /* the first reference's last key: of Job or ResultingSystem, of an array */
	unsigned count;
};

/** Waits for the answer. selectors: "Key=value" texts ended by NULL. */
struct answer invoke(const char *class, const char *selector, const char *method, const struct cim_named_value *arguments, unsigned count);
/** A partition's GUID, also in guid. */
extern char guid[37];
const char *guid_of(const char *name);
/** A property or an argument; item lives as long. */
struct cim_named_value named(const char *name, struct cim_item *item, const char *text);
/** RequestStateChange: its return value, and its job's name unless job is NULL. */
unsigned request(const char *name, const char *state, char job[300]);

/** Waits until the job has ended; its state. */
unsigned job_end_state(const char *id);
/** Runs the loop until the query's first instance has that value. */
void eventually(const char *value, const char *property, const char *query);

/** Runs a command with BHCTL and dir set; the exit code is 0 or the test fails. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** test_cim_changes.c */
void add_change_tests(TCase *tests);

#endif
