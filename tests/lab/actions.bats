#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy, shutdown, cancel, reboot, reset and poll on a real libvirtd: what they answer must be true
# whatever hangs or dies.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

setup_file() {
	action_setup_file
}

setup() {
	settings SHUTDOWN_TIMEOUT=4 FORCE_DESTROY=no
}

@test "deploy: prints the UUID, and a second time as well" {
	run --separate-stderr deploy_deaf 1
	assert_success
	assert_output "$(uuid 1)"
	run --separate-stderr deploy_deaf 1
	assert_success
	assert_output "$(uuid 1)"
	assert_regex "$stderr" 'domain one-1 runs already'
	run on stat -c %a "$(directory 1)/deployment.0"
	assert_output 600
	run state 1
	assert_output running
}

@test "deploy: links are replaced, but only by what is there" {
	on mkdir -p "$(directory 2)"
	lab_disk node1 0/2/real 1M raw
	on ln -sf real "$(directory 2)/disk.0"
	run --separate-stderr deploy_deaf 2 "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$(directory 2)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	assert_success
	run on grep -c "file=\"$(directory 2)/real\"" "$(directory 2)/deployment.0"
	assert_output 1
	run lab_virsh node1 domblklist one-2
	assert_output --partial "$(directory 2)/real"
}

@test "deploy is killed before libvirt has begun: cancel waits for the domain, and ends it" {
	local qemu=$LAB_SHARED/slow-qemu
	on tee "$qemu" >/dev/null <<-END
		#!/bin/sh
		# Tells late what it can, as a QEMU does that was just upgraded.
		case "\$*" in *"-machine none"*) touch $qemu.asked; until [ -e $qemu.go ]; do sleep 0.1; done; touch $qemu.told ;; esac
		exec /usr/bin/qemu-kvm-one "\$@"
	END
	on chmod 755 "$qemu"
	deaf_xml 41 | sed "s|/usr/bin/qemu-kvm-one|$qemu|" >"$BATS_TEST_TMPDIR/xml"
	deploy_xml 41 <"$BATS_TEST_TMPDIR/xml" &
	lab_until node1 20 test -e "$qemu.asked"
	on pkill -KILL -x deploy
	ended $!
	never state 41
	on "$ACTIONS/cancel" one-41 node1 41 node1 &
	at_work cancel
	on touch "$qemu.go"
	ended $!
	[ "$status" -eq 0 ]
	lab_until node1 20 test -e "$qemu.told"
	on sleep 2
	never state 41
	# It was not refused: the same is made when nobody is killed.
	run --separate-stderr deploy_xml 41 <"$BATS_TEST_TMPDIR/xml"
	assert_success
}

@test "deploy: another VM of that name is left alone" {
	deploy_deaf 3
	run --separate-stderr bash -c "$(declare -f deaf_xml stamp uuid directory); LAB_VIRTTYPE=$LAB_VIRTTYPE LAB_SHARED=$LAB_SHARED; deaf_xml 3 | sed 's/<uuid>0/<uuid>1/' | '$LAB' exec node1 $ACTIONS/deploy $(directory 3)/deployment.1"
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: cannot create domain one-3: another one of that name is running \[exists\]'
	run state 3
	assert_output running
}

@test "deploy: QEMU's reason is reported, and nothing is left" {
	run --separate-stderr deploy_deaf 4 "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/nowhere/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: cannot create domain one-4: .*No such file or directory.*\[not-found\]'
	run state 4
	assert_failure
}

@test "errors: misuse, an invalid kvmrc, missing rights and an invalid emulator each have their class" {
	act cancel
	assert_failure 2
	assert_regex "$(error_message)" '^cancel: .*\[usage\]'
	settings LIBVIRT_URI=nothing:///system
	act cancel one-43
	assert_failure 1
	assert_regex "$(error_message)" '^cancel: .*\[config\]'
	settings SHUTDOWN_TIMEOUT=4
	on chmod 700 /run/libvirt/libvirt-sock
	run --separate-stderr on setpriv --reuid=65534 --regid=65534 --clear-groups "$ACTIONS/cancel" one-43
	assert_failure 1
	assert_regex "$(error_message)" '^cancel: cannot connect to .*\[permission\]'
	on chmod 777 /run/libvirt/libvirt-sock
	printf '#!/bin/sh\ncase "$*" in *"-machine none"*) exec /usr/bin/qemu-kvm-one "$@" ;; esac\n' | on tee "$LAB_SHARED/no-qemu" >/dev/null
	on chmod 755 "$LAB_SHARED/no-qemu"
	deaf_xml 43 | sed "s|/usr/bin/qemu-kvm-one|$LAB_SHARED/no-qemu|" >"$BATS_TEST_TMPDIR/xml"
	run --separate-stderr deploy_xml 43 <"$BATS_TEST_TMPDIR/xml"
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: cannot create domain one-43: .*\[internal\]'
	never state 43
}

