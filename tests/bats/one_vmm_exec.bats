# SPDX-License-Identifier: Apache-2.0
# one_vmm_exec.bats - the wire: handshake, bad input, cancel, end, limits.
load helper
load driver

@test "INIT: the answer is one write" {
	[ "$(printf 'INIT\n' | "$DRIVER" kvm 2>&- | { dd bs=4096 count=1 2>/dev/null; cat >rest; })" = 'INIT SUCCESS - -' ]
	[ ! -s rest ]
}

@test "INIT: is answered alone, with stderr closed and all arguments in one word" {
	printf 'INIT\nINIT with words\n' >lines
	run bash -c '"$1" "-t 15 -r 0 kvm -p" <lines 2>&-' - "$DRIVER"
	[ "$output" = $'INIT SUCCESS - -\nINIT SUCCESS - -' ]
}

@test "descriptors: a closed stderr becomes /dev/null and oned's own ones are not kept" {
	exec 7<calls
	rm -f in; mkfifo in
	"$DRIVER" "kvm" <in >out 2>&- 3>&- &
	driver_pid=$!
	exec 9>in
	wait_for test -e "/proc/$driver_pid/fd/2"
	send INIT
	expect '^INIT SUCCESS'
	[ "$(readlink "/proc/$driver_pid/fd/2")" = /dev/null ]
	never grep -q "$PWD/calls" <<<"$(ls -l "/proc/$driver_pid/fd")"
	finish
}

@test "arguments: one word, many words, glued and long options are the same" {
	start '-t15 --retries=0 --parallel   kvm'
	finish
	[ "$status" -eq 0 ]
	run --separate-stderr "$DRIVER" -t 15 kvm -p </dev/null
	[ "$status" -eq 255 ]
	[ -z "$output" ]
}

@test "arguments: an unknown option or a missing hypervisor is status 255 and no output" {
	run --separate-stderr "$DRIVER" "-t 15 --nonsense kvm" </dev/null
	[ "$status" -eq 255 ]
	[ -z "$output" ]
	run --separate-stderr "$DRIVER" "-t 15" </dev/null
	[ "$status" -eq 255 ]
	[ -z "$output" ]
	[[ $stderr == *"no hypervisor"* ]]
}

@test "arguments: -t 0 does not hang" {
	start '-t 0 kvm -p'
	send "$(request RESET 5)"
	expect '^RESET SUCCESS 5 -$'
	finish
}

@test "arguments: what is probably a mistake is logged after INIT, and the driver starts all the same" {
	start 'nosuch -t 0 -l deploy,bogus -d migrat extra'
	expect "^LOG W -1 one_vmm_exec: argument 'extra' has no effect: the hypervisor is 'nosuch'$"
	expect "^LOG W -1 one_vmm_exec: -t '0' is not a number of 1 or more: 1 is used$"
	expect "^LOG W -1 one_vmm_exec: hypervisor 'nosuch' has no scripts in $PWD/var/remotes/vmm/nosuch "
	expect "^LOG W -1 one_vmm_exec: -l: no action is called 'bogus' \(nearest: [a-z_]+\)$"
	expect "^LOG W -1 one_vmm_exec: -d: no action is called 'migrat' \(nearest: migrate\)$"
	finish
	start '-t 15 -r 0 -l migrate,snapshotcreate=mine -d save,attach_disk qemu -p'
	sleep 1.2
	never grep -q '^LOG W' out
	finish
}

