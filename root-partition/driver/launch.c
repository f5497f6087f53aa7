// SPDX-License-Identifier: GPL-2.0
/*
 * Late launch, the root's half: checks the processor, loads the image into memory of its own, builds the hypervisor's page
 * table, and takes every CPU in (or out) at once under stop_machine(). All or nothing: an error on any CPU undoes the others.
 */
#define pr_fmt(fmt) "bulkhead: " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/elf.h>
#include <linux/firmware.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "abi/bulkhead.h"
#include "launch.h"
#include "launch_asm.h"

#define IMAGE_NAME "bulkhead/bulkhead-amd.elf"
#define MEMORY_ORDER 10                      /* 4 MiB */
#define CHUNK_ORDER 9                        /* 2 MiB */
#define LAPIC_TIMER_HZ 200000000ull

#define VM_CR_LOCK    BIT_ULL(3)
#define VM_CR_SVMDIS  BIT_ULL(4)
#define SYSCFG_SNP_EN BIT_ULL(24)              /* APM vol. 2, 15.36: VMRUN then checks its pages in the RMP */

#define PTE_BITS (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)

static_assert(offsetof(struct bh_leave_frame, gdt_limit) == 102);
static_assert(offsetof(struct bh_leave_frame, idt_limit) == 118);
static_assert(offsetof(struct bh_leave_frame, pat) == 128);
static_assert(offsetof(struct bh_leave_frame, dr7) == 144);
static_assert(offsetof(struct bh_leave_frame, es) == 88);

struct bh_host bh_host;

/* Everything that launch allocates and unlaunch frees. */
static struct {
	struct page *memory;
	struct page *chunk[BH_MAX_PAGEMAP_CHUNKS];
	u32 chunks;
	u64 cr3;
	u64 entry;
	u64 areas;                           /* VA in the hypervisor's page table */
	u64 used;                            /* bytes of memory handed out so far */
	long *result;                        /* by CPU number */
	u32 *index;
} image;

static u64 memory_pa(void)
{
	return page_to_phys(image.memory);
}

static u64 memory_size(void)
{
	return PAGE_SIZE << MEMORY_ORDER;
}

/* A zeroed page of the hypervisor's memory, as a physical address; 0 when it is used up. */
static u64 take_page(void)
{
	u64 pa = memory_pa() + image.used;

	if (image.used >= memory_size())
		return 0;
	image.used += PAGE_SIZE;
	return pa;
}

/* Maps one page of the given level (0: 4 KiB, 1: 2 MiB, 2: 1 GiB) in the hypervisor's page table. */
static int map_page(u64 va, u64 pa, int leaf, u64 flags)
{
	u64 *table = __va(image.cr3);
	int level;

	for (level = 3; level > leaf; level--) {
		u64 *slot = &table[(va >> (12 + 9 * level)) & 511];

		if (!*slot) {
			u64 page = take_page();

			if (!page)
				return -ENOMEM;
			*slot = page | PTE_BITS;
		}
		table = __va(*slot & PHYSICAL_PAGE_MASK);
	}
	table[(va >> (12 + 9 * leaf)) & 511] = pa | flags | (leaf ? _PAGE_PSE : 0);
	return 0;
}

/* What a page of more than one MTRR type does is undefined (APM vol. 2, 7.7.5): fixed ranges below 1 MiB, holes below 4 GiB and at the end. */
static int leaf_at(u64 pa, u64 limit)
{
	if (pa < SZ_2M)
		return 0;
	return pa >= SZ_4G && limit - pa >= SZ_1G && boot_cpu_has(X86_FEATURE_GBPAGES) ? 2 : 1;
}

static int map_physical_memory(u64 limit)
{
	u64 pa;
	int rc, leaf;

	for (pa = 0; pa < limit; pa += PAGE_SIZE << (9 * leaf)) {
		leaf = leaf_at(pa, limit);
		rc = map_page(BH_PHYSMAP_BASE + pa, pa, leaf, PTE_BITS | _PAGE_NX);
		if (rc)
			return rc;
	}
	return 0;
}

