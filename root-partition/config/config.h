/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition's definition: XML text in, a checked structure or one error with its place out. The text itself is what is
 * stored; the few edits that the daemon makes (uuid, autostart) change the text in place and leave every other byte alone.
 */
#ifndef BULKHEAD_CONFIG_H
#define BULKHEAD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_NAME_MAX    63u               /* characters */
#define CONFIG_TEXT_MAX    (256u * 1024u)    /* bytes of XML */
#define CONFIG_MAX_DISKS   16u
#define CONFIG_MAX_VPS     64u
#define CONFIG_MEMORY_UNIT (2ull << 20)
#define CONFIG_MEMORY_MIN  (16ull << 20)
#define CONFIG_MEMORY_MAX  (448ull << 30)
#define CONFIG_REPLACE_MAX 100u              /* replacements of a worker that can be allowed within a time */
#define CONFIG_CMDLINE_MAX 2047u
#define CONFIG_UUID_TEXT   37u               /* with its NUL */
#define CONFIG_MAX_INTERFACES 8u
#define CONFIG_MAX_QUEUES  8u                /* of one interface */
#define CONFIG_MAX_PORT_RANGES 16u
#define CONFIG_ACCOUNT_MAX 32u               /* characters */
#define CONFIG_MAC_BYTES   6u
#define CONFIG_MAC_TEXT    18u               /* with its NUL */

enum config_on_crash { CONFIG_CRASH_STOP, CONFIG_CRASH_RESTART };
enum config_on_worker_failure { CONFIG_WORKER_FAIL, CONFIG_WORKER_REPLACE };
enum config_on_reboot { CONFIG_REBOOT_RESTART, CONFIG_REBOOT_STOP };
enum config_cache { CONFIG_CACHE_NONE, CONFIG_CACHE_UNSAFE };
enum config_integration {
	CONFIG_IC_SHUTDOWN = 1, CONFIG_IC_HEARTBEAT = 2, CONFIG_IC_TIMESYNC = 4, CONFIG_IC_KVP = 8, CONFIG_IC_VSS = 16, CONFIG_IC_FCOPY = 32,
	CONFIG_IC_ALL = 63
};

struct config_disk {
	char    *source;             /* absolute path */
	bool     block;              /* type='block': a device node */
	bool     read_only;
	enum config_cache cache;
	uint8_t  controller, lun;
	uint32_t block_size;         /* logical bytes; 0: what the backing asks for */
	char     target[16];         /* as people call it: "sda", or "0:5" for controller 0, LUN 5 */
	char     serial[33];
};

/* A limit as libvirt's users write it: average and peak in units of 1000 bytes a second, burst in KiB. 0: none. */
struct config_rate {
	uint32_t average, peak, burst;
};

struct config_interface {
	char     bridge[16];         /* its name in the root */
	uint8_t  mac[CONFIG_MAC_BYTES];
	bool     has_mac;
	bool     link_down;          /* the cable is out at the start */
	bool     allow_spoofing;     /* the guest may send from other MAC addresses than its own */
	uint16_t vlan;               /* 1 to 4094; 0: none */
	uint32_t mtu;                /* 0: 1500 */
	uint32_t queues;             /* 0: 1; more than there are VPs are not made */
	struct config_rate inbound, outbound;    /* as the guest sees them */
};

struct config_ports {
	uint32_t count;
	struct config_port_range { uint32_t first, last; } ranges[CONFIG_MAX_PORT_RANGES];
};

/* Stream sockets between guest and host. */
struct config_vsock {
	bool     offered;
	char     owner[CONFIG_ACCOUNT_MAX + 1], group[CONFIG_ACCOUNT_MAX + 1]; /* of the sockets; empty: root, the administrators' group */
	uint32_t mode;               /* permission bits */
	struct config_ports listen;  /* of the host: the guest may connect */
	struct config_ports connect; /* of the guest: the host may connect */
};

