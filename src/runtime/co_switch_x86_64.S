/*
 * x86-64, System V. The frame of a suspended context, from its stack pointer upwards: MXCSR and x87 control word (8 bytes), r15,
 * r14, r13, r12, rbx, rbp, return address. All other registers are the caller's to save.
 */
    .text
    .globl co_switch
    .hidden co_switch
    .type co_switch, @function
    .balign 16
co_switch:
    endbr64
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    movq %rdx, %rax
    movq %rdx, %rdi
    popq %rcx
    notrack jmpq *%rcx /* not ret: the return predictor, whose stack belongs to the other side, would always miss */
    .size co_switch, . - co_switch
    .section .note.GNU-stack, "", @progbits
