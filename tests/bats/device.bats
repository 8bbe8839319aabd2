# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

# What would be attached: libvirt's test driver cannot do it, but shows the XML. On the real thing: tests/lab/devices.bats.

# with LINE... -- NAME ARGUMENT...: an action whose kvmrc has these lines; stdin is $REQUEST.
with() {
	local lines=() name
	while [ "$1" != -- ]; do
		lines+=("$1")
		shift
	done
	name=$2
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/$name" remotes/vmm/kvm/
	printf '%s\n' "${lines[@]}" >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr "remotes/vmm/kvm/$name" "${@:3}" <<<"${REQUEST:-}"
}

vm() {
	echo "<VMM_DRIVER_ACTION_DATA><VM><ID>5</ID><TEMPLATE><VCPU>3</VCPU><MEMORY>64</MEMORY>$*</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
}

disk() {	# [MORE]
	vm "<DISK><ATTACH>YES</ATTACH><DISK_ID>3</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vdb</TARGET>${1:-}</DISK>"
}

nic() {	# [MORE]
	vm "<NIC><ATTACH>YES</ATTACH><NIC_ID>3</NIC_ID><BRIDGE>br0</BRIDGE><MAC>02:00:00:00:00:01</MAC><IP>10.0.0.9</IP>${1:-}</NIC>"
}

attach_disk() {	# LINE...
	with "$@" -- attach_disk --dry-run one-5 /a/disk vdb 1 x 5 host
	assert_success
}

@test "attach_disk: each DEFAULT_ATTACH_ of kvmrc takes effect, and the disk's own before it" {
	REQUEST=$(disk)
	attach_disk
	assert_output --partial "would attach to domain one-5:"
	assert_output --partial 'cache="default"'
	refute_output --partial 'iotune'
	refute_output --partial 'discard='
	attach_disk DEFAULT_ATTACH_CACHE=none DEFAULT_ATTACH_DISCARD=unmap DEFAULT_ATTACH_IO=native DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto
	assert_output --partial 'cache="none"'
	assert_output --partial 'discard="unmap"'
	assert_output --partial 'io="native"'
	assert_output --partial 'queues="3"'
	REQUEST=$(disk '<CACHE>writeback</CACHE><IO>threads</IO><DISCARD>ignore</DISCARD><VIRTIO_BLK_QUEUES>2</VIRTIO_BLK_QUEUES>')
	attach_disk DEFAULT_ATTACH_CACHE=none DEFAULT_ATTACH_DISCARD=unmap DEFAULT_ATTACH_IO=native DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto
	assert_output --partial 'cache="writeback"'
	assert_output --partial 'discard="ignore"'
	assert_output --partial 'io="threads"'
	assert_output --partial 'queues="2"'
}

@test "attach_disk: each limit of kvmrc takes effect; total excludes read and write" {
	local kind way lines=() name
	REQUEST=$(disk)
	for kind in BYTES IOPS; do
		lines+=("DEFAULT_ATTACH_TOTAL_${kind}_SEC=1000" "DEFAULT_ATTACH_TOTAL_${kind}_SEC_MAX=2000" "DEFAULT_ATTACH_TOTAL_${kind}_SEC_MAX_LENGTH=7")
	done
	attach_disk "${lines[@]}" DEFAULT_ATTACH_SIZE_IOPS_SEC=4096
	for name in total_bytes_sec total_iops_sec; do
		assert_output --partial "<$name>1000</$name>"
		assert_output --partial "<${name}_max>2000</${name}_max>"
		assert_output --partial "<${name}_max_length>7</${name}_max_length>"
	done
	assert_output --partial '<size_iops_sec>4096</size_iops_sec>'
	lines=()
	for kind in BYTES IOPS; do
		for way in READ WRITE; do
			lines+=("DEFAULT_ATTACH_${way}_${kind}_SEC=1000" "DEFAULT_ATTACH_${way}_${kind}_SEC_MAX=2000" "DEFAULT_ATTACH_${way}_${kind}_SEC_MAX_LENGTH=7")
		done
	done
	attach_disk "${lines[@]}"
	for name in read_bytes_sec write_bytes_sec read_iops_sec write_iops_sec; do
		assert_output --partial "<$name>1000</$name>"
		assert_output --partial "<${name}_max>2000</${name}_max>"
		assert_output --partial "<${name}_max_length>7</${name}_max_length>"
	done
}

