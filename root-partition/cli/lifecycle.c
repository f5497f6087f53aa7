/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that change a partition's state, one name after the other; each answer says which way it went and how long it took. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/value.h"

#define SHUTDOWN_S 120u

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Prints "web1: what (1.2 s)". */
static void report(const char *name, sd_bus_message *reply, const char *instead, double start)
{
	const char *text = "done";

	sd_bus_message_read(reply, "s", &text);
	printf("%s: %s (%.1f s)\n", name, instead ? instead : text, now() - start);
	fflush(stdout);
}

/* The components that a guest's kernel serves without a daemon of its own. */
static bool is_kernels(const char *component)
{
	return !strcmp(component, "shutdown") || !strcmp(component, "heartbeat") || !strcmp(component, "timesync");
}

/* Whether each of those that is on is ready. */
static int is_ready(struct arguments *args, const char *name, bool *ret)
{
	sd_bus_message *reply = NULL;
	const struct value *list;
	struct value *details;
	int rc = client_call(args, name, NULL, &reply, "Describe", "s", name);

	if (rc)
		return rc;
	details = value_read(reply);
	list = value_get(details, "integration");
	*ret = true;
	if (!*value_text(details, "console")) {
		complain(name, "%s: %s", value_text(details, "state"), value_text(details, "reason"));
		rc = EXIT_REFUSED;
	}
	for (const struct value *v = list ? list->first : NULL; v; v = v->next)
		if (!strcmp(v->string, "not ready") && is_kernels(v->key))
			*ret = false;
	value_free(details);
	sd_bus_message_unref(reply);
	return rc;
}

static int wait_until_ready(struct arguments *args, const char *name, double start)
{
	double limit = args->has_timeout ? (double)args->timeout_s : 300;
	bool ready = false, said = false;

	for (;;) {
		int rc = is_ready(args, name, &ready);

		if (rc)
			return rc;
		if (ready)
			return EXIT_OK;
		if (now() - start > limit) {
			complain(name, "running, but its integration components are not ready after %.0f s", now() - start);
			return EXIT_TIMED_OUT;
		}
		if (!said && now() - start > 2) {
			complain(name, "running, waiting for its integration components");
			said = true;
		}
		usleep(200000);
	}
}

int command_start(struct arguments *args)
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		const char *name = args->words[i];
		sd_bus_message *reply = NULL;
		double start = now();
		int rc = client_call(args, name, "starting", &reply, "Start", "sbt", name, (int)args->paused, args->timeout_s * 1000);

		if (!rc && args->wait && !args->paused)
			rc = wait_until_ready(args, name, start);
		if (!rc)
			report(name, reply, args->paused ? "started, paused" : args->wait ? "started, integration components ready" : "started", start);
		else
			worst = rc;
		sd_bus_message_unref(reply);
	}
	return worst;
}

static int shut_down_one(struct arguments *args, const char *name)
{
	uint64_t timeout_ms = (args->has_timeout ? args->timeout_s : SHUTDOWN_S) * 1000;
	sd_bus_message *reply = NULL;
	double start = now();
	int rc = client_call(args, name, args->reboot ? "waiting for the guest to reboot" : "waiting for the guest to power off", &reply,
			     "Shutdown", "stbb", name, timeout_ms, (int)args->force, (int)args->reboot);

	if (!rc)
		report(name, reply, NULL, start);
	sd_bus_message_unref(reply);
	return rc;
}

/* Guests take their time: each is waited for by a process and a connection of its own, all at once. */
static int shut_down_together(struct arguments *args, int count, char **names)
{
	int worst = EXIT_OK, status;

	fflush(stdout);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			complain(names[i], "%s", strerror(errno));
			worst = EXIT_REFUSED;
		} else if (!pid) {
			int rc = client_open(args);

			if (!rc)
				rc = shut_down_one(args, names[i]);
			fflush(stdout);
			_exit(rc);
		}
	}
	while (wait(&status) > 0)
		if (status)
			worst = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_REFUSED;
	return worst;
}

/* The names of those that run. */
static int running_names(struct arguments *args, char ***ret, int *ret_count)
{
	sd_bus_message *reply = NULL;
	char **names = NULL;
	struct value *list;
	int count = 0, rc = client_call(args, NULL, "listing", &reply, "ListPartitions", "");

	if (rc)
		return rc;
	list = value_read(reply);
	sd_bus_message_unref(reply);
	for (const struct value *p = list ? list->first : NULL; p; p = p->next) {
		if (strcmp(value_text(p, "state"), "running"))
			continue;
		names = reallocarray(names, (size_t)count + 1, sizeof *names);
		if (!names || !(names[count++] = strdup(value_text(p, "name"))))
			abort();
	}
	value_free(list);
	*ret = names;
	*ret_count = count;
	return EXIT_OK;
}

int command_shutdown(struct arguments *args)
{
	char **names = args->words;
	int count = args->count, rc;

	if (args->all != !count) {
		complain(NULL, "shutdown: give either names or --all");
		return EXIT_USAGE;
	}
	if (args->all) {
		rc = running_names(args, &names, &count);
		if (rc)
			return rc;
	}
	rc = count == 1 ? shut_down_one(args, names[0]) : shut_down_together(args, count, names);
	for (int i = 0; args->all && i < count; i++)
		free(names[i]);
	if (args->all)
		free(names);
	return rc;
}

static int simple(struct arguments *args, const char *member, const char *doing)
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		const char *name = args->words[i], *text = "done";
		sd_bus_message *reply = NULL;
		int rc = client_call(args, name, doing, &reply, member, "s", name);

		if (!rc && sd_bus_message_read(reply, "s", &text) >= 0)
			printf("%s: %s\n", name, text);
		if (rc)
			worst = rc;
		sd_bus_message_unref(reply);
	}
	return worst;
}

int command_turn_off(struct arguments *args)
{
	return simple(args, "TurnOff", "turning off");
}

int command_pause(struct arguments *args)
{
	return simple(args, "Pause", "pausing");
}

int command_resume(struct arguments *args)
{
	return simple(args, "Resume", "resuming");
}

int command_reset(struct arguments *args)
{
	return simple(args, "Reset", "resetting");
}

int command_replace_worker(struct arguments *args)
{
	return simple(args, "ReplaceWorker", "replacing its worker");
}

int command_undefine(struct arguments *args)
{
	return simple(args, "Undefine", "undefining");
}

int command_autostart(struct arguments *args)
{
	const char *name = args->words[0], *text = "done";
	sd_bus_message *reply = NULL;
	int rc;

	if (strcmp(args->words[1], "on") && strcmp(args->words[1], "off")) {
		complain(name, "autostart '%s': use on or off", args->words[1]);
		return EXIT_USAGE;
	}
	rc = client_call(args, name, NULL, &reply, "SetAutostart", "sb", name, (int)!strcmp(args->words[1], "on"));
	if (!rc && sd_bus_message_read(reply, "s", &text) >= 0)
		printf("%s: %s\n", name, text);
	sd_bus_message_unref(reply);
	return rc;
}
