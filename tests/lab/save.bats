#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# save and restore on a real libvirtd with a real guest: its memory is nowhere lost, whatever dies.
bats_require_minimum_version 1.5.0
load lab
load action

SLOW=/var/lib/one/slow

setup_file() {
	action_setup_file
	# A disk that takes some seconds for a guest's memory.
	lab_exec node1 mkdir -p $SLOW /var/lib/one/local/slow
	# In that time others act: on a busy machine they need longer.
	lab_exec node1 bindfs --write-rate=$((40000 / PACE))k --read-rate=$((40000 / PACE))k /var/lib/one/local/slow $SLOW
}

setup() {
	settings VIRSH_RETRIES=2
}

file() {	# NUMBER
	echo "$(directory "$1")/checkpoint"
}

# guest NUMBER [DEVICES]: starts a guest with a marker in its memory.
guest() {
	start node1 "$@"
	lab_in_guest node1 "one-$1" "echo mark-$1 >/run/mark"
}

# The guest answers, and has its memory.
is_whole() {	# NUMBER
	[ "$(state "$1")" = running ] && lab_wait_agent node1 "one-$1" &&
		[ "$(lab_in_guest node1 "one-$1" 'cat /run/mark')" = "mark-$1" ]
}

# A save that takes some seconds, in the background; it is under way when this returns.
slow_save() {	# NUMBER [OPTION...]
	on rm -rf "$SLOW/$1"
	on "$ACTIONS/save" "${@:2}" "one-$1" "$SLOW/$1/checkpoint" node1 "$1" node1 2>"$BATS_TEST_TMPDIR/err" &
	slow_pid=$!
	lab_until node1 10 test -s "$SLOW/$1/checkpoint.part"
}

end_slow_save() {
	ended "$slow_pid"
	cat "$BATS_TEST_TMPDIR/err"
}

@test "save and restore: memory and passwords survive; each is idempotent" {
	guest 1 "<graphics type='vnc' port='-1' passwd='pass-1'/>"
	settings SYNC_TIME=yes
	lab_in_guest node1 one-1 'date -s 2001-02-03'
	act save "$(uuid 1)" "$(file 1)" node1 1 node1
	assert_success
	assert_output ''
	run state 1
	assert_failure
	run on sh -c "stat -c %a $(file 1); ls $(directory 1)"
	assert_output $'600\ncheckpoint'
	act save "$(uuid 1)" "$(file 1)" node1 1 node1
	assert_success
	assert_regex "$stderr" 'is in .*/checkpoint already'
	act restore "$(file 1)" node1 "$(uuid 1)" 1 node1
	assert_success
	assert_output ''
	is_whole 1
	# Its clock is set when restore has answered.
	lab_in_guest node1 one-1 'for i in 1 2 3 4 5 6 7 8; do [ "$(date +%Y)" -lt 2020 ] || exit 0; sleep 1; done; exit 1'
	run on ls "$(directory 1)"
	assert_output ''
	run lab_virsh node1 dumpxml --security-info one-1
	assert_output --partial "passwd='pass-1'"
	act restore "$(file 1)" node1 "$(uuid 1)" 1 node1
	assert_success
	assert_regex "$stderr" 'domain one-1 runs already'
	# Its disk is full.
	on mkdir -p /var/lib/one/local/full
	on mount -t tmpfs -o size=20m tmpfs /var/lib/one/local/full
	act save one-1 /var/lib/one/local/full/1/checkpoint node1 1 node1
	assert_failure 1
	assert_regex "$(error_message)" '^save: cannot save domain one-1 to .*\[no-space\]'
	is_whole 1
	run on ls /var/lib/one/local/full/1
	assert_output ''
	# Something else is in the file's place, which would stop libvirtd.
	on mkfifo /var/lib/one/local/full/fifo
	act save one-1 /var/lib/one/local/full/fifo node1 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'no regular file .*\[input\]'
	is_whole 1
	on umount /var/lib/one/local/full
}

