/* SPDX-License-Identifier: BSD-2-Clause */
/* The ACPI tables: checksums, pointers, and the ACPI compiler's own opinion of them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acpi.h"
#include "layout.h"
#include "tests/unit/run_tests.h"

static uint8_t tables[LAYOUT_ACPI_SIZE];

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static const uint8_t *at(uint64_t gpa)
{
	ck_assert_uint_ge(gpa, LAYOUT_ACPI);
	ck_assert_uint_lt(gpa, LAYOUT_ACPI + LAYOUT_ACPI_SIZE);
	return tables + (gpa - LAYOUT_ACPI);
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

static const uint8_t *table(unsigned int index, const char *signature)
{
	const uint8_t *xsdt = at(get64(tables + 24)), *t = at(get64(xsdt + 36 + 8 * index));

	ck_assert_int_eq(memcmp(t, signature, 4), 0);
	return t;
}

START_TEST(checksums_and_pointers)
{
	const uint8_t *fadt, *dsdt;
	size_t used = acpi_build(tables, sizeof tables, LAYOUT_ACPI, 64);

	ck_assert_uint_gt(used, 0);
	ck_assert_int_eq(memcmp(tables, "RSD PTR ", 8), 0);
	ck_assert_uint_eq(sum(tables, 20), 0);
	ck_assert_uint_eq(sum(tables, 36), 0);
	fadt = table(0, "FACP");
	dsdt = at(get64(fadt + 140));
	ck_assert_uint_eq(get32(fadt + 40), get64(fadt + 140));
	ck_assert_int_eq(memcmp(dsdt, "DSDT", 4), 0);
	ck_assert_int_eq(memcmp(at(get32(fadt + 36)), "FACS", 4), 0);
	ck_assert_uint_eq(get32(fadt + 36) % 64, 0);
	ck_assert_uint_eq(sum(fadt, get32(fadt + 4)), 0);
	ck_assert_uint_eq(sum(dsdt, get32(dsdt + 4)), 0);
	ck_assert_uint_eq(sum(table(1, "APIC"), get32(table(1, "APIC") + 4)), 0);
}
END_TEST

/* One LAPIC a processor, one I/O APIC, the SCI's override; no 8259. */
START_TEST(madt_entries)
{
	const uint8_t *madt, *p;
	unsigned int lapics = 0, ioapics = 0, overrides = 0;

	acpi_build(tables, sizeof tables, LAYOUT_ACPI, 3);
	madt = table(1, "APIC");
	ck_assert_uint_eq(get32(madt + 40) & 1, 0);
	for (p = madt + 44; p < madt + get32(madt + 4); p += p[1]) {
		ck_assert_uint_ge(p[1], 8);
		if (p[0] == 0)
			ck_assert_uint_eq(p[3], lapics++);
		ioapics += p[0] == 1;
		overrides += p[0] == 2;
	}
	ck_assert(p == madt + get32(madt + 4));
	ck_assert_uint_eq(lapics, 3);
	ck_assert_uint_eq(ioapics, 1);
	ck_assert_uint_eq(overrides, 1);
}
END_TEST

START_TEST(too_small_a_buffer)
{
	size_t used = acpi_build(tables, sizeof tables, LAYOUT_ACPI, 64), n;

	for (n = 0; n < used; n++) {
		uint8_t *exact = malloc(n + 1);

		ck_assert_uint_eq(acpi_build(exact, n, LAYOUT_ACPI, 64), 0);
		free(exact);
	}
}
END_TEST

/* iasl takes each table apart without an error, and finds in the DSDT what guests look for. */
START_TEST(disassembles)
{
	static const char *const names[3] = { "FACP", "APIC", "DSDT" };
	char folder[] = "/tmp/bulkhead-acpi-XXXXXX", command[512];
	const uint8_t *t[3];
	unsigned int i;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	acpi_build(tables, sizeof tables, LAYOUT_ACPI, 2);
	t[0] = table(0, "FACP");
	t[1] = table(1, "APIC");
	t[2] = at(get64(t[0] + 140));
	for (i = 0; i < 3; i++) {
		snprintf(command, sizeof command, "%s/%s.aml", folder, names[i]);
		f = fopen(command, "w");
		ck_assert_ptr_nonnull(f);
		fwrite(t[i], 1, get32(t[i] + 4), f);
		fclose(f);
		snprintf(command, sizeof command,
			 "cd %s && %s -d %s.aml >%s.log 2>&1 && ! grep -Ei 'error|invalid|incorrect|warning|unknown' %s.log %s.dsl", folder, IASL,
			 names[i], names[i], names[i], names[i]);
		ck_assert_msg(system(command) == 0, "%s", command);
	}
	snprintf(command, sizeof command, "cd %s && for s in 'VMBus' 'ACPI0004' 'PNP0501' '_S5' 'VMOD'; do grep -q \"$s\" DSDT.dsl || exit 1; done",
		 folder);
	ck_assert_int_eq(system(command), 0);
	snprintf(command, sizeof command, "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

RUN_TESTS("worker acpi", checksums_and_pointers, madt_entries, too_small_a_buffer, disassembles)
