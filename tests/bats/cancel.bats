# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "cancel: a running and a paused VM" {
	action cancel one-5
	assert_success
	[ -z "$output" ]
	action cancel "$(uuid 6)" host 6 host
	assert_success
}

@test "cancel: a VM that is off or unknown succeeds" {
	action cancel one-7
	assert_success
	action cancel nope
	assert_success
	[ -z "$output" ]
}

@test "cancel, shutdown, poll: a UUID that is gone is not the VM that now has its name" {
	local a other=00000000-0000-4000-9000-0000000000ff
	for a in cancel shutdown "cancel -n" poll; do
		# shellcheck disable=SC2086
		action $a $other host 5 host
		assert_failure 1
		[[ $(error_message) == "${a% *}: domain $other is gone, but another one of its name, one-5 with UUID $(uuid 5), is running [exists] (hint: "* ]]
	done
	for a in cancel shutdown; do
		action $a $other host 7 host
		assert_success
		action $a $other host 9 host
		assert_success
		action $a $other
		assert_success
	done
}

@test "cancel: --dry-run" {
	action cancel -n one-5
	assert_output 'would destroy domain one-5'
	action cancel -n one-7
	assert_output 'domain one-7 is gone already'
}

@test "cancel: the vGPU of a VM that is gone is released, its directory taken from the request" {
	mkdir -p vm fake remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/cancel" remotes/vmm/kvm/
	printf '#!/bin/sh\ncat >>"%s/log" <<END\n$*\nEND\n' "$PWD" >fake/sudo
	chmod +x fake/sudo
	echo '<VM><TEMPLATE><PCI><UUID>u</UUID></PCI></TEMPLATE></VM>' >vm/vm.xml
	echo "SUDO=$PWD/fake/sudo" >remotes/etc/vmm/kvm/kvmrc
	run remotes/vmm/kvm/cancel nope host 9 host <<<"<VMM_DRIVER_ACTION_DATA><REMOTE_DEPLOYMENT_FILE>$PWD/vm/deployment.0</REMOTE_DEPLOYMENT_FILE></VMM_DRIVER_ACTION_DATA>"
	assert_success
	[ "$(cat log)" = "-n $PWD/remotes/vgpu delete $PWD/vm/vm.xml" ]
}
