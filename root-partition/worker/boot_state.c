/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables in low memory and initial registers for the 64-bit entry of boot.rst. */
#include "boot_state.h"

#include <errno.h>
#include <string.h>

#include "abi/registers.h"
#include "boot_params.h"
#include "loader_internal.h"

/* __BOOT_CS and __BOOT_DS of the boot protocol. */
#define BOOT_CS 0x10u
#define BOOT_DS 0x18u
static const uint64_t boot_gdt[4] = {
	0, 0,
	0x00af9b000000ffff,          /* code, 64-bit */
	0x00cf93000000ffff,          /* data, flat 4 GiB */
};

#define PTE_PRESENT_WRITABLE 3ull
#define PTE_LARGE (1ull << 7)

static void write_page_tables(uint64_t *table)
{
	const uint64_t base = LAYOUT_PAGE_TABLES;
	unsigned int i;

	memset(table, 0, LAYOUT_PAGE_TABLE_PAGES * 4096);
	table[0] = (base + 0x1000) | PTE_PRESENT_WRITABLE;
	for (i = 0; i < 4; i++)
		table[512 + i] = (base + 0x2000 + i * 0x1000) | PTE_PRESENT_WRITABLE;
	for (i = 0; i < 4 * 512; i++)
		table[1024 + i] = ((uint64_t)i << 21) | PTE_PRESENT_WRITABLE | PTE_LARGE;
}

static void add_e820(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	if (end > start)
		bp->e820[bp->e820_entries++] = (struct e820_entry){ start, end - start, type };
}

int boot_state_write(struct loader *l)
{
	const struct guest_memory *m = l->memory;
	struct boot_params *bp = guest_memory_low(m, LAYOUT_BOOT_PARAMS);
	size_t length = strlen(l->input->cmdline);

	if (length > l->cmdline_max || length >= LAYOUT_CMDLINE_SIZE)
		return loader_refuse(l, E2BIG, "command line: %zu characters; the kernel takes %llu", length,
				     (unsigned long long)l->cmdline_max);
	memcpy(guest_memory_low(m, LAYOUT_CMDLINE), l->input->cmdline, length + 1);
	memcpy(guest_memory_low(m, LAYOUT_GDT), boot_gdt, sizeof boot_gdt);
	write_page_tables(guest_memory_low(m, LAYOUT_PAGE_TABLES));

	bp->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	bp->hdr.ramdisk_image = (uint32_t)l->result.initrd_start;
	bp->hdr.ramdisk_size = (uint32_t)l->result.initrd_size;
	bp->acpi_rsdp_addr = l->input->rsdp;
	add_e820(bp, 0, LAYOUT_LOW_END, E820_RAM);
	add_e820(bp, LAYOUT_LOW_END, LAYOUT_ACPI, E820_RESERVED);
	add_e820(bp, LAYOUT_ACPI, LAYOUT_ACPI + LAYOUT_ACPI_SIZE, E820_ACPI);
	add_e820(bp, LAYOUT_ACPI + LAYOUT_ACPI_SIZE, LAYOUT_HIGH_START, E820_RESERVED);
	add_e820(bp, LAYOUT_HIGH_START, m->low_size, E820_RAM);
	add_e820(bp, LAYOUT_4G, LAYOUT_4G + (m->start_size - m->low_size), E820_RAM);
	return 0;
}

#define CR0_BOOT 0x80010033ull       /* PG WP NE ET MP PE */
#define CR4_PAE  0x20ull
#define EFER_LME_LMA 0x500ull
#define APIC_BASE_ENABLE (LAYOUT_LAPIC | 0x800u | 0x400u) /* enabled, x2APIC */
#define APIC_BASE_BSP 0x100u
#define PAT_AT_RESET 0x0007040600070406ull

static struct hv_register_assoc reg64(uint32_t name, uint64_t value)
{
	return (struct hv_register_assoc){ .name = name, .value.reg64 = value };
}

static struct hv_register_assoc segment(uint32_t name, uint16_t selector, uint32_t limit, uint16_t attributes)
{
	return (struct hv_register_assoc){
		.name = name,
		.value.segment = { .limit = limit, .selector = selector, .attributes = attributes },
	};
}

static struct hv_register_assoc table(uint32_t name, uint64_t base, uint16_t limit)
{
	return (struct hv_register_assoc){ .name = name, .value.table = { .limit = limit, .base = base } };
}

unsigned int boot_state_bsp(struct hv_register_assoc r[BOOT_STATE_REGISTERS], uint64_t entry)
{
	unsigned int n = 0;

	/* EFER and CR4 before CR0: the order in which a processor would take them. */
	r[n++] = reg64(HV_X64_REGISTER_EFER, EFER_LME_LMA);
	r[n++] = reg64(HV_X64_REGISTER_CR4, CR4_PAE);
	r[n++] = reg64(HV_X64_REGISTER_CR3, LAYOUT_PAGE_TABLES);
	r[n++] = reg64(HV_X64_REGISTER_CR0, CR0_BOOT);
	r[n++] = reg64(HV_X64_REGISTER_PAT, PAT_AT_RESET);
	r[n++] = segment(HV_X64_REGISTER_CS, BOOT_CS, 0xffffffff, 0xa09b);
	r[n++] = segment(HV_X64_REGISTER_DS, BOOT_DS, 0xffffffff, 0xc093);
	r[n++] = segment(HV_X64_REGISTER_ES, BOOT_DS, 0xffffffff, 0xc093);
	r[n++] = segment(HV_X64_REGISTER_SS, BOOT_DS, 0xffffffff, 0xc093);
	r[n++] = segment(HV_X64_REGISTER_FS, BOOT_DS, 0xffffffff, 0xc093);
	r[n++] = segment(HV_X64_REGISTER_GS, BOOT_DS, 0xffffffff, 0xc093);
	r[n++] = segment(HV_X64_REGISTER_TR, 0, 0x67, 0x008b);
	r[n++] = segment(HV_X64_REGISTER_LDTR, 0, 0xffff, 0x0082);
	r[n++] = table(HV_X64_REGISTER_GDTR, LAYOUT_GDT, sizeof boot_gdt - 1);
	r[n++] = table(HV_X64_REGISTER_IDTR, 0, 0);
	r[n++] = reg64(HV_X64_REGISTER_RAX + 4, LAYOUT_STACK_TOP);   /* RSP */
	r[n++] = reg64(HV_X64_REGISTER_RAX + 6, LAYOUT_BOOT_PARAMS); /* RSI */
	r[n++] = reg64(HV_X64_REGISTER_RAX + 7, LAYOUT_BOOT_PARAMS); /* RDI */
	r[n++] = reg64(HV_X64_REGISTER_RIP, entry);
	r[n++] = reg64(HV_X64_REGISTER_RFLAGS, 2);
	r[n++] = reg64(HV_X64_REGISTER_APIC_BASE, APIC_BASE_ENABLE | APIC_BASE_BSP);
	return n;
}

unsigned int boot_state_ap(struct hv_register_assoc r[BOOT_STATE_REGISTERS])
{
	unsigned int n = 0;

	r[n++] = reg64(HV_X64_REGISTER_APIC_BASE, APIC_BASE_ENABLE);
	r[n++] = reg64(HV_REGISTER_INTERNAL_ACTIVITY_STATE, HV_INTERNAL_ACTIVITY_STARTUP_SUSPEND);
	return n;
}
