/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors and one-shot timers on the libuv loop as objects that can be freed at any moment, also from their own callback:
 * libuv's handles live on until their close callback, these hide that.
 */
#ifndef BULKHEAD_DAEMON_LOOP_H
#define BULKHEAD_DAEMON_LOOP_H

#include <stdint.h>
#include <uv.h>

typedef void (*watch_fn)(void *arg, int events);
typedef void (*timer_fn)(void *arg);

/** Calls fn with UV_READABLE, UV_WRITABLE, UV_DISCONNECT. The descriptor stays the caller's. NULL: out of memory or a bad descriptor. */
struct watch *watch_new(uv_loop_t *loop, int fd, int events, watch_fn fn, void *arg);
void watch_set_events(struct watch *watch, int events);
/** Stops at once; *watch becomes NULL. The descriptor may be closed afterwards. */
void watch_free(struct watch **watch);

struct timer *timer_new(uv_loop_t *loop, uint64_t milliseconds, timer_fn fn, void *arg);
void timer_free(struct timer **timer);

#endif
