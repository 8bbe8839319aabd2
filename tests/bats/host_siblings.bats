# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
# host_siblings.bats - hosts that differ from the usual ones: other makers, modules that are built in or kept out, other
# layouts of libvirt, cgroups and huge pages, parts of encrypted memory. Each with its fault and its cure, or without one.
load helper
load hosts

@test "Hygon needs kvm-amd, Zhaoxin kvm-intel" {
	x86 HygonGenuine svm kvm_amd
	finds '' ''
	rm -r root/sys/module/kvm_amd root/dev/kvm
	put proc/misc ''
	finds kvm-vendor 'modprobe -a kvm kvm-amd'
	x86 '  Shanghai  ' vmx kvm_intel
	finds '' ''
	x86 CentaurHauls vmx kvm_intel
	rm -r root/sys/module/kvm_intel root/dev/kvm
	put proc/misc ''
	finds kvm-vendor 'modprobe -a kvm kvm-intel'
}

@test "a mainframe has sie and no module of a maker" {
	common
	put proc/cpuinfo $'vendor_id       : IBM/S390\nfeatures\t: esan3 zarch sie\nprocessor 0: version = FF'
	documents s390x
	finds '' ''
	[[ $(text cpu-virt) == 'ok the processor has sie'* ]]
	sed -i 's/ sie//' root/proc/cpuinfo
	finds cpu-virt ''
}

@test "modules that are built in cannot be loaded or unloaded: no such command is printed" {
	amd
	put lib/modules/6.1.0/modules.builtin $'kernel/arch/x86/kvm/kvm.ko\nkernel/arch/x86/kvm/kvm-intel.ko\nkernel/arch/x86/kvm/kvm-amd.ko'
	rm root/lib/modules/6.1.0/modules.alias
	# The other maker's has its parameters, too, and they say nothing of this processor.
	put sys/module/kvm_intel/parameters/nested 0
	finds '' '' --require nested
	put sys/module/kvm_amd/parameters/nested 0
	put sys/module/kvm_intel/parameters/nested Y
	finds nested "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&kvm_amd.nested=1 /' /etc/default/grub && update-grub" --require nested
	put etc/os-release 'ID=rocky'
	finds nested "grubby --update-kernel=ALL --args='kvm_amd.nested=1'" --require nested
	rm root/dev/kvm
	put proc/misc ''
	finds kvm-device "dmesg | grep -iE 'kvm|svm|vmx'"
	never grep -q modprobe <(commands)
	[[ $(text kvm-device) == *'firmware has it switched off'* ]]
}

@test "a kernel without /sys/module/kvm whose driver is registered is fit" {
	arm
	rm -r root/sys/module/kvm
	finds '' ''
	[[ $(text kvm-module) == 'ok '* ]]
}

@test "the module is kept out at boot: by a file, by install, by the kernel's command line" {
	intel
	put etc/modprobe.d/x.conf '# blacklist kvm_intel'
	finds '' ''
	put etc/modprobe.d/x.conf 'blacklist kvm-intel'
	finds kvm-boot "sed -i -E '/^\\s*(blacklist|install)\\s+kvm[-_]intel\\b/d' /etc/modprobe.d/x.conf"
	# The command cures it.
	eval "$(commands | sed 's, /etc, root/etc,')"
	finds '' ''
	put usr/lib/modprobe.d/y.conf 'install kvm_intel /bin/false'
	finds kvm-boot ''
	rm root/usr/lib/modprobe.d/y.conf
	put etc/modprobe.d/x.conf 'blacklist kvm_amd'
	finds '' ''
	put proc/cmdline 'root=/dev/vda quiet modprobe.blacklist=nouveau,kvm_intel'
	finds kvm-boot ''
	[[ $(text kvm-boot) == *'by modprobe.blacklist=nouveau,kvm_intel'* ]]
}

