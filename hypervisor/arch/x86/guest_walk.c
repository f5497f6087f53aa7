/* SPDX-License-Identifier: BSD-2-Clause */
/* See guest_walk.h. The child may change its tables meanwhile: each entry is read once, and a wrong answer hurts only the child. */
#include "arch/x86/guest_walk.h"

#include "abi/hypercall.h"
#include "arch/x86/cpu.h"
#include "arch/x86/npt.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

#define MAX_INSTRUCTION 15u

static uint64_t reg(const struct vp *vp, uint32_t name)
{
	union hv_register_value v = { 0 };

	vp_vendor_get_register(vp, name, &v);
	return v.reg64;
}

bool guest_read_physical(const struct vp *vp, uint64_t gpa, void *to, uint64_t size)
{
	struct npt_translation t;

	while (size) {
		uint64_t part = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));

		if (part > size)
			part = size;
		if (!npt_walk(vp->partition->npt, gpa, &t))
			return false;
		memcpy(to, pa_to_va(t.pa), part);
		to = (uint8_t *)to + part;
		gpa += part;
		size -= part;
	}
	return true;
}

/* The three formats differ in levels, entry size and index width (APM vol. 2, 5.2 and 5.3). */
struct paging_mode {
	int levels;
	unsigned int entry_size, index_bits;
};

static uint32_t walk(const struct vp *vp, const struct paging_mode *mode, uint64_t table, uint64_t gva, uint64_t flags,
		     uint64_t cr4, uint64_t *gpa)
{
	bool writable = true, nx = false;

	for (int level = mode->levels - 1; level >= 0; level--) {
		unsigned int shift = 12 + mode->index_bits * level;
		uint64_t index = (gva >> shift) & ((1u << mode->index_bits) - 1), entry = 0, mask = (1ull << shift) - 1;
		bool large = level > 0 && level < 3;

		/* PAE has four top entries only. */
		if (mode->levels == 3 && level == 2)
			index &= 3;
		if (!guest_read_physical(vp, table + index * mode->entry_size, &entry, mode->entry_size)) {
			*gpa = table;
			return HV_TRANSLATE_GVA_GPA_UNMAPPED;
		}
		if (!(entry & PTE_PRESENT))
			return HV_TRANSLATE_GVA_PAGE_NOT_PRESENT;
		if (!(mode->levels == 3 && level == 2)) {
			writable &= !!(entry & PTE_WRITE);
			nx |= mode->entry_size == 8 && entry & PTE_NX;
		}
		large = large && entry & PTE_LARGE && !(mode->levels == 3 && level == 2) &&
			(mode->entry_size == 8 || cr4 & CR4_PSE);
		if (level > 0 && !large) {
			table = entry & PTE_ADDRESS;
			continue;
		}
		if ((flags & HV_TRANSLATE_GVA_VALIDATE_WRITE && !writable && reg(vp, HV_X64_REGISTER_CR0) & CR0_WP) ||
		    (flags & HV_TRANSLATE_GVA_VALIDATE_EXECUTE && nx))
			return HV_TRANSLATE_GVA_PRIVILEGE_VIOLATION;
		*gpa = (entry & PTE_ADDRESS & ~mask) | (gva & mask);
		return HV_TRANSLATE_GVA_SUCCESS;
	}
	return HV_TRANSLATE_GVA_PAGE_NOT_PRESENT;
}

uint32_t guest_translate(const struct vp *vp, uint64_t gva, uint64_t flags, uint64_t *gpa)
{
	static const struct paging_mode long_mode = { 4, 8, 9 }, pae = { 3, 8, 9 }, legacy = { 2, 4, 10 };
	uint64_t cr0 = reg(vp, HV_X64_REGISTER_CR0), cr3 = reg(vp, HV_X64_REGISTER_CR3), cr4 = reg(vp, HV_X64_REGISTER_CR4);

	if (!(cr0 & CR0_PG)) {
		*gpa = (uint32_t)gva;
		return HV_TRANSLATE_GVA_SUCCESS;
	}
	if (reg(vp, HV_X64_REGISTER_EFER) & EFER_LMA)
		return walk(vp, &long_mode, cr3 & PTE_ADDRESS, gva, flags, cr4, gpa);
	gva = (uint32_t)gva;
	if (cr4 & CR4_PAE)
		return walk(vp, &pae, cr3 & 0xffffffe0u, gva, flags, cr4, gpa);
	return walk(vp, &legacy, cr3 & 0xfffff000u, gva, flags, cr4, gpa);
}

uint8_t guest_fetch(const struct vp *vp, uint8_t bytes[16])
{
	uint64_t linear = reg(vp, HV_X64_REGISTER_RIP), gpa;
	union hv_register_value cs;
	uint8_t n = 0;

	memset(bytes, 0, 16);
	vp_vendor_get_register(vp, HV_X64_REGISTER_CS, &cs);
	if (!(reg(vp, HV_X64_REGISTER_EFER) & EFER_LMA && cs.segment.attributes & 0x2000))
		linear = (uint32_t)(linear + cs.segment.base);
	while (n < MAX_INSTRUCTION) {
		uint64_t part = PAGE_SIZE - ((linear + n) & (PAGE_SIZE - 1));

		if (part > MAX_INSTRUCTION - n)
			part = MAX_INSTRUCTION - n;
		if (guest_translate(vp, linear + n, HV_TRANSLATE_GVA_VALIDATE_EXECUTE, &gpa) != HV_TRANSLATE_GVA_SUCCESS ||
		    !guest_read_physical(vp, gpa, bytes + n, part))
			break;
		n += part;
	}
	return n;
}