# forge NUMBER SED-SCRIPT: changes the domain's XML in the checkpoint, as its owner could with an editor.
forge() {
	on virsh -q save-image-dumpxml --security-info "$(file "$1")" | sed "$2" >"$BATS_TEST_TMPDIR/forged.xml"
	on sh -c 'cat >/run/forged.xml' <"$BATS_TEST_TMPDIR/forged.xml"
	on virsh -q save-image-define "$(file "$1")" /run/forged.xml
	on rm -f /run/evil-ran
}

@test "restore: a checkpoint that others could write, or that names more of the host than its VM has, is not given to libvirt" {
	local evil="#!/bin/sh\ntouch /run/evil-ran\nexec /usr/bin/qemu-kvm-one \"\$@\"\n"
	guest 41
	act save one-41 "$(file 41)" node1 41 node1
	assert_success
	refused() {	# REASON
		act restore "$(file 41)" node1 one-41 41 node1
		assert_failure 1
		assert_regex "$(error_message)" "$1"
		never on test -e /run/evil-ran
		on test -s "$(file 41)"
		never state 41
	}
	on cp -p "$(file 41)" "$(directory 41)/own"
	put_back() {
		on cp -p "$(directory 41)/own" "$(file 41)"
	}
	# Of another user, and a name that an interrupted restore left.
	on chown 12345 "$(file 41)"
	refused "^restore: cannot use checkpoint $(file 41): others than root .* \\(owner 12345, mode 600\\) \\[refused\\]"
	put_back
	on chmod 620 "$(file 41)"
	refused 'mode 620'
	put_back
	on cp -p "$(file 41)" "$(file 41).restoring"
	on chown 12345 "$(file 41).restoring"
	refused 'checkpoint\.restoring: others than root'
	on rm "$(file 41).restoring"
	# A program that libvirt would run, in the VM's directory and elsewhere; not even its name helps.
	printf "$evil" | on sh -c "cat >$(directory 41)/qemu-evil; chmod 755 $(directory 41)/qemu-evil; cp $(directory 41)/qemu-evil /run/program"
	forge 41 "s|<emulator>.*<|<emulator>$(directory 41)/qemu-evil<|"
	refused "its domain has 'domain/devices/emulator=$(directory 41)/qemu-evil', .* domain\\.script_paths in vmm_exec\\.cfg allows"
	put_back
	forge 41 's|<emulator>.*<|<emulator>/run/program<|'
	refused "domain/devices/emulator=/run/program"
	put_back
	on sh -c 'echo secret >/run/secret; chmod 600 /run/secret'
	forge 41 's|<initrd>.*<|<initrd>/run/secret<|'
	refused "domain/os/initrd=/run/secret.*kernel_paths"
	put_back
	local commandline="<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-name'/><qemu:arg value='forged'/></qemu:commandline>"
	forge 41 "s|</devices>|&$commandline|"
	refused 'commandline.*domain\.qemu_commandline'
	# What the VM's own deployment file has is its own; one of another user proves nothing.
	on sh -c "cat >$(directory 41)/deployment.3" <"$BATS_TEST_TMPDIR/forged.xml"
	on chown 12345 "$(directory 41)/deployment.3"
	refused 'commandline'
	settings CHECKPOINT_CHECK=warn
	act restore --dry-run "$(file 41)" node1 one-41 41 node1
	assert_success
	assert_regex "$stderr" 'WARN: restore: cannot use checkpoint .*qemu_commandline'
	settings VIRSH_RETRIES=2
	on chown 0 "$(directory 41)/deployment.3"
	act restore "$(file 41)" node1 one-41 41 node1
	assert_success
	is_whole 41
	act cancel one-41
}

