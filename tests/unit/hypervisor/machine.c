/* SPDX-License-Identifier: BSD-2-Clause */
/* See machine.h. */
#include "machine.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/status.h"
#include "arch/x86/cpu.h"
#include "arch/x86/npt.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

#define POOL_PAGES 24u
#define STATE_PFN 0x40ull /* register, message and event page of VP n: 3n pages on */

struct hypervisor hv;
uint64_t machine_tsc = 1000000;
uint64_t machine_xcr0 = 1;
struct cpu *machine_cpu;
bool (*machine_cpuid_hook)(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
int (*machine_guest)(struct cpu *cpu, struct vp *vp);
uint32_t machine_last_msr;
uint8_t machine_xmm[96];

static uint8_t *ram;

uint64_t machine_rdtsc(void)
{
	return machine_tsc;
}

uint64_t machine_xgetbv(void)
{
	return machine_xcr0;
}

void machine_read_xmm(uint8_t *to)
{
	memcpy(to, machine_xmm, sizeof machine_xmm);
}

void machine_wrmsr(uint32_t msr, uint64_t value)
{
	(void)value;
	machine_last_msr = msr;
}

/* All features that a Zen processor might have, SVM and performance counters among them. */
static void zen(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	switch (leaf) {
	case 0:
		out[0] = 0x10, out[1] = 0x68747541, out[2] = 0x444d4163, out[3] = 0x69746e65;
		return;
	case 1:
		out[0] = 0x00800f12, out[1] = 0x05100800, out[2] = 0xffffffff & ~(1u << 31), out[3] = 0xffffffff;
		return;
	case 0xd:
		if (subleaf == 0)
			out[0] = 0x207, out[1] = 0x988, out[2] = 0x988;
		else if (subleaf == 1)
			out[0] = 0xf, out[1] = 0x340;
		else if (subleaf == 2)
			out[0] = 256, out[1] = 576;
		else
			out[0] = 8, out[1] = 0x980;
		return;
	case 0x80000000u:
		out[0] = 0x80000021u;
		return;
	case 0x80000008u:
		out[0] = 0x3030, out[1] = out[2] = out[3] = 0xffffffff;
		return;
	}
	out[0] = out[1] = out[2] = out[3] = 0xffffffff;
}

struct cpuid_result machine_cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t out[4] = { 0 };

	if (!machine_cpuid_hook)
		zen(leaf, subleaf, out);
	else if (!machine_cpuid_hook(leaf, subleaf, out))
		memset(out, 0, sizeof out);
	return (struct cpuid_result){ out[0], out[1], out[2], out[3] };
}

_Noreturn void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}

/* The vendor's part: registers live in the VP's VMCB page. */

struct machine_vmcb *machine_vmcb(struct vp *vp)
{
	return (struct machine_vmcb *)vp->vmcb;
}

static uint64_t *slot(const struct vp *vp, uint32_t name)
{
	struct machine_vmcb *v = (struct machine_vmcb *)vp->vmcb;

	switch (name) {
	case HV_X64_REGISTER_RAX:
		return &v->rax;
	case HV_X64_REGISTER_RAX + 4:
		return &v->rsp;
	case HV_X64_REGISTER_RAX + 1 ... HV_X64_REGISTER_RAX + 3:
	case HV_X64_REGISTER_RAX + 5 ... HV_X64_REGISTER_R15:
		return (uint64_t *)&vp->gpr[name - HV_X64_REGISTER_RAX];
	case HV_X64_REGISTER_RIP:
		return &v->rip;
	case HV_X64_REGISTER_RFLAGS:
		return &v->rflags;
	case HV_X64_REGISTER_CR0:
		return &v->cr0;
	case HV_X64_REGISTER_CR3:
		return &v->cr3;
	case HV_X64_REGISTER_CR4:
		return &v->cr4;
	case HV_X64_REGISTER_EFER:
		return &v->efer;
	case HV_X64_REGISTER_PAT:
		return &v->pat;
	}
	return NULL;
}

bool vp_vendor_get_register(const struct vp *vp, uint32_t name, union hv_register_value *value)
{
	uint64_t *s = slot(vp, name);

	memset(value, 0, sizeof *value);
	if (s)
		value->reg64 = *s;
	return s || (name >= HV_X64_REGISTER_ES && name <= HV_X64_REGISTER_TR);
}

bool vp_vendor_set_register(struct vp *vp, uint32_t name, const union hv_register_value *value)
{
	uint64_t *s = slot(vp, name);

	if (s)
		*s = value->reg64;
	return s;
}

void vp_vendor_init(struct vp *vp)
{
	assert(sizeof(struct machine_vmcb) <= PAGE_SIZE);
	machine_vmcb(vp)->injected = machine_vmcb(vp)->queued = -1;
}

