/* SPDX-License-Identifier: BSD-2-Clause */
/* See storvsc.h. */
#include "vsc/storvsc/storvsc.h"

#include <errno.h>
#include <string.h>

#define PAGE VMBUS_PAGE_SIZE
#define INIT_TRANSACTION (~0ull - 1)
#define DEFAULT_TIMEOUT 60u

struct range_extension {
	struct vmbus_gpa_direct direct;
	struct vmbus_gpa_range range;
	uint64_t pages[VSC_STORVSC_PAGES];
};
_Static_assert(offsetof(struct range_extension, pages) == 16, "as in the ring");

static void on_event(void *context, struct vsc_channel *channel)
{
	(void)channel;
	vsc_storvsc_poll(context);
}

static int init_step(struct vsc_storvsc *s, struct vstor_packet *packet)
{
	struct vsc_vmbus *bus = s->channel->bus;
	int rc;

	packet->flags = VSTOR_FLAG_REQUEST_COMPLETION;
	s->init_arrived = false;
	rc = vsc_channel_send(s->channel, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, INIT_TRANSACTION, NULL, 0, packet,
			      sizeof *packet);
	if (rc < 0)
		return rc;
	vsc_channel_flush(s->channel);
	for (;;) {
		vsc_storvsc_poll(s);
		if (s->init_arrived)
			break;
		if (s->channel->failed || s->channel->rescinded)
			return -ENODEV;
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
	}
	*packet = s->init_reply;
	return packet->operation == VSTOR_COMPLETE_IO ? 0 : -EPROTO;
}

static int simple_step(struct vsc_storvsc *s, uint32_t operation)
{
	struct vstor_packet packet = { .operation = operation };
	int rc = init_step(s, &packet);

	return rc < 0 ? rc : packet.status == 0 ? 0 : -EIO;
}

static int negotiate(struct vsc_storvsc *s)
{
	static const uint16_t versions[] = { VSTOR_VERSION(6, 2), VSTOR_VERSION(6, 0), VSTOR_VERSION(5, 1) };
	unsigned int i;
	int rc;

	for (i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		struct vstor_packet packet = { .operation = VSTOR_QUERY_PROTOCOL_VERSION };

		packet.u.version.version = versions[i];
		rc = init_step(s, &packet);
		if (rc < 0)
			return rc;
		if (packet.status == 0) {
			s->version = versions[i];
			return 0;
		}
	}
	return -EPROTONOSUPPORT;
}

static int query_properties(struct vsc_storvsc *s)
{
	struct vstor_packet packet = { .operation = VSTOR_QUERY_PROPERTIES };
	int rc = init_step(s, &packet);

	if (rc < 0 || packet.status != 0)
		return rc < 0 ? rc : -EIO;
	s->max_channels = packet.u.properties.max_channels;
	s->max_transfer_bytes = packet.u.properties.max_transfer_bytes;
	return 0;
}

int vsc_storvsc_open(struct vsc_storvsc *s, struct vsc_channel *channel, void *rings, uint32_t bytes)
{
	const struct vstor_properties user = { 0 };
	int rc;

	memset(s, 0, sizeof *s);
	s->channel = channel;
	channel->context = s;
	channel->event = on_event;
	rc = vsc_channel_open(channel, rings, bytes, bytes / 2 & ~(PAGE - 1), &user, sizeof user);
	if (rc < 0)
		return rc;
	rc = simple_step(s, VSTOR_BEGIN_INITIALIZATION);
	if (rc == 0)
		rc = negotiate(s);
	if (rc == 0)
		rc = query_properties(s);
	if (rc == 0)
		rc = simple_step(s, VSTOR_END_INITIALIZATION);
	if (rc < 0)
		vsc_channel_close(channel);
	return rc;
}

static void finish(struct vsc_storvsc *s, unsigned int tag, int error)
{
	struct vsc_scsi *scsi = s->requests[tag];

	s->requests[tag] = NULL;
	s->in_flight--;
	scsi->error = error;
	scsi->done = true;
	if (scsi->complete)
		scsi->complete(scsi);
}

