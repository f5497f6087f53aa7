/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods that the guest itself answers, through its integration services. A partition may be gone, or another, when an answer comes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/text.h"
#include "vsp/ic/ic.h"

#define KVP_MS    60000u         /* some wait for their turn */
#define FREEZE_MS (IC_VSS_LEASE_MAX_MS + 10000u)
#define COPY_MS   (24u * 3600 * 1000)   /* the worker ends it when the guest no longer answers */
#define MAX_ITEMS 4096u

/* A call that waits. */
struct asked {
	sd_bus_message *call, *reply;    /* reply: a{sv} of pairs, being filled */
	struct manager *manager;
	char name[CONFIG_NAME_MAX + 1];
	uint32_t pool, index;
	char key[WORKER_KVP_KEY];        /* the one that is looked for; empty: all are listed */
	bool nested;                     /* the pairs are an entry of a larger dictionary */
	int rc;                          /* of filling it */
};

static struct asked *new_asked(sd_bus_message *call, struct partition *p)
{
	struct asked *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->call = sd_bus_message_ref(call);
	a->manager = p->manager;
	memcpy(a->name, p->name, sizeof a->name);
	return a;
}

static void free_asked(struct asked *a)
{
	sd_bus_message_unref(a->reply);
	sd_bus_message_unref(a->call);
	free(a);
}

static int not_reachable(struct partition *p, sd_bus_error *e)
{
	return api_fail(e, EBUSY, p->worker_pid ? "the worker cannot be reached" : "is not running");
}

/* What a worker's answer means: an errno value and a text. */
static int judge(const struct worker_message *reply, uint32_t type, int error, const char **text)
{
	const struct worker_kvp_reply *kvp = (const struct worker_kvp_reply *)reply;
	const struct worker_reply *plain = (const struct worker_reply *)reply;

	if (error)
		return error;
	if (reply->type != type) {
		*text = "the worker has given a wrong answer";
		return EPROTO;
	}
	error = type == WORKER_KVP_REPLY ? -kvp->error : -plain->error;
	*text = type == WORKER_KVP_REPLY ? kvp->text : plain->text;
	return error;
}

static void on_reply(void *arg, const struct worker_message *reply, int error, const char *text)
{
	struct worker_reply copy = { 0 };

	if (reply && reply->type == WORKER_REPLY) {
		memcpy(&copy, reply, sizeof copy);
		copy.text[sizeof copy.text - 1] = 0;
		reply = &copy.header;
	}
	error = judge(reply, WORKER_REPLY, error, &text);
	api_done(arg, error, error ? text : "done");
}

static void copy_pair(const struct worker_kvp_reply *reply, struct worker_kvp_reply *ret)
{
	memcpy(ret, reply, sizeof *ret);
	ret->key[sizeof ret->key - 1] = ret->value[sizeof ret->value - 1] = ret->text[sizeof ret->text - 1] = 0;
	text_clean(ret->key);
	text_clean(ret->value);
}

static void on_kvp(void *arg, const struct worker_message *reply, int error, const char *text)
{
	static const char *const pools[IC_KVP_POOLS] = { "external", "guest", "auto", "auto-external", "auto-internal" };
	struct worker_kvp_reply pair = { 0 };
	struct asked *a = arg;
	struct partition *p = manager_find(a->manager, a->name);

	if (reply && reply->type == WORKER_KVP_REPLY) {
		copy_pair((const struct worker_kvp_reply *)reply, &pair);
		reply = &pair.header;
	}
	error = judge(reply, WORKER_KVP_REPLY, error, &text);
	if (!error && p)
		events_add(a->manager, a->name, "items", partition_state_names[p->state], pools[a->pool]);
	api_done(sd_bus_message_ref(a->call), error, error ? text : "done");
	free_asked(a);
}

int api_run_kvp(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct worker_kvp m = { .header = { .type = WORKER_KVP, .size = sizeof m } };
	const char *member = sd_bus_message_get_member(call), *key, *value = "";
	int rc = sd_bus_message_read(call, "us", &m.pool, &key);
	struct asked *a;

	m.operation = !strcmp(member, "KvpSet") ? IC_KVP_SET : IC_KVP_DELETE;
	if (rc >= 0 && m.operation == IC_KVP_SET)
		rc = sd_bus_message_read(call, "s", &value);
	if (rc < 0)
		return rc;
	if (m.pool >= IC_KVP_POOLS || !*key || strlen(key) >= sizeof m.key || strlen(value) >= sizeof m.value)
		return api_fail(e, EINVAL, "no such pool, no key, or a key or value that is too long");
	if (!p->link)
		return not_reachable(p, e);
	a = new_asked(call, p);
	if (!a)
		return -ENOMEM;
	a->pool = m.pool;
	strcpy(m.key, key);
	strcpy(m.value, value);
	link_request(p->link, &m.header, KVP_MS, on_kvp, a);
	return 1;
}

