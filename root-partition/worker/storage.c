/* SPDX-License-Identifier: BSD-2-Clause */
/* See storage.h. */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "ring_queue.h"

/* A guest has let go of a disk when it was told that it is absent and has not asked for it since; after the limit the daemon is answered. */
#define LEAVE_TICK_MS 100u
#define QUIET_TICKS   5u
#define LEAVE_TICKS   60u

struct storage_disk {
	struct worker_disk config;   /* fd -1: closed */
	bool leaving;                /* absent for the guest */
	bool answered;               /* its detaching */
	struct control_ticket ticket;
	uint32_t heard;
	unsigned int ticks, quiet;
};

/* The instance names that Hyper-V uses: guests' configuration may know controllers by them. */
static const struct vmbus_guid controller_instance[STATE_CONTROLLERS] = {
	VMBUS_GUID(0xf8b3781au, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781bu, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781cu, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
	VMBUS_GUID(0xf8b3781du, 0x1e82, 0x4818, 0xa1, 0xc3, 0x63, 0xd8, 0x06, 0xec, 0x15, 0xbb),
};

static void provider_log(void *context, const char *text)
{
	(void)context;
	log_line("storage: %s", text);
}

/** Some controller's operations ended. The others are asked too: nothing comes of it, at little cost. */
static void process_controllers(void *context)
{
	struct storage *s = context;
	unsigned int i;

	for (i = 0; i < STATE_CONTROLLERS; i++)
		if (s->controller[i] != NULL)
			storvsp_process_completions(s->controller[i]);
	s->ended(s->context);
}

/** Not offered yet. */
static int create_controller(struct storage *s, unsigned int index)
{
	struct machine *m = s->machine;
	struct storvsp_config config = {
		.instance = controller_instance[index],
		.vp_count = m->config.vp_count,
		.log = provider_log,
	};
	int rc = ring_queue_create(m->host, process_controllers, s, &config.queue);

	if (rc == 0)
		rc = storvsp_create(s->server, (struct storvsp_state *)m->state->storage[index], &config, &s->controller[index]);
	if (rc < 0)
		log_line("SCSI controller %u: %s", index, strerror(-rc));
	return rc;
}

static int add_to_controller(struct storage *s, const struct worker_disk *d)
{
	struct storvsp_disk_config config = {
		.fd = d->fd,
		.target = d->target,
		.lun = d->lun,
		.read_only = (d->flags & WORKER_DISK_READ_ONLY) != 0,
		.zeroes = (d->flags & WORKER_DISK_ZEROES) != 0,
		.no_flush = (d->flags & WORKER_DISK_NO_FLUSH) != 0,
		.block_size = d->block_size,
	};
	int rc;

	memcpy(config.serial, d->serial, sizeof config.serial);
	rc = storvsp_add_disk(s->controller[d->controller], &config);
	if (rc < 0)
		log_line("disk at controller %u, target %u, lun %u: %s", d->controller, d->target, d->lun, strerror(-rc));
	return rc;
}

static bool has_address(const struct worker_disk *d, unsigned int controller, unsigned int target, unsigned int lun)
{
	return d->controller == controller && d->target == target && d->lun == lun;
}

static struct storage_disk *find(const struct storage *s, const struct worker_disk_request *request)
{
	unsigned int i;

	for (i = 0; i < WORKER_MAX_DISKS; i++)
		if (s->disk[i] != NULL && !s->disk[i]->leaving &&
		    has_address(&s->disk[i]->config, request->controller, request->target, request->lun))
			return s->disk[i];
	return NULL;
}

/** Whether the guest would not take another disk at its address for this one. */
static bool is_gone(const struct storage *s, const struct storage_disk *d)
{
	return d->config.fd < 0 && storvsp_absence_heard(s->controller[d->config.controller], d->config.target, d->config.lun) != 0;
}

static void forget(struct storage *s, unsigned int slot)
{
	free(s->disk[slot]);
	s->disk[slot] = NULL;
}

/** A slot for a disk at that address, or a negative errno. */
static int find_slot(struct storage *s, const struct worker_disk *disk, char *why, size_t why_size)
{
	int slot = -ENOSPC;
	unsigned int i;

	for (i = 0; i < WORKER_MAX_DISKS; i++) {
		struct storage_disk *d = s->disk[i];
		bool same = d != NULL && has_address(&d->config, disk->controller, disk->target, disk->lun);

		if (same && !d->leaving) {
			snprintf(why, why_size, "there is a disk at this address already");
			return -EEXIST;
		}
		if (d != NULL && d->leaving && d->answered && is_gone(s, d))
			forget(s, i);
		else if (same) {
			snprintf(why, why_size, "%s; use another target, or try again later", d->config.fd >= 0 ?
				 "requests to the disk that was there have not ended" : "the guest has not taken note that the disk that was there is gone");
			return -EBUSY;
		}
		if (s->disk[i] == NULL)
			slot = (int)i;
	}
	if (slot < 0)
		snprintf(why, why_size, "there can be no more than %u disks", WORKER_MAX_DISKS);
	return slot;
}

/** Its place among the disks; the descriptor is taken over by a disk that got one. */
static int keep(struct storage *s, int slot, const struct worker_disk *disk)
{
	s->disk[slot] = calloc(1, sizeof *s->disk[slot]);
	if (s->disk[slot] == NULL)
		return -ENOMEM;
	s->disk[slot]->config = *disk;
	return 0;
}

int storage_attach(struct storage *s, const struct worker_disk *disk, char *why, size_t why_size)
{
	bool created = s->controller[disk->controller] == NULL;
	int slot = find_slot(s, disk, why, why_size), rc = slot;

	if (slot < 0)
		goto fail;
	rc = created ? create_controller(s, disk->controller) : 0;
	if (rc == 0)
		rc = keep(s, slot, disk);
	if (rc == 0) {
		rc = add_to_controller(s, disk);
		if (rc < 0)
			forget(s, (unsigned int)slot);
	}
	/* Without its disk too: it is offered from now on. */
	if (created && s->controller[disk->controller] != NULL && storvsp_start(s->controller[disk->controller]) < 0)
		log_line("SCSI controller %u cannot be offered", disk->controller);
	if (rc == 0)
		return 0;
	snprintf(why, why_size, "%s", strerror(-rc));
fail:
	close(disk->fd);
	return rc;
}

static void released(void *context)
{
	struct storage_disk *d = context;
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* The ring may keep the file open for a while. */
	fcntl(d->config.fd, F_OFD_SETLK, &unlock);
	close(d->config.fd);
	d->config.fd = -1;
}

/** One tick of a disk that is being detached. True: it is answered. */
static bool look_at(struct storage *s, struct storage_disk *d)
{
	uint32_t heard = storvsp_absence_heard(s->controller[d->config.controller], d->config.target, d->config.lun);
	const char *text = d->config.fd >= 0 ? "requests to its file have not ended: it stays open until they have"
					     : "the guest has not taken note yet";

	d->quiet = heard == d->heard ? d->quiet + 1 : 0;
	d->heard = heard;
	if (d->config.fd < 0 && (heard == UINT32_MAX || (heard > 0 && d->quiet >= QUIET_TICKS)))
		text = "";
	else if (++d->ticks < LEAVE_TICKS && s->machine->run_state == WORKER_STATE_RUNNING)
		return false;
	d->answered = true;
	control_reply(&d->ticket, 0, text);
	return true;
}

static void look_at_leaving(uv_timer_t *timer)
{
	struct storage *s = timer->data;
	unsigned int i, left = 0;

	for (i = 0; i < WORKER_MAX_DISKS; i++) {
		if (s->disk[i] == NULL || !s->disk[i]->leaving || s->disk[i]->answered)
			continue;
		if (!look_at(s, s->disk[i]))
			left++;
		else if (is_gone(s, s->disk[i]))
			forget(s, i);
	}
	if (left == 0)
		uv_timer_stop(timer);
}

int storage_detach(struct storage *s, const struct worker_disk_request *request, const struct control_ticket *ticket)
{
	struct storage_disk *d = find(s, request);
	struct storvsp_disk_stats stats;

	if (d == NULL)
		return -ENOENT;
	d->leaving = true;
	d->ticket = *ticket;
	if (storvsp_get_stats(s->controller[d->config.controller], d->config.target, d->config.lun, &stats))
		s->past_operations += stats.reads + stats.writes;
	storvsp_remove_disk(s->controller[d->config.controller], d->config.target, d->config.lun, released, d);
	uv_timer_start(&s->leave, look_at_leaving, 0, LEAVE_TICK_MS);
	return 0;
}

int storage_resize(struct storage *s, const struct worker_disk_request *request, uint64_t *size, char *why, size_t why_size)
{
	const struct storage_disk *d = find(s, request);
	off_t now = d == NULL ? -1 : lseek(d->config.fd, 0, SEEK_END);
	int rc = -ENOENT;

	if (d == NULL) {
		snprintf(why, why_size, "there is no disk at this address");
		return rc;
	}
	if (request->bytes != 0 && now >= 0 && (uint64_t)now > request->bytes) {
		snprintf(why, why_size, "it has %llu bytes, and a disk cannot be made smaller under its guest", (unsigned long long)now);
		return -ERANGE;
	}
	if (request->bytes != 0 && (uint64_t)now != request->bytes && ftruncate(d->config.fd, (off_t)request->bytes) < 0) {
		rc = -errno;
		snprintf(why, why_size, "its file cannot be made larger: %s", strerror(errno));
		return rc;
	}
	rc = storvsp_disk_grown(s->controller[d->config.controller], d->config.target, d->config.lun, size);
	if (rc < 0)
		snprintf(why, why_size, "%s", rc == -ERANGE ? "its file is smaller than the disk was; make it larger again" : strerror(-rc));
	return rc;
}

int storage_create(struct storage *s, struct machine *m, struct vmbus_server *server, void (*ended)(void *context), void *context)
{
	const struct worker_config *c = &m->config;
	unsigned int i;
	int rc = 0;

	*s = (struct storage){ .machine = m, .server = server, .ended = ended, .context = context };
	uv_timer_init(m->loop, &s->leave);
	s->leave.data = s;
	/* What a predecessor has offered stays, with disks or without. */
	for (i = 0; i < STATE_CONTROLLERS && rc == 0; i++)
		if (((const struct storvsp_state *)m->state->storage[i])->magic != 0)
			rc = create_controller(s, i);
	for (i = 0; i < c->disk_count && rc == 0; i++) {
		if (s->controller[c->disk[i].controller] == NULL)
			rc = create_controller(s, c->disk[i].controller);
		if (rc == 0)
			rc = keep(s, (int)i, &c->disk[i]);
		if (rc == 0)
			rc = add_to_controller(s, &c->disk[i]);
	}
	for (i = 0; i < STATE_CONTROLLERS && rc == 0; i++)
		if (s->controller[i] != NULL)
			rc = storvsp_start(s->controller[i]);
	return rc;
}

void storage_drain(struct storage *s)
{
	unsigned int i;

	for (i = 0; i < STATE_CONTROLLERS; i++)
		if (s->controller[i] != NULL)
			storvsp_drain(s->controller[i]);
}

static bool stats_of(const struct storage *s, unsigned int slot, struct storvsp_disk_stats *ret)
{
	const struct storage_disk *d = s->disk[slot];

	return d != NULL && !d->leaving && storvsp_get_stats(s->controller[d->config.controller], d->config.target, d->config.lun, ret);
}

uint64_t storage_operations(const struct storage *s)
{
	uint64_t operations = s->past_operations;
	struct storvsp_disk_stats stats;
	unsigned int i;

	for (i = 0; i < WORKER_MAX_DISKS; i++)
		if (stats_of(s, i, &stats))
			operations += stats.reads + stats.writes;
	return operations;
}

void storage_stats(const struct storage *s, struct worker_stats *ret)
{
	struct storvsp_disk_stats stats;
	unsigned int i;

	ret->disk_count = 0;
	for (i = 0; i < WORKER_MAX_DISKS; i++) {
		if (!stats_of(s, i, &stats))
			continue;
		ret->disk[ret->disk_count++] = (struct worker_disk_stats){
			.controller = s->disk[i]->config.controller, .target = s->disk[i]->config.target, .lun = s->disk[i]->config.lun,
			.size_bytes = stats.size_bytes, .reads = stats.reads, .writes = stats.writes, .flushes = stats.flushes, .unmaps = stats.unmaps,
			.read_bytes = stats.read_bytes, .written_bytes = stats.written_bytes, .errors = stats.errors, .pending = stats.pending,
		};
	}
}
