/* SPDX-License-Identifier: BSD-2-Clause */
/* See acpi.h. Layouts: ACPI 6.4, chapter 5.2. */
#include "acpi.h"

#include <string.h>

#include "dsdt.hex"
#include "layout.h"

struct __attribute__((packed)) acpi_header {
	char     signature[4];
	uint32_t length;
	uint8_t  revision;
	uint8_t  checksum;
	char     oem_id[6];
	char     oem_table_id[8];
	uint32_t oem_revision;
	char     creator_id[4];
	uint32_t creator_revision;
};
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

struct __attribute__((packed)) acpi_rsdp {
	char     signature[8];
	uint8_t  checksum;           /* of the first 20 bytes */
	char     oem_id[6];
	uint8_t  revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t  extended_checksum;
	uint8_t  reserved[3];
};
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");

struct __attribute__((packed)) acpi_address {
	uint8_t  space;              /* 1: I/O */
	uint8_t  bit_width, bit_offset;
	uint8_t  access_size;        /* 1 byte, 2 word, 3 dword */
	uint64_t address;
};

struct __attribute__((packed)) acpi_fadt {
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t  reserved1, preferred_profile;
	uint16_t sci_interrupt;      /* 46 */
	uint32_t smi_command;
	uint8_t  acpi_enable, acpi_disable, s4bios, pstate_control;
	uint32_t pm1a_event;         /* 56 */
	uint32_t pm1b_event;
	uint32_t pm1a_control;       /* 64 */
	uint32_t pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t  pm1_event_length;   /* 88 */
	uint8_t  pm1_control_length, pm2_control_length, pm_timer_length, gpe0_length, gpe1_length, gpe1_base, cst_control;
	uint16_t c2_latency;         /* 96 */
	uint16_t c3_latency, flush_size, flush_stride;
	uint8_t  duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;         /* 109 */
	uint8_t  reserved2;
	uint32_t flags;              /* 112 */
	struct acpi_address reset;   /* 116 */
	uint8_t  reset_value;        /* 128 */
	uint16_t arm_boot_flags;
	uint8_t  minor_version;      /* 131 */
	uint64_t x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor_vendor;  /* 268 */
};
_Static_assert(offsetof(struct acpi_fadt, boot_flags) == 109, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, reset) == 116, "ACPI 5.2.9");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");

#define FADT_VGA_NOT_PRESENT (1u << 2)
#define FADT_WBINVD          (1u << 0)
#define FADT_PROC_C1         (1u << 2)
#define FADT_NO_FIXED_POWER_BUTTON (1u << 4)
#define FADT_NO_FIXED_SLEEP_BUTTON (1u << 5)
#define FADT_NO_FIXED_RTC    (1u << 6)
#define FADT_RESET_REG       (1u << 10)
#define FADT_FORCE_APIC_PHYSICAL (1u << 19)

struct __attribute__((packed)) acpi_facs {
	char     signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t  version, reserved[31];
};
_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI 5.2.10");

struct __attribute__((packed)) madt_lapic {
	uint8_t  type, length, processor, id;
	uint32_t flags;
};
struct __attribute__((packed)) madt_ioapic {
	uint8_t  type, length, id, reserved;
	uint32_t address, gsi_base;
};
struct __attribute__((packed)) madt_override {
	uint8_t  type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
};
#define MADT_LAPIC    0u
#define MADT_IOAPIC   1u
#define MADT_OVERRIDE 2u
#define MADT_LEVEL_HIGH 0x000du

/** One cursor over the caller's buffer. Tables are zeroed as they are taken. */
struct builder {
	uint8_t *buffer;
	size_t size, used;
	uint64_t gpa;
};

static void *take(struct builder *b, size_t bytes, size_t alignment)
{
	size_t start = (b->used + alignment - 1) & ~(alignment - 1);

	if (start > b->size || bytes > b->size - start)
		return NULL;
	b->used = start + bytes;
	return memset(b->buffer + start, 0, bytes);
}

static uint64_t gpa_of(const struct builder *b, const void *table)
{
	return b->gpa + (uint64_t)((const uint8_t *)table - b->buffer);
}

static uint8_t checksum(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (bytes-- > 0)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

static void finish(struct acpi_header *h, const char *signature, uint8_t revision, uint32_t length)
{
	memcpy(h->signature, signature, sizeof h->signature);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, "BULKHD", sizeof h->oem_id);
	memcpy(h->oem_table_id, "CHILD   ", sizeof h->oem_table_id);
	h->oem_revision = 1;
	memcpy(h->creator_id, "BLKH", sizeof h->creator_id);
	h->creator_revision = 1;
	h->checksum = checksum(h, length);
}

static struct acpi_address io_address(uint16_t port, uint8_t bits)
{
	return (struct acpi_address){ .space = 1, .bit_width = bits, .access_size = bits == 8 ? 1 : 2, .address = port };
}