static void on_listed(void *arg, const struct worker_message *reply, int error, const char *text);

static void list_next(struct asked *a, struct link *link)
{
	struct worker_kvp m = { .header = { .type = WORKER_KVP, .size = sizeof m }, .operation = IC_KVP_ENUMERATE, .pool = a->pool,
				.index = a->index++ };

	link_request(link, &m.header, KVP_MS, on_listed, a);
}

static void reply_done(void *arg, int rc)
{
	struct asked *a = arg;

	a->rc = rc;
	if (a->rc >= 0)
		a->rc = sd_bus_message_close_container(a->reply);
	if (a->rc >= 0)
		a->rc = sd_bus_send(NULL, a->reply, NULL);
	if (a->rc < 0)
		sd_bus_reply_method_errorf(a->call, api_error_name(ENOMEM), "%s", strerror(-a->rc));
	free_asked(a);
}

/* Ends the dictionary; why: what a larger one says of pairs that could not be had. */
static void list_end(struct asked *a, int error, const char *why)
{
	if (error && !a->nested) {
		sd_bus_reply_method_errorf(a->call, api_error_name(error), "%s", why);
		free_asked(a);
		return;
	}
	if (a->nested) {
		struct partition *p = manager_find(a->manager, a->name);

		api_close_entry(&a->rc, a->reply);
		if (!error && a->rc >= 0 && p) {
			api_append_addresses(p, a->reply, reply_done, a);
			return;
		}
		if (error)
			api_put(&a->rc, a->reply, "items_missing", "s", why);
	}
	reply_done(a, a->rc);
}

/* Of a key that is looked for. */
static void look_at(struct asked *a, struct partition *p, int error, const char *text, const struct worker_kvp_reply *pair)
{
	if (!error && strcmp(pair->key, a->key) && p && p->link && a->index < MAX_ITEMS) {
		list_next(a, p->link);
		return;
	}
	if (!error && !strcmp(pair->key, a->key))
		sd_bus_reply_method_return(a->call, "s", pair->value);
	else
		sd_bus_reply_method_errorf(a->call, api_error_name(error ? error : ECONNRESET), "%s", error ? text : "the worker has ended");
	free_asked(a);
}

static void on_listed(void *arg, const struct worker_message *reply, int error, const char *text)
{
	struct worker_kvp_reply pair = { 0 };
	struct asked *a = arg;
	struct partition *p = manager_find(a->manager, a->name);

	if (reply && reply->type == WORKER_KVP_REPLY) {
		copy_pair((const struct worker_kvp_reply *)reply, &pair);
		reply = &pair.header;
	}
	error = judge(reply, WORKER_KVP_REPLY, error, &text);
	if (*a->key) {
		look_at(a, p, error, text, &pair);
		return;
	}
	if (!error)
		api_put(&a->rc, a->reply, pair.key, "s", pair.value);
	if (error == ENOENT || a->index >= MAX_ITEMS || a->rc < 0)
		list_end(a, 0, NULL);
	else if (error || !p || !p->link)
		list_end(a, error ? error : ECONNRESET, error ? text : "the worker has ended");
	else
		list_next(a, p->link);
}

/* By looking through the pool: Linux answers IC_KVP_GET without the value's first four bytes. */
int api_run_kvp_get(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct asked *a;
	const char *key;
	uint32_t pool;
	int rc = sd_bus_message_read(call, "us", &pool, &key);

	if (rc < 0)
		return rc;
	if (pool >= IC_KVP_POOLS || !*key || strlen(key) >= sizeof a->key)
		return api_fail(e, EINVAL, "no such pool, no key, or one that is too long");
	if (!p->link)
		return not_reachable(p, e);
	a = new_asked(call, p);
	if (!a)
		return -ENOMEM;
	a->pool = pool;
	strcpy(a->key, key);
	list_next(a, p->link);
	return 1;
}

int api_run_kvp_list(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct asked *a;
	uint32_t pool;
	int rc = sd_bus_message_read(call, "u", &pool);

	if (rc < 0)
		return rc;
	if (pool >= IC_KVP_POOLS)
		return api_fail(e, EINVAL, "no such pool");
	if (!p->link)
		return not_reachable(p, e);
	a = new_asked(call, p);
	if (!a)
		return -ENOMEM;
	a->pool = pool;
	a->rc = sd_bus_message_new_method_return(call, &a->reply);
	if (a->rc >= 0)
		a->rc = sd_bus_message_open_container(a->reply, 'a', "{sv}");
	list_next(a, p->link);
	return 1;
}

