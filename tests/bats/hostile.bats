# SPDX-License-Identifier: Apache-2.0
# hostile.bats - a host whose relay answers what it likes: it is cut off and told, and costs the others nothing.
# bats file_tags=once
load helper
load driver

setup() {
	driver_setup
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	sed -i "s|^exec bash -c.*|case \"\$ON_HOST \$*\" in evil*relay*) exec $PWD/evil-relay ;; esac\n&|" bin/ssh
	make_evil_relay
	{ many REBOOT 101 101 evil; many REBOOT 1 30 good; many REBOOT 102 103 evil; } >lines
	request REBOOT 31 good >last
}

# A relay that answers as file evil says.
make_evil_relay() {
	hello=$("$BUILD/remotes/vmm/relay" </dev/null)
	cat >evil-relay <<-EOF
	#!/usr/bin/env python3
	import os, struct, sys, time
	HELLO = b"$hello\n"
	EOF
	cat >>evil-relay <<-'EOF'
	out, kind = sys.stdout.buffer, open(os.environ["ONE_LOCATION"] + "/evil").read().strip()
	def frame(type, id, data, length=None):
	    return struct.pack(">IBI", 5 + len(data) if length is None else length, type, id) + data
	def done(text, id, lie=0, err=b""):
	    return frame(3, id, struct.pack(">IIIII", 0, 0, 0, 0, len(text) + lie) + text + struct.pack(">I", len(err)) + err)
	def say(*data):
	    for d in data:
	        out.write(d)
	        out.flush()
	def forever(data):
	    while True:
	        say(data)
	if kind == "noise": forever(b"x" * 65536)
	if kind == "hello": say(HELLO[:-1]); forever(b"x" * 65536)
	if kind == "errors":
	    while True: os.write(2, b"x" * 65536)
	say(HELLO)
	while True:
	    head = sys.stdin.buffer.read(4)
	    if len(head) < 4: break
	    data = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
	    id = struct.unpack(">I", data[1:5])[0]
	    if data[0] != 1: continue
	    if kind == "huge": say(frame(3, id, b"x" * 1000, 255 << 20)); forever(b"x" * 65536)
	    if kind == "larger": say(done(b"x" * (3 << 20), id))
	    if kind == "id": say(done(b"", id + 1000))
	    if kind == "twice": say(done(b"", id), done(b"", id))
	    if kind == "run": say(frame(1, id, data[5:]))
	    if kind == "type": say(frame(9, id, b""))
	    if kind == "lie": say(done(b"x", id, lie=1))
	    if kind == "small": forever(done(b"", id) * 1000)
	    if kind == "trickle":
	        for byte in done(b"told in pieces", id): say(bytes([byte]))
	    if kind == "lines": say(frame(3, id, struct.pack(">IIIII", 0, 1, 0, 0, 0) + struct.pack(">I", 1 << 20) + b"x\n" * (1 << 19)))
	    word = frame(4, 0, struct.pack(">Q", 1 << 20))
	    if kind == "worker": say(word)
	    if kind == "words": forever(word)
	    if kind == "three": say(word, word, word, done(b"three words", id))
	    if kind == "honest": say(done(b"", id))
	EOF
	chmod +x evil-relay
}

# play KIND: one driver with a hostile and a good host; sets $cpu (ticks) and $peak (KiB).
play() {
	local id
	echo "$1" >evil
	start
	cat lines >&9
	for id in {1..30}; do expect "^REBOOT SUCCESS $id "; done
	for id in 101 102 103; do expect "^REBOOT (SUCCESS|FAILURE) $id "; done
	cat last >&9
	expect '^REBOOT SUCCESS 31 '
	cpu=$(awk '{ print $14 + $15 }' "/proc/$driver_pid/stat")
	peak=$(awk '/VmHWM/ { print $2 }' "/proc/$driver_pid/status")
	finish
	pkill -KILL -f "$PWD/evil-relay" || true
}

@test "more than was asked for, the wrong answer, or no answer at all: the host is cut off, others continue" {
	configure "transport = \"relay\"; timeout_s: { reboot = $((10 * PACE)); };"
	play honest
	local honest_cpu=$cpu honest_peak=$peak
	for kind in huge larger id twice run type lie small words worker; do
		# A word of its worker is right until the host is to have none.
		[ $kind != worker ] || configure "transport = \"relay\"; timeout_s: { reboot = $((10 * PACE)); }; hosts: { worker = false; };"
		play $kind
		echo "$kind: CPU $cpu of $honest_cpu ticks, memory $peak of $honest_peak KiB"
		[ "$cpu" -le $((honest_cpu * 5 + 50)) ]
		[ "$peak" -le $((honest_peak + 16384)) ]
		[ "$(grep -c '^LOG W -1 one_vmm_exec: host evil is cut off: its relay sent ' out)" -ge 1 ]
		[ $kind = twice ] || [ $kind = small ] || never grep -q '^REBOOT SUCCESS 10[123] ' out
	done
	grep -q 'is cut off: its relay sent an answer that nobody asked for$' out
}

@test "no hello but noise, a hello without end, an endless error output: the host goes by ssh, others continue" {
	# What the good host does must end within that time, beside those that keep the machine busy.
	configure "transport = \"relay\"; timeout_s: { reboot = $((4 * PACE)); };"
	play honest
	local honest_cpu=$cpu honest_peak=$peak
	for kind in noise hello errors; do
		play $kind
		echo "$kind: CPU $cpu of $honest_cpu ticks, memory $peak of $honest_peak KiB"
		[ $kind = errors ] || [ "$cpu" -le $((honest_cpu * 5 + 50)) ]
		[ "$peak" -le $((honest_peak + 16384)) ]
	done
}

@test "an answer that comes in single bytes, or behind words of a worker, is taken; one of half a million lines costs little" {
	configure "transport = \"relay\"; timeout_s: { reboot = $((60 * PACE)); };"
	play honest
	local honest_cpu=$cpu
	play trickle
	grep -q '^REBOOT SUCCESS 101 told in pieces$' out
	play three
	[ "$(grep -c '^REBOOT SUCCESS 10[123] three words$' out)" -eq 3 ]
	play lines
	[ "$(grep -c '^REBOOT FAILURE 10[123] x x x x' out)" -eq 3 ]
	[ "$(grep -c '^LOG I 101 x$' out)" -le 200 ]
	echo "CPU $cpu of $honest_cpu ticks"
	[ "$cpu" -le $((honest_cpu * 5 + 50)) ]
}
