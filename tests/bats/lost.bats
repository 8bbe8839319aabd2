# SPDX-License-Identifier: Apache-2.0
# lost.bats - nothing is lost, and nothing is done twice, when the driver, its disk or a host fails in the middle: no
# memory of ours ends, removes or starts what it did not make, and each request is answered once.
load helper
load driver

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
}

teardown() {
	driver_teardown
	for d in j m; do if mountpoint -q "$BATS_TEST_TMPDIR/$d"; then umount -l "$BATS_TEST_TMPDIR/$d"; fi; done
}

crash() {
	kill -KILL "$driver_pid"
	wait "$driver_pid" 2>/dev/null || true
	exec 9>&-
	driver_pid=
}

# Ends the driver in one of the ways in which it can end.
end_by() {
	case $1 in
	finalize) finish; return ;;
	term) kill -TERM "$driver_pid" ;;
	kill) kill -KILL "$driver_pid" ;;
	end-of-input) exec 9>&- ;;
	esac
	wait "$driver_pid" 2>/dev/null || true
	exec 9>&-
	driver_pid=
}

# The journal lies on a disk that fails as file "fault" says while that is there: see tests/fake/disk.c.
faulty_disk() {
	mkdir -p j
	configure "journal: { dir = \"$PWD/j\"; };"
	export MODEL_DISK=$PWD/j MODEL_DISK_STATE=$PWD/fault
	PRELOAD=$(preload_for "$DRIVER" disk)
	printf '#!/bin/bash\nLD_PRELOAD="%s" exec "%s" "$@"\n' "$PRELOAD" "$DRIVER" >bin/driver
	chmod +x bin/driver
}

start_on_faulty_disk() { DRIVER=$PWD/bin/driver start "$@"; }

# The journal lies on a disk of 1 MiB.
small_disk() {
	mkdir j
	mount -t tmpfs -o size=1m none j
	configure "journal: { dir = \"$PWD/j\"; };"
}

journal_has() { "$DRIVER" --journal | grep -qF -- "$1"; }

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

