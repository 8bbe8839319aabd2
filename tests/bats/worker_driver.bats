# SPDX-License-Identifier: Apache-2.0
# worker_driver.bats - the dispatcher and the worker of a host, or its own: its counters, a worker that dies, a sync.
load helper
load driver

setup() {
	driver_setup
	make_set rem
	by_relay
	last=0
}

by_relay() {	# [TEXT]: what vmm_exec.cfg has more
	configure "transport = \"relay\"; ${1:-} metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
}

# make_set DIRECTORY: relay, worker and an action of libvirt's test driver.
make_set() {
	mkdir -p "$1/vmm/kvm" "$1/etc/vmm/kvm"
	cp "$BUILD/remotes/vmm/relay" "$BUILD/remotes/vmm/worker" "$1/vmm/"
	cp "$BUILD/remotes/vmm/kvm/reset" "$1/vmm/kvm/"
	echo 'LIBVIRT_URI=test:///default' >"$1/etc/vmm/kvm/kvmrc"
}

# metric NAME: its value in the file; nothing before the driver has written that.
metric() {
	[ ! -e vmm.prom ] || awk -v name="vmm_exec_$1" '$1 == name { print $2 }' vmm.prom
}

is() {	# METRIC VALUE
	[ "$(metric "$1")" = "$2" ]
}

reset() {	# one RESET more
	last=$((last + 1))
	send "$(request RESET $last host-a DEPLOY_ID=test)"
	expect "^RESET SUCCESS $last -\$"
}

# RESETs until a worker has made the process of one.
reset_by_worker() {
	local n was
	was=$(metric worker_steps_total)
	for n in {1..20}; do
		reset
		wait_for is 'action_seconds_count{action="RESET"}' $last
		[ "$(metric worker_steps_total)" -eq "${was:-0}" ] || return 0
	done
	return 1
}

worker_pid() {	# DIRECTORY: where it is
	pgrep -fx "$PWD/$1/vmm/worker"
}

@test "a host's worker is in the counters, with its memory; the host's next one is counted when it dies" {
	start
	reset_by_worker
	is 'worker_starts_total{host="host-a"}' 1
	wait_for eval '[ "$(metric '"'"'worker_memory_bytes{host="host-a"}'"'"')" -gt 100000 ]'
	pid=$(worker_pid rem)
	kill -KILL "$pid"
	reset_by_worker
	is 'worker_starts_total{host="host-a"}' 2
	[ "$(worker_pid rem)" != "$pid" ]
	pkill -KILL -f "$PWD/rem/vmm/relay"
	wait_for is 'worker_memory_bytes{host="host-a"}' 0
	finish
	[ "$status" -eq 0 ]
}

@test "after a sync the host's new worker makes the processes, and the old one has ended" {
	start
	reset_by_worker
	pid=$(worker_pid rem)
	make_set var/remotes
	echo new >>var/remotes/vmm/worker
	"$BUILD/drivers/kvm_sync_hosts/kvm-sync-hosts" -q host-a
	cmp var/remotes/vmm/worker rem/vmm/worker
	reset_by_worker
	wait_for never kill -0 "$pid"	# its end is seen a moment after the next one began
	is 'worker_starts_total{host="host-a"}' 2
	cmp "/proc/$(worker_pid rem)/exe" var/remotes/vmm/worker
	finish
}

@test "switched off at SIGHUP, no further step is made by the host's worker; without the key from the start there is none" {
	start
	reset_by_worker
	by_relay 'hosts: { worker = false; };'
	kill -HUP "$driver_pid"
	expect 'was read again: changed: hosts.worker$'
	was=$(metric worker_steps_total)
	for ((n = 0; n < 3; n++)); do reset; done
	wait_for is 'action_seconds_count{action="RESET"}' $last
	is worker_steps_total "$was"
	finish
	wait_for never worker_pid rem
	start
	for ((n = 0; n < 3; n++)); do reset; done
	never worker_pid rem
	finish
}

# Actions of host-a run here, against its libvirt, which is that of libvirt's test driver; those of host silent, against $SILENT.
go_direct() {	# [TEXT]: what vmm_exec.cfg has more
	make_set var/remotes
	configure "host: ( { name = \"silent\"; transport = \"direct\"; uri = \"${SILENT:-test:///default}\"; },
		{ name = \"*\"; transport = \"direct\"; uri = \"test:///default\"; } ); ${1:-} metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
}

has_threads() {	# its process in $pid
	pid=$(pgrep -x reset -P "$driver_pid")
	[ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 1 ]
}

@test "direct: a worker of the driver's own makes the processes of actions that run here" {
	go_direct
	start
	reset_by_worker
	is relay_steps_total 0
	is 'worker_starts_total{host=""}' 1
	wait_for eval '[ "$(metric '"'"'worker_memory_bytes{host=""}'"'"')" -gt 100000 ]'
	[ "$(ps -o ppid= "$(worker_pid var/remotes)" | tr -d ' ')" -eq "$driver_pid" ]
	send "$(request RESET 99 host-a DEPLOY_ID=nosuch)"
	expect '^RESET FAILURE 99 .*reset: .*nosuch'
	finish
	[ "$status" -eq 0 ]
	wait_for never worker_pid var/remotes
}

@test "direct: when its worker dies or hangs, each action is done once and the next worker is asked later" {
	go_direct
	start
	reset_by_worker
	kill -KILL "$(worker_pid var/remotes)"
	reset_by_worker
	kill -STOP "$(worker_pid var/remotes)"
	stopped=$(worker_pid var/remotes)
	reset
	wait_for never kill -0 "$stopped"
	reset_by_worker
	is 'worker_starts_total{host=""}' 3
	[ "$(grep -c '^RESET SUCCESS ' out)" -eq $last ]
	finish
}

@test "direct: a program that may not be run is not run by the worker either" {
	go_direct
	start
	reset_by_worker
	chmod a-x var/remotes/vmm/kvm/reset
	send "$(request RESET 98 host-a DEPLOY_ID=test)"
	expect '^RESET FAILURE 98 .*cannot run .*/reset: Permission denied'
	finish
}

@test "direct: with PRIORITY every thread of an action is nice, however late the driver gets to set it" {
	echo PRIORITY=5 >etc/defaultrc
	silent
	go_direct
	printf '#!/bin/sh\nLD_PRELOAD="%s" SLOW=setpriority exec "%s" "$@"\n' \
		"$(preload_for "$DRIVER" kernel)" "$DRIVER" >late-driver
	chmod +x late-driver
	DRIVER=$PWD/late-driver
	start
	reset_by_worker
	send "$(request RESET 99 silent DEPLOY_ID=test)"
	wait_for has_threads
	sed 's/.*) //' "/proc/$pid"/task/*/stat | awk '{ print $17 }' | sort -u >seen
	kill -KILL "$pid"
	[ "$(cat seen)" = "$(nice -n 5 nice)" ]
	expect '^RESET FAILURE 99 '
	is relay_steps_total 0
	finish
}

@test "direct: killed, the driver leaves no worker behind; without hosts.worker it has none" {
	go_direct
	start
	reset_by_worker
	pid=$(worker_pid var/remotes)
	kill -KILL "$driver_pid"
	wait_for never kill -0 "$pid"
	exec 9>&-
	go_direct 'hosts: { worker = false; };'
	start
	for ((n = 0; n < 3; n++)); do reset; done
	never worker_pid var/remotes
	finish
}
