# SPDX-License-Identifier: Apache-2.0
# What cannot be done to a running guest with encrypted memory, or with the host's TPM, is refused at once. libvirt's test
# driver keeps both elements of such a domain: no guest here has ever been encrypted.
load helper
load node

# guest NAME [DEVICES [REST]]
guest() {
	cat <<-END
		<domain type='test'><name>$1</name><uuid>00000000-0000-4000-9000-0000000000${1#one-}</uuid><memory>65536</memory>
		<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>${2:-}</devices>${3:-}</domain>
	END
}

setup() {
	local tpm="<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"
	local sev="<launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>"
	cd "$BATS_TEST_TMPDIR" || return
	{
		echo '<node>'
		guest one-51 '' "$sev"
		guest one-52 "$tpm"
		guest one-53
		echo '</node>'
	} >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
}

@test "save: a guest with encrypted memory or with the host's TPM is not saved, and told what to do instead" {
	action save one-51 "$PWD/checkpoint" <<<''
	assert_failure 1
	[ "$(error_message)" = 'save: cannot save domain one-51: its memory is encrypted (sev) and stays on this host [refused] (hint: power it off instead of suspending or stopping it)' ]
	action save --dry-run one-52 "$PWD/checkpoint" <<<''
	assert_failure 1
	[[ $(error_message) == 'save: cannot save domain one-52: it uses the TPM of this host, whose state stays there [refused]'* ]]
	[ ! -e checkpoint ] && [ ! -e checkpoint.part ]
	action save one-53 "$PWD/checkpoint" <<<''
	assert_success
}

@test "snapshot_create: a snapshot with the memory of such a guest is refused" {
	action snapshot_create one-51 0
	assert_failure 1
	[ "$(error_message)" = 'snapshot_create: cannot make a snapshot with memory of domain one-51: its memory is encrypted (sev) and stays on this host [refused] (hint: make a snapshot of its disks, or a backup)' ]
	action snapshot_create one-52 0
	assert_failure 1
	action snapshot_create one-53 0
	assert_success
}

@test "attach_nic: a device of the host cannot be given to a guest with encrypted memory; a NIC can" {
	local pci='<PCI><ATTACH>YES</ATTACH><PCI_ID>0</PCI_ID><TYPE>NIC</TYPE><MAC>02:00:00:00:00:01</MAC><ADDRESS>0000:01:00.0</ADDRESS><DOMAIN>0000</DOMAIN><BUS>01</BUS><SLOT>00</SLOT><FUNCTION>0</FUNCTION></PCI>'
	local nic='<NIC><ATTACH>YES</ATTACH><NIC_ID>0</NIC_ID><MAC>02:00:00:00:00:01</MAC><BRIDGE>br0</BRIDGE></NIC>'
	action attach_nic one-51 <<<"<VM><ID>51</ID><NAME>v</NAME><TEMPLATE>$pci</TEMPLATE></VM>"
	assert_failure 1
	[ "$(error_message)" = 'attach_nic: cannot attach a device of the host to domain one-51: its memory is encrypted (sev), and the device could not read it [refused] (hint: use a VM without MEMORY_ENCRYPTION for it, or an emulated device)' ]
	action attach_nic --dry-run one-53 <<<"<VM><ID>53</ID><NAME>v</NAME><TEMPLATE>$pci</TEMPLATE></VM>"
	assert_success
	action attach_nic --dry-run one-51 <<<"<VM><ID>51</ID><NAME>v</NAME><TEMPLATE>$nic</TEMPLATE></VM>"
	assert_success
}
