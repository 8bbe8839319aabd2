#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Guests of other architectures, for real: ARM with UEFI and POWER with SLOF on a node of x86_64 whose VM_MAD is kvm.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	local cache=${VMM_CACHE:-/var/cache/vmmexec}/qemu-arm root
	"$LAB_TOP/tests/lab/fetch" "$cache" qemu-system-arm qemu-efi-aarch64
	"$LAB_TOP/tests/lab/fetch" "${cache%-arm}-ppc" qemu-system-ppc
	action_setup_file
	# Links into the cache: a copy would be in the node's memory.
	root=$cache/usr
	lab_exec node1 sh -c 'mkdir -p /usr/share/qemu/firmware && ln -s "$1/bin/qemu-system-aarch64" /usr/bin/ &&
		ln -s "$1/share/AAVMF" "$1/share/qemu-efi-aarch64" /usr/share/ && cp "$1"/share/qemu/firmware/*aarch64*.json /usr/share/qemu/firmware/' sh "$root"
	# But this one looks for its firmware beside itself.
	lab_exec node1 cp "${cache%-arm}-ppc/usr/bin/qemu-system-ppc64" /usr/bin/
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

@test "deploy --vm: a guest of ppc64le runs on x86_64: its firmware comes to its prompt, its CD-ROM is on SCSI" {
	local os='<OS><ARCH>ppc64le</ARCH><MACHINE>pseries</MACHINE></OS>' place=/var/lib/one/datastores/0/2
	on sh -c "mkdir -p $place /etc/one/vmm_exec && truncate -s 1M $place/disk.1 && echo 'domain: { host_paths = \"/run\"; };' >/etc/one/vmm_exec/vmm_exec.cfg"
	run --separate-stderr on "$ACTIONS/deploy" --vm $place/deployment.0 node1 2 node1 <<-END
		<VM><ID>2</ID><NAME>power</NAME><TEMPLATE><CPU>1</CPU><VCPU>1</VCPU><MEMORY>512</MEMORY>$os<FEATURES><ACPI>yes</ACPI></FEATURES>
		<CONTEXT><DISK_ID>1</DISK_ID><TARGET>hda</TARGET></CONTEXT>
		<RAW><TYPE>kvm</TYPE><DATA><![CDATA[<devices><serial type='file'><source path='/run/power.log'/></serial></devices>]]></DATA></RAW>
		</TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><VM_MAD>kvm</VM_MAD><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>
	END
	echo "$stderr"
	assert_success
	assert_regex "$stderr" "WARN: deploy: OS/ARCH = 'ppc64le': QEMU emulates the VM on this x86_64 host, which is slow"
	run lab_virsh node1 dumpxml one-2
	assert_output --partial "<domain type='qemu'"
	assert_output --partial '/usr/bin/qemu-system-ppc64'
	assert_output --partial "<target dev='hda' bus='scsi'"
	refute_output --partial '<acpi'
	lab_until node1 180 grep -qa 'SLOF' /run/power.log
	lab_until node1 180 grep -qa '0 >' /run/power.log
	act cancel one-2
	assert_success
}
