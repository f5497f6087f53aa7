/* SPDX-License-Identifier: BSD-2-Clause */
/* See network.h. */
#include "network.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

int network_create(struct network *n, struct machine *m, struct vmbus_server *server)
{
	*n = (struct network){ .machine = m, .server = server };
	if (m->config.interface_count > 0)
		log_line("network: interfaces are not offered by this version");
	return 0;
}

int network_attach(struct network *n, const struct worker_interface *config)
{
	unsigned int i;

	(void)n;
	for (i = 0; i < config->queue_count; i++)
		close(config->fd[i]);
	return -EOPNOTSUPP;
}

int network_detach(struct network *n, const uint8_t mac[6])
{
	(void)n;
	(void)mac;
	return -ENOENT;
}

int network_set_link(struct network *n, const uint8_t mac[6], bool up)
{
	(void)n;
	(void)mac;
	(void)up;
	return -ENOENT;
}

void network_stats(const struct network *n, struct worker_stats *ret)
{
	(void)n;
	ret->interface_count = 0;
}
