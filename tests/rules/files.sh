# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For the rules: the repository's files, whether it is a clone or an unpacked archive. The working folder is the repository.

repository_files() {
	git ls-files 2>/dev/null | grep . ||
		find . \( -name .git -o -name 'build*' -type d \) -prune -o -type f -print | sed 's,^\./,,' | LC_ALL=C sort
}

c_files() {
	repository_files | grep -E '\.[chS]$' | while read -r file; do
		[ -e "$file" ] && echo "$file"
	done
}