@test "lists of modules that nothing reads: a file of another end, one that is hidden, /etc/modules on RHEL" {
	intel
	rm root/lib/modules/6.1.0/modules.alias
	put etc/modules-load.d/kvm.conf.rpmsave kvm-intel
	finds kvm-boot ''
	put usr/lib/modules-load.d/kvm.conf kvm-intel
	finds '' ''
	: >root/etc/modules-load.d/kvm.conf
	finds kvm-boot ''
	put etc/modules-load.d/kvm.conf $'; kvm-intel\nkvm # kvm-intel'
	finds kvm-boot "printf '%s\n' kvm kvm-intel >>/etc/modules-load.d/kvm.conf"
	eval "$(commands | sed 's,>>,>>root,')"
	finds '' ''
	rm -r root/etc/modules-load.d root/usr/lib/modules-load.d
	put etc/modules kvm_amd
	finds kvm-boot "printf '%s\n' kvm kvm-intel >>/etc/modules"
	put etc/modules $'# from the installer\n\nkvm_intel nested=1'
	finds '' ''
	put etc/os-release 'ID="rhel"'
	finds kvm-boot ''
}

@test "nested is off in each way that the kernel writes it" {
	local value
	amd
	for value in N 0; do
		put sys/module/kvm_amd/parameters/nested $value
		finds nested "echo 'options kvm_amd nested=1' >>/etc/modprobe.d/kvm.conf" --require nested
	done
	power
	put sys/module/kvm_hv/parameters/nested N
	finds nested "echo 'options kvm_hv nested=1' >>/etc/modprobe.d/kvm.conf" --require nested
}

@test "POWER: the platform is written with blanks or tabs, and a partition is none" {
	power
	sed -i 's/^platform.*/platform: PowerNV/' root/proc/cpuinfo
	finds '' ''
	power pSeries
	rm root/dev/kvm
	rm -r root/sys/module/kvm_hv
	put proc/misc ''
	finds cpu-virt ''
	[[ $(text cpu-virt) == *'TYPE = "qemu"'* ]]
}

@test "a kernel that runs below Xen" {
	intel
	put sys/hypervisor/type xen
	sed -i 's/ vmx / /' root/proc/cpuinfo
	rm root/dev/kvm
	rm -r root/sys/module/kvm_intel
	put proc/misc ''
	finds cpu-virt ''
	[[ $(text cpu-virt) == *'runs below Xen'* ]]
}

@test "huge pages of several sizes: libvirt uses those with a file system" {
	intel
	put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 512
	put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 512
	put sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 4
	put sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages 1
	put proc/mounts 'hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0'
	finds hugepages 'mkdir -p /dev/hugepages-1048576kB && mount -t hugetlbfs -o pagesize=1048576K hugetlbfs /dev/hugepages-1048576kB'
	put proc/mounts $'hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\nnone /x hugetlbfs rw,pagesize=1024M 0 0'
	finds '' '' --require hugepages
	[[ $(text hugepages) == *'1 of 4 of 1048576 KiB are free, 512 of 512 of 2048 KiB are free'* ]]
	echo '<VM><ID>7</ID><TEMPLATE><MEMORY>2048</MEMORY><TOPOLOGY><HUGEPAGE_SIZE>1024</HUGEPAGE_SIZE></TOPOLOGY></TEMPLATE></VM>' >vm.xml
	finds vm-memory '' --vm vm.xml
	sed -i 's/1024</2</' vm.xml
	sed -i 's/2048/1000/' vm.xml
	finds '' '' --vm vm.xml
}

@test "cgroups of version 1, 2 and both" {
	intel
	rm root/sys/fs/cgroup/cgroup.controllers
	mkdir -p root/sys/fs/cgroup/{cpu,cpu,cpuacct,memory,cpuset,unified,systemd}
	put sys/fs/cgroup/unified/cgroup.controllers ''
	finds '' ''
	[[ $(text cgroup) == 'info cgroups are of version 1'* ]]
	jq -r '.checks[] | select(.id == "cgroup").commands[]' <<<"$output" | grep -qF systemd.unified_cgroup_hierarchy=1
	rm -r root/sys/fs/cgroup/cpu
	finds cgroup 'cat /proc/cmdline'
	[[ $(text cgroup) == *'without the controllers cpu and memory: cpuacct cpuset memory'* ]]
	rm -r root/sys/fs/cgroup
	finds cgroup 'findmnt -t cgroup2,cgroup'
}

