/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways in. `start` is entered in 64-bit mode as Linux is (boot.rst: RSI = boot_params), `start_pvh` in 32-bit protected mode
 * by loaders that know the PVH note (QEMU -kernel), `trampoline` in real mode by a start-up IPI. All end on the tables below:
 * the first 4 GiB identity mapped, flat segments. Also the interrupt stubs.
 */
#define CR0_PE_PG 0x80010033      /* PG WP NE ET MP PE */
#define CR4_BOOT  0x620           /* PAE OSFXSR OSXMMEXCPT */
#define MSR_EFER  0xc0000080
#define MSR_FS_BASE 0xc0000100
#define EFER_BOOT 0x100           /* LME */
#define CS64 0x08
#define DS   0x10
#define CS32 0x18
#define STACK_BYTES 16384
#define TRAMPOLINE 0x10000        /* smp.h repeats it */

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start_pvh

	.text
	.code32
	.global start_pvh
start_pvh:
	cli
	mov $boot_stack_top, %esp
	mov %ebx, %esi
	lgdt gdt_pointer
	mov $1, %edi
	call page_tables
	mov $CR4_BOOT, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_BOOT, %eax
	wrmsr
	mov $CR0_PE_PG, %eax
	mov %eax, %cr0
	ljmp $CS64, $long_mode

/* Fills the tables; 32-bit code that does the same in both modes. Uses eax, ecx, edx. */
page_tables:
	movl $(pdpt + 3), pml4
	xor %ecx, %ecx
1:	mov %ecx, %eax
	shl $12, %eax
	add $(page_directory + 3), %eax
	mov %eax, pdpt(,%ecx,8)
	inc %ecx
	cmp $4, %ecx
	jne 1b
	xor %ecx, %ecx
2:	mov %ecx, %eax
	shl $21, %eax
	or $0x83, %eax
	mov %eax, page_directory(,%ecx,8)
	inc %ecx
	cmp $2048, %ecx
	jne 2b
	ret

	.code64
	.global start
start:
	cli
	mov $boot_stack_top, %esp
	xor %edi, %edi
	call page_tables_64
	lgdt gdt_pointer
	mov $pml4, %eax
	mov %rax, %cr3
	mov $CR4_BOOT, %eax
	mov %rax, %cr4
long_mode:
	mov %edi, %edi               /* upper halves: undefined after a switch of modes */
	mov %esi, %esi
	call load_segments
	mov $boot_stack_top, %esp
	xor %ebp, %ebp
	call guest_main               /* (pvh, boot_params or start_info) */
1:	cli
	hlt
	jmp 1b

page_tables_64:
	lea pdpt + 3, %rax
	mov %rax, pml4
	xor %ecx, %ecx
1:	mov %rcx, %rax
	shl $12, %rax
	add $(page_directory + 3), %rax
	mov %rax, pdpt(,%rcx,8)
	inc %ecx
	cmp $4, %ecx
	jne 1b
	xor %ecx, %ecx
2:	mov %rcx, %rax
	shl $21, %rax
	or $0x83, %rax
	mov %rax, page_directory(,%rcx,8)
	inc %ecx
	cmp $2048, %ecx
	jne 2b
	ret

/* Reloads CS and the data segments from our descriptor table. */
load_segments:
	pop %rax
	push $CS64
	push %rax
	mov $DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	lretq

/* Copied to TRAMPOLINE. Straight from real mode to long mode: PE and PG are set by one write. */
	.global trampoline, trampoline_end
	.code16
trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt_pointer - trampoline
	mov $CR4_BOOT, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_BOOT, %eax
	wrmsr
	mov $CR0_PE_PG, %eax
	mov %eax, %cr0
	ljmpl $CS64, $(TRAMPOLINE + trampoline_64 - trampoline)
	.code64
trampoline_64:
	mov $ap_start, %eax
	jmp *%rax
	.balign 8
trampoline_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

ap_start:
	mov $MSR_FS_BASE, %ecx
	rdmsr
	mov %eax, ap_fs_base
	mov ap_stack_top, %rsp
	lgdt gdt_pointer
	call load_segments
	mov ap_stack_top, %rsp
	xor %ebp, %ebp
	call ap_main
1:	cli
	hlt
	jmp 1b

/* One 16-byte stub a vector; exceptions 8, 10-14, 17, 21, 29, 30 push an error code themselves. */
	.balign 16
	.global interrupt_stubs
interrupt_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push $0
	.endif
	push $vector
	jmp interrupt_common
	vector = vector + 1
	.endr

/* Order of struct interrupt_frame. */
interrupt_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	call interrupt_entry
	mov %rbx, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	.section .rodata
	.balign 16
gdt:
	.quad 0
	.quad 0x00af9b000000ffff      /* 08h: code, 64-bit */
	.quad 0x00cf93000000ffff      /* 10h: data */
	.quad 0x00cf9b000000ffff      /* 18h: code, 32-bit */
gdt_end:
	.global gdt_pointer
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.bss
	.balign 4096
	.global pml4, pdpt
pml4:	.skip 4096
pdpt:	.skip 4096
page_directory: .skip 4 * 4096
boot_stack: .skip STACK_BYTES
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
