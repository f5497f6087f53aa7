/* SPDX-License-Identifier: BSD-2-Clause */
/* Random ports from a seed, in and out, of all sizes, single and by string instructions. Absent ones read as ones; the machine goes on. */
#include "lib/guest.h"

static uint8_t buffer[4096];

/* Console, machine end, power management, reset. */
static bool is_own(uint16_t port)
{
	return (port >= 0x3f5 && port <= 0x3ff) || (port >= 0xf1 && port <= 0xf7) || (port >= 0x5fd && port <= 0x607) ||
	       (port >= 0xcf5 && port <= 0xcfc) || (port >= 0xb0 && port <= 0xb3);
}

static void strings(uint16_t port, unsigned int kind, uint64_t count)
{
	void *at = buffer;

	switch (kind) {
	case 0:
		asm volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		break;
	case 1:
		asm volatile("rep insw" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		break;
	case 2:
		asm volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		break;
	case 3:
		asm volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(port) : "memory");
		break;
	case 4:
		asm volatile("rep outsw" : "+S"(at), "+c"(count) : "d"(port) : "memory");
		break;
	default:
		asm volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory");
	}
	check(count == 0, "a string instruction on port %x stopped with %lu to go", port, count);
}

GUEST_TEST(wildport, "random ports, single and strings")
{
	struct random r = { option_number("seed", 0xb0a7) };
	uint64_t count = option_number("count", 3000), i;

	check(inb(0xbeef) == 0xff && inw(0xbeee) == 0xffff && inl(0xbee0) == 0xffffffffu, "a port that is not there reads as %x", inl(0xbee0));
	for (i = 0; i < count; i++) {
		uint16_t port = (uint16_t)(random_next(&r) >> random_next(&r) % 60);
		uint32_t value = (uint32_t)random_next(&r);

		if (is_own(port))
			continue;
		switch (random_next(&r) % 8) {
		case 0:
			outb(port, (uint8_t)value);
			break;
		case 1:
			outw(port, (uint16_t)value);
			break;
		case 2:
			outl(port, value);
			break;
		case 3:
			inb(port);
			break;
		case 4:
			inw(port);
			break;
		case 5:
			inl(port);
			break;
		default:
			strings(port, value % 6, random_next(&r) % 64);
		}
	}
}
