/* SPDX-License-Identifier: BSD-2-Clause */
/* See api.h: the socket, its clients and the system bus, each an sd_bus on the libuv loop. */
#include "root-partition/daemon/api.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/sockets.h"

#define MAX_CLIENTS   256u
#define MAX_OF_USER   32u    /* connections of one user other than root: nobody can take all */
#define TURN          32u    /* messages handled before others have their turn */
#define MAX_UNREAD    2048u  /* messages */
#define BUS_RETRY_MS  10000u

struct client {
	struct client *next;
	struct api *api;
	sd_bus *bus;
	bool is_system, broken;
	uid_t uid;                   /* of a peer */
	int events;
	struct watch *watch;
	struct timer *timer;
	uint64_t due_us;
};

struct api {
	struct manager *manager;
	int listen_fd;
	struct watch *listener;
	uv_prepare_t prepare;
	struct client *clients;
	unsigned count;
	struct timer *bus_retry;
	bool bus_missed;             /* said once */
	uint64_t full_said_ms;       /* and this not often */
};

static void open_system_bus(void *arg);

static void drop(struct client *c)
{
	struct api *api = c->api;
	struct client **at = &api->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	watch_free(&c->watch);
	timer_free(&c->timer);
	sd_bus_close_unref(c->bus);
	if (c->is_system && !api->bus_retry)
		api->bus_retry = timer_new(api->manager->loop, BUS_RETRY_MS, open_system_bus, api);
	api->count--;
	free(c);
}

static void process(struct client *c)
{
	unsigned left = TURN;
	int rc;

	do
		rc = sd_bus_process(c->bus, NULL);
	while (rc > 0 && --left);   /* what is left makes sd_bus_get_timeout() say "now" */
	if (rc < 0) {
		c->broken = true;
		/* sd-bus has closed the descriptor: its number may be the next client's before this one is dropped. */
		watch_free(&c->watch);
	}
}

static void on_client(void *arg, int events)
{
	(void)events;
	process(arg);
}

static void on_client_timer(void *arg)
{
	struct client *c = arg;

	timer_free(&c->timer);
	process(c);
}

/* What the connection waits for now: replies are sent from anywhere, so this is looked at before each poll. */
static void rearm(struct client *c)
{
	int wanted = sd_bus_get_events(c->bus), events = 0;
	struct timespec now;
	uint64_t due, now_us, unread = 0;

	if (wanted < 0 || (sd_bus_get_n_queued_write(c->bus, &unread) >= 0 && unread > MAX_UNREAD))
		c->broken = true;
	if (c->broken)
		return;
	events = (wanted & POLLIN ? UV_READABLE : 0) | (wanted & POLLOUT ? UV_WRITABLE : 0) | UV_DISCONNECT;
	if (events != c->events)
		watch_set_events(c->watch, events);
	c->events = events;
	if (sd_bus_get_timeout(c->bus, &due) < 0)
		due = UINT64_MAX;
	if (due == c->due_us && (c->timer || due == UINT64_MAX))
		return;
	timer_free(&c->timer);
	c->due_us = due;
	if (due == UINT64_MAX)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	c->timer = timer_new(c->api->manager->loop, due <= now_us ? 0 : (due - now_us) / 1000 + 1, on_client_timer, c);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct api *api = prepare->data;
	struct client *next;

	for (struct client *c = api->clients; c; c = next) {
		next = c->next;
		rearm(c);
		if (c->broken)
			drop(c);
	}
}

/* Takes bus over. */
static struct client *add_client(struct api *api, sd_bus *bus, bool is_system, uid_t uid)
{
	struct client *c = calloc(1, sizeof *c);
	int fd;

	if (!c) {
		sd_bus_close_unref(bus);
		return NULL;
	}
	*c = (struct client){ .next = api->clients, .api = api, .bus = bus, .is_system = is_system, .uid = uid, .events = UV_READABLE, .due_us = UINT64_MAX };
	api->clients = c;
	api->count++;
	fd = sd_bus_get_fd(bus);
	if (fd < 0 || api_add_objects(bus, api->manager) < 0 || !(c->watch = watch_new(api->manager->loop, fd, c->events, on_client, c))) {
		drop(c);
		return NULL;
	}
	process(c);
	return c;
}

