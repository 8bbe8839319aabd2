# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
# lost.bash - for suites in which nothing may be lost or done twice when the driver, its disk or a host fails in the
# middle; loaded after driver.bash.

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
}

teardown() {
	driver_teardown
	for d in j m; do if mountpoint -q "$BATS_TEST_TMPDIR/$d"; then umount -l "$BATS_TEST_TMPDIR/$d"; fi; done
}

crash() {
	kill -KILL "$driver_pid"
	wait "$driver_pid" 2>/dev/null || true
	exec 9>&-
	driver_pid=
}

# Ends the driver in one of the ways in which it can end.
end_by() {
	case $1 in
	finalize) finish; return ;;
	term) kill -TERM "$driver_pid" ;;
	kill) kill -KILL "$driver_pid" ;;
	end-of-input) exec 9>&- ;;
	esac
	wait "$driver_pid" 2>/dev/null || true
	exec 9>&-
	driver_pid=
}

# The journal lies on a disk that fails as file "fault" says while that is there: see tests/fake/disk.c.
faulty_disk() {
	mkdir -p j
	configure "journal: { dir = \"$PWD/j\"; };"
	export MODEL_DISK=$PWD/j MODEL_DISK_STATE=$PWD/fault
	PRELOAD=$(preload_for "$DRIVER" disk)
	printf '#!/bin/bash\nLD_PRELOAD="%s" exec "%s" "$@"\n' "$PRELOAD" "$DRIVER" >bin/driver
	chmod +x bin/driver
}

start_on_faulty_disk() { DRIVER=$PWD/bin/driver start "$@"; }

journal_has() { "$DRIVER" --journal | grep -qF -- "$1"; }

# The next driver finds nothing to do, and nobody to answer.
nothing_left() {
	: >calls
	start
	send "$(request REBOOT 900 host-z)"
	expect '^REBOOT SUCCESS 900'
	sleep 1.5
	never grep -qE 'deploy|cancel|clean' calls
	never grep -qE '^(DEPLOY|CANCEL)' out
	wait_for journal_has '0 not ended'
}

# breaks_the_way SCRIPT: that script of host-a ends the relay there, and the host cannot be reached any more.
breaks_the_way() { stub "$1" 'touch "$ONE_LOCATION/no-ssh-host-a"; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'; }
