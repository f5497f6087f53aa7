/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child writes to CR0 and CR4, where the processor's own answer would reach others: CR0.CD turns off the core's cache, and CR4.PKE
 * and CET open user state that nobody switches. All rules are those of APM vol. 2, 3.1.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/svm/child.h"
#include "arch/x86/svm/svm.h"

#define CS_LONG 0x200u
/* CD and NW are taken and forgotten: a child that asks for no cache gets the same results, in less time. */
#define CR0_KEPT (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
/* What child_cpuid.c offers; every processor on which CR4 is intercepted has all of it. */
#define CR4_OFFERED (0x1ffull | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)

static bool is_long(const struct vmcb_save *s)
{
	return s->efer & EFER_LMA && s->cs.attributes & CS_LONG;
}

static bool is_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3 || (byte & ~0x18) == 0x26 || byte == 0x64 || byte == 0x65;
}

/*
 * What the instruction writes, and its length; 0: neither MOV to a control register nor LMSW from a register. The child may have changed it
 * since: it gets what it would get for the new one.
 */
static unsigned int decode(const struct vp *vp, uint64_t *value)
{
	const struct vmcb_save *s = &vp->vmcb->save;
	uint8_t bytes[16], modrm, rex = 0;
	unsigned int count = guest_fetch(vp, bytes), i = 0;
	union hv_register_value v;

	while (i < count && is_prefix(bytes[i]))
		i++;
	if (is_long(s) && i < count && (bytes[i] & 0xf0) == 0x40)
		rex = bytes[i++];
	if (i + 3 > count || bytes[i] != 0x0f)
		return 0;
	modrm = bytes[i + 2];
	vp_vendor_get_register(vp, HV_X64_REGISTER_RAX + ((modrm & 7) | (rex & 1) << 3), &v);
	if (bytes[i + 1] == 0x22)
		*value = is_long(s) ? v.reg64 : (uint32_t)v.reg64;
	else if (bytes[i + 1] == 0x01 && modrm >> 3 == 0x1e) /* LMSW: sets PE, but does not clear it */
		*value = (s->cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) | (v.reg64 & 0xf);
	else
		return 0;
	return i + 3;
}

static bool set_cr0(struct vmcb_save *s, uint64_t value)
{
	uint64_t old = s->cr0;

	if (value >> 32 || (value & (CR0_NW | CR0_CD)) == CR0_NW || (value & (CR0_PG | CR0_PE)) == CR0_PG)
		return false;
	if (value & ~old & CR0_PG && s->efer & EFER_LME) {
		if (!(s->cr4 & CR4_PAE) || s->cs.attributes & CS_LONG)
			return false;
		s->efer |= EFER_LMA;
	} else if (old & ~value & CR0_PG) {
		if (is_long(s))
			return false;
		s->efer &= ~EFER_LMA;
	}
	s->cr0 = (value & CR0_KEPT) | CR0_ET;
	return true;
}

static bool set_cr4(struct vmcb_save *s, uint64_t value)
{
	if (value & ~CR4_OFFERED || (s->efer & EFER_LMA && !(value & CR4_PAE)))
		return false;
	s->cr4 = value;
	return true;
}

void svm_control_write(struct vp *vp, unsigned int number)
{
	struct vmcb *v = vp->vmcb;
	uint64_t value;
	unsigned int length = decode(vp, &value);

	if (!length) {
		svm_inject_exception(v, VECTOR_UD);
		return;
	}
	if (!(number ? set_cr4(&v->save, value) : set_cr0(&v->save, value))) {
		svm_inject_exception_error(v, VECTOR_GP, 0);
		return;
	}
	/* Whatever of it concerns translations: a new ASID has none. */
	vp->asid_cpu = ~0u;
	svm_skip(v, length);
}
