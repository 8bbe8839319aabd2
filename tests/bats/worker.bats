# SPDX-License-Identifier: Apache-2.0
# worker.bats - the process that makes the processes of steps: a step is the same as by its program,
# begins once or not at all, and whatever happens to the worker, it is run.
load helper

setup_file() {
	export SET=$BATS_FILE_TMPDIR/vmm
	mkdir -p "$SET/kvm"
	cp "$BUILD/remotes/vmm/relay" "$BUILD/remotes/vmm/worker" "$SET/"
	for name in $(names); do cp "$BUILD/remotes/vmm/kvm/$name" "$SET/kvm/"; done
}

# Of all actions that the worker has.
names() {
	sed -n 's/^\t{ "\(.*\)", ".*/\1/p' "$BUILD/worker/table.c"
}

# steps [OPTION]... -- PROGRAM ARGUMENT...: by a relay with a worker that is there.
steps() {
	run --separate-stderr "$TOP/tests/tools/relay-steps" "$SET/relay" --warm "$SET/kvm/reset" "$@" </dev/null
}

# The lines of the result, without what was printed.
heads() {
	grep -E '^-?[0-9]+ [0-9] (program|worker)$' <<<"$output" | tr '\n' ';'
}

teardown() {
	[ -z "${silent_pid:-}" ] || kill "$silent_pid"
}

worker_pid='$(pgrep -x worker -P $RELAY_PID)'

@test "worker: each action says the same as its program, with the same status" {
	local all=() name some
	# Of a migration no more: it would ask the other host.
	some=$(names)
	if [ -n "$(sanitizer_of "$SET/worker")" ]; then some=$(names | head -n 6); fi	# slow there
	for name in $some; do
		all+=(-- "$SET/kvm/$name" --help -- "$SET/kvm/$name" --version -- "$SET/kvm/$name" -- "$SET/kvm/$name" --json --no-such-option)
		[[ $name == migrate* ]] || all+=(-- "$SET/kvm/$name" --connect test:///default --dry-run test 1 2 3 4 5 6)
	done
	steps "${all[@]}"
	[ "$status" -eq 0 ]
	[ "$(grep -c ' worker$' <<<"$output")" -eq $((5 * $(wc -l <<<"$some") - $(grep -c "^migrate" <<<"$some" || true))) ]
	sed 's/ worker$/ program/; s/process [0-9]*//; s/CPU=[0-9.]*/CPU=/' <<<"$output" >by-worker
	steps --no-worker "${all[@]}"
	[ "$(grep -c ' program$' <<<"$output")" -eq $((5 * $(wc -l <<<"$some") - $(grep -c "^migrate" <<<"$some" || true))) ]
	sed 's/process [0-9]*//; s/CPU=[0-9.]*/CPU=/' <<<"$output" | diff by-worker -
}

@test "worker: a step has the process of its program: parent, group, descriptors, environment, limits, signals, name, words" {
	silent
	cat >look <<-'END'
		#!/bin/bash
		# look FILE RELAY: what the system says of the step, without its own numbers.
		n=0
		until [ -e asked ] && pid=$(pgrep -x reboot -P "$2") && [ "$(ls /proc/$pid/task | wc -l)" -gt 1 ]; do [ $((n += 1)) -lt 2999 ] || exit 1; sleep 0.02; done
		p=/proc/$pid
		sed 's/.*) //' $p/stat | awk -v pid=$pid -v relay=$2 '{ print ($2 == relay), ($3 == pid), $5, $6, $17 }' >"$1"
		for fd in $p/fd/*; do echo "${fd##*/} $(readlink $fd | sed 's/\[.*//')"; done | sort -n >>"$1"
		tr '\0' '\n' <$p/environ | sort >>"$1"
		cat $p/limits $p/comm $p/cgroup $p/oom_score_adj >>"$1"
		tr '\0' ' ' <$p/cmdline >>"$1"
		grep -E '^(Umask|TracerPid|Uid|Gid|Groups|NoNewPrivs|Seccomp|Sig[^Q]|Shd|Cap)' $p/status >>"$1"
		readlink $p/cwd $p/root >>"$1"
		kill -KILL $pid
	END
	chmod +x look
	steps --env VMM_DEPLOYMENT=x -- "&" "$SET/kvm/reboot" --connect "$SILENT" one-1 -- @ sh -c './look worker $RELAY_PID'
	[[ $(heads) == '-1 0 worker;' ]]
	rm asked
	steps --no-worker --env VMM_DEPLOYMENT=x -- "&" "$SET/kvm/reboot" --connect "$SILENT" one-1 -- @ sh -c './look program $RELAY_PID'
	[[ $(heads) == '-1 0 program;' ]]
	diff worker program
	grep -q "^$SET/kvm/reboot --connect" worker
	grep -q '^1 1 ' worker
}

