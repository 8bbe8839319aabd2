#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Disks, NICs and media given to a real guest and taken from it: what it sees, what it refuses,
# and what remains when something dies.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file
	# One guest for all that only looks.
	on mkdir -p "$(directory 1)"
	start node1 1
}

setup() {
	settings VIRSH_RETRIES=1
}

teardown() {
	keep_guests
}

request() {	# NUMBER TEMPLATE...: the document for actions on a VM
	printf '%s' "<VMM_DRIVER_ACTION_DATA><VM><ID>$1</ID><TEMPLATE><VCPU>1</VCPU><MEMORY>192</MEMORY>" \
		"${@:2}" '</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>'
}

disk() {	# TARGET [MORE]
	echo "<DISK><ATTACH>YES</ATTACH><DISK_ID>3</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>$1</TARGET>${2:-}</DISK>"
}

nic() {	# MAC [MORE]
	echo "<NIC><ATTACH>YES</ATTACH><NIC_ID>3</NIC_ID><BRIDGE>br0</BRIDGE><BRIDGE_TYPE>linux</BRIDGE_TYPE><VN_MAD>bridge</VN_MAD><MAC>$1</MAC>${2:-}</NIC>"
}

# The undo of the attach of PATH, as DISK or as disk vdc.
undo_attach() {	# PATH [DISK]
	run --separate-stderr on env VMM_OWN_DEVICE=yes "$ACTIONS/detach_disk" "$(uuid 1)" "$1" vdc 2 1 node1 \
		<<<"$(request 1 "${2:-$(disk vdc)}")"
}

# act_on DOCUMENT NAME ARGUMENT...
act_on() {
	run --separate-stderr on "$ACTIONS/${@:2}" <<<"$1"
}

image() {	# FILE [SIZE]
	on mkdir -p "$(directory 1)"
	on rm -f "$(directory 1)/$1"
	on truncate -s "${2:-8M}" "$(directory 1)/$1"
	echo "$(directory 1)/$1"
}

in_guest() {	# COMMAND
	lab_in_guest node1 one-1 "$1"
}

# The guest sees it within a few seconds, on a busy machine some more.
guest_sees() {	# PATH
	in_guest "for i in \$(seq 100); do [ -e $1 ] && exit 0; usleep 300000; done; exit 1"
}

guest_misses() {	# PATH
	in_guest "for i in \$(seq 100); do [ -e $1 ] || exit 0; usleep 300000; done; exit 1"
}

deaf_vm() {	# NUMBER
	state "$1" >/dev/null || deploy_deaf "$1"
}

@test "attach_disk, detach_disk: the guest sees a virtio disk come and go; each is idempotent" {
	local path
	path=$(image a)
	act_on "$(request 1 "$(disk vdc)")" attach_disk "$(uuid 1)" "$path" vdc 2 unused 1 node1
	assert_success
	assert_output ''
	guest_sees /sys/block/vda
	[ "$(in_guest 'cat /sys/block/vda/size')" = 16384 ]
	act_on "$(request 1 "$(disk vdc)")" attach_disk "$(uuid 1)" "$path" vdc 2 unused 1 node1
	assert_success
	assert_regex "$stderr" 'has disk vdc .* already'
	act_on "$(request 1 "$(disk vdc)")" attach_disk "$(uuid 1)" "$(image b)" vdc 2 unused 1 node1
	assert_failure 1
	assert_regex "$(error_message)" '^attach_disk: cannot attach disk vdc .* it has another disk vdc \[exists\]'
	act detach_disk "$(uuid 1)" "$path" vdc 2 1 node1
	assert_success
	guest_misses /sys/block/vda
	act detach_disk "$(uuid 1)" "$path" vdc 2 1 node1
	assert_success
	assert_regex "$stderr" 'has no disk vdc already'
}

@test "detach_disk as the undo of an attach takes that disk, and no other that came to its target" {
	local path other link
	path=$(image a) other=$(image b) link=$(directory 1)/disk.2
	on ln -sf a "$link"
	act_on "$(request 1 "$(disk vdc)")" attach_disk "$(uuid 1)" "$other" vdc 2 unused 1 node1
	assert_success
	undo_attach "$link"
	assert_success
	assert_regex "$stderr" "has another disk vdc than $link: it stays"
	undo_attach rbd "$(disk vdc | sed 's/<TYPE>FILE/<TYPE>RBD/')"
	assert_success
	assert_regex "$stderr" 'has another disk vdc than rbd: it stays'
	run lab_virsh node1 domblklist one-1
	assert_output --partial "$other"
	# What the domain has cannot be looked at: it is no proof.
	on mv "$other" "$other.away"
	undo_attach "$link"
	assert_failure 1
	assert_regex "$(error_message)" "^detach_disk: cannot tell whether disk vdc of domain one-1 is $link: not detached .*\[refused\]"
	on mv "$other.away" "$other"
	undo_attach "$link" '<DISK><DISK_ID>3</DISK_ID><TARGET>vdc</TARGET></DISK>'
	assert_failure 1
	act detach_disk "$(uuid 1)" - vdc 2 1 node1
	assert_success
	act_on "$(request 1 "$(disk vdc)")" attach_disk "$(uuid 1)" "$link" vdc 2 unused 1 node1
	assert_success
	undo_attach "$link"
	assert_success
	run lab_virsh node1 domblklist one-1
	refute_output --partial vdc
	undo_attach "$link"
	assert_success
	on rm "$link"
}

