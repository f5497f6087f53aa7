/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Late launch: every CPU comes here from the driver's switch page with interrupts off, SVM on and GIF clear, and either all of them continue as
 * guests of the hypervisor or all of them return to the driver with the same error and nothing changed. Unload is the way back.
 */
#include "abi/bulkhead.h"
#include "arch/x86/cpu.h"
#include "arch/x86/npt.h"
#include "arch/x86/svm/child.h"
#include "arch/x86/svm/svm.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/string.h"

#define EIO 5
#define ENOMEM 12
#define ENODEV 19
#define EINVAL 22
#define ETIMEDOUT 110

/* Long enough for a CPU that sits in firmware, short enough that nobody resets the machine. */
#define BARRIER_SECONDS 5

void hypervisor_entry(void);
extern const uint8_t exception_entries[];

__attribute__((section(".params"), used)) struct bh_launch_params launch_params = {
	.magic = BH_LAUNCH_MAGIC,
	.entry = (uint64_t)hypervisor_entry,
};

struct hypervisor hv;

static uint32_t initialised;       /* CPU 0 has run hypervisor_init: 1 done */
static uint32_t arrived;           /* CPUs that are ready to enter */
static int launch_error;           /* the first one */

#define GDT_CODE 0x10
#define GDT_DATA 0x18
static const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffffull, 0x00cf93000000ffffull };

struct idt_gate {
	uint16_t offset_low, selector;
	uint8_t  ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
};
static struct idt_gate idt[32];

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static void idt_init(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		uint64_t entry = (uint64_t)exception_entries + i * 16;

		idt[i] = (struct idt_gate){ .offset_low = entry, .selector = GDT_CODE, .type = 0x8e,
					    .offset_mid = entry >> 16, .offset_high = entry >> 32 };
	}
}

static void load_tables(void)
{
	struct table_register g = { sizeof gdt - 1, (uint64_t)gdt }, i = { sizeof idt - 1, (uint64_t)idt };

	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1\n\t"
			 "pushq %2\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %3, %%eax\n\t"
			 "mov %%eax, %%ss\n\t"
			 "mov %%eax, %%ds\n\t"
			 "mov %%eax, %%es"
			 : : "m"(g), "m"(i), "i"(GDT_CODE), "i"(GDT_DATA) : "rax", "memory");
}

static void capture(struct bh_leave_frame *f)
{
	struct table_register g, i;
	uint16_t cs, ss, ds, es;

	f->cr0 = read_cr0();
	f->cr4 = read_cr4();
	f->efer = rdmsr(MSR_EFER) & ~EFER_SVME;
	f->pat = rdmsr(MSR_PAT);
	f->dr6 = read_dr6();
	f->dr7 = read_dr7();
	f->rflags = RFLAGS_FIXED;
	__asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(g), "=m"(i));
	__asm__ volatile("mov %%cs, %0\n\tmov %%ss, %1\n\tmov %%ds, %2\n\tmov %%es, %3"
			 : "=r"(cs), "=r"(ss), "=r"(ds), "=r"(es));
	f->cs = cs;
	f->ss = ss;
	f->ds = ds;
	f->es = es;
	f->gdt_limit = g.limit;
	f->gdt_base = g.base;
	f->idt_limit = i.limit;
	f->idt_base = i.base;
}

/* Everything at its place and every bit checked before anything is changed for good. */
static int processor_check(void)
{
	if (cpuid(0x80000000u, 0).eax < 0x8000000au || !(cpuid(0x80000001u, 0).ecx & 4))
		return -ENODEV;
	if (!(cpuid(0x8000000au, 0).edx & 1))
		return -ENODEV;
	/* Children's vector state is switched by XSAVE; the root has it on when the processor has it. */
	if (!(read_cr4() & CR4_OSXSAVE))
		return -ENODEV;
	return 0;
}

int hypervisor_init(const struct bh_launch_params *p)
{
	struct cpuid_result svm = cpuid(0x8000000au, 0);
	uint32_t physical_bits;

	if (p->cpu_count == 0 || p->cpu_count > BH_MAX_CPUS || !p->tsc_hz)
		return -EINVAL;
	hv.physmap = (uint8_t *)BH_PHYSMAP_BASE;
	hv.pagemap = (uint8_t *)BH_PAGEMAP_BASE;
	hv.ram_limit = p->ram_limit;
	/* The processor's addresses may have 52 bits; four levels of nested tables translate 48 (15.25.5). */
	physical_bits = cpuid(0x80000008u, 0).eax & 0xff;
	hv.phys_limit = 1ull << (physical_bits < NPT_BITS ? physical_bits : NPT_BITS);
	hv.image_pa = p->memory_pa;
	hv.image_bytes = p->image_size;
	hv.owned_bytes = p->memory_size + p->pagemap_chunks * LARGE_PAGE_SIZE;
	hv.tsc_hz = p->tsc_hz;
	hv.lapic_timer_hz = p->lapic_timer_hz;
	hv.leave = p->leave;
	hv.has_user_state = cpuid(0, 0).eax >= 7 && cpuid(7, 0).ecx & (1u << 3 | 1u << 7);
	hv.xfeatures = xgetbv() & XFEATURES;
	hv.asid_count = svm.ebx;
	hv.has_nrips = svm.edx & (1u << 3);
	hv.has_flush_asid = svm.edx & (1u << 6);
	hv.has_ibpb = cpuid(0x80000008u, 0).ebx & (1u << 12);
	hv.has_invlpgb = cpuid(0x80000008u, 0).ebx & (1u << 3);
	hv.has_invlpgb_control = svm.edx & (1u << 24);
	hv.has_scalable_mca = cpuid(0x80000007u, 0).ebx & (1u << 3);
	hv.has_gib_pages = cpuid(0x80000001u, 0).edx & (1u << 26);
	hv.generation = 1;
	hv.next_partition_id = ROOT_PARTITION_ID + 1;
	for (uint64_t pa = p->memory_pa + p->memory_size; pa > p->free_pa; pa -= PAGE_SIZE) {
		pool_free(&hv.pool, pa - PAGE_SIZE);
		hv.pool.total_pages++;
	}
	if (!npt_root_init() || !npt_root_hide_block(p->memory_pa, p->memory_size))
		return -ENOMEM;
	for (uint32_t i = 0; i < p->pagemap_chunks; i++)
		if (!npt_root_hide_block(p->pagemap_pa[i], LARGE_PAGE_SIZE))
			return -ENOMEM;
	idt_init();
	svm_root_maps_init();
	svm_child_maps_init();
	log_init();
	hv.cpu_count = p->cpu_count;
	log_write("bulkhead %u.%u: %u CPUs, %llu KiB, image %llu KiB\n", BULKHEAD_VERSION_MAJOR, BULKHEAD_VERSION_MINOR,
		  hv.cpu_count, (unsigned long long)hv.owned_bytes >> 10, (unsigned long long)hv.image_bytes >> 10);
	return 0;
}