@test "deploy: libvirtd is killed in the middle: the answer is true, and the next deploy repairs" {
	local after
	for after in 0.05 0.15 0.3; do
		deaf_xml 5 >"$BATS_TEST_TMPDIR/xml"
		deploy_xml 5 <"$BATS_TEST_TMPDIR/xml" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
		sleep $after
		"$LAB" svc node1 crash
		"$LAB" svc node1 start
		ended $!
		echo "after $after: status $status: $(cat "$BATS_TEST_TMPDIR/err")"
		if [ "$status" -eq 0 ]; then
			[ "$(state 5)" = running ]
		else
			[[ "$status" =~ ^[13]$ ]]
			grep -q '^deploy: .*\[connection\]' "$BATS_TEST_TMPDIR/err"
		fi
		run --separate-stderr deploy_deaf 5
		assert_success
		[ "$(state 5)" = running ]
		act cancel one-5
		assert_success
	done
}

@test "deploy and cancel: a domain that libvirt itself has lost: they end in time and give a hint" {
	# As it is left when libvirtd dies between the start of a domain and of its QEMU.
	deploy_deaf 42
	"$LAB" svc node1 crash
	on pkill -KILL -F /run/libvirt/qemu/one-42.pid
	on sed -i -e "s/^<domstatus .*/<domstatus state='paused' reason='starting up' pid='0'>/" \
		-e "s|^  <blockjobs|  <job type='none' async='start' flags='0x0' asyncStarted='1795257699478'/>\n&|" /run/libvirt/qemu/one-42.xml
	"$LAB" svc node1 start
	[ "$(state 42)" = paused ]
	deaf_xml 42 >"$BATS_TEST_TMPDIR/xml"
	run --separate-stderr deploy_xml 42 --deadline $((5 * PACE)) <"$BATS_TEST_TMPDIR/xml"
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: domain one-42 is still starting \[timeout\] \(hint: .*one-42.xml'
	act cancel --deadline $((5 * PACE)) one-42
	assert_failure 3
	assert_regex "$(error_message)" '^cancel: .*one-42.* \[timeout\] \(hint: .*one-42.xml'
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	never state 42
}

@test "shutdown: a guest that obeys is gone in less than two seconds" {
	start node1 10
	settings SHUTDOWN_TIMEOUT=$((4 * PACE))
	act shutdown "$(uuid 10)" node1 10 node1
	assert_success
	assert_output ''
	run state 10
	assert_failure
	act shutdown "$(uuid 10)" node1 10 node1
	assert_success
}

@test "shutdown: a guest that ignores the request stays, or is ended with FORCE_DESTROY" {
	deploy_deaf 11
	act shutdown one-11
	assert_failure 1
	assert_regex "$(error_message)" '^shutdown: cannot shut down domain one-11: its guest did not power off in time \[timeout\] \(hint: .*FORCE_DESTROY'
	[ "$(state 11)" = running ]
	settings SHUTDOWN_TIMEOUT=2 FORCE_DESTROY=yes
	act shutdown one-11
	assert_success
	run state 11
	assert_failure
}

@test "shutdown: a short --deadline is no reason to destroy" {
	deploy_deaf 12
	settings SHUTDOWN_TIMEOUT=60 FORCE_DESTROY=yes
	act shutdown --deadline 4 one-12
	assert_failure 1
	[ "$(state 12)" = running ]
}

@test "shutdown: a paused VM is refused, or destroyed with FORCE_DESTROY" {
	deploy_deaf 13
	lab_virsh node1 suspend one-13
	act shutdown one-13
	assert_failure 1
	assert_regex "$(error_message)" '^shutdown: cannot shut down domain one-13: it is paused \[refused\] \(hint: resume it first'
	[ "$(state 13)" = paused ]
	settings SHUTDOWN_TIMEOUT=60 FORCE_DESTROY=yes
	act shutdown one-13
	assert_success
	run state 13
	assert_failure
}

@test "shutdown: a QEMU that hangs is destroyed in the end" {
	deploy_deaf 14
	on kill -STOP "$(qemu_pid 14)"
	settings SHUTDOWN_TIMEOUT=2 FORCE_DESTROY=yes
	act shutdown one-14
	assert_success
	run state 14
	assert_failure
}

@test "shutdown: libvirtd comes back in the middle, and the work continues" {
	deploy_deaf 15
	settings SHUTDOWN_TIMEOUT=$((6 * PACE)) FORCE_DESTROY=yes
	on "$ACTIONS/shutdown" one-15 2>"$BATS_TEST_TMPDIR/err" &
	at_work shutdown
	"$LAB" svc node1 crash
	sleep 0.5
	[ -n "$(qemu_pid 15)" ]
	"$LAB" svc node1 start
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 0 ]
	run state 15
	assert_failure
}

