# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# late.bash - how long tests wait for others: on a machine that is busy, longer; and what is not to be.
LATE_PACE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/pace
PACE=${PACE:-$("$LATE_PACE")}
export PACE

# late BEGIN SECONDS: whether SECONDS times PACE have passed since BEGIN, which $SECONDS was then. The machine may
# have become slower since PACE was measured: before it is too late for something, that is done again.
late() {
	local now
	[ $((SECONDS - $1)) -ge $(($2 * PACE)) ] || return 1
	now=$("$LATE_PACE")
	[ "$now" -le "$PACE" ] || PACE=$now
	[ $((SECONDS - $1)) -ge $(($2 * PACE)) ]
}

# never COMMAND...: fails when it succeeds; a bare "!" in the middle of a test fails nothing.
never() {
	if "$@"; then
		echo "was not to be: $*"
		return 1
	fi
}

# wait_for COMMAND...: until it succeeds, at most 20 s, times PACE.
wait_for() {
	local begin=$SECONDS
	until "$@" >/dev/null 2>&1; do
		! late "$begin" 20 || { echo "never true: $*"; return 1; }
		sleep 0.05
	done
}
