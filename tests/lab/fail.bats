#!/usr/bin/env bats
# Each call of a real libvirt fails once, or is the last before the connection is lost: what an action
# says is what a look at the domain shows.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

BUILD=${BUILD:-$LAB_TOP/build/release}
REMOTES=$BUILD/remotes/vmm/kvm
FAIL_ON="$LAB exec node1"
# What may hang on purpose has no place here.
DEADLINE=40

setup_file() {
	action_setup_file
	on mkdir -p "$(directory 1)"
	on truncate -s 8M "$(directory 1)/disk.3"
	lab_disk node1 0/1/disk.0 16M
	on sh -c "truncate -s 1M $(directory 1)/iso $(directory 1)/other"
	lab_guest_xml one-1 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 1)/disk.0'/><target dev='vda' bus='virtio'/></disk>
		<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$(directory 1)/iso'/><target dev='hda' bus='ide'/><readonly/></disk>" |
		start_xml node1 1
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export LIBVIRT_URI=qemu:///system
	REQUEST="<VM><ID>1</ID><TEMPLATE><VCPU>1</VCPU><DISK><ATTACH>YES</ATTACH><DISK_ID>3</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vdb</TARGET><TOTAL_IOPS_SEC>800</TOTAL_IOPS_SEC></DISK></TEMPLATE></VM>"
}

teardown() {
	keep_guests
}

has_disk() {
	lab_virsh node1 domblklist one-1 | grep -q '^ vdb '
}

# holds CONDITION...: it is so when the action said done, not so when it said failed.
holds() {
	case $status in
	0) "$@" ;;
	1) never "$@" ;;
	esac
}

every_way() {
	local how
	for how in refuse after; do
		fail_each $how "$@"
	done
}

@test "fail: attach_disk, detach_disk" {
	before() { ! has_disk || lab_virsh node1 detach-disk one-1 vdb; }
	after() { holds has_disk; }
	every_way attach_disk one-1 "$(directory 1)/disk.3" vdb 1 x 1 node1
	before() { has_disk || lab_virsh node1 attach-disk one-1 "$(directory 1)/disk.3" vdb; }
	after() { holds eval '! has_disk'; }
	REQUEST='' every_way detach_disk one-1 "$(directory 1)/disk.3" vdb 1 1 node1
}

@test "fail: update_disk" {
	has_disk || lab_virsh node1 attach-disk one-1 "$(directory 1)/disk.3" vdb
	limited() { lab_virsh node1 blkdeviotune one-1 vdb | grep -q 'total_iops_sec *: 800'; }
	before() { lab_virsh node1 blkdeviotune one-1 vdb --total-iops-sec 0; }
	after() { holds limited; }
	every_way update_disk one-1 3
}

@test "fail: resize_disk" {
	before() { lab_virsh node1 blockresize one-1 vda 16M; }
	large() { [ "$(lab_virsh node1 domblkinfo one-1 vda | awk '/^Capacity/ { print $2 }')" -eq $((20 << 20)) ]; }
	after() { holds large; }
	REQUEST='' every_way resize_disk one-1 vda 20
}

@test "fail: prereconfigure, reconfigure" {
	medium() { lab_virsh node1 domblklist one-1 | awk '$1 == "hda" { print $2 }'; }
	insert() { lab_virsh node1 change-media one-1 hda "$(directory 1)/iso" --update --force >/dev/null 2>&1 || true; }
	before() { insert; }
	after() { holds [ "$(medium)" = - ]; }
	REQUEST='' every_way prereconfigure one-1 hda
	after() { holds [ "$(medium)" = "$(directory 1)/other" ]; }
	REQUEST='' every_way reconfigure one-1 hda "$(directory 1)/other"
}
