/* SPDX-License-Identifier: BSD-2-Clause */
/* See takeover.h. */
#include "takeover.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "log.h"

/* What the kernel does at the end of a process may last a moment longer than the process. */
#define PATIENCE 200u

int takeover_map_state(struct machine *m)
{
	const size_t size = sizeof *m->state;
	struct worker_state_region *s;
	struct stat st;

	if (fstat(m->config.state_fd, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)size) {
		log_line("the state is not of this worker's version: %lld bytes instead of %zu", (long long)st.st_size, size);
		return -EINVAL;
	}
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->config.state_fd, 0);
	if (s == MAP_FAILED)
		return -errno;
	if (s->magic != STATE_MAGIC || s->version != STATE_VERSION || s->size != size || s->deferred_count > STATE_DEFERRED ||
	    s->events.tail - s->events.head > EVENT_QUEUE_SIZE) {
		log_line("the state is not of this worker's version: version %u instead of %u", s->version, STATE_VERSION);
		munmap(s, size);
		return -EINVAL;
	}
	m->state = s;
	memcpy(m->reason, s->reason, sizeof m->reason);
	m->reason[sizeof m->reason - 1] = '\0';
	return 0;
}

bool takeover_is_possible(const struct machine *m)
{
	return machine_is_successor(m) && !m->state->resetting && m->config.partition_resets == m->state->reset_count;
}

static bool wait_for_end(int rc, unsigned int *tries)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	if (rc != -EBUSY || ++*tries > PATIENCE)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static int move(struct machine *m, uint64_t gpa, const void *host, uint64_t size)
{
	unsigned int tries = 0;
	int rc;

	do
		rc = mshv_partition_move(&m->partition, gpa, host, size, true);
	while (wait_for_end(rc, &tries));
	return rc;
}

static int open_vp(struct machine *m, unsigned int index)
{
	struct vp *vp = &m->vps.vp[index];
	unsigned int tries = 0;
	int rc;

	do
		rc = mshv_vp_open(&m->partition, index, &vp->mshv);
	while (wait_for_end(rc, &tries));
	vp->inherited = true;
	return rc;
}

int takeover_partition(struct machine *m)
{
	const struct guest_memory *g = &m->memory;
	unsigned int i;
	int rc;

	m->partition.fd = m->config.partition_fd;
	rc = move(m, 0, g->host, g->low_size);
	if (rc == 0 && g->size > g->low_size)
		rc = move(m, LAYOUT_4G, g->host + g->low_size, g->size - g->low_size);
	m->timing.mapped = log_elapsed_us();
	for (i = 0; i < m->config.vp_count && rc == 0; i++)
		rc = open_vp(m, i);
	if (rc < 0)
		log_line("the guest cannot be taken over: %s", strerror(-rc));
	else
		log_line("goes on with a guest that another worker has started");
	return rc;
}

void takeover_forget_guest(struct machine *m)
{
	struct worker_state_region *s = m->state;

	log_line("the guest was lost in a reset; it starts afresh");
	/* The balloon knows by it that its guest is another, and so does who comes next if this worker ends before that one runs. */
	s->resetting = 1;
	if (m->config.partition_resets == s->reset_count)
		s->reset_count++;
	s->reason[0] = m->reason[0] = '\0';
	s->deferred_count = 0;
	memset(&s->events, 0, sizeof s->events);
	memset(s->ic, 0, sizeof s->ic);
	memset(s->vmbus, 0, sizeof s->vmbus);
	memset(s->network, 0, sizeof s->network);
	memset(s->storage, 0, sizeof s->storage);
	devices_reset(&m->devices);
}
