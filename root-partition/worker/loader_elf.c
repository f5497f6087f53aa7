/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF64 executables: vmlinux and the small guest kernels of tests/guest. Entered in 64-bit mode with the state of the
 * bzImage 64-bit entry. An entry point that is virtual is taken through its segment to the physical one.
 */
#include "loader_internal.h"
#include "boot_params.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define MAX_SEGMENTS 64u

static int load_segment(struct loader *l, const Elf64_Phdr *p)
{
	uint8_t *host;

	if (p->p_filesz > p->p_memsz)
		return loader_refuse(l, ENOEXEC, "kernel: an ELF segment has more bytes in the file than in memory");
	if (p->p_paddr < LAYOUT_HIGH_START)
		return loader_refuse(l, ENOEXEC, "kernel: ELF segment at %#llx; the first MiB is taken",
				     (unsigned long long)p->p_paddr);
	if (p->p_offset > l->kernel_size || p->p_filesz > l->kernel_size - p->p_offset)
		return loader_refuse(l, ENOEXEC, "kernel: an ELF segment ends beyond the file");
	host = p->p_paddr < LAYOUT_4G ? guest_memory_at(l->memory, p->p_paddr, p->p_memsz) : NULL;
	if (host == NULL)
		return loader_refuse(l, ENOMEM, "kernel: ELF segment of %llu bytes at %#llx does not fit the guest's memory",
				     (unsigned long long)p->p_memsz, (unsigned long long)p->p_paddr);
	memset(host + p->p_filesz, 0, p->p_memsz - p->p_filesz);
	return loader_read_guest(l, l->input->kernel_fd, p->p_offset, p->p_paddr, p->p_filesz, "kernel");
}

static bool in_segment(uint64_t address, uint64_t start, uint64_t size)
{
	return address >= start && address - start < size;
}

int loader_elf(struct loader *l)
{
	Elf64_Ehdr e;
	Elf64_Phdr p[MAX_SEGMENTS];
	struct loader_result *r = &l->result;
	struct boot_params *bp;
	unsigned int i;
	int rc;

	if (loader_read(l->input->kernel_fd, &e, 0, sizeof e) < 0)
		return loader_refuse(l, ENOEXEC, "kernel: truncated ELF header");
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_machine != EM_X86_64 ||
	    (e.e_type != ET_EXEC && e.e_type != ET_DYN))
		return loader_refuse(l, ENOEXEC, "kernel: not an x86-64 ELF executable");
	if (e.e_phentsize != sizeof p[0] || e.e_phnum == 0 || e.e_phnum > MAX_SEGMENTS)
		return loader_refuse(l, ENOEXEC, "kernel: %u ELF segments of %u bytes each", e.e_phnum, e.e_phentsize);
	if (loader_read(l->input->kernel_fd, p, e.e_phoff, e.e_phnum * sizeof p[0]) < 0)
		return loader_refuse(l, ENOEXEC, "kernel: ELF segment table ends beyond the file");

	r->kernel_start = UINT64_MAX;
	for (i = 0; i < e.e_phnum; i++) {
		if (p[i].p_type != PT_LOAD || p[i].p_memsz == 0)
			continue;
		rc = load_segment(l, &p[i]);
		if (rc < 0)
			return rc;
		if (p[i].p_paddr < r->kernel_start)
			r->kernel_start = p[i].p_paddr;
		if (p[i].p_paddr + p[i].p_memsz > r->kernel_end)
			r->kernel_end = p[i].p_paddr + p[i].p_memsz;
		if (in_segment(e.e_entry, p[i].p_paddr, p[i].p_memsz))
			r->entry = e.e_entry;
		else if (in_segment(e.e_entry, p[i].p_vaddr, p[i].p_memsz) && r->entry == 0)
			r->entry = e.e_entry - p[i].p_vaddr + p[i].p_paddr;
	}
	if (r->entry == 0)
		return loader_refuse(l, ENOEXEC, "kernel: ELF entry point %#llx lies in no segment",
				     (unsigned long long)e.e_entry);

	bp = guest_memory_low(l->memory, LAYOUT_BOOT_PARAMS);
	memset(bp, 0, sizeof *bp);
	bp->hdr.boot_flag = 0xaa55;
	bp->hdr.header = SETUP_HEADER_MAGIC;
	bp->hdr.version = 0x020f;
	bp->hdr.loadflags = LOADED_HIGH;
	bp->hdr.type_of_loader = LOADER_TYPE_UNDEFINED;
	l->cmdline_max = LAYOUT_CMDLINE_SIZE - 1;
	l->initrd_max = 0x7fffffff;
	return 0;
}
