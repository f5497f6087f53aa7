/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host: a client of WS-Management over HTTPS, and the commands that go that way. */
#ifndef BULKHEAD_CLI_REMOTE_H
#define BULKHEAD_CLI_REMOTE_H

#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/remote_reply.h"

#define REMOTE_V2    "root/virtualization/v2"
#define REMOTE_CIMV2 "root/cimv2"

struct remote;

/** "https://[user@]host[:port]/…" in its parts. */
struct remote_address {
	char *url;                   /* as libcurl takes it: without user, with port and path */
	char *user;                  /* NULL: not given */
	char *host;
};
/** Returns 0, or -1 with why: what is wrong with it, and what it should look like. */
int remote_address_parse(const char *text, struct remote_address *ret, char why[300]);
void remote_address_free(struct remote_address *address);

/** args->host, credentials, certificates; asks nothing of the host yet. Returns an exit code (said why). */
int remote_open(struct arguments *args);
void remote_close(struct remote *remote);
/** Where requests go. */
const char *remote_url(const struct arguments *args);

/** A method's argument: text, a reference (class and keys in `reference`), or an embedded instance of class `instance`. */
struct remote_argument {
	const char *name, *text;
	const char *reference, *instance;
	const struct remote_argument *parts;     /* keys or properties; ended by a name of NULL */
};

/* Texts of requests, for free(). */
char *request_enumerate(const char *url, const char *space, const char *wql);
char *request_pull(const char *url, const char *space, const char *context, unsigned timeout_s);
char *request_subscribe(const char *url, const char *space, const char *wql);
char *request_invoke(const char *url, const char *space, const char *class, const struct remote_argument *keys, const char *method,
		     const struct remote_argument *arguments);

/* These return an exit code and have said why; subject as for complain(). A reply is for remote_reply_free(). */
int remote_post(struct arguments *args, const char *subject, const char *request, struct remote_reply *ret);
/** As remote_post(), with what the server says being the caller's: *ret has the fault, and the exit code is EXIT_OK. */
int remote_exchange(struct arguments *args, const char *subject, const char *request, struct remote_reply *ret);
/** Every instance; for value_free(). */
int remote_query(struct arguments *args, const char *subject, const char *space, const char *wql, struct value **ret);
/** Calls a method of a class of root/virtualization/v2: ret's first item has what it answered, with *code from its ReturnValue. */
int remote_call(struct arguments *args, const char *subject, const char *class, const struct remote_argument *keys, const char *method,
		const struct remote_argument *arguments, struct remote_reply *ret, uint64_t *code);
/** Says what a method's code means; returns EXIT_OK for 0. */
int remote_judge(const char *subject, uint64_t code);
/** Calls it and waits for its job, for limit_s at most (0: as long as it takes). */
int remote_invoke(struct arguments *args, const char *subject, const char *doing, const char *class, const struct remote_argument *keys,
		  const char *method, const struct remote_argument *arguments, uint64_t limit_s);
/**
 * One of the methods of Msvm_VirtualSystemManagementService. ret NULL: waits for its job; else it must be done at once, and ret has what it
 * answered, for remote_reply_free().
 */
int remote_serve(struct arguments *args, const char *name, const char *method, const struct remote_argument *arguments, struct remote_reply *ret);
/** Text between quotes in WQL: quotes and backslashes escaped. For free(). */
char *remote_quote(const char *text);

struct remote_partition {
	char uuid[40];               /* as the host writes it */
	char state[16];              /* the daemon's word */
	struct value *system;        /* Msvm_ComputerSystem */
};
/** By its name. For value_free(ret->system). */
int remote_find(struct arguments *args, const char *name, struct remote_partition *ret);

/** The daemon's words for what Msvm_ComputerSystem says; "" for what is none. */
const char *remote_state(const struct value *system);
/** What ListPartitions answers, as far as the host tells. name NULL: all; else with what Describe adds. */
int remote_partitions(struct arguments *args, const char *name, struct value **ret);
/** CIM's 25 characters, or "2026-11-23T10:45:01.250000Z", as microseconds since 1970; 0: none. */
uint64_t remote_time_us(const char *text);

/** How a command goes to another host. NULL: not at all. */
int (*remote_command(const char *name))(struct arguments *args);

int remote_list(struct arguments *args);
int remote_show(struct arguments *args);
int remote_list_interfaces(struct arguments *args);
int remote_host(struct arguments *args);
int remote_events(struct arguments *args);
int remote_start(struct arguments *args);
int remote_shutdown(struct arguments *args);
int remote_turn_off(struct arguments *args);
int remote_pause(struct arguments *args);
int remote_resume(struct arguments *args);
int remote_reset(struct arguments *args);
int remote_define(struct arguments *args);
int remote_dump_xml(struct arguments *args);
int remote_undefine(struct arguments *args);
int remote_autostart(struct arguments *args);
int remote_set_memory(struct arguments *args);
/** "Microsoft:PARTITION\CONTROLLER\0\5\L": a disk's controller and LUN stand before its last letter. false: none do. */
bool remote_disk_place(const char *id, unsigned *controller, unsigned *lun);
int remote_attach_disk(struct arguments *args);
int remote_detach_disk(struct arguments *args);
int remote_attach_interface(struct arguments *args);
int remote_detach_interface(struct arguments *args);
int remote_set_link(struct arguments *args);
int remote_guest_info(struct arguments *args);
int remote_kvp(struct arguments *args);

#endif
