/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that reads and writes any port and any address in any order. Input: one operation in 8 bytes. */
#include <string.h>

#include "devices.h"
#include "log.h"

static struct worker_state_region region;

/* The console and the log stand in for the real ones, which have a loop and files. */
void console_put(struct console *console, uint8_t byte)
{
	(void)console;
	(void)byte;
}

size_t console_get(struct console *console, uint8_t *buffer, size_t size)
{
	(void)console;
	memset(buffer, 'x', size);
	return size;
}

void log_line(const char *format, ...)
{
	(void)format;
}

static void send_interrupt(void *context, unsigned int mode, bool logical, bool level, uint8_t destination, uint8_t vector)
{
	(void)context;
	(void)mode;
	(void)logical;
	(void)level;
	(void)destination;
	(void)vector;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct devices devices;
	static const unsigned int sizes[4] = { 1, 2, 4, 8 };

	memset(&devices, 0, sizeof devices);
	memset(&region, 0, offsetof(struct worker_state_region, vmbus)); /* what devices use */
	devices.state = &region;
	devices.send_interrupt = send_interrupt;
	devices_init(&devices);
	for (; size >= 8; data += 8, size -= 8) {
		uint16_t port = (uint16_t)(data[2] | data[3] << 8);
		unsigned int width = sizes[data[1] % 4];
		uint32_t value;

		memcpy(&value, data + 4, sizeof value);
		switch (data[0] % 6) {
		case 0:
			devices_port_read(&devices, port, width > 4 ? 4 : width);
			break;
		case 1:
			devices_port_write(&devices, port, width > 4 ? 4 : width, value);
			break;
		case 2:
			devices_port_write(&devices, LAYOUT_COM1 + port % 8, 1, value);
			break;
		case 3:
			devices_mmio_read(&devices, LAYOUT_IOAPIC + port, width);
			break;
		case 4:
			devices_mmio_write(&devices, LAYOUT_IOAPIC + port % 0x20, width, value);
			break;
		case 5:
			devices_console_input(&devices);
			break;
		}
	}
	return 0;
}
