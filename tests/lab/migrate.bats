#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate and migrate_local between two real hosts: one copy of the VM lives, whatever happens, and
# the answer says where.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

setup_file() {
	action_setup_file 2
}

setup() {
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
}

# migrate FROM TO NAME [OPTION...]: as the dispatcher calls it, for shared storage.
migrate() {
	run --separate-stderr lab_exec "$1" "$ACTIONS/migrate" "${@:4}" "$3" "$2" "$1" "${3#one-}" "$1" </dev/null
	echo "$stderr"
}

start_deaf() {	# NODE NUMBER [DEVICES]
	deaf_xml "${@:2}" | lab_create "$1"
}

state_at() {	# NODE NUMBER
	lab_virsh "$1" domstate "one-$2" 2>/dev/null
}

# lives NUMBER NODE: it runs there, and there is nothing of it on the other one.
lives() {
	local other=node1
	[ "$2" = node2 ] || other=node2
	run state_at "$2" "$1"
	assert_output running
	run state_at "$other" "$1"
	assert_failure
}

# Starts a counter in the guest.
count_in_guest() {	# NODE NAME
	lab_in_guest "$1" "$2" '(n=0; while echo $((n += 1)) >/run/count; do sleep 0.1; done) >/dev/null 2>&1 </dev/null &'
}

# It counts on, from what it had.
counts_on() {	# NODE NAME
	# shellcheck disable=SC2016
	lab_in_guest "$1" "$2" '[ -e /run/last ] || echo 0 >/run/last; n=$(cat /run/count)
		for i in $(seq 100); do [ "$(cat /run/count)" -gt "$n" ] && break; sleep 0.2; done
		[ "$n" -gt "$(cat /run/last)" ] && [ "$(cat /run/count)" -gt "$n" ] && echo "$n" >/run/last'
}

@test "migrate: a VM whose image leads out of the datastores by now stays where it is" {
	local base=$LAB_SHARED/0/91/base
	lab_exec node1 mkdir -p $LAB_SHARED/0/91
	lab_disk node1 0/91/base 1M
	lab_exec node1 qemu-img create -q -f qcow2 -b "$base" -F qcow2 $LAB_SHARED/0/91/disk.0
	start_deaf node1 91 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/0/91/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	lab_exec node1 mv "$base" "$base.kept"
	lab_exec node1 qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw "$base" 1M
	migrate node1 node2 one-91
	assert_failure 1
	assert_regex "$(error_message)" "disk vda: $base is backed by /etc/passwd, .* \\[refused\\]"
	lives 91 node1
	lab_exec node1 mv "$base.kept" "$base"
	migrate node1 node2 one-91
	assert_success
	lives 91 node2
}

@test "migrate: a guest continues where it was, by ssh, tcp, tls and peer to peer, there and back" {
	local boot i from=node1 to=node2
	local ways=("QEMU_PROTOCOL=qemu+tcp MIGRATE_OPTIONS=--unsafe" "QEMU_PROTOCOL=qemu+ssh MIGRATE_OPTIONS=--unsafe"
		"QEMU_PROTOCOL=qemu+tls MIGRATE_OPTIONS='--unsafe --tls'"
		"QEMU_PROTOCOL=qemu+tcp MIGRATE_OPTIONS='--unsafe --p2p --compressed --auto-converge --auto-converge-initial=30'")
	start node1 1
	boot=$(lab_in_guest node1 one-1 'echo marker >/run/marker; cat /proc/sys/kernel/random/boot_id')
	count_in_guest node1 one-1
	for i in $(seq 0 $((${ROUNDS:-4} - 1))); do
		settings "${ways[i % 4]}"
		migrate $from $to "$([ $((i % 2)) = 0 ] && echo one-1 || uuid 1)"
		assert_success
		assert_output ''
		lives 1 $to
		lab_wait_agent $to one-1
		counts_on $to one-1
		read -r from to <<<"$to $from"
	done
	migrate $to $from one-1
	assert_success
	assert_regex "$stderr" "domain one-1 is at $from already"
	run lab_in_guest $from one-1 'cat /run/marker /proc/sys/kernel/random/boot_id'
	assert_output "marker
$boot"
}

@test "migrate: a guest that suspended itself is woken, and continues there" {
	settings "MIGRATE_OPTIONS=--unsafe" QEMU_PROTOCOL=qemu+tcp
	lab_guest_xml one-92 | sed 's|<devices>|<pm><suspend-to-mem enabled="yes"/></pm>&|' | start_xml node1 92
	count_in_guest node1 one-92
	lab_virsh node1 dompmsuspend one-92 mem
	lab_until node1 10 bash -c 'virsh -q -c qemu:///system domstate one-92 | grep pmsuspended'
	migrate node1 node2 one-92
	assert_success
	assert_regex "$stderr" 'INFO: migrate: waking up domain one-92, which suspended itself'
	lives 92 node2
	lab_wait_agent node2 one-92
	counts_on node2 one-92
	lab_virsh node2 destroy one-92
}

@test "migrate: a UUID that is gone never means another VM of its name, neither here nor there" {
	local gone=00000000-aaaa-4000-8000-000000000019
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	start_deaf node1 19
	act migrate $gone node2 node1 19 node1
	assert_failure 1
	assert_regex "$(error_message)" "domain $gone is gone, but another one of its name, one-19 .*\\[exists\\]"
	lives 19 node1
	run --separate-stderr lab_exec node2 "$ACTIONS/migrate" $gone node1 node2 19 node2
	assert_failure 1
	assert_regex "$(error_message)" "domain $gone is gone, but another one of its name, one-19 .*\\[exists\\]"
	lives 19 node1
}

# The answer of the call is lost; the move ends after the source was asked, and before the destination is.
@test "migrate: a move that ends between the questions to the two hosts is a move: no copy is ended or paused" {
	local option id=140
	for option in '' --suspend; do
		settings "MIGRATE_OPTIONS='--unsafe $option'" QEMU_PROTOCOL=qemu+tcp
		start_deaf node1 $((id += 1))
		run --separate-stderr lab_exec node1 env LD_PRELOAD="$(preload_for "$BUILD/remotes/vmm/kvm/migrate" fail)" VMM_FAIL_AT=virDomainMigrate3 VMM_FAIL_HOW=late \
			"$ACTIONS/migrate" one-$id node2 node1 $id node1 </dev/null
		echo "$stderr"
		assert_success
		[[ $stderr == *'the answer is lost; but it runs at node2'* ]]
		[ -n "$option" ] || lives $id node2
		[ -z "$option" ] || [ "$(state_at node2 $id)" = paused ]
		run state_at node1 $id
		assert_failure
	done
}

@test "migrate: --dry-run changes nothing" {
	start_deaf node1 2
	migrate node1 node2 one-2 --dry-run
	assert_success
	assert_output 'would migrate domain one-2 to qemu+tcp://node2/system'
	lives 2 node1
}

@test "migrate: what the other host cannot take is refused before anything moves" {
	start_deaf node1 3
	start_deaf node2 3
	migrate node1 node2 one-3
	assert_failure 1
	assert_regex "$(error_message)" '^migrate: cannot migrate domain one-3: the destination has a domain one-3 .*\[exists\]'
	lab_virsh node2 destroy one-3
	migrate node1 node1 one-3
	assert_failure 1
	assert_regex "$(error_message)" 'the destination is the host where it runs \[refused\]'
	migrate node1 nohost one-3
	assert_failure 1
	assert_regex "$(error_message)" '^migrate: cannot connect to qemu\+tcp://nohost/system: .*\[connection\]'
	migrate node1 -oProxyCommand=x one-3
	assert_failure 1
	lives 3 node1
}

