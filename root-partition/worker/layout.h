/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's guest-physical address space: what lies where. */
#ifndef BULKHEAD_WORKER_LAYOUT_H
#define BULKHEAD_WORKER_LAYOUT_H

/* Low memory, written by the loader before the first instruction; the kernel may reuse it once it has its own tables. */
#define LAYOUT_GDT          0x1000u
#define LAYOUT_BOOT_PARAMS  0x2000u
#define LAYOUT_CMDLINE      0x3000u
#define LAYOUT_CMDLINE_SIZE 0x1000u
#define LAYOUT_STACK_TOP    0x8ff0u
#define LAYOUT_PAGE_TABLES  0x9000u      /* PML4, PDPT, 4 page directories: 4 GiB identity mapped in 2 MiB pages */
#define LAYOUT_PAGE_TABLE_PAGES 6u
#define LAYOUT_LOW_END      0x9fc00u     /* end of conventional memory in the e820 map */
#define LAYOUT_ACPI         0xe0000u     /* tables, inside the firmware area that is not RAM in the e820 map */
#define LAYOUT_ACPI_SIZE    0x10000u
#define LAYOUT_HIGH_START   0x100000u    /* first byte that a kernel is loaded to */

/* RAM: from 0 to at most LAYOUT_LOW_RAM_MAX, the rest from 4 GiB on. */
#define LAYOUT_LOW_RAM_MAX  0xe0000000ull
#define LAYOUT_4G           0x100000000ull
#define LAYOUT_MEMORY_MAX   0x7000000000ull /* 448 GiB: stays below the upper VMBus window */
#define LAYOUT_MEMORY_MIN   0x1000000ull

/* Address space that VMBus devices may use; dsdt.asl repeats these. */
#define LAYOUT_VMBUS_LOW       0xf0000000ull
#define LAYOUT_VMBUS_LOW_SIZE  0x08000000ull
#define LAYOUT_VMBUS_HIGH      0x8000000000ull
#define LAYOUT_VMBUS_HIGH_SIZE 0x1000000000ull

#define LAYOUT_IOAPIC       0xfec00000ull
#define LAYOUT_IOAPIC_SIZE  0x1000ull
#define LAYOUT_LAPIC        0xfee00000ull

/* Ports. */
#define LAYOUT_RTC_INDEX    0x70u
#define LAYOUT_RTC_DATA     0x71u
#define LAYOUT_COM1         0x3f8u
#define LAYOUT_PM1_EVENT    0x600u
#define LAYOUT_PM1_CONTROL  0x604u
#define LAYOUT_RESET        0xcf9u
#define LAYOUT_DEBUG_EXIT   0xf4u        /* test guests only: a write ends the guest with that code */

/* Global system interrupts. */
#define LAYOUT_COM1_GSI     4u
#define LAYOUT_SCI_GSI      9u
#define LAYOUT_IOAPIC_ID    0u           /* LAPIC ids start at 0 too; the two number spaces are separate */
#define LAYOUT_IOAPIC_PINS  24u

#define LAYOUT_S5_TYPE      5u           /* SLP_TYP of \_S5 */
#define LAYOUT_RESET_VALUE  6u

#endif
