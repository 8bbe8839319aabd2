#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real guests, under QEMU's own emulation, whose CPU is fitted to the host: what was chosen, and what they really have.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file 2
}

setup() {
	settings
}

# fit_deploy CPU TEMPLATE [OPTION...]: deploys VM 1, whose domain of oned has CPU and whose document has TEMPLATE.
fit_deploy() {
	on mkdir -p "$(directory 1)"
	lab_exec node1 tee "$(directory 1)/vm.xml" >/dev/null <<<"<VM><ID>1</ID><TEMPLATE>$2</TEMPLATE></VM>"
	run --separate-stderr deploy_xml 1 "${@:3}" < <(deaf_xml 1 | sed "s|</memory>|&$1|")
}

live_cpu() {
	lab_virsh node1 dumpxml one-1 | sed -n '/<cpu /,/<\/cpu>/p'
}

SEED='<MODELS>Penryn,IvyBridge,Haswell,Broadwell,Skylake-Client</MODELS>'

@test "deploy: the guest gets the first model with AVX and AVX2, Haswell; without a wish the first, Penryn" {
	fit_deploy '' "<CPU_MODEL>$SEED</CPU_MODEL>" --explain-fit
	assert_success
	assert_line -n 1 'cpu/model = Penryn: CPU_MODEL/MODELS'
	never state 1
	fit_deploy '' "<CPU_MODEL>$SEED<REQUIRED>HW_CPU_X86_AVX,HW_CPU_X86_AVX2</REQUIRED></CPU_MODEL>"
	assert_success
	assert_output "$(uuid 1)"
	[[ $(live_cpu) == *'>Haswell</model>'* ]]
	assert_regex "$stderr" 'cpu/model = Haswell: CPU_MODEL/MODELS: Penryn lacks avx, avx2; IvyBridge lacks avx2'
	[ "$(state 1)" = running ]
}

