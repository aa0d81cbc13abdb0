/*
 * The context switch. A suspended context is one pointer: its registers lie on its own stack.
 * Written in assembly for x86-64 and aarch64; elsewhere ucontext (ten times slower, because of a
 * system call).
 */
#ifndef TW_RUNTIME_CO_SWITCH_H
#define TW_RUNTIME_CO_SWITCH_H

#include <stddef.h>

/* Saves the caller's context in *save and continues `load`; arg reaches the entry function of a
 * context entered first. */
void *co_switch(void **save, void *load, void *arg);
/* A context that will run entry(arg) on the stack [lo, lo + size); lo and size are multiples of 16.
 * entry must never return. */
void *co_context(void *lo, size_t size, void (*entry)(void *arg));

#endif
