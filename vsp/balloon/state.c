/* SPDX-License-Identifier: BSD-2-Clause */
/* What a successor finds of its predecessor is honest, not necessarily of this version or configuration. */
#include "vsp/balloon/balloon_internal.h"

#include <errno.h>

static bool is_valid(const struct balloon_state *s, const struct balloon_config *config, uint64_t limit)
{
	if (s->low_pages != config->low_pages || s->high_pages != config->high_pages || s->hot_add_gfn != config->hot_add_gfn ||
	    s->hot_add_pages != config->hot_add_pages || s->added > config->hot_add_pages || s->phase > PHASE_REFUSED ||
	    s->action > ACTION_ADD || s->range_count > DM_RANGES_MAX)
		return false;
	if (s->action == ACTION_ADD && (s->base > config->hot_add_pages || s->asked > config->hot_add_pages - s->base))
		return false;
	for (uint32_t i = 0; i < s->range_count; i++)
		if (!balloon_within(DM_RANGE_PAGE(s->ranges[i]), DM_RANGE_COUNT(s->ranges[i]), 0, limit))
			return false;
	return true;
}

int balloon_take_state(struct balloon_state *s, const struct balloon_config *config, uint64_t limit)
{
	if (!s->magic) {
		s->version = BALLOON_STATE_VERSION;
		s->size = sizeof *s;
		s->low_pages = config->low_pages;
		s->high_pages = config->high_pages;
		s->hot_add_gfn = config->hot_add_gfn;
		s->hot_add_pages = config->hot_add_pages;
		s->target = config->low_pages + config->high_pages;
		balloon_keep(&s->magic, BALLOON_STATE_MAGIC);
		return 0;
	}
	if (s->magic != BALLOON_STATE_MAGIC)
		return -EINVAL;
	if (s->version != BALLOON_STATE_VERSION || s->size != sizeof *s)
		return -ENOTSUP;
	return is_valid(s, config, limit) ? 0 : -EINVAL;
}