@test "save: stopped while it waits for a job of another client, it leaves that job alone" {
	local dump
	guest 16
	on rm -rf $SLOW/16
	on mkdir -p $SLOW/16
	lab_virsh node1 dump --live one-16 $SLOW/16/dump >"$BATS_TEST_TMPDIR/dumped" 2>&1 &
	dump=$!
	lab_until node1 10 test -s $SLOW/16/dump
	on "$ACTIONS/save" one-16 $SLOW/16/checkpoint node1 16 node1 2>"$BATS_TEST_TMPDIR/err" &
	slow_pid=$!
	lab_until node1 10 test -e $SLOW/16/checkpoint.part
	lab_until node1 5 sh -c "virsh -q -c qemu:///system domjobinfo one-16 | grep -q Dump"
	on pkill -TERM -x save
	end_slow_save
	[ "$status" -ne 0 ]
	ended "$dump"
	cat "$BATS_TEST_TMPDIR/dumped"
	[ "$status" -eq 0 ]
	is_whole 16
}

@test "save: libvirt makes it after a job of another client, when the connection is lost: the answer is what it came to" {
	local dump
	guest 18
	on rm -rf $SLOW/18
	on mkdir -p $SLOW/18
	lab_virsh node1 dump --live one-18 $SLOW/18/dump >"$BATS_TEST_TMPDIR/dumped" 2>&1 &
	dump=$!
	lab_until node1 10 test -s $SLOW/18/dump
	on kill -STOP "$(qemu_pid 18)"
	on "$ACTIONS/save" --connect qemu+ssh://node1/system one-18 $SLOW/18/checkpoint node1 18 node1 2>"$BATS_TEST_TMPDIR/err" &
	slow_pid=$!
	lab_until node1 10 test -e $SLOW/18/checkpoint.part
	sleep 2
	on pkill -KILL -f '^ssh .* node1 '
	sleep 1
	on kill -CONT "$(qemu_pid 18)"
	ended "$dump"
	end_slow_save
	case $status in
	0) never state 18 && on test -s $SLOW/18/checkpoint ;;
	1) is_whole 18 ;;
	*) false ;;
	esac
	sleep 2
	[ "$status" -eq 0 ] || is_whole 18
}

@test "save: SIGTERM and the deadline abort it, and the guest continues" {
	guest 2
	slow_save 2
	on pkill -TERM -x save
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^save: saving domain one-2 was stopped by a signal \[cancelled\]' "$BATS_TEST_TMPDIR/err"
	is_whole 2
	slow_save 2 --deadline $((2 * PACE))
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^save: saving domain one-2 did not end in time \[timeout\]' "$BATS_TEST_TMPDIR/err"
	is_whole 2
	run on ls $SLOW/2
	assert_output ''
	# Two at once: the second waits and finds it done.
	slow_save 2
	act save one-2 $SLOW/2/checkpoint node1 2 node1
	assert_success
	assert_regex "$stderr" 'already'
	end_slow_save
	[ "$status" -eq 0 ]
	act restore $SLOW/2/checkpoint node1 "$(uuid 2)" 2 node1
	assert_success
	is_whole 2
}

@test "save: libvirtd is killed in the middle: the guest continues, and the next save works" {
	guest 3
	slow_save 3
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^save: .*\[connection\]' "$BATS_TEST_TMPDIR/err"
	is_whole 3
	run on ls $SLOW/3
	assert_output ''
	act save one-3 "$(file 3)" node1 3 node1
	assert_success
	# And in the middle of the restore.
	on "$ACTIONS/restore" "$(file 3)" node1 "$(uuid 3)" 3 node1 2>"$BATS_TEST_TMPDIR/err" &
	sleep 0.3
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	# Where the restart takes long it is unknown; in any case the memory is there.
	if [ "$status" -ne 0 ]; then
		[ "$status" -eq 3 ] || { [ "$status" -eq 1 ] && on test -f "$(file 3)"; }
		act restore "$(file 3)" node1 "$(uuid 3)" 3 node1
		assert_success
	fi
	is_whole 3
	never on test -e "$(file 3)"
}

