// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts from eventfds: an irqfd names a GSI, the MSI routing table says what message that is, and the message
 * becomes ASSERT_VIRTUAL_INTERRUPT in the context of whoever signals the eventfd.
 */
#include "bulkhead.h"

#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "compat.h"

#define GSI_MAX 4096u
#define IRQFD_MAX 1024u

/* MSI address and data (AMD64 APM vol. 2, 16.11 and Intel SDM vol. 3, 10.11). */
#define MSI_ADDRESS_LOGICAL BIT(2)
#define MSI_ADDRESS_DEST(lo) (((lo) >> 12) & 0xff)
#define MSI_DATA_VECTOR(d) ((d) & 0xff)
#define MSI_DATA_TYPE(d) (((d) >> 8) & 7)
#define MSI_DATA_LEVEL BIT(15)

struct bh_irq_routes {
	u32 count;
	struct {
		u32 address_lo, address_hi, data;
		bool valid;
	} gsi[];
};

struct irqfd {
	struct list_head node;
	struct bh_partition *partition;
	struct eventfd_ctx *eventfd;
	u32 gsi;
	bool dead;               /* the eventfd's last descriptor is closed */
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	poll_table poll;
};

void bh_interrupt_asserted(struct bh_partition *p, const struct hv_input_assert_virtual_interrupt *in)
{
	/* A LAPIC's id is its VP's index. Who a logical destination means only the hypervisor knows. */
	if (!(in->control.s.flags & HV_INTERRUPT_LOGICAL) && in->dest_addr < HV_MAX_VPS)
		bh_partition_wake(p, 1ull << in->dest_addr);
	else
		bh_partition_wake(p, ~0ull);
}

static bool route_to_interrupt(struct bh_partition *p, u32 gsi, struct hv_input_assert_virtual_interrupt *in)
{
	struct bh_irq_routes *routes;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&p->irq_lock, flags);
	routes = p->irq_routes;
	if (routes && gsi < routes->count && routes->gsi[gsi].valid) {
		u32 lo = routes->gsi[gsi].address_lo, data = routes->gsi[gsi].data;

		in->control.s.type = MSI_DATA_TYPE(data);
		in->control.s.flags = (lo & MSI_ADDRESS_LOGICAL ? HV_INTERRUPT_LOGICAL : 0) |
				      (data & MSI_DATA_LEVEL ? HV_INTERRUPT_LEVEL : 0);
		in->dest_addr = MSI_ADDRESS_DEST(lo) | (routes->gsi[gsi].address_hi & ~0xffu);
		in->vector = MSI_DATA_VECTOR(data);
		found = true;
	}
	spin_unlock_irqrestore(&p->irq_lock, flags);
	return found;
}

static void inject(struct irqfd *irqfd)
{
	struct hv_input_assert_virtual_interrupt in = { .partition_id = irqfd->partition->id };

	if (!route_to_interrupt(irqfd->partition, irqfd->gsi, &in))
		return;
	if (HV_RESULT_STATUS(hv_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, 0, &in, sizeof(in), NULL, 0)) ==
	    HV_STATUS_SUCCESS)
		bh_interrupt_asserted(irqfd->partition, &in);
}

