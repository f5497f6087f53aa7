/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host: what changes a partition, by the methods that Hyper-V has for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/remote.h"

#define SYSTEM     "Msvm_ComputerSystem"
#define SHUTDOWN_S 120u
#define READY_S    300u
#define POLL_US    250000u

enum { STATE_RUN = 2, STATE_OFF = 3, STATE_PAUSE = 9, STATE_RESET = 11 };

static const struct remote_argument nothing = { 0 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int done(const char *name, const char *what, double start)
{
	printf("%s: %s (%.1f s)\n", name, what, now() - start);
	fflush(stdout);
	return EXIT_OK;
}

static bool is_one_of(const char *state, const char *states)
{
	char word[32];

	snprintf(word, sizeof word, " %s ", state);
	return strstr(states, word) != NULL;
}

static int request_state(struct arguments *args, const char *name, const char *uuid, const char *doing, unsigned state, uint64_t limit_s)
{
	char number[8];
	const struct remote_argument keys[] = { { .name = "CreationClassName", .text = SYSTEM }, { .name = "Name", .text = uuid }, nothing };
	const struct remote_argument arguments[] = { { .name = "RequestedState", .text = number }, nothing };

	snprintf(number, sizeof number, "%u", state);
	return remote_invoke(args, name, doing, SYSTEM, keys, "RequestStateChange", arguments, limit_s);
}

/* The one method starts and resumes, so the state from which it is asked for is looked at first. */
static int change_state(struct arguments *args, const char *name, const char *from, const char *doing, const char *what, unsigned state, uint64_t limit_s)
{
	struct remote_partition p;
	double start = now();
	int rc = remote_find(args, name, &p);

	if (rc)
		return rc;
	if (!is_one_of(p.state, from)) {
		complain(name, "it is %s", p.state);
		rc = EXIT_REFUSED;
	} else {
		rc = request_state(args, name, p.uuid, doing, state, limit_s);
	}
	value_free(p.system);
	return rc || !what ? rc : done(name, what, start);
}

static int each(struct arguments *args, const char *from, const char *doing, const char *what, unsigned state)
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		int rc = change_state(args, args->words[i], from, doing, what, state, 0);

		worst = rc ? rc : worst;
	}
	return worst;
}

int remote_turn_off(struct arguments *args)
{
	return each(args, " starting running paused stopping restarting ", "turning off", "turned off", STATE_OFF);
}

int remote_pause(struct arguments *args)
{
	return each(args, " running ", "pausing", "paused", STATE_PAUSE);
}

int remote_resume(struct arguments *args)
{
	return each(args, " paused ", "resuming", "running", STATE_RUN);
}

int remote_reset(struct arguments *args)
{
	return each(args, " running paused ", "resetting", "reset", STATE_RESET);
}

/* Waits until the partition's state is one of those; also until its guest answers when `heartbeat`. */
static int wait_for_state(struct arguments *args, const char *name, const char *states, bool heartbeat, uint64_t limit_s)
{
	double start = now();
	bool said = false;

	for (;;) {
		struct value *list = NULL;
		int rc = remote_partitions(args, name, &list);
		bool there = !rc && is_one_of(value_text(list->first, "state"), states) &&
			     (!heartbeat || !strcmp(value_text(list->first, "heartbeat"), "ok"));
		bool ended = !rc && is_one_of(value_text(list->first, "state"), " off failed ");

		if (ended && !there)
			complain(name, "%s: %s", value_text(list->first, "state"), value_text(list->first, "reason"));
		value_free(list);
		if (rc || there || ended)
			return rc ? rc : there ? EXIT_OK : EXIT_REFUSED;
		if (now() - start > (double)limit_s) {
			complain(name, "not within %" PRIu64 " s; it goes on", limit_s);
			return EXIT_TIMED_OUT;
		}
		if (!said && now() - start > 2) {
			complain(name, "waiting for the guest");
			said = true;
		}
		usleep(POLL_US);
	}
}

int remote_start(struct arguments *args)
{
	int worst = EXIT_OK;

	if (args->paused) {
		complain(NULL, "start --paused: WS-Management has no such request; use it on the host itself");
		return EXIT_USAGE;
	}
	for (int i = 0; i < args->count; i++) {
		const char *name = args->words[i];
		double start = now();
		int rc = change_state(args, name, " off failed ", "starting", NULL, STATE_RUN, args->timeout_s);

		if (!rc && args->wait)
			rc = wait_for_state(args, name, " running ", true, args->has_timeout ? args->timeout_s : READY_S);
		if (!rc)
			done(name, args->wait ? "started, integration components ready" : "started", start);
		worst = rc ? rc : worst;
	}
	return worst;
}

static int ask_guest(struct arguments *args, const char *name, const char *uuid)
{
	struct value *list = NULL;
	char wql[200];
	int rc;

	snprintf(wql, sizeof wql, "SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '%s'", uuid);
	rc = remote_query(args, name, REMOTE_V2, wql, &list);
	if (rc)
		return rc;
	if (!list->first || strcmp(value_text(list->first, "OperationalStatus"), "2")) {
		complain(name, "the guest's shutdown component is not ready; --force turns it off instead");
		rc = EXIT_REFUSED;
	} else {
		const struct remote_argument keys[] = {
			{ .name = "SystemCreationClassName", .text = value_text(list->first, "SystemCreationClassName") },
			{ .name = "SystemName", .text = value_text(list->first, "SystemName") },
			{ .name = "CreationClassName", .text = value_text(list->first, "CreationClassName") },
			{ .name = "DeviceID", .text = value_text(list->first, "DeviceID") }, nothing,
		};
		const struct remote_argument arguments[] = { { .name = "Force", .text = "false" }, { .name = "Reason", .text = "bhctl" }, nothing };

		rc = remote_invoke(args, name, "waiting for the guest", "Msvm_ShutdownComponent", keys,
				   args->reboot ? "InitiateReboot" : "InitiateShutdown", arguments, args->has_timeout ? args->timeout_s : SHUTDOWN_S);
	}
	value_free(list);
	return rc;
}

