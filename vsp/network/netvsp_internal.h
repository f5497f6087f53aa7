/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the network provider: channels and buffers (netvsp.c, buffers.c), NVSP (nvsp.c), RNDIS (rndis.c), frames (transmit.c, receive.c),
 * succession (settings.c). */
#ifndef BULKHEAD_VSP_NETVSP_INTERNAL_H
#define BULKHEAD_VSP_NETVSP_INTERNAL_H

#include <sys/uio.h>

#include "vmbus/protocol/nvsp.h"
#include "vmbus/protocol/rndis.h"
#include "vsp/network/netvsp.h"
#include "vsp/network/netvsp_state.h"
#include "vsp/network/rss.h"

#define NETVSP_PAGE          4096u
#define NETVSP_MAX_PIECES    64u     /* of one packet from the guest */
#define NETVSP_SEND_SECTION  6144u   /* bytes of a section of the guest's send buffer */
#define NETVSP_PART_PAGES    4u      /* a suballocation of the receive buffer: 9000 bytes and the headers, and more */
#define NETVSP_PART_BYTES    (NETVSP_PART_PAGES * NETVSP_PAGE)
#define NETVSP_SLOT_PARTS    5u      /* of a slot, when the guest takes frames of 64 KiB */
#define NETVSP_HEADROOM      96u     /* RNDIS headers in a part, before its share of the frame */
#define NETVSP_PART_FRAME    (NETVSP_PART_BYTES - NETVSP_HEADROOM)
#define NETVSP_CONTROL_SLOTS 2u      /* that frames leave alone: a driver waits for its answers without end */
#define NETVSP_ANSWER_ROOM   256u    /* of the ring: what one packet of the guest can make the provider say */
#define NETVSP_MAX_FRAME     65550u
#define NETVSP_LSO_MAX       62780u  /* what Hyper-V says, too */
_Static_assert(NETVSP_SLOT_PARTS * NETVSP_PART_FRAME >= NETVSP_MAX_FRAME, "a slot takes the largest frame");

struct netvsp_channel {
	struct netvsp *vsp;
	struct vmbus_channel *channel;       /* NULL: not offered */
	uint32_t index;
	bool open;
	bool gathering;                      /* a batch is open beyond the call: for answers that can wait */
	uint32_t gathered;
	struct vmbus_once once;
};

/* Guest memory of a GPADL, page by page. */
struct netvsp_buffer {
	uint8_t **pages;
	uint32_t page_count;
	uint32_t gpadl;
	uint16_t id;
};

struct netvsp_slot {
	struct iovec iov[NETVSP_SLOT_PARTS * NETVSP_PART_PAGES]; /* for a frame: each part behind its headroom, neighbours merged */
	uint32_t iov_count;
	uint8_t *part[NETVSP_SLOT_PARTS];    /* where its headers go */
	bool taken;                          /* the guest has it */
};

struct netvsp {
	struct vmbus_server *server;
	struct netvsp_config config;
	struct netvsp_state *state;
	struct netvsp_channel channels[NETVSP_MAX_QUEUES];
	uint32_t version;                    /* NVSP_VERSION_*; 0: not negotiated */
	bool     may_coalesce, coalesces;    /* the guest takes frames above its MTU */
	bool     refuses_coalescing;         /* said while it was up: holds until it says otherwise */
	uint32_t filter;                     /* RNDIS_FILTER_*; 0: the interface is down */
	uint8_t  groups[NETVSP_MAX_GROUPS][6]; /* addresses that RNDIS_FILTER_MULTICAST stands for */
	uint32_t group_count;
	struct rss rss;                      /* heeded while there are subchannels */
	struct netvsp_buffer receive, send;
	struct netvsp_slot *slots;
	uint32_t slot_parts, slot_count, free_count, reserved_slots;
	bool     link_untold;                /* the guest does not know yet what became of the link */
	uint16_t free_slots[NETVSP_MAX_SLOTS]; /* last in, first out: what was used last is warm */
	bool     starved[NETVSP_MAX_QUEUES]; /* input waits for room */
	bool     lost[NETVSP_MAX_QUEUES];    /* the device has gone */
	struct netvsp_stats stats;
	void   (*gone)(void *context);       /* the interface is being removed */
	uint32_t withdrawing;                /* channels that the guest has not closed yet */
};

/* A message of the guest in pieces: a part of its send buffer, memory that it named, or both. */
struct netvsp_view {
	struct iovec iov[NETVSP_MAX_PIECES + 4];
	uint32_t count;
	uint64_t bytes;
};

void netvsp_log(const struct netvsp *vsp, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* buffers.c */
/** Maps a GPADL of the channel. 0, -EINVAL, -ENOMEM. */
int netvsp_buffer_map(struct netvsp_buffer *buffer, struct vmbus_channel *channel, uint32_t gpadl, uint16_t id);
void netvsp_buffer_unmap(struct netvsp_buffer *buffer);
/** Appends bytes at the offset to the view. False: not all inside, or too many pieces. */
bool netvsp_buffer_slice(const struct netvsp_buffer *buffer, uint64_t offset, uint32_t bytes, struct netvsp_view *view);
/** Cuts the receive buffer into slots of so many parts, all free but those that state->taken names. 0 or a negative errno. */
int netvsp_slots_create(struct netvsp *vsp, uint32_t parts);
void netvsp_slots_free(struct netvsp *vsp);
/** The guest gives slots back; a wrong number is ignored. */
void netvsp_slot_return(struct netvsp *vsp, uint64_t number);

/** Copies out of a view. False: not all inside. */
bool netvsp_view_read(const struct netvsp_view *view, uint64_t offset, void *to, uint32_t bytes);
/** Appends that part of the view to iov[*count], at most `capacity`. False: not all inside, or too many pieces. */
bool netvsp_view_slice(const struct netvsp_view *view, uint64_t offset, uint64_t bytes, struct iovec *iov, uint32_t *count,
		       uint32_t capacity);

/* nvsp.c */
void netvsp_message(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *message, uint32_t bytes);
int netvsp_offer(struct netvsp *vsp, uint32_t index);

/* rndis.c */
/** A control message; answered through the receive buffer. */
void netvsp_control(struct netvsp_channel *channel, const struct netvsp_view *view);
void netvsp_indicate_link(struct netvsp *vsp);
/** Sets what the TAP may hand over, by what the guest takes. */
void netvsp_update_offloads(struct netvsp *vsp);

/* transmit.c */
/** All frames of a data message. Returns an NVSP status. */
uint32_t netvsp_transmit(struct netvsp_channel *channel, const struct netvsp_view *view);

/* receive.c */
/** A message with room for its text in a slot: control answers and indications. False: no room. */
bool netvsp_send_control(struct netvsp_channel *channel, const void *message, uint32_t bytes);
/** There is room again: slots, or in the ring. */
void netvsp_feed(struct netvsp *vsp);

/* settings.c */
/** The guest has set something: kept for a successor, before the guest is told that it is done. */
void netvsp_keep(struct netvsp *vsp);
void netvsp_keep_stats(struct netvsp *vsp);
/** As the predecessor left it, with buffers and slots. 0 or a negative errno. */
int netvsp_go_on(struct netvsp *vsp, struct vmbus_channel *channel);
/** Fresh, or a predecessor's: 0, -EINVAL, -ENOTSUP. */
int netvsp_check_state(struct netvsp_state *state, const struct vmbus_guid *instance);

/* netvsp.c */
/** Something in the ring can wait a little for company. */
void netvsp_gather(struct netvsp_channel *channel);
void netvsp_deliver(struct netvsp_channel *channel);

#endif
