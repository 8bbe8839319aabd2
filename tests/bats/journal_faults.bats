# SPDX-License-Identifier: Apache-2.0
# journal_faults.bats - no request, answer or step is lost when the disk of the driver's journal is full, fails or
# cannot be read.
# bats file_tags=once
load helper
load driver
load lost

# The journal lies on a disk of 1 MiB.
small_disk() {
	mkdir j
	mount -t tmpfs -o size=1m none j
	configure "journal: { dir = \"$PWD/j\"; };"
}

# A deploy and a cancel that last until the file "go" is there.
slow_scripts() {
	stub rem/vmm/kvm/deploy 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done; echo 11111111-2222-4333-8444-555555555555'
	stub rem/vmm/kvm/cancel 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
}

begin_both() {
	start
	send "$(deploy_request 306)"
	send "$(request CANCEL 307 host-b)"
	wait_for grep -q kvm/deploy calls
	wait_for grep -q kvm/cancel calls
}

end_both() {
	touch go
	expect '^DEPLOY SUCCESS 306 11111111-2222-4333-8444-555555555555$'
	expect '^CANCEL SUCCESS 307'
}

@test "a full disk: ends have their room set aside, and the next driver repeats nothing" {
	for how in finalize kill; do
		small_disk
		slow_scripts
		begin_both
		dd if=/dev/zero of=j/filler bs=4k 2>/dev/null || true
		dd if=/dev/zero of=j/filler.2 bs=1 2>/dev/null || true
		send "$(request REBOOT 400 host-c)"
		expect '^REBOOT SUCCESS 400'
		end_both
		rm -f j/filler* go
		wait_for journal_has '0 not ended'
		end_by "$how"
		nothing_left
		finish
		umount j
		rm -rf j
	done
}

@test "a disk that fails is reported at once; what ends meanwhile is known to the next driver" {
	local fault
	for fault in readonly broken quota full; do
		faulty_disk
		slow_scripts
		start_on_faulty_disk
		send "$(deploy_request 306)"
		send "$(request CANCEL 307 host-b)"
		wait_for grep -q kvm/deploy calls
		wait_for grep -q kvm/cancel calls
		echo $fault >fault
		end_both
		expect '^LOG E -1 one_vmm_exec: the journal cannot be written: what is at work is kept in memory '
		crash
		rm go fault
		nothing_left
		finish
	done
}

@test "a request that comes while the disk is read-only is not lost with the driver" {
	faulty_disk
	stub rem/vmm/kvm/reset '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 991.5; }'
	start_on_faulty_disk
	send "$(request REBOOT 1)"
	expect '^REBOOT SUCCESS 1'
	echo readonly >fault
	send "$(request RESET 306)"
	wait_for sleeps 991.5
	expect '^LOG E -1 one_vmm_exec: the journal cannot be written'
	crash
	start_on_faulty_disk
	expect '^RESET FAILURE 306 outcome unknown: the driver ended while reset was running$'
	rm fault
	expect '^LOG I -1 one_vmm_exec: the journal is written again'
	finish
	[ "$(grep -c '^RESET' out)" -eq 1 ]
}

@test "a journal that cannot be read when the driver starts is taken up when it can be" {
	small_disk
	stub rem/vmm/kvm/reset '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 992.5; }'
	start
	send "$(request RESET 306)"
	wait_for sleeps 992.5
	wait_for journal_has 'step 1 of RESET'
	crash
	mount -o remount,ro j
	start
	expect '^LOG E -1 one_vmm_exec: the journal cannot be written'
	send "$(request REBOOT 1)"
	expect '^REBOOT SUCCESS 1'
	never grep -q '^RESET' out
	mount -o remount,rw j
	expect '^RESET FAILURE 306 outcome unknown: the driver ended while reset was running$'
	finish
}