@test "migrate: a bridge or a disk that is missing there is named, and the VM stays" {
	lab_exec node1 ip link add brx type bridge
	start_deaf node1 4 "<interface type='bridge'><source bridge='brx'/></interface>"
	migrate node1 node2 one-4
	assert_failure 1
	assert_regex "$(error_message)" 'brx'
	lives 4 node1
	lab_disk node1 /var/lib/one/local/only-here.qcow2 1M
	start_deaf node1 5 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/var/lib/one/local/only-here.qcow2'/><target dev='vda' bus='virtio'/></disk>"
	migrate node1 node2 one-5
	assert_failure 1
	assert_regex "$(error_message)" 'only-here.qcow2.*\[not-found\]'
	lives 5 node1
}

@test "migrate: an unknown option is named" {
	start_deaf node1 6
	settings 'MIGRATE_OPTIONS=--unsave'
	migrate node1 node2 one-6
	assert_failure 1
	assert_regex "$(error_message)" "^migrate: MIGRATE_OPTIONS: '--unsave' is not an option of a migration \\[config\\] \\(hint: did you mean --unsafe"
	lives 6 node1
}

@test "migrate: without --unsafe a local disk is not risked" {
	lab_disk node1 m7.qcow2 1M
	start_deaf node1 7 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/m7.qcow2'/><target dev='vda' bus='virtio'/></disk>"
	settings ''
	migrate node1 node2 one-7
	assert_failure 1
	assert_regex "$(error_message)" 'nsafe.*\[refused\] \(hint: .*--unsafe'
	lives 7 node1
}

@test "migrate: snapshots come along, and stay when the VM stays" {
	local snap
	lab_disk node1 m8.qcow2 8M
	lab_exec node1 mkdir -p "$LAB_SHARED/0/8"
	start node1 8 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/m8.qcow2'/><target dev='vda' bus='virtio'/></disk>"
	for snap in snap-0 snap-1; do
		lab_virsh node1 snapshot-create-as one-8 $snap
	done
	lab_exec node1 sh -c 'echo >/dev/null'
	settings 'MIGRATE_OPTIONS="--unsafe --bandwidth 1"'
	migrate node1 node2 one-8 --deadline 20
	assert_failure 1
	assert_regex "$(error_message)" 'migration of domain one-8 did not end in time \[timeout\]'
	lives 8 node1
	run lab_virsh node1 snapshot-list one-8 --name
	assert_output $'snap-0\nsnap-1'
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	migrate node1 node2 one-8
	assert_success
	lives 8 node2
	run lab_virsh node2 snapshot-list one-8 --name
	assert_output $'snap-0\nsnap-1'
	run lab_virsh node2 snapshot-current one-8 --name
	assert_output snap-1
	run lab_exec node1 stat -c '%a %n' "$LAB_SHARED/0/8/snap-0.xml"
	assert_output "600 $LAB_SHARED/0/8/snap-0.xml"
}

# slowly NUMBER [OPTION]: a migration that lasts; $job is its process.
slowly() {
	settings "MIGRATE_OPTIONS='--unsafe --bandwidth 4 ${2:-}'" QEMU_PROTOCOL=qemu+tcp
	lab_exec node1 "$ACTIONS/migrate" "one-$1" node2 node1 "$1" node1 </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	job=$!
	lab_until node1 10 sh -c "virsh -q -c qemu:///system domjobinfo one-$1 | grep -qi remaining"
	sleep 1
}

# ended: its exit status is in $status.
ended() {
	status=0
	wait "$job" || status=$?
	cat "$BATS_TEST_TMPDIR/err"
}

@test "migrate: SIGTERM aborts it and the VM stays" {
	start node1 9
	slowly 9
	lab_exec node1 pkill -TERM -f "$ACTIONS/migrate one-9"
	ended
	[ "$status" -eq 1 ]
	grep -q 'was stopped by a signal \[cancelled\]' "$BATS_TEST_TMPDIR/err"
	lives 9 node1
}

@test "migrate: killed while libvirtd itself moves the VM: outcome waits for that, and says where the VM is" {
	start node1 11
	slowly 11 --p2p
	lab_exec node1 pkill -KILL -f "$ACTIONS/migrate one-11"
	ended
	lab_exec node1 "$ACTIONS/outcome" migrate "$(uuid 11)" - 11 node1 >"$BATS_TEST_TMPDIR/outcome" \
		<<<"$(document 11 YES | sed 's|<DISK_TARGET|<HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST>&|')" &
	job=$!
	sleep 1
	lab_virsh node1 migrate-setspeed one-11 4000
	wait "$job"
	cat "$BATS_TEST_TMPDIR/outcome"
	[ "$(<"$BATS_TEST_TMPDIR/outcome")" = done ]
	lives 11 node2
}

@test "migrate: the answer of libvirtd, which still moves the VM, is lost: unknown, and neither copy is touched" {
	start node1 12
	settings "MIGRATE_OPTIONS='--unsafe --p2p --bandwidth 4'" QEMU_PROTOCOL=qemu+tcp
	run --separate-stderr lab_exec node1 env LD_PRELOAD="$(preload_for "$BUILD/remotes/vmm/kvm/migrate" fail)" VMM_FAIL_AT=virDomainMigrateToURI3 VMM_FAIL_HOW=late \
		"$ACTIONS/migrate" one-12 node2 node1 12 node1 </dev/null
	echo "$stderr"
	assert_failure 3
	[[ $stderr == *'libvirt still moves domain '* ]]
	lab_virsh node1 migrate-setspeed one-12 4000
	lab_until node1 60 sh -c '! virsh -q -c qemu:///system domstate one-12 2>/dev/null'
	lives 12 node2
}

@test "migrate: kill -9 of it, of either libvirtd and of the other QEMU: the VM stays, and goes the next time" {
	start node1 10
	slowly 10
	lab_exec node1 pkill -KILL -f "$ACTIONS/migrate one-10"
	ended
	lab_until node1 10 sh -c '! virsh -q -c qemu+tcp://node2/system domstate one-10 2>/dev/null'
	lives 10 node1

	slowly 10
	lab_exec node2 pkill -KILL -f 'guest=one-10,'
	ended
	[ "$status" -eq 1 ]
	lives 10 node1

	slowly 10
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	ended
	[ "$status" -eq 1 ]
	lives 10 node1

	slowly 10
	"$LAB" svc node2 crash
	sleep 1
	"$LAB" svc node2 start
	ended
	[ "$status" -eq 1 ]
	lives 10 node1

	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	migrate node1 node2 one-10
	assert_success
	lives 10 node2
}

# left_behind NUMBER [URI]: at node1, as libvirt leaves a VM when the one who moved it (to URI, noted
# by us) died before he could tell it how that ended.
left_behind() {
	local file=/run/libvirt/qemu/one-$1.xml
	deaf_xml "$1" | lab_exec node1 virsh -q create --paused /dev/stdin
	[ -z "${2:-}" ] || lab_virsh node1 metadata "one-$1" --uri urn:vmmexec:leaving --key vmmexec --set "<leaving to='$2'/>" --live
	"$LAB" svc node1 crash
	lab_exec node1 sed -i "s/^<domstatus state='paused' reason='[a-z ]*'/<domstatus state='paused' reason='migration'/" "$file"
	"$LAB" svc node1 start
	run lab_virsh node1 domstate "one-$1" --reason
	assert_output 'paused (migrating)'
}

