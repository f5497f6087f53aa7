/* SPDX-License-Identifier: BSD-2-Clause */
/* Life of a VP, the pages that the root shares with it, and intercept messages. How it runs is dispatch.c. */
#include "core/vp.h"

#include "abi/status.h"
#include "arch/x86/npt.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"

void vp_post_pending(struct vp *vp, uint32_t what, uint8_t sipi_vector)
{
	if (what == VP_PENDING_SIPI)
		__atomic_store_n(&vp->sipi_vector, sipi_vector, __ATOMIC_RELAXED);
	__atomic_or_fetch(&vp->pending, what, __ATOMIC_SEQ_CST);
}

void vp_intercept_header(struct vp *vp, struct hv_x64_intercept_message_header *h, uint8_t length, uint8_t access)
{
	union hv_register_value v;
	uint8_t cpl = vp_vendor_cpl(vp);

	memset(h, 0, sizeof *h);
	h->vp_index = vp->index;
	h->instruction_length = length & 0xf;
	h->intercept_access_type = access;
	vp_vendor_get_register(vp, HV_X64_REGISTER_CR0, &v);
	h->execution_state = cpl | (v.reg64 & 1 ? 4 : 0) | (v.reg64 & (1u << 18) ? 8 : 0);
	vp_vendor_get_register(vp, HV_X64_REGISTER_EFER, &v);
	h->execution_state |= v.reg64 & (1u << 10) ? 16 : 0;
	vp_vendor_get_register(vp, HV_X64_REGISTER_CS, &v);
	h->cs = (struct hv_x64_segment){ v.segment.base, v.segment.limit, v.segment.selector, v.segment.attributes };
	vp_vendor_get_register(vp, HV_X64_REGISTER_RIP, &v);
	h->rip = v.reg64;
	vp_vendor_get_register(vp, HV_X64_REGISTER_RFLAGS, &v);
	h->rflags = v.reg64;
}

void vp_intercept(struct vp *vp, uint32_t type, const void *payload, uint8_t size)
{
	struct hv_message *m = (struct hv_message *)vp->message_page;

	vp->intercepted = true;
	if (m) {
		memcpy(m->u.bytes, payload, size);
		m->header = (struct hv_message_header){ .message_type = type, .payload_size = size,
							.sender = vp->partition->id };
	}
}

bool vp_page_absent(struct vp *vp, uint64_t gpa)
{
	uint64_t page = gpa & ~(PAGE_SIZE - 1);
	struct npt_translation t;
	bool asked = vp->absent_page == page + 1;

	/* The root's own accesses to a VP's registers have nobody to run the instruction again. */
	if (!vp->output)
		return false;
	vp->absent_page = 0;
	if (asked || npt_walk(vp->partition->npt, page, &t))
		return false;
	vp->absent_page = page + 1;
	return true;
}

void vp_ask_page(struct vp *vp)
{
	struct hv_x64_memory_intercept_message m = { .guest_physical_address = vp->absent_page - 1 };

	vp_intercept_header(vp, &m.header, 0, HV_INTERCEPT_ACCESS_WRITE);
	vp_intercept(vp, HVMSG_BULKHEAD_POPULATE, &m, sizeof m);
}

/* Looks up partition and VP and takes the VP for this CPU. With hv.lock. */
static uint64_t find_vp(uint64_t partition_id, uint32_t index, struct vp **ret)
{
	struct partition *p = partition_find(partition_id);

	if (!p)
		return HV_STATUS_INVALID_PARTITION_ID;
	*ret = partition_vp(p, index);
	if (!*ret)
		return HV_STATUS_INVALID_VP_INDEX;
	return vp_is_owned(*ret) ? HV_STATUS_INVALID_VP_STATE : HV_STATUS_SUCCESS;
}

uint64_t vp_take(struct cpu *cpu, uint64_t partition_id, uint32_t index, struct vp **ret)
{
	uint64_t status;

	lock(&hv.lock);
	status = find_vp(partition_id, index, ret);
	if (status == HV_STATUS_SUCCESS)
		/* Before anything of the VP is read: see flush.c. */
		__atomic_store_n(&(*ret)->owner, cpu->index + 1, __ATOMIC_SEQ_CST);
	unlock(&hv.lock);
	return status;
}

void vp_release(struct vp *vp)
{
	__atomic_store_n(&vp->owner, 0, __ATOMIC_RELEASE);
}

static void create(struct partition *p, uint32_t index, uint64_t vp_pa, uint64_t vmcb_pa, uint64_t fpu_pa)
{
	struct vp *vp = pa_to_va(vp_pa);

	vp->partition = p;
	vp->index = index;
	vp->vmcb_pa = vmcb_pa;
	vp->vmcb = pa_to_va(vmcb_pa);
	vp->fpu = pa_to_va(fpu_pa);
	vp->armed_deadline = ~0ull;
	child_vp_init(vp);
	vp_vendor_init(vp);
	vp_vendor_reset(vp, false);
	/* VP 0 starts when it is dispatched, the others when it sends them a SIPI. */
	vp->startup_suspended = index != 0;
	p->vp[index] = vp;
	p->vp_count++;
}

