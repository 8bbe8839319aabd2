#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs in a real guest, through its agent: started, told about, ended, and nothing else ended.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file
	start node1 1
}

setup() {
	settings VIRSH_RETRIES=1
}

teardown() {
	keep_guests
}

pid() {
	on cat /run/one/one-1
}

# sleeps_in_guest SECONDS: whether a "sleep" of that many runs in the guest.
sleeps_in_guest() {
	lab_in_guest node1 one-1 "grep -qaE '^(/bin/)?[s]leep.$1' /proc/[0-9]*/cmdline 2>/dev/null"
}

@test "exec: output, exit status and stdin; words are split as by a shell, but no shell runs" {
	act exec --wait 10 1 node1 "/bin/echo 'a  b' \"c\\\"d\" \$HOME; e"
	assert_success
	assert_output 'a  b c"d $HOME; e'
	act exec --wait 10 1 node1 "/bin/cat" "$(printf 'from "stdin"\n' | base64)"
	assert_success
	assert_output 'from "stdin"'
	act exec --wait 10 1 node1 "/bin/sh -c 'echo out; echo err >&2; exit 7'"
	assert_failure 1
	assert_regex "$(error_message)" '^exec: the program in domain one-1 ended with status 7 \[guest\]'
	assert_regex "$stderr" 'INFO: exec: err'
	never on test -e /run/one/one-1
	act exec --wait 10 1 node1 /no/such/program
	assert_failure 1
	assert_regex "$(error_message)" '^exec: the agent of domain one-1: .*guest-exec.*\[guest\]'
	act exec 1 node1 "/bin/echo 'x"
	assert_failure 1
	assert_regex "$(error_message)" '^exec: the command: .*\[input\]'
	act exec 1 node1 /bin/cat 'no base64!'
	assert_failure 1
	assert_regex "$(error_message)" "^exec: the program's stdin is not base64 \\[input\\]"
}

# The agent's set of results, printed.
results() {
	on /var/tmp/one/im/monitord-client --once vm/execution --print
}

# The result, once it is there, in the file result of the test's directory.
fetch() {
	local begin=$SECONDS
	cd "$BATS_TEST_TMPDIR" || return
	until { results >result && [ -s result ]; } || late "$begin" 5; do sleep 0.1; done
	[ -s result ]
}

@test "the monitoring fetches the result of a program that has ended, once" {
	act exec 1 node1 "/bin/sh -c 'echo out; printf \"a\\\\000b\" >&2; exit 7'"
	assert_success
	local number
	number=$(pid)
	fetch
	[ "$(cat result)" = "VM = [ ID=\"1\", PID=\"$number\", STATUS=\"DONE\", RETURN_CODE=\"7\", STDOUT=\"$(echo out | base64)\", STDERR=\"$(printf 'a\0b' | base64)\"]" ]
	never on test -e /run/one/one-1
	[ -z "$(results)" ]
	act exec 1 node1 '/bin/sleep 300'
	[ -z "$(results)" ]
	on test -e /run/one/one-1
	act exec_cancel 1 node1
}

@test "a guest that hangs keeps its program's file; a program's end by a signal has no status" {
	act exec 1 node1 "/bin/sh -c 'kill -9 \$\$'"
	assert_success
	on kill -STOP "$(qemu_pid 1)"
	[ -z "$(results)" ]
	on test -e /run/one/one-1
	on kill -CONT "$(qemu_pid 1)"
	fetch
	[[ $(cat result) == *'STATUS="DONE", RETURN_CODE="", STDOUT="", STDERR=""]' ]]
}

@test "exec: does not wait; its process is noted for the monitoring; a second one waits its turn" {
	act exec 1 node1 '/bin/sleep 300'
	assert_success
	assert_output ''
	lab_in_guest node1 one-1 "kill -0 $(pid)"
	act exec 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '^exec: process [0-9]+ of an earlier exec still runs in domain one-1 \[busy\]'
	local pid other
	pid=$(pid)
	other=$(lab_agent node1 one-1 guest-exec '{"path": "/bin/sleep", "arg": ["301"]}' | jq .pid)
	act exec_cancel 1 node1
	assert_success
	never lab_in_guest node1 one-1 "kill -0 $pid"
	lab_in_guest node1 one-1 "kill -0 $other && kill $other"
	never on test -e /run/one/one-1
	act exec_cancel 1 node1
	assert_success
	assert_regex "$stderr" 'no program runs in domain one-1 any more'
	act exec 1 node1 /bin/true
	assert_success
	act exec 1 node1 /bin/true
	assert_success
}

