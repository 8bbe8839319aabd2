# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "reboot: a running VM, by name, UUID or its id" {
	action reboot one-5
	assert_success
	action reboot "$(uuid 5)" host 5 host
	assert_success
	action reboot 11111111-0000-4000-8000-000000000000 host 5 host
	assert_success
}

@test "reboot: a VM that is paused or off is refused" {
	action reboot one-6
	assert_failure 1
	[ "$(error_message)" = 'reboot: cannot reboot domain one-6: it is paused [refused]' ]
	action reboot one-7
	assert_failure 1
	[ "$(error_message)" = 'reboot: cannot reboot domain one-7: it is not running [refused]' ]
}

@test "reboot: an unknown one is named" {
	action reboot nope
	assert_failure 1
	[ "$(error_message)" = 'reboot: cannot find domain nope: Domain not found [not-found]' ]
}

@test "reboot: --dry-run" {
	action reboot --dry-run one-5
	assert_success
	assert_output 'would reboot domain one-5'
}