@test "attach_disk: an I/O thread of kvmrc, in a VM that has some" {
	sed -i '/<name>one-5</s|<name>|<iothreads>4</iothreads>&|' "$BATS_FILE_TMPDIR/node.xml"
	REQUEST=$(disk)
	attach_disk DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD=2
	assert_output --partial 'iothread="2"'
}

@test "reconfigure: a medium with a backing file outside the datastores is refused, and the old one stays" {
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw medium 1M
	sed "0,/<devices>/s|<devices>|&<disk type='file' device='cdrom'><driver name='qemu' type='qcow2'/><source file='/old'/><target dev='hda' bus='ide'/></disk>|" \
		"${LIBVIRT_URI#test://}" >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	with -- reconfigure one-5 hda "$PWD/medium"
	assert_failure 1
	[ "$(error_message)" = "reconfigure: disk hda: $PWD/medium is backed by /etc/passwd, which is not in a datastore of the VM [refused] (hint: qemu-img rebase, or IMAGE_BACKING_PATHS in kvmrc)" ]
	with -- reconfigure --dry-run one-5 hda "$PWD/medium"
	assert_failure 1
	qemu-img create -q -f qcow2 medium 1M
	with -- reconfigure --dry-run one-5 hda "$PWD/medium"
	assert_success
	assert_output --partial "<source file=\"$PWD/medium\"/>"
}

@test "attach_disk: an image with a backing file outside the datastores is refused; one declared raw is not read" {
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw image 1M
	REQUEST=$(disk)
	with -- attach_disk --dry-run one-5 "$PWD/image" vdb 1 x 5 host
	assert_success
	REQUEST=${REQUEST/>raw</>qcow2<}
	for option in --dry-run --deadline=60; do
		with -- attach_disk $option one-5 "$PWD/image" vdb 1 x 5 host
		assert_failure 1
		[ "$(error_message)" = "attach_disk: disk vdb: $PWD/image is backed by /etc/passwd, which is not in a datastore of the VM [refused] (hint: qemu-img rebase, or IMAGE_BACKING_PATHS in kvmrc)" ]
	done
	with IMAGE_CHECK=warn -- attach_disk --dry-run one-5 "$PWD/image" vdb 1 x 5 host
	assert_success
	[[ $stderr == *'WARN: attach_disk: disk vdb: '*' is backed by /etc/passwd, '* ]]
	with IMAGE_CHECK=maybe -- attach_disk --dry-run one-5 "$PWD/image" vdb 1 x 5 host
	assert_failure 1
	[[ $stderr == *'IMAGE_CHECK: '*'; using default yes'* ]]
	# Its base in the VM's own directory, which its metadata name.
	mkdir -p "$BATS_FILE_TMPDIR/file/0/5"
	truncate -s 1M "$BATS_FILE_TMPDIR/file/0/5/base"
	qemu-img create -q -f qcow2 -b "$BATS_FILE_TMPDIR/file/0/5/base" -F raw image
	with -- attach_disk --dry-run one-5 "$PWD/image" vdb 1 x 5 host
	assert_success
}

@test "attach_nic: the model and filter of kvmrc take effect, and the NIC's own before them" {
	REQUEST=$(nic)
	with DEFAULT_ATTACH_NIC_MODEL=e1000 DEFAULT_ATTACH_NIC_FILTER=clean-traffic -- attach_nic -n one-5 x
	assert_success
	assert_output --partial '<model type="e1000"/>'
	assert_output --partial 'filter="clean-traffic"'
	assert_output --partial 'value="10.0.0.9"'
	REQUEST=$(nic '<MODEL>virtio</MODEL><FILTER>no-spoof</FILTER>')
	with DEFAULT_ATTACH_NIC_MODEL=e1000 DEFAULT_ATTACH_NIC_FILTER=clean-traffic -- attach_nic -n one-5 x
	assert_output --partial '<model type="virtio"/>'
	refute_output --partial 'clean-traffic'
}

