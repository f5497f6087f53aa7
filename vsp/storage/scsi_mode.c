/* SPDX-License-Identifier: BSD-2-Clause */
/* Mode pages (SPC-4 7.5, SBC-3 6.5): read by MODE SENSE, and the one bit of them that MODE SELECT changes. */
#include "vsp/storage/scsi.h"

#include <string.h>

/* Of the caching page: what is written is durable after SYNCHRONIZE CACHE or FUA, not before. */
#define WCE 0x04u

enum { CACHING = 0x08, CONTROL = 0x0a, EXCEPTIONS = 0x1c };
enum { CHANGEABLE = 1, DEFAULTS = 2 }; /* page control */

static uint32_t caching_page(const struct scsi_disk *disk, uint8_t *page)
{
	memset(page, 0, 20);
	page[0] = 0x08;
	page[1] = 18;
	page[2] = disk->read_only || disk->write_through ? 0 : WCE;
	return 20;
}

static uint32_t control_page(uint8_t *page)
{
	memset(page, 0, 12);
	page[0] = 0x0a;
	page[1] = 10;
	page[3] = 0x10;              /* queue algorithm 1: requests may be reordered */
	scsi_put16(page + 8, 0xffff); /* busy for any time */
	return 12;
}

static uint32_t exceptions_page(uint8_t *page)
{
	memset(page, 0, 12);
	page[0] = 0x1c;
	page[1] = 10;
	page[2] = 0x08;              /* DEXCPT: none are reported */
	return 12;
}

/* What of a page can be changed, as ones; or what it holds at first. */
static void set_values(const struct scsi_disk *disk, uint8_t control, uint8_t *page)
{
	if (control == CHANGEABLE)
		memset(page + 2, 0, page[1]);
	if (page[0] == CACHING && !disk->cache_fixed)
		page[2] |= WCE;
}

uint32_t scsi_mode_sense(const struct scsi_disk *disk, bool ten, bool with_descriptor, uint8_t control, uint8_t page, uint8_t subpage,
	uint8_t *reply)
{
	uint32_t header = ten ? 8 : 4, size = header, first, at;
	uint8_t specific = 0x10 | (disk->read_only ? 0x80 : 0); /* DPOFUA, WP */

	if (subpage && !(page == 0x3f && subpage == 0xff))
		return 0;
	memset(reply, 0, header + 8);
	if (with_descriptor) {
		scsi_put32(reply + size, disk->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)disk->blocks);
		scsi_put32(reply + size + 4, disk->block_size);
		size += 8;
	}
	first = size;
	if (page == 0x08 || page == 0x3f)
		size += caching_page(disk, reply + size);
	if (page == 0x0a || page == 0x3f)
		size += control_page(reply + size);
	if (page == 0x1c || page == 0x3f)
		size += exceptions_page(reply + size);
	if (size == first)
		return 0;
	for (at = first; (control == CHANGEABLE || control == DEFAULTS) && at < size; at += 2u + reply[at + 1])
		set_values(disk, control, reply + at);
	if (ten) {
		scsi_put16(reply, (uint16_t)(size - 2));
		reply[3] = specific;
		scsi_put16(reply + 6, with_descriptor ? 8 : 0);
	} else {
		reply[0] = (uint8_t)(size - 1);
		reply[2] = specific;
		reply[3] = with_descriptor ? 8 : 0;
	}
	return size;
}

/* A page that MODE SELECT brings: nothing in it may differ from what is, but WCE. Returns its length; 0: refused. */
static uint32_t select_page(const struct scsi_disk *disk, const uint8_t *page, uint32_t left, bool *write_through)
{
	uint8_t current[SCSI_REPLY_BYTES];
	uint32_t size = scsi_mode_sense(disk, false, false, 0, page[0], 0, current);
	bool wce;

	if (size < 4 || size - 4 > left || page[1] != current[5])
		return 0;
	size -= 4;
	wce = page[0] == CACHING && page[2] & WCE;
	if (page[0] == CACHING && !disk->cache_fixed)
		current[4 + 2] = (uint8_t)((current[4 + 2] & ~WCE) | (wce ? WCE : 0));
	if (page[0] == 0x3f || memcmp(page, current + 4, size))
		return 0;
	if (page[0] == CACHING && !disk->cache_fixed)
		*write_through = !wce;
	return size;
}

uint32_t scsi_mode_select(const struct scsi_disk *disk, bool ten, const uint8_t *list, uint32_t bytes, bool *write_through)
{
	uint32_t at = ten ? 8 : 4, descriptor, size;
	bool wanted = disk->write_through;

	if (bytes < at)
		return SCSI_PARAMETER_LIST_LENGTH_ERROR;
	descriptor = ten ? scsi_get16(list + 6) : list[3];
	/* The medium's type; long block descriptors. */
	if (list[ten ? 2 : 1] || (ten && list[4] & 1) || (descriptor && descriptor != 8))
		return SCSI_INVALID_FIELD_IN_PARAMETERS;
	if (bytes - at < descriptor)
		return SCSI_PARAMETER_LIST_LENGTH_ERROR;
	/* Blocks are as long as they are; how many there are is not for the guest to say, and it may give any number. */
	if (descriptor && (scsi_get32(list + at + 4) & 0xffffff) != disk->block_size)
		return SCSI_INVALID_FIELD_IN_PARAMETERS;
	for (at += descriptor; at < bytes; at += size) {
		if (bytes - at < 2 || bytes - at - 2 < list[at + 1])
			return SCSI_PARAMETER_LIST_LENGTH_ERROR;
		size = select_page(disk, list + at, bytes - at, &wanted);
		if (!size)
			return SCSI_INVALID_FIELD_IN_PARAMETERS;
	}
	*write_through = wanted;
	return 0;
}