static void fail(int error)
{
	int none = 0;

	__atomic_compare_exchange_n(&launch_error, &none, error, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Waits until *word reaches target; false when somebody failed or nobody came in time. */
static bool wait_for(const uint32_t *word, uint32_t target)
{
	uint64_t end = rdtsc() + BARRIER_SECONDS * launch_params.tsc_hz;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < target) {
		if (__atomic_load_n(&launch_error, __ATOMIC_ACQUIRE))
			return false;
		if (rdtsc() > end) {
			fail(-ETIMEDOUT);
			return false;
		}
		cpu_relax();
	}
	return !__atomic_load_n(&launch_error, __ATOMIC_ACQUIRE);
}

static _Noreturn void leave(struct bh_leave_frame *frame)
{
	((void (*)(struct bh_leave_frame *))launch_params.leave)(frame);
	__builtin_unreachable();
}

#define HOST_CR4 (CR4_PSE | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)

/** Called on the CPU's own stack by hypervisor_entry. Never returns: goes on as the root's host, or leaves with an error. */
_Noreturn void launch_cpu(struct cpu *cpu, uint64_t index, uint64_t root_cr3, uint64_t rip, uint64_t rsp)
{
	struct bh_leave_frame frame = { .cr3 = root_cr3, .rip = rip, .rsp = rsp };
	int error;

	capture(&frame);
	/* The root's translations, global ones too, must not outlive its page table: clearing PGE drops them all. */
	write_cr4(frame.cr4 & HOST_CR4);
	/* In all that concerns translations as the root is: an emulator drops what it knows with each difference. */
	write_cr4(frame.cr4 & (HOST_CR4 | CR4_PGE));
	write_cr0((frame.cr0 | CR0_WP) & ~CR0_TS);

	error = processor_check();
	if (index == 0) {
		if (!error)
			error = hypervisor_init(&launch_params);
		__atomic_store_n(&initialised, 1, __ATOMIC_RELEASE);
	}
	if (error)
		fail(error);
	if (!wait_for(&initialised, 1))
		goto out;
	load_tables();
	cpu->index = index;
	cpu->seen_generation = hv.generation;
	cpu->root_vmcb_pa = va_to_pa(cpu) + PAGE_SIZE;
	cpu->hsave_pa = va_to_pa(cpu) + 2 * PAGE_SIZE;
	cpu->asid_generation = 1;
	cpu->asid_next = 2;
	hv.cpu[index] = cpu;
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	if (!wait_for(&arrived, launch_params.cpu_count))
		goto out;

	wrmsr(MSR_VM_HSAVE_PA, cpu->hsave_pa);
	/* With V_INTR_MASKING the host's IF decides whether an interrupt ends a child's run (15.21.1); GIF keeps them away from us. */
	__asm__ volatile("sti" : : : "memory");
	svm_root_init(cpu, &frame);
	svm_root_run(cpu);
out:
	frame.rax = (uint64_t)(int64_t)__atomic_load_n(&launch_error, __ATOMIC_ACQUIRE);
	leave(&frame);
}

/** The root's registers as its VMCB has them now, back onto the bare CPU; rax is the result that the driver sees. */
_Noreturn void launch_leave(struct cpu *cpu, uint64_t rax)
{
	const struct vmcb_save *s = &((struct vmcb *)pa_to_va(cpu->root_vmcb_pa))->save;
	struct bh_leave_frame frame = {
		.cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer & ~EFER_SVME,
		.rip = s->rip, .rsp = s->rsp, .rflags = s->rflags, .rax = rax,
		.cs = s->cs.selector, .ss = s->ss.selector, .ds = s->ds.selector, .es = s->es.selector,
		.gdt_limit = s->gdtr.limit, .gdt_base = s->gdtr.base, .idt_limit = s->idtr.limit, .idt_base = s->idtr.base,
		.pat = s->g_pat, .dr6 = s->dr6, .dr7 = s->dr7,
	};

	__asm__ volatile("cli" : : : "memory");
	wrmsr(MSR_VM_HSAVE_PA, 0);
	leave(&frame);
}
