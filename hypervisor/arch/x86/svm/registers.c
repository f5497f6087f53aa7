/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's registers between their TLFS names and the VMCB. */
#include "abi/registers.h"

#include "arch/x86/cpu.h"
#include "arch/x86/svm/vmcb.h"
#include "core/hypervisor.h"
#include "core/string.h"
#include "core/vp.h"

/* 64-bit registers that lie in the VMCB's save area or in struct vp. */
enum where { IN_SAVE, IN_VP };

static const struct {
	uint32_t name;
	enum where where;
	uint16_t offset;
} reg64[] = {
	{ HV_X64_REGISTER_RIP, IN_SAVE, offsetof(struct vmcb_save, rip) },
	{ HV_X64_REGISTER_RFLAGS, IN_SAVE, offsetof(struct vmcb_save, rflags) },
	{ HV_X64_REGISTER_CR0, IN_SAVE, offsetof(struct vmcb_save, cr0) },
	{ HV_X64_REGISTER_CR2, IN_SAVE, offsetof(struct vmcb_save, cr2) },
	{ HV_X64_REGISTER_CR3, IN_SAVE, offsetof(struct vmcb_save, cr3) },
	{ HV_X64_REGISTER_CR4, IN_SAVE, offsetof(struct vmcb_save, cr4) },
	{ HV_X64_REGISTER_XFEM, IN_VP, offsetof(struct vp, xcr0) },
	{ HV_X64_REGISTER_DR0, IN_VP, offsetof(struct vp, dr[0]) },
	{ HV_X64_REGISTER_DR0 + 1, IN_VP, offsetof(struct vp, dr[1]) },
	{ HV_X64_REGISTER_DR0 + 2, IN_VP, offsetof(struct vp, dr[2]) },
	{ HV_X64_REGISTER_DR0 + 3, IN_VP, offsetof(struct vp, dr[3]) },
	{ HV_X64_REGISTER_DR0 + 4, IN_SAVE, offsetof(struct vmcb_save, dr6) },
	{ HV_X64_REGISTER_DR7, IN_SAVE, offsetof(struct vmcb_save, dr7) },
	{ HV_X64_REGISTER_KERNEL_GS_BASE, IN_SAVE, offsetof(struct vmcb_save, kernel_gs_base) },
	{ HV_X64_REGISTER_PAT, IN_SAVE, offsetof(struct vmcb_save, g_pat) },
	{ HV_X64_REGISTER_SYSENTER_CS, IN_SAVE, offsetof(struct vmcb_save, sysenter_cs) },
	{ HV_X64_REGISTER_SYSENTER_EIP, IN_SAVE, offsetof(struct vmcb_save, sysenter_eip) },
	{ HV_X64_REGISTER_SYSENTER_ESP, IN_SAVE, offsetof(struct vmcb_save, sysenter_esp) },
	{ HV_X64_REGISTER_STAR, IN_SAVE, offsetof(struct vmcb_save, star) },
	{ HV_X64_REGISTER_LSTAR, IN_SAVE, offsetof(struct vmcb_save, lstar) },
	{ HV_X64_REGISTER_CSTAR, IN_SAVE, offsetof(struct vmcb_save, cstar) },
	{ HV_X64_REGISTER_SFMASK, IN_SAVE, offsetof(struct vmcb_save, sfmask) },
};

static uint64_t *reg64_slot(const struct vp *vp, uint32_t name)
{
	if (name == HV_X64_REGISTER_RAX)
		return &vp->vmcb->save.rax;
	if (name == HV_X64_REGISTER_RAX + 4)
		return &vp->vmcb->save.rsp;
	if (name >= HV_X64_REGISTER_RAX && name <= HV_X64_REGISTER_R15)
		return (uint64_t *)&vp->gpr[name - HV_X64_REGISTER_RAX];
	for (unsigned int i = 0; i < sizeof reg64 / sizeof reg64[0]; i++)
		if (reg64[i].name == name)
			return (uint64_t *)((reg64[i].where == IN_SAVE ? (uint8_t *)&vp->vmcb->save : (uint8_t *)vp) +
					    reg64[i].offset);
	return NULL;
}

static struct vmcb_segment *segment_slot(const struct vp *vp, uint32_t name)
{
	struct vmcb_save *s = &vp->vmcb->save;

