/* SPDX-License-Identifier: BSD-2-Clause */
/* libarchive knows the formats by their magic numbers. */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>

uint8_t *unpack_payload(const uint8_t *payload, size_t size, size_t expected, char *why, size_t why_size)
{
	struct archive *a = archive_read_new();
	uint8_t *out = malloc(expected + 1), *ret = NULL;
	struct archive_entry *entry;
	size_t have = 0;
	la_ssize_t n = 1;

	if (a == NULL || out == NULL) {
		snprintf(why, why_size, "no memory for %zu bytes", expected);
		goto out;
	}
	archive_read_support_format_raw(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_zstd(a);
	if (archive_read_open_memory(a, payload, size) != ARCHIVE_OK || archive_read_next_header(a, &entry) != ARCHIVE_OK) {
		snprintf(why, why_size, "payload: %s", archive_error_string(a));
		goto out;
	}
	/* One byte of room more than expected shows a payload that goes on. */
	while (n > 0 && have <= expected) {
		n = archive_read_data(a, out + have, expected + 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		snprintf(why, why_size, "payload: %s", archive_error_string(a));
	else if (have != expected)
		snprintf(why, why_size, "payload: %s than the %zu bytes that it says", have < expected ? "less" : "more", expected);
	else
		ret = out;
out:
	if (ret == NULL)
		free(out);
	archive_read_free(a);
	return ret;
}
