# SPDX-License-Identifier: Apache-2.0
# restart.bats - however a driver ends, the next one answers what it had once, and neither repeats nor forgets it.
# bats file_tags=once
load helper
load driver
load lost

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
