# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
# host_check.bats - hosts with one fault each, made as trees of files: host_check finds it, nothing
# else, and prints the command that cures it.
load helper
load hosts

@test "a fit host has no fault: Intel, AMD, POWER, ARM" {
	local host
	for host in intel amd power arm; do
		$host
		finds '' ''
		[ "$status" -eq 0 ]
		[ "$(jq -r .result <<<"$output")" = ok ]
	done
}

@test "no flag: the firmware has it off, or the host is itself a guest without nesting" {
	x86 GenuineIntel '' kvm_intel
	rm -r root/sys/module/kvm_intel root/dev/kvm
	put proc/misc ''
	finds cpu-virt ''
	[ "$status" -eq 1 ]
	[[ $(text cpu-virt) == *'neither vmx nor svm (switch it on in the firmware'* ]]
	[[ $(text kvm-device) == 'info /dev/kvm is not there (because of cpu-virt)' ]]
	x86 AuthenticAMD hypervisor kvm_amd
	rm -r root/sys/module/kvm_amd root/dev/kvm
	put proc/misc ''
	finds cpu-virt ''
	[[ $(text cpu-virt) == *'this host is itself a guest'* ]]
}

@test "vmx in another line than flags is no flag" {
	intel
	sed -i 's/fpu vmx/fpu/; s/vmx flags.*/vmx flags\t: vmx/' root/proc/cpuinfo
	put proc/misc ''
	finds cpu-virt ''
}

@test "modules are not loaded: the commands load and keep them" {
	intel
	rm -r root/sys/module/kvm root/sys/module/kvm_intel root/dev/kvm
	put proc/misc ''
	finds kvm-module 'modprobe -a kvm kvm-intel'
	amd
	rm -r root/sys/module/kvm_amd root/dev/kvm
	put proc/misc ''
	finds kvm-vendor 'modprobe -a kvm kvm-amd'
	power
	rm -r root/sys/module/kvm_hv root/dev/kvm root/etc/modules-load.d
	put etc/modules kvm-pr
	put proc/misc ''
	finds 'kvm-vendor kvm-boot' 'modprobe -a kvm kvm-hv'
	grep -qxF "printf '%s\n' kvm kvm-hv >>/etc/modules-load.d/kvm.conf" <(commands)
}

@test "--only kvm-device: the symptom alone is the fault, with the cure" {
	amd
	rm -r root/sys/module/kvm_amd root/dev/kvm
	put proc/misc ''
	finds kvm-device 'modprobe -a kvm kvm-amd' --only kvm-device
}

@test "the module is in the lists of boot and was refused: the firmware is named" {
	amd
	rm -r root/sys/module/kvm_amd root/dev/kvm
	put proc/misc ''
	put etc/modules-load.d/kvm.conf kvm-amd
	finds kvm-vendor "dmesg | grep -iE 'kvm|svm|vmx'"
	[[ $(text kvm-vendor) == *'firmware has it switched off'* ]]
}

@test "the module of the other maker, or a foreign one, is in the way" {
	intel
	mv root/sys/module/kvm_intel root/sys/module/kvm_amd
	rm root/dev/kvm
	put proc/misc ''
	finds kvm-vendor 'modprobe -r kvm_amd'
	grep -qxF 'modprobe -a kvm-intel' <(commands)
	amd
	mv root/sys/module/kvm_amd root/sys/module/kvm_pvm
	rm root/dev/kvm
	put proc/misc ''
	finds kvm-vendor 'modprobe -r kvm_pvm'
}

@test "/dev/kvm: not made, not a device, no driver behind it" {
	intel
	rm root/dev/kvm
	finds kvm-device 'udevadm trigger --action=add --subsystem-match=misc --sysname-match=kvm'
	mkdir root/dev/kvm
	finds kvm-device 'rm -ri /dev/kvm'
	intel
	put proc/misc ''
	finds kvm-device 'modprobe -a kvm kvm-intel'
}