	switch (name) {
	case HV_X64_REGISTER_ES: return &s->es;
	case HV_X64_REGISTER_CS: return &s->cs;
	case HV_X64_REGISTER_SS: return &s->ss;
	case HV_X64_REGISTER_DS: return &s->ds;
	case HV_X64_REGISTER_FS: return &s->fs;
	case HV_X64_REGISTER_GS: return &s->gs;
	case HV_X64_REGISTER_LDTR: return &s->ldtr;
	case HV_X64_REGISTER_TR: return &s->tr;
	}
	return NULL;
}

/* The VMCB squeezes out the four limit bits of a descriptor's attributes, the TLFS keeps their place. */
static void segment_out(const struct vmcb_segment *s, union hv_register_value *v)
{
	v->segment.base = s->base;
	v->segment.limit = s->limit;
	v->segment.selector = s->selector;
	v->segment.attributes = (s->attributes & 0xff) | (s->attributes & 0xf00) << 4;
}

static void segment_in(struct vmcb_segment *s, const union hv_register_value *v)
{
	s->base = v->segment.base;
	s->limit = v->segment.limit;
	s->selector = v->segment.selector;
	s->attributes = (v->segment.attributes & 0xff) | (v->segment.attributes >> 4 & 0xf00);
}

bool vp_vendor_get_register(const struct vp *vp, uint32_t name, union hv_register_value *v)
{
	const struct vmcb_segment *segment = segment_slot(vp, name), *table = NULL;
	const uint64_t *slot = reg64_slot(vp, name);

	memset(v, 0, sizeof *v);
	if (slot) {
		v->reg64 = *slot;
		return true;
	}
	if (segment) {
		segment_out(segment, v);
		return true;
	}
	switch (name) {
	case HV_X64_REGISTER_IDTR:
		table = &vp->vmcb->save.idtr;
		break;
	case HV_X64_REGISTER_GDTR:
		table = &vp->vmcb->save.gdtr;
		break;
	case HV_X64_REGISTER_EFER:
		v->reg64 = vp->vmcb->save.efer & ~EFER_SVME;
		return true;
	case HV_X64_REGISTER_CR8:
		v->reg64 = vp_vendor_cr8(vp);
		return true;
	case HV_REGISTER_INTERRUPT_STATE:
		v->reg64 = (vp->vmcb->control.interrupt_shadow & 1) | (vp->nmi_blocked ? 2 : 0);
		return true;
	case HV_REGISTER_PENDING_INTERRUPTION:
		return true;
	}
	if (!table)
		return false;
	v->table.base = table->base;
	v->table.limit = table->limit;
	return true;
}

#define DR7_ENABLES 0xffull

/* What a register may not hold, because VMRUN would refuse it (15.5.1) or the host would be touched. */
static bool acceptable(uint32_t name, uint64_t value)
{
	switch (name) {
	case HV_X64_REGISTER_CR0:
		return !(value >> 32) && (!(value & CR0_NW) || value & CR0_CD) && (!(value & CR0_PG) || value & CR0_PE);
	case HV_X64_REGISTER_CR4:
		return !(value & (CR4_PKE | CR4_CET));
	case HV_X64_REGISTER_XFEM:
		return (value & 1) && !(value & ~hv.xfeatures) && (value & 6) != 4;
	case HV_X64_REGISTER_EFER:
		return !(value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_TCE));
	case HV_X64_REGISTER_DR7:
	case HV_X64_REGISTER_DR0 + 4:
		return !(value >> 32);
	}
	return true;
}

