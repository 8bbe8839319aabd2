# SPDX-License-Identifier: Apache-2.0
# prepare.bats - without a front-end: from an image file to a running guest, and back, with two commands.
load lab
load action

DIR=/var/lib/one/datastores/0/7

setup_file() {
	action_setup_file 1
	lab_exec node1 sh -c "mkdir -p /etc/one/vmm_exec ${DIR%/*} /var/lib/one/datastores/1
		cat >/etc/one/vmm_exec/vmm_exec.cfg" <<-END
		domain: { kernel_paths = "$LAB_GUEST"; host_paths = "$LAB_SHARED"; };
	END
	lab_exec node1 sh -c 'cd /var/lib/one/datastores/1 && truncate -s 8M raw && mkfs.ext4 -q -F raw &&
		qemu-img convert -f raw -O qcow2 raw image && rm raw && sha256sum image >sum'
}

# document [DISK-ELEMENT...]: a VM with a copy of that image, an empty disk and a context medium.
document() {
	cat <<-END
		<VM><ID>7</ID><NAME>web</NAME><TEMPLATE><MEMORY>192</MEMORY><CPU>1</CPU>
		<OS><ARCH>x86_64</ARCH><MACHINE>pc</MACHINE><KERNEL>$LAB_GUEST/vmlinuz</KERNEL><INITRD>$LAB_GUEST/initrd.img</INITRD>
		<KERNEL_CMD>console=ttyS0 quiet lab.name=one-7</KERNEL_CMD></OS>
		<FEATURES><ACPI>YES</ACPI><GUEST_AGENT>YES</GUEST_AGENT></FEATURES>
		<DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE><SOURCE>/var/lib/one/datastores/1/image</SOURCE><CLONE>YES</CLONE>
		<FORMAT>qcow2</FORMAT><DRIVER>qcow2</DRIVER><SIZE>64</SIZE><TARGET>vda</TARGET>$*</DISK>
		<DISK><DISK_ID>1</DISK_ID><TYPE>swap</TYPE><SIZE>4</SIZE><DRIVER>raw</DRIVER><TARGET>vdb</TARGET></DISK>
		<CONTEXT><DISK_ID>2</DISK_ID><TARGET>hda</TARGET><SET_HOSTNAME>web</SET_HOSTNAME></CONTEXT>
		<RAW><TYPE>kvm</TYPE><DATA><![CDATA[<devices>$(lab_serial one-7)</devices>]]></DATA></RAW></TEMPLATE>
		<HISTORY_RECORDS><HISTORY><VM_MAD>$LAB_VIRTTYPE</VM_MAD><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>
	END
}

# deploy [OPTION...]: the document on stdin.
deploy() {
	run --separate-stderr on "$ACTIONS/deploy" --vm --prepare "$@" "$DIR/deployment.0"
}

image_is_whole() {
	on sh -c 'cd /var/lib/one/datastores/1 && sha256sum -c sum'
}

@test "deploy --prepare: a VM that cannot start leaves no disks; a dry run makes none" {
	deploy --dry-run < <(document)
	assert_success
	[[ $output == *'would make disk.1: empty raw swap - 4194304'* ]]
	[[ $output == *"<source file=\"$DIR/disk.0\"/>"* ]]
	on test ! -e "$DIR"
	# libvirt has no such cache mode beside this way of I/O.
	deploy < <(document '<IO>native</IO><CACHE>writeback</CACHE>')
	assert_failure 1
	on test ! -e "$DIR/disk.0"
	on test ! -e "$DIR/.kvm-image.json"
	document >"$BATS_TEST_TMPDIR/vm.xml"
	run --separate-stderr on "$ACTIONS/deploy" --vm --prepare /var/lib/one/datastores/0/8/deployment.0 <"$BATS_TEST_TMPDIR/vm.xml"
	assert_failure 1
	[[ $(error_message) == *"the domain looks for its disks in $DIR, but FILE is in /var/lib/one/datastores/0/8 [input]"* ]]
	image_is_whole
}

@test "deploy --prepare and cancel --dispose: from an image file to a running guest, and back" {
	deploy < <(document)
	assert_success
	lab_wait_console node1 one-7 LAB-READY
	lab_wait_agent node1 one-7
	run lab_in_guest node1 one-7 'cat /sys/block/vda/size /sys/block/vdb/size; dd if=/dev/vda bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1'
	assert_success
	[ "$output" = "$(printf '131072\n8192\n 53 ef')" ]
	# A running guest keeps its disks.
	run --separate-stderr on /var/tmp/one/vmm/kvm-image dispose "$DIR/vm.xml" --directory "$DIR"
	assert_failure 1
	[[ $stderr == *'another program has it open, such as a running guest [busy]'* ]]
	# The same again is no other VM.
	deploy < <(document)
	assert_success
	run --separate-stderr on "$ACTIONS/cancel" --dispose one-7
	assert_success
	on test ! -e "$DIR/disk.0"
	on test ! -e "$DIR/disk.2"
	image_is_whole
	run --separate-stderr on "$ACTIONS/cancel" --dispose one-7 </dev/null
	assert_failure 1
	[[ $(error_message) == *"the VM's directory is not known: its disks are left [input]"* ]]
}