@test "exec: a program that does not end in time is ended" {
	act exec --wait 1 1 node1 '/bin/sleep 302'
	assert_failure 1
	assert_regex "$(error_message)" '^exec: the program in domain one-1 did not end in time \[timeout\]'
	assert_regex "$stderr" 'ended process [0-9]+'
	never sleeps_in_guest 302
}

@test "exec --wait: while it waits the host's other programs are started and ended, and exec_cancel ends its own" {
	local waiting
	on "$ACTIONS/exec" --wait 300 1 node1 '/bin/sleep 315' >"$BATS_TEST_TMPDIR/waited" 2>&1 3>&- &
	waiting=$!
	lab_until node1 20 virsh -q metadata one-1 urn:vmmexec:exec
	act exec --deadline 20 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '^exec: process [0-9]+ of an earlier exec still runs in domain one-1 \[busy\]'
	# The monitoring would take its result.
	never on test -e /run/one/one-1
	act exec_cancel --deadline 20 1 node1
	assert_success
	ended $waiting
	[ "$status" -ne 0 ]
	never sleeps_in_guest 315
	act exec --wait 10 1 node1 '/bin/echo next'
	assert_output next
}

# hang AFTER SECONDS: the agent stops answering then, for so long; libvirt waits 30 s for it.
hang() {
	lab_agent node1 one-1 guest-exec "{\"path\": \"/bin/sh\", \"arg\": [\"-c\", \"sleep $1; p=\$(pidof qemu-ga); kill -STOP \$p; sleep $2; kill -CONT \$p\"]}" >/dev/null
}

@test "exec: a program of which the agent tells nothing for a while is not forgotten, and no second one is started beside it" {
	local pid
	hang 2 34
	act exec --wait 20 1 node1 '/bin/sleep 304'
	assert_failure 3
	pid=$(pid)
	lab_wait_agent node1 one-1
	lab_in_guest node1 one-1 "kill -0 $pid"
	hang 0 34
	sleep 1
	act exec 1 node1 '/bin/sleep 305'
	assert_failure 1
	assert_regex "$(error_message)" '^exec: whether process [0-9]+ of an earlier exec still runs in domain one-1 is not known: '
	[ "$(pid)" = "$pid" ]
	lab_wait_agent node1 one-1
	never sleeps_in_guest 305
	act exec_cancel 1 node1
	assert_success
	never sleeps_in_guest 304
}

# The domain's metadata come with it; the file of the host that it was on does not.
@test "exec_cancel and exec know of a program that was started before a migration" {
	local pid
	act exec 1 node1 '/bin/sleep 306'
	assert_success
	pid=$(pid)
	# Another host has no file, or one from when the domain was there before.
	on rm /run/one/one-1
	act exec 1 node1 /bin/true
	assert_failure 1
	on sh -c 'echo 999999 >/run/one/one-1'
	[ -z "$(results)" ]
	act exec 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" "^exec: process $pid of an earlier exec still runs in domain one-1 \\[busy\\]"
	act exec_cancel 1 node1
	assert_success
	never sleeps_in_guest 306
	act exec_cancel 1 node1
	assert_success
	assert_regex "$stderr" 'no program runs in domain one-1 any more'
	never grep 'urn:vmmexec:exec' <(lab_virsh node1 dumpxml one-1)
}

@test "exec_cancel: a number that is another program's by now is left alone" {
	local other
	other=$(lab_agent node1 one-1 guest-exec '{"path": "/bin/sh", "arg": ["-c", "sleep 303 & echo $! >/run/other"]}' | jq .pid)
	other=$(lab_in_guest node1 one-1 'cat /run/other')
	on sh -c "echo $other >/run/one/one-1"
	act exec_cancel 1 node1
	assert_success
	lab_in_guest node1 one-1 "kill -0 $other && kill $other"
}

# guests_kill SCRIPT: what the program "kill" does in the guest from now on; its own is kill.own there.
guests_kill() {
	lab_in_guest node1 one-1 "k=\$(which kill); test -e \$k.own || cp -a \$k \$k.own; rm \$k; printf '#!/bin/sh\n%s\n' '$1' >\$k; chmod 755 \$k"
}

