# SPDX-License-Identifier: Apache-2.0
# helper.bash - what every suite loads. BUILD is set by GNUmakefile (make VARIANT=… test).
bats_require_minimum_version 1.5.0

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build/release}
DATA=$TOP/tests/data
REMOTES=$BUILD/remotes/vmm/kvm

# How slow this machine is now; limits of waits are multiples of it. Measured once a suite.
# shellcheck disable=SC1091
. "$TOP/tests/tools/late.bash"

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# never COMMAND...: fails when it succeeds; a bare "!" in the middle of a test fails nothing.
never() {
	if "$@"; then
		echo "was not to be: $*"
		return 1
	fi
}

# Runs an action of the KVM set; stderr is kept apart from stdout.
action() {
	run --separate-stderr -- "$REMOTES/$@"
}

# The text between the two lines OpenNebula looks for.
error_message() {
	sed -n '/^ERROR MESSAGE --8</,/^ERROR MESSAGE -*>8/{//!p}' <<<"$stderr"
}
