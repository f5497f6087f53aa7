/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces of a partition that come, go and change: in the running instance, in the stored definition, or in both. What the
 * instance has is kept in RUN_DIR/NAME/definition.xml, where the next daemon finds it.
 */
#ifndef BULKHEAD_DAEMON_INTERFACES_H
#define BULKHEAD_DAEMON_INTERFACES_H

#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/tap.h"

/**
 * Attaches the <interface> of the text; `file` is named in errors. stored: to the definition too. A partition without a worker is
 * only changed with stored. done gets the MAC address in its text. Here and below it may not be NULL.
 */
void partition_attach_interface(struct partition *partition, const char *file, const char *text, bool stored, done_fn done, void *arg);
void partition_detach_interface(struct partition *partition, const char *mac, bool stored, done_fn done, void *arg);
void partition_set_link(struct partition *partition, const char *mac, bool up, bool stored, done_fn done, void *arg);

/** What a worker is told of an interface; the descriptors are the caller's to fill in. */
void interface_describe(const struct config_interface *interface, const struct tap *tap, struct worker_interface *ret);

/** Gives interfaces without a MAC address one: the old definition's at the same place, or a new one. text is freed or returned. */
char *interfaces_settle(char *text, const struct partition_config *config, const struct partition_config *old);
/** The partition (not `but`) that has the address, or NULL. */
const struct partition *interface_owner(const struct manager *manager, const uint8_t mac[CONFIG_MAC_BYTES], const struct partition *but);

#endif
