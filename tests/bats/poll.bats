# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "poll: one VM" {
	action poll "$(uuid 5)" host 5 host
	assert_success
	assert_output --regexp '^STATE=a( CPU=[0-9.]+)? NETRX=0 NETTX=0 DISKRDBYTES=0 DISKWRBYTES=0 DISKRDIOPS=0 DISKWRIOPS=0$'
	action poll one-6
	assert_output --regexp '^STATE=e( CPU=[0-9.]+)?$'
	action poll one-7
	assert_output 'STATE=-'
	action poll nope
	assert_success
	assert_output 'STATE=-'
}

@test "poll: all VMs, wild ones with a template" {
	local import
	action poll -t
	assert_success
	assert_line --index 0 'VM_POLL=YES'
	[[ $output == *$'VM=[\n  ID=5,\n  DEPLOY_ID=one-5,\n  POLL="STATE=a '* ]]
	[[ $output == *$'VM=[\n  ID=-1,\n  DEPLOY_ID='"$(uuid 8)"$',\n  VM_NAME="x\\"y",\n  IMPORT_TEMPLATE="'* ]]
	[[ $output != *one-7* ]]
	import=$(sed -n 's/.*IMPORT_TEMPLATE="\(.*\)",/\1/p' <<<"$output" | base64 -d)
	[ "$import" = 'NAME="x\"y"
CPU=1
VCPU=1
MEMORY=64
HYPERVISOR="kvm"
IMPORT_VM_ID="'"$(uuid 8)"'"
OS=[ARCH="x86_64"]
FEATURES=[  ACPI="yes"]
GRAPHICS = [ TYPE="vnc", PORT="5905" ]' ]
}

@test "poll: without operand, packed" {
	action poll
	assert_success
	run python3 -c 'import base64, sys, zlib; print(zlib.decompress(base64.b64decode(sys.argv[1])).decode())' "$output"
	assert_line '"one-5":'
	assert_line '"x\"y":'
	assert_line '  :state: a'
	assert_line '  :diskwriops: 0'
}

@test "poll: --json is objects with numbers; --detail has disks, NICs and sizes" {
	action poll --json one-5
	assert_success
	run jq -c '.outcome, .vms[0].vm_id, .vms[0].state, .vms[0].net_rx_bytes, (.vms[0].cpu_percent // 0 | type)' <<<"$output"
	assert_output $'"done"\n5\n"running"\n0\n"number"'
	action poll --json --detail --quick
	assert_success
	run jq -c '[.vms[].name], (.vms[] | select(.name == "one-6") | .state, .vcpus, .memory_max_kib, .disks, .snapshots), (.output == "")' <<<"$output"
	assert_output $'["one-5","one-6","x\\"y"]\n"paused"\n1\n65536\n[]\n[]\ntrue'
	action poll --json nope
	run jq -c '.vms' <<<"$output"
	assert_output '[]'
}

@test "poll: a terminal gets a line for each VM" {
	run -0 script -qec "'$REMOTES/poll' --quick" /dev/null
	assert_line --regexp '^one-5 STATE=a'
	assert_line --regexp '^one-6 STATE=e'
}
