#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The lab itself: what all other lab suites rely on.
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
load lab

setup_file() {
	machine >"$BATS_FILE_TMPDIR/before"
	lab_up 2
}

teardown_file() {
	lab_down
}

teardown() {
	[ ! -d "$VMM_LAB" ] || lab_clean
}

# What of the machine a lab might touch; other labs may come and go meanwhile.
machine() {
	awk '{ print $5, $9 }' /proc/self/mountinfo
	ip -o link | awk -F': ' '{ print $2 }'
	ls -d /var/lib/one /var/lib/libvirt /var/tmp/one /etc/libvirt/* /run/netns /run/libvirt /run/lab* /root/.ssh 2>&1 || true
	ls -A /etc /usr/bin /var /var/lib /var/log
}

# Processes that are in a namespace of the lab.
in_namespaces() {	# NAMESPACE...
	local file ns
	for file in /proc/[0-9]*/ns/net /proc/[0-9]*/ns/mnt; do
		# A zombie has none.
		ns=$(readlink "$file" 2>/dev/null) || continue
		[[ " $* " != *" $ns "* ]] || echo "$file"
	done
}

namespaces() {
	local part
	for part in fe node1 node2; do
		"$LAB" exec $part readlink /proc/1/ns/net /proc/1/ns/mnt
	done
}

cgroups() {
	find /sys/fs/cgroup -maxdepth 2 -name "vmmexec-lab-$(printf %s "$VMM_LAB" | md5sum | cut -c 1-8)-*"
}

@test "lab: both nodes and the front-end are up" {
	run "$LAB" status
	assert_success
	assert_line --regexp '^fe +up +10\.77\.0\.254 '
	assert_line --regexp '^node1 +up .* libvirtd up$'
	assert_line --regexp '^node2 +up .* libvirtd up$'
}

@test "lab: up is idempotent" {
	run "$LAB" status
	local before=$output
	run "$LAB" up 2
	assert_success
	assert_output ''
	run "$LAB" status
	assert_output "$before"
}

@test "lab: exec passes stdin, exit status and arguments" {
	run lab_exec node1 sh -c 'cat; echo "$1"; exit 3' - 'a  b' <<<'from stdin'
	assert_equal "$status" 3
	assert_output $'from stdin\na  b'
}

# The first labs on a machine since it was started.
@test "lab: of two that start at once, one finds out whether KVM boots a guest, and both know" {
	local cache=$BATS_TEST_TMPDIR/cache job kind=kvm tries=tried
	[ -c /dev/kvm ] || kind=qemu tries=
	mkdir "$cache" "$BATS_TEST_TMPDIR/bin"
	ln -s "${VMM_CACHE:-/var/cache/vmmexec}"/guest-* "$cache/"
	printf '#!/bin/sh\necho tried >>%q\nsleep 1\necho LAB-READY\n' "$BATS_TEST_TMPDIR/tries" >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	touch "$cache/virttype-of-a-boot-before" "$BATS_TEST_TMPDIR/tries"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH VMM_CACHE=$cache
	"$LAB" virttype >"$BATS_TEST_TMPDIR/first" &
	job=$!
	until [ -s "$BATS_TEST_TMPDIR/tries" ]; do
		kill -0 "$job" || break
		sleep 0.02
	done
	run "$LAB" virttype
	assert_success
	assert_output $kind
	wait "$job"
	[ "$(<"$BATS_TEST_TMPDIR/first")" = $kind ]
	[ "$(<"$BATS_TEST_TMPDIR/tries")" = "$tries" ]
}

@test "lab: a wrong call is reported on one line" {
	run "$LAB" exec node3 true
	assert_equal "$status" 2
	assert_output 'lab: "node3" is no part of the lab: fe, node1 or node2 (try scripts/lab --help)'
	run "$LAB" up 3
	assert_equal "$status" 2
	run env VMM_LAB="$BATS_TEST_TMPDIR/none" "$LAB" exec node1 true
	assert_equal "$status" 1
	assert_output 'lab: node1 is not up (start it with scripts/lab up)'
}

