# SPDX-License-Identifier: Apache-2.0
# A domain is fitted to its host: by kvm-domain with what libvirt said of a host, and by the actions on a host with KVM
# that is made of such documents (tests/fake/host.c).
load helper
load node

KVM_DOMAIN=$BUILD/drivers/kvm_domain/kvm-domain
FIT=$DATA/fit
CONF=$DATA/domain/conf/stock.conf
SEED='<MODELS>Penryn,IvyBridge,Haswell,Broadwell,Skylake-Client</MODELS>'

vm() {	# TEMPLATE
	echo "<VM><ID>9</ID><NAME>v</NAME><TEMPLATE><CPU>1</CPU><MEMORY>64</MEMORY>$1</TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><VM_MAD>qemu</VM_MAD></HISTORY></HISTORY_RECORDS></VM>"
}

# kvm_domain TEMPLATE OPTION...
kvm_domain() {
	run --separate-stderr -- "$KVM_DOMAIN" --conf "$CONF" "${@:2}" --capabilities "$FIT/capabilities-amd.xml" \
		--domcapabilities "$FIT/domcapabilities-tcg.xml" <<<"$(vm "$1")"
}

@test "kvm-domain: with a host's capabilities the first model with all required features is chosen" {
	kvm_domain "<CPU_MODEL>$SEED<REQUIRED>HW_CPU_X86_AVX,avx2</REQUIRED></CPU_MODEL>"
	assert_success
	[ -z "$stderr" ]
	[[ $output == *$'\n  <cpu mode="custom">\n    <model fallback="forbid">Haswell</model>\n  </cpu>\n'* ]]
	kvm_domain "<CPU_MODEL>$SEED</CPU_MODEL>"
	[[ $output == *'<model fallback="forbid">Penryn</model>'* ]]
}

@test "kvm-domain: what no model of the host has is an error; --check says it, too" {
	kvm_domain "<CPU_MODEL>$SEED<REQUIRED>avx512f</REQUIRED></CPU_MODEL>"
	assert_failure 1
	[ -z "$output" ]
	[[ $stderr == 'kvm-domain: CPU_MODEL/MODELS: no CPU model fits: Penryn lacks avx512f; '*' [incompatible] (hint: name more models'* ]]
	kvm_domain "<CPU_MODEL>$SEED<REQUIRED>avx512f</REQUIRED></CPU_MODEL>" --check
	assert_failure 1
	[[ $stderr == *'no CPU model fits'* ]]
	kvm_domain "<CPU_MODEL><MODEL>host-passthrough</MODEL><REQUIRED>avx</REQUIRED></CPU_MODEL>"
	assert_failure 1
	[[ $stderr == *'this host does not support CPU mode host-passthrough [incompatible] (hint: without KVM, maximum'* ]]
}

@test "kvm-domain: kvmrc gives a CPU to a VM that names none; features alone are refused without" {
	echo 'CPU_MODE=host-model' >kvmrc
	kvm_domain '' --kvmrc kvmrc
	assert_success
	[[ $output == *'<cpu mode="host-model"/>'* ]]
	kvm_domain '<CPU_MODEL><FEATURES>svm</FEATURES></CPU_MODEL>' --kvmrc kvmrc
	[[ $output == *$'<cpu mode="host-model">\n    <feature policy="require" name="svm"/>\n  </cpu>'* ]]
	kvm_domain '<CPU_MODEL><FEATURES>svm</FEATURES></CPU_MODEL>'
	assert_failure 1
	[[ $stderr == *'no CPU model is named [input]'* ]]
	run --separate-stderr -- "$KVM_DOMAIN" --conf "$CONF" <<<"$(vm '<CPU_MODEL><FEATURES>svm</FEATURES></CPU_MODEL>')"
	assert_failure 1
	[[ $stderr == *'CPU_MODEL/FEATURES: no CPU model is named'*'[input]' ]]
	# One that is named must be there.
	kvm_domain '' --kvmrc missing
	assert_failure 1
	[[ $stderr == 'kvm-domain: cannot read missing: '*' [config]'* ]]
	[ -z "$output" ]
	echo 'CPU_MODE=fast' >kvmrc
	kvm_domain '' --kvmrc kvmrc
	assert_success
	[ "$stderr" = "kvm-domain: warning: kvmrc: CPU_MODE: 'fast' is not one of none, host-model, host-passthrough, maximum, custom; using its default" ]
}