@test "/dev/kvm: another group, no mode, a user in no group, a user who is none" {
	intel
	put etc/group $'root:x:'"$gid"$':\nkvm:x:108:'
	put etc/passwd 'libvirt-qemu:x:64055:108::/:/bin/false'
	finds kvm-device 'udevadm trigger --action=add --subsystem-match=misc --sysname-match=kvm'
	[[ $(text kvm-device) == *"libvirt-qemu may not use /dev/kvm: its group is root, its mode 0660"* ]]
	intel
	chmod 000 root/dev/kvm
	finds kvm-device 'chmod 0660 /dev/kvm'
	chmod 660 root/dev/kvm
	put etc/passwd 'oneadmin:x:9869:9869::/:/bin/sh'
	put etc/libvirt/qemu.conf $'# user = "root"\nuser = "oneadmin"\ngroup = "oneadmin"'
	finds kvm-device 'usermod -aG kvm oneadmin'
	put etc/libvirt/qemu.conf 'user = "nobody-here"'
	finds kvm-device 'systemctl restart libvirtd'
	[[ $(text kvm-device) == *'there is no such user'* ]]
	# A member of the group is let in, and so is anybody by the mode.
	put etc/libvirt/qemu.conf 'user = "oneadmin"'
	put etc/group "kvm:x:$gid:other,oneadmin"
	finds '' ''
	put etc/group "kvm:x:$gid:"
	chmod 666 root/dev/kvm
	finds '' ''
}

@test "no vhost-net" {
	intel
	rm root/dev/vhost-net
	finds vhost-net 'modprobe vhost_net'
	[ "$status" -eq 0 ]
}

@test "nothing loads the module at the next boot; each kind of list is known" {
	intel
	rm root/lib/modules/6.1.0/modules.alias
	finds kvm-boot "printf '%s\n' kvm kvm-intel >>/etc/modules-load.d/kvm.conf"
	put etc/modules $'# kvm-intel\nkvm_intel'
	finds '' ''
	put etc/modules '# kvm-intel'
	finds kvm-boot ''
	put usr/lib/modules-load.d/x.conf kvm-intel
	finds '' ''
	rm -r root/usr/lib/modules-load.d
	put etc/sysconfig/modules/kvm.modules '/sbin/modprobe -a kvm kvm_intel'
	finds '' ''
	rm -r root/etc/sysconfig
	put lib/modules/6.1.0/modules.builtin 'kernel/arch/x86/kvm/kvm-intel.ko'
	finds '' ''
}

@test "QEMU is not installed: the command is the distribution's" {
	intel
	rm root/usr/bin/qemu-img
	finds emulator 'apt-get install qemu-system-x86 qemu-utils'
	put etc/os-release $'ID="rocky"\nID_LIKE="rhel centos fedora"'
	finds emulator 'dnf install qemu-kvm qemu-img'
	amd
	rm root/usr/bin/qemu-kvm-one
	finds emulator 'ln -sfn /usr/bin/qemu-system-x86_64 /usr/bin/qemu-kvm-one'
}

@test "libvirt has no guests of type hvm, or none of type kvm" {
	intel
	sed -i 's/<os_type>hvm/<os_type>xen/' capabilities
	finds guest-arch 'apt-get install qemu-system-x86 qemu-utils'
	documents x86_64
	sed -i "s/<domain type='kvm'.>//" capabilities
	finds guest-arch 'systemctl restart libvirtd'
	finds '' '' --type qemu
	[[ $(text guest-arch) == 'ok libvirt has qemu guests for x86_64'* ]]
}

@test "POWER without PowerNV, ARM below another hypervisor" {
	power 'pSeries (emulated by qemu)'
	rm -r root/sys/module/kvm root/sys/module/kvm_hv root/dev/kvm
	put proc/misc ''
	finds cpu-virt ''
	arm
	rm -r root/sys/module/kvm root/dev/kvm
	put proc/misc ''
	finds kvm-module "dmesg | grep -iE 'kvm|EL2'"
}

@test "cgroups without the controller memory" {
	arm
	put sys/fs/cgroup/cgroup.controllers 'cpuset cpu io'
	finds cgroup 'cat /proc/cmdline'
}

@test "--type qemu: what only KVM needs is no fault" {
	x86 GenuineIntel '' kvm_intel
	rm -r root/sys/module/kvm root/sys/module/kvm_intel root/dev
	put proc/misc ''
	finds '' '' --type qemu
	[ "$status" -eq 0 ]
}