@test "a disk that fails while the driver starts: it has a journal in memory, and no other driver takes it" {
	local fault
	for fault in broken readonly full; do
		rm -rf j go begun
		faulty_disk
		stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
		echo $fault >fault
		start_on_faulty_disk
		expect '^LOG E -1 one_vmm_exec: the journal cannot be written: what is at work is kept in memory '
		send "$(request RESET 306)"
		wait_for test -e begun
		"$PWD/bin/driver" kvm -p </dev/null >other 2>&1 || true
		never grep -q RESET other
		crash
		start_on_faulty_disk
		expect '^RESET FAILURE 306 outcome unknown: the driver ended while reset was running$'
		rm fault
		expect '^LOG I -1 one_vmm_exec: the journal is written again'
		finish
		[ "$(grep -c '^RESET' out)" -eq 1 ]
	done
}

@test "without a journal, what oned asks for while the driver ends is answered before that" {
	local line
	configure 'journal: { on = false; };'
	stub rem/vmm/kvm/shutdown 'touch "$ONE_LOCATION/begun"; until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	line=$(request REBOOT 307)
	start
	send "$(request SHUTDOWN 306)"
	wait_for test -e begun
	kill -TERM "$driver_pid"
	sleep 0.3
	send "$line"
	touch go
	wait "$driver_pid" || true
	exec 9>&-
	driver_pid=
	grep -q '^SHUTDOWN SUCCESS 306' out
	grep -q '^REBOOT FAILURE 307 not begun: the driver ends$' out
	never grep -q 'kvm/reboot' calls
}

