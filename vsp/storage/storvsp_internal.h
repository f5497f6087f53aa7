/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the storage provider's source files share. storvsp.c: life and negotiation. channel.c: packets in and out. hotplug.c: disks that come,
 * go and grow. request.c: a command from its packet to its answer. request_pool.c: requests' places, order, end. request_state.c: what a
 * successor needs. request_data.c: the guest's buffer. disk.c: what a descriptor can do.
 */
#ifndef BULKHEAD_VSP_STORAGE_STORVSP_INTERNAL_H
#define BULKHEAD_VSP_STORAGE_STORVSP_INTERNAL_H

#include "vsp/storage/disk_queue.h"
#include "vsp/storage/scsi.h"
#include "vsp/storage/storvsp.h"
#include "vsp/storage/storvsp_protocol.h"

#define STORVSP_CHANNELS (1u + STORVSP_MAX_SUBCHANNELS)
/* In flight on one disk; what comes above waits, so that a slow disk does not take a fast one's place in the kernel's queue. */
#define STORVSP_DISK_DEPTH 128u
/*
 * With so many operations in the queue another one ends soon: the ring is looked into then, and the guest need not signal. Only where
 * the controller has one disk: a slow one's completions must not pace another's.
 */
#define STORVSP_POLL_DEPTH 4u
/* Pieces in which a range is verified or written with a pattern. */
#define STORVSP_CHUNK (256u << 10)

/** How far the negotiation came. Kept in the state. */
enum storvsp_phase {
	STORVSP_PHASE_NONE,
	STORVSP_PHASE_BEGUN,
	STORVSP_PHASE_VERSION,
	STORVSP_PHASE_PROPERTIES,
	STORVSP_PHASE_READY,
	STORVSP_PHASE_COUNT
};

struct request_list {
	struct request *first, *last;
};

struct storvsp_disk {
	struct scsi_disk scsi;
	int fd;                      /* the user's */
	int file;                    /* the queue's number */
	uint32_t memory_align;       /* of a buffer's pieces; 1: any */
	bool no_flush;
	bool flush_failed;           /* data may be lost: no flush succeeds any more */
	uint32_t in_flight;
	struct request_list waiting; /* for in_flight to fall below STORVSP_DISK_DEPTH */
	struct storvsp_disk_stats stats;
	bool removed;                /* nobody finds it any more; the last request frees it */
	void (*released)(void *context);
	void *released_context;
};

struct storvsp_channel {
	struct storvsp *vsp;
	struct vmbus_channel *channel; /* NULL: not offered */
	uint16_t index;              /* of the subchannel; 0 primary */
	bool open;
	bool stalled;                /* packets were left in the ring for want of a free request */
	bool polled;                 /* the guest does not signal: see STORVSP_POLL_DEPTH */
	bool again;                  /* it kept producing: wants another turn */
	bool skip_first;             /* successor: the packet taken last is still in the ring */
	struct request_list backlog; /* answers that found the ring full */
};

/** A packet taken from a ring, until it is answered. Its index is also its place in the state. */
struct request {
	struct disk_op op;           /* first: the queue gives it back */
	struct request *next;
	struct storvsp_channel *channel; /* NULL: closed meanwhile, nobody waits for the answer */
	struct storvsp_disk *disk;   /* NULL: none concerned */
	uint64_t sequence;           /* 0: free */
	uint64_t transaction_id;
	bool wants_answer;
	bool recorded;               /* in the state */
	bool queued;                 /* with the queue, which may touch the guest's buffer */
	struct scsi_plan plan;
	struct storvsp_packet packet; /* the guest's, then the answer */
	uint64_t at, end;            /* bytes of the disk: what of a range is left */
	uint8_t *bounce;
	struct scsi_extent *extents; /* UNMAP: those left are extents[extent .. extent_count) */
	uint32_t extent, extent_count;
	struct iovec chunk;          /* of bounce, what op.iov points to when it is used */
	uint32_t iov_count;
	uint64_t iov_bytes;
	struct iovec iov[STORVSP_MAX_SEGMENTS]; /* the guest's buffer */
};

struct storvsp {
	struct vmbus_server *server;
	struct storvsp_state *state;
	struct storvsp_config config;
	struct disk_queue *queue;
	bool offered;                /* storvsp_start was called */
	bool started;                /* work for the queue is waiting for submit */
	bool reaping, resetting;     /* inside of it */
	uint32_t max_subchannels;
	uint32_t in_queue;           /* operations */
	uint32_t orphans;            /* requests in the queue whose channel was closed; > 0: the VMBus server is held */
	struct request_list free;    /* used as a stack, so that only as many are ever touched as were in flight at once */
	struct request_list resets;  /* wait for what is older */
	struct storvsp_disk *disks[STORVSP_TARGETS][STORVSP_LUNS];
	struct storvsp_disk *disk_list[2 * STORVSP_TARGETS * STORVSP_LUNS]; /* the same, and those that were removed and are not released */
	uint32_t disk_count;
	uint32_t absence_heard[STORVSP_TARGETS][STORVSP_LUNS]; /* commands that found no disk there */
	uint64_t luns[STORVSP_TARGETS]; /* which are there, a bit each */
	struct storvsp_channel channels[STORVSP_CHANNELS];
	struct request *requests;    /* STORVSP_MAX_REQUESTS */
	uint32_t request_limit;      /* those from here on were never used */
};