@test "kvm-domain: without capabilities it says what is left to the host" {
	run --separate-stderr -- "$KVM_DOMAIN" --conf "$CONF" <<<"$(vm "<CPU_MODEL>$SEED<REQUIRED>avx</REQUIRED></CPU_MODEL><FEATURES><NESTED>yes</NESTED></FEATURES>")"
	assert_success
	[[ $output == *'<model fallback="forbid">Penryn</model>'* ]]
	[ "${stderr_lines[0]}" = 'kvm-domain: warning: CPU_MODEL/MODELS: the host will choose; until then it is Penryn' ]
	[ "${stderr_lines[1]}" = 'kvm-domain: warning: CPU_MODEL/REQUIRED is left to the host' ]
	[ "${stderr_lines[2]}" = 'kvm-domain: warning: FEATURES/NESTED is left to the host' ]
}

@test "kvm-domain: one of the host's two documents alone, or --explain with them, is misuse; a missing CPU map is an error" {
	run -2 --separate-stderr -- "$KVM_DOMAIN" --capabilities "$FIT/capabilities-amd.xml" <<<"$(vm '')"
	[[ $stderr == *'belong together [usage]'* ]]
	kvm_domain '' --explain
	assert_failure 2
	kvm_domain '<CPU_MODEL><MODEL>Haswell</MODEL></CPU_MODEL>' --cpu-map "$PWD"
	assert_failure 1
	[[ $stderr == *"libvirt's CPU map: cannot read $PWD/index.xml: No such file or directory [not-found]"* ]]
}

# host: a host with KVM and an EPYC of libvirt's own tests.
host() {
	mkdir -p host/module/kvm_amd/parameters vm
	cat >host/capabilities.xml <<-END
		<capabilities><host><cpu><arch>x86_64</arch><vendor>AMD</vendor></cpu></host></capabilities>
	END
	cat >host/domcapabilities.xml <<-END
		<domainCapabilities><cpu><mode name='host-passthrough' supported='yes'/><mode name='host-model' supported='yes'/>
		<mode name='custom' supported='yes'><model usable='yes'>Penryn</model><model usable='no'>Haswell</model>
		<blockers model='Haswell'><feature name='hle'/><feature name='pcid'/></blockers>
		<model usable='yes'>EPYC</model></mode></cpu></domainCapabilities>
	END
	echo "${1:-1}" >host/module/kvm_amd/parameters/nested
}

# in_host NAME ARGUMENT...: an action on it; stdin is $REQUEST.
in_host() {
	unshare --mount bash -c 'mount --bind host/module /sys/module && exec env LD_PRELOAD="$1" VMM_HOST="$PWD/host" "${@:2}"' \
		- "$(preload_for "$REMOTES/$1" host)" "$REMOTES/$1" "${@:2}" <<<"${REQUEST:-}"
}

on_host() {
	rm -f host/calls
	run --separate-stderr in_host "$@"
}

domain() {	# [CPU]
	REQUEST="<domain type=\"kvm\"><name>one-9</name><uuid>$(uuid 9)</uuid><memory>65536</memory><os><type arch='x86_64'>hvm</type></os>${1:-}</domain>"
}

calls() {
	grep -v '^virDomain' host/calls | tr '\n' ' '
}

@test "deploy: a VM that asks for nothing is deployed as ever, and libvirt is not asked for anything else" {
	host
	domain '<cpu mode="host-passthrough"/>'
	vm '<CPU_MODEL><MODEL>host-passthrough</MODEL></CPU_MODEL>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	[ "$(cat host/calls)" = virDomainCreateXML ]
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_output 'nothing is changed'
	[ ! -e host/calls ]
}

@test "deploy: oned's XML gets the model that the VM's document asks for, and the host is asked whether it can run it" {
	host
	domain
	vm '<CPU_MODEL><MODELS>Haswell,EPYC</MODELS><REQUIRED>avx2</REQUIRED></CPU_MODEL>' >vm/vm.xml
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_success
	assert_line -n 0 'cpu/@mode = custom: CPU_MODEL/MODELS'
	assert_line -n 1 "cpu/model = EPYC: CPU_MODEL/MODELS: this host's CPU cannot run Haswell, it lacks hle, pcid"
	[ ! -e vm/deployment.0 ]
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	assert_output "$(uuid 9)"
	grep -q '<cpu mode="custom"><model fallback="forbid">EPYC</model></cpu>' vm/deployment.0
	[ "$(calls)" = 'virConnectGetCapabilities virConnectGetDomainCapabilities virConnectCompareHypervisorCPU ' ]
}