@test "lab: node1 reaches libvirt on node2 by ssh and by tcp" {
	run lab_exec node1 virsh -q -c qemu+ssh://node2/system hostname
	assert_success
	assert_output node2
	run lab_exec node1 virsh -q -c qemu+tcp://node2/system hostname
	assert_success
	assert_output node2
}

@test "lab: the front-end reaches the nodes by ssh, as root" {
	run lab_exec fe ssh node1 'hostname; id -un'
	assert_success
	assert_output $'node1\nroot'
}

@test "lab: shared is shared, local and /var/tmp/one are not" {
	lab_exec node1 sh -c 'for d in shared local; do echo x >/var/lib/one/$d/mark; done; echo x >/var/tmp/one/mark'
	run lab_exec node2 ls /var/lib/one/shared/mark /var/lib/one/local /var/tmp/one
	assert_success
	assert_output $'/var/lib/one/shared/mark\n\n/var/lib/one/local:\n\n/var/tmp/one:'
	lab_exec node1 rm /var/lib/one/shared/mark /var/lib/one/local/mark /var/tmp/one/mark
}

@test "lab: install puts a set where OpenNebula has it on a host" {
	mkdir -p "$BATS_TEST_TMPDIR/remotes/vmm/kvm"
	printf '#!/bin/sh\necho deployed\n' >"$BATS_TEST_TMPDIR/remotes/vmm/kvm/deploy"
	chmod 755 "$BATS_TEST_TMPDIR/remotes/vmm/kvm/deploy"
	run "$LAB" install "$BATS_TEST_TMPDIR" node2
	assert_success
	run lab_exec fe ssh node2 /var/tmp/one/vmm/kvm/deploy
	assert_output deployed
}

@test "lab: a guest boots, its agent answers, and destroyed it leaves no zombie" {
	run lab_start_guest node1 one-1
	assert_success
	assert_output --partial 'LAB-READY name=one-1'
	run lab_in_guest node1 one-1 'hostname; exit 4'
	assert_equal "$status" 4
	assert_output one-1
	lab_virsh node1 destroy one-1
	# The part's init takes its status a moment later.
	lab_until node1 5 sh -c '! ps -e -o stat,comm | grep -e "^Z" -e qemu-system'
}

@test "lab: a q35 guest boots; the power button ends it, or not when it was told to ignore it" {
	run lab_start_guest node1 one-2 '' lab.ignore-power q35
	assert_success
	lab_virsh node1 shutdown one-2 --mode acpi
	lab_wait_console node1 one-2 'LAB-POWERBUTTON ignored'
	run lab_virsh node1 domstate one-2
	assert_output running
	lab_in_guest node1 one-2 'rm /run/ignore-power'
	sleep 1
	lab_virsh node1 shutdown one-2 --mode acpi
	lab_wait_gone node1 one-2
}

@test "lab: a guest without agent, and one asked through its agent to end" {
	lab_guest_xml one-3 '' lab.no-agent | lab_create node1
	lab_start_guest node1 one-4
	run lab_virsh node1 qemu-agent-command one-3 '{"execute":"guest-ping"}'
	assert_failure
	lab_virsh node1 shutdown one-4 --mode agent
	lab_wait_gone node1 one-4
	lab_wait_console node1 one-4 'LAB-SHUTDOWN poweroff'
}

@test "lab: guests see what is plugged, and move with their state" {
	lab_disk node1 one-5.qcow2 32M
	lab_start_guest node1 one-5
	lab_virsh node1 attach-disk one-5 $LAB_SHARED/one-5.qcow2 vda --subdriver qcow2 --cache none
	run lab_in_guest node1 one-5 'for i in $(seq 200); do [ -e /sys/block/vda ] && break; sleep 0.1; done; cat /sys/block/vda/size; cat /proc/sys/kernel/random/boot_id'
	assert_line --index 0 65536
	local boot=${lines[1]}
	lab_virsh node1 migrate --live --unsafe one-5 qemu+ssh://node2/system
	run lab_in_guest node2 one-5 'cat /proc/sys/kernel/random/boot_id'
	assert_output "$boot"
}

