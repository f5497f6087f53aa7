/* SPDX-License-Identifier: BSD-2-Clause */
/* See manager.h: folders and definitions. The workers that are found at the start are adopted in adopt.c. */
#include "root-partition/daemon/manager.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/adopt.h"
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/interfaces.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/partition.h"

static int make_folders(const char *path, mode_t mode)
{
	char copy[4096];

	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return -1;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(copy, 0755);
		*slash = '/';
	}
	mkdir(copy, mode);
	return open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int manager_open_folder(const char *path, mode_t mode)
{
	int fd = make_folders(path, mode);

	if (fd < 0)
		log_message(LOG_ERR, NULL, "%s: %s", path, strerror(errno));
	return fd;
}

/* Two daemons on one folder would both start and adopt. The lock goes with the process, however it ends. */
static int take_lock(struct manager *m)
{
	int fd = openat(m->run_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	log_message(LOG_ERR, NULL, "%s/.lock: %s", m->options->run_dir, errno == EWOULDBLOCK ? "another bulkheadd is running" : strerror(errno));
	return -1;
}

static void find_identities(struct manager *m)
{
	const char *wanted = m->options->worker_user;
	const struct passwd *user = getpwnam(wanted ? wanted : "bulkhead-worker");
	const struct group *group;

	if (!user && wanted)
		log_message(LOG_WARNING, NULL, "there is no user '%s'; workers run as nobody", wanted);
	if (!user)
		user = getpwnam("nobody");
	m->worker_uid = user ? user->pw_uid : 65534;
	m->worker_gid = user ? user->pw_gid : 65534;
	group = getgrnam(m->options->group);
	m->group_gid = group ? group->gr_gid : (gid_t)-1;
}

static bool has_all_macs(const struct partition_config *config)
{
	for (uint32_t i = 0; i < config->interface_count; i++)
		if (!config->interfaces[i].has_mac)
			return false;
	return true;
}

static void load_definition(struct manager *m, const char *file)
{
	struct partition_config *config;
	char name[CONFIG_NAME_MAX + 1], path[512], *text;
	size_t length = strlen(file), size;
	struct config_error error;
	struct partition *p;
	int rc;

	if (length < 5 || length - 4 > CONFIG_NAME_MAX || strcmp(file + length - 4, ".xml"))
		return;
	snprintf(name, sizeof name, "%.*s", (int)(length - 4), file);
	if (!config_name_valid(name))
		return;
	snprintf(path, sizeof path, "%.400s/%.80s", m->options->definitions, file);
	rc = config_read_file(m->definitions_fd, file, CONFIG_TEXT_MAX, &text, &size);
	if (rc) {
		log_message(LOG_ERR, name, "%s: %s", path, strerror(-rc));
		return;
	}
	if (config_parse(path, text, size, &config, &error)) {
		log_message(LOG_ERR, name, "%s", error.text);
		free(text);
		return;
	}
	if (strcmp(config->name, name) || !config->has_uuid || !has_all_macs(config)) {
		log_message(LOG_ERR, name, "%s: defines '%s'%s%s; use 'bhctl define' to store it", path, config->name,
			    config->has_uuid ? "" : " without <uuid>", has_all_macs(config) ? "" : " without a <mac>");
		config_free(config);
		free(text);
		return;
	}
	p = partition_new(m, name);
	if (p)
		partition_set_definition(p, text, size, config);
}

static void load_definitions(struct manager *m)
{
	int fd = dup(m->definitions_fd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	rewinddir(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		load_definition(m, entry->d_name);
	closedir(dir);
}

int manager_open(struct manager *m, uv_loop_t *loop, const struct options *options)
{
	size_t size;
	char *text;

	*m = (struct manager){ .loop = loop, .options = options, .definitions_fd = -1, .run_fd = -1, .log_fd = -1 };
	m->definitions_fd = manager_open_folder(options->definitions, 0750);
	m->run_fd = manager_open_folder(options->run_dir, 0755);
	m->log_fd = manager_open_folder(options->log_dir, 0750);
	if (m->definitions_fd < 0 || m->run_fd < 0 || m->log_fd < 0 || take_lock(m))
		return -1;
	find_identities(m);
	kernel_cache_init(&m->kernels, m);
	if (!config_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &size)) {
		snprintf(m->boot_id, sizeof m->boot_id, "%.36s", text);
		free(text);
	}
	m->events = events_open(m);
	if (!m->events) {
		log_message(LOG_ERR, NULL, "out of memory");
		return -1;
	}
	load_definitions(m);
	adopt_all(m);
	memory_start(m);
	return 0;
}

void manager_close(struct manager *m)
{
	bool spawning;

	memory_stop(m);
	/* A worker that is on its way is let through: its record is written, the next daemon finds it. */
	do {
		spawning = false;
		for (const struct partition *p = m->partitions; p; p = p->next)
			spawning |= p->spawn != NULL;
		if (spawning)
			uv_run(m->loop, UV_RUN_ONCE);
	} while (spawning);
	while (m->partitions)
		partition_free(m->partitions);
	events_close(m->events);
	m->events = NULL;
	kernel_cache_close(&m->kernels);
	close(m->definitions_fd);
	close(m->run_fd);
	close(m->log_fd);
}

struct partition *manager_find(const struct manager *m, const char *name)
{
	for (struct partition *p = m->partitions; p; p = p->next)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static int fail(struct config_error *error, int number, const char *file, const char *what, const char *detail)
{
	snprintf(error->text, sizeof error->text, "%s: %s%s", file, what, detail);
	return number;
}

/* Which UUID a definition gets, or why it may not be stored. config->uuid is set then. */
static int settle_uuid(struct manager *m, const char *file, struct partition_config *config, const struct partition *old,
		       struct config_error *error)
{
	char text[CONFIG_UUID_TEXT];

	if (!config->has_uuid) {
		if (old && old->config)
			memcpy(config->uuid, old->config->uuid, sizeof config->uuid);
		else if (config_uuid_generate(config->uuid))
			return fail(error, EIO, file, "no random numbers for a UUID", "");
		return 0;
	}
	config_uuid_format(config->uuid, text);
	if (old && old->config && memcmp(old->config->uuid, config->uuid, sizeof config->uuid)) {
		char stored[CONFIG_UUID_TEXT], why[256];

		config_uuid_format(old->config->uuid, stored);
		snprintf(why, sizeof why, "'%s' is defined with uuid %s; undefine it first, or leave <uuid> out", config->name, stored);
		return fail(error, EEXIST, file, why, "");
	}
	for (const struct partition *p = m->partitions; p; p = p->next)
		if (p != old && p->config && !memcmp(p->config->uuid, config->uuid, sizeof config->uuid)) {
			char why[160];

			snprintf(why, sizeof why, "uuid %s belongs to '%s'; leave <uuid> out to have one generated", text, p->name);
			return fail(error, EEXIST, file, why, "");
		}
	return 0;
}

static int check_macs(const struct manager *m, const char *file, const struct partition_config *config, const struct partition *old,
		      struct config_error *error)
{
	for (uint32_t i = 0; i < config->interface_count; i++) {
		const struct config_interface *c = &config->interfaces[i];
		const struct partition *owner = c->has_mac ? interface_owner(m, c->mac, old) : NULL;
		char mac[CONFIG_MAC_TEXT], why[192];

		if (!owner)
			continue;
		config_mac_format(c->mac, mac);
		snprintf(why, sizeof why, "MAC address %s belongs to '%s'; use another, or leave <mac> out to have one generated", mac, owner->name);
		return fail(error, EEXIST, file, why, "");
	}
	return 0;
}

/* Writes the text and makes it the partition's. Takes text over. */
static int store(struct manager *m, const char *file, char *text, size_t size, struct partition **p, struct config_error *error)
{
	struct partition_config *config = NULL;
	char name[CONFIG_NAME_MAX + 8];
	int rc;

	if (!text)
		return fail(error, ENOMEM, file, "out of memory", "");
	if (config_parse(file, text, size, &config, error)) {
		free(text);
		return EINVAL;
	}
	snprintf(name, sizeof name, "%s.xml", config->name);
	rc = config_write_file(m->definitions_fd, name, text, size, 0640);
	if (!rc && !*p)
		*p = partition_new(m, config->name);
	if (rc || !*p) {
		config_free(config);
		free(text);
		return fail(error, rc ? -rc : ENOMEM, m->options->definitions, "the definition cannot be stored: ", strerror(rc ? -rc : ENOMEM));
	}
	partition_set_definition(*p, text, size, config);
	(*p)->changed = partition_is_active(*p);
	return 0;
}

int manager_define(struct manager *m, const char *file, const char *text, size_t size, char name[CONFIG_NAME_MAX + 1], bool *created,
		   struct config_error *error)
{
	struct partition_config *config;
	struct partition *p;
	char *stored;
	int rc;

	if (config_parse(file, text, size, &config, error))
		return EINVAL;
	p = manager_find(m, config->name);
	*created = !p || !p->config;
	rc = settle_uuid(m, file, config, p, error);
	if (!rc)
		rc = check_macs(m, file, config, p, error);
	if (!rc) {
		stored = config->has_uuid ? strndup(text, size) : config_text_with_uuid(text, size, config->uuid);
		stored = interfaces_settle(stored, config, p ? p->config : NULL);
		rc = store(m, file, stored, stored ? strlen(stored) : 0, &p, error);
	}
	config_free(config);
	if (rc)
		return rc;
	snprintf(name, CONFIG_NAME_MAX + 1, "%s", p->name);
	log_message(LOG_INFO, p->name, "%s", *created ? "defined" : "redefined");
	events_add(m, p->name, *created ? "defined" : "redefined", partition_state_names[p->state], "");
	return 0;
}

int manager_edit(struct manager *m, struct partition *p, char *text, const char *what, struct config_error *error)
{
	bool changed = p->changed;
	int rc = store(m, p->name, text, text ? strlen(text) : 0, &p, error);

	if (rc)
		return rc;
	p->changed = changed;
	events_add(m, p->name, "redefined", partition_state_names[p->state], what);
	return 0;
}

int manager_set_autostart(struct manager *m, const char *name, bool autostart, struct config_error *error)
{
	struct partition *p = manager_find(m, name);

	if (!p || !p->config)
		return fail(error, ENOENT, name, "no such partition", "");
	if (p->config->autostart == autostart)
		return 0;
	return manager_edit(m, p, config_text_with_autostart(p->text, p->text_size, autostart), autostart ? "autostart on" : "autostart off", error);
}

int manager_undefine(struct manager *m, const char *name, struct config_error *error)
{
	static const char *const leftovers[] = { "state", "last-failure", "definition.xml", "control.sock", "console.sock", "vsock/connect" };
	struct partition *p = manager_find(m, name);
	char file[CONFIG_NAME_MAX + 8];

	if (!p || !p->config)
		return fail(error, ENOENT, name, "no such partition", "");
	if (partition_is_active(p))
		return fail(error, EBUSY, name, "is running; shut it down or turn it off first", "");
	snprintf(file, sizeof file, "%s.xml", name);
	if ((unlinkat(m->definitions_fd, file, 0) < 0 && errno != ENOENT) || fsync(m->definitions_fd) < 0)
		return fail(error, errno, name, "the definition cannot be removed: ", strerror(errno));
	if (p->run_fd >= 0) {
		for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
			unlinkat(p->run_fd, leftovers[i], 0);
		/* With a service's socket in it the folder stays. */
		unlinkat(p->run_fd, "vsock/listen", AT_REMOVEDIR);
		unlinkat(p->run_fd, "vsock", AT_REMOVEDIR);
		unlinkat(m->run_fd, name, AT_REMOVEDIR);
	}
	log_message(LOG_INFO, p->name, "undefined");
	events_add(m, p->name, "undefined", "off", "");
	partition_free(p);
	return 0;
}
