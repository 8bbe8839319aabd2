# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "reset: a running VM, by name, UUID or its id" {
	action reset one-5
	assert_success
	action reset "$(uuid 5)" host 5 host
	assert_success
	action reset 11111111-0000-4000-8000-000000000000 host 5 host
	assert_success
}

@test "reset: a VM that is paused or off is refused" {
	action reset one-6
	assert_failure 1
	[ "$(error_message)" = 'reset: cannot reset domain one-6: it is paused [refused]' ]
	action reset one-7
	assert_failure 1
	[ "$(error_message)" = 'reset: cannot reset domain one-7: it is not running [refused]' ]
}

@test "reset: an unknown one is named" {
	action reset nope
	assert_failure 1
	[ "$(error_message)" = 'reset: cannot find domain nope: Domain not found [not-found]' ]
}

@test "reset: --dry-run" {
	action reset --dry-run one-5
	assert_success
	assert_output 'would reset domain one-5'
}
