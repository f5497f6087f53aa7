// SPDX-License-Identifier: GPL-2.0
/*
 * Events and messages between a child and user space: a child's HvSignalEvent to an eventfd, by connection id; ports
 * for its messages; and events to the child, which are bits in the VP's event page.
 */
#include "bulkhead.h"

#include <linux/bitops.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "abi/tlfs.h"
#include "compat.h"

#define FEED_BATCH 32u
#define CONNECTION_ID_MAX 0xffffffu

struct signalfd {
	struct eventfd_ctx *eventfd;
	struct rcu_head rcu;
};

static void signalfd_free(struct rcu_head *rcu)
{
	struct signalfd *s = container_of(rcu, struct signalfd, rcu);

	eventfd_ctx_put(s->eventfd);
	kfree(s);
}

static int hv_connect(struct bh_partition *p, u32 connection_id, u32 type)
{
	struct bh_input_connect in = { .partition_id = p->id, .connection_id = connection_id, .type = type };

	return bh_call_fed(p, FEED_BATCH, HVCALL_BULKHEAD_CONNECT, &in, sizeof(in), NULL, 0);
}

/* With the partition's lock. The eventfd is there before the child may signal it. */
static int signalfd_add(struct bh_partition *p, u32 connection_id, int fd)
{
	struct signalfd *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT), *old;
	int rc;

	if (!s)
		return -ENOMEM;
	s->eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(s->eventfd)) {
		rc = PTR_ERR(s->eventfd);
		kfree(s);
		return rc;
	}
	old = xa_store(&p->signalfds, connection_id, s, GFP_KERNEL_ACCOUNT);
	if (xa_is_err(old)) {
		signalfd_free(&s->rcu);
		return xa_err(old);
	}
	rc = hv_connect(p, connection_id, BH_CONNECTION_EVENT);
	if (rc) {
		/* As it was: into a slot that is there, nothing needs memory. */
		xa_store(&p->signalfds, connection_id, old, GFP_KERNEL_ACCOUNT);
		old = s;
	}
	if (old)
		call_rcu(&old->rcu, signalfd_free);
	return rc;
}

static int signalfd_remove(struct bh_partition *p, u32 connection_id)
{
	struct signalfd *s = xa_load(&p->signalfds, connection_id);

	if (!s)
		return -ENOENT;
	hv_connect(p, connection_id, BH_CONNECTION_NONE);
	xa_erase(&p->signalfds, connection_id);
	call_rcu(&s->rcu, signalfd_free);
	return 0;
}

long bh_signalfd(struct bh_partition *p, unsigned long arg)
{
	struct bulkhead_signalfd args;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (!args.connection_id || args.connection_id > CONNECTION_ID_MAX)
		return -EINVAL;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	rc = args.fd < 0 ? signalfd_remove(p, args.connection_id) : signalfd_add(p, args.connection_id, args.fd);
	mutex_unlock(&p->lock);
	return rc;
}

/** A child's signal that came out of a dispatch. One that nobody waits for any more is dropped and counted. */
void bh_event_raised(struct bh_vp *vp, u32 connection_id)
{
	struct signalfd *s;

	rcu_read_lock();
	s = xa_load(&vp->partition->signalfds, connection_id);
	if (s)
		compat_eventfd_signal(s->eventfd);
	else
		vp->lost_signals++;
	rcu_read_unlock();
}

void bh_events_release(struct bh_partition *p)
{
	struct signalfd *s;
	unsigned long id;

	xa_for_each(&p->signalfds, id, s) {
		xa_erase(&p->signalfds, id);
		call_rcu(&s->rcu, signalfd_free);
	}
}

long bh_message_port(struct bh_partition *p, unsigned long arg)
{
	struct bulkhead_message_port args;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (!args.connection_id || args.connection_id > CONNECTION_ID_MAX || args.enable > 1)
		return -EINVAL;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	/* One id is a port or an event, never both: the eventfd would be orphaned. */
	if (xa_load(&p->signalfds, args.connection_id))
		rc = -EEXIST;
	else
		rc = hv_connect(p, args.connection_id, args.enable ? BH_CONNECTION_MESSAGE : BH_CONNECTION_NONE);
	mutex_unlock(&p->lock);
	return rc;
}

long bh_signal_event(struct bh_partition *p, unsigned long arg)
{
	struct bulkhead_signal_event args;
	struct bh_vp *vp;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	vp = bh_partition_vp(p, args.vp_index);
	if (!vp || args.flag >= HV_EVENT_FLAGS_COUNT)
		return -EINVAL;
	/* A flag that is still set was raised by somebody who wakes the VP, or has. */
	if (test_and_set_bit(args.flag % BITS_PER_LONG, (unsigned long *)&vp->events->flags[args.flag / BITS_PER_LONG]))
		return 0;
	set_bit(args.flag / BITS_PER_LONG, (unsigned long *)&vp->events->words);
	bh_vp_wake(vp);
	return 0;
}
