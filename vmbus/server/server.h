/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMBus server of one partition: negotiation, offers, GPADLs, channels. Knows neither the worker nor the hypervisor: it gets a
 * memory map, functions to reach the guest, and a state region. Everything is called on one thread, and the server calls back on it.
 *
 * Start:      vmbus_server_create(state ...); vmbus_server_offer() per device; vmbus_server_start().
 * Successor:  the same with the predecessor's state: an offer with the same type, instance and subchannel index gets its channel
 *             and relid back; vmbus_server_start() then resumes the open ones and rescinds what nobody offered again.
 */
#ifndef BULKHEAD_VMBUS_SERVER_H
#define BULKHEAD_VMBUS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "guest_memory.h"
#include "state.h"
#include "vmbus/protocol/packet.h"

struct vmbus_server;
struct vmbus_channel;

/** How the server reaches the guest. context is the one given to vmbus_server_create. */
struct vmbus_server_ops {
	/** Puts a message into the VP's slot of the SINT: 0, or -EAGAIN while the slot is taken (vmbus_server_message_slot_free then). */
	int (*post_message)(void *context, uint32_t vp, uint32_t sint, uint32_t type, const void *payload, size_t size);
	/** Sets event flag `flag` of VMBUS_SINT on the VP: a channel interrupt. */
	void (*signal_event)(void *context, uint32_t vp, uint16_t flag);
	/**
	 * The guest's signals on connection_id are wanted (vmbus_server_signal(relid) then) or no more. Returns 0 or -errno. Called when
	 * a channel is opened, closed, resumed.
	 */
	int (*connect_event)(void *context, uint32_t connection_id, uint32_t relid, bool connected);
	/** One line for people, without a newline. */
	void (*log)(void *context, const char *text);
};

/** What a device does with its channel. Any but open, signal and close may be NULL. */
struct vmbus_channel_ops {
	/** The guest opened it: 0, or -errno to refuse. The rings work already. */
	int (*open)(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES]);
	/** Instead of open, in a successor, for a channel that is open. NULL: open is called. */
	int (*resume)(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES]);
	/**
	 * The guest put packets into the ring, or made room for what did not fit: send that, then take packets with
	 * vmbus_channel_next_packet until -EAGAIN (or stop earlier and call vmbus_channel_poll when there is capacity again).
	 * A batch is open around the call.
	 */
	void (*signal)(void *device, struct vmbus_channel *channel);
	/**
	 * Closed: by the guest, by its reset, by a broken ring (failed comes first). No function of the channel but
	 * vmbus_server_rescind may be called until it is open again; guest memory of packets taken earlier stays mapped: see
	 * vmbus_server_hold. A provider rescinds here the subchannels that the guest had asked for.
	 */
	void (*close)(void *device, struct vmbus_channel *channel);
	/** The guest broke the ring protocol; close follows. For statistics. */
	void (*failed)(void *device, struct vmbus_channel *channel, const char *reason);
	/** The end of vmbus_server_withdraw: the last call. The channel may not be used in it. */
	void (*withdrawn)(void *device);
};

struct vmbus_offer {
	struct vmbus_guid type;
	struct vmbus_guid instance;
	uint16_t subchannel_index;   /* 0: a primary channel; its subchannels have the same type and instance */
	uint16_t flags;              /* VMBUS_OFFER_* */
	uint16_t mmio_megabytes;
	uint8_t  user[VMBUS_USER_BYTES];
};

/**
 * A server on `state` (VMBUS_STATE_BYTES, zeroed or a predecessor's). map, ops, state must outlive it. The guest's VPs are
 * 0 .. vp_count - 1. NULL with errno: EINVAL for a state that is no VMBus state or inconsistent, ENOTSUP for another layout version, ENOMEM.
 */
struct vmbus_server *vmbus_server_create(struct vmbus_state *state, const struct guest_map *map, uint32_t vp_count,
	const struct vmbus_server_ops *ops, void *context);
