# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# Probes in OpenNebula's folders: answered by the agent, or run as OpenNebula's client runs them.
load helper
load node
load monitord

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	set_of_agent
	PROBES=$SET/im/kvm-probes.d
	mkdir -p "$PROBES"/{host/{beacon,system,monitor},vm/{status,monitor,snapshot}}
}

teardown() {
	end_receiver
	end_agent
}

# probe SET/NAME TEXT...: a script of these lines.
probe() {
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$PROBES/$1"
	chmod +x "$PROBES/$1"
}

# What OpenNebula has in these files, but for comments.
stock() {
	probe host/system/architecture.sh '' '# Copyright 2002-2031, somebody' '' 'echo ARCH=`uname -m`'
	probe host/system/name.sh 'echo HOSTNAME=`uname -n`' ''
}

once() {
	run --separate-stderr -- "$SET/im/monitord-client" --once "$1" --print kvm 7 node1 "${@:2}"
	assert_success
}

@test "the list says which are answered and which are run" {
	stock
	probe host/system/cpu.sh 'echo MODELNAME=mine'
	probe host/system/rack.sh 'echo RACK=7'
	probe host/system/old.sh 'echo OLD=1'
	chmod -x "$PROBES/host/system/old.sh"
	run "$SET/im/kvm-probes" --list
	assert_success
	assert_line --regexp '^host/system +architecture.sh +built in$'
	assert_line --regexp '^host/system +name.sh +built in$'
	assert_line --regexp "^host/system +cpu.sh +run: it is not OpenNebula's own, as far as is known$"
	assert_line --regexp '^host/system +rack.sh +run: of this site$'
	assert_line --regexp '^host/system +old.sh +off: not executable$'
	[ "${#lines[@]}" -eq 5 ]
}

@test "a probe that is recorded as OpenNebula's own is answered here, until it is edited" {
	probe host/system/cpu.sh 'echo of another release'
	probe host/system/rack.sh 'echo RACK=7'
	run "$SET/im/kvm-probes" --record
	assert_success
	assert_output host/system/cpu.sh
	run "$SET/im/kvm-probes" --list
	assert_line --regexp 'cpu.sh +built in$'
	assert_line --regexp 'rack.sh +run: of this site$'
	echo 'echo more' >>"$PROBES/host/system/cpu.sh"
	run "$SET/im/kvm-probes" --list
	assert_line --regexp 'cpu.sh +run: it is not'
	"$SET/im/kvm-probes" --record
	[ "$(wc -l <"$SET/etc/im/kvm-probes.d/stock")" -eq 2 ]
}

@test "a known probe is answered, a removed one is not, an edited or own one is run, in the order of names" {
	stock
	printf '%s\n' '# never run' 'touch "$0.ran"' >>"$PROBES/host/monitor/linux_usage.rb"
	probe host/system/cpu.sh 'echo MODELNAME=mine'
	probe host/system/b.sh 'printf B=1'
	once host/system
	assert_output "ARCH=$(uname -m)
B=1
MODELNAME=mine
HOSTNAME=$(uname -n)"
	once host/system --json
	[ "$(jq -r '.PROBE | length' <<<"$output")" = 2 ]
	once host/monitor
	assert_output ''
}

@test "without OpenNebula's folders all is answered" {
	rm -r "$PROBES"
	once host/system
	assert_line --regexp '^TOTALCPU='
	assert_line --regexp '^MODELNAME='
	run "$SET/im/kvm-probes" --list
	assert_failure 1
	assert_output --partial 'all is built in [not-found]'
}

@test "a probe has the arguments, the input, the directory and the language that OpenNebula's client gives it" {
	probe host/monitor/look.sh 'echo "$0|$*|$(pwd)|$LANG|$(cat)"'
	receiver
	start_message >start
	LANG=de_DE.UTF-8 "$SET/im/monitord-client" --once host/monitor kvm 7 node1 <start
	received "any(.type == \"MONITOR_HOST\")"
	[ "$(jq -rj .text messages)" = "$SET/im/kvm.d/../kvm-probes.d/host/monitor/look.sh|kvm 7 node1|$SET/im/kvm.d|C|$(cat start)" ]
}

