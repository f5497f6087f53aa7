/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A synthetic network interface's driver: NVSP and RNDIS (vmbus/protocol/nvsp.h, rndis.h) on one channel. Ethernet frames go out by the send
 * buffer or from the caller's pages, and come in by the receive buffer. No allocation: all memory is the caller's. Single-threaded; nothing but
 * opening, closing and questions waits. Errors are negative errno values.
 *
 * The host is not trusted: what it says, in the ring or in the receive buffer, is copied once and checked in the copy, frames included. What makes
 * no sense is dropped and counted in `refused`.
 */
#ifndef BULKHEAD_VSC_NETVSC_NETVSC_H
#define BULKHEAD_VSC_NETVSC_NETVSC_H

#include "vmbus/protocol/nvsp.h"
#include "vmbus/protocol/rndis.h"
#include "vsc/vmbus/client.h"

#define VSC_NETVSC_SENDS         64u     /* frames on their way out at most */
#define VSC_NETVSC_PAGES         32u     /* of one frame that goes out from the caller's pages */
#define VSC_NETVSC_OWED          1024u   /* packets of the host whose return waits for room in the ring */
#define VSC_NETVSC_RANGES        562u    /* of the receive buffer in one packet; as many as Linux takes */
#define VSC_NETVSC_SCRATCH_BYTES (3u * VMBUS_PAGE_SIZE)
#define VSC_NETVSC_HEADER        14u     /* of an Ethernet frame; a VLAN tag comes beside it */
#define VSC_NETVSC_FRAME_MAX     65550u  /* what a coalesced frame, or one to be segmented, has at most */

_Static_assert(VSC_NETVSC_SENDS <= 64, "one bit each in `in_flight`");

/** A frame that came. */
struct vsc_frame {
	const uint8_t *data;         /* in the caller's `frame` memory, out of the host's reach */
	uint32_t bytes;
	uint32_t parts;              /* more than 1: the host has coalesced several segments */
	bool checksum_good;          /* the host vouches for TCP's or UDP's checksum; it may be blank */
	bool has_vlan, has_hash;
	uint16_t vlan;               /* as in an 802.1Q tag */
	uint32_t hash;               /* by which the host chose the channel */
};

/** What the host is to do to a frame that goes out. Zeros: nothing. */
struct vsc_frame_work {
	enum { VSC_CHECKSUM_NONE, VSC_CHECKSUM_TCP, VSC_CHECKSUM_UDP } checksum; /* its field holds the pseudo header's sum */
	bool ip6;
	uint16_t transport;          /* where the TCP or UDP header begins in the frame */
	uint16_t segment;            /* bytes of TCP data in each frame that this one is cut into; 0: it is not cut */
	bool has_vlan;
	uint16_t vlan;
};

/** All may be NULL. None may open, close or ask; sending from them is all right. */
struct vsc_netvsc_ops {
	void (*received)(void *context, const struct vsc_frame *frame);
	/** A frame of vsc_netvsc_send_pages is the caller's again. 0, -EIO (the host did not take it), -ENODEV (closed). */
	void (*sent)(void *context, void *cookie, int error);
	/** After -EAGAIN: it may be worth another try. */
	void (*room)(void *context);
	/** The cable was put in or pulled out. */
	void (*link)(void *context, bool up);
};

struct vsc_netvsc_config {
	/** Page-aligned memory, the host's too until the interface is closed. */
	void *rings, *receive, *send, *scratch;   /* scratch: VSC_NETVSC_SCRATCH_BYTES */
	uint32_t ring_bytes;         /* half for each direction */
	uint32_t receive_bytes, send_bytes;
	/** Ours alone: where a frame is put together. With VSC_NETVSC_FRAME_MAX bytes or more the host may coalesce. */
	uint8_t *frame;
	uint32_t frame_bytes;
	uint32_t mtu;                /* 0: 1500; the host's may be less */
	uint32_t newest;             /* NVSP_VERSION_*; 0: 6.1 */
	const struct vsc_netvsc_ops *ops;
	void *context;
};