@test "deploy: a CPU that the host cannot run is refused before anything starts; CPU_COMPARE=no asks nobody" {
	host
	domain
	vm '<CPU_MODEL><MODELS>EPYC</MODELS></CPU_MODEL>' >vm/vm.xml
	printf 'the CPU is incompatible with host CPU: Host CPU does not provide required features: ssbd' >host/compare
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: this host cannot run the VM's CPU: the CPU is incompatible with host CPU: "*'features: ssbd [incompatible]'* ]]
	[ ! -e vm/deployment.0 ]
	never grep -q virDomainCreateXML host/calls
	CPU_COMPARE=no on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
}

@test "deploy: a guest without what was asked for is ended again on KVM" {
	host
	domain '<cpu mode="host-passthrough"><feature policy="require" name="vmx"/></cpu>'
	vm '<CPU_MODEL><MODEL>host-passthrough</MODEL><FEATURES>vmx</FEATURES></CPU_MODEL>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	echo "<cpu mode='host-passthrough'><feature policy='disable' name='vmx'/></cpu>" >host/cpu.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == 'deploy: the CPU of domain one-9 lacks vmx, which CPU_MODEL or FEATURES asks for: the host does not give it [incompatible] (hint: the domain was ended again'* ]]
	grep -qx virDomainCreateXML host/calls
}

@test "deploy: one that died before it looked at the guest's CPU is not done: outcome looks, and deploy run again ends the VM" {
	local mark=aaaaaaaa-0000-4000-8000-000000000001 other=aaaaaaaa-0000-4000-8000-000000000002
	host
	domain '<cpu mode="host-passthrough"><feature policy="require" name="vmx"/></cpu>'
	vm '<CPU_MODEL><MODEL>host-passthrough</MODEL><FEATURES>vmx</FEATURES></CPU_MODEL>' >vm/vm.xml
	VMM_DEPLOYMENT=$mark on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	grep -q "<vmmexec:cpu xmlns:vmmexec=\"urn:vmmexec:cpu\" required=\"$mark vmx\"/>" vm/deployment.0
	# What that left, as another process finds it.
	{ echo '<node>'; sed 's/type="kvm"/type="test"/' vm/deployment.0; echo '</node>'; } >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	outcome() {	# MARK
		REQUEST='' VMM_DEPLOYMENT=$1 on_host outcome deploy "$(uuid 9)" - 9 h
		assert_success
	}
	outcome $mark
	assert_output "done $(uuid 9)"
	echo "<cpu mode='host-passthrough'><feature policy='disable' name='vmx'/></cpu>" >host/cpu.xml
	outcome $mark
	assert_output "finish the CPU of domain one-9 lacks vmx, which CPU_MODEL or FEATURES asks for: the host does not give it"
	VMM_DEPLOYMENT=$mark on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == 'deploy: the CPU of domain one-9 lacks vmx, '*'[incompatible] (hint: the domain was ended again'* ]]
	# One that another deployment made is left alone.
	outcome $other
	assert_output "done $(uuid 9)"
	VMM_DEPLOYMENT=$other on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $stderr == *'WARN: deploy: the CPU of domain one-9 lacks vmx'* ]]
}

