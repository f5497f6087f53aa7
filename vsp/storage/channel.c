/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's channels: offered, opened, closed; packets taken from their rings; what the queue has done, worked off. */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <string.h>

void storvsp_reap(struct storvsp *vsp, bool wait)
{
	struct vmbus_channel *batch[STORVSP_CHANNELS];
	uint32_t count = 0;

	if (vsp->reaping)
		return;
	vsp->reaping = true;
	for (uint32_t i = 0; i < STORVSP_CHANNELS; i++) {
		if (!vsp->channels[i].open)
			continue;
		batch[count] = vsp->channels[i].channel;
		vmbus_channel_batch_begin(batch[count++]);
	}
	vsp->queue->ops->reap(vsp->queue, wait);
	request_start_waiting(vsp);
	if (vsp->started) {
		vsp->started = false;
		vsp->queue->ops->submit(vsp->queue);
	}
	while (count)
		vmbus_channel_batch_end(batch[--count]);
	vsp->reaping = false;
}

void request_dispatch(struct storvsp *vsp, struct request *r)
{
	switch (r->packet.operation) {
	case STORVSP_COMPLETE_IO: /* from a predecessor's state */
		return request_answer(vsp, r);
	case STORVSP_EXECUTE_SRB:
		if (vsp->state->phase == STORVSP_PHASE_READY) {
			vsp->state->in_use = 1;
			return request_execute(vsp, r);
		}
		r->packet.status = STORVSP_STATUS_INVALID_DEVICE_STATE;
		r->packet.srb.srb_status = SRB_STATUS_INVALID_REQUEST;
		r->packet.srb.transfer_length = 0;
		return request_answer(vsp, r);
	case STORVSP_RESET_LUN:
	case STORVSP_RESET_ADAPTER:
	case STORVSP_RESET_BUS:
		return request_reset(vsp, r);
	default:
		storvsp_control(r->channel, &r->packet);
		return request_answer(vsp, r);
	}
}

/* A packet that could not be taken whole, or is too short to be one. */
static void reject(struct storvsp *vsp, struct request *r)
{
	memset(&r->packet, 0, sizeof r->packet);
	r->packet.status = STORVSP_STATUS_INVALID_PARAMETER;
	r->packet.srb.srb_status = SRB_STATUS_INVALID_REQUEST;
	request_answer(vsp, r);
}

/* Takes the next packet. False: there is none, or nobody to serve. */
static bool take(struct storvsp *vsp, struct storvsp_channel *channel, struct request *r)
{
	struct vmbus_packet packet = {
		.payload = &r->packet, .payload_capacity = sizeof r->packet, .iov = r->iov, .iov_capacity = STORVSP_MAX_SEGMENTS,
	};
	int rc = vmbus_channel_next_packet(channel->channel, &packet);
	bool repeated;

	if (rc == -EAGAIN || rc == -EIO) {
		request_put(vsp, r);
		return false;
	}
	repeated = channel->skip_first;
	channel->skip_first = false;
	/* The guest completes nothing that we sent; what a predecessor took and wrote down is done already. */
	if (packet.type == VMBUS_PACKET_COMPLETION || repeated) {
		request_put(vsp, r);
		return true;
	}
	r->channel = channel;
	r->sequence = ++vsp->state->sequence;
	r->transaction_id = packet.transaction_id;
	r->wants_answer = packet.flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED;
	r->iov_count = packet.iov_count;
	r->iov_bytes = packet.iov_bytes;
	request_record_taken(vsp, r);
	if (rc || packet.payload_bytes != sizeof r->packet || (packet.type != VMBUS_PACKET_INBAND && packet.type != VMBUS_PACKET_GPA_DIRECT))
		reject(vsp, r);
	else if (r->packet.operation == STORVSP_COMPLETE_IO)
		reject(vsp, r);
	else
		request_dispatch(vsp, r);
	return true;
}