static int open_peer(int fd, sd_bus **ret)
{
	sd_id128_t id;
	sd_bus *bus = NULL;
	int rc;

	rc = sd_bus_new(&bus);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	rc = sd_bus_set_fd(bus, fd, fd);
	if (rc < 0)
		close(fd);
	if (rc >= 0)
		rc = sd_id128_randomize(&id);
	if (rc >= 0)
		rc = sd_bus_set_server(bus, 1, id);
	if (rc >= 0)
		rc = sd_bus_start(bus);
	if (rc < 0)
		sd_bus_close_unref(bus);
	else
		*ret = bus;
	return rc;
}

static bool has_room(const struct api *api, uid_t uid)
{
	unsigned same = 0;

	for (const struct client *c = api->clients; c; c = c->next)
		same += !c->is_system && c->uid == uid;
	return uid == geteuid() ? api->count < MAX_CLIENTS : same < MAX_OF_USER && api->count < MAX_CLIENTS - MAX_OF_USER;
}

static void on_listener(void *arg, int events)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof peer;
	struct api *api = arg;
	sd_bus *bus;
	int fd;

	(void)events;
	fd = accept4(api->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	if (!has_room(api, peer.uid)) {
		if (!api->full_said_ms || uv_now(api->manager->loop) - api->full_said_ms > BUS_RETRY_MS) {
			log_message(LOG_WARNING, NULL, "too many clients; more, of user %u, are turned away", peer.uid);
			api->full_said_ms = uv_now(api->manager->loop);
		}
		close(fd);
		return;
	}
	if (open_peer(fd, &bus) >= 0)
		add_client(api, bus, false, peer.uid);
}

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *refused = sd_bus_message_get_error(message);

	(void)userdata;
	(void)error;
	if (refused)
		log_message(LOG_WARNING, NULL, "system bus: %s: %s", API_MANAGER, refused->message);
	return 0;
}

static void open_system_bus(void *arg)
{
	struct api *api = arg;
	sd_bus *bus = NULL;
	int rc;

	timer_free(&api->bus_retry);
	rc = sd_bus_open_system(&bus);
	if (rc < 0) {
		if (!api->bus_missed)
			log_message(LOG_INFO, NULL, "no system bus (%s); %s/bulkhead.sock serves", strerror(-rc), api->manager->options->run_dir);
		api->bus_missed = true;
		api->bus_retry = timer_new(api->manager->loop, BUS_RETRY_MS, open_system_bus, api);
		return;
	}
	api->bus_missed = false;
	sd_bus_request_name_async(bus, NULL, API_MANAGER, 0, on_name, NULL);
	add_client(api, bus, true, 0);
}

struct api *api_open(struct manager *manager)
{
	struct api *api = calloc(1, sizeof *api);

	if (!api)
		return NULL;
	api->manager = manager;
	/* Everybody may connect: what each may do is decided by who it is, at each call. */
	api->listen_fd = socket_listen_at(manager->run_fd, "bulkhead.sock", SOCK_STREAM, 0666, (gid_t)-1);
	if (api->listen_fd < 0) {
		log_message(LOG_ERR, NULL, "%s/bulkhead.sock: %s", manager->options->run_dir, strerror(-api->listen_fd));
		free(api);
		return NULL;
	}
	api->listener = watch_new(manager->loop, api->listen_fd, UV_READABLE, on_listener, api);
	uv_prepare_init(manager->loop, &api->prepare);
	api->prepare.data = api;
	uv_prepare_start(&api->prepare, on_prepare);
	manager->api = api;
	if (manager->options->system_bus)
		open_system_bus(api);
	return api;
}

static void free_api(uv_handle_t *handle)
{
	free(handle->data);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	api->manager->api = NULL;
	watch_free(&api->listener);
	close(api->listen_fd);
	while (api->clients)
		drop(api->clients);
	timer_free(&api->bus_retry);
	uv_close((uv_handle_t *)&api->prepare, free_api);
}

void api_send_event(struct api *api, const struct event *event)
{
	for (struct client *c = api->clients; c; c = c->next)
		if (!c->broken && sd_bus_is_ready(c->bus) > 0 &&
		    sd_bus_emit_signal(c->bus, API_PATH, API_MANAGER, "Event", "ttssss", event->sequence, event->realtime_us,
				       event->partition, event->kind, event->state, event->text) < 0)
			c->broken = true;
}
