# SPDX-License-Identifier: BSD-2-Clause
# The hypervisor's sources run in tests as they are: machine.c stands for RAM and for the processor's vendor part, native/ for the
# few instructions that a process may not execute. For tests/unit/hypervisor and tests/fuzz/hypervisor.
set(H ${PROJECT_SOURCE_DIR}/hypervisor)
set(HYPERVISOR_TEST_INCLUDES ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/native ${H})
# All but the C library's functions and what stops a processor.
file(GLOB HYPERVISOR_TEST_MACHINE CONFIGURE_DEPENDS ${H}/core/*.c ${H}/arch/x86/*.c)
list(REMOVE_ITEM HYPERVISOR_TEST_MACHINE ${H}/core/string.c ${H}/arch/x86/panic.c)
list(PREPEND HYPERVISOR_TEST_MACHINE ${CMAKE_CURRENT_LIST_DIR}/machine.c)
