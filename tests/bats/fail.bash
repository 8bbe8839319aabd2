# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# fail.bash - each call of libvirt that an action makes fails once: see tests/fake/fail.c.

# What libvirt's code means, in turn: VIR_ERR_OPERATION_DENIED, VIR_ERR_NO_SUPPORT, VIR_ERR_INVALID_ARG.
FAIL_CODES=(29 3 8)
FAIL_CLASSES=(permission incompatible input)

# fail_each HOW NAME ARGUMENT...: runs the action again and again, its first, second, … call failing,
# until it makes fewer calls than that. Before each run "before", after it "after" is called; what
# must hold is checked here and there. stdin is $REQUEST. (To lose the connection before a call is to
# lose it after the one before.)
fail_each() {
	local how=$1 program=$REMOTES/$2 n=0 preload begin class
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/$2" fail)
	while [ $((n += 1)) -lt 100 ]; do
		before
		rm -f fail.log
		class=connection
		[ "$how" = after ] || class=${FAIL_CLASSES[n % 3]}
		begin=${EPOCHREALTIME/./}
		run --separate-stderr ${FAIL_ON:-} env LIBVIRT_URI="${LIBVIRT_URI:-}" LD_PRELOAD="$preload" VMM_FAIL_LOG="$PWD/fail.log" VMM_FAIL_AT=$n VMM_FAIL_HOW="$how" VMM_FAIL_CODE="${FAIL_CODES[n % 3]}" \
			"$program" --deadline $((${DEADLINE:-20} * PACE)) "${@:3}" <<<"${REQUEST:-}"
		echo "$how at $n ($(sed -n "${n}p" fail.log)): status $status in $(((${EPOCHREALTIME/./} - begin) / 1000)) ms: $stderr"
		[[ $status =~ ^[013]$ ]] || return
		never grep -q 'Sanitizer\|libvirt gave no reason\|CRITICAL' <<<"$stderr"
		# ALSO: where libvirt's words would not say what is wrong, we know better.
		[ "$status" -eq 0 ] || [[ $(error_message) =~ ^$2:\ .*\ \[($class${ALSO:+|$ALSO})\] ]] || return
		after
		[ "$(wc -l <fail.log)" -ge $n ] || break
	done
	[ "$n" -gt 3 ] && [ "$n" -lt 100 ]
}

# kill_each CALL NAME ARGUMENT...: runs the action again and again, killed when it is about to make that CALL of
# libvirt, when that is done, the next one is, … to its end; and after each of these once more, whole:
# that must do what is left to do. "before" and "after" as for fail_each.
kill_each() {
	local call=$1 program=$REMOTES/$2 n preload killed
	shift
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/$1" fail)
	before
	rm -f fail.log
	${FAIL_ON:-} env LD_PRELOAD="$preload" VMM_FAIL_LOG="$PWD/fail.log" "$program" "${@:2}" <<<"${REQUEST:-}"
	n=$(($(grep -nx "$call" fail.log | head -n 1 | cut -d: -f1) - 2))
	[ "$n" -ge 0 ]
	while [ $((n += 1)) -lt 100 ]; do
		before
		rm -f fail.log
		run --separate-stderr ${FAIL_ON:-} env LD_PRELOAD="$preload" VMM_FAIL_LOG="$PWD/fail.log" VMM_FAIL_AT=$n VMM_FAIL_HOW=kill \
			"$program" --deadline $((${DEADLINE:-20} * PACE)) "${@:2}" <<<"${REQUEST:-}"
		killed=$status
		echo "killed after $n ($(sed -n "${n}p" fail.log)): status $status"
		if [ "$(wc -l <fail.log)" -lt $n ]; then
			[ "$killed" -eq 0 ]
			break
		fi
		[ "$killed" -eq 137 ]
		run --separate-stderr ${FAIL_ON:-} "$program" --deadline $((${DEADLINE:-20} * PACE)) "${@:2}" <<<"${REQUEST:-}"
		echo "then: status $status: $stderr"
		[ "$status" -eq 0 ]
		after
	done
	[ "$n" -lt 100 ]
}