static inline void request_push(struct request_list *list, struct request *request)
{
	request->next = NULL;
	if (list->first)
		list->last->next = request;
	else
		list->first = request;
	list->last = request;
}

static inline void request_push_front(struct request_list *list, struct request *request)
{
	request->next = list->first;
	list->first = request;
	if (!request->next)
		list->last = request;
}

static inline struct request *request_pop(struct request_list *list)
{
	struct request *request = list->first;

	if (request)
		list->first = request->next;
	return request;
}

/* storvsp.c */
void storvsp_log(const struct storvsp *vsp, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Carries out a packet of the negotiation; fills in its status and what it asks for. */
void storvsp_control(struct storvsp_channel *channel, struct storvsp_packet *packet);

/* hotplug.c */
/** The guest is told to look for disks again, as soon as there is room. */
void storvsp_announce(struct storvsp *vsp);
/** Sends what storvsp_announce could not. */
void storvsp_announce_again(struct storvsp *vsp);
/** A guest begins or ends to use the controller: it knows nothing yet, or any more. */
void storvsp_forget_guest(struct storvsp *vsp);
/** The guest has sent a command to an address without a disk, or asked which there are. */
void storvsp_note_absence(struct storvsp *vsp, const struct storvsp_srb *srb);
/** Frees a disk that has no request any more. */
void storvsp_disk_free(struct storvsp *vsp, struct storvsp_disk *disk);

/* channel.c */
int storvsp_offer(struct storvsp *vsp, uint16_t index);
void storvsp_take_back(struct storvsp_channel *channel);
/** Works off what the queue has done, with one signal at most to each channel. */
void storvsp_reap(struct storvsp *vsp, bool wait);
/** Carries out a request whose packet is complete: a command, a reset, an answer kept, or negotiation. */
void request_dispatch(struct storvsp *vsp, struct request *request);

/* request_pool.c */
bool storvsp_has_request(const struct storvsp *vsp);
/** NULL: all are in use. */
struct request *request_get(struct storvsp *vsp);
void request_put(struct storvsp *vsp, struct request *request);
/** Sends the answer that lies in the packet, or keeps it until the ring has room. */
void request_answer(struct storvsp *vsp, struct request *request);
/** Gives r->op to the queue, or lets it wait for a place there. */
void request_start(struct storvsp *vsp, struct request *request);
/** Starts what waited for a place in the queue. */
void request_start_waiting(struct storvsp *vsp);
/** Sends answers that waited for room. False: some still wait. */
bool request_send_backlog(struct storvsp *vsp, struct storvsp_channel *channel);
/** A reset was taken: it is answered when everything older is. */
void request_reset(struct storvsp *vsp, struct request *request);
/** The channel is closed: forgets what is not in the queue, hides the rest from the guest. */
void request_abandon(struct storvsp *vsp, struct storvsp_channel *channel);

/* request.c */
/** Carries out the packet of a request just taken; it is answered now or later. */
void request_execute(struct storvsp *vsp, struct request *request);
/** What the queue calls. */
void request_done(void *context, struct disk_op *op, int result);

/* request_state.c */
void request_record(struct storvsp *vsp, struct request *request);
/** The packet was taken from its ring just now. */
void request_record_taken(struct storvsp *vsp, const struct request *request);
/** Its answer is sent next, or not wanted: sending is false then. */
void request_record_sending(struct storvsp *vsp, const struct request *request, bool sending);
/** That is to be sent for it as soon as there is room. */
void request_record_answer(struct storvsp *vsp, struct request *request);
void request_forget(struct storvsp *vsp, struct request *request);
/** A successor's channel is open again: does again what was in flight there. */
void request_restore(struct storvsp *vsp, struct storvsp_channel *channel);
/** What a predecessor did on the channel is of no use: it was opened anew. */
void request_forget_old(struct storvsp *vsp, uint16_t index);

/* request_data.c */
uint32_t request_to_guest(const struct request *request, const uint8_t *from, uint32_t bytes);
uint32_t request_from_guest(const struct request *request, uint8_t *to, uint32_t bytes);
/** Whether the guest's buffer holds these bytes from the offset on. */
bool request_equals(const struct request *request, uint64_t offset, const uint8_t *with, uint32_t bytes);
/** Cuts the buffer to the first bytes of it. */
void request_trim(struct request *request, uint64_t bytes);
/** Whether the file takes the buffer as it lies. */
bool request_is_aligned(const struct request *request, uint32_t alignment);
/** Room for the bytes, aligned for any disk. */
bool request_get_bounce(struct request *request, uint32_t bytes);
/** So many bytes of the operation are done: the rest is what op describes. */
void request_advance(struct request *request, uint64_t bytes);

/* disk.c */
int storvsp_disk_size(int fd, uint64_t *bytes);
int storvsp_disk_open(struct storvsp *vsp, const struct storvsp_disk_config *config, struct storvsp_disk **ret);

#endif