# The next driver finds nothing to do, and nobody to answer.
nothing_left() {
	: >calls
	start
	send "$(request REBOOT 900 host-z)"
	expect '^REBOOT SUCCESS 900'
	sleep 1.5
	never grep -qE 'deploy|cancel|clean' calls
	never grep -qE '^(DEPLOY|CANCEL)' out
	wait_for journal_has '0 not ended'
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

@test "however the driver ends, the next one answers what ran and what waited, each once" {
	for how in finalize term kill end-of-input; do
		stub rem/vmm/kvm/save 'touch "$ONE_LOCATION/begun"; sleep 60'
		rm -f begun
		start '-t 1 -r 0 kvm -p'
		send "$(request SAVE 306; request REBOOT 307)"
		wait_for test -e begun
		wait_for journal_has 'VM 307 REBOOT: waits'
		end_by "$how"
		stub rem/vmm/kvm/save
		start
		expect '^SAVE FAILURE 306 outcome unknown: the driver ended while save was running$'
		expect '^REBOOT FAILURE 307 not started: the driver was restarted$'
		finish
		[ "$(grep -cE '^(SAVE|REBOOT)' out)" -eq 2 ]
		start
		sleep 1.5
		never grep -qE '^(SAVE|REBOOT)' out
		finish
	done
}

@test "the end of oned in the middle of each action: the next driver answers it once" {
	stub rem/vmm/kvm/outcome 'echo "not-done"'
	local action script id=500
	while read -r action script; do
		id=$((id + 1))
		stub "rem/vmm/kvm/$script" 'touch "$ONE_LOCATION/begun"; sleep 60'
		rm -f begun
		start
		if [ "$action" = DEPLOY ]; then send "$(deploy_request $id)"; else send "$(request "$action" $id)"; fi
		wait_for test -e begun
		end_by kill
		stub "rem/vmm/kvm/$script"
		start
		expect "^$action (SUCCESS|FAILURE) $id"
		finish
		[ "$(grep -c "^$action " out)" -eq 1 ]
	done <<-'END'
		DEPLOY deploy
		SHUTDOWN shutdown
		CANCEL cancel
		SAVE save
		RESTORE restore
		SNAPSHOTCREATE snapshot_create
		SNAPSHOTREVERT snapshot_revert
		DETACHDISK detach_disk
		RESIZE resize
	END
}

@test "what oned asks for while the driver ends is answered by the next driver; what it cancels then is not" {
	local line
	stub rem/vmm/kvm/shutdown 'touch "$ONE_LOCATION/begun"; until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	for line in 'RESET 309' 'REBOOT 308' 'REBOOT 307'; do request $line host-a >"${line#* }"; done
	start '-t 1 -r 0 kvm'
	send "$(request SHUTDOWN 306 host-a)"
	send "$(cat 308)"
	wait_for test -e begun
	wait_for journal_has 'VM 308 REBOOT: waits'
	kill -TERM "$driver_pid"
	sleep 0.3
	send "$(cat 307 309)"
	send 'DRIVER_CANCEL  308 '
	send 'DRIVER_CANCEL  309 '
	touch go
	wait "$driver_pid" || true
	exec 9>&-
	driver_pid=
	grep -q '^SHUTDOWN SUCCESS 306' out
	never grep -qE '^(RESET|REBOOT) ' out
	start
	expect '^REBOOT FAILURE 307 not started: the driver was restarted$'
	wait_for journal_has '0 not ended'
	never grep -qE '^(SHUTDOWN|RESET|REBOOT) [A-Z]+ 30[689]' out
	[ "$(grep -c '^REBOOT' out)" -eq 1 ]
	never grep -qE 'kvm/(reboot|reset)' calls
	finish
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

@test "a reply that nobody has read is repeated by the next driver; one that was read is not" {
	mkfifo in pipe
	"$DRIVER" kvm <in >pipe 2>err 3>&- &
	driver_pid=$!
	exec 9>in 8<pipe
	send INIT
	head -c 16 <&8 >/dev/null
	send "$(request REBOOT 1)"
	read -r line <&8
	while [[ $line != REBOOT* ]]; do read -r line <&8; done
	send "$(request RESET 2)"
	wait_for journal_has 'VM 2 RESET: ended (SUCCESS)'
	exec 8<&-
	end_by finalize
	journal_has 'VM 2 RESET: ended (SUCCESS)'
	start
	expect '^RESET SUCCESS 2 -$'
	sleep 1.5
	never grep -q '^REBOOT' out
	finish
	[ "$(grep -c kvm/reset calls)" -eq 1 ]
}

@test "a reply that oned read just before it ended is not repeated" {
	mkfifo in pipe
	"$DRIVER" kvm <in >pipe 2>err 3>&- &
	driver_pid=$!
	exec 9>in 8<pipe
	send INIT
	send "$(request REBOOT 1)"
	read -r line <&8
	while [[ $line != REBOOT* ]]; do read -r line <&8; done
	exec 9>&- 8<&-
	wait "$driver_pid" || true
	nothing_left
	never grep -q '^REBOOT SUCCESS 1 ' out
}

@test "the DEPLOY of an earlier driver never ends the VM that was deployed after it" {
	stub rem/vmm/kvm/deploy '[ -e "$ONE_LOCATION/second" ] || sleep 993.5; echo 11111111-2222-4333-8444-555555555555'
	sed -i 's|^exec bash -c.*|case "$*" in *pgrep*) sleep 4 ;; esac\n&|' bin/ssh
	start
	send "$(deploy_request 306)"
	wait_for sleeps 993.5
	crash
	touch second
	: >calls
	start
	send 'DRIVER_CANCEL  306 '
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306'
	sleep 5
	never grep -qE 'kvm/cancel|/clean' calls
	[ "$(grep -c '^DEPLOY' out)" -eq 1 ]
	finish
}

@test "a new request of a VM waits behind what an earlier driver left of it" {
	stub rem/vmm/kvm/shutdown '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 994.5; }'
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 994.5
	crash
	: >calls
	start
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[[ $(called) == 'shutdown clean clean reboot' ]]
	[[ $(grep -aoE '^(SHUTDOWN|REBOOT)' out | paste -sd ' ') == 'SHUTDOWN REBOOT' ]]
	finish
}

@test "an undo ends only the domain that its own DEPLOY made: it is given that UUID, and no name" {
	stub rem/vmm/kvm/deploy 'echo "$VMM_DEPLOYMENT" >"$ONE_LOCATION/uuid"; kill -KILL $$'
	stub rem/vmm/kvm/cancel 'echo "$VMM_DEPLOYMENT" >"$ONE_LOCATION/undone"'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown'
	[[ $(cat uuid) =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]]
	[ "$(cat uuid)" = "$(cat undone)" ]
	grep -q "kvm/cancel $(cat uuid) " calls
	send "$(deploy_request 307)"
	expect '^DEPLOY FAILURE 307 outcome unknown'
	never grep -q "$(sort -u uuid)" <(grep 'cancel.* 306 ' calls)
	finish
}

@test "an undo of an attach takes the disk of its own request only; DETACHDISK takes what it is asked for" {
	stub var/remotes/tm/qcow2/clone
	stub var/remotes/tm/qcow2/delete
	stub rem/vmm/kvm/attach_disk 'kill -KILL $$'
	stub rem/vmm/kvm/detach_disk 'echo "${VMM_OWN_DEVICE:-no}" >>"$ONE_LOCATION/own"'
	start
	send "$(request ATTACHDISK 306)"
	expect '^ATTACHDISK FAILURE 306 outcome unknown'
	[ "$(cat own)" = yes ]
	cmp stdin.attach_disk stdin.detach_disk
	send "$(request DETACHDISK 306)"
	expect '^DETACHDISK SUCCESS 306'
	[ "$(cat own)" = $'yes\nno' ]
	finish
}

@test "every undo says what proves that it may end or remove something" {
	"$DRIVER" --plans >plans
	[ "$(wc -l <plans)" -gt 60 ]
	# What ends, detaches, cleans or rolls back, when it is an undo (plans in lower case).
	run awk '$1 ~ /^[a-z]/ && $2 ~ /^(cancel|shutdown|detach_|clean|tm_detach|tm_failmigrate|postbackup)/ && $NF == "none"' plans
	[ -z "$output" ]
	# Each plan that is named as an undo is there.
	for plan in $(grep -oE '(undo|unknown|later) [a-z+-]+' plans | awk '$2 != "-" { print $2 }' | sort -u); do
		grep -q "^$plan " plans
	done
	# A domain is ended by an undo only with its deployment's mark.
	[ "$(awk '$1 ~ /^[a-z]/ && $2 == "cancel" { print $NF }' plans | sort -u)" = deployment ]
}

@test "RESTORE: a network step that fails leaves the VM running, and is tried again" {
	configure 'clean: { pause_s = 1; };'
	mkdir -p ds
	stub rem/vmm/kvm/restore 'echo one-306'
	stub rem/vnm/bridge/post '[ -e "$ONE_LOCATION/good" ] || { echo "cannot set the VLAN" >&2; exit 1; }'
	start
	send "$(request RESTORE 306 - CHECKPOINT_FILE=$PWD/ds/checkpoint)"
	expect '^RESTORE SUCCESS 306'
	expect '^LOG E 306 post: bridge: cannot set the VLAN \(the restore itself was done\)$'
	never grep -q kvm/cancel calls
	# What neither ends nor moves the VM does not keep it from being tried again.
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	touch good
	expect '^LOG I 306 net-post, tried again: done$'
	wait_for journal_has '0 not ended'
	finish
}

@test "a clean-up that is to be tried again is tried by the next driver, however this one ends" {
	local how
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
	for how in kill finalize; do
		rm -f good
		configure 'clean: { pause_s = 600; };'
		start
		send "$(request SHUTDOWN 306; request SHUTDOWN 307)"
		expect '^SHUTDOWN SUCCESS 306'
		expect '^SHUTDOWN SUCCESS 307'
		wait_for journal_has 'VM 306 net-clean: waits'
		# The one of a VM that is deployed meanwhile is void.
		send "$(deploy_request 307)"
		expect '^DEPLOY SUCCESS 307'
		end_by "$how"
		touch good
		: >calls
		configure 'clean: { pause_s = 1; };'
		start
		expect '^LOG I 306 net-clean, tried again: done$'
		wait_for journal_has '0 not ended'
		[ "$(grep -c /clean calls)" -eq 2 ]
		never grep -qE '^(SHUTDOWN|DEPLOY)' out
		finish
	done
}

# The way to the host breaks in the middle of ACTION, whose script is SCRIPT; the host comes back, and says ANSWER.
broken_way() {	# ACTION SCRIPT ANSWER
	stub "rem/vmm/kvm/$2" 'pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	stub rem/vmm/kvm/outcome "echo '$3'"
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; wait_s: { save = 20; };'
	start
	send "$(request "$1" 306)"
	wait_for grep -q "kvm/$2" calls
}

@test "a clock that is set while a step runs does not change how old its request is for the host" {
	local by since
	PRELOAD=$(preload_for "$DRIVER" set_clock)
	export FAKE_CLOCK_SET=$PWD/set
	printf '#!/bin/bash\nLD_PRELOAD="%s" exec "%s" "$@"\n' "$PRELOAD" "$DRIVER" >bin/driver
	chmod +x bin/driver
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	stub rem/vmm/kvm/outcome 'echo "$VMM_REQUEST_AGE" >"$ONE_LOCATION/age"; echo "not-done it runs"'
	stub rem/vmm/kvm/save 'until [ -e "$ONE_LOCATION/old" ]; do sleep 0.02; done; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	configure 'transport = "relay"; wait_s: { save = 20; };'
	for by in 7200 -7200; do
		rm -f set old
		: >calls
		DRIVER=$PWD/bin/driver start
		send "$(request SAVE 306)"
		wait_for grep -q kvm/save calls
		echo $by >set
		since=$(cut -d . -f 1 /proc/uptime)
		wait_for eval "[ \$((\$(cut -d . -f 1 /proc/uptime) - $since)) -ge 2 ]"
		touch old
		expect '^SAVE FAILURE 306 .*it was not done'
		[ "$(cat age)" -ge 1 ]
		[ "$(cat age)" -lt 600 ]
		finish
	done
}

@test "a way that breaks in the middle: the host is asked, and what it says is the answer" {
	broken_way SAVE save 'done'
	expect '^LOG W 306 save: .* broke .*: the host says that it was done$'
	expect '^SAVE SUCCESS 306'
	grep -q 'kvm/outcome save one-306 .* 306 host-a' calls
	finish
	broken_way SAVE save 'not-done it runs'
	expect '^SAVE FAILURE 306 .* broke .*: it was not done: it runs$'
	finish
	broken_way SAVE save 'unknown nobody can tell'
	expect '^SAVE FAILURE 306 outcome unknown: .* broke .*: nobody can tell$'
	finish
}

# An action that could not tell has waited already: a host that does not know either is asked for 5 s more.
@test "what libvirt is still at work on is waited for, as long as the step may take" {
	stub rem/vmm/kvm/save 'exit 3'
	stub rem/vmm/kvm/outcome 'echo >>"$ONE_LOCATION/asked"; [ $(wc -l <"$ONE_LOCATION/asked") -gt 4 ] && echo done || echo "in-progress it is saved"'
	start
	send "$(request SAVE 306)"
	expect '^SAVE SUCCESS 306'
	[ "$(wc -l <asked)" -eq 5 ]
	configure 'wait_s: { save = 1; };'
	finish
	rm asked
	start
	send "$(request SAVE 306)"
	expect '^SAVE FAILURE 306 outcome unknown: .*: it is saved$'
	finish
}

@test "a migration that was done but for its end is run again, once, to finish it" {
	for s in premigrate postmigrate failmigrate; do stub "var/remotes/tm/qcow2/$s"; done
	for a in pre post clean; do stub "rem/vnm/bridge/$a"; done
	# What ssh runs on the host is killed with it.
	stub rem/vmm/kvm/migrate 'echo "age $VMM_REQUEST_AGE" >>"$ONE_LOCATION/ages"; [ -e "$ONE_LOCATION/whole" ] || { kill -KILL $PPID; sleep 0.3; }'
	stub rem/vmm/kvm/outcome 'echo "finish the VM is on host-a"'
	start
	send "$(request MIGRATE 306)"
	expect '^LOG W 306 migrate: .*: running it again$'
	expect '^MIGRATE FAILURE 306 outcome unknown: .*: the VM is on host-a$'
	[ "$(grep -c 'kvm/migrate ' calls)" -eq 2 ]
	# Run again it learns how long ago it was asked for.
	[ "$(sed 's/[0-9][0-9]*$/N/' ages)" = $'age \nage N' ]
	never grep -qE 'failmigrate|clean' calls
	stub rem/vmm/kvm/outcome 'touch "$ONE_LOCATION/whole"; echo "finish the VM is on host-a"'
	send "$(request MIGRATE 307)"
	expect '^MIGRATE SUCCESS 307'
	[ "$(grep -c 'kvm/migrate ' calls)" -eq 4 ]
	finish
}

@test "a host that went away in the middle is waited for before the reply is unknown" {
	stub rem/vmm/kvm/save 'touch "$ONE_LOCATION/no-ssh-host-a"; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	stub rem/vmm/kvm/outcome 'echo done'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	start
	send "$(request SAVE 306)"
	wait_for test -e no-ssh-host-a
	send "$(request REBOOT 307 host-b)"
	expect '^REBOOT SUCCESS 307'
	sleep 2
	never grep -q '^SAVE' out
	rm no-ssh-host-a
	expect '^SAVE SUCCESS 306'
	finish
}

@test "a host that stays away is unknown, after wait_s" {
	stub rem/vmm/kvm/save 'touch "$ONE_LOCATION/no-ssh-host-a"; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; wait_s: { save = 1; };'
	start
	send "$(request SAVE 306)"
	expect '^SAVE FAILURE 306 outcome unknown: the connection to host-a broke'
	finish
}

@test "an earlier driver's action is asked about: what was done is not done again" {
	stub rem/vmm/kvm/shutdown 'touch "$ONE_LOCATION/begun"; sleep 995.5'
	stub rem/vmm/kvm/outcome 'echo "${VMM_REQUEST_AGE:-none}" >"$ONE_LOCATION/age"; echo done'
	start
	send "$(request SHUTDOWN 306)"
	wait_for test -e begun
	crash
	: >calls
	start
	expect '^SHUTDOWN SUCCESS 306'
	[ "$(called)" = 'outcome outcome clean outcome clean' ] || [ "$(called)" = 'outcome outcome clean clean' ]
	[[ $(cat age) =~ ^[0-9]+$ ]]
	finish
}

@test "what belongs to a VM's network is not removed where the VM runs" {
	stub rem/vmm/kvm/deploy 'echo "another one-306 runs [exists]" >&2; exit 1'
	stub rem/vmm/kvm/outcome 'echo "not-done the VM runs here"'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 another one-306 runs'
	grep -q '^LOG W 306 clean: the VM runs on host-a: what belongs to it there is left alone' out
	never grep -q '/clean' calls
	finish
}

@test "DRIVER_CANCEL: the next driver neither runs nor answers the request, though the disk has not heard of it" {
	faulty_disk
	stub rem/vmm/kvm/shutdown 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	for cancelled in 306 308; do
		rm -f go
		: >calls
		start_on_faulty_disk '-t 15 -r 0 kvm'
		send "$(request SHUTDOWN 306 host-a)"
		wait_for grep -q kvm/shutdown calls
		send "$(request REBOOT 308 host-a)"
		send "$(request RESET 309 host-b)"
		expect '^RESET SUCCESS 309'
		echo hang >fault
		send "DRIVER_CANCEL  $cancelled "
		expect "Driver command for $cancelled cancelled"
		end_by kill
		rm fault
		touch go
		start
		send "$(request RESET "$cancelled" host-a)"
		expect "^RESET SUCCESS $cancelled"
		never grep -E "^(SHUTDOWN|REBOOT) (SUCCESS|FAILURE) $cancelled " out
		[ "$cancelled" = 306 ] || expect '^SHUTDOWN SUCCESS 306'
		[ "$cancelled" = 308 ] || [ "$(grep -c kvm/shutdown calls)" -eq 1 ]
		finish
	done
}

# What runs on the hosts of the earlier driver is found only after a while.
slow_to_reap() { sed -i 's|^exec bash -c.*|case "$*" in *pgrep*) sleep 3 ;; esac\n&|' bin/ssh; }

@test "DRIVER_CANCEL of what an earlier driver left at work: that ends first, and nothing of the VM runs beside it" {
	stub rem/vmm/kvm/save 'touch "$ONE_LOCATION/begun"; trap "" TERM; sleep 5'
	stub rem/vmm/kvm/restore 'pgrep -f "$ONE_LOCATION/rem/vmm/kvm/save" >"$ONE_LOCATION/beside"; echo one-306'
	start
	send "$(request SAVE 306)"
	wait_for test -e begun
	slow_to_reap
	crash
	start
	send 'DRIVER_CANCEL  306 '
	send "$(request RESTORE 306)"
	expect '^RESTORE SUCCESS 306'
	[ ! -s beside ]
	never grep -qE '^SAVE' out
	finish
	wait_for journal_has '0 not ended'
}

@test "what runs on a host under a number that a step of an earlier driver had is left alone" {
	local other
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 30'
	setsid sleep 600 3>&- &
	other=$!
	start
	send "$(request RESET 306)"
	wait_for test -e begun
	crash
	printf '#!/bin/sh\n%s "$@"\necho %d\n' "$(type -P pgrep)" "$other" >bin/pgrep
	chmod 755 bin/pgrep
	start
	wait_for journal_has '0 not ended'
	rm bin/pgrep
	kill -0 "$other"
	never pgrep -f "$ONE_LOCATION/rem/vmm/kvm/reset"
	kill "$other"
	finish
}

@test "DRIVER_CANCEL of what an earlier driver left does not hold up the VM's next request" {
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 30'
	start '-t 1 -r 0 kvm'
	send "$(request RESET 307; request SAVE 306)"
	wait_for test -e begun
	wait_for journal_has 'VM 306 SAVE: waits'
	crash
	stub rem/vmm/kvm/reset
	start '-t 1 -r 0 kvm'
	send "$(request REBOOT 306)"
	send 'DRIVER_CANCEL  306 '
	expect '^REBOOT SUCCESS 306'
	never grep -q '^SAVE' out
	finish
}

# A SHUTDOWN of VM 306 whose clean-up fails, and is tried again after PAUSE seconds.
clean_later() {	# PAUSE
	configure "clean: { pause_s = $1; };"
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/cleaning"; while [ -e "$ONE_LOCATION/slow" ]; do sleep 0.05; done; exit 1'; done
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306'
	rm cleaning
}

@test "DRIVER_CANCEL means the request, not the clean-up that is tried again before it" {
	clean_later $((1 + PACE))
	touch slow
	wait_for test -e cleaning
	send "$(request REBOOT 306)"
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
	rm slow
	send "$(request RESET 306)"
	expect '^RESET SUCCESS 306'
	never grep -q 'kvm/reboot' calls
	never grep -q '^REBOOT' out
	finish
}

@test "a clean-up that fails while the VM's next request waits is not tried again after that" {
	clean_later $((1 + PACE))
	touch slow
	wait_for test -e cleaning
	send "$(deploy_request 306)"
	wait_for journal_has 'VM 306 DEPLOY: waits'
	rm slow
	expect '^DEPLOY SUCCESS 306'
	wait_for journal_has '0 not ended'
	[ "$(tail -n 1 calls | awk '{ n = split($2, p, "/"); print p[n] }')" = post ]
	finish
}

@test "DETACHNIC: a clean-up of the network that is tried again cleans what belongs to the NIC, though the VM runs" {
	configure 'clean: { pause_s = 1; };'
	for s in detach_nic prereconfigure reconfigure; do stub rem/vmm/kvm/$s; done
	stub rem/vmm/kvm/outcome 'echo "not-done it runs"'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
	start
	send "$(request DETACHNIC 306)"
	expect '^DETACHNIC SUCCESS 306'
	touch good
	: >calls
	expect '^LOG I 306 nic-clean, tried again: done$'
	grep -q /clean calls
	never grep -q kvm/outcome calls
	wait_for journal_has '0 not ended'
	finish
}

@test "a clean-up that is due while the driver ends is not begun" {
	local line
	stub rem/vmm/kvm/reset 'sleep 30'
	line=$(request RESET 307)
	# The driver waits 5 s for what runs: the clean-up is due in these.
	clean_later 4
	send "$line"
	wait_for grep -q kvm/reset calls
	finish
	[ ! -e cleaning ]
}

@test "an undo waits for its host, also if only the answer was lost" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/deploy 'echo broken >&2; exit 1'
	stub rem/vmm/kvm/outcome '[ -e "$ONE_LOCATION/twice" ] || { touch "$ONE_LOCATION/twice"; kill -KILL $PPID; sleep 0.2; }; echo done'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 broken$'
	grep -q /clean calls
	finish
	: >calls
	stub rem/vmm/kvm/deploy 'echo 11111111-2222-4333-8444-555555555555'
	stub rem/vnm/bridge/post 'touch "$ONE_LOCATION/no-ssh-host-a"; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	start
	send "$(deploy_request 307)"
	wait_for test -e no-ssh-host-a
	stub rem/vnm/bridge/post 'exit 1'
	sleep 1
	never grep -q '^DEPLOY' out
	rm no-ssh-host-a
	expect '^DEPLOY FAILURE 307 bridge: .* failed with status 1$'
	grep -q 'kvm/cancel 11111111-2222-4333-8444-555555555555 ' calls
	finish
}

@test "an undo whose host stays away is given up, after one time of waiting" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; }; wait_s: { network = 1; cancel = 1000; };'
	stub rem/vmm/kvm/deploy 'echo 11111111-2222-4333-8444-555555555555'
	stub rem/vnm/bridge/post 'touch "$ONE_LOCATION/no-ssh-host-a"; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown: .*; undoing it failed: cancel: .*; the VM may be running on host-a$'
	finish
}

