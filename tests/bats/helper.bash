# SPDX-License-Identifier: Apache-2.0
# helper.bash - what every suite loads. BUILD is set by GNUmakefile (make VARIANT=… test).
bats_require_minimum_version 1.5.0

# What ls, sort and ranges of letters say is the same for all who run them.
export LC_ALL=C

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build/release}
DATA=$TOP/tests/data
# For make check-worker: each action that is run is run by a worker (tests/tools/via_worker.c).
via_worker_set() {
	local real=$REMOTES name
	REMOTES=$BATS_RUN_TMPDIR/via/vmm/kvm
	[ ! -d "$REMOTES" ] || return 0
	mkdir -p "$REMOTES"
	ln -s "$BUILD/remotes/vmm/kvm-image" "$REMOTES/../kvm-image"
	for name in "$real"/*; do
		name=${name##*/}
		if grep -q "{ \"$name\"," "$BUILD/worker/table.c"; then
			cp "$BUILD/tests/tools/via_worker" "$REMOTES/$name"
		elif [ -x "$real/$name" ]; then
			ln -s "$real/$name" "$REMOTES/$name"
		fi
	done
}

REMOTES=$BUILD/remotes/vmm/kvm
[ "${VMM_VIA:-}" != worker ] || via_worker_set

# How slow this machine is now; limits of waits are multiples of it. Measured once a suite.
# shellcheck disable=SC1091
. "$TOP/tests/tools/late.bash"
# shellcheck disable=SC1091
. "$TOP/tests/tools/preload.bash"

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# ours PATTERN: prints the processes of this test, whose ONE_LOCATION is its directory, with such a command line; suites that
# run beside have alike ones.
ours() {
	local pid found=1
	for pid in $(pgrep -f -- "$1"); do
		grep -qszxF "ONE_LOCATION=$BATS_TEST_TMPDIR" "/proc/$pid/environ" || continue
		echo "$pid"
		found=0
	done
	return $found
}

# A libvirt that never answers: an action that asks it, by $SILENT, waits; file asked is there then. The caller kills $silent_pid.
silent() {
	# It dies with the test, however that ends (PR_SET_PDEATHSIG, SIGKILL).
	python3 -c 'import ctypes, socket, sys
ctypes.CDLL(None).prctl(1, 9)
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + "/silent"); s.listen(99); print(flush=True)
kept = []
while True:
    kept.append(s.accept()[0])
    if kept[-1].recv(1): open(sys.argv[1] + "/asked", "w").close()' "$PWD" >ready 3>&- &
	silent_pid=$!
	disown	# bash says nothing of its end
	wait_for test -s ready
	SILENT="qemu+unix:///system?socket=$PWD/silent"
}

# Runs an action of the KVM set; stderr is kept apart from stdout.
action() {
	run --separate-stderr -- "$REMOTES/$@"
}

# The text between the two lines OpenNebula looks for.
error_message() {
	sed -n '/^ERROR MESSAGE --8</,/^ERROR MESSAGE -*>8/{//!p}' <<<"$stderr"
}
