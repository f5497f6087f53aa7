/* SPDX-License-Identifier: BSD-2-Clause */
/* What the server's source files share. */
#ifndef BULKHEAD_VMBUS_INTERNAL_H
#define BULKHEAD_VMBUS_INTERNAL_H

#include "server.h"
#include "vmbus/ring/ring.h"

/** The guest signals channel relid on this connection id (24 bits). */
#define VMBUS_EVENT_CONNECTION(relid) (0x10000u + (relid))

/** Longest extension of a packet: descriptor of a GPA-direct packet with 16 MiB in 4 KiB pages. */
#define VMBUS_EXTENSION_WORDS 4224u

struct vmbus_channel {
	struct vmbus_server *server;
	struct vmbus_channel_state *state;
	uint32_t relid;
	const struct vmbus_channel_ops *ops; /* NULL: no device is behind the slot */
	void *device;
	bool live;               /* the rings may be used */
	const char *failure;     /* the device has not been told of yet */
	uint64_t freed;          /* when the slot became empty, in server->releases; 0: never used */
	bool running;            /* inside the device's signal function */
	bool polled;             /* the device looks into the ring of its own accord: the guest need not signal */
	uint32_t batch;
	uint8_t **pages;         /* of both rings */
	struct vmbus_ring in;    /* guest->host */
	struct vmbus_ring out;   /* host->guest */
	struct vmbus_channel_stats stats;
};

struct vmbus_server {
	struct vmbus_state *state;
	const struct guest_map *map;
	const struct vmbus_server_ops *ops;
	void *context;
	uint32_t vp_count;
	bool started;
	bool due;                /* a channel or GPADL may have a message due */
	uint32_t holds;
	uint64_t releases;       /* slots emptied so far */
	vmbus_tl_connect_fn *tl_connect;
	void *tl_context;
	struct vmbus_channel channels[VMBUS_MAX_CHANNELS];
	uint64_t extension[VMBUS_EXTENSION_WORDS]; /* copy of the packet being taken */
};

/* server.c */
void vmbus_log(struct vmbus_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Queues a reply; there is room for one for every message taken. */
void vmbus_reply(struct vmbus_server *server, const void *message, size_t size);
/** Posts what is queued and due until the slot is taken. */
void vmbus_pump(struct vmbus_server *server);

/** Forgets the guest: channels closed, GPADLs gone, nothing offered. Replies stay queued. */
void vmbus_disconnect(struct vmbus_server *server);

/* message.c */
bool vmbus_version_known(uint32_t version);

/* channel.c */
/** Slot of a relid, NULL if that is out of range or the slot is not in use. */
struct vmbus_channel *vmbus_channel_find(struct vmbus_server *server, uint32_t relid);
void vmbus_channel_open(struct vmbus_server *server, const struct vmbus_open_message *message);
/** Ends the use of the rings, tells the device. Nothing if it is not open. */
void vmbus_channel_close(struct vmbus_channel *channel);
void vmbus_channel_resume(struct vmbus_channel *channel);
/** Empties the slot, with its GPADLs. */
void vmbus_channel_free(struct vmbus_channel *channel);
/** The guest broke the rings: they are not touched again. The device is told by vmbus_channel_settle. */
void vmbus_channel_fail(struct vmbus_channel *channel, const char *reason);
void vmbus_channel_settle(struct vmbus_channel *channel);

/* packet.c */
/** What was sent becomes visible to the guest. */
void vmbus_channel_flush(struct vmbus_channel *channel);

/* gpadl.c */
void vmbus_gpadl_create(struct vmbus_server *server, const struct vmbus_gpadl_header *header, const uint8_t *data, size_t size);
void vmbus_gpadl_append(struct vmbus_server *server, const struct vmbus_gpadl_body *body, const uint8_t *data, size_t size);
void vmbus_gpadl_teardown(struct vmbus_server *server, const struct vmbus_gpadl_teardown *message);
/** A channel was closed: teardowns that waited for it are done. */
void vmbus_gpadl_channel_closed(struct vmbus_server *server, uint32_t relid);
void vmbus_gpadl_free_all(struct vmbus_server *server, uint32_t relid);
/**
 * Page numbers of a complete GPADL of the channel that is one range of whole pages. NULL if it is not there or not like that.
 */
const uint64_t *vmbus_gpadl_pages(const struct vmbus_server *server, uint32_t relid, uint32_t id, uint32_t *count);

#endif