@test "--require nested: off is a fault, with the line for this maker's module" {
	local value
	intel
	for value in 0 N; do
		put sys/module/kvm_intel/parameters/nested $value
		finds '' ''
		finds nested "echo 'options kvm_intel nested=1' >>/etc/modprobe.d/kvm.conf" --require nested
	done
	for value in 1 Y; do
		put sys/module/kvm_intel/parameters/nested $value
		finds '' '' --require nested
	done
}

@test "--require sev: each missing part is named, in the order in which it is mended" {
	SEV="<sev supported='yes'><maxGuests>59</maxGuests><maxESGuests>450</maxESGuests></sev>"
	amd
	finds sev '' --require sev
	[[ $(text sev) == *'kvm_amd has no parameter sev'* ]]
	put sys/module/kvm_amd/parameters/sev N
	finds sev "echo 'options kvm_amd sev=1' >>/etc/modprobe.d/kvm-sev.conf" --require sev
	[[ $(text sev) == *SMEE* ]]
	put sys/module/kvm_amd/parameters/sev Y
	finds sev 'modprobe ccp' --require sev
	put dev/sev ''
	finds sev 'apt-get install ovmf' --require sev
	firmware x86_64 '"amd-sev","amd-sev-es"'
	finds '' '' --require sev
	[[ $(text sev) == 'ok SEV: 0 of 59 guests'* ]]
	put sys/module/kvm_amd/parameters/sev_es Y
	finds '' '' --require sev,sev-es
	[[ $(text sev-es) == 'ok SEV-ES: 0 of 450 guests'* ]]
	put sys/module/kvm_amd/parameters/sev_snp Y
	finds sev-es '' --require sev-es
	[[ $(text sev-es) == *'while SEV-SNP is on'* ]]
	finds sev-snp '' --require sev-snp
	SEV="<sev supported='no'/>" documents x86_64
	finds sev 'systemctl restart libvirtd' --require sev
}

@test "--require sev-snp, tdx: what libvirt lists decides at the end" {
	SEV="<sev supported='yes'/><launchSecurity supported='yes'><enum name='sectype'><value>sev</value><value>sev-snp</value></enum></launchSecurity>"
	amd
	put sys/module/kvm_amd/parameters/sev_snp Y
	firmware x86_64 '"amd-sev-snp"'
	finds '' '' --require sev-snp
	intel
	finds tdx '' --require tdx
	SEV="<tdx supported='yes'/>" documents x86_64
	put sys/module/kvm_intel/parameters/tdx Y
	firmware x86_64 '"intel-tdx"'
	finds '' '' --require tdx
}

@test "--require tpm: none, an old one, one without a device, one" {
	intel
	finds tpm '' --require tpm
	put sys/class/tpm/tpm0/tpm_version_major 1
	finds tpm '' --require tpm
	put sys/class/tpm/tpm0/tpm_version_major 2
	finds tpm 'modprobe tpm_crb' --require tpm
	put dev/tpmrm0 ''
	finds '' '' --require tpm
}

@test "AppArmor: libvirt's helper must be able to read the images that disks are overlays of" {
	local profile=etc/apparmor.d/usr.lib.libvirt.virt-aa-helper cure="echo '/var/lib/one/datastores/** r,' >>/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper"
	intel
	finds '' '' --require apparmor
	put sys/module/apparmor/parameters/enabled Y
	finds '' '' --require apparmor
	put $profile '/**.qcow{,2} r,'
	finds apparmor "$cure" --require apparmor
	put etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper '# /var/lib/one/datastores/** r,'
	finds apparmor "$cure" --require apparmor
	put etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper '  /var/lib/one/datastores/** r,'
	finds '' '' --require apparmor
	rm root/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper
	put etc/apparmor.d/local/abstractions/libvirt-qemu '/var/lib/one/datastores/** rwk,'
	finds '' '' --require apparmor
	rm root/etc/apparmor.d/local/abstractions/libvirt-qemu
	put etc/libvirt/qemu.conf 'security_driver = "none"'
	finds '' '' --require apparmor
}