@test "attach_disk: links, the request as an operand, a SCSI disk, kvmrc's defaults" {
	local path b64
	settings VIRSH_RETRIES=1 DEFAULT_ATTACH_CACHE=writethrough DEFAULT_ATTACH_DISCARD=unmap DEFAULT_ATTACH_IO=threads \
		DEFAULT_ATTACH_TOTAL_IOPS_SEC=500 DEFAULT_ATTACH_TOTAL_BYTES_SEC=1000000
	path=$(image real)
	on ln -sf real "$(directory 1)/disk.3"
	b64=$(request 1 "$(disk sdb)" | base64 -w0)
	act attach_disk "$(uuid 1)" "$(directory 1)/disk.3" sdb 1 "$b64" 1 node1 </dev/null
	assert_success
	guest_sees '/sys/bus/scsi/devices/*:0'
	run lab_virsh node1 dumpxml one-1
	assert_output --partial "<source file='$path'"
	assert_output --regexp "<driver name='qemu' type='raw' cache='writethrough' io='threads' discard='unmap'"
	assert_output --partial '<total_iops_sec>500</total_iops_sec>'
	assert_output --partial '<total_bytes_sec>1000000</total_bytes_sec>'
	act detach_disk "$(uuid 1)" x sdb 1 1 node1
	assert_success
}

@test "attach_disk: the reason of libvirt or QEMU is reported, and nothing is left" {
	act_on "$(request 1 "$(disk vdd)")" attach_disk one-1 /nowhere vdd 3 x 1 node1
	assert_failure 1
	assert_regex "$(error_message)" '^attach_disk: cannot attach disk vdd \(/nowhere\) to domain one-1: Cannot access storage file .*\[not-found\]'
	act_on "$(request 1 "$(disk hdd)")" attach_disk one-1 "$(image c)" hdd 3 x 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'not support hotplugging|No IDE|\[incompatible\]'
	act_on "$(request 1 "$(disk vdd '<DRIVER>qcow2</DRIVER>' | sed 's|<DRIVER>raw</DRIVER>||')")" attach_disk one-1 "$(image c)" vdd 3 x 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'is declared as qcow2, but it is raw \[input\]'
	act_on "$(request 1 "$(disk vdd '<VIRTIO_BLK_QUEUES>5000</VIRTIO_BLK_QUEUES>')")" attach_disk one-1 "$(image c)" vdd 3 x 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'VIRTIO_BLK_QUEUES .*\[input\]'
	act_on "$(request 1)" attach_disk one-1 "$(image c)" vdd 3 x 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'no DISK has ATTACH = YES \[input\]'
	act attach_disk one-1 "$(image c)" vdd </dev/null
	assert_failure 1
	assert_regex "$(error_message)" 'no VM document \[input\]'
	run lab_virsh node1 domblklist one-1
	refute_output --partial vdd
	in_guest true
}

@test "attach_nic, detach_nic: the guest sees NICs come and go, on a bridge and without one; each is idempotent" {
	local mac=02:00:00:00:00:11
	act_on "$(request 1 "$(nic $mac '<MODEL>virtio</MODEL>')")" attach_nic "$(uuid 1)" $mac br0 virtio bridge one-1-3 1 node1
	assert_success
	guest_sees /sys/class/net/eth1
	[ "$(in_guest 'cat /sys/class/net/eth1/address')" = $mac ]
	act_on "$(request 1 "$(nic $mac)")" attach_nic "$(uuid 1)" $mac br0 virtio bridge one-1-3 1 node1
	assert_success
	assert_regex "$stderr" "has NIC $mac already"
	act detach_nic "$(uuid 1)" ${mac^^} 1 node1
	assert_success
	guest_misses /sys/class/net/eth1
	act detach_nic "$(uuid 1)" $mac 1 node1
	assert_success
	assert_regex "$stderr" 'already'
	settings VIRSH_RETRIES=1 DEFAULT_ATTACH_NIC_MODEL=e1000
	act_on "$(request 1 "<NIC><ATTACH>YES</ATTACH><NIC_ID>4</NIC_ID><NETWORK_MODE>dummy</NETWORK_MODE><BRIDGE>br0</BRIDGE><MAC>$mac</MAC></NIC>")" attach_nic one-1 $mac
	assert_success
	run lab_virsh node1 domiflist one-1
	assert_output --regexp "ethernet .* e1000 +$mac"
	act detach_nic one-1 $mac
	assert_success
}