@test "migrate: a domain left paused by a killed migration never becomes a second running copy: the next call ends or resumes it" {
	local action document
	start_deaf node2 50
	left_behind 50 qemu+tcp://node2/system
	for action in "save one-50 $LAB_SHARED/0/50/checkpoint node1 50" "snapshot_create one-50 0 50" "snapshot_revert one-50 snap-0 50"; do
		# shellcheck disable=SC2086
		act $action node1
		assert_failure 1
		assert_regex "$(error_message)" 'is paused after an interrupted migration: it is running at qemu.tcp://node2/system \[refused\] \(hint: migrate it there again'
	done
	# What would change the VM would change this copy, and the file of a snapshot is the VM's.
	on mkdir -p "$(directory 50)"
	on touch "$(directory 50)/snap-0.xml"
	for action in "attach_disk one-50 $LAB_SHARED/50.raw vdb" "detach_disk one-50 $LAB_SHARED/50.raw vdb" \
		"resize_disk one-50 vda 10" "attach_nic one-50" "detach_nic one-50 02:00:00:00:00:50" \
		"update_nic one-50 0" "resize one-50" "reconfigure one-50 hda $LAB_SHARED/50.iso" "snapshot_delete one-50 snap-0"; do
		# shellcheck disable=SC2086
		run --separate-stderr on "$ACTIONS"/$action <<<'<VMM_DRIVER_ACTION_DATA><VM><ID>50</ID><TEMPLATE><VCPU>1</VCPU><MEMORY>64</MEMORY></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>'
		assert_failure 1
		assert_regex "$(error_message)" 'is paused after an interrupted migration: it is running at qemu.tcp://node2/system \[refused\]'
	done
	on test -e "$(directory 50)/snap-0.xml"
	# The VM has not ended when this copy has.
	for action in cancel shutdown; do
		settings FORCE_DESTROY=yes SHUTDOWN_TIMEOUT=1 QEMU_PROTOCOL=qemu+tcp
		act $action one-50 node1 50 node1
		assert_failure 1
		assert_regex "$(error_message)" 'is paused after an interrupted migration: it is running at qemu.tcp://node2/system \[refused\]'
		[ "$(state_at node1 50)" = paused ]
	done
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	# A question about a step before resumes nothing.
	# Nor do the devices of a copy tell what the VM has.
	for action in save snapshot_create attach_disk detach_disk attach_nic detach_nic snapshot_delete; do
		case $action in
		*_disk) document='<DISK><TARGET>hda</TARGET><ATTACH>YES</ATTACH></DISK>' ;;
		*_nic) document='<NIC><MAC>02:00:00:00:00:50</MAC><ATTACH>YES</ATTACH></NIC>' ;;
		*) document='<SNAPSHOT><SNAPSHOT_ID>0</SNAPSHOT_ID><HYPERVISOR_ID>snap-0</HYPERVISOR_ID><ACTIVE>YES</ACTIVE></SNAPSHOT>' ;;
		esac
		run on "$ACTIONS/outcome" $action "$(uuid 50)" "$LAB_SHARED/0/50/checkpoint" 50 node1 \
			<<<"<VMM_DRIVER_ACTION_DATA><VM><ID>50</ID><TEMPLATE>$document</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
		echo "$action: $output"
		assert_output --regexp '^later .*it is running at qemu.tcp://node2/system'
		[ "$(state_at node1 50)" = paused ]
	done
	# Nor does it run because it is there.
	act restore "$(directory 50)/checkpoint" node1 one-50 50 node1
	assert_failure 1
	assert_regex "$(error_message)" 'it is running at qemu.tcp://node2/system \[refused\]'
	# A checkpoint that an earlier restore left is no reason to end it and start another one.
	on mkdir -p "$(directory 50)"
	on touch "$(directory 50)/checkpoint"
	act restore "$(directory 50)/checkpoint" node1 one-50 50 node1
	assert_failure 1
	assert_regex "$(error_message)" 'it is running at qemu.tcp://node2/system \[refused\]'
	on rm "$(directory 50)/checkpoint"
	deaf_xml 50 >"$BATS_TEST_TMPDIR/xml"
	run deploy_xml 50 <"$BATS_TEST_TMPDIR/xml"
	assert_failure 1
	[ "$(state_at node1 50)" = paused ]
	migrate node1 node2 one-50
	assert_success
	assert_regex "$stderr" 'removing what is left of it here'
	lives 50 node2

	# It never came to life there.
	left_behind 51 qemu+tcp://node2/system
	migrate node1 node2 one-51
	assert_success
	lives 51 node2

	# Nobody knows where it was moved to, or what that host says.
	left_behind 52
	migrate node1 node2 one-52
	assert_failure 1
	assert_regex "$(error_message)" 'it may be running on another host \[refused\] \(hint: if it runs nowhere else'
	left_behind 53 qemu+tcp://nohost/system
	act save one-53 "$LAB_SHARED/0/53/checkpoint" node1 53 node1
	assert_failure 1
	assert_regex "$(error_message)" 'cannot tell whether domain one-53 runs at qemu.tcp://nohost/system'
	[ "$(state_at node1 53)" = paused ]
}

# asked NUMBER ACTION: what outcome says of it at node1.
asked() {
	on "$ACTIONS/outcome" "$2" "$(uuid "$1")" - "$1" node1 <<<"<VMM_DRIVER_ACTION_DATA><HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST><VM><ID>$1</ID>
		<TEMPLATE>${3:-}</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
}

# start_writer NUMBER: a guest that has written to its disk, one-NUMBER.raw.
start_writer() {
	local disk=$LAB_SHARED/one-$1.raw
	on truncate -s 8M "$disk"
	start node1 "$1" "<disk type='file'><driver name='qemu' type='raw'/><source file='$disk'/><target dev='sda' bus='scsi'/></disk>"
	lab_in_guest node1 "one-$1" 'echo 1 >/dev/sda; sync'
}

# libvirt has it as "paused (user)" on both hosts then.
@test "migrate: a VM that a user paused and a killed migration left on both hosts is on one of them: the next call ends the copy" {
	local n action
	for n in 166 167; do
		start_writer $n
		lab_virsh node1 suspend one-$n
		mover_dies $n
		run lab_virsh node1 domstate one-$n --reason
		assert_output 'paused (user)'
	done
	# Nobody has run it since: it is what was moved.
	run asked 166 migrate
	assert_output --partial 'finish the VM runs on node2'
	for action in "save one-166 $(directory 166)/checkpoint node1 166" "snapshot_create one-166 0 166" "cancel one-166 node1 166" "detach_disk one-166 $LAB_SHARED/one-166.raw sda"; do
		# shellcheck disable=SC2086
		act $action node1
		assert_failure 1
		assert_regex "$(error_message)" 'domain one-166 is paused after an interrupted migration: it is paused at qemu.tcp://node2/system \[refused\] \(hint: migrate it there again'
		[ "$(state_at node1 166)" = paused ]
	done
	migrate node1 node2 one-166
	assert_success
	run state_at node1 166
	assert_failure
	run lab_virsh node2 domstate one-166 --reason
	assert_output 'paused (user)'
	# The note is gone; a newer virsh does not call that a failure.
	run lab_virsh node2 metadata one-166 --uri urn:vmmexec:leaving
	[ "$status" -ne 0 ] || [ -z "$output" ]
	lab_virsh node2 resume one-166
	lab_wait_agent node2 one-166
	# The other one was resumed here, and wrote: what is left there is older than its disk.
	lab_virsh node1 resume one-167
	lab_wait_agent node1 one-167
	lab_in_guest node1 one-167 'echo 2 >/dev/sda; sync'
	run asked 167 migrate
	assert_output not-done
	act cancel one-167 node1 167 node1
	assert_success
	lab_virsh node2 dumpxml one-167 >"$BATS_TEST_TMPDIR/xml"
	run --separate-stderr lab_exec node2 "$ACTIONS/deploy" "$(directory 167)/deployment.0" node2 167 node2 <"$BATS_TEST_TMPDIR/xml"
	assert_failure 1
	assert_regex "$(error_message)" "domain one-167 is paused after an interrupted migration to this host, and may have run where it came from: .* \\[refused\\] \\(hint: migrate it from there again"
	[ "$(state_at node2 167)" = paused ]
}

