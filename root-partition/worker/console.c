/* SPDX-License-Identifier: BSD-2-Clause */
/* See console.h. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_DELAY_MS 4             /* a kernel's boot messages go out in bundles and not byte by byte */
#define ESCAPE 0x1d                  /* Ctrl-] */

static void viewer_poll(uv_poll_t *poll, int status, int events);

void console_put(struct console *c, uint8_t byte)
{
	bool wake;

	pthread_mutex_lock(&c->lock);
	c->state->ring[c->state->head++ % CONSOLE_RING_SIZE] = byte;
	wake = !c->flush_asked;
	c->flush_asked = true;
	pthread_mutex_unlock(&c->lock);
	if (wake)
		uv_async_send(&c->wake);
}

size_t console_get(struct console *c, uint8_t *buffer, size_t size)
{
	size_t n = 0;
	bool was_full;

	pthread_mutex_lock(&c->lock);
	was_full = c->input_count == CONSOLE_INPUT_SIZE;
	while (n < size && c->input_count > 0) {
		buffer[n++] = c->input[c->input_head];
		c->input_head = (c->input_head + 1) % CONSOLE_INPUT_SIZE;
		c->input_count--;
	}
	pthread_mutex_unlock(&c->lock);
	if (was_full && n > 0)
		uv_async_send(&c->wake);     /* viewers that were held back may go on */
	return n;
}

/** Up to size bytes from *position on; moves it up first when the ring no longer has them. */
static size_t ring_copy(struct console *c, uint64_t *position, uint8_t *buffer, size_t size)
{
	uint64_t available;
	size_t i, n;

	pthread_mutex_lock(&c->lock);
	if (c->state->head > CONSOLE_RING_SIZE && *position < c->state->head - CONSOLE_RING_SIZE)
		*position = c->state->head - CONSOLE_RING_SIZE;
	available = c->state->head - *position;
	n = available < size ? (size_t)available : size;
	for (i = 0; i < n; i++)
		buffer[i] = c->state->ring[(*position + i) % CONSOLE_RING_SIZE];
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void viewer_watch(struct console_viewer *v)
{
	int events;

	/* The terminal's output is not polled: what does not fit is sent with the next flush. */
	if (v->in_fd != v->out_fd) {
		v->blocked = false;
		if (v->no_input) {
			uv_poll_stop(&v->poll);
			return;
		}
	}
	events = UV_DISCONNECT | (v->no_input ? 0 : UV_READABLE) | (v->blocked ? UV_WRITABLE : 0);

	uv_poll_start(&v->poll, events, viewer_poll);
}

static void viewer_closed(uv_handle_t *handle)
{
	struct console_viewer *v = handle->data;

	if (v->in_fd > STDERR_FILENO)
		close(v->in_fd);
	v->open = false;
}

static void viewer_close(struct console_viewer *v)
{
	if (v->open && !uv_is_closing((uv_handle_t *)&v->poll))
		uv_close((uv_handle_t *)&v->poll, viewer_closed);
}

static void viewer_send(struct console_viewer *v)
{
	uint8_t bytes[4096];
	ssize_t sent;
	size_t n;

	v->blocked = false;
	while ((n = ring_copy(v->console, &v->position, bytes, sizeof bytes)) > 0) {
		if (v->in_fd == v->out_fd)
			sent = send(v->out_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			sent = write(v->out_fd, bytes, n);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			v->blocked = true;
			break;
		}
		if (sent < 0) {
			viewer_close(v);
			return;
		}
		v->position += (uint64_t)sent;
	}
	viewer_watch(v);
}

static void log_append(struct console *c)
{
	uint8_t bytes[4096];
	ssize_t written;
	size_t n;

	while (c->log_fd >= 0 && (n = ring_copy(c, &c->state->log_position, bytes, sizeof bytes)) > 0) {
		written = write(c->log_fd, bytes, n);
		/* A log that cannot be written loses output; the guest goes on. */
		c->state->log_position += written > 0 ? (uint64_t)written : n;
		c->log_size += n;
		if (c->log_size >= CONSOLE_LOG_MAX && ftruncate(c->log_fd, 0) == 0)
			c->log_size = 0;
	}
}

void console_flush(struct console *c)
{
	unsigned int i;

	pthread_mutex_lock(&c->lock);
	c->flush_asked = false;
	pthread_mutex_unlock(&c->lock);
	log_append(c);
	for (i = 0; i < CONSOLE_VIEWERS; i++)
		if (c->viewers[i].open && !uv_is_closing((uv_handle_t *)&c->viewers[i].poll) && !c->viewers[i].blocked)
			viewer_send(&c->viewers[i]);
}

static size_t input_room(struct console *c)
{
	size_t room;

	pthread_mutex_lock(&c->lock);
	room = CONSOLE_INPUT_SIZE - c->input_count;
	pthread_mutex_unlock(&c->lock);
	return room;
}

static void input_push(struct console *c, const uint8_t *bytes, size_t count)
{
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < count && c->input_count < CONSOLE_INPUT_SIZE; i++)
		c->input[(c->input_head + c->input_count++) % CONSOLE_INPUT_SIZE] = bytes[i];
	pthread_mutex_unlock(&c->lock);
}

