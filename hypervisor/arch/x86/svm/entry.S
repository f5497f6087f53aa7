/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's assembler: the way in from the driver, VMRUN, and the exception entries. The stack of a CPU is the upper
 * part of its area.
 */
#define BH_CPU_AREA_SIZE 32768

	.section .text, "ax"

/*
 * From the driver's switch page, on the hypervisor's page table and still on the root's stack:
 * RDX = this CPU's area, RCX = the root's CR3, R8/R9 = RIP and RSP to return to, R10 = CPU index.
 */
	.globl	hypervisor_entry
hypervisor_entry:
	endbr64
	lea	BH_CPU_AREA_SIZE(%rdx), %rsp
	mov	%rdx, %rdi
	mov	%r10, %rsi
	mov	%rcx, %rdx
	mov	%r8, %rcx
	mov	%r9, %r8
	xor	%ebp, %ebp
	call	launch_cpu
	ud2

/*
 * void svm_enter(uint64_t gpr[16], uint64_t vmcb_pa)
 * gpr is indexed by register number; RAX and RSP are the VMCB's. The host's general registers are not part of what VMRUN
 * saves, but for RAX and RSP (15.5.1).
 */
	.globl	svm_enter
svm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	%rsi, %rax
	mov	1*8(%rdi), %rcx
	mov	2*8(%rdi), %rdx
	mov	3*8(%rdi), %rbx
	mov	5*8(%rdi), %rbp
	mov	6*8(%rdi), %rsi
	mov	8*8(%rdi), %r8
	mov	9*8(%rdi), %r9
	mov	10*8(%rdi), %r10
	mov	11*8(%rdi), %r11
	mov	12*8(%rdi), %r12
	mov	13*8(%rdi), %r13
	mov	14*8(%rdi), %r14
	mov	15*8(%rdi), %r15
	mov	7*8(%rdi), %rdi
	vmrun	%rax
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rcx, 1*8(%rdi)
	mov	%rdx, 2*8(%rdi)
	mov	%rbx, 3*8(%rdi)
	mov	%rbp, 5*8(%rdi)
	mov	%rsi, 6*8(%rdi)
	mov	%r8, 8*8(%rdi)
	mov	%r9, 9*8(%rdi)
	mov	%r10, 10*8(%rdi)
	mov	%r11, 11*8(%rdi)
	mov	%r12, 12*8(%rdi)
	mov	%r13, 13*8(%rdi)
	mov	%r14, 14*8(%rdi)
	mov	%r15, 15*8(%rdi)
	pop	7*8(%rdi)
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* One entry per exception, all fatal. GIF is clear in the hypervisor, so nothing else arrives (15.17). */
	.macro	EXCEPTION vector
	.balign	16
	.if	(\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
	nop
	.else
	push	$0
	.endif
	push	$\vector
	jmp	exception_common
	.endm

	.balign	16
	.globl	exception_entries
exception_entries:
	.irp	vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	EXCEPTION \vector
	.endr

exception_common:
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	exception_panic
	ud2

	.section .note.GNU-stack, "", @progbits