@test "lab: guests outlive a restart and a crash of libvirtd" {
	lab_start_guest node1 one-6
	local id
	id=$(lab_virsh node1 domid one-6)
	"$LAB" svc node1 crash
	run lab_virsh node1 list
	assert_failure
	"$LAB" svc node1 start
	assert_equal "$(lab_virsh node1 domid one-6)" "$id"
	"$LAB" svc node1 restart
	lab_wait_agent node1 one-6
	assert_equal "$(lab_virsh node1 domid one-6)" "$id"
}

@test "lab: cgroups of a guest are the node's own and take limits" {
	lab_start_guest node1 one-7
	lab_virsh node1 schedinfo one-7 --live cpu_shares=512
	run lab_virsh node1 schedinfo one-7
	assert_line --regexp '^cpu_shares +: 512$'
	run lab_exec node1 sh -c 'find /sys/fs/cgroup -maxdepth 4 -path "*machine*qemu*one*7*" -type d | head -n 1'
	assert_output --partial /machine
}

@test "lab: a second lab beside this one does not meet it" {
	local other=$BATS_TEST_TMPDIR/other
	VMM_LAB=$other run "$LAB" up 1
	assert_success
	VMM_LAB=$other lab_exec node1 touch /var/lib/one/shared/mark
	run lab_exec node1 ls /var/lib/one/shared/mark
	assert_failure
	VMM_LAB=$other run lab_exec node1 timeout 5 bash -c '</dev/tcp/node2/22'
	assert_failure
	VMM_LAB=$other run "$LAB" down
	assert_success
	assert [ ! -e "$other" ]
	lab_exec node1 virsh -q -c qemu+tcp://node2/system hostname
}

@test "lab: a node that lost its power comes back empty" {
	lab_start_guest node2 one-8
	# The others' memory of its Ethernet address lasts for up to 45 s, too long for an ssh that is
	# about to begin; here it lasts for ever.
	lab_exec node1 virsh -q -c qemu+tcp://node2/system hostname
	lab_exec node1 ip neigh change 10.77.0.2 dev br0 nud permanent
	kill -9 "$("$LAB" status | awk '$1 == "node2" { print $5 }')"
	wait_for never "$LAB" exec node2 true
	run "$LAB" up 2
	assert_success
	run lab_exec node1 virsh -q -c qemu+ssh://node2/system list --all
	assert_success
	assert_output ''
}

@test "lab: down leaves nothing, with guests running and a part killed; and up works again" {
	local namespaces
	lab_start_guest node1 one-9
	namespaces=$(namespaces | tr '\n' ' ')
	assert [ -n "$(in_namespaces "$namespaces")" ]
	assert [ -n "$(cgroups)" ]
	kill -9 "$("$LAB" status | awk '$1 == "fe" { print $5 }')"
	run "$LAB" down
	assert_success
	assert_output ''
	assert_equal "$(in_namespaces "$namespaces")" ''
	assert_equal "$(cgroups)" ''
	assert [ ! -e "$VMM_LAB" ]
	assert_equal "$(machine)" "$(cat "$BATS_FILE_TMPDIR/before")"
	run "$LAB" down
	assert_success
	run "$LAB" up 2
	assert_success
	lab_exec node1 virsh -q -c qemu+tcp://node2/system hostname
}

@test "lab: an up that was stopped half-way leaves nothing" {
	export VMM_LAB=$BATS_TEST_TMPDIR/half
	for seconds in 0.01 0.02 0.04 0.07 0.1 0.2 0.4 0.6; do
		run timeout -s INT $seconds "$LAB" up 2
		# Not so late that it was through already, whatever its own end made of the signal.
		if [ "$status" -eq 0 ] || [[ $("$LAB" status) == *'node2  up '*'libvirtd up'* ]]; then "$LAB" down; fi
		assert_equal "$(cgroups)" ''
		assert [ ! -e "$VMM_LAB" ]
	done
}
