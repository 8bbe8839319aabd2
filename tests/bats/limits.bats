# limits.bats - each key of group limits: what is beyond it is answered, and the driver goes on.
# (line_bytes: one_vmm_exec.bats; host: schedule.bats.)
load helper
load driver

held() {	# what waits until go is there
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
}

@test "limits.queue: one action too many is answered at once" {
	configure 'limits: { queue = 3; };'
	held
	start '-t 1 kvm'
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	many RESET 2 6 >lines
	cat lines >&9
	expect '^RESET FAILURE 5 too many actions wait already \(limits.queue\)$'
	expect '^RESET FAILURE 6 too many actions wait already'
	touch var/go
	for id in {1..4}; do expect "^RESET SUCCESS $id "; done
	finish
}

@test "limits.waiting_bytes: large documents do not fill the memory; there is room again when they have run" {
	configure 'limits: { waiting_bytes = 65536; };'
	held
	start '-t 1 kvm'
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	many RESET 2 30 >lines
	cat lines >&9
	expect '^RESET FAILURE 30 too large actions wait already \(limits.waiting_bytes\)$'
	[ "$(grep -c '^RESET FAILURE' out)" -lt 29 ]
	send 'DRIVER_CANCEL  2 '
	touch var/go
	expect '^RESET SUCCESS 3 '
	wait_for eval '[ $(($(grep -c "^RESET" out) + 1)) -eq 30 ]'
	send "$(request RESET 40)"
	expect '^RESET SUCCESS 40 '
	finish
}

@test "limits.children: connections that nobody uses are closed before there are more processes" {
	configure 'transport = "relay"; limits: { children = 4; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	start '-t 2 kvm -p'
	for host in {1..12}; do many RESET "$host" "$host" "host-$host"; done >lines
	cat lines >&9
	for id in {1..12}; do expect "^RESET SUCCESS $id "; done
	[ "$(pgrep -cP "$driver_pid")" -le 6 ]
	finish
}

@test "limits.descriptors: without one an action fails and says so, and the next ones work" {
	configure 'limits: { descriptors = 64; };'
	mkdir -p var/remotes/vmm/kvm
	stub var/remotes/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-l reset -t 60 kvm -p'
	[ "$(awk '/^Max open files/ { print $4 }' "/proc/$driver_pid/limits")" = 64 ]
	many RESET 1 40 >lines
	cat lines >&9
	expect '^RESET FAILURE [0-9]+ .*Too many open files'
	touch var/go
	for id in {1..40}; do expect "^RESET [SF][A-Z]* $id "; done
	send "$(request RESET 50)"
	expect '^RESET SUCCESS 50 '
	finish
}

@test "limits.output_bytes, limits.info_bytes: what a script says too much is left out in the middle" {
	configure 'limits: { output_bytes = 8192; info_bytes = 128; };'
	stub rem/vmm/kvm/reset '{ echo first cause; yes | head -c 3000000; echo last word; } >&2; exit 1'
	stub rem/vmm/kvm/poll 'yes x | head -c 3000000'
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 first cause.*last word$'
	send "$(request POLL 2)"
	expect '^POLL SUCCESS 2 x x '
	finish
	[ "$(grep -a '^RESET' out | wc -c)" -le 150 ]
	[ "$(grep -a '^POLL' out | wc -c)" -le 150 ]
	[ "$(wc -c <out)" -lt 30000 ]
}
