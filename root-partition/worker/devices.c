/* SPDX-License-Identifier: BSD-2-Clause */
/* See devices.h. */
#include "devices.h"

#include <string.h>

#include "log.h"
#include "rtc.h"

/* ACPI 6.4, 4.8.3.1 and 4.8.3.2. */
#define PM1_SCI_ENABLE   0x0001u
#define PM1_SLEEP_TYPE(v) ((v) >> 10 & 7u)
#define PM1_SLEEP_ENABLE 0x2000u

static void uart_transmit(void *context, uint8_t byte)
{
	struct devices *d = context;

	console_put(d->console, byte);
}

static size_t uart_receive(void *context, uint8_t *buffer, size_t size)
{
	struct devices *d = context;

	return console_get(d->console, buffer, size);
}

static void uart_interrupt(void *context, bool level)
{
	struct devices *d = context;

	ioapic_set_line(&d->ioapic, LAYOUT_COM1_GSI, level);
}

static const struct uart_ops uart_ops = { uart_transmit, uart_receive, uart_interrupt };

void devices_init(struct devices *d)
{
	pthread_mutex_init(&d->lock, NULL);
	d->uart = (struct uart){ &d->state->uart, &uart_ops, d };
	d->ioapic = (struct ioapic){ &d->state->ioapic, d->send_interrupt, d->context };
}

void devices_reset(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	ioapic_reset(&d->ioapic);
	uart_reset(&d->uart);
	d->state->pm = (struct pm_state){ .control = PM1_SCI_ENABLE };
	pthread_mutex_unlock(&d->lock);
}

void devices_console_input(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	uart_poll(&d->uart);
	pthread_mutex_unlock(&d->lock);
}

static bool first_time_port(struct devices *d, uint16_t port)
{
	uint8_t bit = (uint8_t)(1u << port % 8);
	bool first = !(d->ports_seen[port / 8] & bit);

	d->ports_seen[port / 8] |= bit;
	return first;
}

/** Reading is not worth a line for these: every PC kernel looks whether they are there. */
static bool probed_by_all(uint16_t port)
{
	return (port >= 0x20 && port <= 0x21) || (port >= 0xa0 && port <= 0xa1) || (port >= 0x40 && port <= 0x43) ||
	       port == 0x61 || port == 0x80 || (port >= 0x70 && port <= 0x71) || (port >= 0xcf8 && port <= 0xcff);
}

static uint16_t *pm_register(struct devices *d, unsigned int offset)
{
	switch (offset & ~1u) {
	case LAYOUT_PM1_EVENT:
		return &d->state->pm.status;
	case LAYOUT_PM1_EVENT + 2:
		return &d->state->pm.enable;
	case LAYOUT_PM1_CONTROL:
		return &d->state->pm.control;
	default:
		return NULL;
	}
}

static uint8_t read_byte(struct devices *d, uint16_t port)
{
	uint16_t *pm = pm_register(d, port);

	if (pm != NULL)
		return (uint8_t)(*pm >> (port & 1) * 8);
	if (port >= LAYOUT_COM1 && port < LAYOUT_COM1 + 8)
		return uart_read(&d->uart, port - LAYOUT_COM1);
	if (port == LAYOUT_RTC_DATA)
		return rtc_read((uint8_t)d->state->pm.rtc_index, time(NULL));
	if (port == LAYOUT_RESET)
		return 0;
	if (!probed_by_all(port) && first_time_port(d, port))
		log_line("port %#x: no device, reads as all ones", port);
	return 0xff;
}

uint32_t devices_port_read(struct devices *d, uint16_t port, unsigned int size)
{
	uint32_t value = 0;
	unsigned int i;

	pthread_mutex_lock(&d->lock);
	/* The configuration mechanism is one 32-bit port: its byte CF9h is another device's. */
	if (size == 4 && port == 0xcf8)
		value = 0xffffffffu;
	else
		for (i = 0; i < size; i++)
			value |= (uint32_t)read_byte(d, (uint16_t)(port + i)) << i * 8;
	pthread_mutex_unlock(&d->lock);
	return value;
}