static void on_signal(void *device, struct vmbus_channel *vmbus)
{
	struct storvsp_channel *channel = device;
	struct storvsp *vsp = channel->vsp;

	do {
		/* A guest that does not read its answers gets no more work done; there is a signal when it has made room. */
		while (request_send_backlog(vsp, channel) && storvsp_has_request(vsp))
			if (!take(vsp, channel, request_get(vsp)))
				break;
		channel->stalled = !storvsp_has_request(vsp);
		if (vsp->started && !vsp->reaping) {
			vsp->started = false;
			vsp->queue->ops->submit(vsp->queue);
		}
		/* What ended at once, from the page cache, is answered in this batch. */
		if (vsp->queue->ops->ready(vsp->queue))
			storvsp_reap(vsp, false);
	} while (channel->stalled && storvsp_has_request(vsp) && !vsp->reaping);
	storvsp_announce_again(vsp);
	channel->polled = vsp->disk_count == 1 && vsp->in_queue >= STORVSP_POLL_DEPTH;
	vmbus_channel_set_polled(vmbus, channel->polled);
}

static int on_open(void *device, struct vmbus_channel *vmbus, const uint8_t user[VMBUS_USER_BYTES])
{
	struct storvsp_channel *channel = device;
	struct storvsp *vsp = channel->vsp;

	(void)vmbus;
	(void)user;
	if (channel->index && vsp->state->phase != STORVSP_PHASE_READY)
		return -EPROTO;
	if (!channel->index)
		storvsp_forget_guest(vsp);
	request_forget_old(vsp, channel->index);
	channel->open = true;
	return 0;
}

static int on_resume(void *device, struct vmbus_channel *vmbus, const uint8_t user[VMBUS_USER_BYTES])
{
	struct storvsp_channel *channel = device;

	(void)vmbus;
	(void)user;
	channel->open = true;
	request_restore(channel->vsp, channel);
	/* What lies in the ring is taken after that, from the loop. */
	channel->again = true;
	channel->vsp->queue->ops->nudge(channel->vsp->queue);
	return 0;
}

static void on_close(void *device, struct vmbus_channel *vmbus)
{
	struct storvsp_channel *channel = device;
	struct storvsp *vsp = channel->vsp;

	(void)vmbus;
	channel->open = channel->stalled = channel->again = channel->polled = channel->skip_first = false;
	request_abandon(vsp, channel);
	if (channel->index)
		return;
	storvsp_forget_guest(vsp);
	for (uint32_t i = 1; i < STORVSP_CHANNELS; i++)
		storvsp_take_back(&vsp->channels[i]);
	vsp->state->subchannels = 0;
}

static void on_failed(void *device, struct vmbus_channel *vmbus, const char *reason)
{
	const struct storvsp_channel *channel = device;

	(void)vmbus;
	storvsp_log(channel->vsp, "channel %u of a SCSI controller was given up: %s", channel->index, reason);
}

static const struct vmbus_channel_ops channel_ops = {
	.open = on_open, .resume = on_resume, .signal = on_signal, .close = on_close, .failed = on_failed,
};

int storvsp_offer(struct storvsp *vsp, uint16_t index)
{
	struct storvsp_channel *channel = &vsp->channels[index];
	struct vmbus_offer offer = {
		.type = VMBUS_CLASS_SCSI, .instance = vsp->config.instance, .subchannel_index = index,
		.flags = VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE,
	};

	channel->vsp = vsp;
	channel->index = index;
	channel->channel = vmbus_server_offer(vsp->server, &offer, &channel_ops, channel);
	return channel->channel ? 0 : -ENOSPC;
}

void storvsp_take_back(struct storvsp_channel *channel)
{
	struct vmbus_channel *vmbus = channel->channel;

	if (!vmbus)
		return;
	vmbus_server_rescind(vmbus);
	channel->channel = NULL;
}

void storvsp_process_completions(struct storvsp *vsp)
{
	bool again = false;

	storvsp_reap(vsp, false);
	for (uint32_t i = 0; i < STORVSP_CHANNELS; i++) {
		struct storvsp_channel *channel = &vsp->channels[i];

		if (!channel->open || !(channel->again || channel->polled || (channel->stalled && storvsp_has_request(vsp))))
			continue;
		channel->again = vmbus_channel_poll(channel->channel) && channel->open;
		again |= channel->again;
	}
	if (again)
		vsp->queue->ops->nudge(vsp->queue);
}