@test "a clock that was set back: a request that the disk has not heard of is answered all the same" {
	faulty_disk
	mkdir m
	configure "journal: { dir = \"$PWD/j\"; spare_dir = \"$PWD/m\"; };"
	# The clock of the driver before was a day ahead: at twice its speed since a day ago.
	sed "s|LD_PRELOAD=\"[^\"]*|&${PRELOAD:+ }$BUILD/tests/fake/clock.so|" bin/driver >bin/ahead
	chmod +x bin/ahead
	DRIVER=$PWD/bin/ahead FAKE_CLOCK="2 $(($(date +%s) - 86400))000000000 9000000000000000000" start
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	finish
	start_on_faulty_disk
	send "$(request REBOOT 307)"
	expect '^REBOOT SUCCESS 307'
	sleep 0.3
	echo hang >fault
	send "$(request RESET 308)"
	wait_for grep -q '^request .* RESET 308' m/*.notes
	end_by kill
	rm fault
	start
	expect '^RESET (SUCCESS|FAILURE) 308'
	finish
}

@test "what a driver left whose journal could not be written, or read, is ended all the same" {
	faulty_disk
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.8'
	echo broken >fault
	start_on_faulty_disk
	send "$(request RESET 306)"
	wait_for sleeps 998.8
	crash
	start_on_faulty_disk
	expect '^RESET FAILURE 306 outcome unknown: the driver ended while reset was running$'
	never sleeps 998.8
	rm fault
	expect '^LOG I -1 one_vmm_exec: the journal is written again'
	send "$(request RESET 307)"
	wait_for sleeps 998.8
	crash
	start_on_faulty_disk
	expect '^RESET FAILURE 307 outcome unknown: the driver ended while reset was running$'
	never sleeps 998.8
	finish
}

# The journal lies on a disk that fails, and its spare file cannot be made; notes can.
no_file_at_all() {
	faulty_disk
	mkdir -p -m 700 m
	chmod 700 m
	configure "transport = \"ssh\"; journal: { dir = \"$PWD/j\"; spare_dir = \"$PWD/m\"; };"
	start_on_faulty_disk
	mkdir "$(echo m/*.notes | sed 's/notes$/db/')"
	echo broken >fault
}

@test "a journal that is in no file never answers that a step which has begun has not" {
	stub rem/vmm/kvm/reset '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.9; }'
	no_file_at_all
	send "$(request REBOOT 305)"
	expect '^LOG E -1 one_vmm_exec: the journal cannot be written: if this driver is killed, the next one will not know'
	expect '^REBOOT SUCCESS 305'
	send "$(request RESET 306)"
	wait_for sleeps 998.9
	crash
	start_on_faulty_disk
	sleep 1
	never grep -E '^(REBOOT|RESET)' out
	crash
	rm fault
	start_on_faulty_disk
	expect '^RESET FAILURE 306 outcome unknown'
	never grep '^REBOOT' out
	finish
}

@test "a step that was running when the journal's last file was lost is one that has begun" {
	stub rem/vmm/kvm/reset '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.9; }'
	no_file_at_all
	rm fault
	send "$(request RESET 306)"
	wait_for sleeps 998.9
	echo broken >fault
	send "$(request REBOOT 307)"
	expect '^REBOOT SUCCESS 307'
	rm fault
	expect '^LOG I -1 one_vmm_exec: the journal is written again'
	crash
	start_on_faulty_disk
	expect '^RESET FAILURE 306 outcome unknown'
	never grep '^REBOOT' out
	finish
}

# A RESET that the journal's file has as one that waits, and that has begun on its host since no file can be written.
begun_in_no_file() {
	stub rem/vmm/kvm/reboot 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.9'
	stub rem/vmm/kvm/outcome 'echo unknown'
	faulty_disk
	mkdir -p -m 700 m
	chmod 700 m
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure "transport = \"relay\"; journal: { dir = \"$PWD/j\"; spare_dir = \"$PWD/m\"; };"
	start_on_faulty_disk
	send "$(request REBOOT 306; request RESET 306)"
	wait_for journal_has 'RESET: waits'
	mkdir "$(echo m/*.notes | sed 's/notes$/db/')"
	${1:-true}
	echo broken >fault
	touch go
	wait_for test -e begun
}

@test "a step that only notes had is not forgotten when the next driver, whose disk is well, is killed at once" {
	begun_in_no_file
	crash
	rm fault
	rmdir m/*.db
	touch no-ssh-host-a
	start_on_faulty_disk
	crash
	rm no-ssh-host-a
	start_on_faulty_disk
	expect '^RESET (SUCCESS|FAILURE) 306'
	grep '^RESET FAILURE 306 outcome unknown' out
	finish
}

# bats test_tags=root
@test "a step that no file and no notes could have is not answered as one that has not begun" {
	mkdir -m 700 m
	mount -t tmpfs -o size=256k none m
	# The last page of the notes, too.
	fill() {
		dd if=/dev/zero of=m/full bs=4k 2>/dev/null || true
		send "$(request REBOOT 307)"
		wait_for journal_has 'VM 307 REBOOT: step'
	}
	begun_in_no_file fill
	crash
	rm fault m/full
	rmdir m/*.db
	start_on_faulty_disk
	crash
	start_on_faulty_disk
	expect '^RESET (SUCCESS|FAILURE) 306'
	grep '^RESET FAILURE 306 outcome unknown' out
	finish
	umount m
}

# bats test_tags=root
@test "what an earlier driver noted outlives a step that can be noted nowhere while the journal cannot be read" {
	mkdir -m 700 m
	mount -t tmpfs -o size=256k none m
	begun_in_no_file
	crash
	start_on_faulty_disk
	dd if=/dev/zero of=m/full bs=4k 2>/dev/null || true
	send "$(request REBOOT 307; request POLL 308)"
	wait_for grep -q 'kvm/reboot .* 307 ' calls
	wait_for grep -q 'kvm/poll .* 308 ' calls
	crash
	rm fault m/full
	rmdir m/*.db
	start_on_faulty_disk
	expect '^RESET (SUCCESS|FAILURE) 306'
	grep '^RESET FAILURE 306 outcome unknown' out
	finish
	umount m
}

# bats test_tags=root
@test "notes that could not be written are begun anew once the journal's file can be written" {
	stub rem/vmm/kvm/reset 'sleep 998.9'
	mkdir -m 700 m
	mount -t tmpfs -o size=256k none m
	no_file_at_all
	dd if=/dev/zero of=m/full bs=4k 2>/dev/null || true
	send "$(request RESET 306)"
	wait_for sleeps 998.9
	wait_for eval "[ \"\$(stat -c %a m/*.notes)\" = 700 ]"
	rm m/full fault
	expect '^LOG I -1 one_vmm_exec: the journal is written again'
	send "$(request REBOOT 307)"
	expect '^REBOOT SUCCESS 307'
	wait_for grep -q '^sent' m/*.notes
	grep -q '^process' m/*.notes
	[ "$(stat -c %a m/*.notes)" = 600 ]
	crash
	umount m
}