@test "attach_nic: a bridge that is not there, an OVS port without OVS, a PCI device that is not there" {
	local mac=02:00:00:00:00:12
	act_on "$(request 1 "$(nic $mac | sed 's/br0/br9/')")" attach_nic one-1 $mac
	assert_failure 1
	assert_regex "$(error_message)" "^attach_nic: cannot attach NIC $mac to domain one-1: .*br9"
	act_on "$(request 1 "$(nic $mac | sed 's/>linux</>openvswitch</')")" attach_nic one-1 $mac
	assert_failure 1
	act_on "$(request 1 '<PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>7f</BUS><SLOT>1f</SLOT><FUNCTION>7</FUNCTION><VM_DOMAIN>0x0</VM_DOMAIN></PCI>')" attach_nic one-1 -
	assert_failure 1
	assert_regex "$(error_message)" '^attach_nic: cannot attach PCI device to domain one-1: '
	act_on "$(request 1 '<PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>7f</BUS><SLOT>1f</SLOT><FUNCTION>7</FUNCTION></PCI>')" detach_nic one-1 -
	assert_success
	run lab_virsh node1 domiflist one-1
	refute_output --partial $mac
}

@test "update_disk: limits change while the guest runs, and go; update_nic says why it cannot here" {
	local path limits='<TOTAL_IOPS_SEC>700</TOTAL_IOPS_SEC><READ_BYTES_SEC>1000000</READ_BYTES_SEC><READ_BYTES_SEC_MAX>2000000</READ_BYTES_SEC_MAX>'
	local mac=02:00:00:00:00:13
	path=$(image g)
	act_on "$(request 1 "$(disk vdg)")" attach_disk one-1 "$path" vdg 6 x 1 node1
	assert_success
	act_on "$(request 1 "$(disk vdg "$limits")")" update_disk one-1 3 1 node1
	assert_success
	run lab_virsh node1 blkdeviotune one-1 vdg
	assert_output --regexp 'read_bytes_sec *: 1000000'
	assert_output --regexp 'total_iops_sec *: 700'
	assert_output --regexp 'read_bytes_sec_max *: 2000000'
	act_on "$(request 1 "$(disk vdg)")" update_disk one-1 3 1 node1
	assert_success
	run lab_virsh node1 blkdeviotune one-1 vdg
	assert_output --regexp 'read_bytes_sec *: 0'
	assert_output --regexp 'total_iops_sec *: 0'
	act_on "$(request 1 "$(disk vdq "$limits")")" update_disk one-1 3 1 node1
	assert_failure 1
	assert_regex "$(error_message)" '^update_disk: domain one-1 has no disk 3 \[not-found\]'
	act detach_disk one-1 "$path" vdg
	assert_success
	# The lab's kernel cannot shape traffic; what would be set is told.
	act_on "$(request 1 "$(nic $mac)")" attach_nic one-1 $mac
	act_on "$(request 1 "$(nic $mac '<NETWORK_ID>4</NETWORK_ID><INBOUND_AVG_BW>100</INBOUND_AVG_BW><OUTBOUND_AVG_BW>300</OUTBOUND_AVG_BW>')")" update_nic --dry-run one-1 4
	assert_success
	assert_output --partial "would set inbound.average of $mac to 100"
	act_on "$(request 1 "$(nic $mac '<NETWORK_ID>4</NETWORK_ID>')")" update_nic one-1 5
	assert_success
	act detach_nic one-1 $mac
	assert_success
}

@test "detach: a guest that does not answer, one that is paused, one whose QEMU hangs" {
	local path
	path=$(image d)
	deaf_vm 20
	act_on "$(request 20 "$(disk vdb)")" attach_disk one-20 "$path" vdb 1 x 20 node1
	assert_success
	act detach_disk --deadline $((4 * PACE)) one-20 "$path" vdb 1 20 node1
	assert_failure 3
	assert_regex "$(error_message)" '^detach_disk: cannot detach disk vdb from domain one-20: the guest did not release the device in time \[guest\]'
	lab_virsh node1 suspend one-20
	act detach_disk one-20 "$path" vdb 1 20 node1
	assert_failure 1
	assert_regex "$(error_message)" 'it is paused \[refused\] \(hint: a guest must run'
	lab_virsh node1 resume one-20
	on kill -STOP "$(qemu_pid 20)"
	act detach_disk --deadline $((4 * PACE)) one-20 "$path" vdb 1 20 node1
	assert_failure 3
	on kill -CONT "$(qemu_pid 20)"
	act cancel one-20
}