/* Copies the ELF file's segments to the start of the memory and maps them with their permissions. */
static int load_segments(const struct firmware *fw, u64 *image_size)
{
	const struct elf64_hdr *eh = (const void *)fw->data;
	const struct elf64_phdr *ph;
	u64 offset, size, end = 0;
	u8 *base = page_address(image.memory);
	int i, rc;

	if (fw->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_machine != EM_X86_64 ||
	    eh->e_phentsize != sizeof(*ph) || eh->e_phoff > fw->size ||
	    eh->e_phnum > (fw->size - eh->e_phoff) / sizeof(*ph))
		return -ENOEXEC;
	ph = (const void *)(fw->data + eh->e_phoff);
	for (i = 0; i < eh->e_phnum; i++, ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		offset = ph->p_vaddr - BH_IMAGE_BASE;
		size = PAGE_ALIGN(ph->p_memsz);
		if (offset > memory_size() / 2 || size > memory_size() / 2 || offset < end || offset & ~PAGE_MASK ||
		    ph->p_filesz > ph->p_memsz || ph->p_offset > fw->size || ph->p_filesz > fw->size - ph->p_offset)
			return -ENOEXEC;
		memcpy(base + offset, fw->data + ph->p_offset, ph->p_filesz);
		end = offset + size;
	}
	*image_size = end;
	image.used = end;
	image.cr3 = take_page();
	ph = (const void *)(fw->data + eh->e_phoff);
	for (i = 0; i < eh->e_phnum; i++, ph++) {
		u64 flags = _PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY;

		if (ph->p_type != PT_LOAD)
			continue;
		flags |= ph->p_flags & PF_W ? _PAGE_RW : 0;
		flags |= ph->p_flags & PF_X ? 0 : _PAGE_NX;
		offset = ph->p_vaddr - BH_IMAGE_BASE;
		for (size = 0; size < ph->p_memsz; size += PAGE_SIZE) {
			rc = map_page(BH_IMAGE_BASE + offset + size, memory_pa() + offset + size, 0, flags);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static u64 ram_limit(void)
{
	u64 pfn = 0;
	int nid;

	for_each_online_node(nid)
		pfn = max_t(u64, pfn, node_end_pfn(nid));
	return pfn << PAGE_SHIFT;
}

static int add_pagemap(struct bh_launch_params *p)
{
	u64 bytes = p->ram_limit >> PAGE_SHIFT;
	u32 i;
	int rc;

	p->pagemap_chunks = DIV_ROUND_UP(bytes, SZ_2M);
	if (p->pagemap_chunks > BH_MAX_PAGEMAP_CHUNKS) {
		pr_err("%llu GiB of memory are more than this version can keep track of\n", p->ram_limit >> 30);
		return -E2BIG;
	}
	for (i = 0; i < p->pagemap_chunks; i++) {
		image.chunk[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO, CHUNK_ORDER);
		if (!image.chunk[i])
			return -ENOMEM;
		image.chunks = i + 1;
		p->pagemap_pa[i] = page_to_phys(image.chunk[i]);
		rc = map_page(BH_PAGEMAP_BASE + i * SZ_2M, p->pagemap_pa[i], 1, PTE_BITS | _PAGE_NX);
		if (rc)
			return rc;
	}
	return 0;
}

static int build(const struct firmware *fw)
{
	struct bh_launch_params *p;
	u64 image_size, switch_va = (u64)bh_switch_page;
	int rc;

	image.memory = alloc_pages(GFP_KERNEL | __GFP_ZERO, MEMORY_ORDER);
	if (!image.memory)
		return -ENOMEM;
	rc = load_segments(fw, &image_size);
	if (rc) {
		pr_err("%s is not a hypervisor image that fits this driver\n", IMAGE_NAME);
		return rc;
	}
	p = page_address(image.memory);
	if (p->magic != BH_LAUNCH_MAGIC) {
		pr_err("%s is of another version than this driver\n", IMAGE_NAME);
		return -ENOEXEC;
	}
	p->memory_pa = memory_pa();
	p->memory_size = memory_size();
	p->image_size = image_size;
	p->cpu_count = num_online_cpus();
	p->ram_limit = ram_limit();
	p->tsc_hz = (u64)tsc_khz * 1000;
	p->lapic_timer_hz = LAPIC_TIMER_HZ;
	p->leave = (u64)bh_switch_leave;
	p->cpu_areas_pa = memory_pa() + image.used;
	image.areas = BH_PHYSMAP_BASE + p->cpu_areas_pa;
	image.used += (u64)p->cpu_count * BH_CPU_AREA_SIZE;
	if (image.used >= memory_size())
		return -ENOMEM;
	rc = map_physical_memory(max_t(u64, p->ram_limit, SZ_4G));
	if (!rc)
		rc = map_page(switch_va, (u64)vmalloc_to_pfn(bh_switch_page) << PAGE_SHIFT, 0,
			      _PAGE_PRESENT | _PAGE_ACCESSED);
	if (!rc)
		rc = add_pagemap(p);
	p->free_pa = memory_pa() + image.used;
	image.entry = p->entry;
	bh_host.tsc_hz = p->tsc_hz;
	bh_host.cpu_count = p->cpu_count;
	bh_host.memory_bytes = p->memory_size + p->pagemap_chunks * (u64)SZ_2M;
	return rc;
}

static void release(void)
{
	u32 i;

	for (i = 0; i < image.chunks; i++)
		__free_pages(image.chunk[i], CHUNK_ORDER);
	if (image.memory)
		__free_pages(image.memory, MEMORY_ORDER);
	kfree(image.result);
	kfree(image.index);
	memset(&image, 0, sizeof(image));
}

static int enter_cpu(void *unused)
{
	int cpu = smp_processor_id();
	u32 index = image.index[cpu];

	image.result[cpu] = bh_switch_enter(image.cr3, image.entry, image.areas + (u64)index * BH_CPU_AREA_SIZE, index);
	return 0;
}

static int leave_cpu(void *unused)
{
	int cpu = smp_processor_id();

	if (image.result[cpu] == 0)
		image.result[cpu] = bh_switch_unload() ? 0 : 1;
	return 0;
}

static void look_for_svmdis(void *found)
{
	u64 vm_cr;

	if (rdmsrl_safe(MSR_VM_CR, &vm_cr) == 0 && vm_cr & VM_CR_SVMDIS)
		WRITE_ONCE(*(u64 *)found, vm_cr);
}

static int check_processor(void)
{
	u64 vm_cr = 0, syscfg;

	memcpy(bh_host.vendor, boot_cpu_data.x86_vendor_id, sizeof(bh_host.vendor));
	if (cpuid_eax(0x80000000) < 0x8000000a || !(cpuid_ecx(0x80000001) & BIT(2))) {
		if (cpuid_ebx(0x40000100) == 0x6b6c7542)
			pr_err("a hypervisor of this kind is running already\n");
		else
			pr_err("this processor (%s) has no AMD-V; Bulkhead needs it\n", bh_host.vendor);
		return -ENODEV;
	}
	if (!(cpuid_edx(0x8000000a) & BIT(0))) {
		pr_err("this processor has no nested paging; Bulkhead needs it\n");
		return -ENODEV;
	}
	/* The switch page sets EFER.SVME on each CPU, which would fault. */
	on_each_cpu(look_for_svmdis, &vm_cr, 1);
	if (vm_cr) {
		pr_err("SVM is disabled by firmware (VM_CR.SVMDIS%s); enable \"SVM mode\" in the BIOS set-up\n",
		       vm_cr & VM_CR_LOCK ? ", locked" : "");
		return -EPERM;
	}
	if (!(__read_cr4() & X86_CR4_OSXSAVE)) {
		pr_err("this processor has no XSAVE, or the kernel was booted with noxsave; Bulkhead needs it\n");
		return -ENODEV;
	}
	if (native_read_msr(MSR_EFER) & EFER_SVME) {
		pr_err("another hypervisor uses AMD-V; stop its guests and run: rmmod kvm_amd\n");
		return -EBUSY;
	}
	if (rdmsrl_safe(MSR_AMD64_SYSCFG, &syscfg) == 0 && syscfg & SYSCFG_SNP_EN) {
		pr_err("SEV-SNP is on for this host (SYSCFG); boot with iommu=pt, or turn SNP memory coverage off in the BIOS set-up\n");
		return -EOPNOTSUPP;
	}
	if (!boot_cpu_has(X86_FEATURE_NONSTOP_TSC))
		pr_warn("the TSC of this processor is not invariant: children's time goes wrong when its frequency changes or it sleeps\n");
	if (__read_cr4() & X86_CR4_LA57) {
		pr_err("five-level paging is not supported; boot with no5lvl\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The first error of any CPU; 0 when all are in. */
static long first_error(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (image.result[cpu] < 0)
			return image.result[cpu];
	return 0;
}

static int enter_all(void)
{
	long error;
	int cpu, index = 0, rc;

	/* Until removal: a CPU that comes or goes would run beside the hypervisor. */
	cpu_hotplug_disable();
	if (num_online_cpus() != bh_host.cpu_count) {
		cpu_hotplug_enable();
		return -EAGAIN;
	}
	for_each_online_cpu(cpu)
		image.index[cpu] = index++;
	rc = stop_machine(enter_cpu, NULL, cpu_online_mask);
	error = first_error();
	if (!rc && error) {
		rc = error;
		stop_machine(leave_cpu, NULL, cpu_online_mask);
		pr_err("launch failed: %s (error %d); every CPU is back as it was\n",
		       rc == -ETIMEDOUT ? "a CPU did not arrive in time" : "a CPU refused", rc);
	}
	if (rc)
		cpu_hotplug_enable();
	return rc;
}

int bh_launch(void)
{
	const struct firmware *fw = NULL;
	struct device *dev = NULL;
	int rc;

	rc = check_processor();
	if (rc)
		return rc;
	if (num_online_cpus() > BH_MAX_CPUS) {
		pr_err("%u CPUs are more than this version supports (%u)\n", num_online_cpus(), BH_MAX_CPUS);
		return -E2BIG;
	}
	dev = root_device_register("bulkhead");
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	rc = request_firmware(&fw, IMAGE_NAME, dev);
	if (rc) {
		pr_err("cannot load /lib/firmware/%s (error %d)\n", IMAGE_NAME, rc);
		goto out;
	}
	image.result = kcalloc(nr_cpu_ids, sizeof(*image.result), GFP_KERNEL);
	image.index = kcalloc(nr_cpu_ids, sizeof(*image.index), GFP_KERNEL);
	rc = image.result && image.index ? build(fw) : -ENOMEM;
	if (!rc)
		rc = enter_all();
	if (rc)
		release();
	else
		pr_info("launched on %u CPUs\n", bh_host.cpu_count);
out:
	release_firmware(fw);
	root_device_unregister(dev);
	return rc;
}

int bh_unlaunch(void)
{
	int cpu, left = 0;

	memset(image.result, 0, nr_cpu_ids * sizeof(*image.result));
	stop_machine(leave_cpu, NULL, cpu_online_mask);
	for_each_online_cpu(cpu)
		left += image.result[cpu] == 1;
	if (left == 0)
		return -EBUSY;
	/* The hypervisor refuses on all CPUs or on none: partitions do not come and go under stop_machine. */
	WARN_ON(left != bh_host.cpu_count);
	cpu_hotplug_enable();
	release();
	pr_info("removed\n");
	return 0;
}