@test "shutdown: libvirtd stays away: the outcome is unknown, and a later call repairs" {
	deploy_deaf 16
	settings SHUTDOWN_TIMEOUT=$((6 * PACE)) FORCE_DESTROY=yes
	on "$ACTIONS/shutdown" --deadline $((5 * PACE)) one-16 2>"$BATS_TEST_TMPDIR/err" &
	at_work shutdown
	"$LAB" svc node1 crash
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 3 ]
	grep -q 'the outcome is unknown' "$BATS_TEST_TMPDIR/err"
	"$LAB" svc node1 start
	[ "$(state 16)" = running ]
	settings SHUTDOWN_TIMEOUT=2 FORCE_DESTROY=yes
	act shutdown one-16
	assert_success
}

@test "shutdown: SIGTERM ends it at once, and reports an unknown outcome" {
	deploy_deaf 17
	settings SHUTDOWN_TIMEOUT=60
	on "$ACTIONS/shutdown" one-17 2>"$BATS_TEST_TMPDIR/err" &
	at_work shutdown
	on pkill -TERM -x shutdown
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 3 ]
	grep -q '^shutdown: shutting down domain one-17 was stopped by a signal \[cancelled\]' "$BATS_TEST_TMPDIR/err"
	[ "$(state 17)" = running ]
}

@test "shutdown: a VM that is saved meanwhile was not shut down" {
	deploy_deaf 18
	settings SHUTDOWN_TIMEOUT=60
	on "$ACTIONS/shutdown" one-18 2>"$BATS_TEST_TMPDIR/err" &
	at_work shutdown
	lab_virsh node1 save one-18 /var/lib/one/local/saved
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 1 ]
	grep -q '^shutdown: domain one-18 was saved meanwhile: it was not stopped \[refused\]' "$BATS_TEST_TMPDIR/err"
	lab_virsh node1 restore /var/lib/one/local/saved
	[ "$(state 18)" = running ]
}

@test "shutdown: a suspended guest is woken first" {
	lab_guest_xml one-26 | sed 's|<devices>|<pm><suspend-to-mem enabled="yes"/></pm>&|' | start_xml node1 26
	lab_virsh node1 dompmsuspend one-26 mem
	lab_until node1 10 bash -c 'virsh -q -c qemu:///system domstate one-26 | grep pmsuspended'
	settings SHUTDOWN_TIMEOUT=$((30 * PACE))
	act shutdown one-26
	assert_success
	run state 26
	assert_failure
	run on grep -a -c LAB-POWERBUTTON "$(lab_console one-26)"
	assert_output 1
}

@test "shutdown: an agent that hangs delays nothing" {
	start node1 27 '' lab.ignore-power
	lab_agent node1 one-27 guest-exec '{"path": "/bin/sh", "arg": ["-c", "sleep 1; kill -STOP $(pidof qemu-ga)"]}'
	lab_until node1 20 bash -c '! timeout 3 virsh -q -c qemu:///system qemu-agent-command one-27 "{\"execute\":\"guest-ping\"}"'
	settings SHUTDOWN_TIMEOUT=$((6 * PACE)) FORCE_DESTROY=yes
	act shutdown --deadline $((20 * PACE)) one-27
	assert_success
	assert_regex "$stderr" 'did not shut down in time: destroying it'
	run state 27
	assert_failure
}

