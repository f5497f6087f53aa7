// SPDX-License-Identifier: GPL-2.0
/* The module's beginning and end: launch, /dev/mshv, and what the root may not do while the hypervisor is under it. */
#include "bulkhead.h"

#include <linux/cc_platform.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include <linux/uaccess.h>

#include "hvcall.h"
#include "launch.h"

bool bh_running;

static long host_info(unsigned long arg)
{
	struct bh_input_get_stats in = { .partition_id = 0, .vp_index = ~0u };
	struct bh_hypervisor_stats s;
	struct bulkhead_host_info info = {
		.tsc_hz = bh_host.tsc_hz,
		.pinned_bytes = bh_pinned_pages() << PAGE_SHIFT,
	};
	u16 status = HV_RESULT_STATUS(hv_call(HVCALL_BULKHEAD_GET_STATS, 0, &in, sizeof(in), &s, sizeof(s)));

	if (status != HV_STATUS_SUCCESS)
		return hv_errno(status);
	info.version = s.version;
	info.cpu_count = s.cpu_count;
	info.partition_count = s.partition_count;
	info.image_bytes = s.image_bytes;
	info.owned_bytes = s.owned_bytes;
	info.owned_free_bytes = s.owned_free_bytes;
	info.deposited_bytes = s.deposited_bytes;
	info.root_exits = s.root_exits;
	strscpy(info.vendor, bh_host.vendor, sizeof(info.vendor));
	return copy_to_user((void __user *)arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case MSHV_CREATE_PARTITION:
		return bh_partition_create(arg);
	case MSHV_ROOT_HVCALL:
		return bh_root_hvcall(NULL, arg);
	case BULKHEAD_HOST_INFO:
		return host_info(arg);
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mshv",
	.fops = &device_fops,
	.mode = 0660,
};

/* CPUs lose SVM and its state in a sleep, and deposited pages cannot be written to a hibernation image. */
static int pm_event(struct notifier_block *block, unsigned long event, void *unused)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		pr_warn("no suspend or hibernation while the hypervisor runs; shut partitions down and run: rmmod bulkhead\n");
		return NOTIFY_BAD;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_notifier = { .notifier_call = pm_event };

/* No hypercall is made any more when the CPUs leave; after a refusal they may be made again. */
static int take_out(void)
{
	int rc;

	WRITE_ONCE(bh_running, false);
	rc = bh_unlaunch();
	if (rc)
		WRITE_ONCE(bh_running, true);
	return rc;
}

/* A kernel that is started by kexec must find the processors as the firmware left them. */
static int reboot_event(struct notifier_block *block, unsigned long event, void *unused)
{
	if (bh_running && take_out())
		pr_warn("partitions exist: the hypervisor stays until the machine is reset\n");
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = { .notifier_call = reboot_event };

/* KVM that is loaded but idle does not use SVM yet, but would when its first guest starts. */
static bool kvm_is_loaded(void)
{
	struct path path;

	if (kern_path("/sys/module/kvm_amd", 0, &path))
		return false;
	path_put(&path);
	return true;
}

static int check_root(void)
{
	if (kvm_is_loaded()) {
		pr_err("kvm_amd is loaded and only one can use AMD-V; stop its guests and run: rmmod kvm_amd\n");
		return -EBUSY;
	}
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		pr_err("encrypted memory (SME or SEV) is not supported; boot with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int __init bulkhead_init(void)
{
	int rc;

	rc = check_root();
	if (rc)
		return rc;
	rc = bh_hvcall_init();
	if (rc)
		return rc;
	rc = register_pm_notifier(&pm_notifier);
	if (rc)
		goto free_pages;
	rc = bh_launch();
	if (rc)
		goto unregister_pm;
	WRITE_ONCE(bh_running, true);
	rc = register_reboot_notifier(&reboot_notifier);
	if (rc)
		goto unlaunch;
	bh_debugfs_init();
	rc = misc_register(&device);
	if (rc) {
		pr_err("cannot create /dev/mshv (error %d)%s\n", rc, rc == -EEXIST ? ": another driver has it" : "");
		goto unregister_reboot;
	}
	return 0;
unregister_reboot:
	bh_debugfs_exit();
	unregister_reboot_notifier(&reboot_notifier);
unlaunch:
	take_out();
unregister_pm:
	unregister_pm_notifier(&pm_notifier);
free_pages:
	bh_hvcall_exit();
	return rc;
}

/* No file is open, so no partition exists. */
static void __exit bulkhead_exit(void)
{
	misc_deregister(&device);
	bh_debugfs_exit();
	unregister_reboot_notifier(&reboot_notifier);
	rcu_barrier();                  /* signalfd_free() is our code */
	if (bh_running && take_out())
		pr_err("the hypervisor refuses to go; its memory and what was deposited stay with it\n");
	else
		bh_deposits_free();
	/* Not before the hypervisor is out: the machine could go to sleep with it. */
	unregister_pm_notifier(&pm_notifier);
	bh_hvcall_exit();
}

module_init(bulkhead_init);
module_exit(bulkhead_exit);
MODULE_DESCRIPTION("Bulkhead hypervisor: late launch and /dev/mshv");
MODULE_LICENSE("GPL");
MODULE_FIRMWARE("bulkhead/bulkhead-amd.elf");