@test "worker: it has no thread and no file open but its socket, and its memory is small" {
	steps -- @ sh -c "w=$worker_pid; ls /proc/\$w/task | wc -l; for fd in /proc/\$w/fd/*; do readlink \$fd; done; awk '/VmRSS/ { print \$2 }' /proc/\$w/status"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == 1 && ${lines[1]} == socket:* && ${lines[2]} == /dev/null && ${lines[3]} == /dev/null ]]
	[ -n "$(sanitizer_of "$SET/worker")" ] || [ "${lines[4]}" -le 16384 ]
}

@test "worker: the relay says how much memory it has for itself, and that it has ended" {
	steps --memory -- "$SET/kvm/reset" --version -- @ sh -c "kill -KILL $worker_pid; while pgrep -x worker -P \$RELAY_PID; do sleep 0.02; done" \
		-- "$SET/kvm/reset" --version
	[ "$status" -eq 0 ]
	[[ $(heads) == '0 0 worker;0 0 program;' ]]
	sed -n 's/^memory //p' <<<"$output" >said
	[ "$(sed -n '$p' said)" = 0 ]
	[ "$(grep -cx 0 said)" -eq 1 ]
	[ -n "$(sanitizer_of "$SET/worker")" ] || awk '$1 > 8 * 2 ^ 20 { exit 1 } $1 > 2 ^ 18 { seen = 1 } END { exit !seen }' said
}

@test "worker: one that has grown too large is ended before the next step" {
	cat >large <<-END
		#!/usr/bin/env python3
		import os, socket
		relay = socket.socket(fileno=0)
		relay.send(b"vmmexec-worker 2 $("$SET/worker" --version | cut -d" " -f2)\nreset $("$SET/relay" --identify "$SET/kvm/reset" | cut -d" " -f1)\n")
		block = b"x" * (400 << 20)
		open("$PWD/grown", "w").write(str(os.getpid()))
		if relay.recv(1 << 17):
		    open("$PWD/was-asked", "w").close()
	END
	chmod +x large
	mv "$SET/worker" kept
	mv large "$SET/worker"
	run --separate-stderr "$TOP/tests/tools/relay-steps" "$SET/relay" --memory -- "$SET/kvm/reset" --version \
		-- @ sh -c "n=0; until [ -s grown ] || [ \$n -gt 999 ]; do sleep 0.02; n=\$((n + 1)); done" -- "$SET/kvm/reset" --version \
		-- @ sh -c "n=0; while kill -0 \$(cat grown) && [ \$n -le 999 ]; do sleep 0.02; n=\$((n + 1)); done" </dev/null
	mv kept "$SET/worker"
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 program;0 0 program;' ]
	[ "$(awk '$1 == "memory" && $2 > 400 * 2 ^ 20' <<<"$output" | wc -l)" -ge 1 ]
	[ ! -e was-asked ]
}

@test "worker: killed while a step runs, the step goes on; the next is a program, later ones the next worker's" {
	silent
	steps --timeout $((3000 * PACE)) -- "&" "$SET/kvm/reboot" --connect "$SILENT" one-1 -- @ sh -c "until pgrep -x reboot -P \$RELAY_PID; do sleep 0.02; done; kill -KILL $worker_pid" \
		-- @ sh -c 'while pgrep -x worker -P $RELAY_PID; do sleep 0.02; done' -- "$SET/kvm/reset" --version \
		-- "~" "$SET/kvm/reset" -- "$SET/kvm/reset" --version
	[ "$status" -eq 0 ]
	[[ $(heads) == '0 0 program;0 0 worker;'*' 1 worker;' ]]
}

@test "worker: one that is stopped is given up, and the step is run once, as a program" {
	steps -- @ sh -c "kill -STOP $worker_pid; echo $worker_pid >stopped" -- "$SET/kvm/reset" --connect test:///default test \
		-- @ sh -c 'pid=$(cat stopped); while kill -0 $pid 2>/dev/null; do sleep 0.02; done'
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 program;' ]
}

@test "worker: a process that gets no word ends, having done nothing" {
	run "$TOP/tests/tools/worker-order" "$SET/worker" refuse "$SET/kvm/reset" --version
	[ "$status" -eq 0 ]
	[ "$output" = 'status 127' ]
	run "$TOP/tests/tools/worker-order" "$SET/worker" begin "$SET/kvm/reset" --version
	[[ $output == 'vmmexec '*$'\nstatus 0' ]]
	run "$TOP/tests/tools/worker-order" "$SET/worker" kill "$SET/kvm/reset" --version
	[ "$output" = 'status 127' ]
}