bool vp_vendor_set_register(struct vp *vp, uint32_t name, const union hv_register_value *v)
{
	struct vmcb_segment *segment = segment_slot(vp, name), *table = NULL;
	uint64_t *slot = reg64_slot(vp, name);

	if (!acceptable(name, v->reg64))
		return false;
	/* VMRUN loads DR7 but not what it arms, DR0 to DR3 (15.5.1): without a switch those would be the root's. */
	if (name == HV_X64_REGISTER_DR7 && v->reg64 & DR7_ENABLES) {
		vp->debug_registers = true;
		vp->vmcb->control.intercept_dr = 0;
	}
	if (slot) {
		*slot = v->reg64;
		if (name == HV_X64_REGISTER_RFLAGS)
			*slot = (v->reg64 & 0x3f7fd7) | RFLAGS_FIXED;
		else if (name == HV_X64_REGISTER_CR0)
			*slot &= ~(CR0_CD | CR0_NW);
		return true;
	}
	if (segment) {
		segment_in(segment, v);
		if (name == HV_X64_REGISTER_SS)
			vp->vmcb->save.cpl = (segment->attributes >> 5) & 3;
		return true;
	}
	switch (name) {
	case HV_X64_REGISTER_IDTR:
		table = &vp->vmcb->save.idtr;
		break;
	case HV_X64_REGISTER_GDTR:
		table = &vp->vmcb->save.gdtr;
		break;
	case HV_X64_REGISTER_EFER:
		vp->vmcb->save.efer = v->reg64 | EFER_SVME;
		return true;
	case HV_X64_REGISTER_CR8:
		vp_vendor_set_cr8(vp, v->reg64 & 15);
		return true;
	case HV_REGISTER_INTERRUPT_STATE:
		vp->vmcb->control.interrupt_shadow = v->reg64 & 1;
		vp->nmi_blocked = v->reg64 & 2;
		/* Until the IRET of the handler that is running: it has to be seen (15.20). */
		if (vp->nmi_blocked)
			vp->vmcb->control.intercept_misc1 |= SVM_INTERCEPT1_IRET;
		return true;
	case HV_REGISTER_PENDING_INTERRUPTION:
		return v->reg64 == 0;
	}
	if (!table)
		return false;
	table->base = v->table.base;
	table->limit = v->table.limit;
	return true;
}

void vp_vendor_fill_register_page(const struct vp *vp, struct hv_vp_register_page *page)
{
	const struct vmcb_save *s = &vp->vmcb->save;

	for (unsigned int i = 0; i < 16; i++)
		page->gpr[i] = vp->gpr[i];
	page->gpr[0] = s->rax;
	page->gpr[4] = s->rsp;
	page->rip = s->rip;
	page->rflags = s->rflags;
	for (unsigned int i = 0; i < 6; i++)
		vp_vendor_get_register(vp, HV_X64_REGISTER_ES + i, &page->segment[i]);
	page->cr0 = s->cr0;
	page->cr3 = s->cr3;
	page->cr4 = s->cr4;
	page->cr8 = vp_vendor_cr8(vp);
	page->efer = s->efer & ~EFER_SVME;
	page->dr7 = s->dr7;
	page->xfem = vp->xcr0;
	page->dirty = 0;
	page->version = 1;
	page->isvalid = 1;
}

void vp_vendor_take_register_page(struct vp *vp, const struct hv_vp_register_page *page)
{
	/* The root writes this page meanwhile if it likes: each field is read once, and any value is legal in it. */
	uint32_t dirty = __atomic_load_n(&page->dirty, __ATOMIC_ACQUIRE);
	union hv_register_value v = { 0 };

	if (dirty & HV_REGISTER_PAGE_DIRTY_GP)
		for (unsigned int i = 0; i < 16; i++)
			*reg64_slot(vp, HV_X64_REGISTER_RAX + i) = page->gpr[i];
	if (dirty & HV_REGISTER_PAGE_DIRTY_IP) {
		vp->vmcb->save.rip = page->rip;
		vp->vmcb->control.interrupt_shadow &= ~1ull;
	}
	if (dirty & HV_REGISTER_PAGE_DIRTY_FLAGS) {
		v.reg64 = page->rflags;
		vp_vendor_set_register(vp, HV_X64_REGISTER_RFLAGS, &v);
	}
	if (dirty & HV_REGISTER_PAGE_DIRTY_SEGMENT)
		for (unsigned int i = 0; i < 6; i++) {
			v = page->segment[i];
			vp_vendor_set_register(vp, HV_X64_REGISTER_ES + i, &v);
		}
}

uint8_t vp_vendor_cr8(const struct vp *vp)
{
	return vp->vmcb->control.v_intr & 15;
}

void vp_vendor_set_cr8(struct vp *vp, uint8_t cr8)
{
	vp->vmcb->control.v_intr = (vp->vmcb->control.v_intr & ~SVM_V_TPR_MASK) | cr8;
}

uint8_t vp_vendor_cpl(const struct vp *vp)
{
	return vp->vmcb->save.cpl;
}
