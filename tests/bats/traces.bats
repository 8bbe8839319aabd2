# SPDX-License-Identifier: Apache-2.0
# traces.bats - the recorded runs of the original driver: the same scripts, words, input, order and
# reply, or exactly the deviation that tests/data/traces/deviations has.
# bats file_tags=once
load helper

@test "every recorded action runs as it was recorded, or deviates as it is written down" {
	run "$TOP/tests/tools/replay" "$BUILD/drivers/one_vmm_exec/one_vmm_exec"
	grep '^not ok' <<<"$output" || true
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok' <<<"$output")" -eq 371 ]
}

@test "a deviation names one of the faults that DEVIATIONS.md explains" {
	while read -r fault; do
		grep -q "| $fault |" "$DATA/traces/DEVIATIONS.md"
	done < <(grep -v '^#' "$DATA/traces/deviations" | cut -d' ' -f2 | sort -u)
}

@test "each trace that cannot be replayed has a test, which COVERED.md names" {
	local n=0 trace suite test
	while IFS='|' read -r _ trace suite test _; do
		suite=${suite// /} test=${test# }
		grep -qF "@test \"${test% }\" {" "$TOP/tests/bats/$suite.bats" || {
			echo "$trace: there is no such test in $suite.bats: $test"
			return 1
		}
		n=$((n + 1))
	done < <(grep '^| `' "$DATA/traces/COVERED.md")
	[ "$n" -eq 130 ]
	[ "$(grep '^| `' "$DATA/traces/COVERED.md" | cut -d'|' -f2 | sort -u | wc -l)" -eq 130 ]
}
