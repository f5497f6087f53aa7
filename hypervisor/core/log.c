/* SPDX-License-Identifier: BSD-2-Clause */
/* The log ring; see log.h. */
#include "core/log.h"

#include "arch/x86/cpu.h"
#include "core/hypervisor.h"
#include "core/lock.h"
#include "core/string.h"

#define LOG_SIZE 16384u   /* a power of two */

static char ring[LOG_SIZE];
static uint64_t written;
static struct lock log_lock;
static uint64_t start_tsc;

void log_init(void)
{
	start_tsc = rdtsc();
}

struct output {
	char *to;
	unsigned int size, length;
};

static void put(struct output *o, char c)
{
	if (o->length + 1 < o->size)
		o->to[o->length++] = c;
}

static void put_number(struct output *o, uint64_t value, unsigned int base, int width, bool zero, bool negative)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && zero)
		put(o, '-');
	for (int i = n + negative; i < width; i++)
		put(o, zero ? '0' : ' ');
	if (negative && !zero)
		put(o, '-');
	while (n)
		put(o, digits[--n]);
}

static const char *put_argument(struct output *o, const char *f, va_list args)
{
	bool zero = false, is_long = false;
	int width = 0;

	for (; *f == '0'; f++)
		zero = true;
	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	for (; *f == 'l'; f++)
		is_long = true;
	switch (*f) {
	case 's':
		for (const char *s = va_arg(args, const char *); *s; s++)
			put(o, *s);
		break;
	case 'c':
		put(o, va_arg(args, int));
		break;
	case 'd': {
		int64_t v = is_long ? va_arg(args, int64_t) : va_arg(args, int);

		put_number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, zero, v < 0);
		break;
	}
	case 'u':
		put_number(o, is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned int), 10, width, zero, false);
		break;
	case 'x':
		put_number(o, is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned int), 16, width, zero, false);
		break;
	case 'p':
		put_number(o, va_arg(args, uint64_t), 16, 16, true, false);
		break;
	case '\0':
		return f;
	default:
		put(o, *f);
	}
	return f + 1;
}

unsigned int format_text(char *to, unsigned int size, const char *f, va_list args)
{
	struct output o = { to, size, 0 };

	while (*f) {
		if (*f == '%')
			f = put_argument(&o, f + 1, args);
		else
			put(&o, *f++);
	}
	to[o.length] = '\0';
	return o.length;
}

static void append(const char *text, unsigned int length)
{
	for (unsigned int i = 0; i < length; i++)
		ring[(written + i) & (LOG_SIZE - 1)] = text[i];
	written += length;
}

void log_write(const char *format, ...)
{
	uint64_t us = (rdtsc() - start_tsc) / (hv.tsc_hz / 1000000 + 1);
	char text[256], stamp[32];
	unsigned int length;
	struct output o = { stamp, sizeof stamp, 0 };
	va_list args;

	put(&o, '[');
	put_number(&o, us / 1000000, 10, 5, false, false);
	put(&o, '.');
	put_number(&o, us % 1000000, 10, 6, true, false);
	put(&o, ']');
	put(&o, ' ');
	va_start(args, format);
	length = format_text(text, sizeof text, format, args);
	va_end(args);
	lock(&log_lock);
	append(stamp, o.length);
	append(text, length);
	unlock(&log_lock);
}

void log_read(uint64_t position, struct bh_log_chunk *chunk)
{
	lock(&log_lock);
	if (position + LOG_SIZE < written)
		position = written - LOG_SIZE;
	if (position > written)
		position = written;
	chunk->position = position;
	chunk->size = written - position < sizeof chunk->data ? written - position : sizeof chunk->data;
	chunk->next = position + chunk->size;
	for (uint32_t i = 0; i < chunk->size; i++)
		chunk->data[i] = ring[(position + i) & (LOG_SIZE - 1)];
	unlock(&log_lock);
}