int vsc_storvsc_close(struct vsc_storvsc *s)
{
	int rc = vsc_channel_close(s->channel);
	unsigned int tag;

	/* Until the channel is closed the host may write to buffers. */
	for (tag = 0; rc == 0 && tag < VSC_STORVSC_REQUESTS; tag++)
		if (s->requests[tag])
			finish(s, tag, -ENODEV);
	if (rc == 0)
		s->abandoned = 0;
	return rc;
}

/* The pages of the segments as one range. */
static int make_range(const struct vsc_storvsc *s, const struct vsc_scsi *scsi, struct range_extension *e, uint32_t *ret_pages)
{
	const struct vsc_vmbus *bus = s->channel->bus;
	uint32_t pages = 0, i, run, left;

	memset(e, 0, offsetof(struct range_extension, pages));
	e->direct.range_count = 1;
	for (i = 0; i < scsi->segment_count; i++) {
		const uint8_t *at = scsi->segments[i].memory;

		if (i == 0)
			e->range.offset = (uint32_t)((uintptr_t)at % PAGE);
		else if ((uintptr_t)at % PAGE != 0)
			return -EINVAL;
		for (left = scsi->segments[i].bytes; left; left -= run, at += run) {
			run = PAGE - (uint32_t)((uintptr_t)at % PAGE);
			if (run > left)
				run = left;
			if (pages == VSC_STORVSC_PAGES)
				return -EINVAL;
			e->pages[pages++] = bus->os->physical(bus->context, at) / PAGE;
			e->range.bytes += run;
		}
		if (i + 1 < scsi->segment_count && (uintptr_t)at % PAGE != 0)
			return -EINVAL;
	}
	*ret_pages = pages;
	return 0;
}

static int free_tag(const struct vsc_storvsc *s)
{
	unsigned int tag;

	for (tag = 0; tag < VSC_STORVSC_REQUESTS; tag++)
		if (!s->requests[tag] && !(s->abandoned >> tag & 1))
			return (int)tag;
	return -EAGAIN;
}

int vsc_storvsc_submit(struct vsc_storvsc *s, struct vsc_scsi *scsi)
{
	struct vstor_packet packet = { .operation = VSTOR_EXECUTE_SRB, .flags = VSTOR_FLAG_REQUEST_COMPLETION };
	struct vstor_scsi_request *request = &packet.u.request;
	struct range_extension extension;
	uint32_t pages = 0, extension_bytes;
	int tag = free_tag(s), rc;

	if (tag < 0)
		return tag;
	if (scsi->cdb_bytes > VSTOR_CDB_BYTES)
		return -EINVAL;
	rc = make_range(s, scsi, &extension, &pages);
	if (rc < 0)
		return rc;
	*request = (struct vstor_scsi_request){
		.length = sizeof *request,
		.target = scsi->target,
		.lun = scsi->lun,
		.cdb_bytes = scsi->cdb_bytes,
		.sense_bytes = VSTOR_SENSE_BYTES,
		.data_in = pages ? (uint8_t)scsi->direction : VSTOR_NO_DATA,
		.transfer_bytes = extension.range.bytes,
		.srb_flags = !pages ? 0 : scsi->direction == VSTOR_READ ? VSTOR_SRB_FLAG_DATA_IN : VSTOR_SRB_FLAG_DATA_OUT,
		.timeout = scsi->timeout ? scsi->timeout : DEFAULT_TIMEOUT,
	};
	memcpy(request->u.cdb, scsi->cdb, scsi->cdb_bytes);
	extension_bytes = pages ? (uint32_t)offsetof(struct range_extension, pages) + pages * 8 : 0;
	scsi->done = false;
	scsi->transferred = 0;
	scsi->sense_bytes = 0;
	rc = vsc_channel_send(s->channel, pages ? VMBUS_PACKET_GPA_DIRECT : VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
			      (uint64_t)tag + 1, &extension, extension_bytes, &packet, sizeof packet);
	if (rc < 0)
		return rc;
	s->requests[tag] = scsi;
	s->in_flight++;
	vsc_channel_flush(s->channel);
	return 0;
}

