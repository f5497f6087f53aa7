/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts a kernel into guest memory and says where the first VP starts: Linux bzImage by its 64-bit boot protocol
 * (Documentation/x86/boot.rst), the same unpacked beforehand, or an ELF64 executable with the same machine state. Reads the files straight into the
 * guest's memory. The files are the administrator's, yet every length in them is checked.
 */
#ifndef BULKHEAD_WORKER_LOADER_H
#define BULKHEAD_WORKER_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_memory.h"

struct loader_input {
	int kernel_fd;
	int initrd_fd;               /* -1: none */
	const char *cmdline;
	uint64_t rsdp;               /* guest-physical; for boot_params */
	bool memory_used;            /* at a reset: memory is not all zero */
};

struct loader_result {
	uint64_t entry;              /* RIP of the first VP, 64-bit mode; RSI = RDI = LAYOUT_BOOT_PARAMS */
	uint64_t kernel_start, kernel_end; /* what the kernel needs in memory before it has its own map */
	uint64_t initrd_start, initrd_size;
};

/** Returns 0 or a negative errno with one line for people in why. */
int loader_load(const struct guest_memory *memory, const struct loader_input *input, struct loader_result *ret, char *why,
		size_t why_size);

#endif
