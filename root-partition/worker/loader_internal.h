/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the loader share. */
#ifndef BULKHEAD_WORKER_LOADER_INTERNAL_H
#define BULKHEAD_WORKER_LOADER_INTERNAL_H

#include <stdbool.h>

#include "boot_params.h"
#include "loader.h"

#define LOADER_BOOT_SECTORS 1024u /* bytes of a bzImage that hold its setup header */

struct loader {
	const struct guest_memory *memory;
	const struct loader_input *input;
	uint64_t kernel_size;        /* of the file */
	uint64_t cmdline_max;        /* bytes without the NUL */
	uint64_t initrd_max;         /* last address an initrd may occupy */
	struct loader_result result;
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 3, 4))) int loader_refuse(struct loader *l, int error, const char *format, ...);
/** Reads exactly size bytes at offset of fd into guest memory. */
int loader_read_guest(struct loader *l, int fd, uint64_t offset, uint64_t gpa, uint64_t size, const char *what);
/** Reads exactly size bytes at offset of fd. */
int loader_read(int fd, void *buffer, uint64_t offset, uint64_t size);

int loader_bzimage(struct loader *l);
int loader_elf(struct loader *l);
/** What bulkhead-unpack-kernel made of a bzImage (root-partition/lib/unpacked_kernel.h), at an address that nobody can foresee. */
int loader_unpacked(struct loader *l);

/** Of a kernel that can be booted here. */
int loader_setup_header(struct loader *l, const uint8_t sectors[LOADER_BOOT_SECTORS], struct setup_header *ret);
/** Where the kernel goes: its preferred address, or as low as its alignment lets it when that does not fit. */
int loader_choose_address(struct loader *l, const struct setup_header *h, uint64_t *ret);
/** Fills the page in guest memory, and all of l but result.entry, for a kernel at start. Returns that page. */
struct boot_params *loader_boot_params(struct loader *l, const uint8_t sectors[LOADER_BOOT_SECTORS], const struct setup_header *h,
				       uint64_t start);

/** Page tables, GDT, command line and the rest of boot_params (e820 map, initrd, RSDP). */
int boot_state_write(struct loader *l);

#endif