@test "deploy: what the guest lacks is logged; with CPU_MISSING=refuse it is ended again" {
	local cpu="<cpu mode='custom'><model fallback='forbid'>Penryn</model><feature policy='require' name='vmx'/></cpu>"
	local template='<CPU_MODEL><MODEL>Penryn</MODEL><FEATURES>vmx</FEATURES></CPU_MODEL>'
	fit_deploy "$cpu" "$template"
	assert_success
	assert_regex "$stderr" "WARN: deploy: the CPU of domain one-1 lacks vmx, which CPU_MODEL or FEATURES asks for: QEMU's own emulation does not have that"
	[[ $(live_cpu) == *"policy='disable' name='vmx'"* ]]
	# One that runs already is left alone, but not without a word.
	settings CPU_MISSING=refuse
	fit_deploy "$cpu" "$template"
	assert_success
	assert_regex "$stderr" 'lacks vmx'
	[ "$(state 1)" = running ]
	lab_virsh node1 destroy one-1
	fit_deploy "$cpu" "$template"
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: the CPU of domain one-1 lacks vmx, .* \[incompatible\] \(hint: the domain was ended again'
	never state 1
}

@test "deploy: a guest that shall run VMs gets svm, which it keeps; a name in any case is libvirt's" {
	fit_deploy "<cpu mode='custom'><model fallback='forbid'>epyc</model></cpu>" \
		'<CPU_MODEL><MODEL>epyc</MODEL><FEATURES>-HLE</FEATURES></CPU_MODEL><FEATURES><NESTED>yes</NESTED></FEATURES>'
	assert_success
	[[ $stderr != *lacks* ]]
	[[ $(live_cpu) == *'>EPYC</model>'*"policy='require' name='svm'"* ]]
}

@test "deploy: kvmrc gives the CPU of a guest that names none, and what the host cannot do is refused" {
	settings CPU_MODE=maximum CPU_FEATURES=-svm
	fit_deploy '' '' --dry-run
	assert_success
	assert_regex "$output" '<cpu mode="maximum"><feature policy="disable" name="svm"/></cpu>'
	settings CPU_MODE=host-passthrough
	fit_deploy '' ''
	assert_failure 1
	assert_regex "$(error_message)" '^deploy: CPU_MODE in kvmrc: this host does not support CPU mode host-passthrough \[incompatible\] \(hint: without KVM, maximum'
	settings
	# Of this mode libvirt would not say what QEMU leaves out.
	fit_deploy "<cpu mode='maximum'/>" '<CPU_MODEL><MODEL>maximum</MODEL><REQUIRED>avx512f</REQUIRED></CPU_MODEL>'
	assert_failure 1
	assert_regex "$(error_message)" "^deploy: cannot create domain one-1: .*missing features: avx512f \\[incompatible\\] \\(hint: CPU_MODEL/FEATURES"
	fit_deploy '' '<CPU_MODEL><FEATURES>svm</FEATURES></CPU_MODEL>'
	assert_failure 1
	assert_regex "$(error_message)" 'no CPU model is named \[input\]'
	never state 1
}

# The live CPU of guest one-2 as NODE's libvirt writes it.
cpu_on() {	# NODE
	lab_virsh "$1" dumpxml --migratable one-2 | sed -n '/<cpu /,/<\/cpu>/p'
}

@test "migrate: a guest with a chosen CPU moves to a host that can run it, and keeps the CPU; another host refuses it before anything moves" {
	local cache cpu
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	on mkdir -p "$(directory 2)"
	lab_exec node1 tee "$(directory 2)/vm.xml" >/dev/null <<<"<VM><ID>2</ID><TEMPLATE><CPU_MODEL>$SEED<REQUIRED>avx2</REQUIRED><FEATURES>svm</FEATURES></CPU_MODEL></TEMPLATE></VM>"
	run --separate-stderr deploy_xml 2 < <(deaf_xml 2)
	assert_success
	cpu=$(cpu_on node1)
	[[ $cpu == *'>Haswell</model>'* ]]
	act migrate one-2 node2 node1 2 node1
	assert_success
	[ "$(cpu_on node2)" = "$cpu" ]
	run --separate-stderr lab_exec node2 "$ACTIONS/migrate" one-2 node1 node2 2 node2 </dev/null
	assert_success
	[ "$(cpu_on node1)" = "$cpu" ]
	# As if node2 had an older QEMU, whose emulation has no AVX2.
	cache=$(lab_exec node2 sh -c 'grep -l "x86_64" /var/cache/libvirt/qemu/capabilities/*.xml')
	"$LAB" svc node2 stop
	lab_exec node2 sed -i "/<hostCPU type='tcg'/,/<\/hostCPU>/s/\(name='avx2' type='boolean' value=\)'true'/\1'false'/" $cache
	"$LAB" svc node2 start
	act migrate one-2 node2 node1 2 node1
	echo "$stderr"
	assert_failure 1
	assert_regex "$(error_message)" '^migrate: cannot migrate domain one-2: the destination.s CPU cannot do what its CPU model Haswell has: .*avx2.* \[incompatible\] \(hint: '
	[ "$(cpu_on node1)" = "$cpu" ]
	[ "$(state 2)" = running ]
	run lab_virsh node2 list --all --name
	assert_output ''
	# A lesser one moves there.
	lab_virsh node1 destroy one-2
	lab_exec node1 tee "$(directory 2)/vm.xml" >/dev/null <<<"<VM><ID>2</ID><TEMPLATE><CPU_MODEL>$SEED</CPU_MODEL></TEMPLATE></VM>"
	run --separate-stderr deploy_xml 2 < <(deaf_xml 2)
	assert_success
	[[ $(cpu_on node1) == *'>Penryn</model>'* ]]
	act migrate one-2 node2 node1 2 node1
	echo "$stderr"
	assert_success
	[[ $(cpu_on node2) == *'>Penryn</model>'* ]]
}

@test "deploy --vm: a guest with Secure Boot starts from firmware that has the keys, and its kernel knows" {
	local place=/var/lib/one/datastores/0/3
	settings
	on sh -c "mkdir -p $place /etc/one/vmm_exec && echo 'domain: { kernel_paths = \"$LAB_GUEST\"; host_paths = \"$LAB_SHARED\"; };' >/etc/one/vmm_exec/vmm_exec.cfg"
	run --separate-stderr on "$ACTIONS/deploy" --vm $place/deployment.0 node1 3 node1 <<-END
		<VM><ID>3</ID><NAME>secure</NAME><TEMPLATE><CPU>1</CPU><MEMORY>384</MEMORY>
		<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>UEFI</FIRMWARE><FIRMWARE_SECURE>YES</FIRMWARE_SECURE>
		<KERNEL>$LAB_GUEST/vmlinuz</KERNEL><INITRD>$LAB_GUEST/initrd.img</INITRD><KERNEL_CMD>console=ttyS0 lab.name=one-3</KERNEL_CMD></OS>
		<FEATURES><ACPI>YES</ACPI><GUEST_AGENT>YES</GUEST_AGENT></FEATURES>
		<RAW><TYPE>kvm</TYPE><DATA><![CDATA[<devices>$(lab_serial one-3)</devices>]]></DATA></RAW></TEMPLATE>
		<HISTORY_RECORDS><HISTORY><VM_MAD>$LAB_VIRTTYPE</VM_MAD><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>
	END
	echo "$stderr"
	assert_success
	[[ $(lab_virsh node1 dumpxml one-3) == *"secure='yes'"* ]]
	lab_wait_console node1 one-3 LAB-READY
	lab_wait_agent node1 one-3
	lab_in_guest node1 one-3 dmesg | grep -i 'secure boot enabled'
	act cancel one-3
	assert_success
}