/** After the first offers. Resumes what the state holds. */
void vmbus_server_start(struct vmbus_server *server);
/** Closes nothing and tells the guest nothing: a successor may go on from the state. No device callback is made. */
void vmbus_server_free(struct vmbus_server *server);
/** The partition was reset: as if the guest had unloaded. Every open channel gets its close. Offers stay. */
void vmbus_server_reset(struct vmbus_server *server);

/**
 * A message that the guest posted to VMBUS_CONNECTION_MESSAGE or _V5. 0, or -EAGAIN: not taken, because the guest does not take its
 * replies; give it again after vmbus_server_message_slot_free (a guest that behaves never gets there: hold its VP meanwhile).
 */
int vmbus_server_handle_message(struct vmbus_server *server, uint32_t connection_id, uint32_t message_type, const void *payload,
	size_t size);
/** A message slot is free again. */
void vmbus_server_message_slot_free(struct vmbus_server *server);
/**
 * The guest signalled the channel. True: it kept producing for so long that others should get their turn; call again
 * from the next round of the loop.
 */
bool vmbus_server_signal(struct vmbus_server *server, uint32_t relid);

/**
 * While held, a guest that unloads or starts anew gets no answer: a provider that still has I/O in flight into guest memory after `close`
 * holds until it is drained, so that the next kernel does not find its memory overwritten. Counted.
 */
void vmbus_server_hold(struct vmbus_server *server);
void vmbus_server_release(struct vmbus_server *server);

/** Version that the guest negotiated, VMBUS_VERSION_*; 0 = it is not connected. */
uint32_t vmbus_server_version(const struct vmbus_server *server);

/**
 * Offers a channel, hot if the guest is there. Its handle is valid until vmbus_server_rescind. NULL: no free slot, or it is offered already.
 * Channels with VMBUS_OFFER_TLNPI_PROVIDER come and go at the guest's wish: together they get at most VMBUS_MAX_TL_CHANNELS slots, counting those
 * that are taken back and not yet released by the guest.
 */
struct vmbus_channel *vmbus_server_offer(struct vmbus_server *server, const struct vmbus_offer *offer,
	const struct vmbus_channel_ops *ops, void *device);
/**
 * Takes the offer back. Calls close first if it is open; what was sent before is still delivered. The device is not called afterwards.
 * From inside its own `signal` too, which then uses the channel no more.
 */
void vmbus_server_rescind(struct vmbus_channel *channel);
/**
 * In a successor, before vmbus_server_start: the channel of an offer that was withdrawn from a guest which has it open still. It is resumed like others,
 * and withdrawn is called when the guest has closed it. NULL: there is none.
 */
struct vmbus_channel *vmbus_server_reclaim(struct vmbus_server *server, const struct vmbus_offer *offer,
	const struct vmbus_channel_ops *ops, void *device);
/**
 * Takes the offer back from a guest that may be using it: the device serves the channel until the guest, which is told, has closed it.
 * Then, or at once if it is not open, withdrawn is called. For drivers that wait for what they have under way before they let go.
 * Subchannels before their primary channel.
 */
void vmbus_server_withdraw(struct vmbus_channel *channel);

/**
 * The guest asks to be offered a channel of type `service` and instance `endpoint` (hvsock). Returns VMBUS_STATUS_SUCCESS, the offer is made
 * or follows, or the status that the guest is told.
 */
typedef uint32_t vmbus_tl_connect_fn(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *service);
/** Without one every request is refused. */
void vmbus_server_set_tl_connect(struct vmbus_server *server, vmbus_tl_connect_fn *connect, void *context);

uint32_t vmbus_channel_relid(const struct vmbus_channel *channel);
bool vmbus_channel_is_open(const struct vmbus_channel *channel);
uint32_t vmbus_channel_target_vp(const struct vmbus_channel *channel);
struct vmbus_server *vmbus_channel_server(const struct vmbus_channel *channel);
const struct guest_map *vmbus_channel_memory(const struct vmbus_channel *channel);