guests_own_kill() {
	lab_in_guest node1 one-1 'k=$(which kill); rm $k; mv $k.own $k'
}

@test "exec_cancel: a program that is not ended is not reported as ended, and is not forgotten" {
	local pid
	act exec 1 node1 '/bin/sleep 308'
	assert_success
	pid=$(pid)
	guests_kill 'echo not today >&2; exit 3'
	act exec_cancel 1 node1
	assert_failure 1
	assert_regex "$(error_message)" "^exec_cancel: cannot end process $pid in domain one-1: the guest's kill ended with status 3: not today \\[guest\\]"
	[ "$(pid)" = "$pid" ]
	# It has begun, and says nothing.
	guests_kill 'exit 0'
	act exec_cancel --deadline 20 1 node1
	assert_failure 3
	assert_regex "$(error_message)" "^exec_cancel: process $pid in domain one-1 was killed, and still runs \\[guest\\]"
	act exec 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '\[busy\]'
	guests_own_kill
	act exec_cancel 1 node1
	assert_success
	never sleeps_in_guest 308
}

@test "exec --wait: a program that cannot be ended is still known, and the outcome is unknown" {
	guests_kill 'exit 3'
	act exec --wait 1 1 node1 '/bin/sleep 309'
	assert_failure 3
	assert_regex "$(error_message)" '^exec: the program in domain one-1 did not end in time .*exec_cancel'
	on test -e /run/one/one-1
	guests_own_kill
	act exec_cancel 1 node1
	assert_success
	never sleeps_in_guest 309
}

@test "exec_cancel: what the program started may go on, and hold its output: the program itself is ended" {
	act exec 1 node1 "/bin/sh -c 'sleep 310 & wait'"
	assert_success
	act exec_cancel 1 node1
	assert_success
	never on test -e /run/one/one-1
	sleeps_in_guest 310
}

@test "exec: an agent that answers too late may have started the program: unknown, not failed" {
	lab_in_guest node1 one-1 'rm -f /run/late'
	lab_agent node1 one-1 guest-exec '{"path": "/bin/sh", "arg": ["-c", "p=$(pidof qemu-ga); kill -STOP $p; echo AGENT-HANGS >/dev/console; sleep 34; kill -CONT $p"]}' >/dev/null
	lab_wait_console node1 one-1 AGENT-HANGS >/dev/null
	act exec 1 node1 '/bin/touch /run/late'
	assert_failure 3
	assert_regex "$(error_message)" '^exec: the agent of domain one-1: .*the outcome is unknown'
	lab_wait_agent node1 one-1
	lab_in_guest node1 one-1 'test -e /run/late'
}

@test "exec: a VM without agent, and a paused one, are refused" {
	deploy_deaf 2
	act exec 2 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '^exec: the agent of domain one-2: .*QEMU guest agent is not configured \[incompatible\]'
	lab_virsh node1 suspend one-1
	act exec 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '\[refused\]'
	lab_virsh node1 resume one-1
	act exec 9 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '^exec: cannot find domain one-9: '
}

@test "exec: a program that writes more than libvirt passes on" {
	act exec --wait 20 1 node1 '/bin/sh -c "head -c 4000000 /dev/zero >&2; head -c 1000 /dev/zero"'
	assert_failure 3
	assert_regex "$(error_message)" '^exec: the program in domain one-1 ended, and wrote more than libvirt passes on .* \[no-resource\] \(hint: .*let it write into a file of the guest'
	never on test -e /run/one/one-1
	act exec 1 node1 '/bin/sh -c "head -c 4000000 /dev/zero"'
	assert_success
	act exec_cancel 1 node1
	assert_success
	act exec --wait 10 1 node1 '/bin/echo goes on'
	assert_success
	assert_output 'goes on'
	# With still more libvirt gives that agent up.
	act exec --wait 20 1 node1 '/bin/sh -c "head -c 9000000 /dev/zero"'
	assert_failure 3
	assert_regex "$(error_message)" '\[no-resource\]'
	act exec 1 node1 /bin/true
	assert_failure 1
	assert_regex "$(error_message)" '\[guest\] \(hint: libvirt talks to that agent again when it is restarted in the guest\)'
}
