#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A real guest that gets more and less: CPUs, memory by balloon and by modules, larger disks, another medium.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file
	on mkdir -p "$(directory 1)"
	lab_disk node1 0/1/disk.0 16M
	lab_exec node1 truncate -s 8M "$(directory 1)/disk.1"
	lab_exec node1 sh -c "echo one >$(directory 1)/a; echo two >$(directory 1)/b; truncate -s 1M $(directory 1)/a $(directory 1)/b"
	lab_guest_xml one-1 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 1)/disk.0'/><target dev='vda' bus='virtio'/></disk>
		<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$(directory 1)/disk.1'/><target dev='vdb' bus='virtio'/></disk>
		<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$(directory 1)/a'/><target dev='hda' bus='ide'/><readonly/></disk>" |
		sed "s|<memory |<maxMemory slots='4' unit='MiB'>1024</maxMemory>&|; s|<features>|<cpu><numa><cell id='0' cpus='0-1' memory='192' unit='MiB'/></numa></cpu>&|" |
		start_xml node1 1
}

setup() {
	settings VIRSH_RETRIES=1
}

teardown() {
	keep_guests
}

in_guest() {
	lab_in_guest node1 one-1 "$1"
}

# resize NUMBER TEMPLATE [OPTION...]
resize() {
	run --separate-stderr on "$ACTIONS/resize" "${@:3}" "one-$1" "$1" node1 \
		<<<"<VMM_DRIVER_ACTION_DATA><VM><ID>$1</ID><TEMPLATE>$2</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
}

mib_in_guest() {
	in_guest "awk '/^MemTotal/ { print int(\$2 / 1024) }' /proc/meminfo"
}

# COMMAND prints a number of which the rest is true, within some seconds.
soon() {	# FUNCTION OPERATOR NUMBER
	local begin=$SECONDS n
	until n=$($1) && [ "$n" "$2" "$3" ]; do
		! late "$begin" 10 || { echo "$1: $n, not $2 $3"; return 1; }
		sleep 0.2
	done
}

sectors_of_vda() { in_guest 'cat /sys/block/vda/size'; }

sectors_of_vdb() { in_guest 'cat /sys/block/vdb/size'; }

# MiB of memory that libvirt says that a domain has.
memory_of() {
	lab_virsh node1 dumpxml "$1" | sed -n "s|^  <memory unit='KiB'>\([0-9]*\)<.*|\1|p" | awk '{ print $1 / 1024 }'
}

cpus_in_guest() {
	in_guest 'grep -c ^processor /proc/cpuinfo'
}

@test "resize: the guest gets a CPU; idempotent; more than there can be is refused" {
	resize 1 '<VCPU>2</VCPU>'
	assert_success
	assert_output ''
	soon cpus_in_guest -eq 2
	resize 1 '<VCPU>2</VCPU>'
	assert_success
	resize 1 '<VCPU>3</VCPU>'
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-1 3 CPUs: it can have 2 \[refused\]'
	resize 1 '<VCPU>x</VCPU>'
	assert_failure 1
	assert_regex "$(error_message)" "^resize: stdin: VCPU: 'x' is not a number .*\\[input\\]"
}

@test "resize: memory by balloon: the guest follows, too little is refused, a failure of CPUs undoes it" {
	local before
	before=$(mib_in_guest)
	resize 1 '<MEMORY>168</MEMORY>'
	assert_success
	soon mib_in_guest -le $((before - 20))
	resize 1 '<MEMORY>168</MEMORY><VCPU>9</VCPU>'
	assert_failure 1
	resize 1 '<MEMORY>176</MEMORY><VCPU>9</VCPU>'
	assert_failure 1
	assert_regex "$(error_message)" 'it can have 2 \[refused\] \(hint: its memory is what it was\)'
	run lab_virsh node1 dommemstat one-1
	assert_output --partial 'actual 172032'
	resize 1 '<MEMORY>1</MEMORY>'
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-1 1 MiB: it can have 32 to [0-9]+ \[input\]'
	resize 1 '<MEMORY>4096</MEMORY>'
	assert_failure 1
	assert_regex "$(error_message)" '4096 MiB: it can have 32 to [0-9]+ \[refused\]'
	resize 1 '<MEMORY>192</MEMORY>'
	assert_success
	soon mib_in_guest -ge "$before"
}

