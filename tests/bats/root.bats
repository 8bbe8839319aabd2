# SPDX-License-Identifier: Apache-2.0
load helper
bats_load_library bats-support
bats_load_library bats-assert

# The programs that run as root: vgpu, vtpm_setup, virtiofsd.sh. Each test has a mount namespace of its
# own, in which what they touch is invented.

ROOT=$BUILD/remotes

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$ROOT/vgpu" "$ROOT/vtpm_setup" remotes/
	cp "$ROOT/vmm/kvm/virtiofsd.sh" remotes/vmm/kvm/
	export PATH=$PWD/bin:$PATH
}

# alone SHELL: runs the lines in a mount namespace, below our directory; "here" is that directory.
alone() {
	run --separate-stderr unshare -m bash -c "set -e; here=$PWD; $1"
}

# A /sys in which a card of each kind has vGPUs.
SYS='
mount -t tmpfs tmpfs /sys
old=/sys/class/mdev_bus/0000:01:00.0 new=/sys/bus/pci/devices/0000:02:00.4/nvidia
mkdir -p $old/mdev_supported_types/t-1 $old/mdev_supported_types/t-2 $new /sys/bus/mdev/devices
touch $old/mdev_supported_types/t-1/create $old/mdev_supported_types/t-2/create
printf "ID    : vGPU Name\n557   : NVIDIA X-1\n558   : NVIDIA X-2\n" >$new/creatable_vgpu_types
echo 0 >$new/current_vgpu_type
'

pci() {	# BUS FUNCTION UUID [MORE]
	echo "<PCI><DOMAIN>0000</DOMAIN><BUS>$1</BUS><SLOT>00</SLOT><FUNCTION>$2</FUNCTION><UUID>$3</UUID>${4:-}</PCI>"
}

vm() {
	echo "<VM><ID>1</ID><TEMPLATE>$*</TEMPLATE></VM>" >vm.xml
}

A=6e4a2c1e-0000-4000-8000-00000000000a

@test "vgpu: creates one of the first type, or of the named one; the verb in any case" {
	vm "$(pci 01 0 $A)"
	alone "$SYS remotes/vgpu CREATE vm.xml; cat \$old/mdev_supported_types/t-1/create"
	assert_success
	assert_output $A
	vm "$(pci 01 0 $A '<PROFILE>t-2 (a name)</PROFILE><MDEV_MODE>legacy</MDEV_MODE>')"
	alone "$SYS remotes/vgpu create vm.xml; cat \$old/mdev_supported_types/*/create"
	assert_output $A
	vm "$(pci 02 4 $A '<MDEV_MODE>nvidia</MDEV_MODE>')"
	alone "$SYS remotes/vgpu create vm.xml; cat \$new/current_vgpu_type"
	assert_output 557
	vm "$(pci 02 4 $A '<MDEV_MODE>nvidia</MDEV_MODE><PROFILE>558</PROFILE>')"
	alone "$SYS remotes/vgpu create vm.xml; remotes/vgpu create vm.xml; head -c 3 \$new/current_vgpu_type"
	assert_output 558
}

@test "vgpu: a failure undoes what was created; a missing device or type is reported" {
	vm "$(pci 02 4 $A '<MDEV_MODE>nvidia</MDEV_MODE>')$(pci 09 0 ${A%a}b)"
	alone "$SYS remotes/vgpu create vm.xml || { head -c 1 \$new/current_vgpu_type; exit 1; }"
	assert_failure 1
	assert_output 0
	[[ $stderr == "vgpu: PCI device 0000:09:00.0 has no vGPUs: there is no /sys/class/mdev_bus/0000:09:00.0 [not-found]"* ]]
	# What was there before may be in use.
	vm "$(pci 01 0 $A)$(pci 02 4 $A '<MDEV_MODE>nvidia</MDEV_MODE><PROFILE>557</PROFILE>')$(pci 09 0 ${A%a}b)"
	alone "$SYS mkdir /sys/bus/mdev/devices/$A; touch /sys/bus/mdev/devices/$A/remove; echo 557 >\$new/current_vgpu_type
		remotes/vgpu create vm.xml || { cat /sys/bus/mdev/devices/$A/remove \$new/current_vgpu_type; exit 1; }"
	assert_failure 1
	assert_output 557
	vm "$(pci 02 4 $A '<MDEV_MODE>nvidia</MDEV_MODE><PROFILE>999</PROFILE>')"
	alone "$SYS remotes/vgpu create vm.xml"
	assert_failure 1
	[[ $stderr == "vgpu: PCI device 0000:02:00.4 has no vGPU of type 999 left [no-resource]"* ]]
}

