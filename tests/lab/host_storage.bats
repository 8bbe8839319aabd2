# SPDX-License-Identifier: Apache-2.0
# host_storage.bats - host_check asks a real LVM, on a loop device and with the distribution's programs, which are seen by
# this suite alone.
bats_require_minimum_version 1.5.0
load ../bats/helper

setup_file() {
	local tree=$BATS_FILE_TMPDIR/tree
	cd "$BATS_FILE_TMPDIR"
	"$TOP/tests/lab/fetch" "$PWD/lvm" lvm2 dmsetup libdevmapper1.02.1 'libdevmapper-event1.02.1?' 'libaio1?' 'libaio1t64?'
	mkdir tree run
	for dir in lvm/usr lvm; do
		for part in bin sbin lib share; do
			[ ! -d $dir/$part ] || cp -a $dir/$part tree/
		done
	done
	# The tests' own mounts: programs below /usr, LVM's locks and caches below /run.
	cat >inside <<-END
		mount -t overlay overlay -o lowerdir=$tree:/usr /usr || exit
		mount --bind $BATS_FILE_TMPDIR/run /run || exit
		export LVM_SYSTEM_DIR=$BATS_FILE_TMPDIR LVM_SUPPRESS_FD_WARNINGS=1
		exec "\$@"
	END
	truncate -s 400M disk
	DISK=$(losetup -f --show disk)
	export DISK
	printf 'devices { filter = [ "a|^%s$|", "r|.*|" ] use_devicesfile = 0 }\n' "$DISK" >lvm.conf
	inside pvcreate -q "$DISK"
	inside vgcreate -q vg-one "$DISK"
}

teardown_file() { losetup -d "$DISK"; }

inside() { unshare --mount --propagation private bash "$BATS_FILE_TMPDIR/inside" "$@"; }

host() { run --separate-stderr inside env ASAN_OPTIONS=detect_leaks=0 "$REMOTES/host_check" --only storage --storage "$@"; }

@test "a volume group is there, with its room" {
	host lvm:vg-one
	[ "$status" -eq 0 ]
	[ "$output" = 'OK    storage       lvm:vg-one has 0.4 GiB free' ]
}

@test "a group that is not there is named, with what to look at" {
	host lvm:vg-one,lvm:vg-none
	[ "$status" -eq 1 ]
	[[ $output == 'FAIL  storage       lvm:vg-none vgdisplay failed with status 5: '*'                    vgs; pvs' ]]
}

@test "asking changes nothing: no lock, no cache, no file that is opened for writing" {
	inside strace -f -qq -e signal=none -e trace=%file -o trace env ASAN_OPTIONS=detect_leaks=0 "$REMOTES/host_check" --only storage --storage lvm:vg-one
	grep -q 'execve("/usr/s*bin/vgdisplay"' trace
	run grep -E 'O_WRONLY|O_RDWR|O_CREAT|(mkdir|unlink|rename|link|symlink|mknod|chmod|chown)(at2?)?\(' trace
	output=$(grep -vE '"/dev/(null|kvm|tty)"|readlink|= -1 E' <<<"$output") || true
	[ -z "$output" ] || { echo "$output"; return 1; }
}

@test "a group without room for a new volume is a warning" {
	inside lvcreate -q --driverloaded n -an -Zn -Wn -l 100%FREE -n all vg-one
	host lvm:vg-one
	[ "$status" -eq 0 ]
	[[ $output == 'WARN  storage       no room for a new volume: lvm:vg-one has 0.0 GiB free'* ]]
}

@test "without its programs the package is named" {
	# shellcheck disable=SC2016
	run unshare --mount --propagation private sh -c '[ ! -e /usr/sbin/vgdisplay ] || mount --bind /dev/null /usr/sbin/vgdisplay; exec "$@"' - \
		"$REMOTES/host_check" --only storage --storage lvm:vg-one
	[ "$status" -eq 1 ]
	[[ $output == *'vgdisplay is not installed'*'apt-get install lvm2'* ]]
}
