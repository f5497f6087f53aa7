/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt table. An exception that is neither expected nor handled is printed and ends the machine. */
#include "guest.h"
#include "internal.h"

#define CS64 0x08u
#define INTERRUPT_GATE 0x8e00u

struct gate {
	uint16_t offset_low, selector;
	uint16_t attributes, offset_middle;
	uint32_t offset_high, reserved;
};

extern const uint8_t interrupt_stubs[256][16];
extern const struct fixup fixups_start[], fixups_end[];

static struct gate idt[256];
static interrupt_handler *handlers[256];
static uint64_t counts[256];

void interrupts_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof idt - 1, (uintptr_t)idt };

	asm volatile("lidt %0" : : "m"(pointer));
}

void interrupts_init(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		uintptr_t at = (uintptr_t)interrupt_stubs[i];

		idt[i] = (struct gate){ (uint16_t)at, CS64, INTERRUPT_GATE, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
	}
	interrupts_load();
}

void interrupt_handle(unsigned int vector, interrupt_handler *handler)
{
	handlers[vector] = handler;
}

uint64_t interrupt_count(unsigned int vector)
{
	return __atomic_load_n(&counts[vector], __ATOMIC_ACQUIRE);
}

static uint64_t read_cr2(void)
{
	uint64_t value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static void __attribute__((noreturn)) unexpected(const struct interrupt_frame *f)
{
	console_break_lock();
	report(OUTCOME_ERROR, "unexpected interrupt %lu error %lx at %lx:%lx flags %lx stack %lx cr2 %lx", f->vector, f->error_code,
	       f->cs, f->rip, f->rflags, f->rsp, read_cr2());
	print("rax %lx rcx %lx rdx %lx rbx %lx rbp %lx rsi %lx rdi %lx r8 %lx\n", f->rax, f->rcx, f->rdx, f->rbx, f->rbp, f->rsi,
	      f->rdi, f->r8);
	guest_exit(OUTCOME_ERROR);
}

/** Called by the stubs. */
void interrupt_entry(struct interrupt_frame *frame);
void interrupt_entry(struct interrupt_frame *frame)
{
	const struct fixup *fixup;

	__atomic_fetch_add(&counts[frame->vector & 255], 1, __ATOMIC_ACQ_REL);
	for (fixup = fixups_start; frame->vector < 32 && fixup != fixups_end; fixup++) {
		if (fixup->at == frame->rip) {
			frame->rip = fixup->resume;
			frame->rbx = frame->vector;
			return;
		}
	}
	if (!handlers[frame->vector & 255])
		unexpected(frame);
	handlers[frame->vector & 255](frame);
}
