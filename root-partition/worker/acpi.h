/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's ACPI tables: RSDP, XSDT, FADT, FACS, MADT, DSDT (from dsdt.asl). */
#ifndef BULKHEAD_WORKER_ACPI_H
#define BULKHEAD_WORKER_ACPI_H

#include <stddef.h>
#include <stdint.h>

/**
 * Builds all tables for vp_count processors into buffer, which the guest will see at guest-physical address gpa
 * (16-byte aligned). The RSDP comes first. Returns the bytes used, or 0 when buffer is too small.
 */
size_t acpi_build(uint8_t *buffer, size_t size, uint64_t gpa, unsigned int vp_count);

#endif
