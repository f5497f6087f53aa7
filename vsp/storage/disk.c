/* SPDX-License-Identifier: BSD-2-Clause */
/* What a descriptor can do: size, alignment, deallocation. Asked when the disk is added, the size also when it has grown. */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BLOCK 4096u             /* what file systems allocate and direct I/O may need at most */

int storvsp_disk_size(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*bytes = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -EINVAL;
	return ioctl(fd, BLKGETSIZE64, bytes) < 0 ? -errno : 0;
}

static bool is_block_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
}

/*
 * Alignment that direct I/O wants, found out by reading: what statx(2) and the device say differs between kernels. *memory is 1 without
 * O_DIRECT. -EINVAL: it wants more than the disk's blocks can give.
 */
static int get_alignment(int fd, uint32_t block_size, uint32_t *memory)
{
	static const uint32_t candidates[] = { 512, FILE_BLOCK };
	int flags = fcntl(fd, F_GETFL), rc = -EINVAL;
	uint8_t *buffer = NULL;

	*memory = 1;
	if (flags < 0)
		return -errno;
	if (!(flags & O_DIRECT))
		return 0;
	if (posix_memalign((void **)&buffer, 2 * FILE_BLOCK, 2 * FILE_BLOCK))
		return -ENOMEM;
	for (uint32_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
		if (pread(fd, buffer + candidates[i], block_size, 0) >= 0) {
			*memory = candidates[i];
			rc = 0;
			break;
		}
		if (errno != EINVAL) {
			rc = -errno;
			break;
		}
	}
	free(buffer);
	return rc;
}

/* A hole behind the end changes nothing, but a file system without holes refuses it. */
static bool can_deallocate(int fd, uint64_t size)
{
	uint64_t end = (size + FILE_BLOCK - 1) & ~(uint64_t)(FILE_BLOCK - 1);
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)end, FILE_BLOCK) == 0;
}

int storvsp_disk_open(struct storvsp *vsp, const struct storvsp_disk_config *config, struct storvsp_disk **ret)
{
	struct storvsp_disk *disk = NULL;
	uint32_t align;
	uint64_t size;
	int rc;

	if (config->block_size != 512 && config->block_size != 4096)
		return -EINVAL;
	rc = storvsp_disk_size(config->fd, &size);
	if (rc < 0)
		return rc;
	if (size < config->block_size || size > INT64_MAX)
		return -EINVAL;
	rc = get_alignment(config->fd, config->block_size, &align);
	if (rc < 0) {
		storvsp_log(vsp, "disk %u:%u: direct I/O in blocks of %u bytes: %s%s", config->target, config->lun, config->block_size,
			strerror(-rc), rc == -EINVAL && config->block_size == 512 ? "; the device may need blocks of 4096" : "");
		return rc;
	}
	disk = calloc(1, sizeof *disk);
	if (!disk)
		return -ENOMEM;
	disk->file = vsp->queue->ops->add_file(vsp->queue, config->fd);
	if (disk->file < 0) {
		rc = disk->file;
		free(disk);
		return rc;
	}
	disk->fd = config->fd;
	disk->memory_align = align;
	disk->no_flush = config->no_flush;
	disk->scsi.blocks = size / config->block_size;
	disk->scsi.block_size = config->block_size;
	disk->scsi.max_transfer = STORVSP_MAX_TRANSFER;
	disk->scsi.granularity = FILE_BLOCK;
	disk->scsi.read_only = config->read_only || (fcntl(config->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	disk->scsi.unmap = !disk->scsi.read_only && (is_block_device(config->fd) ? config->zeroes : can_deallocate(config->fd, size));
	disk->scsi.cache_fixed = disk->scsi.read_only || config->no_flush;
	disk->scsi.write_through = vsp->state->write_through[config->target] >> config->lun & 1;
	disk->scsi.reservation = vsp->state->reservations[config->target][config->lun];
	disk->scsi.target = config->target;
	disk->scsi.lun = config->lun;
	for (uint32_t i = 0; i < sizeof config->serial && config->serial[i]; i++)
		disk->scsi.serial[i] = config->serial[i] >= 0x20 && config->serial[i] < 0x7f ? config->serial[i] : '_';
	*ret = disk;
	return 0;
}
