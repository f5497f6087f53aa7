/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's key-value pairs in memory that was given for them. Text stays UTF-16LE as the host has it; keys are equal when their bytes are. */
#include <errno.h>
#include <string.h>

#include "vsc/ic/ic.h"

/* The sizes are the host's; equal keys with different sizes would be different keys. Text ends with a NUL: at most the last unit. */
static bool text_fits(uint32_t bytes, uint32_t limit)
{
	return bytes >= 2 && bytes % 2 == 0 && bytes <= limit;
}

static struct vsc_kvp_entry *find(const struct vsc_kvp *kvp, uint8_t pool, const uint8_t *key, uint32_t bytes)
{
	for (uint32_t i = 0; i < kvp->count; i++) {
		struct vsc_kvp_entry *e = &kvp->entries[i];

		if (e->used && e->pool == pool && e->pair.key_bytes == bytes && memcmp(e->pair.key, key, bytes) == 0)
			return e;
	}
	return NULL;
}

static struct vsc_kvp_entry *unused(const struct vsc_kvp *kvp)
{
	for (uint32_t i = 0; i < kvp->count; i++)
		if (!kvp->entries[i].used)
			return &kvp->entries[i];
	return NULL;
}

static uint32_t set(struct vsc_kvp *kvp, uint8_t pool, const struct ic_kvp_value *pair)
{
	struct vsc_kvp_entry *e;

	if (!text_fits(pair->key_bytes, sizeof pair->key) || pair->value_bytes > sizeof pair->value)
		return IC_STATUS_FAIL;
	e = find(kvp, pool, pair->key, pair->key_bytes);
	if (!e)
		e = unused(kvp);
	if (!e)
		return IC_STATUS_FAIL;
	*e = (struct vsc_kvp_entry){ true, pool, *pair };
	return 0;
}

static uint32_t get(const struct vsc_kvp *kvp, uint8_t pool, struct ic_kvp_value *pair)
{
	const struct vsc_kvp_entry *e = NULL;

	if (text_fits(pair->key_bytes, sizeof pair->key))
		e = find(kvp, pool, pair->key, pair->key_bytes);
	if (!e)
		return IC_STATUS_NO_MORE;
	*pair = e->pair;
	return 0;
}

/* Those behind it move up, so that an enumeration that deletes sees each. */
static uint32_t delete(struct vsc_kvp *kvp, uint8_t pool, const uint8_t *key, uint32_t bytes)
{
	struct vsc_kvp_entry *e = text_fits(bytes, IC_KVP_KEY_BYTES) ? find(kvp, pool, key, bytes) : NULL;

	if (!e)
		return IC_STATUS_NO_MORE;
	memmove(e, e + 1, (size_t)(kvp->entries + kvp->count - (e + 1)) * sizeof *e);
	kvp->entries[kvp->count - 1].used = false;
	return 0;
}

static uint32_t enumerate(const struct vsc_kvp *kvp, uint8_t pool, uint32_t index, struct ic_kvp_value *pair)
{
	for (uint32_t i = 0; i < kvp->count; i++) {
		const struct vsc_kvp_entry *e = &kvp->entries[i];

		if (!e->used || e->pool != pool || index-- > 0)
			continue;
		*pair = e->pair;
		return 0;
	}
	return IC_STATUS_NO_MORE;
}

uint32_t vsc_kvp_serve(struct vsc_kvp *kvp, struct ic_kvp *m)
{
	const bool mine = m->pool == IC_KVP_GUEST || m->pool == IC_KVP_AUTO;

	if (m->pool >= IC_KVP_POOLS)
		return IC_STATUS_FAIL;
	switch (m->operation) {
	case IC_KVP_GET:
		return get(kvp, m->pool, &m->pair);
	case IC_KVP_SET:
		return mine ? IC_STATUS_FAIL : set(kvp, m->pool, &m->pair);
	case IC_KVP_DELETE:
		return mine ? IC_STATUS_FAIL : delete(kvp, m->pool, m->delete.key, m->delete.key_bytes);
	case IC_KVP_ENUMERATE:
		return enumerate(kvp, m->pool, m->enumerate.index, &m->enumerate.pair);
	default:
		return IC_STATUS_FAIL;
	}
}

static bool widen(const char *text, uint8_t *to, uint32_t size, uint32_t *bytes)
{
	const size_t length = strlen(text);

	if (length >= size / 2)
		return false;
	for (size_t i = 0; i <= length; i++) {
		to[2 * i] = (uint8_t)text[i];
		to[2 * i + 1] = 0;
	}
	*bytes = (uint32_t)(length + 1) * 2;
	return true;
}

int vsc_kvp_set(struct vsc_kvp *kvp, enum ic_kvp_pool pool, const char *key, const char *value)
{
	struct ic_kvp_value pair = { .type = IC_KVP_TEXT };

	if (!*key || !widen(key, pair.key, sizeof pair.key, &pair.key_bytes) || !widen(value, pair.value, sizeof pair.value, &pair.value_bytes))
		return -EINVAL;
	return set(kvp, (uint8_t)pool, &pair) ? -ENOSPC : 0;
}

int vsc_kvp_get(const struct vsc_kvp *kvp, enum ic_kvp_pool pool, const char *key, char *value, uint32_t size)
{
	struct ic_kvp_value pair;
	uint32_t used = 0, i;

	if (!widen(key, pair.key, sizeof pair.key, &pair.key_bytes) || get(kvp, (uint8_t)pool, &pair))
		return -ENOENT;
	for (i = 0; i + 1 < pair.value_bytes && (pair.value[i] || pair.value[i + 1]); i += 2) {
		const bool plain = !pair.value[i + 1] && pair.value[i] < 0x80;

		if (used + 1 >= size)
			break;
		value[used++] = plain ? (char)pair.value[i] : '?';
	}
	if (size)
		value[used] = 0;
	return i + 1 < pair.value_bytes && (pair.value[i] || pair.value[i + 1]) ? -ENOSPC : 0;
}