@test "deploy: NESTED takes the flag of the host's vendor, and needs a module that lets guests run VMs" {
	host 1
	domain '<cpu mode="host-model"/>'
	vm '<CPU_MODEL><MODEL>host-model</MODEL></CPU_MODEL><FEATURES><NESTED>yes</NESTED></FEATURES>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	grep -q '<cpu mode="host-model"><feature policy="require" name="svm"/></cpu>' vm/deployment.0
	host 0
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: FEATURES/NESTED: module kvm_amd of this host does not let guests run VMs [incompatible] (hint: 'options kvm_amd nested=1'"* ]]
}

# encrypted [FEATURE...]: a VM with SEV, as oned makes it, on a host whose domain capabilities have these.
encrypted() {
	local security='<launchSecurity type="sev"><policy>0x00000003</policy></launchSecurity>'
	host
	mkdir -p host/module/kvm_amd/parameters
	echo "<domainCapabilities><features>$*</features></domainCapabilities>" >host/domcapabilities.xml
	REQUEST="<domain type=\"kvm\"><name>one-9</name><uuid>$(uuid 9)</uuid><memory>65536</memory><os><type arch='x86_64' machine='q35'>hvm</type>"
	REQUEST+="<loader type='rom'>/usr/share/ovmf/OVMF.fd</loader></os>$security</domain>"
}

@test "deploy: encrypted memory is refused before anything starts when the host lacks it, and the missing part is named" {
	encrypted "<sev supported='no'/>"
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: MEMORY_ENCRYPTION: the kernel of this host has no SEV: parameter kvm_amd/sev of KVM's modules is not there [incompatible] (hint: switch it on"* ]]
	echo N >host/module/kvm_amd/parameters/sev
	on_host deploy "$PWD/vm/deployment.0" h 9
	[[ $(error_message) == *"parameter kvm_amd/sev of KVM's modules is off [incompatible]"* ]]
	echo Y >host/module/kvm_amd/parameters/sev
	on_host deploy "$PWD/vm/deployment.0" h 9
	[[ $(error_message) == 'deploy: MEMORY_ENCRYPTION: QEMU of this host has no SEV [incompatible]'* ]]
	never grep -q virDomainCreateXML host/calls
	[ ! -e vm/deployment.0 ]
}

@test "deploy: encrypted memory is started on a host that has it, with the CPU as it was written" {
	encrypted "<sev supported='yes'><maxGuests>59</maxGuests><maxESGuests>450</maxESGuests></sev>"
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $(calls) == 'virConnectGetCapabilities virConnectGetDomainCapabilities '*'virConnectListAllDomains ' ]]
	grep -q virDomainCreateXML host/calls
	encrypted "<sev supported='yes'><maxGuests>59</maxGuests></sev>"
	REQUEST=${REQUEST/machine=\'q35\'/machine=\'pc\'}
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: MEMORY_ENCRYPTION: TYPE = 'SEV' needs OS/MACHINE = q35, not 'pc' [input]"* ]]
}

