/* process.h - threads of the C library, for Linux: see sim.h. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "windows.h"

uintptr_t _beginthreadex(void *security, unsigned stack, unsigned(__stdcall *start)(void *), void *argument,
                         unsigned flags, unsigned *id);

#endif
