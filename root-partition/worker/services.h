/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's VMBus server with the providers behind it: SCSI controllers and integration components. Loop only. */
#ifndef BULKHEAD_WORKER_SERVICES_H
#define BULKHEAD_WORKER_SERVICES_H

#include "machine.h"

/** Offers what the machine's configuration names. */
int services_create(struct machine *machine, struct services **ret);
/** The partition is new: opens its message ports. */
int services_connect(struct services *services);
/** Closes every channel and ends requests in flight; the guest starts from nothing. */
void services_reset(struct services *services);
/** The guest goes on after a pause. */
void services_resumed(struct services *services);

void services_message(struct services *services, const struct bh_posted_message *message);
void services_slot_free(struct services *services, uint32_t vp, uint32_t sint_mask);
/** Asks the guest to turn itself off or restart. -ENOTCONN: its component is not there (yet). */
int services_shutdown(struct services *services, const struct worker_shutdown *request);
/** As integration_request. */
struct control_ticket;
void services_guest_request(struct services *services, struct worker_message *request, const struct control_ticket *ticket, int fd);

/** As storage_attach, storage_detach and storage_resize. */
int services_attach_disk(struct services *services, const struct worker_disk *disk, char *why, size_t why_size);
int services_detach_disk(struct services *services, const struct worker_disk_request *request, const struct control_ticket *ticket);
int services_resize_disk(struct services *services, const struct worker_disk_request *request, uint64_t *size, char *why, size_t why_size);

/** As network_attach, network_detach and network_set_link. */
int services_attach_interface(struct services *services, const struct worker_interface *config);
int services_detach_interface(struct services *services, const uint8_t mac[6], void (*done)(void *context, uint64_t sequence),
			      void *context, uint64_t sequence);
int services_set_link(struct services *services, const uint8_t mac[6], bool up);

/** Whether the guest has sent frames since the last call. */
bool services_sent_frames(struct services *services);
/** Whether the loop's work can wait while the guest runs. See pace.h. */
bool services_are_patient(const struct services *services);

struct dynamic_memory;
/** NULL: not there yet. */
struct dynamic_memory *services_memory(struct services *services);

void services_status(const struct services *services, struct worker_status *ret);
void services_stats(const struct services *services, struct worker_stats *ret);

#endif
