/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch page. Both page tables map it at this one address, so that CR3 can change under it. Offsets into struct
 * bh_leave_frame are those of hypervisor/include/abi/bulkhead.h; launch.c asserts them.
 */
#include <linux/linkage.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>

#include "compat.h"

#define MSR_EFER 0xc0000080
#define MSR_PAT  0x277
#define CONTROL_UNLOAD 0x1bb02 /* HVCALL_BULKHEAD_UNLOAD, fast */

	.text
	.balign 4096
	.globl	bh_switch_page
bh_switch_page:

	.macro SAVE_CALLER
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	.endm

	.macro RESTORE_CALLER
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	.endm

/*
 * RDI = CR3, RSI = entry, RDX = CPU area, RCX = CPU index. With GIF clear an NMI, #MC, SMI or INIT waits (APM vol. 2, 15.17) until somebody's
 * handlers are there again: VMRUN sets GIF, and so does bh_switch_leave.
 */
SYM_CODE_START(bh_switch_enter)
	COMPAT_UNWIND_HINT_NONE
	ENDBR
	SAVE_CALLER
	mov	%rcx, %r10
	mov	%rdx, %r11
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_SVME, %eax
	wrmsr
	clgi
	mov	%r11, %rdx
	mov	%cr3, %rcx
	lea	1f(%rip), %r8
	mov	%rsp, %r9
	mov	%rdi, %cr3
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%rsi
1:	COMPAT_UNWIND_HINT_NONE
	RESTORE_CALLER
	RET
SYM_CODE_END(bh_switch_enter)

SYM_CODE_START(bh_switch_unload)
	COMPAT_UNWIND_HINT_NONE
	ENDBR
	SAVE_CALLER
	mov	$CONTROL_UNLOAD, %ecx
	xor	%edx, %edx
	xor	%r8d, %r8d
	vmmcall
	RESTORE_CALLER
	RET
SYM_CODE_END(bh_switch_unload)

/*
 * RDI = struct bh_leave_frame in the hypervisor's memory; interrupts off, GIF clear, SVM on. Everything goes into
 * registers before the page table changes, and GIF is set only when the root's stack and IDT are back.
 */
SYM_CODE_START(bh_switch_leave)
	COMPAT_UNWIND_HINT_NONE
	ENDBR
	lgdt	102(%rdi)
	lidt	118(%rdi)
	mov	128(%rdi), %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_PAT, %ecx
	wrmsr
	mov	136(%rdi), %rax
	mov	%rax, %dr6
	mov	144(%rdi), %rax
	mov	%rax, %dr7

	mov	8(%rdi), %r8		/* cr3 */
	mov	16(%rdi), %r9		/* cr4 */
	mov	24(%rdi), %rbx		/* efer */
	mov	32(%rdi), %r10		/* rip */
	mov	40(%rdi), %r11		/* rsp */
	mov	48(%rdi), %r12		/* rflags */
	mov	56(%rdi), %r13		/* rax */
	mov	64(%rdi), %r14		/* cs */
	mov	72(%rdi), %r15		/* ss */
	mov	80(%rdi), %rbp		/* ds */
	mov	88(%rdi), %rsi		/* es */
	mov	0(%rdi), %rax
	mov	%rax, %cr0

	/* CR4.PCIDE can only be set while CR3 names PCID 0. The hypervisor has no global translations: CR3 drops its own. */
	mov	%r8, %rax
	and	$~0xfff, %rax
	mov	%rax, %cr3
	mov	%r9, %cr4
	mov	%r8, %cr3
	mov	%r11, %rsp
	mov	%ebp, %ds
	mov	%esi, %es

	stgi
	mov	$MSR_EFER, %ecx
	mov	%rbx, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
	mov	%r13, %rax
	push	%r15
	push	%r11
	push	%r12
	push	%r14
	push	%r10
	iretq
SYM_CODE_END(bh_switch_leave)

	/* The page must end before anything else begins: launch.c maps exactly one. */
	.balign 4096, 0xcc