@test "migrate: a copy is not resumed when its guest may have run at the destination and ended there" {
	local n action
	for n in 160 161; do
		start_writer $n
		mover_dies $n
	done
	# One has written to its disk there.
	lab_wait_agent node2 one-160
	lab_in_guest node2 one-160 'echo 2 >/dev/sda; sync'
	lab_virsh node2 destroy one-160
	for action in "migrate one-160 node2 node1 160" "save one-160 $LAB_SHARED/0/160/checkpoint node1 160" "snapshot_create one-160 0 160"; do
		# shellcheck disable=SC2086
		act $action node1
		assert_failure 1
		assert_regex "$(error_message)" "domain one-160 is paused after an interrupted migration, and is not at qemu.tcp://node2/system now, where it may have run and ended: disk sda \\($LAB_SHARED/one-160.raw\\) was written to since \\[refused\\] \\(hint: if it ran there"
	done
	[ "$(state_at node1 160)" = paused ]
	run --separate-stderr on "$ACTIONS/outcome" migrate "$(uuid 160)" - 160 node1 <<<"$(document 160 YES | sed 's|<DISK_TARGET|<HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST>&|')"
	refute_output --partial not-done
	[ "$(state_at node1 160)" = paused ]
	# The other one has not.
	lab_virsh node2 destroy one-161
	on mkdir -p "$(directory 161)"
	on touch "$(directory 161)/checkpoint"
	act restore "$(directory 161)/checkpoint" node1 one-161 161 node1
	assert_failure 1
	assert_regex "$(error_message)" 'nobody has run it since, so it is the VM \[refused\]'
	on rm "$(directory 161)/checkpoint"
	act migrate one-161 node2 node1 161 node1
	assert_success
	assert_regex "$stderr" 'resuming domain one-161'
	lives 161 node2
}

@test "cancel: what a migration left is not ended as if it were the VM, also when both hosts have one name" {
	start node1 168
	mover_dies 168
	lab_exec node2 hostname node1
	act cancel one-168 node1 168 node1
	lab_exec node2 hostname node2
	assert_failure 1
	assert_regex "$(error_message)" 'it is running at qemu.tcp://node2/system \[refused\]'
	[ "$(state_at node1 168)" = paused ]
}

@test "migrate: a disk that others may write to tells, too, that its guest may have run at the destination" {
	local disk=$LAB_SHARED/one-162.raw
	on truncate -s 8M "$disk"
	start node1 162 "<disk type='file'><driver name='qemu' type='raw' cache='none'/><source file='$disk'/><target dev='sda' bus='scsi'/><shareable/></disk>"
	lab_in_guest node1 one-162 'echo 1 >/dev/sda; sync'
	mover_dies 162
	lab_wait_agent node2 one-162
	lab_in_guest node2 one-162 'echo 2 >/dev/sda; sync'
	lab_virsh node2 destroy one-162
	act migrate one-162 node2 node1 162 node1
	assert_failure 1
	assert_regex "$(error_message)" "where it may have run and ended: disk sda \\($disk\\) was written to since \\[refused\\]"
	[ "$(state_at node1 162)" = paused ]
}

@test "migrate: what a migration left here is not moved to another datastore: its disks are those of the VM, which runs elsewhere" {
	local from=$LAB_SHARED/0/163 to=$LAB_SHARED/108/163
	on mkdir -p "$from"
	on truncate -s 8M "$from/disk.0"
	start node1 163 "<disk type='file'><driver name='qemu' type='raw'/><source file='$from/disk.0'/><target dev='sda' bus='scsi'/></disk>"
	lab_in_guest node1 one-163 'echo 1 >/dev/sda; sync'
	mover_dies 163
	run --separate-stderr on "$ACTIONS/migrate" one-163 node1 node1 163 node1 \
		< <(document 163 YES "$to" | sed "s|<BASE_PATH>[^<]*|<BASE_PATH>$LAB_SHARED/0|")
	echo "$status $stderr"
	assert_failure 1
	assert_regex "$(error_message)" 'domain one-163 is paused after an interrupted migration: it is running at qemu.tcp://node2/system \[refused\]'
	never on test -e "$to"
	run lab_virsh node1 domblklist one-163
	assert_output --partial "$from/disk.0"
}

@test "restore: a checkpoint that was put beside one whose restore was cut short is not replaced by that" {
	local file=$LAB_SHARED/0/165/checkpoint
	start_deaf node1 165
	act save one-165 "$file" node1 165 node1
	assert_success
	on sh -c "mv $file $file.restoring; echo newer >$file"
	# As libvirt leaves a domain whose restore it did not end.
	left_behind 165
	act restore "$file" node1 one-165 165 node1
	echo "$stderr"
	assert_failure 1
	assert_regex "$stderr" 'domain one-165 is left over from a restore that did not end'
	run on cat "$file"
	assert_output newer
	on mv "$file.restoring" "$file"
	act restore "$file" node1 one-165 165 node1
	assert_success
	[ "$(state_at node1 165)" = running ]
}

# A disk that is no file has no time at which it was written to.
@test "restore: no older checkpoint takes the place of a VM that a migration left here, whatever its disks are" {
	local file=$LAB_SHARED/0/164/checkpoint disk=$LAB_SHARED/one-164.raw n
	on truncate -s 8M "$disk"
	on qemu-nbd --fork --persistent --shared=2 --format=raw --bind=0.0.0.0 --port=10164 --cache=writeback "$disk"
	start node1 164 "<disk type='network'><driver name='qemu' type='raw'/><source protocol='nbd'><host name='node1' port='10164'/></source><target dev='sda' bus='scsi'/></disk>"
	act save one-164 "$file" node1 164 node1
	assert_success
	on cp -p "$file" "$file.keep"
	act restore "$file" node1 one-164 164 node1
	assert_success
	lab_wait_agent node1 one-164
	lab_in_guest node1 one-164 'echo newer >/dev/sda; sync'
	mover_dies 164
	lab_virsh node2 destroy one-164
	on rm -f "$LAB_SHARED/0/164/.checkpoint.spent"
	# By hand, without the VM's name: libvirt has it already.
	on cp -p "$file.keep" "$file"
	act restore "$file"
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot restore domain one-164 from '
	[ "$(state_at node1 164)" = paused ]
	on test -s "$file"
	# That file there, and as a restore leaves it that was killed after its guest ran.
	for n in 1 2; do
		act restore "$file" node1 one-164 164 node1
		echo "$stderr"
		assert_failure 1
		assert_regex "$(error_message)" 'domain one-164 is paused after an interrupted migration: .* \[refused\]'
		[ "$(state_at node1 164)" = paused ]
		[ "$n" = 2 ] || on mv "$file" "$file.restoring"
	done
	# Without a note, as of somebody's own virsh.
	lab_virsh node1 metadata one-164 --uri urn:vmmexec:leaving --key vmmexec --remove --live
	act restore "$file" node1 one-164 164 node1
	assert_failure 1
	[ "$(state_at node1 164)" = paused ]
	lab_virsh node1 resume one-164
	lab_wait_agent node1 one-164
	run lab_in_guest node1 one-164 'head -n 1 /dev/sda'
	assert_output newer
}

