/* SPDX-License-Identifier: BSD-2-Clause */
/* See ioapic.h. Registers: 82093AA data sheet, chapter 3. */
#include "ioapic.h"

#include <string.h>

#define IOREGSEL 0x00u
#define IOWIN    0x10u
#define REG_ID          0x00u
#define REG_VERSION     0x01u
#define REG_ARBITRATION 0x02u
#define REG_REDIRECTION 0x10u
#define VERSION 0x11u

#define ENTRY_MASKED       (1ull << 16)
#define ENTRY_LEVEL        (1ull << 15)
#define ENTRY_LOGICAL      (1ull << 11)
#define ENTRY_READ_ONLY    (1ull << 14 | 1ull << 12) /* remote IRR, delivery status */
#define ENTRY_WRITABLE     0xff0000000001afffull

static void deliver(struct ioapic *a, unsigned int pin)
{
	uint64_t e = a->state->redirection[pin];

	if (!(e & ENTRY_MASKED))
		a->send(a->context, (unsigned int)(e >> 8) & 7u, (e & ENTRY_LOGICAL) != 0, (e & ENTRY_LEVEL) != 0,
			(uint8_t)(e >> 56), (uint8_t)e);
}

void ioapic_reset(struct ioapic *a)
{
	uint32_t lines = a->state->lines;
	unsigned int i;

	memset(a->state, 0, sizeof *a->state);
	a->state->lines = lines;
	for (i = 0; i < LAYOUT_IOAPIC_PINS; i++)
		a->state->redirection[i] = ENTRY_MASKED;
}

static uint32_t read_register(const struct ioapic_state *s)
{
	unsigned int entry = s->select - REG_REDIRECTION;

	switch (s->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return s->id;
	case REG_VERSION:
		return VERSION | (LAYOUT_IOAPIC_PINS - 1) << 16;
	}
	if (s->select < REG_REDIRECTION || entry / 2 >= LAYOUT_IOAPIC_PINS)
		return 0;
	return (uint32_t)(s->redirection[entry / 2] >> (entry % 2 * 32));
}

static void write_register(struct ioapic *a, uint32_t value)
{
	struct ioapic_state *s = a->state;
	unsigned int entry = s->select - REG_REDIRECTION, pin = entry / 2, shift = entry % 2 * 32;
	uint64_t old, new;

	if (s->select == REG_ID) {
		s->id = value & 0x0f000000u;
		return;
	}
	if (s->select < REG_REDIRECTION || pin >= LAYOUT_IOAPIC_PINS)
		return;
	old = s->redirection[pin];
	new = (old & ~(0xffffffffull << shift)) | ((uint64_t)value << shift);
	s->redirection[pin] = new & ENTRY_WRITABLE & ~ENTRY_READ_ONLY;
	if ((old & ENTRY_MASKED) && !(new & ENTRY_MASKED) && (s->lines & (1u << pin)))
		deliver(a, pin);
}

uint32_t ioapic_read(struct ioapic *a, uint64_t offset)
{
	switch (offset) {
	case IOREGSEL:
		return a->state->select;
	case IOWIN:
		return read_register(a->state);
	default:
		return 0xffffffffu;
	}
}

void ioapic_write(struct ioapic *a, uint64_t offset, uint32_t value)
{
	if (offset == IOREGSEL)
		a->state->select = value & 0xffu;
	else if (offset == IOWIN)
		write_register(a, value);
}

void ioapic_set_line(struct ioapic *a, unsigned int pin, bool level)
{
	uint32_t bit = 1u << pin;
	bool was = (a->state->lines & bit) != 0;

	if (level)
		a->state->lines |= bit;
	else
		a->state->lines &= ~bit;
	if (level && !was)
		deliver(a, pin);
}