/* With the wait queue's lock, which eventfd_ctx_do_read() needs. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		inject(irqfd);
	}
	if (events & EPOLLHUP)
		WRITE_ONCE(irqfd->dead, true);
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	irqfd->queue = queue;
	add_wait_queue(queue, &irqfd->wait);
}

/* No callback runs or will run when this returns. */
static void irqfd_free(struct irqfd *irqfd)
{
	u64 count;

	if (irqfd->queue)
		eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

static void irqfd_remove(struct bh_partition *p, struct irqfd *irqfd)
{
	list_del(&irqfd->node);
	p->irqfd_count--;
	irqfd_free(irqfd);
}

/* With the partition's lock. Closed eventfds leave at the next opportunity, which is here. */
static int irqfd_assign(struct bh_partition *p, struct file *file, struct eventfd_ctx *eventfd, u32 gsi)
{
	struct irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &p->irqfds, node) {
		if (READ_ONCE(irqfd->dead))
			irqfd_remove(p, irqfd);
		else if (irqfd->eventfd == eventfd)
			return -EBUSY;
	}
	if (p->irqfd_count == IRQFD_MAX)
		return -ENOSPC;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->partition = p;
	irqfd->eventfd = eventfd;
	irqfd->gsi = gsi;
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->poll, irqfd_queue);
	list_add_tail(&irqfd->node, &p->irqfds);
	p->irqfd_count++;
	/* Signalled before it was assigned: that is an interrupt, too. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		inject(irqfd);
	return 0;
}

static int irqfd_deassign(struct bh_partition *p, struct eventfd_ctx *eventfd, u32 gsi)
{
	struct irqfd *irqfd, *next;
	int rc = -ENOENT;

	list_for_each_entry_safe(irqfd, next, &p->irqfds, node) {
		if (irqfd->eventfd == eventfd && irqfd->gsi == gsi) {
			irqfd_remove(p, irqfd);
			rc = 0;
		}
	}
	return rc;
}

long bh_irqfd(struct bh_partition *p, unsigned long arg)
{
	struct mshv_user_irqfd args;
	struct eventfd_ctx *eventfd;
	struct file *file;
	bool assign;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & BIT(MSHV_IRQFD_BIT_RESAMPLE))
		return -EOPNOTSUPP;
	if (args.flags & ~BIT(MSHV_IRQFD_BIT_DEASSIGN) || args.gsi >= GSI_MAX)
		return -EINVAL;
	assign = !(args.flags & BIT(MSHV_IRQFD_BIT_DEASSIGN));
	file = fget(args.fd);
	if (!file)
		return -EBADF;
	eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(eventfd)) {
		rc = PTR_ERR(eventfd);
		goto put_file;
	}
	if (mutex_lock_killable(&p->lock)) {
		rc = -EINTR;
		goto put_eventfd;
	}
	rc = assign ? irqfd_assign(p, file, eventfd, args.gsi) : irqfd_deassign(p, eventfd, args.gsi);
	mutex_unlock(&p->lock);
put_eventfd:
	if (rc || !assign)
		eventfd_ctx_put(eventfd);
put_file:
	fput(file);
	return rc;
}

static struct bh_irq_routes *routes_create(const struct mshv_user_irq_entry *entries, u32 nr)
{
	struct bh_irq_routes *routes;
	u32 count = 0, i;

	for (i = 0; i < nr; i++)
		count = max(count, entries[i].gsi + 1);
	routes = kvzalloc(struct_size(routes, gsi, count), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return NULL;
	routes->count = count;
	for (i = 0; i < nr; i++) {
		u32 gsi = entries[i].gsi;

		routes->gsi[gsi].address_lo = entries[i].address_lo;
		routes->gsi[gsi].address_hi = entries[i].address_hi;
		routes->gsi[gsi].data = entries[i].data;
		routes->gsi[gsi].valid = true;
	}
	return routes;
}

/* Replaces the whole table; nr == 0 empties it. */
long bh_set_msi_routing(struct bh_partition *p, unsigned long arg)
{
	struct bh_irq_routes *routes = NULL;
	struct mshv_user_irq_entry *entries;
	struct mshv_user_irq_table args;
	u32 i;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.nr > GSI_MAX || args.rsvd)
		return -EINVAL;
	if (args.nr) {
		entries = vmemdup_user((u8 __user *)arg + sizeof(args), args.nr * sizeof(*entries));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
		for (i = 0; i < args.nr && entries[i].gsi < GSI_MAX; i++)
			;
		routes = i == args.nr ? routes_create(entries, args.nr) : ERR_PTR(-EINVAL);
		kvfree(entries);
		if (IS_ERR_OR_NULL(routes))
			return routes ? PTR_ERR(routes) : -ENOMEM;
	}
	spin_lock_irq(&p->irq_lock);
	swap(p->irq_routes, routes);
	spin_unlock_irq(&p->irq_lock);
	kvfree(routes);
	return 0;
}

void bh_irqfds_release(struct bh_partition *p)
{
	struct irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &p->irqfds, node)
		irqfd_remove(p, irqfd);
	kvfree(p->irq_routes);
	p->irq_routes = NULL;
}