@test "migrate: a note of where a VM was moved to is the name of a host, whoever wrote it: no program runs, no other host is asked" {
	local note n=54
	on sh -c "printf '#!/bin/sh\n{ id; echo \"\$0 \$*\"; } >>/var/lib/one/local/owned\n' >/var/lib/one/local/evil; chmod +x /var/lib/one/local/evil"
	for note in 'qemu+ext:///system?command=/var/lib/one/local/evil' 'qemu+ssh://node2/system?command=/var/lib/one/local/evil' \
		'qemu+tcp://node2/system?command=/var/lib/one/local/evil&amp;x=/system' 'qemu+tcp://-oProxyCommand=x/system' \
		'qemu+unix:///system?socket=/var/lib/one/local/evil' 'test:///default' 'node2/system?command=/x' '../../x' ''; do
		left_behind "$n" "${note:- }"
		act save "one-$n" "$LAB_SHARED/0/$n/checkpoint" node1 "$n" node1
		assert_failure 1
		assert_regex "$(error_message)" 'the note of where it was moved to names no host \[refused\] \(hint: look for it on the other hosts'
		[ "$(state_at node1 "$n")" = paused ]
		lab_virsh node1 destroy "one-$n"
		n=$((n + 1))
	done
	never on test -e /var/lib/one/local/owned
	# As our own migrate writes it.
	start_deaf node2 "$n"
	left_behind "$n" node2
	act save "one-$n" "$LAB_SHARED/0/$n/checkpoint" node1 "$n" node1
	assert_regex "$(error_message)" 'it is running at qemu.tcp://node2/system \[refused\]'
	lab_virsh node1 destroy "one-$n"
}

@test "migrate: a libvirtd that stays away: the outcome is unknown, and the next call decides" {
	start node1 11
	slowly 11
	"$LAB" svc node2 crash
	lab_exec node1 sh -c "sleep 6; pkill -TERM -f '$ACTIONS/migrate one-11'" &
	ended
	[ "$status" -eq 3 ]
	grep -q 'the outcome is unknown' "$BATS_TEST_TMPDIR/err"
	"$LAB" svc node2 start
	lives 11 node1
}

@test "migrate: the source's QEMU is killed: the answer says that it ended" {
	start node1 12
	slowly 12
	lab_exec node1 pkill -KILL -f 'guest=one-12,'
	ended
	[ "$status" -eq 1 ]
	grep -q 'it is on neither host' "$BATS_TEST_TMPDIR/err"
}

LOCAL=/var/lib/one/local/0

# document NUMBER SHARED [TARGET]: what the front-end says of a VM in the datastore of each node's own.
document() {
	cat <<-END
		<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>${3:-$LOCAL/$1}</DISK_TARGET_PATH>
		<VM><ID>$1</ID><TEMPLATE/></VM>
		<DATASTORE><BASE_PATH>/var/lib/one/local//0</BASE_PATH><TEMPLATE><SHARED>$2</SHARED></TEMPLATE></DATASTORE>
		</VMM_DRIVER_ACTION_DATA>
	END
}

# migrate_files FROM TO NUMBER: with files that only FROM sees.
migrate_files() {
	run --separate-stderr lab_exec "$1" "$ACTIONS/migrate" "one-$3" "$2" "$1" "$3" "$1" < <(document "$3" "${4:-NO}" "${5:-}")
	echo "$stderr"
}

disk_xml() {	# FILE TARGET [MORE]
	echo "<disk type='file' device='${4:-disk}'><driver name='qemu' type='$(case $1 in *.raw) echo raw ;; *) echo qcow2 ;; esac)'/><source file='$1'/><target dev='$2' bus='${5:-virtio}'/>${3:-}</disk>"
}

@test "migrate: files that only one host sees come along, there and back" {
	local i from=node1 to=node2 sum
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp "SSH='$LAB_SHARED/own-ssh'"
	printf '#!/bin/sh\necho "$@" >>%s.log\nexec ssh "$@"\n' "$LAB_SHARED/own-ssh" | lab_exec node1 tee "$LAB_SHARED/own-ssh" >/dev/null
	lab_exec node1 chmod 755 "$LAB_SHARED/own-ssh"
	lab_exec node1 mkdir -p $LOCAL/20/disk.0.snap
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/20/disk.0.snap/base 16M
	lab_exec node1 qemu-img create -q -f qcow2 -b $LOCAL/20/disk.0.snap/base -F qcow2 $LOCAL/20/disk.0.snap/0
	lab_exec node1 ln -s disk.0.snap/0 $LOCAL/20/disk.0
	lab_exec node1 sh -c "echo context >$LOCAL/20/disk.1; truncate -s 1M $LOCAL/20/disk.1; echo '<VM/>' >$LOCAL/20/vm.xml"
	DIRECTORY=/var/lib/one/local start node1 20 "$(disk_xml "/var/lib/one/local//0/20/disk.0.snap/0" vda)<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$LOCAL/20/disk.1'/><target dev='hda' bus='ide'/><readonly/></disk>"
	sum=$(lab_in_guest node1 one-20 'dd if=/dev/urandom of=/dev/vda bs=1M count=12 2>/dev/null; sync; md5sum </dev/vda')
	count_in_guest node1 one-20
	for i in $(seq 1 "${ROUNDS:-4}"); do
		migrate_files $from $to 20
		assert_success
		lives 20 $to
		lab_wait_agent $to one-20
		run lab_in_guest $to one-20 'echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda'
		assert_output "$sum"
		counts_on $to one-20
		read -r from to <<<"$to $from"
	done
	lab_exec node1 grep -q node2 "$LAB_SHARED/own-ssh.log"
	run lab_exec node2 cat $LOCAL/20/vm.xml
	assert_output '<VM/>'
	run lab_exec node2 readlink $LOCAL/20/disk.0
	assert_output disk.0.snap/0
}

@test "migrate: a disk with snapshots inside comes along with them" {
	lab_exec node1 mkdir -p $LOCAL/21
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/21/disk.0 16M
	DIRECTORY=/var/lib/one/local start node1 21 "$(disk_xml $LOCAL/21/disk.0 vda)"
	lab_in_guest node1 one-21 'echo first | dd of=/dev/vda bs=512 conv=sync 2>/dev/null; sync'
	lab_virsh node1 snapshot-create-as one-21 snap-0
	lab_wait_agent node1 one-21
	lab_in_guest node1 one-21 'dd if=/dev/urandom of=/dev/vda bs=1M seek=1 count=8 2>/dev/null; echo second | dd of=/dev/vda bs=512 conv=sync 2>/dev/null; sync; md5sum </dev/vda >/run/sum'
	migrate_files node1 node2 21
	assert_success
	lives 21 node2
	run lab_exec node2 ls $LOCAL/21
	assert_output $'disk.0\nsnap-0.xml'
	run lab_virsh node2 snapshot-list one-21 --name
	assert_output snap-0
	lab_wait_agent node2 one-21
	run lab_in_guest node2 one-21 'echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda | cmp - /run/sum && echo same'
	assert_output same
	lab_in_guest node2 one-21 'dd if=/dev/urandom of=/dev/vda bs=1M seek=9 count=4 2>/dev/null; sync'
	lab_virsh node2 snapshot-revert one-21 snap-0
	lab_wait_agent node2 one-21
	run lab_in_guest node2 one-21 'echo 3 >/proc/sys/vm/drop_caches; head -n 1 /dev/vda'
	assert_output first
	lab_virsh node2 destroy one-21
	run lab_exec node2 qemu-img check $LOCAL/21/disk.0
	assert_success
}