@test "a revert whose end nobody heard is not run again: it would take back what the guest wrote since" {
	stub rem/vmm/kvm/snapshot_revert 'touch "$ONE_LOCATION/begun"; sleep 30'
	start
	send "$(request SNAPSHOTREVERT 306)"
	wait_for test -e begun
	crash
	start
	expect '^SNAPSHOTREVERT FAILURE 306 outcome unknown: the driver ended while SNAPSHOTREVERT was running$'
	[ "$(grep -c kvm/snapshot_revert calls)" -eq 1 ]
	finish
}

@test "a DEPLOY whose local file is gone when the next driver starts is taken back all the same" {
	local how
	stub rem/vmm/kvm/deploy 'touch "$ONE_LOCATION/begun"; sleep 30'
	# In its deploy, and in what undoes it.
	for how in running undone; do
		rm -f begun
		: >calls
		[ "$how" = running ] || stub rem/vmm/kvm/deploy 'kill -KILL $$'
		[ "$how" = running ] || stub rem/vmm/kvm/cancel 'touch "$ONE_LOCATION/begun"; sleep 30'
		start
		send "$(deploy_request 306)"
		wait_for test -e begun
		crash
		rm vms/deployment.0
		stub rem/vmm/kvm/cancel
		start
		expect '^DEPLOY FAILURE 306 '
		finish
		tail -n 3 calls | grep -qE 'kvm/cancel [0-9a-f-]{36} '
		grep -q '/clean' calls
	done
}

