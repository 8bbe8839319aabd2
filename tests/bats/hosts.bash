# SPDX-License-Identifier: Apache-2.0
# hosts.bash - hosts made as trees of files below "root", and what host_check finds in them.

gid=$(id -g)

put() {	# PATH TEXT
	[ -d "root/${1%/*}" ] || mkdir -p "root/${1%/*}"
	printf '%s\n' "$2" >"root/$1"
}

program() {	# NAME...
	local name
	for name; do put "usr/bin/$name" ''; done
	chmod +x root/usr/bin/*
}

# What hosts of all kinds have. /dev/kvm is a plain file here: host_check takes that for one.
common() {
	rm -rf root
	put proc/sys/kernel/osrelease 6.1.0
	put proc/meminfo $'MemTotal:       16000000 kB\nMemAvailable:    8000000 kB'
	put proc/misc $'232 kvm\n236 udmabuf'
	put etc/os-release $'ID=debian\nVERSION_ID="12"'
	put etc/passwd "libvirt-qemu:x:64055:$gid::/var/lib/libvirt:/usr/sbin/nologin"
	put etc/group "kvm:x:$gid:"
	put sys/fs/cgroup/cgroup.controllers 'cpuset cpu io memory pids'
	put dev/kvm ''
	chmod 660 root/dev/kvm
	put dev/vhost-net ''
	mkdir -p root/sys/module/kvm root/sys/kernel/iommu_groups/0
	put sys/module/kvm/parameters/ignore_msrs Y
	program qemu-img qemu-kvm-one swtpm swtpm_setup guestmount libvirtd
}

x86() {	# VENDOR FLAG MODULE
	common
	put proc/cpuinfo "$(printf 'processor\t: 0\nvendor_id\t: %s\nflags\t\t: fpu %s sse2\nvmx flags\t: vnmi\n' "$1" "$2")"
	put "sys/module/$3/parameters/nested" 1
	put lib/modules/6.1.0/modules.alias $'alias cpu:type:x86,ven0002fam*mod*:feature:*00C2* kvm_amd\nalias cpu:type:x86,ven*fam*mod*:feature:*0085* kvm_intel\nalias devname:kvm kvm'
	documents x86_64
	firmware x86_64 '"secure-boot"'
}

intel() { x86 GenuineIntel vmx kvm_intel; }
amd() { x86 AuthenticAMD svm kvm_amd; }

power() {	# PLATFORM
	common
	put proc/cpuinfo "$(printf 'processor\t: 0\ncpu\t\t: POWER9\nplatform\t: %s\n' "${1:-PowerNV}")"
	put sys/module/kvm_hv/parameters/nested Y
	put etc/modules-load.d/kvm.conf kvm-hv
	put lib/modules/6.1.0/modules.alias 'alias devname:kvm kvm'
	documents ppc64le
}

arm() {
	common
	put proc/cpuinfo "$(printf 'processor\t: 0\nCPU implementer\t: 0x41\n')"
	documents aarch64
}

firmware() {	# ARCH FEATURES
	put usr/share/qemu/firmware/60.json '{"targets":[{"architecture":"'"$1"'"}],"features":['"$2"']}'
}

documents() {	# ARCH
	cat >capabilities <<-END
		<capabilities><host><cpu><arch>$1</arch><model>EPYC</model><vendor>AMD</vendor></cpu></host>
		<guest><os_type>hvm</os_type><arch name='$1'><emulator>/usr/bin/qemu-system-$1</emulator>
		<machine>pc-q35-9.0</machine><machine>q35</machine><domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>
	END
	cat >domcapabilities <<-END
		<domainCapabilities><vcpu max='288'/>
		<os supported='yes'><enum name='firmware'><value>efi</value></enum>
		<loader supported='yes'><enum name='secure'><value>no</value><value>yes</value></enum></loader></os>
		<cpu><mode name='custom' supported='yes'><model usable='yes'>EPYC</model><model usable='no'>Haswell</model>
		<blockers model='Haswell'><feature name='hle'/><feature name='rtm'/></blockers></mode></cpu>
		<devices><tpm supported='yes'><enum name='backendModel'><value>emulator</value></enum></tpm></devices>
		<features>${SEV-<sev supported='no'/>}</features></domainCapabilities>
	END
}

check() {	# OPTION...
	run --separate-stderr "$REMOTES/host_check" --sysroot root --capabilities capabilities --domcapabilities domcapabilities --json "$@"
}

# Of what failed or warns: the ids on the first line, then the commands.
found() { jq -r '[.checks[] | select(.result == "fail" or .result == "warn")] | (map(.id) | join(" ")), .[].commands[]' <<<"$output"; }
commands() { tail -n +2 <<<"$found"; }
text() { jq -r --arg id "$1" '.checks[] | select(.id == $id) | "\(.result) \(.found) (\(.hint))"' <<<"$output"; }

# finds FAULT COMMAND [OPTION...]: exactly that check fails, or warns, and the command is printed.
finds() {
	local fault=$1 command=$2
	shift 2
	check "$@"
	[ -z "$stderr" ] || { echo "$stderr"; return 1; }
	found=$(found)
	[ "${found%%$'\n'*}" = "$fault" ] || { echo "not $fault alone: $found"; return 1; }
	[[ -z $command || $'\n'$found$'\n' == *$'\n'"$command"$'\n'* ]] || { echo "no such command: $found"; return 1; }
}