@test "migrate: killed between the move and the last bytes: the next call brings them" {
	lab_exec node1 mkdir -p $LOCAL/26
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/26/disk.0 16M
	DIRECTORY=/var/lib/one/local start node1 26 "$(disk_xml $LOCAL/26/disk.0 vda)"
	lab_virsh node1 snapshot-create-as one-26 snap-0
	lab_wait_agent node1 one-26
	# Its second rsync kills the action that waits for it.
	lab_exec node1 sh -c 'printf "%s\n" "#!/bin/sh" "case \$* in *--inplace*) kill -KILL \$PPID; exit 1 ;; esac" "exec rsync \"\$@\"" >/run/rsync; chmod +x /run/rsync'
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp RSYNC=/run/rsync
	lab_in_guest node1 one-26 'dd if=/dev/urandom of=/dev/vda bs=1M seek=1 count=8 2>/dev/null; sync; md5sum </dev/vda >/run/sum'
	migrate_files node1 node2 26
	assert_failure
	[ "$(state_at node2 26)" = paused ]
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	run lab_exec node1 "$ACTIONS/outcome" migrate "$(uuid 26)" - 26 node1 <<<"$(document 26 NO | sed 's|<DISK_TARGET|<HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST>&|')"
	assert_output --regexp '^finish the VM is on node2, '
	migrate_files node1 node2 26
	assert_success
	assert_regex "$stderr" 'finishing a migration that was interrupted'
	lives 26 node2
	lab_wait_agent node2 one-26
	run lab_in_guest node2 one-26 'echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda | cmp - /run/sum && echo same'
	assert_output same
	run lab_exec node2 ls -A $LOCAL/26
	refute_output --partial .vmmexec
	lab_virsh node2 suspend one-26
	migrate_files node1 node2 26
	assert_success
	[ "$(state_at node2 26)" = paused ]
}

@test "migrate: what was made for a VM that stays is removed, and what was there stays" {
	lab_exec node1 mkdir -p $LOCAL/22
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/22/disk.0 16M
	lab_exec node1 ip link add bry type bridge
	start_deaf node1 22 "$(disk_xml $LOCAL/22/disk.0 vda)<interface type='bridge'><source bridge='bry'/></interface>"
	migrate_files node1 node2 22
	assert_failure 1
	assert_regex "$(error_message)" 'bry'
	lives 22 node1
	run lab_exec node2 ls -d $LOCAL/22
	assert_failure
	lab_exec node2 mkdir -p $LOCAL/22
	lab_exec node2 touch $LOCAL/22/other
	migrate_files node1 node2 22
	assert_failure 1
	run lab_exec node2 ls $LOCAL/22
	assert_output other
}

@test "migrate: no room there is reported before anything moves" {
	lab_exec node1 mkdir -p $LOCAL/23
	lab_exec node1 qemu-img create -q -f raw $LOCAL/23/disk.0.raw 8M
	lab_exec node1 dd if=/dev/urandom of=$LOCAL/23/disk.0.raw bs=1M count=8 conv=notrunc status=none
	lab_exec node2 mkdir -p $LOCAL/23
	lab_exec node2 mount -t tmpfs -o size=4m none $LOCAL/23
	start_deaf node1 23 "$(disk_xml $LOCAL/23/disk.0.raw vda)"
	migrate_files node1 node2 23
	assert_failure 1
	assert_regex "$(error_message)" "the disks need [0-9]+ MiB in $LOCAL/23, where 4 MiB are free \\[no-space\\]"
	lives 23 node1
	lab_exec node2 umount $LOCAL/23
}

@test "migrate: a directory that is shared although it is said not to be is not copied onto itself" {
	lab_exec node1 mkdir -p "$LAB_SHARED/0/24"
	lab_exec node1 qemu-img create -q -f raw "$LAB_SHARED/0/24/disk.0.raw" 4M
	start node1 24 "$(disk_xml "$LAB_SHARED/0/24/disk.0.raw" vda)"
	lab_in_guest node1 one-24 'echo mine | dd of=/dev/vda bs=512 conv=sync 2>/dev/null; sync'
	run --separate-stderr lab_exec node1 "$ACTIONS/migrate" one-24 node2 node1 24 node1 < <(document 24 NO "$LAB_SHARED/0/24" | sed "s|/var/lib/one/local//0|$LAB_SHARED/0|")
	assert_success
	assert_regex "$stderr" 'is shared with node2 although its datastore says'
	lives 24 node2
	run lab_exec node1 head -c 4 "$LAB_SHARED/0/24/disk.0.raw"
	assert_output mine
}

@test "migrate: files may come to another datastore's directory on the other host" {
	lab_exec node1 mkdir -p $LOCAL/25
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/25/disk.0 4M
	start_deaf node1 25 "$(disk_xml $LOCAL/25/disk.0 vda)"
	migrate_files node1 node2 25 NO /var/lib/one/local/107/25
	assert_success
	lives 25 node2
	run lab_virsh node2 domblklist one-25
	assert_output --partial /var/lib/one/local/107/25/disk.0
}

# A stand-in for ssh, of which call number $1 fails: "question" before it is asked, "answer" after it was done.
flaky_ssh() {	# NUMBER question|answer
	lab_exec node1 tee /run/flaky-ssh >/dev/null <<-END
		#!/bin/bash
		n=\$((\$(cat /run/flaky-count) + 1))
		echo \$n >/run/flaky-count
		if [ \$n = $1 ]; then
			# Of rsync only the end can be lost: the two talk all the time.
			case "$2 \$*" in
			answer*' rsync --server '*) ssh "\$@" ;;
			answer*) ssh "\$@" >/dev/null 2>&1 ;;
			esac
			echo 'kex_exchange_identification: Connection closed by remote host' >&2
			exit 255
		fi
		exec ssh "\$@"
	END
	lab_exec node1 sh -c 'chmod +x /run/flaky-ssh; echo 0 >/run/flaky-count'
}

# each_call NUMBER DIRECTORY BASE: a migration that fails in the end, with each of its calls of ssh failing in turn:
# DIRECTORY stays as it is on node1, and the VM runs there.
each_call() {
	local n how before
	before=$(lab_exec node1 ls -lA --time-style=full-iso "$2")
	for how in question answer; do
		n=0
		while [ $((n += 1)) -lt 30 ]; do
			flaky_ssh $n $how
			run --separate-stderr lab_exec node1 "$ACTIONS/migrate" "one-$1" node2 node1 "$1" node1 < <(document "$1" NO "$2" | sed "s|/var/lib/one/local//0|$3|")
			echo "$how $n: $status $stderr"
			[ "$status" -eq 1 ] || return
			# What the one before made there is known for ours.
			[[ $stderr != *'[exists]'* ]] || return
			lives "$1" node1 || return
			[ "$(lab_exec node1 ls -lA --time-style=full-iso "$2")" = "$before" ] || return
			[ "$(lab_exec node1 cat /run/flaky-count)" -ge $n ] || break
		done
		[ $n -gt "${4:-6}" ]
	done
}

@test "migrate: one question to the other host that fails, or whose answer is lost, never costs a running VM its files" {
	lab_exec node1 mkdir -p "$LAB_SHARED/0/27" $LOCAL/28
	lab_exec node1 qemu-img create -q -f qcow2 "$LAB_SHARED/0/27/disk.0" 4M
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/28/disk.0 4M
	lab_exec node1 ip link add brz type bridge
	start_deaf node1 27 "$(disk_xml "$LAB_SHARED/0/27/disk.0" vda)<interface type='bridge'><source bridge='brz'/></interface>"
	DIRECTORY=/var/lib/one/local start_deaf node1 28 "$(disk_xml $LOCAL/28/disk.0 vda)<interface type='bridge'><source bridge='brz'/></interface>"
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp SSH=/run/flaky-ssh
	# Shared in truth, though its datastore says that it is not.
	each_call 27 "$LAB_SHARED/0/27" "$LAB_SHARED/0" 4
	each_call 28 $LOCAL/28 /var/lib/one/local/0
	# And when each call is answered, nothing stays there but what was there.
	lab_exec node2 sh -c "rm -rf $LOCAL/28; mkdir -p $LOCAL/28/own; echo foreign >$LOCAL/28/own/file"
	flaky_ssh 0 question
	migrate_files node1 node2 28
	assert_failure 1
	run lab_exec node2 sh -c "cd $LOCAL/28; find . -type f; cat own/file"
	assert_output $'./own/file\nforeign'
}