@test "a probe that fails, is killed, or prints nothing spoils no other probe" {
	stock
	probe host/system/a.sh 'echo lost; echo out of order >&2; exit 3'
	probe host/system/b.sh 'kill -9 $$'
	probe host/system/c.sh ':'
	printf 'no program\n' >"$PROBES/host/system/d.sh"
	chmod +x "$PROBES/host/system/d.sh"
	once host/system
	assert_line "ARCH=$(uname -m)"
	assert_line "HOSTNAME=$(uname -n)"
	assert_line 'MONITOR_ERROR="Error executing a.sh: out of order"'
	assert_line --partial 'MONITOR_ERROR="Error executing b.sh: signal 9'
	assert_line --partial 'MONITOR_ERROR="Error executing d.sh: '
	refute_output --partial lost
}

@test "a probe that prints more than is kept has failed: half of a list is not taken for the whole" {
	stock
	probe host/system/big.sh 'echo FIRST=1; yes "KEY=value" | head -c 9000000; echo LAST=1'
	"$SET/im/monitord-client" --once host/system --print kvm 7 node1 >told
	grep -qx "ARCH=$(uname -m)" told
	grep -qx 'MONITOR_ERROR="Error executing big.sh: it printed more than 8 MiB"' told
	never grep -qE '^(FIRST|KEY|LAST)=|left out' told
	probe vm/status/big.sh 'echo "VM = [ ID=\"99\", STATE=\"RUNNING\" ]"; yes "# padding" | head -c 9000000'
	"$SET/im/monitord-client" --once vm/status --print kvm 7 node1 >told
	never grep -q 'ID="99"' told
}

@test "strict: a probe that fails is the host's failure, at the start and later" {
	stock
	probe host/monitor/check.sh 'test -e '"$PWD"'/good || { echo no disk >&2; exit 1; }' 'echo DISK=1'
	echo ':strict: yes' >"$SET/etc/im/kvm-probes.d/probe_db.conf"
	receiver
	never start_agent
	grep 'Error executing check.sh: no disk' errors
	touch good
	start_agent
	received 'any(.type == "MONITOR_HOST" and .result == "SUCCESS" and (.text | contains("DISK=1")))'
	rm good
	received 'any(.type == "MONITOR_HOST" and .result == "FAILURE" and .text == "Error executing check.sh: no disk")'
}

@test "states: those of a site's own probe are sent beside ours; a probe in place of OpenNebula's replaces ours" {
	rmdir "$PROBES/vm/status"
	agent
	[[ $(answered) == *SYNC_STATE=yes*'ID="5"'* ]]
	mkdir "$PROBES/vm/status"
	probe vm/status/state.rb 'echo "VM = [ ID=\"99\", STATE=\"RUNNING\" ]"'
	received 'any(.type == "STATE_VM" and (.text | contains("ID=\"99\"")))'
	: >messages	# the receiver appends
	received '[.[] | select(.type == "STATE_VM")] | length >= 3 and all(.text | contains("ID=\"99\""))'
}

@test "snapshots of replicas are told as usage, from OpenNebula's probe" {
	probe vm/snapshot/recovery.rb 'echo "VM = [ ID=\"99\", MONITOR=\"eA==\" ]"'
	once vm/snapshot
	assert_output 'VM = [ ID="99", MONITOR="eA==" ]'
}

@test "metrics: a file for Prometheus, each with its help; a place that cannot be written to stops nothing" {
	rm -r "$PROBES"
	mkdir stats
	echo ":metrics: $PWD/stats/vmm_monitor.prom" >"$SET/etc/im/kvm-probes.d/probe_db.conf"
	agent
	# It is written again and again, under another name first.
	wait_for grep -q '^vmm_monitor_set_sent_time_seconds{set="vm/status"} ' stats/vmm_monitor.prom
	wait_for eval '[ "$(find stats -type f | wc -l)" -eq 1 ]'
	cp stats/vmm_monitor.prom metrics
	diff <(sed -n 's/^\(vmm_monitor_[a-z_]*\)[{ ].*/\1/p' metrics | sort -u) <(sed -n 's/^# HELP \([a-z_]*\) [A-Z0-9].*/\1/p' metrics | sort)
	end_agent
	rm -r stats
	start_agent
	received 'any(.type == "MONITOR_VM")'
	never test -e stats
	echo ':metrics: here.prom' >"$SET/etc/im/kvm-probes.d/probe_db.conf"
	run --separate-stderr -- "$SET/im/monitord-client" --once host/beacon --print
	assert_failure
	[[ $stderr == *"probe_db.conf: :metrics: 'here.prom' is not an absolute path [config]"* ]]
}