/** Page numbers, checked to be whole pages, of a GPADL that the guest gave for the channel. NULL: there is none like that. Valid for the call. */
const uint64_t *vmbus_channel_gpadl(const struct vmbus_channel *channel, uint32_t gpadl, uint32_t *count);

/**
 * A packet: the caller sets payload/payload_capacity and iov/iov_capacity once, the rest is output. For GPA-direct packets the
 * ranges are resolved, one after the other, neighbours merged.
 */
struct vmbus_packet {
	void *payload;
	uint32_t payload_capacity;
	uint32_t iov_capacity;
	struct iovec *iov;           /* may be NULL with capacity 0: a GPA-direct packet is then refused */
	uint32_t payload_bytes;      /* whole multiple of 8 */
	uint32_t iov_count;
	uint32_t range_count;
	uint64_t iov_bytes;
	uint64_t transaction_id;
	uint16_t type;               /* VMBUS_PACKET_* */
	uint16_t flags;
};

/**
 * Takes the next packet. 0; -EAGAIN: none left; -EIO: the channel has failed, close follows;
 * -EMSGSIZE: payload or ranges exceed the capacities; -EFAULT: ranges malformed or not in guest memory.
 * With the last two type, flags, transaction_id are valid, payload_bytes and iov_count are 0 and the packet is consumed: answer it with an error.
 * A packet counts as handled, for a successor, at the next call or at the end of the batch: record what is in flight before.
 */
int vmbus_channel_next_packet(struct vmbus_channel *channel, struct vmbus_packet *packet);
/** Outside `signal`: takes up packets that were left in the ring; calls `signal`. As vmbus_server_signal. */
bool vmbus_channel_poll(struct vmbus_channel *channel);
/**
 * While polled, the guest is told not to signal even when the ring is empty: the device calls vmbus_channel_poll soon, and again and again.
 * Asked after each `signal`: set it from there. Taken back, by a close too, it holds from the next vmbus_channel_poll on.
 */
void vmbus_channel_set_polled(struct vmbus_channel *channel, bool polled);

/**
 * Sends a packet; flags VMBUS_PACKET_FLAG_*. 0; -EAGAIN: the ring is full, `signal` comes when there is room; -EIO: the channel has failed
 * (close comes with the next event) or is not open; -EMSGSIZE: larger than the ring can ever take. Outside a batch it is published and signalled at once.
 */
int vmbus_channel_send(struct vmbus_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *payload,
	uint32_t size);
/** The same with an extension of the descriptor (transfer pages; a multiple of 8 bytes) and a payload in pieces, at most 8. */
int vmbus_channel_sendv(struct vmbus_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id,
	const void *extension, uint32_t extension_size, const struct iovec *payload, uint32_t count);
/**
 * The largest payload that a send without extension takes now, if that is at least `least` bytes (or, with a small ring, a quarter of it);
 * else 0, and `signal` comes when there is as much. 0 as well for a channel that is not open or has failed.
 */
uint32_t vmbus_channel_room(struct vmbus_channel *channel, uint32_t least);
/** Answers the packet with that transaction id. */
int vmbus_channel_complete(struct vmbus_channel *channel, uint64_t transaction_id, const void *payload, uint32_t size);

/**
 * Where a successor would go on: *received is the first packet that does not count as handled (inside `signal`, the one taken last),
 * *sent the end of the last packet sent. With them a device can tell what its predecessor did last.
 */
void vmbus_channel_positions(const struct vmbus_channel *channel, uint32_t *received, uint32_t *sent);

/** Between begin and end sends are gathered: the guest sees them together and gets at most one signal. They nest. */
void vmbus_channel_batch_begin(struct vmbus_channel *channel);
void vmbus_channel_batch_end(struct vmbus_channel *channel);

/** Counters since the channel was opened. */
struct vmbus_channel_stats {
	uint64_t packets_in, packets_out;
	uint64_t signals_in, signals_out;
	uint64_t full;               /* sends that found no room */
};
void vmbus_channel_get_stats(const struct vmbus_channel *channel, struct vmbus_channel_stats *stats);

#endif