static void fill_fadt(struct acpi_fadt *f, uint64_t facs, uint64_t dsdt)
{
	f->facs = (uint32_t)facs;
	f->x_facs = 0;               /* only one of the two may be set (5.2.9) */
	f->dsdt = (uint32_t)dsdt;
	f->x_dsdt = dsdt;
	f->sci_interrupt = LAYOUT_SCI_GSI;
	/* smi_command 0: always in ACPI mode. */
	f->pm1a_event = LAYOUT_PM1_EVENT;
	f->pm1a_control = LAYOUT_PM1_CONTROL;
	f->pm1_event_length = 4;
	f->pm1_control_length = 2;
	f->x_pm1a_event = io_address(LAYOUT_PM1_EVENT, 32);
	f->x_pm1a_control = io_address(LAYOUT_PM1_CONTROL, 16);
	f->c2_latency = 0xffff;      /* no C2, no C3 */
	f->c3_latency = 0xffff;
	f->boot_flags = FADT_VGA_NOT_PRESENT; /* and no 8042 */
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_FIXED_POWER_BUTTON | FADT_NO_FIXED_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
		   FADT_RESET_REG | FADT_FORCE_APIC_PHYSICAL;
	f->reset = io_address(LAYOUT_RESET, 8);
	f->reset_value = LAYOUT_RESET_VALUE;
	f->minor_version = 3;
	finish(&f->header, "FACP", 6, sizeof *f);
}

static struct acpi_header *build_madt(struct builder *b, unsigned int vp_count)
{
	struct __attribute__((packed)) {
		struct acpi_header header;
		uint32_t lapic, flags;       /* flags 0: no 8259 */
	} *madt = take(b, sizeof *madt, 8);
	struct madt_lapic *lapic;
	struct madt_ioapic *ioapic;
	struct madt_override *sci;
	unsigned int i;

	if (madt == NULL)
		return NULL;
	madt->lapic = (uint32_t)LAYOUT_LAPIC;
	for (i = 0; i < vp_count; i++) {
		/* An xAPIC entry serves ids below 255 in x2APIC mode too (ACPI 5.2.12.12). */
		lapic = take(b, sizeof *lapic, 1);
		if (lapic == NULL)
			return NULL;
		*lapic = (struct madt_lapic){ MADT_LAPIC, sizeof *lapic, (uint8_t)i, (uint8_t)i, 1 };
	}
	ioapic = take(b, sizeof *ioapic, 1);
	sci = take(b, sizeof *sci, 1);
	if (ioapic == NULL || sci == NULL)
		return NULL;
	*ioapic = (struct madt_ioapic){ MADT_IOAPIC, sizeof *ioapic, LAYOUT_IOAPIC_ID, 0, (uint32_t)LAYOUT_IOAPIC, 0 };
	*sci = (struct madt_override){ MADT_OVERRIDE, sizeof *sci, 0, LAYOUT_SCI_GSI, LAYOUT_SCI_GSI, MADT_LEVEL_HIGH };
	finish(&madt->header, "APIC", 5, (uint32_t)((uint8_t *)(sci + 1) - (uint8_t *)madt));
	return &madt->header;
}

size_t acpi_build(uint8_t *buffer, size_t size, uint64_t gpa, unsigned int vp_count)
{
	struct builder b = { .buffer = buffer, .size = size, .gpa = gpa };
	struct acpi_rsdp *rsdp = take(&b, sizeof *rsdp, 16);
	struct __attribute__((packed)) {
		struct acpi_header header;
		uint64_t entry[2];
	} *xsdt = take(&b, sizeof *xsdt, 8);
	struct acpi_facs *facs = take(&b, sizeof *facs, 64);
	uint8_t *dsdt = take(&b, sizeof dsdt_aml_code, 8);
	struct acpi_fadt *fadt = take(&b, sizeof *fadt, 8);
	struct acpi_header *madt = build_madt(&b, vp_count);

	if (rsdp == NULL || xsdt == NULL || facs == NULL || dsdt == NULL || fadt == NULL || madt == NULL)
		return 0;
	memcpy(dsdt, dsdt_aml_code, sizeof dsdt_aml_code);
	memcpy(facs->signature, "FACS", sizeof facs->signature);
	facs->length = sizeof *facs;
	facs->version = 2;
	fill_fadt(fadt, gpa_of(&b, facs), gpa_of(&b, dsdt));
	xsdt->entry[0] = gpa_of(&b, fadt);
	xsdt->entry[1] = gpa_of(&b, madt);
	finish(&xsdt->header, "XSDT", 1, sizeof *xsdt);

	memcpy(rsdp->signature, "RSD PTR ", sizeof rsdp->signature);
	memcpy(rsdp->oem_id, "BULKHD", sizeof rsdp->oem_id);
	rsdp->revision = 2;
	rsdp->length = sizeof *rsdp;
	rsdp->xsdt = gpa_of(&b, xsdt);
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof *rsdp);
	return b.used;
}
