# SPDX-License-Identifier: Apache-2.0
# model.bats - a hundred rounds of the dispatcher's model run; make model plays 2,000.
# bats file_tags=once
load helper

@test "a front-end with 40 VMs, four hosts, and all that goes wrong: nothing is lost, nothing is done that nobody asked for" {
	run "$TOP/tests/tools/model" "$BUILD/drivers/one_vmm_exec/one_vmm_exec" 100 "${MODEL_SEED:-$RANDOM}" 5
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c ': 20 rounds, .*: no disagreement$' <<<"$output")" -eq 5 ]
}