@test "vgpu: removes, and only reports failures" {
	vm "$(pci 01 0 $A)$(pci 02 4 ${A%a}b '<MDEV_MODE>nvidia</MDEV_MODE>')"
	alone "$SYS mkdir -p /sys/bus/mdev/devices/$A; touch /sys/bus/mdev/devices/$A/remove; echo 557 >\$new/current_vgpu_type
		remotes/vgpu delete vm.xml; cat /sys/bus/mdev/devices/$A/remove; head -c 1 \$new/current_vgpu_type"
	assert_success
	assert_output 10
	alone "$SYS rm -r \$new; remotes/vgpu delete vm.xml"
	assert_success
	[[ $stderr == 'WARN: vgpu: cannot write 0 to /sys/bus/pci/devices/0000:02:00.4/nvidia/current_vgpu_type: '* ]]
}

@test "vgpu: an invalid address, UUID or profile never becomes a path" {
	local bad
	for bad in "$(pci ../.. 0 $A)" "$(pci 01 8 $A)" "$(pci 01 0 ../../../etc)" "$(pci 01 0 $A '<PROFILE>../x</PROFILE>')"; do
		vm "$bad"
		alone "$SYS remotes/vgpu create vm.xml"
		assert_failure 1
		[[ $stderr == 'vgpu: PCI'*'[input]'* ]]
	done
	alone "$SYS remotes/vgpu destroy vm.xml"
	assert_failure 2
	alone "$SYS remotes/vgpu create"
	assert_failure 2
	alone "$SYS remotes/vgpu create /nowhere"
	assert_failure 1
}

@test "vgpu: the monitoring is notified, if its process is an agent and belongs to its user" {
	vm "$(pci 01 0 $A)"
	# No other suite's lab, below whose /var is the machine's, sees the directory come and go.
	alone "$SYS mount -t tmpfs tmpfs /mnt; mkdir /mnt/upper /mnt/work
		mount -t overlay -o lowerdir=/var/tmp,upperdir=/mnt/upper,workdir=/mnt/work overlay /var/tmp
		mkdir -p /var/tmp/one_db; mount -t tmpfs tmpfs /var/tmp/one_db
		sleep 600 & echo \$! >/var/tmp/one_db/.monitor_client.pid
		remotes/vgpu create vm.xml; sleep 0.3; kill \$!
		echo 'trap \"echo told; exit\" USR1; echo ready; while :; do sleep 0.05; done' >monitord-client.rb
		bash monitord-client.rb >out &
		until [ -s out ]; do sleep 0.05; done
		echo \$! >/var/tmp/one_db/.monitor_client.pid
		chown nobody /var/tmp/one_db/.monitor_client.pid; remotes/vgpu create vm.xml; sleep 0.3; kill -0 \$!
		chown root /var/tmp/one_db/.monitor_client.pid; remotes/vgpu create vm.xml; wait \$!; cat out"
	assert_success
	assert_output $'ready\ntold'
}

@test "vgpu: datastore prints the directory of a VM" {
	cat >node.xml <<-END
		<node><domain type='test'><name>one-5</name><metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'>
		<one:system_datastore>/ds/0/5</one:system_datastore></one:vm></metadata><memory>1</memory><os><type>hvm</type></os></domain></node>
	END
	echo "LIBVIRT_URI=test://$PWD/node.xml" >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr remotes/vgpu datastore one-5
	assert_success
	assert_output /ds/0/5
	run --separate-stderr remotes/vgpu datastore one-6
	assert_failure 1
}

TPM='mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/libvirt/swtpm vm;'

