/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's end of VMBus: negotiation, offers, GPADLs, channels. OS-neutral: everything outside comes through struct vsc_os, all
 * memory from the caller. Single-threaded; requests wait for their answers by os->wait. The host is not trusted: what it sends is
 * checked, and what does not fit is counted in `refused` and dropped. Errors are negative errno values.
 */
#ifndef BULKHEAD_VSC_VMBUS_CLIENT_H
#define BULKHEAD_VSC_VMBUS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus/protocol/message.h"
#include "vmbus/ring/ring.h"
#include "vsc/vmbus/os.h"

#define VSC_MAX_CHANNELS 32u

struct vsc_vmbus;

/** Memory of the guest, a part of what a request is about. */
struct vsc_segment {
	void *memory;
	uint32_t bytes;
};

struct vsc_channel {
	struct vsc_vmbus *bus;
	struct vmbus_offer_message offer; /* the host's offer as it came; relid 0: this entry is free */
	bool open;
	bool rescinded;              /* taken back by the host: only close and release remain */
	bool failed;                 /* the host broke a ring */
	uint32_t gpadl;              /* of the rings while open */
	struct vmbus_ring in, out;
	/** The host signalled, or has rescinded the channel. May be NULL. */
	void (*event)(void *context, struct vsc_channel *channel);
	void *context;
	uint64_t signals_in, signals_out, packets_in, packets_out;
};

struct vsc_vmbus {
	const struct vsc_os *os;
	void *context;
	uint32_t target_vp;          /* gets messages and channel events */
	uint32_t version;            /* VMBUS_VERSION_*; 0: not connected */
	uint32_t connection_id;
	uint32_t next_id;            /* of GPADLs and opens */
	bool all_offers;
	uint64_t refused;            /* messages that made no sense */
	struct {
		uint32_t type;       /* 0: nobody waits */
		uint32_t keys;       /* how many of key[] must match the words at offset 8 */
		uint32_t key[2];
		bool arrived;
		uint8_t payload[VMBUS_MESSAGE_MAX];
	} reply;
	struct vsc_channel channels[VSC_MAX_CHANNELS];
};

void vsc_vmbus_init(struct vsc_vmbus *bus, const struct vsc_os *os, void *context, uint32_t target_vp);
/** Negotiates the newest version that both know, not above `newest` (0: 5.3). -EPROTONOSUPPORT, -ETIMEDOUT. */
int vsc_vmbus_connect(struct vsc_vmbus *bus, uint32_t newest);
/** Asks for offers and waits for the last. */
int vsc_vmbus_request_offers(struct vsc_vmbus *bus);
/** The n-th offered primary channel of a class, or NULL. */
struct vsc_channel *vsc_vmbus_find(struct vsc_vmbus *bus, const struct vmbus_guid *type, unsigned int n);
/** Gives everything back: the host forgets this guest. Channels are gone without being closed. */
int vsc_vmbus_unload(struct vsc_vmbus *bus);

/** For the embedding: a SynIC message of VMBUS_MESSAGE_TYPE came; event flag `relid` was set. */
void vsc_vmbus_message(struct vsc_vmbus *bus, const void *payload, uint32_t bytes);
void vsc_vmbus_event(struct vsc_vmbus *bus, uint32_t relid);

/**
 * Opens a channel on `bytes` of page-aligned memory, the first out_bytes of it for what we send. The memory belongs to the host until
 * the channel is closed. -ENODEV if it is rescinded meanwhile, -EIO if the host refuses.
 */
int vsc_channel_open(struct vsc_channel *channel, void *memory, uint32_t bytes, uint32_t out_bytes, const void *user, uint32_t user_bytes);
/** Closes and takes the memory back; until this returns 0 the host may still write to it. */
int vsc_channel_close(struct vsc_channel *channel);
/** Ends a channel that was rescinded: the entry is free afterwards. */
int vsc_channel_release(struct vsc_channel *channel);
/** Has events go to another VP. Before version 5.3 there is no answer to wait for. */
int vsc_channel_modify(struct vsc_channel *channel, uint32_t target_vp);

/** Shares page-aligned memory with the host under a new number, and takes it back. */
int vsc_gpadl_create(struct vsc_channel *channel, const void *memory, uint32_t bytes, uint32_t *ret_gpadl);
int vsc_gpadl_teardown(struct vsc_channel *channel, uint32_t gpadl);

/** Writes a packet; the host sees it after vsc_channel_flush. -EAGAIN: no room now; `event` comes when there is. */
int vsc_channel_send(struct vsc_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *extension,
	uint32_t extension_bytes, const void *payload, uint32_t payload_bytes);
void vsc_channel_flush(struct vsc_channel *channel);

struct vsc_packet {
	uint16_t type, flags;
	uint32_t bytes;              /* of payload, as many as there are; at most the capacity were copied */
	uint32_t extension_bytes;    /* likewise, of what is between descriptor and payload */
	uint64_t transaction_id;
};
/** Takes the next packet: 0, -EAGAIN if there is none, -EIO if the channel has failed. */
int vsc_channel_receive(struct vsc_channel *channel, struct vsc_packet *packet, void *payload, uint32_t capacity);
/** The same, with the packet's extension. */
int vsc_channel_receive_extended(struct vsc_channel *channel, struct vsc_packet *packet, void *extension, uint32_t extension_capacity,
	void *payload, uint32_t capacity);
/** While masked the host need not signal; unmasking says whether packets came meanwhile. */
void vsc_channel_mask(struct vsc_channel *channel);
bool vsc_channel_unmask(struct vsc_channel *channel);

/* Between the files of this folder, and for programs that misbehave on purpose. */
/** Posts one control message, again and again while the host has no room. */
int vsc_vmbus_post(struct vsc_vmbus *bus, const void *message, uint32_t bytes);
/** Says which answer is awaited: its type and the first `keys` words at offset 8. Before the request is posted. */
void vsc_vmbus_expect(struct vsc_vmbus *bus, uint32_t type, uint32_t keys, uint32_t key0, uint32_t key1);
/** Waits for it; then bus->reply.payload holds it. channel may be NULL. */
int vsc_vmbus_await(struct vsc_vmbus *bus, const struct vsc_channel *channel);

#endif
