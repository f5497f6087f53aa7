/* SPDX-License-Identifier: BSD-2-Clause */
/* See uart.h. Registers: PC16550D data sheet, table II. A byte is sent the moment it is written. */
#include "uart.h"

#include <string.h>

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_RECEIVED  0x01u
#define IER_THR_EMPTY 0x02u
#define IER_LINE      0x04u
#define IER_MASK      0x0fu
#define IIR_NONE      0x01u
#define IIR_THR_EMPTY 0x02u
#define IIR_RECEIVED  0x04u
#define IIR_LINE      0x06u
#define IIR_TIMEOUT   0x0cu
#define IIR_FIFOS     0xc0u
#define FCR_ENABLE    0x01u
#define FCR_CLEAR_RX  0x02u
#define FCR_CLEAR_TX  0x04u
#define LCR_DLAB      0x80u
#define MCR_MASK      0x1fu
#define MCR_OUT2      0x08u
#define MCR_LOOP      0x10u
#define LSR_READY     0x01u
#define LSR_OVERRUN   0x02u
#define LSR_THR_EMPTY 0x20u
#define LSR_IDLE      0x40u
#define MSR_CONNECTED 0xb0u          /* DCD, DSR, CTS */

static unsigned int fifo_room(const struct uart_state *s)
{
	return (s->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1u) - s->fifo_count;
}

static void fifo_push(struct uart_state *s, uint8_t byte)
{
	s->fifo[(s->fifo_head + s->fifo_count) % UART_FIFO_SIZE] = byte;
	s->fifo_count++;
}

static unsigned int trigger_level(const struct uart_state *s)
{
	static const uint8_t levels[4] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/** The highest pending source, as IIR shows it. Bytes below the trigger level count as timed out: nothing else will come soon. */
static uint8_t pending(const struct uart_state *s)
{
	if ((s->ier & IER_LINE) && s->overrun)
		return IIR_LINE;
	if ((s->ier & IER_RECEIVED) && s->fifo_count > 0)
		return s->fifo_count >= trigger_level(s) ? IIR_RECEIVED : IIR_TIMEOUT;
	if ((s->ier & IER_THR_EMPTY) && s->thr_empty_pending)
		return IIR_THR_EMPTY;
	return IIR_NONE;
}

static void update_interrupt(struct uart *u)
{
	struct uart_state *s = u->state;
	/* OUT2 gates the interrupt on a PC; in loop-back it is not connected. */
	bool level = pending(s) != IIR_NONE && (s->mcr & MCR_OUT2) && !(s->mcr & MCR_LOOP);

	if (level == (s->line != 0))
		return;
	s->line = level;
	u->ops->interrupt(u->context, level);
}

static void fetch(struct uart *u)
{
	struct uart_state *s = u->state;
	uint8_t bytes[UART_FIFO_SIZE];
	size_t i, n;

	if ((s->mcr & MCR_LOOP) || fifo_room(s) == 0)
		return;
	n = u->ops->receive(u->context, bytes, fifo_room(s));
	for (i = 0; i < n; i++)
		fifo_push(s, bytes[i]);
}

void uart_poll(struct uart *u)
{
	fetch(u);
	update_interrupt(u);
}

void uart_reset(struct uart *u)
{
	bool was_high = u->state->line != 0;

	memset(u->state, 0, sizeof *u->state);
	u->state->dll = 1;           /* 115200 */
	if (was_high)
		u->ops->interrupt(u->context, false);
}

static uint8_t read_data(struct uart *u)
{
	struct uart_state *s = u->state;
	uint8_t byte;

	if (s->fifo_count == 0)
		return 0;
	byte = s->fifo[s->fifo_head];
	s->fifo_head = (uint8_t)((s->fifo_head + 1) % UART_FIFO_SIZE);
	s->fifo_count--;
	/* Only when empty, so that a burst makes one interrupt and not one a byte. */
	if (s->fifo_count == 0)
		fetch(u);
	return byte;
}

static uint8_t read_iir(struct uart_state *s)
{
	uint8_t iir = pending(s);

	if (iir == IIR_THR_EMPTY)
		s->thr_empty_pending = 0;
	return iir | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct uart_state *s)
{
	uint8_t lsr = LSR_THR_EMPTY | LSR_IDLE | (s->fifo_count > 0 ? LSR_READY : 0) | (s->overrun ? LSR_OVERRUN : 0);

	s->overrun = 0;
	return lsr;
}

static uint8_t read_msr(const struct uart_state *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CONNECTED;
	/* Loop-back: RTS DTR OUT1 OUT2 appear as CTS DSR RI DCD. */
	return (uint8_t)((s->mcr & 2u) << 3 | (s->mcr & 1u) << 5 | (s->mcr & 0xcu) << 4);
}

uint8_t uart_read(struct uart *u, unsigned int offset)
{
	struct uart_state *s = u->state;
	uint8_t value;

	if ((s->lcr & LCR_DLAB) && offset <= IER)
		return offset == 0 ? s->dll : s->dlm;
	switch (offset) {
	case RBR_THR:
		value = read_data(u);
		break;
	case IER:
		return s->ier;
	case IIR_FCR:
		value = read_iir(s);
		break;
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		value = read_lsr(s);
		break;
	case MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
	update_interrupt(u);
	return value;
}

static void write_data(struct uart *u, uint8_t value)
{
	struct uart_state *s = u->state;

	if (s->mcr & MCR_LOOP) {
		if (fifo_room(s) > 0)
			fifo_push(s, value);
		else
			s->overrun = 1;
	} else {
		u->ops->transmit(u->context, value);
	}
	/*
	 * The line is infinitely fast: the register is empty again. The interrupt output is not toggled for it, so that a
	 * driver that fills the FIFO in one go is interrupted once: it reads IIR, and so lowers the line, before it returns.
	 */
	s->thr_empty_pending = 1;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	struct uart_state *s = u->state;

	if ((value & FCR_CLEAR_RX) || ((value ^ s->fcr) & FCR_ENABLE))
		s->fifo_count = 0;
	s->fcr = value & (uint8_t)~(FCR_CLEAR_RX | FCR_CLEAR_TX);
	fetch(u);
}

void uart_write(struct uart *u, unsigned int offset, uint8_t value)
{
	struct uart_state *s = u->state;

	if ((s->lcr & LCR_DLAB) && offset <= IER) {
		if (offset == 0)
			s->dll = value;
		else
			s->dlm = value;
		return;
	}
	switch (offset) {
	case RBR_THR:
		write_data(u, value);
		break;
	case IER:
		/* Enabling the THRE interrupt while the register is empty raises it: drivers start sending so. */
		if ((value & IER_THR_EMPTY) && !(s->ier & IER_THR_EMPTY))
			s->thr_empty_pending = 1;
		s->ier = value & IER_MASK;
		break;
	case IIR_FCR:
		write_fcr(u, value);
		break;
	case LCR:
		s->lcr = value;
		break;
	case MCR:
		s->mcr = value & MCR_MASK;
		fetch(u);
		break;
	case SCR:
		s->scr = value;
		break;
	default:                     /* LSR and MSR are read only */
		return;
	}
	update_interrupt(u);
}