@test "--require: UEFI, Secure Boot, virtual TPM, IOMMU, huge pages, guestmount" {
	intel
	finds '' '' --require uefi,secure-boot,vtpm,iommu,guestfs
	firmware x86_64 ''
	finds secure-boot 'apt-get install ovmf' --require secure-boot
	rm root/usr/bin/swtpm_setup
	finds vtpm 'apt-get install swtpm swtpm-tools' --require vtpm
	rm -r root/sys/kernel
	finds iommu "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on iommu=pt /' /etc/default/grub && update-grub" --require iommu
	rm root/usr/bin/guestmount
	finds guestfs 'apt-get install libguestfs-tools' --require guestfs
	finds hugepages 'sysctl -p /etc/sysctl.d/hugepages.conf' --require hugepages
	put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 512
	put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 300
	finds '' '' --require hugepages
	[[ $(text hugepages) == *'300 of 512 of 2048 KiB are free'* ]]
}

vm() {	# TEMPLATE
	echo "<VM><ID>7</ID><NAME>x</NAME><TEMPLATE>$1</TEMPLATE></VM>" >vm.xml
}

@test "--vm: what the VM asks for and the host lacks" {
	amd
	vm '<MEMORY>1024</MEMORY><VCPU>1</VCPU><OS><MACHINE>q35</MACHINE><ARCH>x86_64</ARCH></OS><CPU_MODEL><MODEL>EPYC</MODEL></CPU_MODEL>'
	finds '' '' --vm vm.xml
	[ "$status" -eq 0 ]
	[[ $(text vm-memory) == 'ok VM 7 gets its 1024 MiB of memory'* ]]
	vm '<MEMORY>99999999</MEMORY>'
	finds vm-memory '' --vm vm.xml
	vm '<MEMORY>1024</MEMORY><TOPOLOGY><HUGEPAGE_SIZE>2</HUGEPAGE_SIZE></TOPOLOGY>'
	finds vm-memory '' --vm vm.xml
	vm '<VCPU>300</VCPU>'
	finds vm-cpus '' --vm vm.xml
	vm '<OS><ARCH>aarch64</ARCH></OS>'
	finds vm-arch '' --vm vm.xml
	vm '<OS><MACHINE>pc-i440fx-9.0</MACHINE></OS>'
	finds vm-machine '' --vm vm.xml
	vm '<OS><FIRMWARE>UEFI</FIRMWARE><FIRMWARE_SECURE>YES</FIRMWARE_SECURE></OS>'
	finds '' '' --vm vm.xml
	firmware x86_64 ''
	finds vm-firmware 'apt-get install ovmf' --vm vm.xml
	vm '<MEMORY_ENCRYPTION><TYPE>SEV-SNP</TYPE></MEMORY_ENCRYPTION>'
	finds vm-encryption '' --vm vm.xml
	vm '<CPU_MODEL><MODEL>Haswell</MODEL></CPU_MODEL>'
	finds vm-cpu-model '' --vm vm.xml
	[[ $(text vm-cpu-model) == *'cannot run (it lacks hle,rtm)'* ]]
	finds '' '' --vm vm.xml --type qemu
	vm '<CPU_MODEL><MODEL>Nonesuch</MODEL></CPU_MODEL>'
	finds vm-cpu-model '' --vm vm.xml
	vm '<TPM><MODEL>tpm-crb</MODEL></TPM>'
	finds '' '' --vm vm.xml
	vm '<PCI><ADDRESS>0000:01:00:0</ADDRESS></PCI>'
	finds vm-pci '' --vm vm.xml
	put sys/bus/pci/devices/0000:01:00.0 ''
	finds '' '' --vm vm.xml
	vm '<NIC><VIRTIO_QUEUES>4</VIRTIO_QUEUES></NIC>'
	finds '' '' --vm vm.xml
	rm root/dev/vhost-net
	finds vm-queues 'modprobe vhost_net' --vm vm.xml --only vm-queues
}