@test "--check-config: faults have their line and class, doubts are warnings, and nothing is started" {
	configure 'log: { level = "chatty"; };'
	run --separate-stderr "$DRIVER" --check-config kvm
	[ "$status" -eq 255 ]
	[ "$stderr" = "one_vmm_exec: $PWD/etc/vmm_exec/vmm_exec.cfg:1: log.level 'chatty' is not error, warning, info or debug [config]" ]
	configure 'host: ( { name = "h"; transport = "reley"; } );'
	run --separate-stderr "$DRIVER" --check-config
	[ "$status" -eq 255 ]
	[[ $stderr == *"vmm_exec.cfg:1: transport 'reley' is not relay, ssh or direct [config]" ]]
	configure
	run --separate-stderr "$DRIVER" '--check-config kvm -t x'
	[ "$status" -eq 0 ]
	[ "$output" = "warning: -t 'x' is not a number of 1 or more: 1 is used
$PWD/etc/vmm_exec/vmm_exec.cfg: OK, with warnings" ]
	run "$DRIVER" --check-config kvm -p
	[ "$output" = "$PWD/etc/vmm_exec/vmm_exec.cfg: OK" ]
	rm etc/vmm_exec/vmm_exec.cfg
	run "$DRIVER" --check-config kvm -p
	[ "$output" = "$PWD/etc/vmm_exec/vmm_exec.cfg: not there, so all keys have their defaults" ]
	[ ! -e var/vmm_exec ]
}

@test "bad lines: each gets one FAILURE that says why, and the next line works" {
	start
	send 'FOO  1 abc'
	send 'RESET  2 '
	send 'RESET  3 !!!!'
	send "RESET  4 $(base64 <<<hello)"
	send "RESET  5 $(base64 <<<'<VMM_DRIVER_ACTION_DATA><HOST>h</HOST>' | tr -d '\n')"
	send "RESET  6 $(base64 <<<'<VMM_DRIVER_ACTION_DATA/>' | tr -d '\n')"
	send "RESET  7 $(base64 -w0 <<<'<VMM_DRIVER_ACTION_DATA><HOST>-oProxyCommand=x</HOST></VMM_DRIVER_ACTION_DATA>')"
	send ''
	send ' RESET  8 x'
	send 'RESET'
	send "$(request RESET 9)"
	expect '^RESET SUCCESS 9 -$'
	expect '^FOO FAILURE 1 unknown action$'
	expect '^RESET FAILURE 2 the line has no document$'
	expect '^RESET FAILURE 3 the document is not in base64$'
	expect '^RESET FAILURE 4 request:1:1: '
	expect '^RESET FAILURE 5 request:'
	expect '^RESET FAILURE 6 the request names no host$'
	expect "^RESET FAILURE 7 '-oProxyCommand=x' is not a host name\$"
	expect '^RESET FAILURE 0 the line has no document$'
	[ "$(grep -c '^LOG W -1 .*malformed message' out)" -eq 1 ]
	[ "$(grep -c FAILURE out)" -eq 8 ]
	finish
	[ "$status" -eq 0 ]
}

@test "bad lines: what oned never sends is answered or logged, and the next line works" {
	start
	payload=$(request RESET 1 | awk '{ print $3 }')
	send "RESET: 306 $payload"
	send 'LOG I 306 hello'
	send "CHECKPOINT 306 $payload"
	send 'FOO'
	send "RESET 5 $(base64 -w0 <<<'<VMM_DRIVER_ACTION_DATA><HOST>host-a</HOST></VMM_DRIVER_ACTION_DATA>')"
	send "$(request RESET 9)"
	expect '^RESET SUCCESS 9 -$'
	expect '^RESET SUCCESS 5 -$'
	expect "^LOG W -1 .*malformed message: 'RESET:' is not an action"
	expect '^LOG FAILURE 0 unknown action$'
	expect '^CHECKPOINT FAILURE 306 unknown action$'
	expect '^FOO FAILURE 0 unknown action$'
	finish
	[ "$(grep -c kvm/reset calls)" -eq 2 ]
}

@test "a request whose document is cut off, malformed, or of another kind is refused before anything runs" {
	local line document
	line=$(request REBOOT 7)
	document=$(base64 -d <<<"${line##* }")
	start
	send "REBOOT  7 $(head -c -9 <<<"$document" | base64 -w 0)"
	send "REBOOT  8 $(sed 's/VMM_DRIVER_ACTION_DATA/OTHER/g' <<<"$document" | base64 -w 0)"
	send "REBOOT  9 $(sed 's/^/<!DOCTYPE a>/' <<<"$document" | base64 -w 0)"
	send "REBOOT  10 $(echo "$document" | base64 -w 0)"
	send "SHUTDOWN  11 $(sed 's/<VM>/<VM><X>/' <<<"$document" | base64 -w 0)"
	send "REBOOT  12 $(sed 's/^\(.\{20\}\)./\1=/' <<<"${line##* }")"
	send "REBOOT  13 $(sed 's/^\(.\{20\}\)./\1-/' <<<"${line##* }")"
	expect '^REBOOT FAILURE 7 request:1:[0-9]+: '
	expect '^REBOOT FAILURE 8 request: its root is OTHER, not VMM_DRIVER_ACTION_DATA'
	expect '^REBOOT FAILURE 9 request: .*document type'
	expect '^REBOOT SUCCESS 10 -$'
	expect '^SHUTDOWN FAILURE 11 request:[0-9]+:[0-9]+: '
	expect '^REBOOT FAILURE 12 the document is not in base64$'
	expect '^REBOOT FAILURE 13 the document is not in base64$'
	finish
	[ "$(called)" = reboot ]
}

@test "bad lines: a document type declaration is refused, so no entity ever grows" {
	start
	send "RESET  1 $(base64 -w0 <<<'<!DOCTYPE x [<!ENTITY a "b">]><VMM_DRIVER_ACTION_DATA><HOST>&a;</HOST></VMM_DRIVER_ACTION_DATA>')"
	expect '^RESET FAILURE 1 .*document type declaration'
	finish
}

@test "lines: one blank, tabs, a status, lower case and NULs are understood" {
	start
	line=$(request RESET 1)
	payload=${line##* }
	send "RESET 1 $payload"
	expect '^RESET SUCCESS 1 -$'
	send $'RESET\t2\t'"$payload"
	expect '^RESET SUCCESS 2 -$'
	send "reset  3 $payload"
	expect '^RESET SUCCESS 3 -$'
	printf 'RESET  4\0 %s\n' "$payload" >&9
	expect '^RESET SUCCESS 4 -$'
	send "RESET  abc $payload"
	expect '^RESET SUCCESS 0 -$'
	send "RESET  -1 $payload"
	expect '^RESET SUCCESS -1 -$'
	finish
}

@test "lines: one over the limit is answered and skipped, whatever its length" {
	configure 'limits: { line_bytes = 65536; };'
	start
	send "RESET  1 $(head -c 300000 /dev/zero | tr '\0' A)"
	expect '^RESET FAILURE 1 the line is too long'
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	[ "$(grep -c FAILURE out)" -eq 1 ]
	finish
}

@test "FINALIZE: when idle the driver ends with 0, later lines are not taken" {
	start
	printf 'FINALIZE\n%s\n' "$(request RESET 1)" >&9
	exec 9>&-
	status=0
	wait "$driver_pid" || status=$?
	[ "$status" -eq 0 ]
	[ "$(cat out)" = 'INIT SUCCESS - -' ]
}

@test "FINALIZE: running actions may end and are answered; waiting ones are dropped" {
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 1 kvm'
	send "$(request RESET 1)"
	send "$(request REBOOT 2)"
	wait_for grep -q reset calls
	send FINALIZE
	exec 9>&-
	(sleep 0.5; touch var/go) 3>&- &
	status=0
	wait "$driver_pid" || status=$?
	[ "$status" -eq 0 ]
	grep -q '^RESET SUCCESS 1 -$' out
	never grep -q REBOOT out
	[ "$(called)" = reset ]
}

@test "end of input: status 255, and no process stays behind" {
	stub rem/vmm/kvm/reset 'exec sleep 961.5'
	start
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	exec 9>&-
	status=0
	wait "$driver_pid" || status=$?
	[ "$status" -eq 255 ]
	wait_for never sleeps 961.5
}

@test "end of input: status 255 when idle, and a last line without its newline is not taken" {
	run "$DRIVER" kvm < <(echo INIT; request RESET 1 | tr -d '\n')
	[ "$status" -eq 255 ]
	[ "$output" = 'INIT SUCCESS - -' ]
	[ ! -s calls ]
}

@test "SIGTERM: ends it as FINALIZE does" {
	start
	kill -TERM "$driver_pid"
	status=0
	wait "$driver_pid" || status=$?
	[ "$status" -eq 0 ]
}

@test "DRIVER_CANCEL: a running action is ended with its children within a second, and gets no reply" {
	stub rem/vmm/kvm/shutdown 'sleep 962.5 & wait'
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 962.5
	send 'DRIVER_CANCEL  306 '
	expect '^LOG I 306 Driver command for 306 cancelled$'
	wait_for never sleeps 962.5
	send "$(request RESET 777)"
	expect '^RESET SUCCESS 777 -$'
	finish
	never grep -q '^SHUTDOWN' out
	[ "$(called)" = 'shutdown reset' ]
}

@test "DRIVER_CANCEL: a script that ignores SIGTERM is killed within a second" {
	stub rem/vmm/kvm/shutdown 'trap "" TERM; sleep 963.5; sleep 963.5'
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 963.5
	send 'DRIVER_CANCEL  306 '
	wait_for never sleeps 963.5
	finish
}

@test "DRIVER_CANCEL: a local transfer step is ended too, and nothing is undone" {
	stub var/remotes/tm/qcow2/context 'exec sleep 964.5'
	start
	send "$(deploy_request 306)"
	wait_for sleeps 964.5
	send 'DRIVER_CANCEL  306 '
	wait_for never sleeps 964.5
	finish
	never grep -q '^DEPLOY' out
	[ "$(called)" = context ]
}

@test "DRIVER_CANCEL: a waiting action is dropped, others are not touched, an unknown id is ignored" {
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 15 kvm'
	send "$(request RESET 1)"
	send "$(request REBOOT 2)"
	send "$(request REBOOT 3)"
	send 'DRIVER_CANCEL  2 '
	send 'DRIVER_CANCEL  99 '
	expect '^LOG I 99 Driver command for 99 cancelled$'
	touch var/go
	expect '^REBOOT SUCCESS 3 -$'
	expect '^RESET SUCCESS 1 -$'
	finish
	never grep -q '^REBOOT .* 2 ' out
	[ "$(awk '{ print $5 }' calls | tr '\n' ' ')" = '1 3 ' ]
}

@test "order: without -p a host runs one at a time in the order of arrival, others overtake" {
	# The first of host-a ends once that of host-b has begun.
	stub rem/vmm/kvm/reset 'echo "start $ON_HOST $3" >>log; until grep -q "host-b 5" log; do sleep 0.02; done; sleep 0.2; echo "end $ON_HOST $3" >>log'
	start '-t 15 kvm'
	for id in 1 2 3 4; do request RESET $id host-a; done >lines
	request RESET 5 host-b >>lines
	cat lines >&9
	for id in 1 2 3 4 5; do expect "^RESET SUCCESS $id -"; done
	finish
	[ "$(grep -h host-a var/log | tr '\n' ' ')" = 'start host-a 1 end host-a 1 start host-a 2 end host-a 2 start host-a 3 end host-a 3 start host-a 4 end host-a 4 ' ]
	[ "$(grep -n 'host-b 5' var/log | head -1 | cut -d: -f1)" -le 2 ]
}

@test "order: with -p one host runs many at once, but one VM one at a time" {
	stub rem/vmm/kvm/reset 'echo "start $3" >>log; until [ -e go ]; do sleep 0.02; done; echo "end $3" >>log'
	start '-t 15 kvm -p'
	send "$(request RESET 1)"
	send "$(request RESET 1)"
	send "$(request RESET 2)"
	wait_for grep -q 'start 2' var/log
	wait_for grep -q 'start 1' var/log
	touch var/go
	wait_for eval '[ "$(grep -c "^RESET SUCCESS 1 -" out)" -eq 2 ]'
	expect '^RESET SUCCESS 2 -'
	finish
	[ "$(grep ' 1' var/log | tr '\n' ' ')" = 'start 1 end 1 start 1 end 1 ' ]
}

@test "-t: never more than that many at once" {
	stub rem/vmm/kvm/reset 'echo + >>log; sleep 0.2; echo - >>log'
	start '-t 2 kvm -p'
	for id in 1 2 3 4 5 6; do send "$(request RESET $id)"; done
	for id in 1 2 3 4 5 6; do expect "^RESET SUCCESS $id -"; done
	finish
	awk '/\+/ { if (++n > 2) exit 1 } /-/ { n-- }' var/log
}

@test "-w: a script that takes longer is ended on its host, and the outcome is unknown" {
	stub rem/vmm/kvm/reset 'sleep 965.5 & wait'
	start '-w 1 kvm'
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 outcome unknown: .*/vmm/kvm/reset did not end within 1 s'
	wait_for never sleeps 965.5
	finish
}

@test "-r: a direct action is run again, others are not" {
	stub rem/vmm/kvm/poll '[ -e second ] && echo STATE=a || { touch second; exit 1; }'
	stub rem/vmm/kvm/reset 'exit 1'
	start '-r 2 kvm -p'
	send "$(request POLL 1)"
	expect '^POLL SUCCESS 1 STATE=a$'
	send "$(request RESET 2)"
	expect '^RESET FAILURE 2 '
	finish
	[ "$(called)" = 'poll poll reset' ]
}

@test "a thousand actions for fifty hosts: in order, none lost, little memory" {
	stub rem/vmm/kvm/reboot
	cat >rem/vmm/kvm/reboot <<-EOF
	#!/bin/sh
	echo "start \$ON_HOST \$3" >>$PWD/order
	echo "end \$ON_HOST \$3" >>$PWD/order
	EOF
	run "$TOP/tests/tools/flood" "$DRIVER" '-t 15 kvm' "$DATA/messages/DEPLOY-multi-vnm.msg" 1000 50 order
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'replies 1000 failures 0 '* ]]
	[[ $output == *'order ok'* ]]
	[[ $BUILD == *asan* ]] || [ "$(sed -n 's/.*hwm_kib \([0-9]*\).*/\1/p' <<<"$output")" -lt 16384 ]
}

# A busy machine has more of them waiting at a time: all 10,000 documents are 30 MiB.
@test "ten thousand actions leave nothing behind in the driver" {
	mkdir -p var/remotes/vmm/kvm
	cp "$(type -P true)" var/remotes/vmm/kvm/reboot
	run "$TOP/tests/tools/flood" "$DRIVER" '-t 15 -l reboot kvm' "$DATA/messages/REBOOT.msg" 10000 50
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'replies 10000 failures 0 '* ]]
	[[ $BUILD == *asan* ]] || [ "$(sed -n 's/.*hwm_kib \([0-9]*\).*/\1/p' <<<"$output")" -lt 49152 ]
}

@test "it has no threads except the one that writes the journal" {
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	[ "$(ls "/proc/$driver_pid/task" | wc -l)" -eq 2 ]
	finish
}

@test "it links no libvirt" {
	run readelf -d "$DRIVER"
	[[ $output != *libvirt* ]]
}