@test "cancel: ends a VM, also a persistent one; succeeds for one that is gone" {
	deploy_deaf 20
	act cancel "$(uuid 20)" node1 20 node1
	assert_success
	assert_output ''
	act cancel "$(uuid 20)" node1 20 node1
	assert_success
	deaf_xml 21 | on virsh -q define /dev/stdin
	lab_virsh node1 start one-21
	act cancel one-21
	assert_success
	run state 21
	assert_output 'shut off'
	act cancel one-21
	assert_success
}

@test "a UUID that is gone never means another VM of its name: no action ends or saves that one" {
	local gone=00000000-aaaa-4000-8000-000000000022 file a id
	file=$(directory 22)/checkpoint
	deploy_deaf 22
	id=$(lab_virsh node1 domid one-22)
	for a in cancel shutdown "save $gone $file" "snapshot_create $gone 1" \
		"snapshot_revert $gone snap-1" "snapshot_delete $gone snap-1"; do
		# shellcheck disable=SC2086
		case $a in
		save*) act $a node1 22 node1 ;;
		snapshot*) act $a 22 node1 ;;
		*) act "$a" "$gone" node1 22 node1 ;;
		esac
		assert_failure 1
		assert_regex "$(error_message)" "domain $gone is gone, but another one of its name, one-22 with UUID $(uuid 22), is running \\[exists\\] \\(hint: compare"
		[ "$(state 22) $(lab_virsh node1 domid one-22)" = "running $id" ]
	done
	# Nor is the checkpoint restored that lies there: it is of another domain.
	act save "$(uuid 22)" "$file" node1 22 node1
	assert_success
	deploy_deaf 22
	act restore "$file" node1 "$gone" 22 node1
	assert_failure 1
	assert_regex "$(error_message)" 'another one of its name.*\[exists\]'
	on test -s "$file"
	[ "$(state 22)" = running ]
	# The UUID in another spelling is the same one; a domain of the name that is off is not a running one.
	act cancel 00000000aaaa40008000000000000022 node1 22 node1
	assert_failure 1
	act cancel "$(uuid 22 | tr -d -)" node1 22 node1
	assert_success
	run state 22
	assert_failure
	deaf_xml 22 | on virsh -q define /dev/stdin
	act cancel "$gone" node1 22 node1
	assert_success
	lab_virsh node1 undefine one-22
	on rm -f "$file"
}

@test "cancel: finds a VM of an older OpenNebula by its id, never by libvirt's" {
	deploy_deaf 22
	act cancel an-older-name node1 22 node1
	assert_success
	run state 22
	assert_failure
	deploy_deaf 22
	run lab_virsh node1 domid one-22
	act cancel "$output"
	assert_success
	[ "$(state 22)" = running ]
}

@test "cancel: a QEMU that hangs" {
	deploy_deaf 23
	on kill -STOP "$(qemu_pid 23)"
	act cancel one-23
	assert_success
	run state 23
	assert_failure
}

@test "cancel: libvirtd is killed in the middle: unknown, and a later one repairs" {
	local pid
	deploy_deaf 24
	pid=$(qemu_pid 24)
	on kill -STOP "$pid"
	on "$ACTIONS/cancel" --deadline $((5 * PACE)) one-24 2>"$BATS_TEST_TMPDIR/err" &
	at_work cancel
	"$LAB" svc node1 crash
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 3 ]
	on kill -CONT "$pid" || true
	"$LAB" svc node1 start
	act cancel one-24
	assert_success
	run state 24
	assert_failure
}

@test "cancel: libvirtd comes back in the middle" {
	deploy_deaf 25
	on kill -STOP "$(qemu_pid 25)"
	on "$ACTIONS/cancel" one-25 2>"$BATS_TEST_TMPDIR/err" &
	at_work cancel
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 0 ]
	run state 25
	assert_failure
}

@test "reboot and reset: a guest starts again" {
	start node1 30
	act reset one-30
	assert_success
	lab_wait_console node1 one-30 LAB-READY 40 2
	act reboot one-30
	assert_success
	lab_wait_console node1 one-30 LAB-READY 40 3
}