@test "--facts: OpenNebula's attributes, with quotes that stay quotes" {
	SEV="<sev supported='yes'><maxGuests>59</maxGuests><maxESGuests>450</maxESGuests></sev>"
	amd
	put dev/sev ''
	put sys/module/kvm_amd/parameters/sev Y
	firmware x86_64 '"amd-sev"'
	sed -i 's/<model>EPYC/<model>E"P\\C/' capabilities
	run --separate-stderr "$REMOTES/host_check" --sysroot root --capabilities capabilities --domcapabilities domcapabilities --facts
	[ "$status" -eq 0 ]
	diff - <(echo "$output") <<-'END'
		KVM_CHECK="ok"
		KVM_NESTED="yes"
		VHOST_NET="yes"
		TPM="none"
		MEMORY_ENCRYPTION="SEV-ES"
		MEMORY_ENCRYPTION_SLOTS="509"
		MEMORY_ENCRYPTION_USED="0"
		KVM_CPU_MODEL="E\"P\\C"
		KVM_CPU_MODELS="EPYC"
		KVM_MACHINES="pc-q35-9.0 q35"
	END
}

@test "a line a check, and the commands below it" {
	intel
	rm root/dev/vhost-net
	run --separate-stderr "$REMOTES/host_check" --sysroot root --only cpu-virt,vhost-net
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'OK    cpu-virt      the processor has vmx' ]
	[[ ${lines[1]} == 'WARN  vhost-net     /dev/vhost-net is not there (hint: '*')' ]]
	[ "${lines[2]}" = '                    modprobe vhost_net' ]
}

@test "nothing is changed, and nothing of the host itself is read" {
	intel
	rm root/dev/kvm
	find root -printf '%p %m %T@ %s\n' | sort >before
	check --require nested,sev,tpm,tdx
	find root -printf '%p %m %T@ %s\n' | sort >after
	diff before after
}

@test "what cannot be printed could not be told" {
	run --separate-stderr bash -c '"$@" >/dev/full' - "$REMOTES/host_check" --only msrs --json
	[ "$status" -eq 3 ]
	[[ $stderr == *'host_check: cannot write standard output: '* ]]
}

@test "misuse is status 2: an unknown check, type or storage, a file that is not a document" {
	intel
	check --only nonesuch
	[ "$status" -eq 2 ]
	[[ $stderr == *"there is no check 'nonesuch'"* ]]
	check --require kvm-device,x
	[ "$status" -eq 2 ]
	# What is left out, or behind a blank instead of a comma, must not look like a host that has it.
	for option in --only --require; do
		check $option ''
		[ "$status" -eq 2 ]
		[[ $stderr == *'no check is named [usage]'* ]]
	done
	check --require nested sev
	[ "$status" -eq 2 ]
	[[ $stderr == *"'sev' belongs to no option [usage]"* ]]
	check --type xen
	[ "$status" -eq 2 ]
	check --storage lvm:
	[ "$status" -eq 2 ]
	check --storage rbd:--pool
	[ "$status" -eq 2 ]
	run "$REMOTES/host_check" --sysroot nowhere
	[ "$status" -eq 2 ]
	echo '<!DOCTYPE x [<!ENTITY e "e">]><x/>' >capabilities
	check
	[ "$status" -eq 2 ]
	vm '' && : >vm.xml
	documents x86_64
	check --vm vm.xml
	[ "$status" -eq 2 ]
}

@test "files with any content cause no crash" {
	local file
	intel
	for file in proc/cpuinfo proc/misc proc/meminfo etc/passwd etc/group etc/libvirt/qemu.conf etc/os-release \
		sys/module/kvm_intel/parameters/nested usr/share/qemu/firmware/60.json etc/modules; do
		intel
		mkdir -p "root/$(dirname "$file")"
		head -c 3000 /dev/urandom >"root/$file"
		check
		[ "$status" -ne 2 ] && [ "$status" -lt 4 ] || { echo "$file: $status $stderr"; return 1; }
		jq -e .checks <<<"$output" >/dev/null
	done
	echo '{"targets": 3, "features": [1, {}]}' >root/usr/share/qemu/firmware/60.json
	check
	[ "$status" -lt 2 ]
}

@test "a host without libvirt can be checked: the program does not link it" {
	run ldd "$REMOTES/host_check"
	[ "$status" -eq 0 ]
	never grep -q 'libvirt' <<<"$output"
}