@test "one daemon of libvirt or many: the command names the one that is there" {
	amd
	sed -i "s/<domain type='kvm'.>//" capabilities
	finds guest-arch 'systemctl restart libvirtd'
	program virtqemud
	finds guest-arch 'systemctl restart libvirtd'
	put run/libvirt/virtqemud-sock ''
	finds guest-arch 'systemctl restart virtqemud'
	rm root/run/libvirt/virtqemud-sock
	put run/libvirt/libvirt-sock ''
	put etc/os-release 'ID=fedora'
	finds guest-arch 'systemctl restart libvirtd'
	rm -r root/run
	finds guest-arch 'systemctl restart virtqemud'
	mkdir -p root/etc/systemd/system/sockets.target.wants
	ln -s /usr/lib/systemd/system/libvirtd.socket root/etc/systemd/system/sockets.target.wants/
	finds guest-arch 'systemctl restart libvirtd'
}

@test "no QEMU at all, without libvirt to say so; ppc64 for ppc64le" {
	intel
	rm root/usr/bin/qemu-kvm-one
	run --separate-stderr "$REMOTES/host_check" --sysroot root --json --only emulator
	[ "$status" -eq 1 ]
	[[ $(text emulator) == 'fail QEMU for x86_64 is not installed'* ]]
	program qemu-system-x86_64
	run --separate-stderr "$REMOTES/host_check" --sysroot root --json --only emulator
	[[ $(text emulator) == 'warn '*qemu-kvm-one* ]]
	put etc/os-release 'ID=almalinux'
	rm root/usr/bin/qemu-system-x86_64
	put usr/libexec/qemu-kvm ''
	chmod +x root/usr/libexec/qemu-kvm
	run --separate-stderr "$REMOTES/host_check" --sysroot root --json --only emulator
	[ "$(found)" = $'emulator\nln -sfn /usr/libexec/qemu-kvm /usr/bin/qemu-kvm-one' ]
	power
	rm root/usr/bin/qemu-kvm-one
	program qemu-system-ppc64
	run --separate-stderr "$REMOTES/host_check" --sysroot root --json --only emulator
	[ "$(found)" = $'emulator\nln -sfn /usr/bin/qemu-system-ppc64 /usr/bin/qemu-kvm-one' ]
}

@test "qemu.conf: numbers are users, a group that is none is a fault, as is a user of swtpm who is none" {
	intel
	put etc/libvirt/qemu.conf "user = \"+64055\""
	finds '' ''
	put etc/libvirt/qemu.conf $'user = "+12345"\ngroup = "'"+$gid"'"'
	finds '' ''
	put etc/libvirt/qemu.conf $'user = "libvirt-qemu"\ngroup = "nonesuch"'
	chmod 666 root/dev/kvm
	finds kvm-device 'systemctl restart libvirtd'
	[[ $(text kvm-device) == *'group nonesuch, and there is no such group'* ]]
	put etc/libvirt/qemu.conf 'swtpm_user = "tss"'
	finds '' ''
	finds vtpm '' --require vtpm
	[[ $(text vtpm) == *'swtpm_user of qemu.conf is tss'* ]]
}

@test "a host without the group kvm" {
	intel
	put etc/group "root:x:$gid:"
	put etc/passwd 'libvirt-qemu:x:64055:64055::/:/bin/false'
	finds kvm-device 'groupadd --system kvm && usermod -aG kvm libvirt-qemu'
}

@test "firmware by its descriptor: a file that is missing, an empty descriptor that hides it" {
	intel
	put usr/share/qemu/firmware/60.json '{"mapping":{"device":"flash","executable":{"filename":"/usr/share/OVMF/CODE.fd"}},"targets":[{"architecture":"x86_64"}],"features":["secure-boot"]}'
	finds secure-boot 'apt-get install ovmf' --require secure-boot
	put usr/share/OVMF/CODE.fd ''
	finds '' '' --require secure-boot,uefi
	: >root/usr/share/OVMF/CODE.fd
	mkdir -p root/etc/qemu/firmware
	: >root/etc/qemu/firmware/60.json
	finds secure-boot '' --require secure-boot
	rm -r root/etc/qemu root/usr/share/OVMF
	sed -i 's/<value>efi//; s/secure.><value>no/secure"><value>no/' domcapabilities
	run --separate-stderr "$REMOTES/host_check" --sysroot root --json --require uefi --only uefi
	[ "$status" -eq 1 ]
	[[ $(text uefi) == *'the file /usr/share/OVMF/CODE.fd of a descriptor is missing'* ]]
}

