/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550A without a line: no baud rate, no modem beyond loop-back. The caller serializes. */
#ifndef BULKHEAD_WORKER_UART_H
#define BULKHEAD_WORKER_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_FIFO_SIZE 16u

/** What a successor needs; no pointers. All zero is the state after reset but for uart_reset()'s defaults. */
struct uart_state {
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	uint8_t overrun;             /* LSR bit 1, until LSR is read */
	uint8_t thr_empty_pending;   /* the THRE interrupt was not acknowledged yet */
	uint8_t line;                /* level of the interrupt output */
	uint8_t fifo_head, fifo_count;
	uint8_t fifo[UART_FIFO_SIZE];
};

struct uart_ops {
	void (*transmit)(void *context, uint8_t byte);
	/** Fetches up to size received bytes that wait outside. Called when the FIFO has room. */
	size_t (*receive)(void *context, uint8_t *buffer, size_t size);
	void (*interrupt)(void *context, bool level);
};

struct uart {
	struct uart_state *state;
	const struct uart_ops *ops;
	void *context;
};

void uart_reset(struct uart *uart);
/** offset 0..7 from the base port. */
uint8_t uart_read(struct uart *uart, unsigned int offset);
void uart_write(struct uart *uart, unsigned int offset, uint8_t value);
/** Bytes may wait outside: fetches them and updates the interrupt. */
void uart_poll(struct uart *uart);

#endif
