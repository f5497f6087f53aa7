/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that was unpacked beforehand. What is left of its own decompressor's work is done here: choosing physical and virtual
 * addresses by chance, unless the command line says "nokaslr", and relocating (Linux arch/x86/boot/compressed/{kaslr,misc}.c).
 */
#include "loader_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "root-partition/lib/unpacked_kernel.h"

#define KERNEL_IMAGE_SIZE (1ull << 30) /* of the kernel's own map, in kernels that can be moved */

struct unpacked {
	struct unpacked_kernel head;
	struct setup_header setup;
	uint8_t *host;               /* the image in guest memory */
	uint64_t start;              /* its guest-physical address */
	uint64_t delta;              /* how far its virtual addresses are from those that it was linked for */
	bool by_chance;
};

static int read_head(struct loader *l, struct unpacked *u)
{
	const struct unpacked_kernel *k = &u->head;
	uint64_t relocations;
	int rc;

	if (loader_read(l->input->kernel_fd, &u->head, 0, sizeof u->head) < 0 || k->version != UNPACKED_KERNEL_VERSION)
		return loader_refuse(l, ENOEXEC, "kernel: unpacked by another version of bulkhead-unpack-kernel");
	rc = loader_setup_header(l, k->boot_sectors, &u->setup);
	if (rc < 0)
		return rc;
	relocations = (uint64_t)k->add32 + k->sub32 + k->add64;
	if (k->image_size == 0 || k->image_size > UNPACKED_KERNEL_MAX || k->image_size > u->setup.init_size ||
	    k->entry >= k->image_size || l->kernel_size != UNPACKED_KERNEL_IMAGE + k->image_size + 4 * relocations)
		return loader_refuse(l, ENOEXEC, "kernel: unpacked, but damaged");
	return 0;
}

/* Whether the command line has this word; or one that begins so, when it ends in '='. */
static bool has_option(const char *cmdline, const char *option)
{
	size_t length = strlen(option);

	for (const char *p = cmdline; (p = strstr(p, option)) != NULL; p += length)
		if ((p == cmdline || p[-1] == ' ') && (option[length - 1] == '=' || p[length] == ' ' || p[length] == '\0'))
			return true;
	return false;
}

/* One of `slots`, or the first when there is no chance to be had. */
static uint64_t any_of(uint64_t slots)
{
	uint64_t value;

	return getrandom(&value, sizeof value, GRND_NONBLOCK) == (ssize_t)sizeof value ? value % slots : 0;
}

static int choose_addresses(struct loader *l, struct unpacked *u)
{
	const struct unpacked_kernel *k = &u->head;
	const struct setup_header *h = &u->setup;
	uint64_t alignment = h->kernel_alignment, above;
	bool moves = k->add32 + k->add64 > 0 && alignment >= 4096 && (alignment & (alignment - 1)) == 0;
	int rc = loader_choose_address(l, h, &u->start);
	off_t initrd;

	if (rc < 0 || !moves || has_option(l->input->cmdline, "nokaslr"))
		return rc;
	u->by_chance = true;
	if (k->base + h->init_size < KERNEL_IMAGE_SIZE)
		u->delta = any_of((KERNEL_IMAGE_SIZE - k->base - h->init_size) / alignment + 1) * alignment;
	/* The kernel's limits on its memory are counted from below. */
	if (has_option(l->input->cmdline, "mem=") || has_option(l->input->cmdline, "memmap="))
		return 0;
	initrd = l->input->initrd_fd < 0 ? 0 : lseek(l->input->initrd_fd, 0, SEEK_END);
	above = l->memory->low_size - u->start - h->init_size;
	if (initrd >= 0 && (uint64_t)initrd + 4096 < above)
		u->start += any_of((above - (uint64_t)initrd - 4096) / alignment + 1) * alignment;
	return 0;
}

/* Holes of the file are zeros: what was never written needs none. */
static int read_image(struct loader *l, struct unpacked *u)
{
	const uint64_t file_end = UNPACKED_KERNEL_IMAGE + u->head.image_size;
	uint64_t at = UNPACKED_KERNEL_IMAGE;
	int fd = l->input->kernel_fd, rc = 0;

	u->host = guest_memory_at(l->memory, u->start, u->head.image_size);
	if (u->host == NULL)
		return loader_refuse(l, ENOMEM, "kernel: %llu bytes do not fit the guest's memory", (unsigned long long)u->head.image_size);
	if (l->input->memory_used)
		memset(u->host, 0, u->head.image_size);
	while (at < file_end && rc == 0) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;

		if (data < 0 || (uint64_t)data >= file_end)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		at = hole < 0 || (uint64_t)hole > file_end ? file_end : (uint64_t)hole;
		rc = loader_read_guest(l, fd, (uint64_t)data, u->start + (uint64_t)data - UNPACKED_KERNEL_IMAGE, at - (uint64_t)data, "kernel");
	}
	return rc;
}

typedef uint32_t __attribute__((aligned(1), may_alias)) word32;
typedef uint64_t __attribute__((aligned(1), may_alias)) word64;

static int relocate(struct loader *l, struct unpacked *u)
{
	const struct unpacked_kernel *k = &u->head;
	const uint64_t total = (uint64_t)k->add32 + k->sub32 + k->add64;
	uint64_t from = UNPACKED_KERNEL_IMAGE + k->image_size;
	uint32_t offset[4096];

	for (uint64_t done = 0; done < total && u->delta != 0;) {
		uint64_t n = total - done < 4096 ? total - done : 4096;

		if (loader_read(l->input->kernel_fd, offset, from + 4 * done, 4 * n) < 0)
			return loader_refuse(l, ENOEXEC, "kernel: unpacked, but its relocations cannot be read");
		for (uint64_t i = 0; i < n; i++, done++) {
			uint8_t *at = u->host + offset[i];
			bool wide = done >= (uint64_t)k->add32 + k->sub32;

			if (offset[i] > k->image_size - (wide ? 8 : 4))
				return loader_refuse(l, ENOEXEC, "kernel: unpacked, but a relocation lies outside it");
			if (wide)
				*(word64 *)at += u->delta;
			else if (done < k->add32)
				*(word32 *)at += (uint32_t)u->delta;
			else
				*(word32 *)at -= (uint32_t)u->delta;
		}
	}
	return 0;
}

int loader_unpacked(struct loader *l)
{
	struct unpacked u = { .delta = 0 };
	struct boot_params *bp;
	int rc = read_head(l, &u);

	if (rc == 0)
		rc = choose_addresses(l, &u);
	if (rc == 0)
		rc = read_image(l, &u);
	if (rc == 0)
		rc = relocate(l, &u);
	if (rc < 0)
		return rc;
	bp = loader_boot_params(l, u.head.boot_sectors, &u.setup, u.start);
	if (u.by_chance)
		bp->hdr.loadflags |= KASLR_FLAG;
	l->result.entry = u.start + u.head.entry;
	return 0;
}