@test "a proof of absence holds for one command: after a wait for the host, or a lost answer, it is asked for again" {
	configure 'transport = "ssh"; ssh: { multiplex = false; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/outcome 'if [ -e "$ONE_LOCATION/runs" ]; then echo "not-done it runs"; else echo done; fi; [ ! -e "$ONE_LOCATION/go-away" ] || touch "$ONE_LOCATION/no-ssh-host-a"'
	stub rem/vmm/kvm/deploy 'echo broken >&2; exit 1'
	touch go-away
	start
	send "$(deploy_request 306)"
	expect '^LOG I 306 Command execution fail .*/clean'
	rm go-away
	touch runs
	rm no-ssh-host-a
	expect '^DEPLOY FAILURE 306 broken$'
	never grep -q '/clean' calls
	# The answer of the first network's clean is lost: neither it nor the second one is run.
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/runs"; kill -KILL $PPID'; done
	for action in DEPLOY SHUTDOWN; do
		rm runs
		: >calls
		[ $action = DEPLOY ] && send "$(deploy_request 307)" || send "$(request SHUTDOWN 307)"
		expect "^$action .* 307"
		[ "$(grep -c '/clean' calls)" -eq 1 ]
	done
	# Nor is the second one if the VM came between the two.
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/runs"'; done
	rm runs
	: >calls
	send "$(deploy_request 308)"
	expect '^DEPLOY FAILURE 308 broken$'
	[ "$(grep -c '/clean' calls)" -eq 1 ]
	finish
}