void vp_vendor_reset(struct vp *vp, bool init)
{
	struct machine_vmcb *v = machine_vmcb(vp);

	v->inits += init;
	v->cr8 = 0;
	v->rflags = RFLAGS_FIXED;
	v->pat = 0x0007040600070406ull;
	vp->halted = false;
	vp->nmi_blocked = false;
}

void vp_vendor_startup(struct vp *vp, uint8_t vector)
{
	machine_vmcb(vp)->startups++;
	machine_vmcb(vp)->startup_vector = vector;
}

void vp_vendor_load(struct cpu *cpu, struct vp *vp)
{
	(void)cpu, (void)vp;
}

void vp_vendor_unload(struct cpu *cpu, struct vp *vp)
{
	(void)cpu, (void)vp;
}

enum vp_run_result vp_vendor_run(struct cpu *cpu, struct vp *vp)
{
	struct machine_vmcb *v = machine_vmcb(vp);
	enum vp_run_result result = VP_RUN_PREEMPTED;

	v->runs++;
	if (v->queued >= 0 && v->rflags & RFLAGS_IF && !v->busy) {
		v->injected = v->queued;
		v->queued = -1;
		v->injections++;
	}
	child_after_exit(vp, v->injected >= 0 || v->takes_queued);
	if (machine_guest)
		result = machine_guest(cpu, vp);
	v->injected = v->queued = -1;
	return result;
}

bool vp_vendor_interrupts_enabled(const struct vp *vp)
{
	return ((struct machine_vmcb *)vp->vmcb)->rflags & RFLAGS_IF;
}

void vp_vendor_inject_nmi(struct vp *vp)
{
	machine_vmcb(vp)->nmis++;
	vp->nmi_blocked = true;
}

bool vp_vendor_can_nmi(const struct vp *vp)
{
	return !vp->nmi_blocked;
}

void vp_vendor_queue_interrupt(struct vp *vp, uint8_t vector, bool until_iret)
{
	machine_vmcb(vp)->queued = vector;
	machine_vmcb(vp)->until_iret = until_iret;
}

uint8_t vp_vendor_cr8(const struct vp *vp)
{
	return ((struct machine_vmcb *)vp->vmcb)->cr8;
}

void vp_vendor_set_cr8(struct vp *vp, uint8_t cr8)
{
	assert(cr8 < 16);
	machine_vmcb(vp)->cr8 = cr8;
}

void vp_vendor_fill_register_page(const struct vp *vp, struct hv_vp_register_page *page)
{
	page->rip = ((struct machine_vmcb *)vp->vmcb)->rip;
	page->isvalid = 1;
}

void vp_vendor_take_register_page(struct vp *vp, const struct hv_vp_register_page *page)
{
	machine_vmcb(vp)->rip = page->rip;
}

uint8_t vp_vendor_cpl(const struct vp *vp)
{
	return ((struct machine_vmcb *)vp->vmcb)->cpl;
}

/* The root's side. */

void machine_start(void)
{
	free(hv.pagemap);
	free(machine_cpu);
	/* Only the pages that are used exist. */
	if (!ram)
		ram = mmap(NULL, MACHINE_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	else
		madvise(ram, MACHINE_RAM, MADV_DONTNEED);
	assert(ram != MAP_FAILED);
	machine_cpu = aligned_alloc(PAGE_SIZE, BH_CPU_AREA_SIZE);
	memset(machine_cpu, 0, BH_CPU_AREA_SIZE);
	memset(&hv, 0, sizeof hv);
	hv.physmap = ram;
	hv.pagemap = calloc(MACHINE_RAM / PAGE_SIZE, 1);
	hv.ram_limit = MACHINE_RAM;
	hv.phys_limit = 1ull << 48;
	hv.xfeatures = XFEATURES;
	hv.tsc_hz = MACHINE_TSC_HZ;
	hv.lapic_timer_hz = MACHINE_APIC_HZ;
	hv.has_gib_pages = true;
	hv.cpu_count = 1;
	hv.cpu[0] = machine_cpu;
	hv.next_partition_id = ROOT_PARTITION_ID + 1;
	/* This CPU has always passed through an exit. */
	machine_cpu->seen_generation = ~0ull;
	for (uint64_t pa = MACHINE_OWNED_PA; pa < MACHINE_OWNED_PA + LARGE_PAGE_SIZE; pa += PAGE_SIZE)
		pool_free(&hv.pool, pa);
	if (!npt_root_init() || !npt_root_hide_block(MACHINE_OWNED_PA, LARGE_PAGE_SIZE))
		panic("the machine's root page table\n");
}

void *machine_page(uint64_t pa)
{
	return ram + pa;
}

uint64_t machine_call(uint16_t code, const void *in, uint32_t size, unsigned int reps)
{
	assert(size <= PAGE_SIZE);
	memset(machine_page(MACHINE_CALL_PA), 0, PAGE_SIZE);
	memcpy(machine_page(MACHINE_CALL_PA), in, size);
	return hypercall_root(machine_cpu, code | (uint64_t)reps << HV_HYPERCALL_REP_COUNT_SHIFT, MACHINE_CALL_PA, MACHINE_OUT_PA);
}

static void must(uint64_t result, const char *what)
{
	if (HV_RESULT_STATUS(result) != HV_STATUS_SUCCESS)
		panic("%s: status %x\n", what, HV_RESULT_STATUS(result));
}

static void add_vp(uint64_t id, unsigned int index)
{
	static const uint16_t types[] = { HV_VP_STATE_PAGE_REGISTERS, HV_VP_STATE_PAGE_INTERCEPT_MESSAGE, HV_VP_STATE_PAGE_BULKHEAD_EVENTS };
	struct hv_input_create_vp vp = { .partition_id = id, .vp_index = index };

	must(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), "create VP");
	for (unsigned int i = 0; i < 3; i++) {
		struct hv_input_vp_state_page page = { id, index, types[i], 0, 1, STATE_PFN + 3 * index + i };

		memset(machine_page(page.pfn * PAGE_SIZE), 0, PAGE_SIZE);
		must(machine_call(HVCALL_MAP_VP_STATE_PAGE, &page, sizeof page, 0), "map state page");
	}
}

