/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC: registers, edges, masking. */
#include <string.h>

#include "ioapic.h"
#include "tests/unit/run_tests.h"

static struct ioapic_state state;
static unsigned int sends, last_mode;
static uint8_t last_destination, last_vector;
static bool last_logical, last_level;

static void send(void *context, unsigned int mode, bool logical, bool level, uint8_t destination, uint8_t vector)
{
	(void)context;
	sends++;
	last_mode = mode;
	last_logical = logical;
	last_level = level;
	last_destination = destination;
	last_vector = vector;
}

static struct ioapic ioapic = { &state, send, NULL };

static void begin(void)
{
	memset(&state, 0, sizeof state);
	sends = 0;
	ioapic_reset(&ioapic);
}

static void set(uint32_t reg, uint32_t value)
{
	ioapic_write(&ioapic, 0, reg);
	ioapic_write(&ioapic, 0x10, value);
}

static uint32_t get(uint32_t reg)
{
	ioapic_write(&ioapic, 0, reg);
	return ioapic_read(&ioapic, 0x10);
}

START_TEST(identity)
{
	begin();
	ck_assert_uint_eq(get(1), 0x00170011);
	set(0, 0xffffffff);
	ck_assert_uint_eq(get(0), 0x0f000000);
	ck_assert_uint_eq(get(0x10), 0x00010000);
	ck_assert_uint_eq(get(0x3e), 0x00010000);
	/* There is no pin 24, and nothing between the arbitration register and pin 0. */
	ck_assert_uint_eq(get(0x40), 0);
	set(0x40, 0xffffffff);
	set(0xff, 0xffffffff);
	set(0x05, 0xffffffff);
	ck_assert_uint_eq(get(0x05), 0);
}
END_TEST

/* Remote IRR and delivery status cannot be written. */
START_TEST(read_only_bits)
{
	begin();
	set(0x18, 0xffffffff);
	ck_assert_uint_eq(get(0x18), 0x0001afff);
	set(0x19, 0xffffffff);
	ck_assert_uint_eq(get(0x19), 0xff000000);
}
END_TEST

START_TEST(edge_to_destination)
{
	begin();
	set(0x19, 0x03000000);
	set(0x18, 0x0831);
	ioapic_set_line(&ioapic, 4, true);
	ioapic_set_line(&ioapic, 4, true);
	ck_assert_uint_eq(sends, 1);
	ck_assert_uint_eq(last_vector, 0x31);
	ck_assert_uint_eq(last_destination, 3);
	ck_assert(last_logical);
	ck_assert(!last_level);
	ck_assert_uint_eq(last_mode, 0);
	ioapic_set_line(&ioapic, 4, false);
	ioapic_set_line(&ioapic, 4, true);
	ck_assert_uint_eq(sends, 2);
}
END_TEST

/* A line that rose while its pin was masked is not lost. */
START_TEST(unmask_while_high)
{
	begin();
	set(0x18, 0x00010031);
	ioapic_set_line(&ioapic, 4, true);
	ck_assert_uint_eq(sends, 0);
	set(0x18, 0x31);
	ck_assert_uint_eq(sends, 1);
	set(0x18, 0x31);
	ck_assert_uint_eq(sends, 1);
}
END_TEST

RUN_TESTS("worker ioapic", identity, read_only_bits, edge_to_destination, unmask_while_high)