# A DEPLOY of VM 306 on host-b by which its clean-up on host-a stays due. HOW: cancelled while it waits, refused, or not begun.
deploy_in_vain() {	# HOW
	case $1 in
	cancelled)
		send "$(request RESET 307 host-b)"
		wait_for grep -q kvm/reset calls
		send "$(deploy_request 306 HOST=host-b)"
		wait_for journal_has 'VM 306 DEPLOY: waits'
		send 'DRIVER_CANCEL  306 '
		touch go
		expect '^RESET SUCCESS 307' ;;
	refused)
		send "$(deploy_request 306 "LOCAL_DEPLOYMENT_FILE=$PWD/none")"
		expect '^DEPLOY FAILURE 306' ;;
	not-begun)
		touch no-ssh-host-b
		send "$(deploy_request 306 HOST=host-b)"
		expect '^DEPLOY FAILURE 306' ;;
	esac
}

@test "a clean-up of a VM stays due until its next request has begun" {
	local how
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	configure "clean: { pause_s = $((2 + 2 * PACE)); };"
	for how in cancelled refused not-begun; do
		rm -f go good no-ssh-host-b
		for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
		start '-t 1 -r 0 kvm'
		send "$(request SHUTDOWN 306)"
		expect '^SHUTDOWN SUCCESS 306'
		touch good
		deploy_in_vain $how
		never grep -q '^DEPLOY SUCCESS' out
		expect '^LOG I 306 net-clean, tried again: done$'
		wait_for journal_has '0 not ended'
		finish
	done
}