@test "save: we are killed in the middle: libvirt finishes it, and the next call finds it" {
	guest 4
	slow_save 4
	on pkill -KILL -x save
	end_slow_save
	[ "$status" -ne 0 ]
	lab_wait_gone node1 one-4
	act save one-4 $SLOW/4/checkpoint node1 4 node1
	assert_success
	act restore $SLOW/4/checkpoint node1 "$(uuid 4)" 4 node1
	assert_success
	is_whole 4
	# The restore as well, after the guest ran and before its file was removed.
	act save one-4 "$(file 4)" node1 4 node1
	on cp "$(file 4)" "$(file 4).copy"
	act restore "$(file 4)" node1 "$(uuid 4)" 4 node1
	on mv "$(file 4).copy" "$(file 4)"
	act restore "$(file 4)" node1 "$(uuid 4)" 4 node1
	assert_success
	never on test -e "$(file 4)"
	is_whole 4
}

@test "save: QEMU is killed in the middle: failed, and nothing says that there is a checkpoint" {
	guest 5
	slow_save 5
	on kill -KILL "$(qemu_pid 5)"
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^save: cannot save domain one-5' "$BATS_TEST_TMPDIR/err"
	act restore $SLOW/5/checkpoint node1 "$(uuid 5)" 5 node1
	assert_failure 1
	run state 5
	assert_failure
}

# A restore that takes some seconds, in the background; its QEMU is there when this returns.
slow_restore() {	# NUMBER
	on "$ACTIONS/restore" "$SLOW/$1/checkpoint" node1 "$(uuid "$1")" "$1" node1 2>"$BATS_TEST_TMPDIR/err" &
	slow_pid=$!
	lab_until node1 10 test -s "/run/libvirt/qemu/one-$1.pid"
}

@test "restore: QEMU, libvirtd or we are killed in the middle: the memory is still there, or the guest continues" {
	guest 13
	slow_save 13
	end_slow_save
	[ "$status" -eq 0 ]
	# QEMU.
	slow_restore 13
	on kill -KILL "$(qemu_pid 13)"
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^restore: cannot restore domain one-13' "$BATS_TEST_TMPDIR/err"
	on test -s $SLOW/13/checkpoint
	# libvirtd.
	slow_restore 13
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	end_slow_save
	[ "$status" -eq 1 ]
	grep -q '^restore: cannot restore domain one-13 .*\[connection\]' "$BATS_TEST_TMPDIR/err"
	on test -s $SLOW/13/checkpoint
	run state 13
	assert_failure
	# A signal: libvirt cannot abort it, so its end is waited for, and told.
	slow_restore 13
	on pkill -TERM -x restore
	end_slow_save
	[ "$status" -eq 0 ]
	is_whole 13
	slow_save 13
	end_slow_save
	# We are killed: libvirt continues, and the next call finds the work done.
	slow_restore 13
	on pkill -KILL -x restore
	end_slow_save
	[ "$status" -ne 0 ]
	lab_until node1 20 bash -c 'virsh -q -c qemu:///system domstate one-13 | grep running'
	act restore $SLOW/13/checkpoint node1 "$(uuid 13)" 13 node1
	assert_success
	assert_regex "$stderr" 'runs already'
	never on test -e $SLOW/13/checkpoint
	is_whole 13
}

