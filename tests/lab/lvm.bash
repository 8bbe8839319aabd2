# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
# lvm.bash - what the suites with real logical volumes share: a volume group vg on a loop device, and images. TREE has LVM's
# programs; they see that device and nothing else of this machine.
KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

setup_file() {
	local part
	mkdir -p "$BATS_FILE_TMPDIR/tree"
	for part in bin sbin lib share; do
		[ ! -d "$TREE/usr/$part" ] || cp -a "$TREE/usr/$part" "$BATS_FILE_TMPDIR/tree/"
		[ ! -d "$TREE/$part" ] || cp -a "$TREE/$part" "$BATS_FILE_TMPDIR/tree/"
	done
	mount -t overlay overlay -o "lowerdir=$BATS_FILE_TMPDIR/tree:/usr" /usr
	cd "$BATS_FILE_TMPDIR" || return
	# What was there before must never be seen by a guest.
	tr '\0' S </dev/zero | head -c 200M >disk
	DISK=$(losetup -f --show disk)
	export DISK LVM_SYSTEM_DIR=$BATS_FILE_TMPDIR LVM_SUPPRESS_FD_WARNINGS=1 ONE_LOCATION=$BATS_FILE_TMPDIR
	cat >lvm.conf <<-END
		devices { filter = [ "a|^$DISK\$|", "r|.*|" ] use_devicesfile = 0 obtain_device_list_from_udev = 0 external_device_info_source = "none" }
		backup { backup = 0 archive = 0 }
		activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
	END
	pvcreate -q "$DISK"
	vgcreate -q vg "$DISK"
	head -c 3000000 /dev/urandom >raw
	truncate -s 3000320 raw
	qemu-img convert -f raw -O qcow2 raw qcow2
	qemu-img convert -f raw -O qed raw qed
	qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw vmdk
}

teardown() {
	exec 8<&-
	[ "$BATS_TEST_COMPLETED" ] || lvremove -q -f vg || :
}

teardown_file() {
	vgremove -q -f vg
	losetup -d "$DISK"
	umount -l /usr
}

setup() { cd "$BATS_FILE_TMPDIR" || return; }

kvm_image() { run --separate-stderr -- "$KVM_IMAGE" "$@"; }

done_() { [ "$status" -eq 0 ] || { echo "$output $stderr"; return 1; }; }

# refused CLASS TEXT
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $stderr == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
}

# volumes: the names of all, in order.
volumes() { lvs --noheadings -o lv_name vg | xargs -r; }

# begins_with_image LV SIZE: the image's bytes are there, and zeros behind them.
begins_with_image() {
	cmp raw <(head -c 3000320 "/dev/vg/$1")
	[ "$(blockdev --getsize64 "/dev/vg/$1")" -eq "$2" ]
	cmp <(tail -c +3000321 "/dev/vg/$1") <(head -c $(($2 - 3000320)) /dev/zero)
}

free_bytes() { vgs --noheadings --units b --nosuffix -o vg_free vg | tr -d ' '; }
