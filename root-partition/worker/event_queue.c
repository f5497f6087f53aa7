/* SPDX-License-Identifier: BSD-2-Clause */
/* See event_queue.h. */
#include "event_queue.h"

#include <string.h>

void event_queue_init(struct event_queue *q, struct event_queue_state *state)
{
	pthread_mutex_init(&q->lock, NULL);
	q->state = state;
	q->given = false;
}

bool event_queue_put(struct event_queue *q, const struct event *event, bool *ret_wake)
{
	struct event_queue_state *s = q->state;
	bool fits, again;

	pthread_mutex_lock(&q->lock);
	again = event->message != 0 && event->message <= s->queued[event->vp];
	fits = again || s->tail - s->head < EVENT_QUEUE_SIZE;
	*ret_wake = fits && !again && s->tail == s->head;
	if (fits && !again) {
		s->event[s->tail % EVENT_QUEUE_SIZE] = *event;
		/* Whoever is killed here leaves all of it or nothing. */
		__atomic_store_n(&s->tail, s->tail + 1, __ATOMIC_RELEASE);
		if (event->message != 0)
			s->queued[event->vp] = event->message;
	}
	pthread_mutex_unlock(&q->lock);
	return fits;
}

bool event_queue_get(struct event_queue *q, struct event *ret)
{
	struct event_queue_state *s = q->state;

	pthread_mutex_lock(&q->lock);
	if (q->given)
		s->head++;
	q->given = s->tail != s->head;
	if (q->given)
		*ret = s->event[s->head % EVENT_QUEUE_SIZE];
	pthread_mutex_unlock(&q->lock);
	return q->given;
}

void event_queue_clear(struct event_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->state->head = q->state->tail;
	q->given = false;
	memset(q->state->queued, 0, sizeof q->state->queued);
	pthread_mutex_unlock(&q->lock);
}
