/* SPDX-License-Identifier: BSD-2-Clause */
/* print(): COM1, no buffer beyond a line, a lock so that lines of several VPs stay whole. */
#include <stdarg.h>

#include "guest.h"
#include "internal.h"

#define COM1 0x3f8u

struct sink {
	char *text;                  /* NULL: the console */
	size_t used, size;
};

static void put(struct sink *s, char c)
{
	if (!s->text)
		outb(COM1, (uint8_t)c);
	else if (s->used + 1 < s->size)
		s->text[s->used] = c;
	s->used++;
}

static void put_padded(struct sink *s, const char *text, size_t length, unsigned int width, char pad)
{
	for (; width > length; width--)
		put(s, pad);
	for (; length; length--)
		put(s, *text++);
}

static void put_number(struct sink *s, uint64_t value, bool negative, unsigned int base, unsigned int width, char pad)
{
	char digits[24];
	size_t n = sizeof digits;

	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--n] = '-';
	put_padded(s, digits + n, sizeof digits - n, width, pad);
}

static void format_to(struct sink *s, const char *f, va_list args)
{
	unsigned int width, longs;
	const char *text;
	int64_t number;
	char pad;

	for (; *f; f++) {
		if (*f != '%') {
			put(s, *f);
			continue;
		}
		f++;
		pad = *f == '0' ? '0' : ' ';
		for (width = 0; *f >= '0' && *f <= '9'; f++)
			width = width * 10 + (unsigned int)(*f - '0');
		for (longs = 0; *f == 'l' || *f == 'z'; f++)
			longs++;
		switch (*f) {
		case 's':
			text = va_arg(args, const char *);
			put_padded(s, text, strlen(text), width, ' ');
			break;
		case 'c':
			put(s, (char)va_arg(args, int));
			break;
		case 'd':
			number = longs ? va_arg(args, int64_t) : va_arg(args, int);
			put_number(s, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0, 10, width, pad);
			break;
		case 'u':
			put_number(s, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned int), false, 10, width, pad);
			break;
		case 'x':
			put_number(s, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned int), false, 16, width, pad);
			break;
		case 'p':
			put_number(s, (uintptr_t)va_arg(args, void *), false, 16, 16, '0');
			break;
		default:
			put(s, *f);
		}
	}
}

static int console_lock;

void print_arguments(const char *format, va_list args)
{
	struct sink s = { 0 };

	while (__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
	format_to(&s, format, args);
	__atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
}

void console_break_lock(void)
{
	__atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_arguments(format, args);
	va_end(args);
}