static int shut_down(struct arguments *args, const char *name)
{
	struct remote_partition p;
	double start = now();
	bool forced = false;
	int rc = remote_find(args, name, &p);

	if (rc)
		return rc;
	if (is_one_of(p.state, " off failed ")) {
		complain(name, "it is %s", p.state);
		rc = EXIT_REFUSED;
	} else {
		rc = ask_guest(args, name, p.uuid);
		if (!rc && !args->reboot)
			rc = wait_for_state(args, name, " off ", false, args->has_timeout ? args->timeout_s : SHUTDOWN_S);
		forced = rc && rc != EXIT_NO_DAEMON && args->force;
		if (forced)
			rc = request_state(args, name, p.uuid, "turning off", STATE_OFF, 0);
	}
	value_free(p.system);
	return rc ? rc : done(name, forced ? "turned off" : args->reboot ? "the guest reboots" : "shut down", start);
}

int remote_shutdown(struct arguments *args)
{
	struct value *list = NULL;
	int worst = EXIT_OK, rc;

	if (args->all != !args->count) {
		complain(NULL, "shutdown: give either names or --all");
		return EXIT_USAGE;
	}
	for (int i = 0; i < args->count; i++) {
		rc = shut_down(args, args->words[i]);
		worst = rc ? rc : worst;
	}
	if (args->all)
		worst = remote_partitions(args, NULL, &list);
	for (const struct value *p = list ? list->first : NULL; p; p = p->next)
		if (!strcmp(value_text(p, "state"), "running")) {
			rc = shut_down(args, value_text(p, "name"));
			worst = rc ? rc : worst;
		}
	value_free(list);
	return worst;
}

/* One of the service's methods that take one embedded instance or reference; `parts` belong to that. */
static int serve(struct arguments *args, const char *name, const char *method, const struct remote_argument *argument)
{
	return remote_serve(args, name, method, (const struct remote_argument[]){ *argument, nothing }, NULL);
}

int remote_undefine(struct arguments *args)
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		const char *name = args->words[i];
		struct remote_partition p;
		int rc = remote_find(args, name, &p);

		if (!rc && !is_one_of(p.state, " off failed ")) {
			/* Hyper-V refuses it too; said here in the words of a person */
			complain(name, "it is %s; turn it off first", p.state);
			rc = EXIT_REFUSED;
		} else if (!rc) {
			const struct remote_argument keys[] = { { .name = "CreationClassName", .text = SYSTEM }, { .name = "Name", .text = p.uuid }, nothing };

			rc = serve(args, name, "DestroySystem", &(struct remote_argument){ .name = "AffectedSystem", .reference = SYSTEM, .parts = keys });
		}
		value_free(p.system);
		if (!rc)
			printf("%s: undefined\n", name);
		worst = rc ? rc : worst;
	}
	return worst;
}

int remote_autostart(struct arguments *args)
{
	const char *name = args->words[0];
	struct remote_partition p;
	char id[64];
	bool on = !strcmp(args->words[1], "on");
	int rc;

	if (!on && strcmp(args->words[1], "off")) {
		complain(name, "autostart '%s': use on or off", args->words[1]);
		return EXIT_USAGE;
	}
	rc = remote_find(args, name, &p);
	if (rc)
		return rc;
	snprintf(id, sizeof id, "Microsoft:%s", p.uuid);
	value_free(p.system);
	rc = serve(args, name, "ModifySystemSettings", &(struct remote_argument){ .name = "SystemSettings", .instance = "Msvm_VirtualSystemSettingData",
		   .parts = (const struct remote_argument[]){ { .name = "InstanceID", .text = id },
							      { .name = "AutomaticStartupAction", .text = on ? "4" : "2" }, nothing } });
	if (!rc)
		printf("%s: %s\n", name, on ? "starts with the machine" : "does not start with the machine");
	return rc;
}

int remote_set_memory(struct arguments *args)
{
	const char *name = args->words[0];
	struct value *list = NULL;
	struct remote_partition p;
	char wql[300], mib[24];
	uint64_t bytes;
	int rc;

	if (!memory_size_parse(args->words[1], &bytes) || bytes >> 20 << 20 != bytes) {
		complain(name, "'%s' is no size; use a number with MiB or GiB, as in 768MiB", args->words[1]);
		return EXIT_USAGE;
	}
	if (!bytes) {
		complain(name, "set-memory auto: WS-Management has no such request; use it on the host itself");
		return EXIT_USAGE;
	}
	rc = remote_find(args, name, &p);
	if (rc)
		return rc;
	snprintf(wql, sizeof wql, "ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:%s'} WHERE AssocClass = "
		 "Msvm_VirtualSystemSettingDataComponent ResultClass = Msvm_MemorySettingData", p.uuid);
	value_free(p.system);
	rc = remote_query(args, name, REMOTE_V2, wql, &list);
	if (rc)
		return rc;
	snprintf(mib, sizeof mib, "%" PRIu64, bytes >> 20);
	rc = serve(args, name, "ModifyResourceSettings", &(struct remote_argument){ .name = "ResourceSettings", .instance = "Msvm_MemorySettingData",
		   .parts = (const struct remote_argument[]){ { .name = "InstanceID", .text = value_text(list->first, "InstanceID") },
							      { .name = "VirtualQuantity", .text = mib }, nothing } });
	value_free(list);
	if (!rc)
		printf("%s: %s MiB\n", name, mib);
	return rc;
}
