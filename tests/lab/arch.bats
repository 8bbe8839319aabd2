#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A guest of another architecture, for real: ARM with UEFI on a node of x86_64 whose VM_MAD is kvm.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	local cache=${VMM_CACHE:-/var/cache/vmmexec}/qemu-arm root
	"$LAB_TOP/tests/lab/fetch" "$cache" qemu-system-arm qemu-efi-aarch64
	action_setup_file
	# Links into the cache: a copy would be in the node's memory.
	root=$cache/usr
	lab_exec node1 sh -c 'mkdir -p /usr/share/qemu/firmware && ln -s "$1/bin/qemu-system-aarch64" /usr/bin/ &&
		ln -s "$1/share/AAVMF" "$1/share/qemu-efi-aarch64" /usr/share/ && cp "$1"/share/qemu/firmware/*aarch64*.json /usr/share/qemu/firmware/' sh "$root"
	"$LAB" svc node1 restart
}

setup() {
	settings
}

@test "deploy: a guest of aarch64 with UEFI runs on x86_64: emulated, with ARM's firmware" {
	local xml
	xml=$(deaf_xml 1 "<serial type='file'><source path='/run/arm.log'/></serial>" |
		sed "s|<domain type='[a-z]*'|<domain type='kvm'|; s|<os>.*</os>|<os firmware='efi'><type arch='aarch64' machine='virt'>hvm</type></os>|; s|<memory unit='MiB'>64|<memory unit='MiB'>256|")
	on mkdir -p "$(directory 1)"
	run --separate-stderr deploy_xml 1 <<<"$xml"
	echo "$stderr"
	assert_success
	assert_output "$(uuid 1)"
	assert_regex "$stderr" "WARN: deploy: OS/ARCH = 'aarch64': QEMU emulates the VM on this x86_64 host, which is slow"
	run lab_virsh node1 dumpxml one-1
	assert_output --partial "<domain type='qemu'"
	assert_output --partial '/usr/bin/qemu-system-aarch64'
	assert_output --partial 'cortex-a57'
	assert_output --partial '/usr/share/AAVMF/'
	lab_until node1 120 grep -qa 'UEFI' /run/arm.log
	act cancel one-1
	assert_success
}