@test "SEV: off in the firmware or only for the module; no slots, all used, none allowed" {
	SEV="<sev supported='yes'><maxGuests>0</maxGuests><maxESGuests>509</maxESGuests></sev>"
	amd
	put sys/module/kvm_amd/parameters/sev 0
	finds sev "echo 'options kvm_amd sev=1' >>/etc/modprobe.d/kvm-sev.conf" --require sev
	[[ $(text sev) == *SMEE* ]]
	sed -i 's/ svm / svm sev sev_es /' root/proc/cpuinfo
	finds sev "echo 'options kvm_amd sev=1' >>/etc/modprobe.d/kvm-sev.conf" --require sev
	[[ $(text sev) == *'the processor has it, and the parameter sev of kvm_amd is 0'* ]]
	put sys/module/kvm_amd/parameters/sev Y
	put sys/module/kvm_amd/parameters/sev_es Y
	put dev/sev ''
	firmware x86_64 '"amd-sev","amd-sev-es"'
	finds sev '' --require sev
	[[ $(text sev) == *'no slots are set aside for it'* ]]
	finds '' '' --require sev-es
	x86 HygonGenuine svm kvm_amd
	finds sev '' --require sev
	[[ $(text sev) == *'no parameter sev'* ]]
}

@test "TDX: on in the firmware, and its module did not start" {
	SEV="<tdx supported='no'/>"
	intel
	put sys/module/kvm_intel/parameters/tdx N
	finds tdx "echo 'options kvm_intel tdx=1' >>/etc/modprobe.d/kvm-tdx.conf" --require tdx
	[[ $(text tdx) == *'firmware'*'TME'* ]]
	sed -i 's/ vmx / vmx tdx_host_platform /' root/proc/cpuinfo
	finds tdx 'dmesg | grep -i tdx' --require tdx
	[[ $(text tdx) == *'the firmware has it on'* ]]
	put sys/module/kvm_intel/parameters/tdx Y
	firmware x86_64 '"intel-tdx"'
	finds tdx '' --require tdx
	[[ $(text tdx) == *'libvirt does not list it'* ]]
}

@test "parts of what restores guests: on Intel both modules are named" {
	intel
	put sys/module/kvm/parameters/ignore_msrs N
	put sys/module/kvm_intel/parameters/emulate_invalid_guest_state Y
	finds msrs "echo 'options kvm_intel nested=0 emulate_invalid_guest_state=0' >>/etc/modprobe.d/kvm-msrs.conf" --require msrs
	grep -qxF "echo 'options kvm ignore_msrs=1' >>/etc/modprobe.d/kvm-msrs.conf" <(commands)
	[[ $(text msrs) == *'image magic is incorrect'* ]]
}

@test "--vm: a list of CPU models, names in any case, modes that are no models, the host's own TPM" {
	amd
	echo '<VM><ID>7</ID><TEMPLATE><CPU_MODEL><MODEL>custom</MODEL><MODELS>Haswell, epyc</MODELS></CPU_MODEL></TEMPLATE></VM>' >vm.xml
	finds '' '' --vm vm.xml
	sed -i 's/, epyc//' vm.xml
	finds vm-cpu-model '' --vm vm.xml
	finds '' '' --vm vm.xml --type qemu
	sed -i 's/Haswell/Nonesuch/' vm.xml
	finds vm-cpu-model '' --vm vm.xml --type qemu
	sed -i 's/<MODELS>.*<.MODELS>//; s/custom/none/' vm.xml
	finds '' '' --vm vm.xml
	echo '<VM><ID>7</ID><TEMPLATE><TPM><TYPE>passthrough</TYPE></TPM></TEMPLATE></VM>' >vm.xml
	finds vm-tpm '' --vm vm.xml
	put sys/class/tpm/tpm0/tpm_version_major 2
	put dev/tpmrm0 ''
	finds '' '' --vm vm.xml
}

@test "a check that is asked for by name always has a result" {
	intel
	local id
	for id in $(sed -n 's/^	{ "\([a-z-]*\)", CHECK.*/\1/p' "$TOP"/lib/check/check_*.c | sort -u); do
		check --only "$id"
		[ "$(jq -c '[.checks[].id]' <<<"$output")" = "[\"$id\"]" ] || { echo "$id: $output"; return 1; }
		check --require "$id"
		jq -e --arg id "$id" 'any(.checks[]; .id == $id)' <<<"$output" >/dev/null
	done
	finds '' '' --require storage
	[ "$status" -eq 3 ]
	[[ $(text storage) == 'unknown could not tell: --storage names none'* ]]
}
