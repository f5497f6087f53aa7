/* SPDX-License-Identifier: BSD-2-Clause */
/* The network interfaces that a worker is started with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "root-partition/daemon/interfaces.h"
#include "root-partition/daemon/spawn.h"
#include "root-partition/daemon/tap.h"

void interface_describe(const struct config_interface *c, const struct tap *tap, struct worker_interface *ret)
{
	*ret = (struct worker_interface){
		.queue_count = tap->queue_count,
		.flags = (c->link_down ? WORKER_INTERFACE_LINK_DOWN : 0) | (c->allow_spoofing ? WORKER_INTERFACE_SPOOFING : 0),
		.mtu = c->mtu ? c->mtu : 1500,
	};
	memcpy(ret->mac, c->mac, sizeof ret->mac);
	memcpy(ret->tap, tap->name, sizeof ret->tap);
}

static int open_interface(struct spawn *s, const struct config_interface *c, struct worker_interface *ret)
{
	char why[320], mac[CONFIG_MAC_TEXT];
	struct tap tap;
	int rc = tap_open(s->name, c, tap_queues(c, s->config->vp_count), &tap, why, sizeof why);

	config_mac_format(c->mac, mac);
	if (rc)
		return spawn_fail(s, rc, "interface %s: %s", mac, why);
	interface_describe(c, &tap, ret);
	for (uint32_t i = 0; i < tap.queue_count; i++)
		ret->fd[i] = spawn_give(s, tap.fds[i]);
	return 0;
}

int spawn_open_interfaces(struct spawn *s, struct worker_config *ret)
{
	ret->interface_count = s->config->interface_count;
	for (uint32_t i = 0; i < s->config->interface_count; i++)
		if (open_interface(s, &s->config->interfaces[i], &ret->interface[i]))
			return -1;
	return 0;
}

_Static_assert(CONFIG_MAX_INTERFACES == WORKER_MAX_INTERFACES && CONFIG_MAX_QUEUES == WORKER_MAX_QUEUES, "a definition fits");
