/* SPDX-License-Identifier: BSD-2-Clause */
/* See unpack.h. What is inside a bzImage: Linux Documentation/x86/boot.rst and arch/x86/boot/compressed/misc.c. */
#include "unpack.h"

#include <elf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root-partition/lib/unpacked_kernel.h"
#include "root-partition/worker/boot_params.h"

#define SECTOR 512u
#define PAGE 4096u
#define KERNEL_MAP 0xffffffff80000000ull /* __START_KERNEL_map: where physical address 0 lies in the kernel's own map */
#define MAX_SEGMENTS 32u

struct unpacker {
	struct setup_header header;
	uint8_t *vmlinux;            /* an ELF file and the relocations behind it */
	size_t vmlinux_size, elf_size;
	Elf64_Ehdr elf;
	Elf64_Phdr segment[MAX_SEGMENTS];
	uint64_t base, end;          /* physical, of what the segments have in the file */
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct unpacker *u, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(u->why, u->why_size, format, args);
	va_end(args);
	return -1;
}

/* The last four bytes of a payload are the size of what is in it, whatever packed it. */
static int read_payload(struct unpacker *u, const uint8_t *file, size_t size)
{
	struct setup_header *h = &u->header;
	uint64_t start;
	uint32_t expected;

	if (size < 2 * SECTOR)
		return refuse(u, "not a bzImage: too short");
	memcpy(h, file + SETUP_HEADER_OFFSET, sizeof *h);
	if (h->boot_flag != 0xaa55 || h->header != SETUP_HEADER_MAGIC || h->version < 0x020c || !(h->xloadflags & XLF_KERNEL_64))
		return refuse(u, "not a 64-bit bzImage");
	start = (uint64_t)((h->setup_sects == 0 ? 4 : h->setup_sects) + 1) * SECTOR + h->payload_offset;
	if (h->payload_length < 16 || start > size || h->payload_length > size - start)
		return refuse(u, "payload of %u bytes at %#x ends beyond the file", h->payload_length, h->payload_offset);
	memcpy(&expected, file + start + h->payload_length - 4, 4);
	if (expected < sizeof u->elf || expected > UNPACKED_KERNEL_MAX)
		return refuse(u, "payload says it has %u bytes", expected);
	/* gzip counts them to its trailer; to the others they are no part of the stream. */
	u->vmlinux_size = expected;
	u->vmlinux = unpack_payload(file + start, h->payload_length - (file[start] == 0x1f ? 0 : 4), expected, u->why, u->why_size);
	return u->vmlinux == NULL ? -1 : 0;
}

static int read_segments(struct unpacker *u)
{
	const Elf64_Ehdr *e = &u->elf;
	uint64_t sections;

	memcpy(&u->elf, u->vmlinux, sizeof u->elf);
	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_machine != EM_X86_64 ||
	    e->e_phentsize != sizeof u->segment[0] || e->e_phnum == 0 || e->e_phnum > MAX_SEGMENTS || e->e_phoff > u->vmlinux_size ||
	    e->e_phnum * sizeof u->segment[0] > u->vmlinux_size - e->e_phoff)
		return refuse(u, "payload: not an x86-64 ELF file with segments");
	memcpy(u->segment, u->vmlinux + e->e_phoff, e->e_phnum * sizeof u->segment[0]);
	u->base = UINT64_MAX;
	for (unsigned int i = 0; i < e->e_phnum; i++) {
		const Elf64_Phdr *p = &u->segment[i];

		if (p->p_type != PT_LOAD || p->p_filesz == 0)
			continue;
		if (p->p_offset > u->vmlinux_size || p->p_filesz > u->vmlinux_size - p->p_offset)
			return refuse(u, "payload: an ELF segment ends beyond the file");
		if (p->p_paddr > UINT32_MAX || p->p_paddr % PAGE != 0)
			return refuse(u, "payload: an ELF segment at %#llx", (unsigned long long)p->p_paddr);
		if (p->p_paddr < u->base)
			u->base = p->p_paddr;
		if (p->p_paddr + p->p_filesz > u->end)
			u->end = p->p_paddr + p->p_filesz;
	}
	if (u->base >= u->end || u->end - u->base > UNPACKED_KERNEL_MAX || u->end - u->base > u->header.init_size ||
	    e->e_entry < u->base || e->e_entry >= u->end)
		return refuse(u, "payload: ELF segments from %#llx to %#llx, entry %#llx", (unsigned long long)u->base,
			      (unsigned long long)u->end, (unsigned long long)e->e_entry);
	/* The section table is the last thing in the ELF file. */
	sections = e->e_shoff + (uint64_t)e->e_shnum * e->e_shentsize;
	if (e->e_shoff == 0 || e->e_shoff > u->vmlinux_size || sections > u->vmlinux_size)
		return refuse(u, "payload: no section table at the end of the ELF file");
	u->elf_size = sections;
	return 0;
}