@test "worker: a malformed order is ignored, and the next one is taken" {
	for how in short words descriptors unknown; do
		run "$TOP/tests/tools/worker-order" "$SET/worker" "$how" "$SET/kvm/reset" --version
		[ "$status" -eq 0 ]
		[ "$output" = 'none' ]
	done
}

@test "worker: a changed, replaced or privileged program is run itself" {
	cp "$SET/kvm/reset" kept
	steps -- @ sh -c "cp kept new; sed -i 's/vmmexec 0/vmmexec 9/' new; mv new $SET/kvm/reset" -- "$SET/kvm/reset" --version \
		-- @ sh -c "printf '#!/bin/sh\necho script\n' >new; chmod +x new; mv new $SET/kvm/reset" -- "$SET/kvm/reset" --version \
		-- @ sh -c "cp kept $SET/kvm/reset" -- "$SET/kvm/reset" --version -- @ chmod g+s "$SET/kvm/reset" -- "$SET/kvm/reset" --version \
		-- @ sh -c "strip -o new kept; mv new $SET/kvm/reset" -- "$SET/kvm/reset" --version
	cp kept "$SET/kvm/reset"
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 program;0 0 program;0 0 worker;0 0 program;0 0 worker;' ]
	grep -q '^vmmexec 9' <<<"$output"
	grep -qx script <<<"$output"
}

# Of what the relay has begun nothing is left that has ended and nobody waits for; its worker's end is seen in a moment.
no_dead_child='n=0; while ps -o stat= --ppid $RELAY_PID | grep -q Z; do [ $((n += 1)) -lt 100 ] || exit 1; sleep 0.02; done'

# Its end is seen a moment after the next one began.
old_has_ended='n=0; while kill -0 $(cat old) 2>/dev/null; do [ $((n += 1)) -lt 500 ] || exit 1; sleep 0.02; done; [ "$(pgrep -x worker -P $RELAY_PID)" != $(cat old) ]'

@test "worker: when its own program was replaced, a new worker makes the next steps, and the old one has ended" {
	steps -- @ sh -c "echo $worker_pid >old; cp $SET/worker new; mv new $SET/worker" -- "$SET/kvm/reset" --version \
		-- "~" "$SET/kvm/reset" -- @ sh -c "$old_has_ended" \
		-- "$SET/kvm/reset" --version
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 program;0 0 worker;' ]
}

@test "worker: after an upgrade of a library the next worker makes the next steps, with the new one" {
	mkdir lib
	cp "$(ldd "$SET/worker" | awk '/libvirt.so.0 / { print $3 }')" lib/libvirt.so.0
	export LD_LIBRARY_PATH=$PWD/lib
	steps -- @ sh -c "echo $worker_pid >old; grep -q $PWD/lib/libvirt.so.0 /proc/\$(cat old)/maps; cp lib/libvirt.so.0 new; mv new lib/libvirt.so.0" \
		-- "$SET/kvm/reset" --version -- "~" "$SET/kvm/reset" -- @ sh -c "$old_has_ended" \
		-- @ sh -c "m=\$(grep -c 'lib/libvirt.so.0 (deleted)' /proc/$worker_pid/maps); [ \$m = 0 ]" -- "$SET/kvm/reset" --version
	unset LD_LIBRARY_PATH
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 program;0 0 worker;' ]
}

@test "worker: after a change of what GnuTLS reads while it is loaded, the next worker makes the next steps" {
	echo '# ours' >gnutls
	export GNUTLS_SYSTEM_PRIORITY_FILE=$PWD/gnutls
	steps -- "$SET/kvm/reset" --version -- @ sh -c "echo $worker_pid >old; echo '[overrides]' >gnutls" \
		-- "$SET/kvm/reset" --version -- "~" "$SET/kvm/reset" -- @ sh -c "$old_has_ended" -- "$SET/kvm/reset" --version
	unset GNUTLS_SYSTEM_PRIORITY_FILE
	[ "$status" -eq 0 ]
	[ "$(heads)" = '0 0 worker;0 0 program;0 0 worker;' ]
}

@test "worker: a program that is not named by its whole path is looked for as exec does: in the step's directory" {
	ln -s "$SET/kvm" here
	steps --cwd / -- here/reset --version
	[ "$status" -eq 0 ]
	[ "$(heads)" = '-1 4 program;' ]
	grep -q 'cannot run here/reset' <<<"$output"
}

