/* SPDX-License-Identifier: BSD-2-Clause */
/* The UART as Linux's 8250 driver and firmware-like code use it. */
#include <string.h>

#include "tests/unit/run_tests.h"
#include "uart.h"

static struct uart_state state;
static char sent[256];
static size_t sent_count;
static const char *input;
static unsigned int rises;
static bool line;

static void transmit(void *context, uint8_t byte)
{
	(void)context;
	sent[sent_count++ % sizeof sent] = (char)byte;
}

static size_t receive(void *context, uint8_t *buffer, size_t size)
{
	size_t n = strlen(input);

	(void)context;
	if (n > size)
		n = size;
	memcpy(buffer, input, n);
	input += n;
	return n;
}

static void interrupt(void *context, bool level)
{
	(void)context;
	if (level && !line)
		rises++;
	line = level;
}

static const struct uart_ops ops = { transmit, receive, interrupt };
static struct uart uart = { &state, &ops, NULL };

static void begin(void)
{
	memset(&state, 0, sizeof state);
	memset(sent, 0, sizeof sent);
	sent_count = 0;
	input = "";
	rises = 0;
	line = false;
	uart_reset(&uart);
}

/* What is written is sent at once, and the transmitter is always empty: a polled console never waits. */
START_TEST(polled_output)
{
	const char *text = "hello";

	begin();
	for (; *text; text++) {
		ck_assert_uint_eq(uart_read(&uart, 5) & 0x60, 0x60);
		uart_write(&uart, 0, (uint8_t)*text);
	}
	ck_assert_str_eq(sent, "hello");
	ck_assert_uint_eq(rises, 0);
}
END_TEST

/* DLAB turns offsets 0 and 1 into the divisor; the data registers are untouched by it. */
START_TEST(divisor_latch)
{
	begin();
	uart_write(&uart, 1, 0x01);
	uart_write(&uart, 3, 0x83);
	uart_write(&uart, 0, 0x0c);
	uart_write(&uart, 1, 0x00);
	ck_assert_uint_eq(uart_read(&uart, 0), 0x0c);
	uart_write(&uart, 3, 0x03);
	ck_assert_uint_eq(uart_read(&uart, 1), 0x01);
	ck_assert_uint_eq(sent_count, 0);
}
END_TEST

/* Enabling the THRE interrupt raises it once; IIR names and acknowledges it; filling the FIFO in one go interrupts once. */
START_TEST(transmit_interrupt_once_per_burst)
{
	int i;

	begin();
	uart_write(&uart, 2, 0x01);
	uart_write(&uart, 4, 0x08);
	uart_write(&uart, 1, 0x02);
	ck_assert_uint_eq(rises, 1);
	ck_assert_uint_eq(uart_read(&uart, 2), 0xc2);
	ck_assert_uint_eq(uart_read(&uart, 2), 0xc1);
	ck_assert(!line);
	for (i = 0; i < 16; i++)
		uart_write(&uart, 0, 'x');
	ck_assert_uint_eq(rises, 2);
	ck_assert_uint_eq(uart_read(&uart, 2), 0xc2);
	ck_assert(!line);
}
END_TEST

/* Without OUT2 the interrupt output is not connected. */
START_TEST(out2_gates_interrupts)
{
	begin();
	uart_write(&uart, 1, 0x02);
	ck_assert(!line);
	uart_write(&uart, 4, 0x08);
	ck_assert(line);
}
END_TEST

/* Received bytes come in order, more than a FIFO of them; LSR says when there are none left. */
START_TEST(receive_more_than_a_fifo)
{
	char got[64] = "";
	size_t n = 0;

	begin();
	uart_write(&uart, 2, 0x01);
	uart_write(&uart, 4, 0x08);
	uart_write(&uart, 1, 0x01);
	input = "the quick brown fox jumps over";
	uart_poll(&uart);
	ck_assert(line);
	ck_assert_uint_eq(uart_read(&uart, 2) & 0x0f, 0x04);
	while (uart_read(&uart, 5) & 1)
		got[n++] = (char)uart_read(&uart, 0);
	ck_assert_str_eq(got, "the quick brown fox jumps over");
	ck_assert(!line);
	ck_assert_uint_eq(uart_read(&uart, 0), 0);
}
END_TEST

/* Fewer bytes than the trigger level still interrupt: the time-out indication. */
START_TEST(below_trigger_level)
{
	begin();
	uart_write(&uart, 2, 0xc1);
	uart_write(&uart, 4, 0x08);
	uart_write(&uart, 1, 0x01);
	input = "a";
	uart_poll(&uart);
	ck_assert(line);
	ck_assert_uint_eq(uart_read(&uart, 2) & 0x0f, 0x0c);
}
END_TEST

/* Loop-back, which drivers probe with: bytes return, modem outputs appear as inputs, nothing leaves. */
START_TEST(loop_back)
{
	begin();
	uart_write(&uart, 4, 0x1a);
	ck_assert_uint_eq(uart_read(&uart, 6) & 0xf0, 0x90);
	uart_write(&uart, 0, 0x5a);
	ck_assert_uint_eq(uart_read(&uart, 0), 0x5a);
	ck_assert_uint_eq(sent_count, 0);
	ck_assert(!line);
}
END_TEST

RUN_TESTS("worker uart", polled_output, divisor_latch, transmit_interrupt_once_per_burst, out2_gates_interrupts,
	  receive_more_than_a_fifo, below_trigger_level, loop_back)