@test "vtpm_setup: the state comes and goes, with the owner of the VM's directory" {
	alone "$TPM mkdir vm/tpm; echo state >vm/tpm/tpm2-00.permall; chown -R nobody vm
		remotes/vtpm_setup recover $A \$here/vm; cd /var/lib/libvirt/swtpm/$A
		stat -c '%a %U %n' . tpm2 tpm2/.lock tpm2/tpm2-00.permall; cat tpm2/tpm2-00.permall
		echo more >tpm2/tpm2-00.permall; cd \$here; remotes/vtpm_setup backup $A \$here/vm; cat vm/tpm/tpm2-00.permall; stat -c '%a %U' vm/tpm vm/tpm/*"
	assert_success
	assert_output $'711 root .\n700 nobody tpm2\n640 nobody tpm2/.lock\n600 nobody tpm2/tpm2-00.permall\nstate\nmore\n700 nobody\n600 nobody'
}

@test "vtpm_setup: the newer state wins, and the replaced one is kept as a copy" {
	alone "$TPM mkdir -p vm/tpm /var/lib/libvirt/swtpm/$A/tpm2; place=/var/lib/libvirt/swtpm/$A/tpm2/tpm2-00.permall; copy=vm/tpm/tpm2-00.permall
		say() { echo \"\$1 \$(cat \$place 2>/dev/null) \$(cat \$copy)\"; }
		echo new >\$place; echo old >\$copy; touch -d 2001-01-01 \$copy
		remotes/vtpm_setup recover $A \$here/vm; say recover
		! remotes/vtpm_setup forget $A \$here/vm 2>/dev/null; say forget
		touch -d 2000-01-01 \$place; remotes/vtpm_setup keep $A \$here/vm; say keep
		remotes/vtpm_setup backup $A \$here/vm; say backup; stat -c %Y \$place \$copy | uniq | wc -l
		remotes/vtpm_setup forget $A \$here/vm; say forget; ls -A /var/lib/libvirt/swtpm
		remotes/vtpm_setup forget $A \$here/vm; ! remotes/vtpm_setup keep $A \$here/vm 2>/dev/null
		remotes/vtpm_setup recover $A \$here/vm; say recover; echo older >\$place; touch -d 1999-01-01 \$place
		remotes/vtpm_setup recover $A \$here/vm; say recover"
	assert_success
	assert_output $'recover new old\nforget new old\nkeep new old\nbackup new new\n1\nforget  new\nrecover new new\nrecover new new'
}

@test "vtpm_setup: links, second names and paths that are none are refused" {
	alone "$TPM echo secret >secret; mkdir vm/tpm; ln -s \$here/secret vm/tpm/tpm2-00.permall; remotes/vtpm_setup recover $A \$here/vm"
	assert_failure 1
	rm -rf vm
	alone "$TPM mkdir real; ln -s ../real vm/tpm; echo x >real/tpm2-00.permall; remotes/vtpm_setup recover $A \$here/vm"
	assert_failure 1
	rm -rf vm real
	alone "$TPM mkdir vm/tpm; echo secret >vm/other; ln vm/other vm/tpm/tpm2-00.permall; remotes/vtpm_setup recover $A \$here/vm"
	assert_failure 1
	[[ $stderr == 'vtpm_setup: tpm2-00.permall is not a regular file [input]'* ]]
	alone "$TPM remotes/vtpm_setup recover '' \$here/vm"
	assert_failure 2
	alone "$TPM remotes/vtpm_setup recover ../x \$here/vm"
	assert_failure 2
	alone "$TPM remotes/vtpm_setup recover $A vm"
	assert_failure 2
	alone "$TPM remotes/vtpm_setup delete $A \$here/vm"
	assert_failure 2
	alone "$TPM remotes/vtpm_setup backup $A \$here/vm"
	assert_failure 1
	[[ $stderr == *'[not-found]'* ]]
}

# Root's own copies, which tell how they are called.
OWN='mount -t tmpfs -o mode=755 tmpfs /usr/libexec; mkdir /usr/libexec/vmmexec
for name in vgpu vtpm_setup; do
	printf "#!/bin/sh\necho own \"\$0\" \"\$@\" by \$(id -un)\n" >/usr/libexec/vmmexec/$name
	chmod 755 /usr/libexec/vmmexec/$name
done;'

@test "vgpu, vtpm_setup: the old names run root's own copies, by sudo if need be; copies that others may write are none" {
	alone "$OWN remotes/vgpu CREATE 'vm 1.xml'; remotes/vtpm_setup backup $A /x"
	assert_success
	assert_output "own /usr/libexec/vmmexec/vgpu CREATE vm 1.xml by root
own /usr/libexec/vmmexec/vtpm_setup backup $A /x by root"
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "sudo by $(id -un):" "$@"\n' >bin/sudo
	chmod 755 bin/sudo
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	alone "$OWN setpriv --reuid nobody --regid nogroup --clear-groups remotes/vtpm_setup backup $A /x"
	assert_success
	assert_output "sudo by nobody: -n /usr/libexec/vmmexec/vtpm_setup backup $A /x"
	alone "$OWN chmod 775 /usr/libexec/vmmexec; remotes/vgpu create no.xml"
	assert_failure 1
	assert_output ''
	alone "$OWN chmod 757 /usr/libexec/vmmexec/vgpu; remotes/vgpu create no.xml"
	assert_failure 1
	assert_output ''
	# Each copy is the program itself, and does the work.
	alone "$OWN cp remotes/vtpm_setup /usr/libexec/vmmexec/; remotes/vtpm_setup backup ../x /x"
	assert_failure 2
}

# users: oneadmin is there, with the ids of nobody.
USERS='sed "s/^nobody:/oneadmin:/" /etc/passwd >passwd; mount --bind passwd /etc/passwd;'

@test "virtiofsd.sh: runs the first virtiofsd found, as oneadmin, with exactly the same arguments" {
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nid -un; printf "[%%s]" "$@"; cat <&7\n' >bin/virtiofsd
	chmod -R 755 bin
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	cp bin/virtiofsd /tmp/vmmexec-virtiofsd.$$
	echo "VIRTIOFSD_BINARY_PATH=\"/nowhere/x /tmp/vmmexec-virtiofsd.$$\"" >remotes/etc/vmm/kvm/kvmrc
	echo inherited >input
	alone "$USERS remotes/vmm/kvm/virtiofsd.sh --fd=7 -o 'source=/a b;\$(id)' 7<input"
	rm /tmp/vmmexec-virtiofsd.$$
	assert_success
	assert_output $'oneadmin\n[--fd=7][-o][source=/a b;$(id)]inherited'
}

@test "virtiofsd.sh: QEMU's own runs as root, if it is root's alone; instructions of kvmrc are not run" {
	mkdir bin
	printf '#!/bin/sh\nid -un\n' >bin/qemu-virtiofsd
	chmod 755 bin/qemu-virtiofsd
	printf 'touch %q\nVIRTIOFSD_BINARY_PATH=%q\n' "$PWD/run" "$PWD/bin/qemu-virtiofsd" >remotes/etc/vmm/kvm/kvmrc
	alone 'remotes/vmm/kvm/virtiofsd.sh'
	assert_success
	assert_output root
	never test -e run
	# What was looked at is what runs: its path is not followed again.
	ln -s qemu-virtiofsd bin/qemu-link
	sed -i "s|bin/qemu-virtiofsd|bin/qemu-link|" remotes/etc/vmm/kvm/kvmrc
	alone 'ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace remotes/vmm/kvm/virtiofsd.sh'
	assert_output root
	[ "$(grep -c 'open.*/bin/qemu-link' trace)" -eq 1 ]
	never grep -E 'execve(at)?\(.*(qemu-link|qemu-virtiofsd)' <(sed 's/\[.*//' trace)
	chmod 757 bin/qemu-virtiofsd
	alone 'remotes/vmm/kvm/virtiofsd.sh'
	assert_failure 1
	[[ $stderr == *"is not run as root: it must be root's, and nobody else may write it [permission]"* ]]
	echo 'VIRTIOFSD_BINARY_PATH=/nowhere/x' >remotes/etc/vmm/kvm/kvmrc
	alone 'remotes/vmm/kvm/virtiofsd.sh'
	assert_failure 1
	[[ $stderr == 'virtiofsd.sh: no virtiofsd; looked for: /nowhere/x [not-found] (hint: see VIRTIOFSD_BINARY_PATH in kvmrc)' ]]
	chmod 666 remotes/etc/vmm/kvm/kvmrc
	alone 'remotes/vmm/kvm/virtiofsd.sh --version'
	[[ $stderr != *'/nowhere/x'* ]]
}