@test "a clean-up that became due while the VM's next request waited is void once that begins" {
	local next
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	configure "clean: { pause_s = 1; };"
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'exit 1'; done
	start '-t 1 -r 0 kvm'
	next=$(deploy_request 306)	# which takes as long as the pause, on a busy machine
	send "$(request RESET 307)"
	send "$(request SHUTDOWN 306 host-b)"
	send "$next"
	expect '^SHUTDOWN SUCCESS 306'
	sleep $((2 + PACE))
	touch go
	expect '^DEPLOY SUCCESS 306'
	wait_for journal_has '0 not ended'
	never grep -q 'net-clean, tried again' out
	finish
}

@test "DRIVER_CANCEL means the action that runs, not the one before it whose end goes to disk" {
	faulty_disk
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	start_on_faulty_disk
	send "$(request RESET 306)"
	wait_for grep -q kvm/reset calls
	send "$(request REBOOT 306)"
	wait_for journal_has 'VM 306 REBOOT: waits'
	echo hang >fault
	touch go
	expect 'Successfully execute virtualization driver operation: reset'
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
	rm fault
	expect '^RESET SUCCESS 306'
	wait_for journal_has '0 not ended'
	never grep -q kvm/reboot calls
	never grep -q '^REBOOT' out
	finish
}

@test "a host that was away when the driver started is left by the earlier driver's steps before anything runs there" {
	local way
	configure 'transport = "ssh"; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/shutdown '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.5; }'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.6'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]6" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request SHUTDOWN 306; request RESET 307)"
	wait_for sleeps 998.5
	wait_for sleeps 998.6
	touch no-ssh-host-a
	crash
	start
	expect '^RESET FAILURE 307 outcome unknown'
	sleeps 998.5
	rm no-ssh-host-a
	expect '^SHUTDOWN SUCCESS 306'
	never sleeps 998.5
	send "$(request REBOOT 308)"
	expect '^REBOOT SUCCESS 308'
	[ ! -s beside ]
	finish
}

@test "a host that stays away while drivers come and go is left by all their steps before anything runs there" {
	local name
	configure 'transport = "ssh"; wait_s: { reset = 1; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.6'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]6" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 307)"
	wait_for sleeps 998.6
	touch no-ssh-host-a
	crash
	for name in second third; do
		start
		[ "$name" = third ] || expect '^RESET FAILURE 307 outcome unknown'
		wait_for journal_has ' host host-a: what was begun there may still run, and is ended before anything else begins there, for '
		journal_has '0 not ended'
		[ "$name" = third ] || crash
	done
	"$DRIVER" --journal --json | jq -e '.journals[0].suspect_hosts[0] | .host == "host-a" and .age_s < 600 and .since != ""'
	sleeps 998.6
	rm no-ssh-host-a
	send "$(request REBOOT 308)"
	expect '^REBOOT SUCCESS 308'
	[ ! -s beside ]
	wait_for eval '! journal_has host-a'
	finish
}