@test "restore: a checkpoint that a guest ran from is not used again, whoever died when, and whatever its name" {
	local disk="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/once.img'/><target dev='vda' bus='virtio'/></disk>"
	lab_disk node1 once.img 8M
	guest 14 "$disk"
	# Another name for it, put back when the guest has written.
	act save one-14 "$(file 14)" node1 14 node1
	assert_success
	on ln "$(file 14)" "$(file 14).keep"
	act restore "$(file 14)" node1 "$(uuid 14)" 14 node1
	assert_success
	is_whole 14
	lab_in_guest node1 one-14 'echo newer >/dev/vda; sync'
	lab_virsh node1 destroy one-14
	on mv "$(file 14).keep" "$(file 14)"
	act restore "$(file 14)" node1 "$(uuid 14)" 14 node1
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot restore domain one-14 .*: a guest ran from it already \[refused\] \(hint: '
	on test -s "$(file 14)"
	on rm -f "$(directory 14)/.checkpoint.spent"
	act restore "$(file 14)" node1 "$(uuid 14)" 14 node1
	assert_failure 1
	assert_regex "$(error_message)" ": disk vda \\($LAB_SHARED/once.img\\) was written after it \\[refused\\]"
	run state 14
	assert_failure
	on rm "$(file 14)"
	# Killed in the middle: libvirt continues, the guest writes, and ends.
	guest 14 "$disk"
	slow_save 14
	end_slow_save
	slow_restore 14
	on pkill -KILL -x restore
	end_slow_save
	lab_until node1 20 bash -c 'virsh -q -c qemu:///system domstate one-14 | grep running'
	is_whole 14
	lab_in_guest node1 one-14 'echo newer still >/dev/vda; sync'
	on kill -KILL "$(qemu_pid 14)"
	lab_wait_gone node1 one-14
	for _ in 1 2; do
		act restore $SLOW/14/checkpoint node1 "$(uuid 14)" 14 node1
		assert_failure 1
		assert_regex "$(error_message)" "a guest ran from it already \\[refused\\] \\(hint: disk vda .* was written since|unknown whether its guest has run since \\[refused\\]"
	done
	# A new one is another one, and the old one is over.
	guest 14 "$disk"
	act save one-14 $SLOW/14/checkpoint node1 14 node1
	assert_success
	act restore $SLOW/14/checkpoint node1 "$(uuid 14)" 14 node1
	assert_success
	is_whole 14
	run on ls $SLOW/14
	assert_output ''
}

@test "restore: killed while libvirtd still restores: the next one ends nothing, and finds the guest that came of it" {
	local guest='guest=[o]ne-17,' job
	deploy_deaf 17
	act save "$(uuid 17)" "$(directory 17)/checkpoint" node1 17 node1
	assert_success
	on sh -c "until pkill -STOP -f '$guest'; do :; done" 3>&- &
	on "$ACTIONS/restore" "$(directory 17)/checkpoint" node1 "$(uuid 17)" 17 node1 </dev/null >/dev/null 2>&1 3>&- &
	job=$!
	lab_until node1 20 pgrep -f "$guest"
	sleep 1
	on pkill -KILL -f "$ACTIONS/restore "
	wait "$job" || true
	act restore "$(directory 17)/checkpoint" node1 "$(uuid 17)" 17 node1
	assert_failure
	assert_regex "$(error_message)" 'libvirt (still starts|is still working on) domain '
	on pgrep -f "$guest"
	on pkill -CONT -f "$guest"
	act restore "$(directory 17)/checkpoint" node1 "$(uuid 17)" 17 node1
	assert_success
	run state 17
	assert_output running
}

@test "restore: killed with libvirtd before its guest ran: it is restored again" {
	local disk="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/never.img'/><target dev='vda' bus='virtio'/></disk>"
	lab_disk node1 never.img 8M
	guest 15 "$disk"
	lab_in_guest node1 one-15 'echo written >/dev/vda; sync'
	slow_save 15
	end_slow_save
	# The two file systems may have clocks of their own: times that are close would tell nothing.
	on touch -d '1 minute ago' "$LAB_SHARED/never.img"
	slow_restore 15
	on pkill -KILL -x restore
	"$LAB" svc node1 crash
	"$LAB" svc node1 start
	end_slow_save
	on test -s $SLOW/15/checkpoint.restoring
	act restore $SLOW/15/checkpoint node1 "$(uuid 15)" 15 node1
	assert_success
	is_whole 15
	run on ls $SLOW/15
	assert_output ''
}

@test "restore: a running VM with a checkpoint of another time is not touched" {
	deploy_deaf 6
	act save one-6 "$(file 6)" node1 6 node1
	assert_success
	deploy_deaf 6
	act restore "$(file 6)" node1 "$(uuid 6)" 6 node1
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot restore domain one-6 from .*: it is running \[exists\]'
	on test -f "$(file 6)"
	act cancel one-6
	act restore "$(file 6)" node1 "$(uuid 6)" 6 node1
	assert_success
	# An older checkpoint is kept beside.
	on sh -c "echo old >$(file 6)"
	act save one-6 "$(file 6)" node1 6 node1
	assert_success
	assert_regex "$stderr" 'an older checkpoint is now .*/checkpoint\.[0-9]+'
}

@test "restore: errors that may pass are retried, VIRSH_RETRIES times in all" {
	local disk="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/both.img'/><target dev='vda' bus='virtio'/></disk>"
	lab_disk node1 both.img 1M
	deploy_deaf 11 "$disk"
	act save one-11 "$(file 11)" node1 11 node1
	assert_success
	deploy_deaf 12 "$disk"
	act restore "$(file 11)" node1 "$(uuid 11)" 11 node1
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot restore domain one-11 .*\[busy\]'
	[ "$(grep -c '^WARN: restore: cannot restore' <<<"$stderr")" -eq 2 ]
	on test -f "$(file 11)"
	act cancel one-12
	act restore "$(file 11)" node1 "$(uuid 11)" 11 node1
	assert_success
}

@test "restore: the VM moved to another datastore" {
	lab_disk node1 local.img 1M
	on mkdir -p "$LAB_SHARED/0/7" "$LAB_SHARED/1"
	on mv "$LAB_SHARED/local.img" "$LAB_SHARED/0/7/disk.0"
	deploy_deaf 7 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$LAB_SHARED/0/7/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	act save one-7 "$(file 7)" node1 7 node1
	assert_success
	on mv "$LAB_SHARED/0/7" "$LAB_SHARED/1/7"
	act restore "$LAB_SHARED/1/7/checkpoint" node1 "$(uuid 7)" 7 node1
	assert_success
	run lab_virsh node1 domblklist one-7
	assert_output --partial "$LAB_SHARED/1/7/disk.0"
	run lab_virsh node1 metadata one-7 http://opennebula.org/xmlns/libvirt/1.0
	assert_output --partial "[$LAB_SHARED/1/7]"
}

@test "restore: a checkpoint of another VM starts no domain, whose disks it would open as well" {
	local n
	for n in 61 62; do
		deploy_deaf $n
		act save one-$n "$(directory $n)/checkpoint" node1 $n node1
		assert_success
	done
	on cp "$(directory 62)/checkpoint" "$(directory 61)/checkpoint"
	act restore "$(directory 61)/checkpoint" node1 one-61 61 node1
	assert_failure 1
	[ "$(error_message)" = "restore: cannot restore domain one-61: $(directory 61)/checkpoint is the checkpoint of domain one-62 [refused] (hint: find its own checkpoint; the file was kept)" ]
	never state 61
	never state 62
	on test -s "$(directory 61)/checkpoint"
	act restore "$(directory 62)/checkpoint" node1 "$(uuid 62)" 62 node1
	assert_success
	[ "$(state 62)" = running ]
}

# A disk that is no file has no time at which it was written to.
@test "restore: a checkpoint beside which the VM was started from its disks is not used, whatever these are" {
	local file disk=$LAB_SHARED/one-64.raw
	file=$(directory 64)/checkpoint
	on truncate -s 8M "$disk"
	on qemu-nbd --fork --persistent --shared=2 --format=raw --bind=127.0.0.1 --port=10064 "$disk"
	disk="<disk type='network'><driver name='qemu' type='raw'/><source protocol='nbd'><host name='127.0.0.1' port='10064'/></source><target dev='vda' bus='virtio'/></disk>"
	deploy_deaf 64 "$disk"
	act save one-64 "$file" node1 64 node1
	assert_success
	deploy_deaf 64 "$disk"
	act cancel one-64 node1 64 node1
	assert_success
	act restore "$file" node1 one-64 64 node1
	assert_failure 1
	[[ $(error_message) == "restore: cannot restore domain one-64 from $file: the VM was started from its disks after it [refused] (hint: an older memory destroys newer file systems: start the VM from its disks; if you know that it wrote nothing, remove $(directory 64)/.checkpoint.spent and restore again)" ]]
	never state 64
	# Its next one is another.
	deploy_deaf 64 "$disk"
	act save one-64 "$file" node1 64 node1
	assert_success
	act restore "$file" node1 one-64 64 node1
	assert_success
	[ "$(state 64)" = running ]
}

@test "restore: a FIFO in place of a checkpoint that was begun is named, and libvirtd does not wait for it" {
	local file
	file=$(directory 63)/checkpoint
	on mkdir -p "$(directory 63)"
	on mkfifo "$file.restoring"
	run --separate-stderr on "$ACTIONS/restore" --deadline $((20 * PACE)) "$file" node1 one-63 63 node1 </dev/null
	assert_failure 1
	[ "$(error_message)" = "restore: checkpoint $file.restoring is no regular file [input]" ]
}

@test "restore: a file that is not a checkpoint is kept, and libvirt's reason is reported" {
	on mkdir -p "$(directory 8)"
	on sh -c "head -c 100000 /dev/zero >$(file 8)"
	act restore "$(file 8)" node1 one-8 8 node1
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot read checkpoint .*: image magic is incorrect'
	on test -f "$(file 8)"
	on rm "$(file 8)"
	act restore "$(file 8)" node1 one-8 8 node1
	assert_failure 1
	assert_regex "$(error_message)" "^restore: there is no checkpoint $(file 8) \\[not-found\\]"
}

@test "save: a guest that suspended itself runs when it is restored; one that is suspended is woken" {
	lab_guest_xml one-9 | sed 's|<devices>|<pm><suspend-to-mem enabled="yes"/></pm>&|' | start_xml node1 9
	lab_in_guest node1 one-9 'echo mark-9 >/run/mark'
	lab_virsh node1 dompmsuspend one-9 mem
	lab_until node1 10 bash -c 'virsh -q -c qemu:///system domstate one-9 | grep pmsuspended'
	act restore "$(file 9)" node1 "$(uuid 9)" 9 node1
	assert_success
	is_whole 9
	lab_virsh node1 dompmsuspend one-9 mem
	lab_until node1 10 bash -c 'virsh -q -c qemu:///system domstate one-9 | grep pmsuspended'
	act save one-9 "$(file 9)" node1 9 node1
	assert_success
	# QEMU alone would save the first moment of its waking, from which it may not come back.
	assert_regex "$stderr" 'INFO: save: waking up domain one-9, which suspended itself'
	act restore "$(file 9)" node1 "$(uuid 9)" 9 node1
	assert_success
	is_whole 9
}

@test "save: if the datastore's own step fails, the guest continues" {
	guest 10
	on sh -c "printf '#!/bin/sh\ncat >/dev/null\necho pool is full >&2\nexit 1\n' >$ACTIONS/save.test; chmod 755 $ACTIONS/save.test"
	run --separate-stderr on sh -c "echo '<VMM_DRIVER_ACTION_DATA><DATASTORE><TM_MAD>test</TM_MAD></DATASTORE></VMM_DRIVER_ACTION_DATA>' | $ACTIONS/save one-10 $(file 10) node1 10 node1"
	assert_failure 1
	assert_regex "$(error_message)" '^save: save\.test failed with status 1: pool is full'
	is_whole 10
	never on test -e "$(file 10)"
}

# of_datastore ACTION OPERAND...: it gets a request of a datastore of kind "test".
of_datastore() {
	local request='<VMM_DRIVER_ACTION_DATA><DATASTORE><TM_MAD>test</TM_MAD></DATASTORE></VMM_DRIVER_ACTION_DATA>'
	run --separate-stderr on env "VMM_REQUEST_AGE=${AGE:-60}" "$ACTIONS/$1" "${@:2}" <<<"$request"
}

# The datastore's own programs: save.test moves the checkpoint away after it has run BODY, restore.test brings it.
own_programs() {	# BODY
	on sh -c "printf '#!/bin/sh\ncat >/dev/null\n%s\nmv \"\$2\" \"\$2.pool\"\n' '$1' >$ACTIONS/save.test"
	on sh -c "printf '#!/bin/sh\ncat >/dev/null\n[ -e \"\$1\" ] || mv \"\$1.pool\" \"\$1\"\n' >$ACTIONS/restore.test; chmod 755 $ACTIONS/*.test"
}

@test "save: a checkpoint that the datastore's own step has moved away, or shall yet, is known to outcome" {
	guest 11
	own_programs ''
	of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_success
	never on test -e "$(file 11)"
	of_datastore outcome save one-11 "$(file 11)" 11 node1
	assert_output 'done'
	on touch -d '10 minutes ago' "$(directory 11)/.checkpoint.storing"
	of_datastore outcome save one-11 "$(file 11)" 11 node1
	assert_regex "$output" '^not-done the VM is gone'
	of_datastore restore "$(file 11)" node1 one-11 11 node1
	assert_success
	is_whole 11
	never on test -e "$(directory 11)/.checkpoint.storing"
	# Killed before that step has begun or ended: save is to be run again, and does what is left.
	own_programs 'kill -9 $PPID; sleep 1; exit 1'
	of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_failure
	of_datastore outcome save one-11 "$(file 11)" 11 node1
	assert_output "finish $(file 11) is not in its datastore yet"
	own_programs ''
	# However long ago that was.
	on touch -d '20 minutes ago' "$(file 11)"
	AGE=1000 of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_failure 1
	AGE=1500 of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_success
	on touch "$(file 11).pool"
	on test -e "$(file 11).pool"
	of_datastore outcome save one-11 "$(file 11)" 11 node1
	assert_output 'done'
	of_datastore restore "$(file 11)" node1 one-11 11 node1
	assert_success
	is_whole 11
	# A step that fails after it has moved the file.
	own_programs 'mv "$2" "$2.pool"; exit 1'
	of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_failure 3
	assert_regex "$(error_message)" "$(file 11) is gone: see whether its datastore has it"
	of_datastore outcome save one-11 "$(file 11)" 11 node1
	assert_output 'done'
	of_datastore restore "$(file 11)" node1 one-11 11 node1
	assert_success
	is_whole 11
	own_programs ''
	# One that is not used is named when the VM is started from its disks.
	of_datastore save one-11 "$(file 11)" node1 11 node1
	assert_success
	deaf_xml 11 >"$BATS_TEST_TMPDIR/xml"
	run --separate-stderr on "$ACTIONS/deploy" "$(directory 11)/deployment.0" node1 11 node1 <"$BATS_TEST_TMPDIR/xml"
	assert_success
	assert_regex "$stderr" 'WARN: .* its checkpoint, which was moved to its datastore, is not used'
}

@test "an image that leads to a file of the host: deploy, attach_disk and restore refuse it" {
	local dir xml request
	dir=$(directory 90)
	refused() {	# ACTION DISK
		assert_failure 1
		assert_regex "$(error_message)" "^$1: disk $2: $dir/disk.[03] is backed by /etc/passwd, .* \\[refused\\]"
	}
	evil() { on qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw "$dir/$1" 1M; }
	on sh -c "mkdir -p $dir && qemu-img create -q -f qcow2 $dir/disk.0 1M"
	xml=$(deaf_xml 90 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$dir/disk.0'/><target dev='vda' bus='virtio'/></disk>")
	deploy_xml 90 <<<"$xml"
	evil disk.3
	request='<VMM_DRIVER_ACTION_DATA><VM><ID>90</ID><TEMPLATE><DISK><ATTACH>YES</ATTACH><DISK_ID>3</DISK_ID><TYPE>FILE</TYPE><DRIVER>qcow2</DRIVER><TARGET>vdb</TARGET></DISK></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>'
	run --separate-stderr on "$ACTIONS/attach_disk" "$(uuid 90)" "$dir/disk.3" vdb 3 - 90 node1 <<<"$request"
	refused attach_disk vdb
	act save one-90 "$(file 90)" node1 90 node1
	assert_success
	evil disk.0
	act restore "$(file 90)" node1 "$(uuid 90)" 90 node1
	refused restore vda
	on test -e "$(file 90)"
	run --separate-stderr deploy_xml 90 <<<"$xml"
	refused deploy vda
	[ -z "$(lab_virsh node1 list --all --name | tr -d '\n')" ]
}
