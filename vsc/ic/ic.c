/* SPDX-License-Identifier: BSD-2-Clause */
/* See ic.h. Framing, negotiation and the services without a state of their own; key-value pairs are in kvp.c. */
#include "vsc/ic/ic.h"

#include <errno.h>
#include <string.h>

struct service {
	struct vmbus_guid class;
	uint16_t message_type;
	uint32_t versions[5];        /* newest first, up to a 0 */
	/** body is ours; what it then holds goes back to the host. */
	uint32_t (*serve)(struct vsc_ic *ic, uint8_t *body, uint32_t bytes);
};

static const uint32_t frameworks[] = { IC_VERSION(3, 0), IC_VERSION(1, 0), 0 };

static uint32_t serve_shutdown(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	struct ic_shutdown request;

	if (bytes < sizeof request || !ic->ops->shutdown)
		return IC_STATUS_FAIL;
	memcpy(&request, body, sizeof request);
	request.text[sizeof request.text - 1] = 0;
	return ic->ops->shutdown(ic->context, request.flags, (const char *)request.text);
}

static uint32_t serve_heartbeat(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	uint64_t sequence;

	(void)ic;
	if (bytes < sizeof sequence)
		return IC_STATUS_FAIL;
	memcpy(&sequence, body, sizeof sequence);
	sequence++;
	memcpy(body, &sequence, sizeof sequence);
	return 0;
}

static uint32_t serve_timesync(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	struct ic_time_4 now = { 0 };
	struct ic_time old;

	if (bytes < (ic->message >= IC_VERSION(4, 0) ? sizeof now : sizeof old))
		return IC_STATUS_FAIL;
	if (ic->message >= IC_VERSION(4, 0)) {
		memcpy(&now, body, sizeof now);
	} else {
		memcpy(&old, body, sizeof old);
		now.parent_time = old.parent_time;
		now.flags = old.flags;
	}
	if (ic->ops->time)
		ic->ops->time(ic->context, now.parent_time, now.reference_time, now.flags);
	return 0;
}

static uint32_t serve_kvp(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	struct ic_kvp message;
	uint32_t status;

	if (bytes < sizeof message || !ic->ops->kvp)
		return IC_STATUS_FAIL;
	memcpy(&message, body, sizeof message);
	status = ic->ops->kvp(ic->context, &message);
	memcpy(body, &message, sizeof message);
	return status;
}

static uint32_t serve_vss(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	struct ic_vss message;

	if (bytes < sizeof message)
		return IC_STATUS_FAIL;
	memcpy(&message, body, sizeof message);
	switch (message.operation) {
	case IC_VSS_HOT_BACKUP:
		message.flags = ic->backup_flags;
		memcpy(body, &message, sizeof message);
		return 0;
	case IC_VSS_FREEZE:
	case IC_VSS_THAW:
		return ic->ops->vss ? ic->ops->vss(ic->context, (enum ic_vss_operation)message.operation) : IC_STATUS_FAIL;
	default:
		return IC_STATUS_FAIL;
	}
}

static uint32_t file_end(struct vsc_ic *ic, bool complete)
{
	if (!ic->file_open)
		return IC_STATUS_FAIL;
	ic->file_open = false;
	return ic->ops->file_end(ic->context, complete);
}

static uint32_t file_start(struct vsc_ic *ic, const uint8_t *body, uint32_t bytes)
{
	struct ic_fcopy_start file;
	uint32_t status;

	if (bytes < sizeof file)
		return IC_STATUS_FAIL;
	/* A host that has given the last one up without a word. */
	file_end(ic, false);
	memcpy(&file, body, sizeof file);
	memset(file.file + sizeof file.file - 2, 0, 2);
	memset(file.path + sizeof file.path - 2, 0, 2);
	status = ic->ops->file_start(ic->context, &file);
	ic->file_open = status == 0;
	return status;
}