@test "migrate: an image that is there already is not overwritten, unless a migration that was killed left it" {
	lab_exec node1 mkdir -p $LOCAL/29
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/29/disk.0 4M
	DIRECTORY=/var/lib/one/local start_deaf node1 29 "$(disk_xml $LOCAL/29/disk.0 vda)"
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	lab_exec node2 sh -c "mkdir -p $LOCAL/29; echo precious >$LOCAL/29/disk.0; echo own >$LOCAL/29/vm.txt"
	migrate_files node1 node2 29
	assert_failure 1
	assert_regex "$(error_message)" "^migrate: $LOCAL/29/disk.0 on node2 is there already.*\\[exists\\] \\(hint: "
	lives 29 node1
	run lab_exec node2 sh -c "cd $LOCAL/29; ls -A; cat disk.0 vm.txt"
	assert_output $'disk.0\nvm.txt\nprecious\nown'
	# One that is killed when it has taken the name leaves a mark.
	lab_exec node2 sh -c "rm $LOCAL/29/disk.0; mv /usr/bin/dd /usr/bin/dd.true; printf '%s\n' '#!/bin/sh' 'dd.true \"\$@\"' 'case \"\$*\" in *disk.0*) ssh node1 pkill -KILL -x migrate ;; esac' >/usr/bin/dd; chmod +x /usr/bin/dd"
	migrate_files node1 node2 29
	assert_failure
	lab_exec node2 mv /usr/bin/dd.true /usr/bin/dd
	lab_exec node2 grep -q '^vmmexec: taken' $LOCAL/29/disk.0
	migrate_files node1 node2 29
	assert_success
	assert_regex "$stderr" 'disk.0 was left by a move that did not end: it is replaced'
	lives 29 node2
	migrate_files node2 node1 29
	assert_success
	# One that is killed when it has made the image leaves a note.
	lab_exec node2 sh -c "rm -f $LOCAL/29/disk.0; mv /usr/bin/qemu-img /usr/bin/qemu-img.true; printf '%s\n' '#!/bin/sh' 'qemu-img.true \"\$@\"' 'ssh node1 pkill -KILL -x migrate' >/usr/bin/qemu-img; chmod +x /usr/bin/qemu-img"
	migrate_files node1 node2 29
	assert_failure
	lab_exec node2 mv /usr/bin/qemu-img.true /usr/bin/qemu-img
	lab_exec node2 test -s $LOCAL/29/disk.0
	migrate_files node1 node2 29
	assert_success
	assert_regex "$stderr" 'disk.0 was left by a move that did not end: it is replaced'
	lives 29 node2
	run lab_exec node2 sh -c "cd $LOCAL/29; ls -A"
	assert_output $'disk.0\nvm.txt'
}

@test "migrate_local: from the front-end, between two others" {
	start_deaf node1 30
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	run --separate-stderr lab_exec node2 "$ACTIONS/migrate_local" one-30 node2 node1 30 node1 </dev/null
	assert_success
	lives 30 node2
	run --separate-stderr lab_exec node2 "$ACTIONS/migrate_local" one-30 node1 node2 30 node2 </dev/null
	assert_success
	lives 30 node1
}

# move NUMBER TO [OPTION...]: to another datastore of the same host.
move() {
	run --separate-stderr lab_exec node1 "$ACTIONS/migrate" "${@:3}" "one-$1" node1 node1 "$1" node1 < <(document "$1" NO "$2")
	echo "$stderr"
}

move_back() {	# NUMBER BASE TO
	run --separate-stderr lab_exec node1 "$ACTIONS/migrate" "one-$1" node1 node1 "$1" node1 < <(document "$1" NO "$3" | sed "s|/var/lib/one/local//0|$2|")
	echo "$stderr"
}

# What outcome says of such a move.
outcome_of_move() {	# NUMBER TO
	run --separate-stderr lab_exec node1 "$ACTIONS/outcome" migrate "one-$1" '' "$1" node1 < <(document "$1" NO "$2" |
		sed 's|<VM>|<HOST>node1</HOST><MIGR_HOST>node1</MIGR_HOST>&|')
}

@test "migrate: to another datastore of the same host while the guest writes" {
	local to=/var/lib/one/local/108/40 sum
	settings LIBVIRT_MD_KEY=own
	lab_exec node1 mkdir -p $LOCAL/40/disk.0.snap
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/40/disk.0.snap/base 16M
	lab_exec node1 qemu-img create -q -f qcow2 -b $LOCAL/40/disk.0.snap/base -F qcow2 $LOCAL/40/disk.0.snap/0
	lab_exec node1 ln -s disk.0.snap/0 $LOCAL/40/disk.0
	lab_exec node1 qemu-img create -q -f raw $LOCAL/40/disk.2.raw 8M
	lab_exec node1 sh -c "truncate -s 1M $LOCAL/40/disk.1"
	DIRECTORY=/var/lib/one/local start node1 40 "$(disk_xml $LOCAL/40/disk.0.snap/0 vda)$(disk_xml $LOCAL/40/disk.2.raw vdb)<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$LOCAL/40/disk.1'/><target dev='hda' bus='ide'/><readonly/></disk>"
	sum=$(lab_in_guest node1 one-40 'dd if=/dev/urandom of=/dev/vda bs=1M count=12 2>/dev/null; dd if=/dev/vda of=/dev/vdb bs=1M count=8 2>/dev/null; sync; cat /dev/vda /dev/vdb | md5sum')
	move 40 $to --dry-run
	assert_output "would move the files of domain one-40 to $to"
	outcome_of_move 40 $to
	assert_output not-done
	move 40 $to
	assert_success
	outcome_of_move 40 $to
	assert_output 'done'
	[ "$(state_at node1 40)" = running ]
	run lab_virsh node1 domblklist one-40
	refute_output --partial $LOCAL/40
	assert_output --partial $to/disk.0.snap/0
	assert_output --partial $to/disk.1
	run lab_virsh node1 metadata one-40 --uri http://opennebula.org/xmlns/libvirt/1.0
	assert_output --partial "$to"
	run lab_virsh node1 dumpxml one-40
	assert_output --partial '<own:vm '
	lab_exec node1 rm -rf $LOCAL/40
	run lab_in_guest node1 one-40 'echo 3 >/proc/sys/vm/drop_caches; cat /dev/vda /dev/vdb | md5sum'
	assert_output "$sum"
	run lab_exec node1 readlink $to/disk.0
	assert_output disk.0.snap/0
}

