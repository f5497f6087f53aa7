/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers and instructions that a child may not have its way with: combinations that the manual forbids raise #GP
 * (APM vol. 2, 3.1), the processor's own virtualization instructions raise #UD (EFER.SVME reads 0), and nothing of it sticks.
 */
#include "lib/guest.h"

#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
#define CR4_PAE (1ull << 5)
#define CR0_TS (1ull << 3)
#define CR0_WP (1ull << 16)
#define CR4_PKE (1ull << 22)
#define CR4_CET (1ull << 23)
#define CR4_VMXE (1ull << 13)
#define EFER 0xc0000080u
#define EFER_LME (1ull << 8)
#define EFER_SVME (1ull << 12)
#define EFER_NXE (1ull << 11)

static void control_registers(void)
{
	uint64_t cr0 = read_cr0(), cr4 = read_cr4(), efer = rdmsr(EFER);

	/* QEMU's emulation takes these and goes astray: they are for real processors. */
	if (option_number("hardware", 0)) {
		check(write_cr4_safe(cr4 | CR4_PKE) == FAULT_GP, "CR4: PKE");
		check(write_cr4_safe(cr4 | CR4_CET) == FAULT_GP, "CR4: CET");
		check(write_cr0_safe(cr0 | 1ull << 40) == FAULT_GP, "CR0: a bit above 31");
		check(write_cr8_safe(16) == FAULT_GP, "CR8: 16");
		check(write_cr4_safe(cr4 | CR4_VMXE) == FAULT_GP, "CR4: VMXE on AMD");
		check(write_cr4_safe(cr4 | 1ull << 31) == FAULT_GP, "CR4: a reserved bit");
		check(write_cr4_safe(cr4 | 1ull << 40) == FAULT_GP, "CR4: a bit above 31");
		check(write_cr3_safe(read_cr3() | 1ull << 60) == FAULT_GP, "CR3: an address beyond the physical ones");
		check(write_cr4_safe(cr4 & ~CR4_PAE) == FAULT_GP, "CR4: PAE off in long mode");
	}
	check(wrmsr_safe(EFER, efer & ~EFER_LME) == FAULT_GP, "EFER: LME off under paging");
	check(wrmsr_safe(EFER, efer | EFER_SVME) == FAULT_GP, "EFER: SVME");
	check(wrmsr_safe(EFER, efer | 1ull << 7) == FAULT_GP, "EFER: a reserved bit");
	check(wrmsr_safe(EFER, efer | 1ull << 63) == FAULT_GP, "EFER: bit 63");
	check(wrmsr_safe(EFER, efer | EFER_NXE) == NO_FAULT, "EFER: NXE");
	wrmsr(EFER, efer);
	check(read_cr0() == cr0 && read_cr4() == cr4 && rdmsr(EFER) == efer, "refused values have left traces: %lx %lx %lx", read_cr0(),
	      read_cr4(), rdmsr(EFER));
}

#define TRY(code) ({ \
	uint64_t fault_ = -1ull; \
 \
	asm volatile("1: " code "\n" FAULT_TO_2 : "+b"(fault_) : "a"(0x10000ull), "c"(0ull), "d"(0ull) : "memory", "cc"); \
	(int)fault_; \
})

static void instructions(void)
{
	check(TRY(".byte 0x0f,0x01,0xd8") == FAULT_UD, "VMRUN");
	check(TRY(".byte 0x0f,0x01,0xda") == FAULT_UD, "VMLOAD");
	check(TRY(".byte 0x0f,0x01,0xdb") == FAULT_UD, "VMSAVE");
	check(TRY(".byte 0x0f,0x01,0xdc") == FAULT_UD, "STGI");
	check(TRY(".byte 0x0f,0x01,0xdd") == FAULT_UD, "CLGI");
	check(TRY(".byte 0x0f,0x01,0xde") == FAULT_UD, "SKINIT");
	check(TRY(".byte 0x0f,0x01,0xdf") == FAULT_UD, "INVLPGA");
	check(TRY(".byte 0x0f,0x01,0xc1") == FAULT_UD, "VMCALL of another vendor");
	check(TRY(".byte 0x0f,0xaa") == FAULT_UD, "RSM outside of system management");
	check(TRY("ud2") == FAULT_UD, "UD2");
	check(TRY("wbinvd") == NO_FAULT, "WBINVD");
}

/* CR0 is the hypervisor's to write: forbidden combinations fault, the cache stays on, all else sticks. */
static void control_register_0(void)
{
	uint64_t cr0 = read_cr0(), found;

	check(write_cr0_safe(cr0 & ~1ull) == FAULT_GP, "CR0: PG without PE");
	check(write_cr0_safe((cr0 & ~CR0_CD) | CR0_NW) == FAULT_GP, "CR0: NW without CD");
	check(write_cr0_safe(cr0 & ~CR0_PG) == FAULT_GP, "CR0: paging off in 64-bit code");
	check(read_cr0() == cr0, "refused values have left traces: %lx", read_cr0());
	check(write_cr0_safe(cr0 | CR0_CD | CR0_NW) == NO_FAULT && read_cr0() == cr0, "CR0: the cache is off: %lx", read_cr0());
	check(write_cr0_safe(cr0 ^ CR0_WP) == NO_FAULT && read_cr0() == (cr0 ^ CR0_WP), "CR0: WP does not stick: %lx", read_cr0());
	/* In a register that only REX reaches. */
	asm volatile("mov %1, %%r13; mov %%r13, %%cr0; mov %%cr0, %0" : "=r"(found) : "r"(cr0) : "r13", "memory");
	check(found == cr0, "CR0 from R13: %lx", found);
	asm volatile("lmsw %w1; mov %%cr0, %0" : "=r"(found) : "r"((cr0 ^ 4) & ~1ull) : "memory");
	check(found == (cr0 ^ 4), "CR0 by LMSW: %lx", found);
	write_cr0_safe(cr0 | CR0_TS);
	asm volatile("clts; mov %%cr0, %0" : "=r"(found) : : "memory");
	check(found == (cr0 & ~CR0_TS), "CR0 by CLTS: %lx", found);
	write_cr0_safe(cr0);
}

GUEST_TEST(controls, "forbidden control register values fault, the processor's virtualization instructions are not there")
{
	control_registers();
	if (cpuid(1, 0).ecx & 1u << 31) {
		control_register_0();
		instructions();
	}
}