static uint32_t file_write(struct vsc_ic *ic, const uint8_t *body, uint32_t bytes)
{
	const uint32_t data = offsetof(struct ic_fcopy_write, data);
	struct ic_fcopy_write fragment;

	if (bytes < data || !ic->file_open)
		return IC_STATUS_FAIL;
	memcpy(&fragment, body, data);
	if (fragment.bytes > bytes - data || fragment.bytes > IC_FCOPY_FRAGMENT)
		return IC_STATUS_FAIL;
	return ic->ops->file_write(ic->context, (uint64_t)fragment.offset[1] << 32 | fragment.offset[0], body + data, fragment.bytes);
}

static uint32_t serve_fcopy(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	struct ic_fcopy_header header;

	if (bytes < sizeof header || !ic->ops->file_start || !ic->ops->file_write || !ic->ops->file_end)
		return IC_STATUS_FAIL;
	memcpy(&header, body, sizeof header);
	switch (header.operation) {
	case IC_FCOPY_START:
		return file_start(ic, body, bytes);
	case IC_FCOPY_WRITE:
		return file_write(ic, body, bytes);
	case IC_FCOPY_COMPLETE:
	case IC_FCOPY_CANCEL:
		return file_end(ic, header.operation == IC_FCOPY_COMPLETE);
	default:
		return IC_STATUS_FAIL;
	}
}

/* The versions that Linux' hv_util.c, hv_kvp.c, hv_snapshot.c and hv_fcopy.c know. */
static const struct service services[VSC_IC_TYPES] = {
	[VSC_IC_SHUTDOWN] = { VMBUS_CLASS_SHUTDOWN, IC_MESSAGE_SHUTDOWN,
			      { IC_VERSION(3, 2), IC_VERSION(3, 1), IC_VERSION(3, 0), IC_VERSION(1, 0) }, serve_shutdown },
	[VSC_IC_HEARTBEAT] = { VMBUS_CLASS_HEARTBEAT, IC_MESSAGE_HEARTBEAT, { IC_VERSION(3, 0), IC_VERSION(1, 0) }, serve_heartbeat },
	[VSC_IC_TIMESYNC] = { VMBUS_CLASS_TIMESYNC, IC_MESSAGE_TIMESYNC, { IC_VERSION(4, 0), IC_VERSION(3, 0), IC_VERSION(1, 0) },
			      serve_timesync },
	[VSC_IC_KVP] = { VMBUS_CLASS_KVP, IC_MESSAGE_KVP, { IC_VERSION(4, 0), IC_VERSION(3, 0), IC_VERSION(1, 0) }, serve_kvp },
	[VSC_IC_VSS] = { VMBUS_CLASS_VSS, IC_MESSAGE_VSS, { IC_VERSION(5, 0) }, serve_vss },
	[VSC_IC_FCOPY] = { VMBUS_CLASS_FCOPY, IC_MESSAGE_FCOPY, { IC_VERSION(1, 1) }, serve_fcopy },
};

/* The newest of ours, up to a 0, that is also among the host's; 0: none. */
static uint32_t choose(const uint32_t *ours, const struct ic_version *theirs, uint32_t count)
{
	for (; *ours; ours++)
		for (uint32_t i = 0; i < count; i++)
			if (IC_VERSION(theirs[i].major, theirs[i].minor) == *ours)
				return *ours;
	return 0;
}

static struct ic_version unpack(uint32_t version)
{
	return (struct ic_version){ (uint16_t)(version >> 16), (uint16_t)version };
}

/* The answer names one version of each kind, or none of either. */
static uint32_t negotiate(struct vsc_ic *ic, uint8_t *body, uint32_t bytes)
{
	const uint32_t list = offsetof(struct ic_negotiate, versions), answer = list + 2 * (uint32_t)sizeof(struct ic_version);
	struct ic_negotiate in = { 0 };
	uint32_t count;

	ic->framework = ic->message = 0;
	if (bytes < answer)
		return IC_STATUS_FAIL;
	memcpy(&in, body, bytes < sizeof in ? bytes : sizeof in);
	count = (uint32_t)in.framework_count + in.message_count;
	if (count <= IC_MAX_VERSIONS && list + count * sizeof in.versions[0] <= bytes) {
		ic->framework = choose(frameworks, in.versions, in.framework_count);
		ic->message = choose(services[ic->type].versions, in.versions + in.framework_count, in.message_count);
	}
	if (!ic->framework || !ic->message)
		ic->framework = ic->message = 0;
	in.framework_count = in.message_count = ic->framework != 0;
	in.versions[0] = unpack(ic->framework);
	in.versions[1] = unpack(ic->message);
	memcpy(body, &in, answer);
	return 0;
}