@test "a cancelled step whose host is away when its driver is killed is ended by the next driver before anything runs there" {
	cancel_while_away
	wait_for journal_has ' host host-a: what was begun there may still run'
	crash
	start
	sleeps 998.2
	rm no-ssh-host-a
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

# two_hours_pass: without a driver.
two_hours_pass() { touch -d '-2 hours' j/* m/*; }

# The journal lies in j and m.
journal_here() {	# MORE
	mkdir -p j
	mkdir -p -m 700 m
	configure "transport = \"ssh\"; journal: { dir = \"$PWD/j\"; spare_dir = \"$PWD/m\"; }; $1"
}

@test "what had begun when no driver was running for long is asked about and answered, not continued or undone" {
	local id
	stub rem/vmm/kvm/shutdown 'sleep 997.1'
	for v in bridge 802.1Q; do stub rem/vnm/$v/pre '[ -e "$ONE_LOCATION/second" ] || sleep 997.2'; done
	stub rem/vmm/kvm/save 'sleep 997.3'
	stub rem/vmm/kvm/cancel 'sleep 997.4'
	stub rem/vmm/kvm/outcome 'case "$*" in *shutdown*) echo "not-done it runs" ;; *save*) echo done ;; *) echo finish ;; esac'
	journal_here 'hosts: { retry_s = 1; };'
	start
	send "$(request SHUTDOWN 306; deploy_request 307; request SAVE 308; request CANCEL 309)"
	for id in 1 2 3 4; do wait_for sleeps 997.$id; done
	crash
	two_hours_pass
	touch second no-ssh-host-a
	# The next one is killed before it can ask the host anything.
	start
	expect '^DEPLOY FAILURE 307 outcome unknown: no driver was running for long .* while DEPLOY was in progress, step pre: nothing is undone'
	crash
	: >calls
	rm no-ssh-host-a
	start
	expect '^SHUTDOWN FAILURE 306 no driver was running for long \(journal.resume_s\) while SHUTDOWN was in progress, step shutdown: it was not done: it runs$'
	expect '^SAVE SUCCESS 308'
	expect '^CANCEL FAILURE 309 outcome unknown: no driver was running for long'
	never grep -vE 'kvm/outcome|pgrep' calls
	wait_for journal_has '0 not ended'
	[ -z "$(ls j/*.silent m/*.silent 2>/dev/null)" ]
	finish
}

@test "an action that was done but for what may fail is a success, also when no driver was running for long" {
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/second" ] || sleep 997.5'; done
	journal_here
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 997.5
	crash
	two_hours_pass
	touch second
	: >calls
	start
	expect '^SHUTDOWN SUCCESS 306'
	never grep -vE 'pgrep' calls
	finish
}

@test "a clean-up is not tried again when no driver was running for long" {
	journal_here 'clean: { pause_s = 1; };'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/second" ]'; done
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306'
	wait_for journal_has 'net-clean: waits'
	crash
	two_hours_pass
	touch second
	: >calls
	start
	expect '^LOG W 306 net-clean is not tried again: no driver was running for long'
	wait_for journal_has '0 not ended'
	sleep 1.5
	never grep clean calls
	finish
}

# The driver is stopped for longer than journal.resume_s, here two seconds, while it has something in progress.
stop_for_long() {
	local since
	kill -STOP "$driver_pid"
	since=$(cut -d . -f 1 /proc/uptime)
	wait_for eval "[ \$((\$(cut -d . -f 1 /proc/uptime) - $since)) -gt 5 ]"
}

@test "a driver that was stopped for long begins nothing that it had, or that came meanwhile, and undoes nothing" {
	local id
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	stub rem/vmm/kvm/deploy 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done; echo "no room" >&2; exit 1'
	configure "transport = \"ssh\"; journal: { resume_s = 2; };"
	start
	send "$(request RESET 306; deploy_request 308)"
	wait_for eval '[ "$(grep -cE "kvm/(reset|deploy)" calls)" -eq 2 ]'
	for v in bridge 802.1Q; do stub rem/vnm/$v/pre 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'; done
	send "$(deploy_request 307)"
	wait_for eval '[ "$(grep -c "vnm/.*/pre" calls)" -eq 2 ]'
	send "$(request REBOOT 306; request SHUTDOWN 307)"
	stop_for_long
	send "$(request REBOOT 310)"
	touch go
	: >calls
	kill -CONT "$driver_pid"
	expect '^LOG W -1 one_vmm_exec: this driver was stopped for [0-9]+ s, longer than journal.resume_s'
	expect '^RESET SUCCESS 306 -$'
	expect '^DEPLOY FAILURE 307 outcome unknown: DEPLOY was in progress, and mkdir is not begun, as no driver was running for long \(journal.resume_s\): nothing is undone'
	expect '^DEPLOY FAILURE 308 no room; nothing is undone, as no driver'
	for id in 306 310; do expect "^REBOOT FAILURE $id not started: no driver was running for long \\(journal.resume_s\\)\$"; done
	expect '^SHUTDOWN FAILURE 307 not started'
	[ ! -s calls ]
	send "$(request REBOOT 311)"
	expect '^REBOOT SUCCESS 311'
	wait_for journal_has '0 not ended'
	[ -z "$(ls var/vmm_exec/*.silent 2>/dev/null)" ]
	finish
	[ "$(grep -cE '^(RESET|DEPLOY|REBOOT|SHUTDOWN) ' out)" -eq 7 ]
}