@test "worker: a process that cannot get ready is waited for, and the step is run once, as a program" {
	steps --cwd /nonexistent -- "$SET/kvm/reset" --version -- @ sh -c "$no_dead_child"
	[ "$status" -eq 0 ]
	[ "$(heads)" = '-1 4 program;' ]
	grep -q 'cannot run .*/reset' <<<"$output"
}

@test "worker: where the system lacks a call that it needs there is none, and it says which" {
	for call in clone3 close_range; do
		run --separate-stderr env LD_PRELOAD="$(preload_for "$SET/worker" kernel)" LACKS=$call "$SET/worker" </dev/null
		[ "$status" -eq 1 ]
		[[ $stderr == "worker: this system does not "*"($call): Function not implemented"* ]]
	done
}

# The worker has said its list, if ever it does: it has ended, or waits.
had_time='n=0; while w=$(pgrep -x worker -P $RELAY_PID) && ! grep -q " S " /proc/$w/stat && [ $n -lt 50 ]; do sleep 0.02; n=$((n + 1)); done'

@test "worker: one of another version, or that is no worker, is not used" {
	cp "$SET/worker" kept
	version=$("$SET/worker" --version)
	sed "s/${version#worker }/0.0.9/g" kept >"$SET/worker"
	run "$TOP/tests/tools/relay-steps" "$SET/relay" -- "$SET/kvm/reset" --version -- @ sh -c "$had_time" -- "$SET/kvm/reset" --version </dev/null
	[ "$(heads)" = '0 0 program;0 0 program;' ]
	printf '#!/bin/sh\nsleep 99\n' >"$SET/worker"
	run "$TOP/tests/tools/relay-steps" "$SET/relay" -- "$SET/kvm/reset" --version -- @ sh -c "$had_time" -- "$SET/kvm/reset" --version </dev/null
	[ "$(heads)" = '0 0 program;0 0 program;' ]
	rm "$SET/worker"
	run "$TOP/tests/tools/relay-steps" "$SET/relay" -- "$SET/kvm/reset" --version -- "$SET/kvm/reset" --version </dev/null
	[ "$(heads)" = '0 0 program;0 0 program;' ]
	cp kept "$SET/worker"
}

@test "worker: a step that is cancelled or late says so, as its program does" {
	silent
	steps --cancel "$PACE" -- "$SET/kvm/reboot" --connect "$SILENT" one-1
	[[ $(heads) == '1 2 worker;' ]]
	grep -q 'was stopped by a signal' <<<"$output"
	steps --timeout $((500 * PACE)) -- "$SET/kvm/reboot" --connect "$SILENT" one-1
	[[ $(heads) == '1 1 worker;' ]]
	steps -- "$SET/kvm/reboot" --deadline "$PACE" --connect "$SILENT" one-1
	[[ $(heads) == '1 0 worker;' ]]
	grep -q "did not end within $PACE s\|no answer in $PACE s" <<<"$output"	# both times are over at once
}

@test "worker: a hundred steps at once are a hundred processes" {
	local all=()
	for ((n = 0; n < 100; n++)); do all+=(-- "$SET/kvm/poll" --connect test:///default test); done
	steps --at-once "${all[@]}"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^0 0 worker$' <<<"$output")" -eq 100 ]
	[ "$(grep -c '^STATE=a ' <<<"$output")" -eq 100 ]
}

@test "worker: it ends with its relay, killed or not, and a stopped one too" {
	for signal in TERM KILL; do
		for stop in CONT STOP; do
			steps -- @ sh -c "w=$worker_pid; kill -$stop \$w; kill -$signal \$RELAY_PID; n=0; while kill -0 \$w 2>/dev/null && [ \$n -lt 500 ]; do sleep 0.02; n=\$((n + 1)); done; [ \$n -lt 500 ] && echo gone"
			[[ $output == gone* ]]
		done
	done
}

@test "worker: where its processes would share random numbers, no worker is used" {
	run --separate-stderr env LD_PRELOAD="$(preload_for "$SET/worker" random)" "$SET/worker" </dev/null
	[ "$status" -eq 1 ]
	[[ $stderr == "worker: processes made here would share GnuTLS' random numbers: each step is a program [incompatible]"* ]]
	ldd "$SET/worker" | grep -q libgnutls
}

@test "worker: by hand it says what it is" {
	run "$SET/worker" --help
	[ "$status" -eq 0 ]
	[[ $output == *'started by'* || $output == *'which starts it'* ]]
	run --separate-stderr "$SET/worker" </dev/null
	[ "$status" -eq 1 ]
	[[ $stderr == 'worker: standard input is no socket of a relay'* ]]
}