struct vsc_netvsc {
	struct vsc_netvsc_config config;
	struct vsc_channel *channel;
	uint32_t version;            /* NVSP_VERSION_* */
	uint8_t mac[6];
	bool link_up;
	uint32_t mtu;
	uint32_t filter;             /* RNDIS_FILTER_*; 0: neither sends nor receives */
	/** What the host offers to do. */
	struct {
		bool tcp4, udp4, tcp6, udp6;
		uint32_t segment4, segment6; /* bytes of a frame that is to be segmented, at most; 0: it does not */
		bool coalesce;
	} offers;
	struct {
		uint64_t sent, received, coalesced, failed; /* frames; failed: that the host did not take */
	} stats;
	uint64_t refused;

	uint32_t receive_gpadl, send_gpadl; /* 0: not shared */
	uint32_t section_bytes, sections;   /* of the send buffer: one for each of the first tags */
	uint64_t in_flight;          /* tags */
	uint64_t from_pages;         /* of those: that `sent` is called for */
	void *cookie[VSC_NETVSC_SENDS];
	bool starved;                /* somebody was told -EAGAIN */
	uint64_t owed[VSC_NETVSC_OWED];     /* transaction ids of packets to give back, from first_owed on, in a circle */
	uint32_t first_owed, owed_count;
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[VSC_NETVSC_RANGES];
	} ranges;                    /* of the packet that is being taken */
	struct vsc_frame incoming;   /* parts > 0: what has come of a coalesced frame */
	bool init_arrived;
	struct nvsp_message init_reply;
	struct {
		uint32_t type, id;   /* 0: nobody waits */
		bool sent, arrived;
		uint32_t bytes;
		uint8_t payload[512]; /* behind the header */
	} reply;
	uint32_t next_request;
};

/**
 * Opens the channel, agrees on a version, shares the buffers and learns what the interface is. Frames flow once there is a filter. -EPROTONOSUPPORT,
 * -EPROTO (an answer that makes no sense), -EIO (the host refuses), -ETIMEDOUT, -EINVAL (memory), or what opening a channel returns.
 */
int vsc_netvsc_open(struct vsc_netvsc *n, struct vsc_channel *channel, const struct vsc_netvsc_config *config);
/**
 * Waits for what is on its way out, halts the interface and takes the memory back. Works for a rescinded channel too; releasing that is left to the
 * caller. Not 0: the host may still use the memory.
 */
int vsc_netvsc_close(struct vsc_netvsc *n);
/** Takes what has come; how many packets. Called by the channel's event. */
unsigned int vsc_netvsc_poll(struct vsc_netvsc *n);

/** Asks for the value of an OID: its bytes, or -EOPNOTSUPP, -EIO, -EPROTO, -EMSGSIZE (longer than capacity), -ETIMEDOUT. */
int vsc_netvsc_query(struct vsc_netvsc *n, uint32_t oid, void *value, uint32_t capacity);
/** Sets one. The same errors. */
int vsc_netvsc_set(struct vsc_netvsc *n, uint32_t oid, const void *value, uint32_t bytes);
/** RNDIS_FILTER_*: which frames are wanted; 0 stops both directions. */
int vsc_netvsc_set_filter(struct vsc_netvsc *n, uint32_t filter);

/**
 * Copies a frame into the send buffer; the caller's memory is not looked at again. `work` may be NULL. -EAGAIN: `room` is called when there may be
 * some; -EMSGSIZE: larger than the MTU, what the host segments, or a section of the send buffer (vsc_netvsc_send_pages has no such limit);
 * -EOPNOTSUPP: the host does no such work; -ENETDOWN: no filter.
 */
int vsc_netvsc_send(struct vsc_netvsc *n, const void *frame, uint32_t bytes, const struct vsc_frame_work *work);
/** Sends a frame from memory that is the host's, too, until `sent` is called with the cookie. The same errors; -EMSGSIZE: too many pages. */
int vsc_netvsc_send_pages(struct vsc_netvsc *n, const struct vsc_segment *segments, uint32_t count, const struct vsc_frame_work *work,
	void *cookie);

#endif