@test "detach_disk: a disk that its guest releases later was never reported as not detached" {
	local path REQUEST
	path=$(image s)
	REQUEST=$(request 1 "$(disk vds)")
	act_on "$REQUEST" attach_disk one-1 "$path" vds 1 x 1 node1
	assert_success
	begin_held 392 detach_disk --deadline $((4 * PACE)) "$(uuid 1)" "$path" vds 1 1 node1
	lab_virsh node1 suspend one-1
	go_on
	ended $held_job
	cat "$BATS_TEST_TMPDIR/held"
	[ "$status" -eq 3 ]
	grep -q '^detach_disk: cannot detach disk vds .* did not release the device in time .*may still be released later' "$BATS_TEST_TMPDIR/held"
	act_on "$REQUEST" outcome detach_disk "$(uuid 1)" x 1
	assert_output 'repeat the VM still has the device, which its guest may release later'
	lab_virsh node1 resume one-1
	lab_until node1 30 sh -c '! virsh -q domblklist one-1 | grep -q vds'
	act_on "$REQUEST" outcome detach_disk "$(uuid 1)" x 1
	assert_output 'done'
	act detach_disk "$(uuid 1)" "$path" vds 1 1 node1
	assert_success
}

@test "attach_disk: libvirtd, QEMU or we are killed in the middle: the answer is true, the next call repairs" {
	local path
	path=$(image e)
	deaf_vm 21
	request 21 "$(disk vdb)" >"$BATS_TEST_TMPDIR/request"
	# libvirtd, while QEMU does not answer.
	on kill -STOP "$(qemu_pid 21)"
	on "$ACTIONS/attach_disk" one-21 "$path" vdb 1 x 21 node1 <"$BATS_TEST_TMPDIR/request" 2>"$BATS_TEST_TMPDIR/err" &
	reached 21
	"$LAB" svc node1 crash
	on kill -CONT "$(qemu_pid 21)"
	"$LAB" svc node1 start
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	if [ "$status" -eq 0 ]; then
		lab_virsh node1 domblklist one-21 | grep vdb
	else
		[ "$status" -eq 1 ]
		lab_virsh node1 domblklist one-21 | never grep vdb
		grep -q '^attach_disk: cannot attach disk vdb .*\[connection\]' "$BATS_TEST_TMPDIR/err"
	fi
	act_on "$(request 21 "$(disk vdb)")" attach_disk one-21 "$path" vdb 1 x 21 node1
	assert_success
	# QEMU.
	deaf_vm 22
	on kill -STOP "$(qemu_pid 22)"
	on "$ACTIONS/attach_disk" one-22 "$path" vdb 1 x 22 node1 <"$BATS_TEST_TMPDIR/request" 2>"$BATS_TEST_TMPDIR/err" &
	reached 22
	on kill -KILL "$(qemu_pid 22)"
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 1 ]
	# We, and libvirt finishes it.
	act cancel one-21
	deaf_vm 23
	on kill -STOP "$(qemu_pid 23)"
	on "$ACTIONS/attach_disk" one-23 "$path" vdb 1 x 23 node1 <"$BATS_TEST_TMPDIR/request" 2>"$BATS_TEST_TMPDIR/err" &
	reached 23
	on pkill -KILL -x attach_disk
	on kill -CONT "$(qemu_pid 23)"
	act_on "$(request 23 "$(disk vdb)")" attach_disk one-23 "$path" vdb 1 x 23 node1
	assert_success
	run lab_virsh node1 domblklist one-23
	assert_output --partial vdb
	act cancel one-23
}

@test "attach_disk: two at once both succeed, and the disk is attached once" {
	local path
	path=$(image f)
	request 1 "$(disk vdf)" >"$BATS_TEST_TMPDIR/request"
	on "$ACTIONS/attach_disk" one-1 "$path" vdf 1 x 1 node1 <"$BATS_TEST_TMPDIR/request" &
	act_on "$(request 1 "$(disk vdf)")" attach_disk one-1 "$path" vdf 1 x 1 node1
	assert_success
	ended $!
	[ "$status" -eq 0 ]
	run lab_virsh node1 domblklist one-1
	[ "$(grep -c "$path" <<<"$output")" -eq 1 ]
	act detach_disk one-1 "$path" vdf
	assert_success
}