static void viewer_receive(struct console_viewer *v)
{
	struct console *c = v->console;
	uint8_t bytes[CONSOLE_INPUT_SIZE];
	size_t room = input_room(c);
	ssize_t n;

	if (room == 0) {
		v->no_input = true;
		viewer_watch(v);
		return;
	}
	n = read(v->in_fd, bytes, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* A viewer that only closed its input still wants to see: stdio from /dev/null, or a pipe. */
		v->no_input = true;
		if (v->in_fd == v->out_fd)
			viewer_close(v);
		else
			viewer_watch(v);
		return;
	}
	if (v->in_fd != v->out_fd && c->on_escape != NULL && memchr(bytes, ESCAPE, (size_t)n) != NULL) {
		c->on_escape(c->context);
		return;
	}
	input_push(c, bytes, (size_t)n);
	c->on_input(c->context);
}

static void viewer_poll(uv_poll_t *poll, int status, int events)
{
	struct console_viewer *v = poll->data;

	if (v->in_fd != v->out_fd && (status < 0 || (events & (UV_DISCONNECT | UV_READABLE)) == UV_DISCONNECT)) {
		v->no_input = true;
		viewer_watch(v);
		return;
	}
	if (status < 0 || (events & (UV_DISCONNECT | UV_READABLE)) == UV_DISCONNECT) {
		viewer_close(v);
		return;
	}
	if (events & UV_READABLE)
		viewer_receive(v);
	if ((events & UV_WRITABLE) && v->open && !uv_is_closing((uv_handle_t *)poll))
		viewer_send(v);
}

static int viewer_add(struct console *c, int in_fd, int out_fd)
{
	struct console_viewer *v;
	unsigned int i;
	int rc;

	for (i = 0; i < CONSOLE_VIEWERS && c->viewers[i].open; i++)
		;
	if (i == CONSOLE_VIEWERS)
		return -EBUSY;
	v = &c->viewers[i];
	*v = (struct console_viewer){ .console = c, .in_fd = in_fd, .out_fd = out_fd };
	rc = uv_poll_init(c->wake.loop, &v->poll, in_fd);
	if (rc < 0)
		return rc;
	v->poll.data = v;
	v->open = true;
	viewer_send(v);
	return 0;
}

int console_attach(struct console *c, int in_fd, int out_fd)
{
	int rc = viewer_add(c, in_fd, out_fd);

	/* A file or /dev/null cannot be polled and is no keyboard: a descriptor that never has input takes its place. */
	if (rc == -EPERM)
		rc = viewer_add(c, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), out_fd);
	return rc;
}

static void listener_poll(uv_poll_t *poll, int status, int events)
{
	struct console *c = poll->data;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && viewer_add(c, fd, fd) < 0)
		close(fd);
}

static void timer_due(uv_timer_t *timer)
{
	console_flush(timer->data);
}

static void woken(uv_async_t *wake)
{
	struct console *c = wake->data;
	unsigned int i;

	if (input_room(c) > 0) {
		for (i = 0; i < CONSOLE_VIEWERS; i++) {
			struct console_viewer *v = &c->viewers[i];

			if (v->open && v->no_input && v->in_fd == v->out_fd && !uv_is_closing((uv_handle_t *)&v->poll)) {
				v->no_input = false;
				viewer_watch(v);
			}
		}
	}
	if (!uv_is_active((uv_handle_t *)&c->timer))
		uv_timer_start(&c->timer, timer_due, FLUSH_DELAY_MS, 0);
}

int console_init(struct console *c, struct console_state *state, uv_loop_t *loop, int listen_fd, int log_fd)
{
	struct stat st;
	int rc;

	memset(c, 0, sizeof *c);
	pthread_mutex_init(&c->lock, NULL);
	c->state = state;
	c->listen_fd = listen_fd;
	c->log_fd = log_fd;
	if (log_fd >= 0 && fstat(log_fd, &st) == 0)
		c->log_size = (uint64_t)st.st_size;
	rc = uv_async_init(loop, &c->wake, woken);
	if (rc < 0)
		return rc;
	uv_timer_init(loop, &c->timer);
	c->wake.data = c->timer.data = c->listener.data = c;
	if (listen_fd < 0)
		return 0;
	rc = uv_poll_init(loop, &c->listener, listen_fd);
	if (rc < 0)
		return rc;
	c->listener.data = c;
	return uv_poll_start(&c->listener, UV_READABLE, listener_poll);
}

void console_close(struct console *c)
{
	unsigned int i;

	console_flush(c);
	for (i = 0; i < CONSOLE_VIEWERS; i++)
		viewer_close(&c->viewers[i]);
	if (c->listen_fd >= 0)
		uv_close((uv_handle_t *)&c->listener, NULL);
	uv_close((uv_handle_t *)&c->wake, NULL);
	uv_close((uv_handle_t *)&c->timer, NULL);
}
