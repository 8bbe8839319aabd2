# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "shutdown: a running VM; a VM that is off or unknown succeeds" {
	action shutdown one-5
	assert_success
	[ -z "$output" ]
	action shutdown one-7
	assert_success
	action shutdown nope host 5x host
	assert_success
}

@test "shutdown: a paused VM is refused, or destroyed with FORCE_DESTROY" {
	action shutdown one-6
	assert_failure 1
	[ "$(error_message)" = 'shutdown: cannot shut down domain one-6: it is paused [refused] (hint: resume it first, or set FORCE_DESTROY in kvmrc)' ]
	FORCE_DESTROY=yes action shutdown -n one-6
	assert_output 'would destroy domain one-6'
	FORCE_DESTROY=yes action shutdown one-6
	assert_success
}

@test "shutdown: --dry-run" {
	action shutdown -n one-5
	assert_success
	assert_output 'would shut down domain one-5'
}