uint64_t machine_partition(unsigned int vps)
{
	struct hv_input_create_partition create = { .compatibility_version = 0x21 };
	unsigned int pages = POOL_PAGES + 3 * vps;
	uint64_t id, input[3 + 512];

	must(machine_call(HVCALL_CREATE_PARTITION, &create, sizeof create, 0), "create partition");
	id = *(uint64_t *)machine_page(MACHINE_OUT_PA);
	input[0] = id;
	for (unsigned int i = 0; i < pages; i++)
		input[1 + i] = MACHINE_POOL_PFN + id % HV_MAX_PARTITIONS * 256 % 768 + i;
	must(machine_call(HVCALL_DEPOSIT_MEMORY, input, 8 * (1 + pages), pages), "deposit");
	must(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), "initialize");
	for (unsigned int i = 0; i < vps; i++)
		add_vp(id, i);
	input[1] = 0;
	input[2] = HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE | HV_MAP_GPA_EXECUTABLE;
	for (unsigned int i = 0; i < MACHINE_GUEST_PAGES; i++)
		input[3 + i] = MACHINE_GUEST_PFN + i;
	must(machine_call(HVCALL_MAP_GPA_PAGES, input, 8 * (3 + MACHINE_GUEST_PAGES), MACHINE_GUEST_PAGES), "map");
	memset(machine_gpa(0), 0, MACHINE_GUEST_PAGES * PAGE_SIZE);
	return id;
}

struct partition *machine_find(uint64_t id)
{
	return partition_find(id);
}

struct vp *machine_vp(uint64_t id, unsigned int index)
{
	return partition_vp(partition_find(id), index);
}

void *machine_gpa(uint64_t gpa)
{
	return machine_page(MACHINE_GUEST_PFN * PAGE_SIZE + gpa);
}

struct hv_message *machine_message(unsigned int vp)
{
	return machine_page((STATE_PFN + 3 * vp + 1) * PAGE_SIZE);
}

struct bh_event_page *machine_events(unsigned int vp)
{
	return machine_page((STATE_PFN + 3 * vp + 2) * PAGE_SIZE);
}

uint64_t machine_destroy(uint64_t id)
{
	uint64_t withdraw[2] = { id, 0 }, r;

	r = machine_call(HVCALL_FINALIZE_PARTITION, &id, 8, 0);
	if (HV_RESULT_STATUS(r) != HV_STATUS_SUCCESS)
		return r;
	do
		r = machine_call(HVCALL_WITHDRAW_MEMORY, withdraw, sizeof withdraw, 64);
	while (HV_RESULT_STATUS(r) == HV_STATUS_SUCCESS);
	if (HV_RESULT_STATUS(r) != HV_STATUS_NO_RESOURCES)
		return r;
	return machine_call(HVCALL_DELETE_PARTITION, &id, 8, 0);
}

const struct bh_output_dispatch_vp *machine_dispatch(uint64_t id, unsigned int vp, uint32_t flags, uint64_t *status)
{
	struct hv_input_dispatch_vp in = { .partition_id = id, .vp_index = vp, .flags = flags };
	uint64_t r = machine_call(HVCALL_DISPATCH_VP, &in, sizeof in, 0);

	if (status)
		*status = HV_RESULT_STATUS(r);
	else
		must(r, "dispatch");
	return machine_page(MACHINE_OUT_PA);
}

uint64_t machine_free_pages(void)
{
	struct npt_translation t;
	uint64_t count = 0;

	for (uint64_t pfn = 0; pfn < MACHINE_RAM / PAGE_SIZE; pfn++)
		if (hv.pagemap[pfn] == 0 && npt_walk(hv.root_npt, pfn * PAGE_SIZE, &t) && t.pa == pfn * PAGE_SIZE && t.writable)
			count++;
	return count;
}
