# SPDX-License-Identifier: Apache-2.0
# fuzz.bats - every parser of outside text; make fuzz runs the same for longer.
load helper

@test "each fuzzer survives its corpus and some seconds of new input" {
	run make -C "$TOP" fuzz SECONDS=2
	tail -n 20 <<<"$output"
	[ "$status" -eq 0 ]
}