static void send_answer(struct vsc_ic *ic)
{
	int rc = vsc_channel_send(ic->channel, VMBUS_PACKET_INBAND, 0, ic->transaction_id, NULL, 0, ic->packet, ic->unsent);

	/* No room: the host takes answers out before it gets more, and signals then. */
	if (rc == -EAGAIN)
		return;
	ic->unsent = 0;
	ic->answered += rc == 0;
}

static bool frame_fits(const struct ic_header *header, const struct vsc_packet *packet)
{
	return packet->type == VMBUS_PACKET_INBAND && !(header->flags & IC_FLAG_RESPONSE) && header->bytes <= packet->bytes - sizeof *header;
}

static void answer(struct vsc_ic *ic, const struct vsc_packet *packet)
{
	const struct service *service = &services[ic->type];
	uint8_t *body = ic->packet + sizeof(struct ic_header);
	struct ic_header header;

	if (packet->bytes < sizeof header || packet->bytes > sizeof ic->packet) {
		ic->refused++;
		return;
	}
	memcpy(&header, ic->packet, sizeof header);
	if (!frame_fits(&header, packet)) {
		ic->refused++;
		return;
	}
	if (header.type == IC_MESSAGE_NEGOTIATE)
		header.status = negotiate(ic, body, header.bytes);
	else if (header.type == service->message_type && ic->message)
		header.status = service->serve(ic, body, header.bytes);
	else
		header.status = IC_STATUS_FAIL;
	header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	memcpy(ic->packet, &header, sizeof header);
	ic->transaction_id = packet->transaction_id;
	ic->unsent = packet->bytes;
	send_answer(ic);
}

unsigned int vsc_ic_poll(struct vsc_ic *ic)
{
	struct vsc_packet packet;
	unsigned int taken = 0;

	if (!ic->channel || !ic->channel->open)
		return 0;
	if (ic->unsent)
		send_answer(ic);
	while (!ic->unsent && vsc_channel_receive(ic->channel, &packet, ic->packet, sizeof ic->packet) == 0) {
		answer(ic, &packet);
		taken++;
	}
	vsc_channel_flush(ic->channel);
	return taken;
}

static void on_event(void *context, struct vsc_channel *channel)
{
	(void)channel;
	vsc_ic_poll(context);
}

struct vmbus_guid vsc_ic_class(enum vsc_ic_type type)
{
	return services[type].class;
}

int vsc_ic_open(struct vsc_ic *ic, enum vsc_ic_type type, struct vsc_channel *channel, const struct vsc_ic_ops *ops, void *context,
	void *memory, uint32_t bytes)
{
	int rc;

	ic->channel = channel;
	ic->type = type;
	ic->ops = ops;
	ic->context = context;
	ic->framework = ic->message = ic->unsent = 0;
	ic->answered = ic->refused = 0;
	ic->file_open = false;
	/* Before it is open: the host begins the negotiation at once. */
	channel->context = ic;
	channel->event = on_event;
	rc = vsc_channel_open(channel, memory, bytes, bytes / 2, NULL, 0);
	if (rc == 0)
		vsc_ic_poll(ic);
	return rc;
}

int vsc_ic_close(struct vsc_ic *ic)
{
	int rc = ic->channel ? vsc_channel_close(ic->channel) : -ENOTCONN;

	if (rc == 0) {
		ic->channel->event = NULL;
		file_end(ic, false);
	}
	return rc;
}