uint64_t hvcall_create_vp(struct hypercall *call)
{
	const struct hv_input_create_vp *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS, page[3] = { 0 };
	struct partition *p;

	if (in->flags)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	p = partition_find(in->partition_id);
	if (!p)
		status = HV_STATUS_INVALID_PARTITION_ID;
	else if (p->state != PARTITION_ACTIVE)
		status = HV_STATUS_INVALID_PARTITION_STATE;
	else if (in->vp_index >= HV_MAX_VPS || p->vp[in->vp_index])
		status = HV_STATUS_INVALID_VP_INDEX;
	for (unsigned int i = 0; status == HV_STATUS_SUCCESS && i < 3; i++) {
		page[i] = pool_alloc(&p->pool);
		if (!page[i])
			status = HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (status == HV_STATUS_SUCCESS)
		create(p, in->vp_index, page[0], page[1], page[2]);
	else
		for (unsigned int i = 0; i < 3; i++)
			if (page[i])
				pool_free(&p->pool, page[i]);
	unlock(&hv.lock);
	return status;
}

static void **state_page_slot(struct vp *vp, uint16_t type)
{
	switch (type) {
	case HV_VP_STATE_PAGE_REGISTERS:
		return (void **)&vp->register_page;
	case HV_VP_STATE_PAGE_INTERCEPT_MESSAGE:
		return (void **)&vp->message_page;
	case HV_VP_STATE_PAGE_BULKHEAD_EVENTS:
		return (void **)&vp->event_page;
	}
	return NULL;
}

static void drop_state_page(void **slot)
{
	if (*slot)
		hv.pagemap[va_to_pa(*slot) / PAGE_SIZE]--;
	*slot = NULL;
}

void vp_destroy(struct vp *vp)
{
	struct partition *p = vp->partition;
	uint64_t vmcb_pa = vp->vmcb_pa, fpu_pa = va_to_pa(vp->fpu);

	drop_state_page((void **)&vp->register_page);
	drop_state_page((void **)&vp->message_page);
	drop_state_page((void **)&vp->event_page);
	__atomic_store_n(&p->vp[vp->index], NULL, __ATOMIC_RELEASE);
	p->vp_count--;
	pool_free(&p->pool, vmcb_pa);
	pool_free(&p->pool, fpu_pa);
	pool_free(&p->pool, va_to_pa(vp));
}

/** Only while no VP of the partition runs: its siblings may be sending it an interrupt. */
uint64_t hvcall_delete_vp(struct hypercall *call)
{
	const struct hv_input_delete_vp *in = call->input;
	uint64_t status;
	struct vp *vp;

	lock(&hv.lock);
	status = find_vp(in->partition_id, in->vp_index, &vp);
	for (unsigned int i = 0; status == HV_STATUS_SUCCESS && i < HV_MAX_VPS; i++)
		if (vp->partition->vp[i] && vp_is_owned(vp->partition->vp[i]))
			status = HV_STATUS_INVALID_VP_STATE;
	if (status == HV_STATUS_SUCCESS)
		vp_destroy(vp);
	unlock(&hv.lock);
	return status;
}

/* The page stays the root's own, but it cannot be deposited while it is shared: the page map counts it like a mapping. */
uint64_t hvcall_map_vp_state_page(struct hypercall *call)
{
	const struct hv_input_vp_state_page *in = call->input;
	uint64_t status;
	struct vp *vp;
	void **slot;

	if (!(in->flags & 1) || in->vtl)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	status = find_vp(in->partition_id, in->vp_index, &vp);
	if (status == HV_STATUS_SUCCESS) {
		slot = state_page_slot(vp, in->type);
		if (!slot || *slot)
			status = HV_STATUS_INVALID_PARAMETER;
		else if (!root_owns(in->pfn, 1) || hv.pagemap[in->pfn] >= PAGEMAP_MAX_MAPS)
			status = HV_STATUS_ACCESS_DENIED;
	}
	if (status == HV_STATUS_SUCCESS) {
		hv.pagemap[in->pfn]++;
		*slot = pa_to_va(in->pfn * PAGE_SIZE);
	}
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_unmap_vp_state_page(struct hypercall *call)
{
	const struct hv_input_vp_state_page *in = call->input;
	uint64_t status;
	struct vp *vp;
	void **slot;

	lock(&hv.lock);
	status = find_vp(in->partition_id, in->vp_index, &vp);
	if (status == HV_STATUS_SUCCESS) {
		slot = state_page_slot(vp, in->type);
		if (slot && *slot)
			drop_state_page(slot);
		else
			status = HV_STATUS_INVALID_PARAMETER;
	}
	unlock(&hv.lock);
	return status;
}
