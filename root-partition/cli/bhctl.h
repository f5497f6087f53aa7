/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl's parts: what a command is given, how it calls the daemon, and how it complains. */
#ifndef BULKHEAD_CLI_BHCTL_H
#define BULKHEAD_CLI_BHCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_TIMED_OUT = 4 };
/* exec and login end as their command does; what went wrong before or beside it is told apart as timeout(1) and env(1) do. */
enum { EXIT_EXEC_TIMED_OUT = 124, EXIT_EXEC_FAILED = 125 };

struct arguments {
	const char *socket;
	int count;                   /* positional */
	char **words;
	bool all, active, json, follow, wait, force, paused, reboot, no_input, terminal;
	bool has_timeout, has_since, config;
	const char *bridge, *mac, *vlan, *mtu;
	bool read_only;
	const char *cache, *serial;
	bool overwrite, make_path;
	const char *pool, *disk;
	uint64_t timeout_s, since;
	const char *user;            /* NULL: not given */
	const char **variables;      /* --env, NULL-terminated, with room for one more; owned by main */
	size_t variable_count;
	sd_bus *bus;                 /* opened for commands that need the daemon */
	const char *host;            /* --host: another machine's, by WS-Management; NULL: this machine's */
	const char *password_file, *ca_file, *certificate, *key;
	struct remote *remote;
};

/** "bhctl: subject: message" on stderr; subject NULL: without. */
void complain(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Connects; returns EXIT_OK or EXIT_NO_DAEMON (said why). */
int client_open(struct arguments *args);
/**
 * Calls a method of org.bulkhead.Manager1. After two seconds it says on stderr that it is `doing` something with `subject`.
 * Returns EXIT_OK with the reply, or another exit code (said why).
 */
int client_call(struct arguments *args, const char *subject, const char *doing, sd_bus_message **ret, const char *member,
		const char *types, ...);
/** Connects to a UNIX stream socket of any path length; -1 with errno. */
int client_connect(const char *path);

struct value;
/** The views of ListPartitions', Describe's and HostInfo's answers; --json as args says. list_view drops what is off with --active. */
void list_view(const struct arguments *args, struct value *list);
void details_view(const struct arguments *args, const struct value *partition, bool first);
void host_view(const struct arguments *args, const struct value *host);
/** Prints the interfaces of a Describe answer as a table; nothing when there are none. */
void interfaces_table(const struct value *partition);

void guest_info_view(const struct arguments *args, const struct value *info);
void kvp_view(const struct arguments *args, const struct value *pairs);
enum kvp_verb { KVP_LIST, KVP_GET, KVP_SET, KVP_DELETE };
/** What `kvp NAME ...` is to do, in which of the daemon's pools. false: wrong usage, said so. */
bool kvp_verb_parse(const struct arguments *args, enum kvp_verb *ret, uint32_t *pool);

/** Reads and checks the files that args name, and has each stored by `define`; label is how errors name it. Returns an exit code. */
int define_each(struct arguments *args, int (*define)(struct arguments *args, const char *label, const char *text));

/* interfaces.c, for all kinds of devices */
/** The words in an attribute's value: nothing that ends it or begins markup. NULL is plain. */
bool is_plain(const char *text);
/** A file with one device's element (- is standard input), for the caller to free; label names it in errors. NULL: said why. */
char *device_read_element(const char *file, const char **label);
/** Prints what the daemon answered, unless rc is not 0; unrefs reply. Returns rc. */
int device_report(const char *name, sd_bus_message *reply, int rc);

/** "768MiB", "1GiB", "auto" (0) in bytes. */
bool memory_size_parse(const char *text, uint64_t *ret);

int command_list(struct arguments *args);
int command_show(struct arguments *args);
int command_host(struct arguments *args);
int command_events(struct arguments *args);
int command_define(struct arguments *args);
int command_undefine(struct arguments *args);
int command_check(struct arguments *args);
int command_dump_xml(struct arguments *args);
int command_autostart(struct arguments *args);
int command_start(struct arguments *args);
int command_shutdown(struct arguments *args);
int command_turn_off(struct arguments *args);
int command_pause(struct arguments *args);
int command_resume(struct arguments *args);
int command_reset(struct arguments *args);
int command_replace_worker(struct arguments *args);
int command_attach_disk(struct arguments *args);
int command_detach_disk(struct arguments *args);
int command_resize_disk(struct arguments *args);
int command_attach_interface(struct arguments *args);
int command_detach_interface(struct arguments *args);
int command_set_link(struct arguments *args);
int command_set_memory(struct arguments *args);
int command_list_interfaces(struct arguments *args);
int command_console(struct arguments *args);
int command_guest_info(struct arguments *args);
int command_set_addresses(struct arguments *args);
int command_kvp(struct arguments *args);
int command_copy(struct arguments *args);
int command_backup(struct arguments *args);
int command_exec(struct arguments *args);
int command_login(struct arguments *args);

#endif