static enum device_action write_pm(struct devices *d, uint16_t port, uint8_t byte)
{
	uint16_t *reg = pm_register(d, port), shifted = (uint16_t)(byte << (port & 1) * 8);
	uint16_t others = *reg & (uint16_t)(0xff00u >> (port & 1) * 8);

	if (reg == &d->state->pm.status) {
		*reg &= (uint16_t)~shifted;
		return DEVICE_DONE;
	}
	*reg = others | shifted;
	if (reg != &d->state->pm.control)
		return DEVICE_DONE;
	*reg |= PM1_SCI_ENABLE;
	if (!(*reg & PM1_SLEEP_ENABLE))
		return DEVICE_DONE;
	*reg &= (uint16_t)~PM1_SLEEP_ENABLE;
	if (PM1_SLEEP_TYPE(*reg) == LAYOUT_S5_TYPE)
		return DEVICE_POWER_OFF;
	log_line("sleep type %u: not supported, ignored", PM1_SLEEP_TYPE(*reg));
	return DEVICE_DONE;
}

static enum device_action write_byte(struct devices *d, uint16_t port, uint8_t byte)
{
	if (pm_register(d, port) != NULL)
		return write_pm(d, port, byte);
	if (port >= LAYOUT_COM1 && port < LAYOUT_COM1 + 8)
		uart_write(&d->uart, port - LAYOUT_COM1, byte);
	else if (port == LAYOUT_RTC_INDEX)
		d->state->pm.rtc_index = byte & 0x7f; /* bit 7 masks NMI, which nobody sends */
	else if (port == LAYOUT_RESET)
		return byte & 4u ? DEVICE_RESET : DEVICE_DONE;
	else if (!probed_by_all(port) && first_time_port(d, port))
		log_line("port %#x: no device, writes are ignored (first: %#x)", port, byte);
	return DEVICE_DONE;
}

enum device_action devices_port_write(struct devices *d, uint16_t port, unsigned int size, uint32_t value)
{
	enum device_action action = DEVICE_DONE, one;
	unsigned int i;

	pthread_mutex_lock(&d->lock);
	if (port == LAYOUT_DEBUG_EXIT) {
		d->exit_code = value;
		action = DEVICE_EXIT;
	} else if (!(size == 4 && port == 0xcf8)) {
		for (i = 0; i < size; i++) {
			one = write_byte(d, (uint16_t)(port + i), (uint8_t)(value >> i * 8));
			if (one != DEVICE_DONE)
				action = one;
		}
	}
	pthread_mutex_unlock(&d->lock);
	return action;
}

static void note_mmio(struct devices *d, uint64_t gpa, const char *what)
{
	unsigned int i;

	for (i = 0; i < d->mmio_seen_count; i++)
		if (d->mmio_seen[i] == gpa >> 12)
			return;
	if (d->mmio_seen_count == DEVICES_MMIO_SEEN)
		return;
	d->mmio_seen[d->mmio_seen_count++] = gpa >> 12;
	log_line("%#llx: no memory or device there, %s", (unsigned long long)gpa, what);
}

static bool in_ioapic(uint64_t gpa)
{
	return gpa >= LAYOUT_IOAPIC && gpa - LAYOUT_IOAPIC < LAYOUT_IOAPIC_SIZE;
}

uint64_t devices_mmio_read(struct devices *d, uint64_t gpa, unsigned int size)
{
	uint64_t value = ~0ull;

	pthread_mutex_lock(&d->lock);
	if (in_ioapic(gpa))
		value = size <= 4 ? ioapic_read(&d->ioapic, gpa - LAYOUT_IOAPIC) : ~0ull;
	else
		note_mmio(d, gpa, "reads as all ones");
	pthread_mutex_unlock(&d->lock);
	return value;
}

void devices_mmio_write(struct devices *d, uint64_t gpa, unsigned int size, uint64_t value)
{
	pthread_mutex_lock(&d->lock);
	if (!in_ioapic(gpa))
		note_mmio(d, gpa, "writes are ignored");
	else if (size <= 4)
		ioapic_write(&d->ioapic, gpa - LAYOUT_IOAPIC, (uint32_t)value);
	pthread_mutex_unlock(&d->lock);
}
