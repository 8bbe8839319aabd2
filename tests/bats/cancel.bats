load helper
load node

@test "cancel: a running and a paused VM" {
	action cancel one-5
	assert_success
	[ -z "$output" ]
	action cancel "$(uuid 6)" host 6 host
	assert_success
}

@test "cancel: one that is off or unknown is done" {
	action cancel one-7
	assert_success
	action cancel nope
	assert_success
	[ -z "$output" ]
}

@test "cancel: --dry-run" {
	action cancel -n one-5
	assert_output 'would destroy domain one-5'
	action cancel -n one-7
	assert_output 'domain one-7 is gone already'
}

@test "cancel: the vGPU of one that is gone is released, found by the request" {
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
