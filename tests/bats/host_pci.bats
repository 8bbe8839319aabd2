# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# PCI devices of a host, from invented files: which are listed, with which names and places.
load helper
load node
load monitord

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	set_of_agent
	ROOT=$PWD/root
	mkdir -p "$ROOT/usr/share/misc" "$ROOT/sys/class/mdev_bus"
	printf '%s\n' '# names' '1af4  Red Hat, Inc.' $'\t1041  Virtio 1.0 network device' $'\t\t1af4 0001  a card' '10de  NVIDIA Corporation' \
		$'\t2235  GA102GL [A40]' '8086  Intel Corporation' $'\t1572  Controller "X710"' 'C 02  Network controller' $'\t00  Ethernet controller' \
		'C 03  Display controller' $'\t02  3D controller' >"$ROOT/usr/share/misc/pci.ids"
}

# device ADDRESS VENDOR DEVICE CLASS [NAME=TEXT...]
device() {
	local dir=$ROOT/sys/bus/pci/devices/$1 pair
	mkdir -p "$dir"
	echo "0x$2" >"$dir/vendor"
	echo "0x$3" >"$dir/device"
	echo "0x$4" >"$dir/class"
	for pair in "${@:5}"; do
		mkdir -p "$dir/$(dirname "${pair%%=*}")"
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
}

rules() {
	printf '%s\n' "$@" >"$SET/etc/im/kvm-probes.d/pci.conf"
}

devices() {
	run --separate-stderr -- "$SET/im/monitord-client" --once host/system --print --sysroot "$ROOT" --datastores none
	assert_success
	output=$(grep '^PCI\|^MONITOR_ERROR' <<<"$output" || true)
}

addresses() {
	devices
	grep -o 'SHORT_ADDRESS = "[^"]*"' <<<"$output" | cut -d'"' -f2 | xargs
}

some() {
	device 0000:00:03.0 1af4 1041 020000
	device 0000:3b:00.0 8086 1572 020000 numa_node=1 sriov_totalvfs=64 net/ens1f0/phys_port_name=p0 net/ens1f0_0/phys_port_name=pf0vf0
	device 0000:3b:02.0 8086 154c 020000 numa_node=-1
	ln -s ../0000:3b:00.0 "$ROOT/sys/bus/pci/devices/0000:3b:02.0/physfn"
	device 0000:ff:1f.7 1234 5678 ff0000
}

@test "without rules, or with those that OpenNebula ships, none is listed" {
	some
	devices
	assert_output ''
	rules ":filter: '0:0'" ':short_address: []' ':device_name: []' ":nvidia_vendors: ['10de']"
	devices
	assert_output ''
}

@test "a device has its names, its place and its interface" {
	some
	rules ":filter: '8086:1572'"
	devices
	assert_output 'PCI = [ TYPE = "8086:1572:0200", VENDOR = "8086", VENDOR_NAME = "Intel Corporation", DEVICE = "1572", CLASS = "0200", CLASS_NAME = "Ethernet controller", ADDRESS = "0000:3b:00:0", SHORT_ADDRESS = "3b:00.0", DOMAIN = "0000", BUS = "3b", SLOT = "00", FUNCTION = "0", NUMA_NODE = "1", IFNAME = "ens1f0", SRIOV = "pf", DEVICE_NAME = "Controller \"X710\"" ]'
}

@test "what has no name is called by its kind" {
	some
	rules ":filter: '1234:'"
	devices
	[[ $output == *'VENDOR_NAME = "Vendor"'*'CLASS_NAME = "Class"'*'NUMA_NODE = "-", IFNAME = "-", SRIOV = "no", DEVICE_NAME = "Device"'* ]]
	rm "$ROOT/usr/share/misc/pci.ids"
	rules ":filter: '8086:1572'"
	devices
	[[ $output == *'VENDOR_NAME = "Vendor"'*'DEVICE_NAME = "Device"'* ]]
}

@test "rules: filters as lspci has them, lists of addresses, names of any case" {
	some
	rules ':filter:'
	[ "$(addresses)" = '00:03.0 3b:00.0 3b:02.0 ff:1f.7' ]
	rules ':filter: "8086:,1af4:1041"'
	[ "$(addresses)" = '00:03.0 3b:00.0 3b:02.0' ]
	rules ':filter:' '  - "*:1572"' '  - "::ff00"'
	[ "$(addresses)" = '3b:00.0 ff:1f.7' ]
	rules ':filter: "*"' ':short_address:' '  - "00:03.0"' '  - "01:00.0"'
	[ "$(addresses)" = '00:03.0' ]
	rules ':filter: "*"' ':device_name:' '  - "^virtio"' '  - x710'
	[ "$(addresses)" = '00:03.0 3b:00.0' ]
}

@test "a card that has virtual functions is not listed, they are; NVIDIA's with profiles and a UUID that stays" {
	device 0000:65:00.0 10de 2235 030200
	ln -s ../0000:65:00.4 "$ROOT/sys/bus/pci/devices/0000:65:00.0/virtfn0"
	device 0000:65:00.4 10de 2235 030200 nvidia/creatable_vgpu_types=$'ID    : vGPU Name\n557   : NVIDIA A40-1B\n558   : NVIDIA A40-2B'
	ln -s ../0000:65:00.0 "$ROOT/sys/bus/pci/devices/0000:65:00.4/physfn"
	rules ':filter: "10de:"'
	devices
	[[ $output == *"UUID = \"$(python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_X500, "0000:65:00:4"))')\", PROFILES = \"557 (NVIDIA A40-1B),558 (NVIDIA A40-2B)\", MDEV_MODE = \"nvidia\", DEVICE_NAME = \"NVIDIA Corporation GA102GL [A40]\" ]" ]]
	[ "${#lines[@]}" -gt 0 ]
	[ "$(addresses)" = 65:00.4 ]
	mkdir -p "$ROOT/sys/class/mdev_bus/0000:65:00.4/mdev_supported_types/nvidia-55"{7,8}
	devices
	[[ $output == *'PROFILES = "nvidia-557,nvidia-558", MDEV_MODE = "legacy"'* ]]
}

@test "rules that cannot be read leave the devices out, not the host" {
	some
	rules ':filter: ['
	devices
	[[ $output == 'MONITOR_ERROR="'*pci.conf:* ]]
}