@test "resize: memory by modules: plugged in, out again, only those that are there; idempotent" {
	local before hot='<MEMORY_RESIZE_MODE>HOTPLUG</MEMORY_RESIZE_MODE>'
	before=$(mib_in_guest)
	resize 1 "<MEMORY>320</MEMORY>$hot"
	assert_success
	soon mib_in_guest -ge $((before + 100))
	resize 1 "<MEMORY>320</MEMORY>$hot"
	assert_success
	resize 1 "<MEMORY>448</MEMORY>$hot"
	assert_success
	soon mib_in_guest -ge $((before + 220))
	resize 1 "<MEMORY>400</MEMORY>$hot"
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-1 400 MiB: no modules of it have 48 MiB together \[refused\]'
	resize 1 "<MEMORY>2048</MEMORY>$hot"
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-1 2048 MiB: .*\[refused\]'
	resize 1 "<MEMORY>192</MEMORY>$hot"
	assert_success
	soon mib_in_guest -le $((before + 10))
}

@test "resize: some modules are gone and one is not: in again if the guest keeps it, otherwise unknown with what it has" {
	local hot='<MEMORY_RESIZE_MODE>HOTPLUG</MEMORY_RESIZE_MODE>' REQUEST preload second
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/resize" fail)
	REQUEST="<VMM_DRIVER_ACTION_DATA><VM><ID>1</ID><TEMPLATE><MEMORY>192</MEMORY>$hot</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	two_modules() {
		resize 1 "<MEMORY>320</MEMORY>$hot"
		assert_success
		resize 1 "<MEMORY>448</MEMORY>$hot"
		assert_success
	}
	two_modules
	on env LD_PRELOAD="$preload" VMM_FAIL_LOG=/run/calls "$ACTIONS/resize" one-1 1 node1 <<<"$REQUEST"
	second=$(on grep -nx virDomainDetachDeviceAlias /run/calls | sed -n '2s/:.*//p')
	two_modules
	run --separate-stderr on env LD_PRELOAD="$preload" VMM_FAIL_LOG=/run/calls VMM_FAIL_AT="$second" VMM_FAIL_HOW=refuse VMM_FAIL_CODE=9 \
		"$ACTIONS/resize" one-1 1 node1 <<<"$REQUEST"
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-1 192 MiB: .* \(hint: its memory is 448 MiB, as before\)'
	[ "$(memory_of one-1)" -eq 448 ]
	# The second module: its guest hears of it later.
	begin_held 392 resize --deadline $((8 * PACE)) one-1 1 node1
	go_on
	is_held
	lab_virsh node1 suspend one-1
	go_on
	ended $held_job
	cat "$BATS_TEST_TMPDIR/held"
	[ "$status" -eq 3 ]
	grep -q '^resize: cannot give domain one-1 192 MiB: .*its memory is 320 MiB now; its guest may still release the rest' "$BATS_TEST_TMPDIR/held"
	[ "$(memory_of one-1)" -eq 320 ]
	lab_virsh node1 resume one-1
	resize 1 "<MEMORY>192</MEMORY>$hot"
	assert_success
	[ "$(memory_of one-1)" -eq 192 ]
}

@test "resize: a CPU that the guest does not give back: its QEMU, without an operating system, is recognized" {
	deaf_xml 2 | sed "s|<vcpu>1|<vcpu current='1'>2|" | deploy_xml 2
	resize 2 '<VCPU>2</VCPU>'
	assert_success
	resize 2 '<VCPU>1</VCPU>'
	assert_failure 1
	assert_regex "$(error_message)" '^resize: cannot give domain one-2 1 CPUs: .*device unplug request for not supported.*\[guest\]'
	on kill -STOP "$(qemu_pid 2)"
	resize 2 '<MEMORY>48</MEMORY>' --deadline $((3 * PACE))
	assert_failure 3
	on kill -CONT "$(qemu_pid 2)"
	act cancel one-2
}

@test "resize: a CPU that is gone though libvirt waits no longer is gone, a second request says so, and a snapshot is refused, not begun" {
	lab_guest_xml one-5 | sed "s|<vcpu current='1'>2|<vcpu current='2'>3|" | start_xml node1 5
	resize 5 '<VCPU>3</VCPU>'
	assert_success
	lab_until node1 20 sh -c "virsh qemu-agent-command one-5 '{\"execute\":\"guest-get-vcpus\"}' | grep -q '\"logical-id\":2'"
	resize 5 '<VCPU>2</VCPU>'
	assert_success
	[ "$(lab_virsh node1 qemu-monitor-command one-5 '{"execute":"query-cpus-fast"}' | grep -o cpu-index | wc -l)" -eq 2 ]
	resize 5 '<VCPU>2</VCPU>'
	assert_success
	# QEMU without KVM loses its event; where libvirt has heard it, all of this is said of the true count.
	if [ "$(lab_virsh node1 vcpucount one-5 --live --current)" -ne 2 ]; then
		resize 5 '<VCPU>3</VCPU>'
		assert_failure 1
		assert_regex "$(error_message)" '^resize: libvirt counts 3 CPUs of domain one-5, and its QEMU has 2: .*\[refused\] \(hint: restart libvirt'
		act snapshot_create one-5 0 5
		assert_failure 1
		assert_regex "$(error_message)" '^snapshot_create: libvirt counts 3 CPUs .*\[refused\]'
		[ "$(state 5)" = running ]
		"$LAB" svc node1 restart
		resize 5 '<VCPU>2</VCPU>'
		assert_success
	fi
	act cancel one-5
}

