/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux bzImage, 64-bit entry (Linux Documentation/x86/boot.rst, "64-bit BOOT PROTOCOL"). */
#include "loader_internal.h"
#include "boot_params.h"

#include <errno.h>
#include <string.h>

#define SECTOR 512u
#define ENTRY_64 0x200u

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

int loader_choose_address(struct loader *l, const struct setup_header *h, uint64_t *ret)
{
	uint64_t limit = l->memory->low_size, start = h->pref_address;

	if (start >= LAYOUT_HIGH_START && start < limit && h->init_size <= limit - start) {
		*ret = start;
		return 0;
	}
	if (!h->relocatable_kernel)
		return loader_refuse(l, ENOMEM, "kernel: needs %#x bytes at %#llx and is not relocatable", h->init_size,
				     (unsigned long long)start);
	if (h->kernel_alignment < 4096 || (h->kernel_alignment & (h->kernel_alignment - 1)) != 0)
		return loader_refuse(l, ENOEXEC, "kernel: alignment %#x is not a power of two", h->kernel_alignment);
	start = align_up(LAYOUT_HIGH_START, h->kernel_alignment);
	if (start >= limit || h->init_size > limit - start)
		return loader_refuse(l, ENOMEM, "kernel: needs %#x bytes of memory from %#llx on; give the partition more memory",
				     h->init_size, (unsigned long long)start);
	*ret = start;
	return 0;
}

int loader_setup_header(struct loader *l, const uint8_t sectors[LOADER_BOOT_SECTORS], struct setup_header *ret)
{
	struct setup_header h;

	memcpy(&h, sectors + SETUP_HEADER_OFFSET, sizeof h);
	if (h.boot_flag != 0xaa55 || h.header != SETUP_HEADER_MAGIC)
		return loader_refuse(l, ENOEXEC, "kernel: neither a bzImage nor an ELF file");
	if (h.version < 0x020c)
		return loader_refuse(l, ENOEXEC, "kernel: boot protocol %u.%02u is older than 2.12", h.version >> 8,
				     h.version & 0xff);
	if (!(h.xloadflags & XLF_KERNEL_64))
		return loader_refuse(l, ENOEXEC, "kernel: has no 64-bit entry point (a 32-bit kernel?)");
	if (!(h.loadflags & LOADED_HIGH))
		return loader_refuse(l, ENOEXEC, "kernel: a zImage; a bzImage is needed");
	*ret = h;
	return 0;
}

struct boot_params *loader_boot_params(struct loader *l, const uint8_t sectors[LOADER_BOOT_SECTORS], const struct setup_header *h,
				       uint64_t start)
{
	/* The jump at 200h gives the header's end: what newer kernels append is copied too. */
	uint64_t header_end = 0x202u + h->jump_offset;
	struct boot_params *bp = guest_memory_low(l->memory, LAYOUT_BOOT_PARAMS);

	memset(bp, 0, sizeof *bp);
	if (header_end > SETUP_HEADER_OFFSET + SETUP_HEADER_ROOM)
		header_end = SETUP_HEADER_OFFSET + SETUP_HEADER_ROOM;
	memcpy((uint8_t *)bp + SETUP_HEADER_OFFSET, sectors + SETUP_HEADER_OFFSET, header_end - SETUP_HEADER_OFFSET);
	bp->hdr.type_of_loader = LOADER_TYPE_UNDEFINED;
	bp->hdr.code32_start = (uint32_t)start;

	l->cmdline_max = h->cmdline_size;
	l->initrd_max = h->initrd_addr_max;
	l->result.kernel_start = start;
	l->result.kernel_end = start + h->init_size;
	return bp;
}

int loader_bzimage(struct loader *l)
{
	uint8_t image[LOADER_BOOT_SECTORS];
	uint64_t setup_size, payload, start = 0;
	struct setup_header h;
	int rc;

	rc = loader_read(l->input->kernel_fd, image, 0, sizeof image);
	if (rc < 0)
		return loader_refuse(l, ENOEXEC, "kernel: neither a bzImage nor an ELF file: too short");
	rc = loader_setup_header(l, image, &h);
	if (rc < 0)
		return rc;
	setup_size = (uint64_t)((h.setup_sects == 0 ? 4 : h.setup_sects) + 1) * SECTOR;
	payload = (uint64_t)h.syssize * 16;
	if (payload <= ENTRY_64)
		return loader_refuse(l, ENOEXEC, "kernel: header gives a size of %llu bytes", (unsigned long long)payload);
	/* syssize is rounded up to 16 bytes, and to more by some signing tools: what the file has then is all of it. */
	if (setup_size >= l->kernel_size || payload > align_up(l->kernel_size - setup_size, 4096))
		return loader_refuse(l, ENOEXEC, "kernel: file is shorter (%llu bytes) than its header says (%llu)",
				     (unsigned long long)l->kernel_size, (unsigned long long)(setup_size + payload));
	if (payload > l->kernel_size - setup_size)
		payload = l->kernel_size - setup_size;
	if (h.init_size < payload)
		return loader_refuse(l, ENOEXEC, "kernel: init_size %#x is less than its own code", h.init_size);
	rc = loader_choose_address(l, &h, &start);
	if (rc < 0)
		return rc;
	rc = loader_read_guest(l, l->input->kernel_fd, setup_size, start, payload, "kernel");
	if (rc < 0)
		return rc;
	loader_boot_params(l, image, &h, start);
	l->result.entry = start + ENTRY_64;
	return 0;
}
