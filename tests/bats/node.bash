# SPDX-License-Identifier: Apache-2.0
# node.bash - an invented libvirt node for the suites of actions: one-5 runs, one-6 is paused,
# one-7 is off, and wild "x" runs. Its state lives only as long as one action.
# The UUIDs are none of a lab's VMs, which may run beside: poll would find their processes.
bats_load_library bats-support
bats_load_library bats-assert

setup_file() {
	domain() {	# NAME NUMBER STATE
		cat <<-END
			<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
			<test:runstate>$3</test:runstate><name>$1</name>
			<uuid>00000000-0000-4000-9000-00000000000$2</uuid><title>it's "$1" &lt;b&gt; ✓</title>
			<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'>
			<one:system_datastore><![CDATA[$BATS_FILE_TMPDIR/file/0/$2]]></one:system_datastore></one:vm></metadata>
			<memory unit='KiB'>65536</memory><vcpu>1</vcpu>
			<os><type arch='x86_64'>hvm</type></os><features><acpi/></features>
			<devices><graphics type='vnc' port='5905' passwd='secret'/></devices></domain>
		END
	}
	{
		echo '<node>'
		domain one-5 5 1
		domain one-6 6 3
		domain one-7 7 5
		domain 'x"y' 8 1
		echo '</node>'
	} >"$BATS_FILE_TMPDIR/node.xml"
	export LIBVIRT_URI=test://$BATS_FILE_TMPDIR/node.xml
}

uuid() {
	echo "00000000-0000-4000-9000-00000000000$1"
}

NOWHERE='qemu:///system?socket=/nonexistent'
