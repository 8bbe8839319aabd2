# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2145,SC2154
# action.bash - for suites that run actions in node1 of a lab; loaded after lab.bash.
bats_load_library bats-support
bats_load_library bats-assert

ACTIONS=/var/tmp/one/vmm/kvm
KVMRC=/var/tmp/one/etc/vmm/kvm/kvmrc

# A lab of one node, or as many as the argument says, with all actions.
action_setup_file() {
	local stage=$BATS_FILE_TMPDIR/stage build=${BUILD:-$LAB_TOP/build/release} file node
	mkdir -p "$stage/remotes/vmm/kvm" "$stage/remotes/etc/vmm/kvm"
	for file in "$build"/remotes/vmm/kvm/*; do
		[ ! -x "$file" ] || cp "$file" "$stage/remotes/vmm/kvm/"
	done
	mkdir -p "$stage/remotes/im/kvm.d"
	cp "$build/remotes/im/monitord-client" "$LAB_TOP/remotes/im/forecasts.py" "$stage/remotes/im/"
	cp "$build/remotes/im/kvm.d/monitord-client_control.sh" "$stage/remotes/im/kvm.d/"
	cp "$build/remotes/vmm/kvm-image" "$stage/remotes/vmm/"
	cp "$LAB_TOP/etc/vmm/kvm/kvmrc" "$stage/remotes/etc/vmm/kvm/"
	cp "$build/remotes/vmm/relay" "$build/remotes/vmm/worker" "$stage/remotes/vmm/"
	[ "${VMM_VIA:-}" != worker ] || via_worker "$build" "$stage/remotes"
	lab_up "${1:-1}"
	export ACTION_NODES=node1
	[ "${1:-1}" -lt 2 ] || ACTION_NODES="node1 node2"
	for node in $ACTION_NODES; do
		"$LAB" install "$stage" "$node"
	done
}

# via_worker BUILD ROOT: each action that is run below ROOT is run by a worker (tests/tools/via_worker.c).
via_worker() {
	local file name
	mkdir -p "$2/real"
	mv "$2/vmm" "$2/real/vmm"
	mkdir -p "$2/vmm/kvm"
	ln -s ../real/vmm/kvm-image "$2/vmm/kvm-image"
	for file in "$2"/real/vmm/kvm/*; do
		name=${file##*/}
		if grep -q "{ \"$name\"," "$1/worker/table.c"; then
			cp "$1/tests/tools/via_worker" "$2/vmm/kvm/$name"
		else
			ln -s "../../real/vmm/kvm/$name" "$2/vmm/kvm/$name"
		fi
	done
}

teardown_file() {
	lab_down
}

# For suites with one guest for all tests.
keep_guests() {
	on pkill -CONT libvirtd
	on pkill -CONT qemu-system
	"$LAB" svc node1 start 2>/dev/null || true
	[ -n "${BATS_TEST_COMPLETED:-}" ] || lab_logs 2>&1
}

teardown() {
	on pkill -CONT libvirtd
	on pkill -CONT qemu-system
	lab_clean
}

on() {
	lab_exec node1 "$@"
}

# The kvmrc of all nodes, with these lines instead of those of the shipped one.
settings() {
	local node
	for node in $ACTION_NODES; do
		printf '%s\n' "$@" | lab_exec "$node" tee "$KVMRC" >/dev/null
	done
}

# act NAME ARGUMENT...: runs an action in the node.
act() {
	run --separate-stderr on "$ACTIONS/$@"
}

# ended PID: waits for a job of ours; its exit status is in $status.
ended() {
	status=0
	wait "$1" || status=$?
}

# mover_dies NUMBER: migrate moves that VM from node1 to node2, where it runs then (or is paused, if it was), and is killed
# before its last word to node1.
mover_dies() {
	local job held=/var/lib/one/local/held preload was
	was=$(state "$1")
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/migrate" fail)
	on rm -f "$held"
	on env LD_PRELOAD="${preload/fail.so/hold.so}" HOLD_CALL=307 HOLD_FILE="$held" "$ACTIONS/migrate" "one-$1" node2 node1 "$1" node1 \
		</dev/null >"$BATS_TEST_TMPDIR/moved" 2>&1 &
	job=$!
	lab_until node1 120 test -e "$held" || { cat "$BATS_TEST_TMPDIR/moved"; return 1; }
	on pkill -KILL -x migrate
	wait "$job" || true
	run lab_virsh node2 domstate "one-$1"
	assert_output "$was"
	run lab_virsh node1 domstate "one-$1" --reason
	[ "$was" = paused ] || assert_output 'paused (migrating)'
	assert_output --regexp '^paused '
}