# sev NUMBER [POLICY [TYPE]]: one-NUMBER with SEV, or with the encrypted state that policy 7 means.
sev() {
	encrypted "<sev supported='yes'><maxGuests>1</maxGuests><maxESGuests>2</maxESGuests></sev>"
	REQUEST=${REQUEST//one-9/one-$1}
	REQUEST=${REQUEST/$(uuid 9)/$(uuid "$1")}
	REQUEST=${REQUEST/0x00000003/${2:-0x3}}
	REQUEST=${REQUEST/\"kvm\"/\"${3:-kvm}\"}
	echo Y >host/module/kvm_amd/parameters/sev_es
	echo Y >host/module/kvm_amd/parameters/sev
	mkdir -p host/domains
}

@test "deploy: as many encrypted guests run as the host has slots for, counted by kind of key and by kvmrc" {
	local n
	sev 3 0x3 test
	echo "$REQUEST" >host/domains/one-3.xml
	sev 9
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: no free slot for encrypted memory: 1 of 1 in use [no-resource] (hint: use another host, or end one of the VMs; the limit is the host's, for this TYPE; host_check --only sev,sev-es,sev-snp,tdx counts)"* ]]
	never grep -q virDomainCreateXML host/calls
	[ ! -e vm/deployment.0 ]
	# SEV-ES has other keys.
	sev 9 0x7
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	rm host/domains/one-9.xml
	NUM_MEMORY_ENCRYPTED_GUESTS=1 on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == *'1 of 1 in use [no-resource] (hint: '*'NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc; host_check '* ]]
	NUM_MEMORY_ENCRYPTED_GUESTS=2 on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	# Other guests are never counted, nor waited for.
	rm host/domains/one-9.xml
	domain
	NUM_MEMORY_ENCRYPTED_GUESTS=0 on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	never grep -qx virConnectListAllDomains host/calls
	# A libvirt that gives no numbers.
	rm host/domains/*
	sev 9
	echo "<domainCapabilities><features><sev supported='yes'/></features></domainCapabilities>" >host/domcapabilities.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $stderr == *'WARN: deploy: how many guests with SEV this host can run is not known'* ]]
}

@test "deploy: if two want the last slot for encrypted memory at once, one gets it" {
	local first second
	sev 3
	first=$REQUEST
	sev 9
	second=$REQUEST
	two_at_once "$first" "$second"
	[ "$(sort status.[39] | tr '\n' ' ')" = '0 1 ' ]
	grep -h 'no free slot for encrypted memory: 1 of 1 in use \[no-resource\]' said.[39]
	[ "$(grep -c virDomainCreateXML host/calls)" -eq 1 ]
}

@test "deploy: the memory that kvmrc reserves for the host is not pinned by an encrypted guest" {
	sev 9
	RESERVED_HOST_MEMORY_MB=900000000 on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) =~ 'deploy: the guest pins 64 MiB of the '[0-9]+' MiB that are available, and 900000000 MiB are reserved for the host [no-resource]' ]]
	never grep -q virDomainCreateXML host/calls
	RESERVED_HOST_MEMORY_MB=1 on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
}

@test "deploy: a TPM/TYPE that oned did not heed is an error, not an emulated TPM" {
	host
	domain '<devices><tpm model="tpm-tis"><backend type="emulator" version="2.0"/></tpm></devices>'
	vm '<TPM><MODEL>tpm-tis</MODEL><TYPE>passthrough</TYPE></TPM>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: TPM/TYPE = 'passthrough': the domain has a TPM of type emulator instead [input] (hint: oned knows MODEL only: "* ]]
	never grep -q virDomainCreateXML host/calls
	vm '<TPM><TYPE>chip</TYPE></TPM>' >vm/vm.xml
	domain
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: TPM/TYPE = 'chip': the domain has no TPM [input]"* ]]
	domain '<devices><tpm model="tpm-tis"><backend type="passthrough"/></tpm></devices>'
	vm '<TPM><MODEL>tpm-tis</MODEL><TYPE>Passthrough</TYPE></TPM>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
}

@test "TPM/SECRET_MODE: a word that does not exist, and a secret of its own besides, are refused; without libvirt's secrets nothing is started" {
	kvm_domain '<TPM><TYPE>emulator</TYPE><SECRET_MODE>always</SECRET_MODE></TPM>'
	assert_failure 1
	[[ $stderr == *"TPM/SECRET_MODE = 'always' (VM 9): not one of none, host, user [input]"* ]]
	kvm_domain "<TPM><TYPE>emulator</TYPE><SECRET>$(uuid 1)</SECRET><SECRET_MODE>user</SECRET_MODE></TPM>"
	assert_failure 1
	[[ $stderr == *'TPM/SECRET and SECRET_MODE = user exclude each other [input]'* ]]
	kvm_domain '<TPM><TYPE>passthrough</TYPE><SECRET_MODE>user</SECRET_MODE></TPM>'
	assert_failure 1
	[[ $stderr == *'TPM/SECRET_MODE is for TPM/TYPE = emulator, not passthrough'* ]]
	kvm_domain '<TPM><TYPE>emulator</TYPE><SECRET_MODE>none</SECRET_MODE></TPM>'
	assert_success
	host
	domain '<devices><tpm model="tpm-tis"><backend type="emulator" version="2.0"/></tpm></devices>'
	vm '<TPM><MODEL>tpm-tis</MODEL><SECRET_MODE>user</SECRET_MODE></TPM>' >vm/vm.xml
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_success
	assert_output "devices/tpm/backend/encryption/@secret = $(uuid 9): TPM/SECRET_MODE"
	[ ! -e vm/tpm ]
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == *"cannot look for secret $(uuid 9): "* ]]
	never grep -q virDomainCreateXML host/calls
}

# chip NUMBER DEVICE [TYPE]: domain one-NUMBER, with a TPM of the host.
chip() {
	REQUEST="<domain type='${3:-kvm}'><name>one-$1</name><uuid>$(uuid "$1")</uuid><memory>65536</memory><os><type arch='x86_64'>hvm</type></os>"
	REQUEST+="<devices><tpm model='tpm-tis'><backend type='passthrough'><device path='$2'/></backend></tpm></devices></domain>"
}

@test "deploy: the host's TPM is for one VM: the second is refused before its start, with the name of the first" {
	host
	mkdir host/domains
	chip 3 /dev/tpmrm0 test
	echo "$REQUEST" >host/domains/one-3.xml
	chip 9 /dev/tpm0
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == 'deploy: the TPM of this host (tpm0) belongs to domain one-3 [busy] (hint: one VM at a time can have it: stop that one'* ]]
	[ ! -e vm/deployment.0 ]
	never grep -q virDomainCreateXML host/calls
	# Another chip, and none, are free.
	chip 9 /dev/tpm1
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
	domain
	rm host/domains/one-9.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_success
}

# Which of our two deploys have the lock of what guests share open.
at_lock() {
	local pid hash
	hash=$(printf 'host\n' | sha256sum | cut -d' ' -f1)
	for pid in $(pgrep -f "kvm/deploy $PWD/vm[39]/"); do
		readlink "/proc/$pid/fd/"* 2>/dev/null | grep "/$hash$" | head -n 1
	done
}

# two_at_once REQUEST REQUEST: deploys one-3 and one-9; one waits in libvirt, then the other at the lock, then both go on.
two_at_once() {
	local n pid=()
	mkdir -p host/domains vm3 vm9
	mkfifo host/gate
	for n in 3 9; do
		REQUEST=$1 in_host deploy "$PWD/vm$n/deployment.0" h $n >out.$n 2>said.$n 3>&- &
		pid[n]=$!
		shift
	done
	wait_for eval '[ "$(at_lock | wc -l)" -eq 2 ] && grep -q virDomainCreateXML host/calls'
	exec 4<>host/gate
	for n in 3 9; do
		wait "${pid[n]}" && echo 0 >status.$n || echo $? >status.$n
	done
	exec 4>&-
}

@test "deploy: of two that want the host's TPM at once one gets it, and the other is refused" {
	local first second
	host
	chip 3 /dev/tpm0
	first=$REQUEST
	chip 9 /dev/tpm0
	second=$REQUEST
	two_at_once "$first" "$second"
	[ "$(sort status.[39] | tr '\n' ' ')" = '0 1 ' ]
	cat said.[39] | grep -E 'deploy: the TPM of this host \(tpm0\) belongs to domain one-[39] \[busy\]'
	[ "$(grep -c virDomainCreateXML host/calls)" -eq 1 ]
}

@test "kvm-domain: with a host's capabilities, encrypted memory that the host lacks is an error" {
	kvm_domain '<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>UEFI</FIRMWARE></OS><MEMORY_ENCRYPTION><TYPE>SEV</TYPE></MEMORY_ENCRYPTION>' --type kvm
	assert_failure 1
	[[ $stderr == 'kvm-domain: MEMORY_ENCRYPTION: QEMU of this host has no SEV [incompatible]'* ]]
}

@test "kvm-domain: what an encrypted guest's owner gives has the right size, and is shown to nobody" {
	local block auth data os='<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>UEFI</FIRMWARE></OS>'
	block=$(printf %96s | base64 -w0) auth=$(printf %4096s | base64 -w0) data=$(printf %32s | base64 -w0)
	snp() {	# KEYS OPTION...
		run --separate-stderr -- "$KVM_DOMAIN" --conf "$CONF" --type kvm --libvirt 12.0.0 "${@:2}" \
			<<<"$(vm "$os<MEMORY_ENCRYPTION><TYPE>SEV-SNP</TYPE>$1</MEMORY_ENCRYPTION>")"
	}
	snp "<ID_BLOCK>$block</ID_BLOCK><ID_AUTH>$auth</ID_AUTH><HOST_DATA>$data</HOST_DATA><KERNEL_HASHES>no</KERNEL_HASHES>"
	assert_success
	[[ $output == *"<launchSecurity type=\"sev-snp\" kernelHashes=\"no\">"*"<idBlock>$block</idBlock>"*"<idAuth>$auth</idAuth>"*"<hostData>$data</hostData>"* ]]
	snp "<ID_BLOCK>$block</ID_BLOCK><HOST_DATA>$data</HOST_DATA>" --explain
	assert_success
	[[ $output == *$'/domain/launchSecurity/hostData\t***\t'* ]]
	[[ $output != *"$data"* ]]
	snp "<ID_AUTH>$auth</ID_AUTH><HOST_DATA>$block</HOST_DATA>"
	assert_failure 1
	[[ $stderr == *'HOST_DATA has 96 bytes, not 32'*'ID_AUTH signs an ID_BLOCK, and there is none'* ]]
	[[ $stderr != *"$block"* ]]
}

@test "deploy: --dry-run shows no secret of an encrypted guest" {
	encrypted "<sev supported='yes'/>"
	REQUEST=${REQUEST/<policy>/<session>c2VjcmV0</session><dhCert>c2VjcmV0</dhCert><policy>}
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $output == *'<session>***</session><dhCert>***</dhCert>'* ]]
	[[ $output$stderr != *c2VjcmV0* ]]
}

# arm [OLD NEW]: one-9 for ARM, as a site of x86_64 makes it; the host has QEMU for both.
arm() {
	host
	cat >host/capabilities.xml <<-END
		<capabilities><host><cpu><arch>x86_64</arch><vendor>AMD</vendor></cpu></host>
		<guest><os_type>hvm</os_type><arch name='x86_64'><emulator>/usr/bin/qemu-system-x86_64</emulator><domain type='kvm'/></arch></guest>
		<guest><os_type>hvm</os_type><arch name='aarch64'><emulator>/usr/bin/qemu-system-aarch64</emulator><domain type='qemu'/></arch></guest></capabilities>
	END
	REQUEST="<domain type='kvm'><name>one-9</name><uuid>$(uuid 9)</uuid><memory>65536</memory><os><type arch='aarch64' machine='virt'>hvm</type></os>${1:-}<devices><emulator>/usr/bin/qemu-kvm-one</emulator></devices></domain>"
}

@test "deploy: a guest of another architecture is emulated, by the QEMU and with a CPU of that architecture" {
	arm
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_success
	assert_line -n 0 '@type = qemu: OS/ARCH = aarch64 is emulated on this host'
	assert_line -n 1 'devices/emulator = /usr/bin/qemu-system-aarch64: OS/ARCH = aarch64 is emulated on this host'
	assert_line -n 2 'cpu/model = cortex-a57: OS/ARCH = aarch64 is emulated on this host'
	[[ $stderr == *"WARN: deploy: OS/ARCH = 'aarch64': QEMU emulates the VM on this x86_64 host, which is slow"* ]]
	arm '<cpu mode="host-passthrough"><topology sockets="1" cores="1" threads="1"/></cpu>'
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $output == *'<domain type="qemu">'*'<cpu mode="maximum"><topology '*'<emulator>/usr/bin/qemu-system-aarch64</emulator>'* ]]
	arm '<cpu mode="custom"><model>neoverse-n1</model></cpu>'
	REQUEST=${REQUEST/qemu-kvm-one/our-qemu-system-aarch64}
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	[[ $output == *'<model>neoverse-n1</model>'*'<emulator>/usr/bin/our-qemu-system-aarch64</emulator>'* ]]
	arm
	REQUEST=${REQUEST/aarch64/riscv64}
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == "deploy: OS/ARCH = 'riscv64': this host has no QEMU for that architecture [incompatible] (hint: install qemu-system-… of it there"* ]]
	never grep -q virDomainCreateXML host/calls
	# What the processor runs itself is not touched, and nobody is asked.
	REQUEST=${REQUEST/riscv64/i686}
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_output 'nothing is changed'
	[ ! -e host/calls ]
}

@test "kvm-domain: with a host's capabilities a VM of another architecture is emulated there" {
	arm
	run --separate-stderr -- "$KVM_DOMAIN" --conf "$CONF" --type kvm --capabilities host/capabilities.xml --domcapabilities host/domcapabilities.xml \
		<<<"$(vm '<OS><ARCH>aarch64</ARCH><MACHINE>virt</MACHINE></OS>')"
	assert_success
	[[ $output == '<domain '*' type="qemu">'*'<emulator>/usr/bin/qemu-system-aarch64</emulator>'*'<model fallback="forbid">cortex-a57</model>'* ]]
}

@test "save: a guest that can run VMs is saved with a warning, not at all with NESTED_GUARD=refuse" {
	host 1
	echo "<cpu><model>EPYC</model><feature policy='require' name='svm'/></cpu>" >host/cpu.xml
	NESTED_GUARD=refuse on_host save one-5 "$PWD/0/5/checkpoint"
	assert_failure 1
	[[ $(error_message) == 'save: cannot save domain one-5: it can run VMs itself, which do not survive that [refused] (hint: power it off, or NESTED_GUARD=warn'* ]]
	NESTED_GUARD=refuse on_host migrate one-5 node2
	assert_failure 1
	NESTED_GUARD=no on_host save one-5 "$PWD/0/5/checkpoint"
	assert_success
	[[ $stderr != *'run VMs'* ]]
	rm 0/5/checkpoint
	on_host save one-5 "$PWD/0/5/checkpoint"
	assert_success
	[[ $stderr == *'WARN: save: domain one-5 can run VMs itself'* ]]
	host 0
	rm 0/5/checkpoint
	NESTED_GUARD=refuse on_host save one-5 "$PWD/0/5/checkpoint"
	assert_success
}

@test "restore: a CPU that this host cannot run is refused before the checkpoint is used; the CPU is not changed" {
	host
	echo "<cpu mode='custom'><model>Haswell</model></cpu>" >host/cpu.xml
	on_host save one-5 "$PWD/0/5/checkpoint"
	assert_success
	vm '<CPU_MODEL><MODELS>EPYC</MODELS></CPU_MODEL>' >0/5/vm.xml
	printf 'the CPU is incompatible with host CPU' >host/compare
	echo '<node/>' >node.xml
	LIBVIRT_URI=test://$PWD/node.xml on_host restore "$PWD/0/5/checkpoint" h
	assert_failure 1
	[[ $(error_message) == "restore: this host cannot run the VM's CPU: the CPU is incompatible with host CPU [incompatible]"* ]]
	[ -s 0/5/checkpoint ]
	rm host/compare
	LIBVIRT_URI=test://$PWD/node.xml on_host restore "$PWD/0/5/checkpoint" h
	assert_success
	[ "$(calls)" = 'virConnectCompareHypervisorCPU ' ]
}

# with_kvmrc LINE: the action comes from a set whose kvmrc has that.
with_kvmrc() {
	host
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	[ -e remotes/vmm/kvm/deploy ] || cp "$REMOTES/deploy" remotes/vmm/kvm/
	echo "$1" >remotes/etc/vmm/kvm/kvmrc
	REMOTES=$PWD/remotes/vmm/kvm
}

# oned_domain [MORE]: one-9 as oned writes it for vm() on a pc whose site has an emulator of its own.
oned_domain() {
	REQUEST="<domain type=\"qemu\"><name>one-9</name><title>v</title><cputune><shares>1024</shares></cputune><memory>65536</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>/usr/bin/site-qemu</emulator><controller type='scsi' index='0' model='virtio-scsi'><driver queues='1'/></controller></devices>${1:-}<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'><one:system_datastore><![CDATA[$PWD/9]]></one:system_datastore><one:deployment_time>7</one:deployment_time></one:vm></metadata></domain>"
}

@test "deploy: DEPLOY_FROM=vm builds the domain of the VM document; what is only the site's is taken from oned's" {
	with_kvmrc DEPLOY_FROM=vm
	oned_domain '<devices><serial type="pty"/></devices>'
	vm '<OS><MACHINE>pc</MACHINE></OS><RNG><MODEL>virtio</MODEL></RNG>' >vm/vm.xml
	on_host deploy --explain-fit "$PWD/vm/deployment.0" h 9
	assert_success
	assert_line --regexp "^uuid = .*: of the VM document, not in oned's XML"
	assert_line --regexp '^devices/rng = '
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $output == *'<emulator>/usr/bin/site-qemu</emulator>'*'<rng model="virtio">'*'<serial type="pty"/>'* ]]
	[ "$(grep -c "DEBUG: deploy: devices/rng = " <<<"$stderr")" = 1 ]
	# It is one of the words; the other is the default.
	with_kvmrc DEPLOY_FROM=file
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	[[ $output != *'<rng '* ]]
	with_kvmrc DEPLOY_FROM=both
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $output != *'<rng '* && $stderr == *"DEPLOY_FROM: 'both' is not one of file, vm"* ]]
}

@test "deploy: DEPLOY_FROM=vm takes oned's domain as it is where it cannot be explained, and refuses a VM that is wrong" {
	with_kvmrc DEPLOY_FROM=vm
	oned_domain '<vcpu placement="auto">3</vcpu>'
	vm '<OS><MACHINE>pc</MACHINE></OS><VCPU>3</VCPU><RNG><MODEL>virtio</MODEL></RNG>' >vm/vm.xml
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $output == *'<vcpu placement="auto">'* && $output != *'<rng '* ]]
	[[ $stderr == *"WARN: deploy: oned's XML is used: the VM document does not explain its vcpu@placement = auto"* ]]
	# A missing document, and that of another VM, are not used.
	rm vm/vm.xml
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $stderr == *"DEPLOY_FROM = vm: oned's XML is used: $PWD/vm/vm.xml is not there"* ]]
	vm '<OS><MACHINE>pc</MACHINE></OS>' | sed 's/<ID>9/<ID>8/' >vm/vm.xml
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	[[ $stderr == *'vm.xml is of another VM'* ]]
	oned_domain
	vm '<OS><MACHINE>pc</MACHINE></OS><TPM><TYPE>soft</TYPE></TPM>' >vm/vm.xml
	on_host deploy "$PWD/vm/deployment.0" h 9
	assert_failure 1
	[[ $(error_message) == *"TPM/TYPE = 'soft'"*'[input] (hint: correct the VM, or take oned'* ]]
	[ ! -e host/calls ]
}

@test "deploy: DEPLOY_FROM=vm reads the defaults file of the set, for what oned does not know" {
	with_kvmrc DEPLOY_FROM=vm
	oned_domain
	vm '<OS><MACHINE>pc</MACHINE></OS>' >vm/vm.xml
	echo 'WATCHDOG = [ MODEL = "i6300esb" ] FEATURES = [ ACPI = "yes" ]' >remotes/etc/vmm/kvm/vmm_exec_kvm.conf
	on_host deploy --dry-run "$PWD/vm/deployment.0" h 9
	assert_success
	# A host's template says no to ACPI, as oned's XML shows.
	[[ $output == *'<watchdog model="i6300esb" action="reset"/>'* && $output != *'<acpi'* ]]
}