@test "reboot and reset: a paused VM is refused" {
	deploy_deaf 31
	lab_virsh node1 suspend one-31
	act reboot one-31
	assert_failure 1
	assert_regex "$(error_message)" '^reboot: cannot reboot domain one-31: it is paused \[refused\]'
	act reset one-31
	assert_failure 1
	assert_regex "$(error_message)" '^reset: cannot reset domain one-31: it is paused \[refused\]'
	[ "$(state 31)" = paused ]
}

@test "reset: a QEMU that hangs: the outcome is unknown" {
	deploy_deaf 32
	on kill -STOP "$(qemu_pid 32)"
	act reset --deadline $((4 * PACE)) one-32
	assert_failure 3
}

@test "poll: a VM that hangs does not keep the others from being reported" {
	local n
	for n in 40 41 42 43; do
		deploy_deaf $n "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(disk $n)'/><target dev='vda' bus='virtio'/></disk>"
	done
	on kill -STOP "$(qemu_pid 41)"
	act poll -t
	assert_success
	for n in 40 42 43; do
		assert_regex "$output" "ID=$n,"$'\n'"  DEPLOY_ID=one-$n,"$'\n''  POLL="STATE=a CPU=[0-9.]+ MEMORY=[1-9][0-9]+ NETRX=0'
	done
	assert_regex "$output" $'DEPLOY_ID=one-41,\n  POLL="STATE=a CPU=[0-9.]+ MEMORY=[1-9][0-9]+" \]'
	assert_regex "$stderr" 'domain one-41: its QEMU does not answer'
	act poll one-41
	assert_success
	assert_regex "$output" '^STATE=a CPU='
	act poll one-40
	assert_regex "$output" '^STATE=a CPU=[0-9.]+ MEMORY=[0-9]+ NETRX=0 NETTX=0 DISKRDBYTES=[0-9]+ '
	act poll one-99
	assert_success
	assert_output 'STATE=-'
}

# Makes a disk, prints its path.
disk() {
	on mkdir -p "$(directory "$1")"
	lab_disk node1 "0/$1/disk.0" 1M
	echo "$(directory "$1")/disk.0"
}

@test "poll: many that hang do not stop it, nor make another seem to hang" {
	local n
	for n in 50 51 52 53 54 55; do
		deploy_deaf $n "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(disk $n)'/><target dev='vda' bus='virtio'/></disk>"
		[ $n = 55 ] || on kill -STOP "$(qemu_pid $n)"
	done
	# The thread of a call that hangs misses what others of its connection have for it.
	run --separate-stderr on env LD_PRELOAD="$(preload_for "$BUILD/remotes/vmm/kvm/poll" slow_loop)" "$ACTIONS/poll" -t
	echo "$stderr"
	assert_success
	[ "$(grep -c 'its QEMU does not answer' <<<"$stderr")" -eq 5 ]
	assert_regex "$output" $'DEPLOY_ID=one-55,\n  POLL="STATE=a CPU=[0-9.]+ MEMORY=[0-9]+ NETRX=0'
}

@test "every action: a libvirtd that hangs is given up at the deadline" {
	local action
	deploy_deaf 60
	on pkill -STOP libvirtd
	for action in shutdown cancel reboot reset poll; do
		act $action --deadline 2 one-60
		assert_failure 1
		assert_regex "$(error_message)" "^$action: .*connect.*\\[(connection|timeout)\\]"
	done
	run --separate-stderr bash -c "$(declare -f deaf_xml stamp uuid directory); LAB_VIRTTYPE=$LAB_VIRTTYPE LAB_SHARED=$LAB_SHARED; deaf_xml 61 | '$LAB' exec node1 $ACTIONS/deploy -d 2 $(directory 61)/deployment.0"
	assert_failure 1
	on pkill -CONT libvirtd
	[ "$(state 60)" = running ]
}

@test "every action: without libvirtd no VM is reported as gone" {
	local action
	deploy_deaf 62
	"$LAB" svc node1 stop
	for action in shutdown cancel reboot reset poll; do
		act $action one-62
		assert_failure 1
		assert_regex "$(error_message)" "^$action: cannot connect to qemu:///system: .*\\[connection\\] \\(hint: check that libvirtd runs"
	done
	"$LAB" svc node1 start
	[ "$(state 62)" = running ]
}