@test "migrate: a move to another datastore whose program is killed is finished by the next one, as outcome says" {
	local to=/var/lib/one/local/112/44
	lab_exec node1 mkdir -p $LOCAL/44
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/44/disk.0 8M
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/44/disk.1 8M
	DIRECTORY=/var/lib/one/local start_deaf node1 44 "$(disk_xml $LOCAL/44/disk.0 vda)$(disk_xml $LOCAL/44/disk.1 vdb)"
	# Killed while it copies, and while it goes over to the copies.
	lab_exec node1 sh -c "mkdir -p $to; cp $LOCAL/44/disk.0 $to/disk.0"
	lab_virsh node1 blockcopy one-44 vda --dest $to/disk.0 --reuse-external --transient-job --wait
	outcome_of_move 44 $to
	assert_output "finish only a part of the VM's files is in $to"
	lab_virsh node1 blockjob one-44 vda --pivot
	outcome_of_move 44 $to
	assert_output "finish only a part of the VM's files is in $to"
	move 44 $to
	assert_success
	outcome_of_move 44 $to
	assert_output 'done'
	# Done once more, it leaves alone what has come since.
	lab_exec node1 sh -c "mkdir -p $LOCAL/44/tpm $to/tpm; for d in $LOCAL/44 $to; do echo of \$d >\$d/vm.xml; echo of \$d >\$d/tpm/state; done"
	move 44 $to
	assert_success
	run lab_exec node1 cat $to/vm.xml $to/tpm/state
	assert_output "of $to"$'\n'"of $to"
	lab_virsh node1 destroy one-44
	outcome_of_move 44 $to
	assert_output unknown
}

# The answer of libvirt, which switches the disk a moment later, is lost.
@test "migrate: images of a move to another datastore that the VM came to use after all are not removed" {
	local to=/var/lib/one/local/108/46
	lab_exec node1 mkdir -p $LOCAL/46
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/46/disk.0 1M
	DIRECTORY=/var/lib/one/local start_deaf node1 46 "$(disk_xml $LOCAL/46/disk.0 vda)"
	run --separate-stderr lab_exec node1 env LD_PRELOAD="$(preload_for "$BUILD/remotes/vmm/kvm/migrate" fail)" VMM_FAIL_AT=virDomainBlockJobAbort VMM_FAIL_HOW=late \
		"$ACTIONS/migrate" one-46 node1 node1 46 node1 < <(document 46 NO $to)
	echo "$status $stderr"
	assert_success
	run lab_virsh node1 domblklist one-46
	assert_output --partial "$to/disk.0"
	lab_exec node1 test -s $to/disk.0
	run lab_virsh node1 metadata one-46 --uri http://opennebula.org/xmlns/libvirt/1.0
	assert_output --partial "$to"
}

@test "migrate: a move to another datastore that fails leaves all as it was" {
	local to=/var/lib/one/local/109/41
	lab_exec node1 mkdir -p $LOCAL/41 $to
	lab_exec node1 qemu-img create -q -f raw $LOCAL/41/disk.0.raw 8M
	start node1 41 "$(disk_xml $LOCAL/41/disk.0.raw vda)"
	lab_in_guest node1 one-41 'dd if=/dev/urandom of=/dev/vda bs=1M count=8 2>/dev/null; sync'
	lab_exec node1 mount -t tmpfs -o size=3m none $to
	move 41 $to
	assert_failure 1
	assert_regex "$(error_message)" '^migrate: '
	[ "$(state_at node1 41)" = running ]
	run lab_virsh node1 domblklist one-41
	assert_output --partial $LOCAL/41/disk.0.raw
	run lab_exec node1 ls $to
	assert_output ''
	lab_exec node1 umount $to
	move 41 $LOCAL/41
	assert_failure 1
	assert_regex "$(error_message)" 'it is on that host and in .*\[refused\]'
	move 41 $to
	assert_success
}

@test "migrate: a move to another datastore never overwrites or removes what is not its own, nor copies a file onto itself" {
	local to=/var/lib/one/local/111/43
	lab_exec node1 mkdir -p $LOCAL/43 $to
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/43/disk.0 8M
	DIRECTORY=/var/lib/one/local start_deaf node1 43 "$(disk_xml $LOCAL/43/disk.0 vda)"
	lab_exec node1 sh -c "echo precious >$to/disk.0"
	move 43 $to
	assert_failure 1
	assert_regex "$(error_message)" "^migrate: $to/disk.0 is there already.*\\[exists\\]"
	run lab_exec node1 sh -c "cd $to; ls -A; cat disk.0"
	assert_output $'disk.0\nprecious'
	# A copy that fails: what was there stays, with what lies below it.
	lab_exec node1 sh -c "rm $to/disk.0; mkdir $to/own; echo foreign >$to/own/file; mv /usr/bin/qemu-img /usr/bin/qemu-img.true; printf '%s\n' '#!/bin/sh' '[ \$1 != create ] || exit 1' 'exec qemu-img.true \"\$@\"' >/usr/bin/qemu-img; chmod +x /usr/bin/qemu-img"
	move 43 $to
	assert_failure 1
	run lab_exec node1 sh -c "cd $to; ls -A . own"
	assert_output $'.:\nown\n\nown:\nfile'
	lab_exec node1 rm -rf $to
	move 43 $to
	assert_failure 1
	never lab_exec node1 test -e $to
	lab_exec node1 mv /usr/bin/qemu-img.true /usr/bin/qemu-img
	# Two names of one directory.
	lab_exec node1 sh -c "mkdir -p $to; mount --bind $LOCAL/43 $to"
	move 43 $to
	assert_failure 1
	assert_regex "$(error_message)" "$LOCAL/43 and $to are one directory \\[refused\\]"
	[ "$(state_at node1 43)" = running ]
	run lab_exec node1 ls -A $LOCAL/43
	assert_output disk.0
	lab_exec node1 umount $to
	lab_exec node1 sh -c "rmdir $to; ln -s $LOCAL/43 $to"
	move 43 $to
	assert_failure 1
	assert_regex "$(error_message)" 'are one directory'
	run lab_exec node1 ls -A $LOCAL/43
	assert_output disk.0
	lab_exec node1 rm $to
	move 43 $to
	assert_success
	run lab_exec node1 ls -A $to
	assert_output disk.0
	# Back again: what it left there is nobody's.
	move_back 43 /var/lib/one/local/111 $LOCAL/43
	assert_success
	assert_regex "$stderr" 'disk.0 was left by a move'
	run lab_virsh node1 domblklist one-43
	assert_output --partial $LOCAL/43/disk.0
}

@test "migrate: a disk with snapshots is not moved while it runs" {
	lab_exec node1 mkdir -p $LOCAL/42
	lab_exec node1 qemu-img create -q -f qcow2 $LOCAL/42/disk.0 8M
	start_deaf node1 42 "$(disk_xml $LOCAL/42/disk.0 vda)"
	lab_virsh node1 snapshot-create-as one-42 snap-0
	move 42 /var/lib/one/local/110/42
	assert_failure 1
	assert_regex "$(error_message)" 'disk vda holds snapshots.*\[refused\]'
	move 42 /etc
	assert_failure 1
	assert_regex "$(error_message)" "'/etc' is not the directory of a VM"
}

@test "migrate: a guest that is faster than the link ends by the set rule" {
	start node1 50
	lab_in_guest node1 one-50 'mount -o remount,size=100m /run; (while :; do dd if=/dev/urandom of=/run/dirt bs=1M count=40; done) >/dev/null 2>&1 &'
	settings 'MIGRATE_OPTIONS="--unsafe --bandwidth 8"'  QEMU_PROTOCOL=qemu+tcp
	migrate node1 node2 one-50 --deadline $((16 * PACE))
	assert_failure 1
	assert_regex "$(error_message)" 'did not end in time \[timeout\]'
	lives 50 node1
	settings 'MIGRATE_OPTIONS="--unsafe --bandwidth 8 --timeout 3 --timeout-postcopy"' QEMU_PROTOCOL=qemu+tcp
	migrate node1 node2 one-50 --deadline $((120 * PACE))
	assert_success
	lives 50 node2
	settings 'MIGRATE_OPTIONS="--unsafe --bandwidth 8 --timeout 3 --timeout-suspend"' QEMU_PROTOCOL=qemu+tcp
	migrate node2 node1 one-50 --deadline $((120 * PACE))
	assert_success
	lives 50 node1
	lab_wait_agent node1 one-50
}