static int judge(struct vsc_scsi *scsi, const struct vstor_packet *packet)
{
	const struct vstor_scsi_request *r = &packet->u.request;
	uint32_t wanted = 0, i;

	if (packet->operation != VSTOR_COMPLETE_IO)
		return -EPROTO;
	for (i = 0; i < scsi->segment_count; i++)
		wanted += scsi->segments[i].bytes;
	scsi->srb_status = r->srb_status;
	scsi->scsi_status = r->scsi_status;
	if (r->srb_status & VSTOR_SRB_AUTOSENSE && r->sense_bytes <= VSTOR_SENSE_BYTES) {
		scsi->sense_bytes = r->sense_bytes;
		memcpy(scsi->sense, r->u.sense, r->sense_bytes);
	}
	if (r->transfer_bytes > wanted)
		return -EPROTO;
	scsi->transferred = r->transfer_bytes;
	if ((r->srb_status & VSTOR_SRB_STATUS_MASK) == VSTOR_SRB_INVALID_LUN)
		return -ENODEV;
	return packet->status == 0 && (r->srb_status & VSTOR_SRB_STATUS_MASK) == VSTOR_SRB_SUCCESS && r->scsi_status == 0 ? 0 : -EIO;
}

static bool take(struct vsc_storvsc *s, const struct vsc_packet *p, const struct vstor_packet *packet)
{
	uint64_t tag = p->transaction_id - 1;

	if (p->type == VMBUS_PACKET_INBAND && p->bytes >= sizeof packet->operation &&
	    (packet->operation == VSTOR_ENUMERATE_BUS || packet->operation == VSTOR_REMOVE_DEVICE)) {
		s->bus_changed = true;
		return false;
	}
	if (p->type != VMBUS_PACKET_COMPLETION || p->bytes < sizeof *packet) {
		s->refused++;
		return false;
	}
	if (p->transaction_id == INIT_TRANSACTION) {
		s->init_reply = *packet;
		s->init_arrived = true;
		return false;
	}
	if (tag < VSC_STORVSC_REQUESTS && s->abandoned >> tag & 1) {
		s->abandoned &= ~(1ull << tag);
		return false;
	}
	if (tag >= VSC_STORVSC_REQUESTS || !s->requests[tag]) {
		s->refused++;
		return false;
	}
	finish(s, (unsigned int)tag, judge(s->requests[tag], packet));
	return true;
}

unsigned int vsc_storvsc_poll(struct vsc_storvsc *s)
{
	struct vstor_packet packet;
	struct vsc_packet p;
	unsigned int completed = 0;

	for (;;) {
		memset(&packet, 0, sizeof packet);
		if (vsc_channel_receive(s->channel, &p, &packet, sizeof packet) < 0)
			return completed;
		completed += take(s, &p, &packet);
	}
}

static void abandon(struct vsc_storvsc *s, const struct vsc_scsi *scsi)
{
	unsigned int tag;

	for (tag = 0; tag < VSC_STORVSC_REQUESTS; tag++) {
		if (s->requests[tag] == scsi) {
			s->requests[tag] = NULL;
			s->in_flight--;
			s->abandoned |= 1ull << tag;
		}
	}
}

int vsc_storvsc_execute(struct vsc_storvsc *s, struct vsc_scsi *scsi)
{
	struct vsc_vmbus *bus = s->channel->bus;
	int rc;

	while ((rc = vsc_storvsc_submit(s, scsi)) == -EAGAIN) {
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
		vsc_storvsc_poll(s);
	}
	if (rc < 0)
		return rc;
	for (;;) {
		vsc_storvsc_poll(s);
		if (__atomic_load_n(&scsi->done, __ATOMIC_ACQUIRE))
			return scsi->error;
		if (s->channel->failed || !bus->os->wait(bus->context))
			break;
	}
	abandon(s, scsi);
	return s->channel->failed ? -EIO : -ETIMEDOUT;
}