struct relocations {
	const uint8_t *list[3];      /* 64 bit, inverse 32 bit, 32 bit: each behind a zero */
	uint32_t count[3];
};

/*
 * The lists fill what is left of the payload. Two and not three: a kernel without inverse ones (6.15 and later). None: it was built to
 * run where it was linked.
 */
static int read_relocations(struct unpacker *u, struct relocations *r)
{
	const uint8_t *words = u->vmlinux + u->elf_size;
	size_t n = (u->vmlinux_size - u->elf_size) / 4;
	unsigned int lists = 0;

	*r = (struct relocations){ .count = { 0 } };
	if ((u->vmlinux_size - u->elf_size) % 4 != 0)
		return refuse(u, "payload: relocations of %zu bytes", u->vmlinux_size - u->elf_size);
	for (size_t i = 0; i < n; i++) {
		uint32_t word;

		memcpy(&word, words + 4 * i, 4);
		if (word != 0 && lists == 0)
			return refuse(u, "payload: relocations do not begin with a zero");
		if (word != 0)
			r->count[lists - 1]++;
		else if (lists++ == 3)
			return refuse(u, "payload: more than three lists of relocations");
		else
			r->list[lists - 1] = words + 4 * i + 4;
	}
	if (lists == 1)
		return refuse(u, "payload: one list of relocations");
	if (lists == 2) {
		r->list[2] = r->list[1];
		r->count[2] = r->count[1];
		r->count[1] = 0;
	}
	return 0;
}

/* From the kernel's virtual addresses, of which the file has the lower halves, to offsets in the image. */
static int write_list(struct unpacker *u, const uint8_t *list, uint32_t count, unsigned int width, uint64_t image_size, uint8_t *to)
{
	for (uint32_t i = 0; i < count; i++) {
		int32_t word;
		uint64_t physical;
		uint32_t offset;

		memcpy(&word, list + 4ull * i, 4);
		physical = (uint64_t)(int64_t)word - KERNEL_MAP;
		if (physical < u->base || physical - u->base > image_size - width)
			return refuse(u, "payload: a relocation at %#llx", (unsigned long long)(int64_t)word);
		offset = (uint32_t)(physical - u->base);
		memcpy(to + 4ull * i, &offset, 4);
	}
	return 0;
}

static int write_file(struct unpacker *u, const uint8_t *file, struct unpacked *ret)
{
	struct unpacked_kernel head = { .magic = UNPACKED_KERNEL_MAGIC, .version = UNPACKED_KERNEL_VERSION, .base = u->base };
	struct relocations r;
	uint8_t *out, *to;

	if (read_relocations(u, &r))
		return -1;
	head.image_size = (u->end - u->base + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	head.entry = u->elf.e_entry - u->base;
	head.add32 = r.count[2];
	head.sub32 = r.count[1];
	head.add64 = r.count[0];
	memcpy(head.boot_sectors, file, sizeof head.boot_sectors);
	ret->size = UNPACKED_KERNEL_IMAGE + head.image_size + 4 * ((size_t)head.add32 + head.sub32 + head.add64);
	out = calloc(1, ret->size);
	if (out == NULL)
		return refuse(u, "no memory for %zu bytes", ret->size);
	memcpy(out, &head, sizeof head);
	for (unsigned int i = 0; i < u->elf.e_phnum; i++)
		if (u->segment[i].p_type == PT_LOAD && u->segment[i].p_filesz > 0)
			memcpy(out + UNPACKED_KERNEL_IMAGE + (u->segment[i].p_paddr - u->base), u->vmlinux + u->segment[i].p_offset,
			       u->segment[i].p_filesz);
	to = out + UNPACKED_KERNEL_IMAGE + head.image_size;
	if (write_list(u, r.list[2], head.add32, 4, head.image_size, to) ||
	    write_list(u, r.list[1], head.sub32, 4, head.image_size, to + 4ull * head.add32) ||
	    write_list(u, r.list[0], head.add64, 8, head.image_size, to + 4ull * head.add32 + 4ull * head.sub32)) {
		free(out);
		return -1;
	}
	ret->bytes = out;
	return 0;
}

int unpack_kernel(const uint8_t *file, size_t size, struct unpacked *ret, char *why, size_t why_size)
{
	struct unpacker u = { .why = why, .why_size = why_size };
	int rc = read_payload(&u, file, size);

	if (rc == 0)
		rc = read_segments(&u);
	if (rc == 0)
		rc = write_file(&u, file, ret);
	free(u.vmlinux);
	return rc;
}
