/* SPDX-License-Identifier: BSD-2-Clause */
/* See event_queue.h. */
#include "event_queue.h"

void event_queue_init(struct event_queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	q->head = q->count = 0;
}

bool event_queue_put(struct event_queue *q, const struct event *event, bool *ret_wake)
{
	bool fits;

	pthread_mutex_lock(&q->lock);
	fits = q->count < EVENT_QUEUE_SIZE;
	*ret_wake = fits && q->count == 0;
	if (fits)
		q->event[(q->head + q->count++) % EVENT_QUEUE_SIZE] = *event;
	pthread_mutex_unlock(&q->lock);
	return fits;
}

bool event_queue_get(struct event_queue *q, struct event *ret)
{
	bool any;

	pthread_mutex_lock(&q->lock);
	any = q->count > 0;
	if (any) {
		*ret = q->event[q->head];
		q->head = (q->head + 1) % EVENT_QUEUE_SIZE;
		q->count--;
	}
	pthread_mutex_unlock(&q->lock);
	return any;
}

void event_queue_clear(struct event_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->count = 0;
	pthread_mutex_unlock(&q->lock);
}
