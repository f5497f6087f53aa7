/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of the road: a state that only a bug in the hypervisor reaches. Says so on COM1, where the machine's own messages go. */
#include <stdarg.h>

#include "arch/x86/cpu.h"
#include "core/hypervisor.h"
#include "core/log.h"

#define COM1 0x3f8

struct exception_frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

static void serial_text(const char *s)
{
	for (; *s; s++) {
		/* A port that is not there reads FFh, so this cannot hang. */
		while (!(inb(COM1 + 5) & 0x20))
			cpu_relax();
		outb(COM1, *s);
	}
}

_Noreturn void panic(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	format_text(text, sizeof text, format, args);
	va_end(args);
	serial_text("\r\nbulkhead: panic: ");
	serial_text(text);
	serial_text("\r\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void exception_panic(const struct exception_frame *f)
{
	panic("exception %llu error %llx at %llx, rsp %llx, cr2 %llx", (unsigned long long)f->vector,
	      (unsigned long long)f->error, (unsigned long long)f->rip, (unsigned long long)f->rsp,
	      (unsigned long long)read_cr2());
}
