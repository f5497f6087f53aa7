/* SPDX-License-Identifier: BSD-2-Clause */
/* See live.h. */
#include "live.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct cim *cim;
char guid[37];
uv_loop_t live_loop;
static uv_timer_t tick;
static int connection = -1;

static int connect_daemon(void *arg)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("BULKHEAD_SOCKET"));
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		close(fd);
		return -errno;
	}
	connection = fd;
	return fd;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void wait_ready(void)
{
	for (unsigned i = 0; !cim_is_ready(cim); i++) {
		ck_assert_uint_lt(i, 100000);
		uv_run(&live_loop, UV_RUN_ONCE);
	}
}

void live_cut(void)
{
	ck_assert_int_eq(shutdown(connection, SHUT_RDWR), 0);
	while (cim_is_ready(cim))
		uv_run(&live_loop, UV_RUN_ONCE);
	wait_ready();
}

void live_open(void)
{
	struct cim_options options = { .loop = &live_loop, .connect = connect_daemon };

	alarm(100);
	uv_loop_init(&live_loop);
	uv_timer_init(&live_loop, &tick);
	uv_timer_start(&tick, on_tick, 20, 20);
	cim = cim_open(&options);
	ck_assert_ptr_nonnull(cim);
	wait_ready();
}

void live_close(void)
{
	cim_close(cim);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&live_loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&live_loop), 0);
}

static struct cim_list *ask_text(const char *query)
{
	const char *space = strstr(query, "Win32_") ? "root/cimv2" : V2;
	struct cim_error error = { 0 };
	struct cim_list *list = cim_query(cim, space, NULL, query, &error);

	ck_assert_msg(list != NULL, "%s: %s", query, error.text);
	return list;
}

struct cim_list *ask(const char *format, ...)
{
	char query[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(query, sizeof query, format, args);
	va_end(args);
	return ask_text(query);
}

const char *value_of(const struct cim_instance *instance, const char *property)
{
	static char text[4096];
	size_t used = 0;

	*text = 0;
	for (unsigned i = 0; i < instance->class->property_count; i++) {
		const struct cim_value *value = &instance->values[i];

		if (strcmp(instance->class->properties[i].name, property))
			continue;
		for (unsigned k = 0; !value->null && k < value->count; k++)
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k ? "|" : "",
						 value->items[k].text ? value->items[k].text : "(object)");
		return text;
	}
	ck_abort_msg("%s has no %s", instance->class->name, property);
}

const char *ask_one(const char *property, const char *format, ...)
{
	struct cim_list *list;
	const char *text;
	char query[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(query, sizeof query, format, args);
	va_end(args);
	list = ask_text(query);
	text = list->count ? value_of(list->instances[0], property) : "(none)";
	cim_list_free(list);
	return text;
}

static void last_key(char *ret, size_t size, const struct cim_path *path)
{
	if (path && path->key_count)
		snprintf(ret, size, "%s", path->keys[path->key_count - 1].value.items->text);
}

static void on_result(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error)
{
	struct answer *a = arg;

	ck_assert(!a->done);
	a->done = true;
	a->status = error ? error->status : CIM_OK;
	for (unsigned i = 0; i < count; i++) {
		const struct cim_value *value = &results[i].value;

		if (!strcmp(results[i].name, "ReturnValue"))
			a->code = (unsigned)atoi(value->items->text);
		else if (value->array)
			a->count = value->count;
		if (value->array && value->count)
			last_key(a->list, sizeof a->list, value->items->path);
		else if (!value->array && value->count)
			last_key(a->path, sizeof a->path, value->items->path);
	}
}

struct answer invoke(const char *class, const char *selector, const char *method, const struct cim_named_value *arguments, unsigned count)
{
	char name[60] = "", *value;
	struct answer a = { 0 };
	struct cim_item item;
	struct cim_named_value key;
	struct cim_path path = { .space = V2, .class = class, .keys = &key, .key_count = selector != NULL };

	if (selector) {
		snprintf(name, sizeof name, "%s", selector);
		value = strchr(name, '=');
		*value++ = 0;
		item = (struct cim_item){ .text = value };
		key = (struct cim_named_value){ name, { .count = 1, .items = &item } };
	}
	cim_invoke(cim, &path, method, arguments, count, on_result, &a);
	while (!a.done)
		uv_run(&live_loop, UV_RUN_ONCE);
	return a;
}

unsigned job_end_state(const char *id)
{
	unsigned state;

	while ((state = (unsigned)atoi(ask_one("JobState", "SELECT * FROM Msvm_ConcreteJob WHERE InstanceID='%s'", id))) < 7) {
		ck_assert_uint_ne(state, 0);
		uv_run(&live_loop, UV_RUN_ONCE);
	}
	return state;
}

void eventually(const char *value, const char *property, const char *query)
{
	for (unsigned i = 0; strcmp(ask_one(property, "%s", query), value); i++) {
		ck_assert_msg(i < 2000, "%s: %s is %s, not %s", query, property, ask_one(property, "%s", query), value);
		uv_run(&live_loop, UV_RUN_ONCE);
	}
}

void shell(const char *format, ...)
{
	char command[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	ck_assert_msg(system(command) == 0, "%s", command);
}

const char *guid_of(const char *name)
{
	snprintf(guid, sizeof guid, "%s", ask_one("Name", VM, name));
	ck_assert_uint_eq(strlen(guid), 36);
	return guid;
}

struct cim_named_value named(const char *name, struct cim_item *item, const char *text)
{
	item->text = text;
	return (struct cim_named_value){ name, { .count = 1, .items = item } };
}

unsigned request(const char *name, const char *state, char job[300])
{
	struct cim_item item = { 0 };
	struct cim_named_value argument = named("RequestedState", &item, state);
	char selector[60];
	struct answer a;

	snprintf(selector, sizeof selector, "Name=%s", guid_of(name));
	a = invoke("Msvm_ComputerSystem", selector, "RequestStateChange", &argument, 1);
	ck_assert_int_eq(a.status, CIM_OK);
	if (job)
		strcpy(job, a.path);
	return a.code;
}