@test "attach_nic: Open vSwitch, DPDK, no bridge, PCI and mediated devices" {
	REQUEST=$(nic '<BRIDGE_TYPE>openvswitch</BRIDGE_TYPE>')
	with -- attach_nic -n one-5 x
	assert_output --partial '<virtualport type="openvswitch"/>'
	REQUEST=$(nic '<BRIDGE_TYPE>openvswitch_dpdk</BRIDGE_TYPE><TARGET>one-5-3</TARGET>')
	with -- attach_nic -n one-5 x
	assert_output --partial 'type="vhostuser"'
	assert_output --partial '/var/run/one/vhost-socks/one-5-3'
	REQUEST=$(nic '<NETWORK_MODE>dummy</NETWORK_MODE>')
	with -- attach_nic -n one-5 x
	assert_output --partial '<interface type="ethernet"'
	REQUEST=$(vm '<PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>3b</BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION></PCI>')
	with -- attach_nic -n one-5 x
	assert_output --regexp '<address .*bus="0x3b" slot="0x00" function="0x1"'
	REQUEST=$(vm '<PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>3b</BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION><UUID>6e4a2c1e-0000-4000-8000-00000000000a</UUID></PCI>')
	with -- attach_nic -n one-5 x
	assert_output --partial 'uuid="6e4a2c1e-0000-4000-8000-00000000000a"'
}

@test "devices: a VM that is off and a missing document are refused" {
	local a
	REQUEST=$(disk)
	with -- attach_disk one-7 /a/disk vdb
	assert_failure 1
	[[ $(error_message) == 'attach_disk: domain one-7 is not running [refused]'* ]]
	REQUEST=''
	for a in attach_disk attach_nic resize update_disk update_nic; do
		with -- $a one-5 3 3
		assert_failure 1
		[[ $(error_message) == "$a: stdin: no VM document [input] (hint: "* ]]
	done
	with -- detach_disk one-5 /a/disk vdb
	assert_success
	[[ $stderr == *'domain one-5 has no disk vdb already'* ]]
	with -- detach_nic one-5 02:00:00:00:00:09
	assert_success
	with -- resize_disk one-5 vda x
	assert_failure 1
	[[ $(error_message) == "resize_disk: 'x' is not a number "*'[input] (hint: MIB, '* ]]
	# An operand that is no document, as the original's dispatcher may give it.
	for document in '' x; do
		REQUEST=$'\n' with -- resize_disk one-5 0 8 "$document" node1 5
		assert_failure 1
		[[ $stderr != *CRITICAL* ]]
		REQUEST= with -- attach_disk one-5 /a/disk vdb 1 "$document" 5 host
		assert_failure 1
		[[ $stderr != *CRITICAL* ]]
	done
	with -- prereconfigure one-5 hdc
	assert_failure 1
	[[ $(error_message) == 'prereconfigure: cannot change the medium in hdc of domain one-5: it has no such drive [not-found]' ]]
}

@test "detach: a request that does not say which device is no success" {
	with -- detach_nic one-5 ''
	assert_failure 1
	[ "$(error_message)" = "detach_nic: cannot detach PCI device from domain one-5: the request does not say which one: neither target, MAC nor a whole PCI address [input]" ]
	with -- detach_disk one-5 - ''
	assert_failure 1
	for pci in '' '<DOMAIN>0000</DOMAIN><BUS></BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION>' '<DOMAIN>0000</DOMAIN><BUS>x</BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION>'; do
		REQUEST=$(vm "<PCI><ATTACH>YES</ATTACH>$pci</PCI>") with -- detach_nic one-5 ''
		assert_failure 1
		[[ $(error_message) == *'does not say which one'*'[input]' ]]
	done
	REQUEST=$(vm '<PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>3b</BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION></PCI>') with -- detach_nic one-5 ''
	assert_success
}

@test "resize: caches are dropped before and after if kvmrc says so; the current size succeeds" {
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "sudo $*" >>%q\n' "$PWD/calls" >bin/sudo
	chmod 755 bin/sudo
	REQUEST=$(vm | sed 's/<VCPU>3/<VCPU>1/')
	PATH=$PWD/bin:$PATH with CLEANUP_MEMORY_ON_START=yes CLEANUP_MEMORY_ON_STOP=yes -- resize one-5
	assert_success
	wait_for eval '[ "$(wc -l <calls)" -eq 2 ]'
	[ "$(sort -u calls)" = 'sudo -n /usr/sbin/sysctl vm.drop_caches=3 vm.compact_memory=1' ]
	REQUEST=$(vm)
	with -- resize -n one-5
	assert_output 'would give domain one-5 64 MiB and 3 CPUs'
	with -- resize one-5
	assert_failure 1
	[[ $(error_message) == 'resize: cannot give domain one-5 3 CPUs: it can have 1 [refused]'* ]]
}