static void put_services(int *rc, sd_bus_message *m, const struct partition *p)
{
	api_open_entry(rc, m, "services", "aa{sv}");
	for (unsigned i = 0; i < WORKER_ICS && *rc >= 0; i++) {
		uint32_t version = p->status.ic_version[i], framework = p->status.ic_framework[i];
		const char *state = !(p->running && p->running->integration & 1u << i) ? "off" : p->status.ic_ready & 1u << i ? "ready" : "not ready";
		char text[32] = "", frame[32] = "";

		if (version) {
			snprintf(text, sizeof text, "%u.%u", version >> 16, version & 0xffff);
			snprintf(frame, sizeof frame, "%u.%u", framework >> 16, framework & 0xffff);
		}
		*rc = sd_bus_message_open_container(m, 'a', "{sv}");
		api_put(rc, m, "name", "s", partition_service_names[i]);
		api_put(rc, m, "state", "s", state);
		api_put(rc, m, "version", "s", text);
		api_put(rc, m, "framework", "s", frame);
		if (*rc >= 0)
			*rc = sd_bus_message_close_container(m);
	}
	api_close_entry(rc, m);
}

int api_run_guest_info(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct asked *a;

	if (!p->link)
		return not_reachable(p, e);
	a = new_asked(call, p);
	if (!a)
		return -ENOMEM;
	a->pool = IC_KVP_AUTO;
	a->nested = true;
	a->rc = sd_bus_message_new_method_return(call, &a->reply);
	if (a->rc >= 0)
		a->rc = sd_bus_message_open_container(a->reply, 'a', "{sv}");
	api_put(&a->rc, a->reply, "name", "s", p->name);
	api_put(&a->rc, a->reply, "state", "s", partition_state_names[p->state]);
	api_put(&a->rc, a->reply, "heartbeat", "s", api_heartbeat(p));
	api_put(&a->rc, a->reply, "frozen", "b", (int)((p->status.guest_flags & WORKER_GUEST_FROZEN) != 0));
	put_services(&a->rc, a->reply, p);
	api_open_entry(&a->rc, a->reply, "items", "a{sv}");
	if (p->status.ic_ready & WORKER_IC_KVP && p->state == PARTITION_RUNNING)
		list_next(a, p->link);
	else
		list_end(a, ENOTCONN, p->state != PARTITION_RUNNING ? "it does not run" : "the guest's key-value service is not ready; does hv_kvp_daemon run in it?");
	return 1;
}

int api_run_freeze(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct worker_freeze m = { .header = { .type = WORKER_FREEZE, .size = sizeof m } };
	const char *member = sd_bus_message_get_member(call);
	uint64_t lease_ms = 0;
	int rc = 0;

	m.operation = !strcmp(member, "Freeze") ? WORKER_FREEZE_BEGIN : !strcmp(member, "Thaw") ? WORKER_FREEZE_END : WORKER_FREEZE_KEEP;
	if (m.operation != WORKER_FREEZE_END)
		rc = sd_bus_message_read(call, "t", &lease_ms);
	if (rc < 0)
		return rc;
	if (m.operation != WORKER_FREEZE_END && (!lease_ms || lease_ms > IC_VSS_LEASE_MAX_MS))
		return api_fail(e, EINVAL, "a freeze lasts for 1 to 60000 ms, and longer when it is kept");
	if (!p->link)
		return not_reachable(p, e);
	m.lease_ms = (uint32_t)lease_ms;
	link_request(p->link, &m.header, FREEZE_MS, on_reply, sd_bus_message_ref(call));
	return 1;
}

int api_run_open_disk(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const struct partition_config *c = p->running ? p->running : p->config;
	const char *target;
	int fd, rc = sd_bus_message_read(call, "s", &target);
	char text[512];

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; c && i < c->disk_count; i++) {
		if (strcmp(c->disks[i].target, target))
			continue;
		fd = open(c->disks[i].source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			snprintf(text, sizeof text, "%.400s: %s", c->disks[i].source, strerror(errno));
			return api_fail(e, errno, text);
		}
		rc = sd_bus_reply_method_return(call, "h", fd);
		close(fd);
		return rc;
	}
	return api_fail(e, ENOENT, "has no such disk; 'bhctl show' lists them");
}

int api_run_copy(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct worker_copy m = { .header = { .type = WORKER_COPY, .size = sizeof m } };
	const char *path, *file;
	int fd, overwrite, make_path, rc = sd_bus_message_read(call, "hssbb", &fd, &path, &file, &overwrite, &make_path);
	struct stat stat;

	if (rc < 0)
		return rc;
	if (!*path || !*file || strlen(path) >= sizeof m.path || strlen(file) >= sizeof m.file)
		return api_fail(e, EINVAL, "no name for the guest's file, or one that is too long");
	if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode))
		return api_fail(e, EINVAL, "only a regular file can be copied");
	if (!p->link)
		return not_reachable(p, e);
	strcpy(m.path, path);
	strcpy(m.file, file);
	m.flags = (overwrite ? IC_FCOPY_OVERWRITE : 0) | (make_path ? IC_FCOPY_MAKE_PATH : 0);
	m.size = (uint64_t)stat.st_size;
	link_request_with(p->link, &m.header, &fd, 1, COPY_MS, on_reply, sd_bus_message_ref(call));
	return 1;
}
