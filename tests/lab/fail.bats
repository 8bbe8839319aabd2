#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each call of a real libvirt fails once, or is the last before the connection is lost: what an action
# says is what a look at the domain shows.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

BUILD=${BUILD:-$LAB_TOP/build/release}
REMOTES=$ACTIONS
FAIL_ON="$LAB exec node1"
# What may hang on purpose has no place here.
DEADLINE=40

setup_file() {
	action_setup_file 2
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp VIRSH_RETRIES=1
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

# again COMMAND...: makes the domain what it was, unless the last run failed: then "after" has seen that it is.
again() {
	[ "${status:-}" = 1 ] || "$@"
}

every_way() {
	local how
	for how in refuse after; do
		fail_each $how "$@"
	done
}

@test "fail: attach_disk, detach_disk" {
	before() { again no_disk; }
	no_disk() { ! has_disk || lab_virsh node1 detach-disk one-1 vdb; }
	after() { holds has_disk; }
	every_way attach_disk one-1 "$(directory 1)/disk.3" vdb 1 x 1 node1
	before() { again a_disk; }
	a_disk() { has_disk || lab_virsh node1 attach-disk one-1 "$(directory 1)/disk.3" vdb; }
	after() { holds eval '! has_disk'; }
	REQUEST='' every_way detach_disk one-1 "$(directory 1)/disk.3" vdb 1 1 node1
}

@test "fail: update_disk" {
	has_disk || lab_virsh node1 attach-disk one-1 "$(directory 1)/disk.3" vdb
	limited() { lab_virsh node1 blkdeviotune one-1 vdb | grep -q 'total_iops_sec *: 800'; }
	before() { again lab_virsh node1 blkdeviotune one-1 vdb --total-iops-sec 0; }
	after() { holds limited; }
	every_way update_disk one-1 3
}

@test "fail: resize_disk" {
	before() { again lab_virsh node1 blockresize one-1 vda 16M; }
	large() { [ "$(lab_virsh node1 domblkinfo one-1 vda | awk '/^Capacity/ { print $2 }')" -eq $((20 << 20)) ]; }
	after() { holds large; }
	REQUEST='' every_way resize_disk one-1 vda 20
}

@test "fail: prereconfigure, reconfigure" {
	medium() { lab_virsh node1 domblklist one-1 | awk '$1 == "hda" { print $2 }'; }
	insert() { lab_virsh node1 change-media one-1 hda "$(directory 1)/iso" --update --force >/dev/null 2>&1 || true; }
	before() { again insert; }
	after() { holds [ "$(medium)" = - ]; }
	REQUEST='' every_way prereconfigure one-1 hda
	after() { holds [ "$(medium)" = "$(directory 1)/other" ]; }
	REQUEST='' every_way reconfigure one-1 hda "$(directory 1)/other"
}

MAC=02:00:00:00:00:07

@test "fail: attach_nic, detach_nic" {
	has_nic() { lab_virsh node1 domiflist one-1 | grep -q "$MAC"; }
	REQUEST="<VM><ID>1</ID><TEMPLATE><NIC><ATTACH>YES</ATTACH><NIC_ID>3</NIC_ID><BRIDGE>br0</BRIDGE><MODEL>virtio</MODEL><MAC>$MAC</MAC></NIC></TEMPLATE></VM>"
	before() { again no_nic; }
	no_nic() { ! has_nic || lab_virsh node1 detach-interface one-1 bridge "$MAC"; }
	after() { holds has_nic; }
	every_way attach_nic one-1 "$MAC" br0 virtio bridge one-1-3 1 node1
	before() { again a_nic; }
	a_nic() { has_nic || lab_virsh node1 attach-interface one-1 bridge br0 --mac "$MAC" --model virtio; }
	after() { holds eval '! has_nic'; }
	REQUEST='' every_way detach_nic one-1 "$MAC" 1 node1
}

@test "fail: resize" {
	cpus() { lab_virsh node1 vcpucount one-4 --live --current; }
	deaf_xml 4 | sed "s|<vcpu>1|<vcpu current='1'>20|" | lab_create node1
	before() {
		had=$(cpus)
		REQUEST="<VM><ID>4</ID><TEMPLATE><VCPU>$((had + 1))</VCPU></TEMPLATE></VM>"
	}
	after() { holds [ "$(cpus)" -gt "$had" ]; }
	every_way resize one-4 4 node1
	lab_virsh node1 destroy one-4
}

@test "fail: exec, exec_cancel" {
	REQUEST=
	before() { :; }
	after() { [ "$status" -ne 3 ] || on rm -r /run/one; }
	every_way exec --wait 10 1 node1 '/bin/echo x'
	# What it started is ended, or is noted still.
	before() { "$LAB" exec node1 "$REMOTES/exec" 1 node1 '/bin/sleep 300' 2>/dev/null || true; }
	after() { [ "$status" -ne 0 ] || never on test -e /run/one/one-1; }
	every_way exec_cancel 1 node1
}

# where NUMBER: the nodes that it runs on.
where() {
	local node
	for node in node1 node2; do
		[ "$(lab_virsh $node domstate "one-$1" 2>/dev/null)" != running ] || echo -n $node
	done
}

# One live copy, always, and where it was said.
after_migrate() {
	case $status in
	0) [ "$(where 2)" = node2 ] ;;
	1) [ "$(where 2)" = node1 ] ;;
	*) [[ $(where 2) =~ ^(node1|node2)$ ]] ;;
	esac
}

back_to_node1() {
	[ "$(where 2)" != node1 ] || return 0
	lab_virsh node2 destroy one-2 2>/dev/null || true
	deaf_xml 2 | lab_create node1
}

# They make the same calls.
@test "fail: migrate, migrate_local" {
	REQUEST=
	before() { again back_to_node1; }
	after() { after_migrate; }
	# That the other host does not know the machine type, say, has many codes.
	ALSO=incompatible fail_each refuse migrate one-2 node2 node1 2 node1
	fail_each after migrate_local one-2 node2 node1 2 node1
}

@test "fail: migrate, to another datastore" {
	local from=/var/lib/one/local/0 to=/var/lib/one/local/9
	REQUEST="<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$to/3</DISK_TARGET_PATH><VM><ID>3</ID><TEMPLATE/></VM>
		<DATASTORE><BASE_PATH>$from</BASE_PATH><TEMPLATE><SHARED>NO</SHARED></TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>"
	disk() { lab_virsh node1 domblklist one-3 | awk '$1 == "vda" { print $2 }'; }
	before() { again as_it_was; }
	as_it_was() {
		[ "$(disk)" != "$from/3/disk.0" ] || return 0
		lab_virsh node1 destroy one-3 2>/dev/null || true
		on rm -rf $from $to
		on mkdir -p $from/3
		on qemu-img create -q -f qcow2 $from/3/disk.0 4M
		deaf_xml 3 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$from/3/disk.0'/><target dev='vda' bus='virtio'/></disk>" |
			sed "s|$(directory 3)|$from/3|" | lab_create node1
	}
	# It runs, on whichever image, and no copying goes on.
	after() {
		[ "$(state 3)" = running ] || return
		holds [ "$(disk)" = $to/3/disk.0 ] || return
		never grep -q Copy < <(lab_virsh node1 blockjob one-3 vda)
	}
	every_way migrate one-3 node1 node1 3 node1
}
