/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What carries out a controller's I/O: operations on files are started, submitted together, and come back in any order. disk_uring.c
 * does it by io_uring; tests bring one that fails or waits as they like.
 */
#ifndef BULKHEAD_VSP_STORAGE_DISK_QUEUE_H
#define BULKHEAD_VSP_STORAGE_DISK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum disk_op_kind {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,              /* fdatasync */
	DISK_PUNCH,              /* deallocate: reads as zeros then */
	DISK_ZERO,               /* zeros that stay allocated */
};

/** One operation; the caller's memory until it is done. */
struct disk_op {
	enum disk_op_kind kind;
	int      file;               /* as add_file returned */
	bool     durable;            /* DISK_WRITE: done only when it would survive a power cut */
	uint32_t iov_count;
	const struct iovec *iov;     /* DISK_READ, DISK_WRITE */
	uint64_t offset;
	uint64_t length;             /* in all; DISK_FLUSH: 0 */
};

struct disk_queue;

/** result: bytes, 0 where there are none, or -errno. */
typedef void disk_done(void *context, struct disk_op *op, int result);

struct disk_queue_ops {
	/** A number for the file, or -errno. The descriptor stays the caller's and open until remove_file. */
	int (*add_file)(struct disk_queue *queue, int fd);
	/** None of its operations may be in flight. */
	void (*remove_file)(struct disk_queue *queue, int file);
	/** Takes an operation. False: no room, try again after some are done. */
	bool (*start)(struct disk_queue *queue, struct disk_op *op);
	/** Hands on what was started. */
	void (*submit)(struct disk_queue *queue);
	/**
	 * Calls done for each operation that ended (not from within start and submit); done may start others. wait: until there is at least
	 * one. Returns how many.
	 */
	unsigned int (*reap)(struct disk_queue *queue, bool wait);
	/** Cheap: whether reap may find something without asking the kernel. */
	bool (*ready)(const struct disk_queue *queue);
	/** Makes event_fd readable once although nothing ends, so that reap is called again. */
	void (*nudge)(struct disk_queue *queue);
	/** None may be in flight. */
	void (*free)(struct disk_queue *queue);
};

struct disk_queue {
	const struct disk_queue_ops *ops;
	int event_fd;                /* readable while reap has something to do */
	disk_done *done;
	void *context;
};

/**
 * By io_uring with room for `depth` operations in flight. Used from the thread that creates it only. 0 or -errno. done and context are
 * the user's to set.
 */
int disk_uring_create(uint32_t depth, struct disk_queue **ret);

#endif