@test "resize: a guest that keeps its CPU: unknown, with what QEMU has, and the same again" {
	lab_guest_xml one-6 | start_xml node1 6
	resize 6 '<VCPU>2</VCPU>'
	assert_success
	lab_until node1 20 sh -c "virsh qemu-agent-command one-6 '{\"execute\":\"guest-get-vcpus\"}' | grep -q '\"logical-id\":1'"
	# It hears nothing of it.
	lab_virsh node1 suspend one-6
	for _ in 1 2; do
		resize 6 '<VCPU>1</VCPU>' --deadline 30
		assert_failure 3
		assert_regex "$(error_message)" 'domain one-6 was asked to go down to 1 CPUs and has not yet: QEMU has 2 \[guest\] .*its guest may still'
	done
	act cancel one-6
}

@test "resize_disk: the guest sees it grow, qcow2 and raw; never less; idempotent; a block job is waited for" {
	local document='<VMM_DRIVER_ACTION_DATA><VM><ID>1</ID><TEMPLATE><DISK><DISK_ID>0</DISK_ID><TARGET>vda</TARGET></DISK><DISK><DISK_ID>1</DISK_ID><TARGET>vdb</TARGET></DISK></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>' disk
	for disk in 0:vda 1:vdb; do
		run --separate-stderr on "$ACTIONS/resize_disk" "$(uuid 1)" ${disk%:*} 24 unused node1 1 node1 <<<"$document"
		assert_success
		soon "sectors_of_${disk#*:}" -eq $((24 * 2048))
	done
	act resize_disk one-1 vda 24
	assert_success
	assert_regex "$stderr" 'disk vda of domain one-1 is that large already'
	act resize_disk one-1 vda 8
	assert_failure 1
	assert_regex "$(error_message)" '^resize_disk: cannot make disk vda of domain one-1 smaller: it has 25165824 bytes \[refused\]'
	act resize_disk one-1 vda 0
	assert_failure 1
	[ "$(in_guest 'cat /sys/block/vda/size')" -eq $((24 * 2048)) ]
	act resize_disk one-1 vdq 32
	assert_failure 1
	assert_regex "$(error_message)" '^resize_disk: cannot read the size of disk vdq of domain one-1: '
	act resize_disk one-1 7 32 <<<"$document"
	assert_failure 1
	# A copy that ends while we wait, and one that does not.
	lab_virsh node1 blockcopy one-1 vda "$(directory 1)/copy" --transient-job --bytes --bandwidth 1 >/dev/null
	on sh -c "sleep 1; virsh -q blockjob one-1 vda --abort" &
	act resize_disk one-1 vda 32
	assert_success
	soon sectors_of_vda -eq $((32 * 2048))
}

@test "prereconfigure, reconfigure: the medium goes and comes; exactly that drive; each is idempotent" {
	# A guest that has locked its drive is no obstacle.
	act prereconfigure "$(uuid 1)" hda 1 node1
	assert_success
	act prereconfigure "$(uuid 1)" hda 1 node1
	assert_success
	assert_regex "$stderr" 'hda of domain one-1 is empty already'
	act reconfigure "$(uuid 1)" hda "$(directory 1)/b" 1 node1
	assert_success
	run lab_virsh node1 domblklist one-1
	assert_output --regexp "hda +$(directory 1)/b"
	act reconfigure "$(uuid 1)" hda "$(directory 1)/b" 1 node1
	assert_success
	assert_regex "$stderr" 'already'
	act reconfigure "$(uuid 1)" hda "$(directory 1)/a" 1 node1
	assert_success
	run lab_virsh node1 domblklist one-1
	assert_output --regexp "hda +$(directory 1)/a"
	act prereconfigure one-1 hd
	assert_failure 1
	assert_regex "$(error_message)" '^prereconfigure: cannot change the medium in hd of domain one-1: it has no such drive \[not-found\]'
	act reconfigure one-1 vda "$(directory 1)/a"
	assert_failure 1
	assert_regex "$(error_message)" 'another kind of disk there \[refused\]'
	act reconfigure one-1 hda /nowhere
	assert_failure 1
	assert_regex "$(error_message)" '^reconfigure: cannot change the medium in hda of domain one-1: .*\[not-found\]'
	act prereconfigure one-1 ''
	assert_success
	act reconfigure one-1 hda ''
	assert_success
}