# begin_held CALL NAME ARGUMENT...: runs an action in node1 that stops before that call of libvirt's protocol
# (tests/fake/hold.c) until go_on; stdin is $REQUEST. Its process is $held_job, what it says is in the file held of the test.
HELD=/var/lib/one/local/held

begin_held() {
	local preload
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/$2" fail)
	on rm -f $HELD
	on env LD_PRELOAD="${preload/fail.so/hold.so}" HOLD_CALL="$1" HOLD_FILE=$HELD "$ACTIONS/$2" "${@:3}" \
		<<<"${REQUEST:-}" >"$BATS_TEST_TMPDIR/held" 2>&1 3>&- &
	held_job=$!
	is_held
}

is_held() {
	lab_until node1 60 test -e $HELD || { cat "$BATS_TEST_TMPDIR/held"; return 1; }
}

go_on() {
	on rm $HELD
}

error_message() {
	sed -n '/^ERROR MESSAGE --8</,/^ERROR MESSAGE -*>8/{//!p}' <<<"$stderr"
}

uuid() {	# NUMBER
	printf '00000000-0000-4000-8000-%012d' "$1"
}

# at_work NAME: returns when that action waits for libvirt to tell it something: for a second, both have had nothing to do.
at_work() {
	lab_until node1 20 pgrep -x "$1" >/dev/null
	# shellcheck disable=SC2016
	lab_until node1 20 bash -c 'for i in {1..5}; do
			for pid in $(pgrep -x "$1") $(pgrep -x libvirtd); do ! cat /proc/$pid/task/*/stat | sed "s/.*) //" | grep -qv "^S " || exit 1; done
			sleep 0.2
		done' - "$1"
}

# reached NUMBER: waits until a command of libvirt lies unread in the monitor of that VM's QEMU, which is stopped.
reached() {
	# shellcheck disable=SC2016
	lab_until node1 20 bash -c 'ss -xH | awk -v name="one-$1/monitor.sock" "\$3 > 0 && index(\$5, name) { n++ } END { exit !n }"' - "$1"
}

# directory NUMBER: of that VM; DIRECTORY: another place than the shared one.
directory() {
	echo "${DIRECTORY:-$LAB_SHARED}/0/$1"
}

# stamp NUMBER: adds to the XML on stdin what OpenNebula's own has.
stamp() {
	sed "s|<name>|<uuid>$(uuid "$1")</uuid><metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'><one:system_datastore><![CDATA[$(directory "$1")]]></one:system_datastore></one:vm></metadata>&|"
}

# start_xml NODE NUMBER: a guest with an agent from the XML on stdin, as OpenNebula describes it.
start_xml() {
	stamp "$2" | lab_create "$1"
	lab_wait_console "$1" "one-$2" LAB-READY
	lab_wait_agent "$1" "one-$2"
}

# start NODE NUMBER [DEVICES [CMDLINE [MACHINE]]]
start() {
	lab_guest_xml "one-$2" "${@:3}" | start_xml "$1" "$2"
}

# A machine without an operating system: it starts at once and hears nothing.
deaf_xml() {	# NUMBER [DEVICES]
	stamp "$1" <<-END
		<domain type='$LAB_VIRTTYPE'><name>one-$1</name><title>it's "5" &lt;b&gt; &amp; ✓ \$(id)</title>
		<memory unit='MiB'>64</memory><vcpu>1</vcpu>
		<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
		<devices><emulator>/usr/bin/qemu-kvm-one</emulator>${2:-}</devices></domain>
	END
}

# deploy_xml NUMBER [OPTION...]: runs deploy with the XML on stdin.
deploy_xml() {
	on "$ACTIONS/deploy" "${@:2}" "$(directory "$1")/deployment.0" node1 "$1" node1
}

deploy_deaf() {
	deaf_xml "$1" "${2:-}" | deploy_xml "$1"
}

state() {	# NUMBER
	lab_virsh node1 domstate "one-$1" 2>/dev/null
}

qemu_pid() {	# NUMBER
	on cat "/run/libvirt/qemu/one-$1.pid"
}