struct partition_config {
	char     name[CONFIG_NAME_MAX + 1];
	uint8_t  uuid[16];
	bool     has_uuid;
	char    *title, *description;                 /* NULL: none */
	uint64_t memory_bytes;                        /* at most */
	uint64_t startup_bytes;                       /* at the start; memory_bytes unless dynamic_memory */
	bool     dynamic_memory;
	uint64_t minimum_bytes;
	uint32_t memory_buffer;                       /* percent of the demand, on top of it */
	uint32_t memory_priority;                     /* 0 to 100: who gets more when there is not enough */
	uint32_t vp_count;
	char    *kernel, *initrd, *cmdline;           /* initrd, cmdline may be NULL */
	unsigned integration;                         /* enum config_integration */
	bool     invariant_tsc;                       /* offered to the guest: it may then use the TSC as its clock */
	enum config_on_crash on_crash;
	uint32_t crash_limit, crash_within_s, crash_wait_s;
	enum config_on_worker_failure on_worker_failure;
	uint32_t replace_limit, replace_within_s;
	enum config_on_reboot on_reboot;
	bool     autostart;
	uint32_t autostart_order;
	bool     console_log;
	uint32_t disk_count;
	struct config_disk disks[CONFIG_MAX_DISKS];
	uint32_t interface_count;
	struct config_interface interfaces[CONFIG_MAX_INTERFACES];
	struct config_vsock vsock;
};

struct config_error {
	char text[768];              /* "file:line:column: message; remedy" */
};

/**
 * Parses and checks a definition. `file` is only named in errors. Returns 0 and a config for config_free(), or -1 with the
 * first error in document order of whichever check came first (syntax, structure, values, schema).
 */
int config_parse(const char *file, const char *text, size_t size, struct partition_config **ret, struct config_error *error);
void config_free(struct partition_config *config);

/** Frees the compiled schema that the first config_parse() keeps. */
void config_schema_release(void);

/** [A-Za-z0-9._-]{1,63}, not beginning with '.' or '-': safe as a file name and as an argument. */
bool config_name_valid(const char *name);

int config_uuid_parse(const char *text, uint8_t uuid[16]);
void config_uuid_format(const uint8_t uuid[16], char text[CONFIG_UUID_TEXT]);
/** A random (version 4) UUID. Returns 0 or a negative errno. */
int config_uuid_generate(uint8_t uuid[16]);

/** The text with <uuid> inserted behind <name>. For text that config_parse() accepted without one. Caller frees. */
char *config_text_with_uuid(const char *text, size_t size, const uint8_t uuid[16]);

/** The text with <autostart> changed or inserted. For text that config_parse() accepted. Caller frees. */
char *config_text_with_autostart(const char *text, size_t size, bool autostart);

/**
 * Parses and checks the text of one <interface>, as config_parse() does; the schema is not asked. Returns 0 or -1 with an error.
 */
int config_parse_interface(const char *file, const char *text, size_t size, struct config_interface *ret, struct config_error *error);

/** The same of one <disk>; ret->source is the caller's to free. */
int config_parse_disk(const char *file, const char *text, size_t size, struct config_disk *ret, struct config_error *error);
/** A disk's address as people write it: "sdb", or "0:5" for controller 0, LUN 5. Returns 0 or -1. */
int config_target_parse(const char *text, uint8_t *controller, uint8_t *lun);

/** Six bytes in hex with ':' or '-' between. Returns 0 or -1. */
int config_mac_parse(const char *text, uint8_t mac[CONFIG_MAC_BYTES]);
void config_mac_format(const uint8_t mac[CONFIG_MAC_BYTES], char text[CONFIG_MAC_TEXT]);
/** A random address with Hyper-V's prefix, 00:15:5d. Returns 0 or a negative errno. */
int config_mac_generate(uint8_t mac[CONFIG_MAC_BYTES]);

/**
 * The element of text that config_parse_interface() or config_parse_disk() accepted, of an interface with <mac> inserted unless mac is NULL.
 * Caller frees; NULL: no memory.
 */
char *config_device_element(const char *text, size_t size, const uint8_t *mac);

/* For text that config_parse() accepted, with an <interface> (or another device) of that index. The caller frees; NULL: no memory. */
/** With <mac> inserted into an interface that has none. */
char *config_text_with_mac(const char *text, size_t size, uint32_t index, const uint8_t mac[CONFIG_MAC_BYTES]);
/** With <link state=> changed or inserted. */
char *config_text_with_link(const char *text, size_t size, uint32_t index, bool up);
char *config_text_without_device(const char *text, size_t size, const char *name, uint32_t index);
/** With the text of one more device at the end of <devices>. */
char *config_text_with_device(const char *text, size_t size, const char *element);

/** Reads a whole file of at most `limit` bytes, NUL-terminated. Returns 0 or a negative errno (-EFBIG: too large). */
int config_read_file(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_size);

/** Replaces dirfd/name with the text so that a crash leaves the old or the new: temp file, fsync, rename, fsync of the folder. */
int config_write_file(int dirfd, const char *name, const char *text, size_t size, unsigned mode);

#endif