@test "a clean-up is not tried again by a driver that was stopped for long" {
	configure 'transport = "ssh"; journal: { resume_s = 2; }; clean: { pause_s = 1; };'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/second" ]'; done
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306'
	wait_for journal_has 'net-clean: waits'
	stop_for_long
	touch second
	: >calls
	kill -CONT "$driver_pid"
	expect '^LOG W 306 net-clean is not tried again: no driver was running for long'
	wait_for journal_has '0 not ended'
	send "$(request REBOOT 307)"
	expect '^REBOOT SUCCESS 307'
	never grep clean calls
	finish
}

@test "a journal that can be read only late is stale all the same, also for the driver after that" {
	stub rem/vmm/kvm/shutdown '[ -e "$ONE_LOCATION/second" ] || sleep 997.7'
	stub rem/vmm/kvm/outcome 'echo "not-done it runs"'
	faulty_disk
	journal_here
	start_on_faulty_disk
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 997.7
	wait_for journal_has 'step 1 of SHUTDOWN'
	crash
	two_hours_pass
	touch second
	echo broken >fault
	start_on_faulty_disk
	sleep 0.5
	crash
	start_on_faulty_disk
	: >calls
	rm fault
	expect '^SHUTDOWN FAILURE 306 no driver was running for long .*: it was not done'
	never grep kvm/shutdown calls
	wait_for eval '[ -z "$(ls j/*.silent m/*.silent 2>/dev/null)" ]'
	finish
}

@test "a driver that waits for a host shows that it runs: what it had begun is continued by the next one" {
	stub rem/vmm/kvm/shutdown '[ -e "$ONE_LOCATION/second" ] || sleep 997.6'
	journal_here
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 997.6
	sleep 0.5
	two_hours_pass
	sleep 11
	crash
	touch second
	start
	expect '^SHUTDOWN SUCCESS 306'
	finish
}

@test "what an earlier driver left on the host that a VM was moving to is ended there, too" {
	mkdir -p var/remotes/tm/qcow2
	for a in premigrate failmigrate; do stub "var/remotes/tm/qcow2/$a"; done
	for v in bridge 802.1Q; do stub rem/vnm/$v/pre 'pgrep -f "^sleep 998[.]7" >>"$ONE_LOCATION/beside"; [ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.7; }'; done
	start
	send "$(request MIGRATE 306 host-b)"
	wait_for sleeps 998.7
	touch no-ssh-host-b
	crash
	start
	expect '^MIGRATE FAILURE 306'
	[ "$(grep -c /vnm/.*/pre calls)" -eq 3 ]
	[ ! -s beside ]
	finish
}

@test "a clean-up that was being tried again when the driver was killed ends before the VM's next request" {
	clean_later 1
	touch slow
	wait_for test -e cleaning
	crash
	configure 'clean: { pause_s = 600; };'
	stub rem/vnm/bridge/pre 'pgrep -f "$ONE_LOCATION/rem/vnm/[^ ]*/clean" >"$ONE_LOCATION/beside" || true'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "an action that the next driver continues keeps the clean-up that it left itself" {
	for v in bridge 802.1Q; do
		stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'
		stub rem/vnm/$v/post '[ -e "$ONE_LOCATION/good" ] || { touch "$ONE_LOCATION/posting"; sleep 998.7; }'
	done
	for v in premigrate postmigrate; do stub var/remotes/tm/qcow2/$v; done
	stub rem/vmm/kvm/migrate
	configure 'clean: { pause_s = 600; };'
	start
	send "$(request MIGRATE 306)"
	wait_for test -e posting
	wait_for journal_has 'VM 306 net-clean: waits'
	crash
	touch good
	configure 'clean: { pause_s = 1; };'
	start
	expect '^MIGRATE SUCCESS 306'
	expect '^LOG I 306 net-clean, tried again: done$'
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

# An ssh whose end the host does not hear of, as when the network between is cut.
deaf_hosts() {
	sed -i 's|^exec bash -c.*|case $* in *"relay --driver"*) setsid -w bash -c "$*" < <(setsid bash -c "cat; exec sleep 998.1") ;; *) setsid -w bash -c "$*" ;; esac|' bin/ssh
}

# RESET of VM 306 runs on a host that goes away, and is cancelled. REBOOT says in "beside" whether it still runs.
cancel_while_away() {
	deaf_hosts
	configure 'transport = "ssh"; ssh: { multiplex = false; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.2'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]2" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 306)"
	wait_for sleeps 998.2
	touch no-ssh-host-a
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
}

@test "DRIVER_CANCEL of a step whose host is away: it is ended when the host is back, before anything runs there" {
	cancel_while_away
	wait_for journal_has '0 not ended'
	rm no-ssh-host-a
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "a host that does not hear that the way to its relay broke: the steps of that end before anything runs there" {
	deaf_hosts
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.2'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]2" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 306)"
	wait_for sleeps 998.2
	pkill -KILL -f "$ONE_LOCATION/bin/ssh .* host-a "
	expect '^RESET FAILURE 306 outcome unknown'
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "a step whose connection broke does not run beside its repetition" {
	deaf_hosts
	configure 'transport = "ssh"; ssh: { multiplex = false; };'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'pgrep -f "^sleep 998[.]2" >>"$ONE_LOCATION/beside"; [ -e "$ONE_LOCATION/begun" ] || { touch "$ONE_LOCATION/begun"; sleep 998.2; }; true'; done
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 998.2
	pkill -KILL -f "$ONE_LOCATION/bin/ssh .* host-a .*/clean"
	expect '^SHUTDOWN SUCCESS 306'
	[ ! -s beside ]
	finish
}
