/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition's definition as the model needs it, from the XML that the daemon stores (and has checked), and the edits of that text
 * that methods ask for. What an edit does not name stays byte for byte.
 */
#ifndef BULKHEAD_CIM_DEFINITION_H
#define BULKHEAD_CIM_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#define DEFINITION_DISKS       16u
#define DEFINITION_INTERFACES  8u
#define DEFINITION_CONTROLLERS 4u
#define DEFINITION_LUNS        64u

struct definition_disk {
	char    *source, serial[33];
	bool     block, read_only;
	unsigned controller, lun;
};

struct definition_interface {
	char     bridge[16], mac[13];            /* 12 hex digits, upper case; empty: generated when it is stored */
	unsigned vlan;
	bool     link_down, allow_spoofing;
};

struct definition {
	char     name[64], uuid[37];
	char    *title, *description;            /* NULL: none */
	uint64_t memory_bytes, startup_bytes, minimum_bytes;
	bool     dynamic_memory;
	unsigned memory_buffer, memory_priority;
	unsigned vps;
	bool     autostart, restart_on_crash, no_items;   /* no_items: without the service for key-value items */
	unsigned autostart_order;
	unsigned disk_count, interface_count;
	struct definition_disk disks[DEFINITION_DISKS];
	struct definition_interface interfaces[DEFINITION_INTERFACES];
};

/** NULL: not a definition that this program understands. */
struct definition *definition_parse(const char *text);
void definition_free(struct definition *definition);

/** A text being edited. */
struct edit;
struct edit *edit_open(const char *text);
/** The text for free(); NULL: no memory. */
char *edit_close(struct edit *edit);
void edit_drop(struct edit *edit);

void edit_set_vps(struct edit *edit, unsigned count);
/** description NULL or empty: none. */
void edit_set_description(struct edit *edit, const char *description);
void edit_set_title(struct edit *edit, const char *title);
/** order -1: as it is. */
void edit_set_autostart(struct edit *edit, bool on, int order);
void edit_set_restart(struct edit *edit, bool on);
struct edit_memory {
	bool     dynamic;
	uint64_t maximum, startup, minimum;      /* bytes; only maximum counts without dynamic */
	unsigned buffer, priority;
};
void edit_set_memory(struct edit *edit, const struct edit_memory *memory);
void edit_add_disk(struct edit *edit, unsigned controller, unsigned lun, const char *source, bool read_only);
/** Returns false: there is none. */
bool edit_remove_disk(struct edit *edit, unsigned controller, unsigned lun);
bool edit_set_disk_source(struct edit *edit, unsigned controller, unsigned lun, const char *source);
/** mac: 12 hex digits, or empty. */
void edit_add_interface(struct edit *edit, const char *bridge, const char *mac, unsigned vlan);
bool edit_remove_interface(struct edit *edit, unsigned index);
bool edit_set_interface(struct edit *edit, unsigned index, const char *bridge, int vlan, int allow_spoofing);
bool edit_set_link(struct edit *edit, unsigned index, bool up);

/** The text of a <disk> element and of an <interface> element, for free(). */
char *definition_disk_text(unsigned controller, unsigned lun, const char *source, bool read_only);
char *definition_interface_text(const char *bridge, const char *mac, unsigned vlan);
/** A new definition; uuid, initrd and cmdline may be NULL. NULL: no memory. */
char *definition_new_text(const char *name, const char *uuid, const char *kernel, const char *initrd, const char *cmdline);

#endif
