# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For the lab's host-side scripts: where things are, which kernel is used, how to say what goes on.

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$lab_dir/../.." && pwd)

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# The newest Debian cloud kernel that has both its image and its headers here.
lab_kernel_version() {
	local version newest=
	while read -r version; do
		[ -e "/boot/vmlinuz-$version" ] && [ -e "/lib/modules/$version/build" ] && newest=$version
	done < <(find /lib/modules -mindepth 1 -maxdepth 1 -name '*-cloud-amd64' -printf '%f\n' | sort -V)
	[ -n "$newest" ] || die "no Debian cloud kernel with headers found; run tests/lab/install-packages"
	echo "$newest"
}

# lab_kernel KIND BUILD: sets kernel_version and kernel_tree, the folder with its boot/vmlinuz-VERSION and lib/modules/VERSION.
# stock: the one that is installed here; newer: that of Debian's backports, fetched into BUILD.
lab_kernel() {
	case $1 in
	stock) kernel_version=$(lab_kernel_version) kernel_tree= ;;
	newer) kernel_version=$("$lab_dir/fetch-kernel" "$2/lab/kernel-newer") kernel_tree=$2/lab/kernel-newer/tree ;;
	*) die "unknown kernel '$1'; there are stock and newer" ;;
	esac
}

# KVM serves only if its guests get SVM themselves.
lab_accel() {
	if grep -qw svm /proc/cpuinfo && [ -w /dev/kvm ] && grep -qE '^(1|Y)' /sys/module/kvm_amd/parameters/nested 2>/dev/null; then
		echo kvm
	else
		echo tcg,thread=multi,tb-size=512
	fi
}
