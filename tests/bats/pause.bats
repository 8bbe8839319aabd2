# SPDX-License-Identifier: Apache-2.0
# pause.bats - after a pause of the driver its memory is old: hosts are asked and requests answered, nothing is
# continued or undone.
# bats file_tags=once
load helper
load driver
load lost

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
