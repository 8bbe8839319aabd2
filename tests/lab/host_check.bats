# SPDX-License-Identifier: Apache-2.0
# host_check.bats - host_check on a machine with real KVM: a guest under QEMU's own emulation, whose processor has svm and
# whose kernel loads the modules. kvm-guest-init brings it from one state to the next.
load ../bats/helper

MODULES='irqbypass kvm kvm-amd kvm-intel msr vhost_iotlb vhost tun tap vhost_net'

setup_file() {
	local cache=${VMM_CACHE:-/var/cache/vmmexec} guest kernel lib name file
	guest=$("$TOP/tests/lab/build-guest" "$cache")
	kernel=$(basename "$guest")
	kernel=${kernel#guest-}
	kernel=$cache/linux-image-${kernel%-*}
	cd "$BATS_FILE_TMPDIR"
	mkdir -p root/bin root/dev root/proc root/sys root/tmp root/etc/libvirt root/lib/modules
	cd root
	cp "$(type -P busybox)" bin/busybox
	for name in $(bin/busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "bin/$name"
	done
	cp "$REMOTES/host_check" bin/
	while read -r lib; do
		mkdir -p ".${lib%/*}"
		cp -L "$lib" ".$lib"
	done < <(ldd bin/host_check | grep -o '/[^ ]*')
	for name in $MODULES; do
		file=$(find "$kernel/lib/modules/" -name "$name.ko*" | head -n 1)
		case $file in
		*.xz) xz -dc "$file" >"lib/modules/$name.ko" ;;
		*.zst) zstd -qdc "$file" >"lib/modules/$name.ko" ;;
		?*) cp "$file" lib/modules/ ;;
		esac
	done
	printf '%s\n' root:x:0:0::/:/bin/sh qemu:x:107:107::/:/bin/sh >etc/passwd
	printf '%s\n' root:x:0: kvm:x:36:qemu qemu:x:107: >etc/group
	printf '%s\n' 'user = "qemu"' 'group = "qemu"' >etc/libvirt/qemu.conf
	install -m 755 "$TOP/tests/lab/kvm-guest-init" init
	find . | cpio -o -H newc --quiet >../initrd
	cd ..
	rm -r root
	timeout 300 qemu-system-x86_64 -accel tcg -cpu EPYC,+svm,+npt -m 1024 -nodefaults -display none -serial stdio -no-reboot \
		-kernel "$guest/vmlinuz" -initrd initrd -append "console=ttyS0 quiet panic=-1" </dev/null 2>/dev/null | tr -d '\r' >console
	rm initrd
	grep -q '^=== end$' console || { tail -n 50 console; return 1; }
}

# What host_check said in a state, and its status.
state() { sed -n "/^=== $1\$/,/^=== /p" "$BATS_FILE_TMPDIR/console" | sed '1d; $d'; }

# says STATE LINE...: each LINE is one of its lines, or the beginning of one.
says() {
	local text line
	text=$'\n'$(state "$1")
	shift
	for line; do
		[[ $text == *$'\n'"$line"* ]] || { echo "no line '$line' in:$text"; return 1; }
	done
}

@test "real KVM: no module is loaded, then only kvm: the missing one is the fault" {
	says nothing 'OK    cpu-virt      the processor has svm' 'FAIL  kvm-module    the module kvm is not loaded' \
		'                    modprobe -a kvm kvm-amd' 'INFO  kvm-device    /dev/kvm is not there (hint: because of kvm-module)' 'status 1'
	says kvm 'OK    kvm-module ' 'FAIL  kvm-vendor    the module kvm-amd is not loaded' 'status 1'
}

@test "real KVM: the module of the other maker is refused, before the right one and beside it" {
	grep -q "insmod: can't insert 'kvm-intel.ko'" "$BATS_FILE_TMPDIR/console"
	says other-maker 'FAIL  kvm-vendor    the module kvm-amd is not loaded' '                    modprobe -a kvm kvm-amd' 'status 1'
	says no-rule 'OK    kvm-vendor    the module kvm-amd is loaded'
}

@test "real KVM: QEMU's user makes a VM once the device has its group and mode" {
	says no-rule 'FAIL  kvm-device    qemu may not use /dev/kvm: its group is root, its mode 0600' '                    udevadm trigger ' 'status 1'
	says fit 'OK    kvm-device    /dev/kvm makes a VM for qemu' 'status 0'
	says mode-000 'FAIL  kvm-device    qemu may not use /dev/kvm: its group is kvm, its mode 0000' '                    chmod 0660 /dev/kvm' 'status 1'
}

@test "real KVM: another hypervisor has the processor, then gives it back" {
	# Since kernel 6.12 it says less.
	says taken "FAIL  kvm-device    another hypervisor uses the processor's extensions: Device or resource busy" 'status 1' ||
		says taken "FAIL  kvm-device    the processor's extensions cannot be switched on: Input/output error" 'status 1'
	says given-back 'OK    kvm-device    /dev/kvm makes a VM for qemu' 'status 0'
}

@test "real KVM: nested 0 and 1" {
	says nested-0 'FAIL  nested        guests cannot have guests (nested is 0)' \
		"                    echo 'options kvm_amd nested=1' >>/etc/modprobe.d/kvm.conf" 'status 1'
	says nested-1 'OK    nested        guests may have guests (nested is 1)' 'status 0'
}

@test "real KVM: vhost-net is a warning without the module, and OK with it" {
	says fit 'WARN  vhost-net     /dev/vhost-net is not there'
	says vhost 'OK    vhost-net     /dev/vhost-net is there' 'status 0'
}

@test "real KVM: a device without a driver is not opened, so that no module is loaded" {
	says no-driver 'FAIL  kvm-vendor ' 'INFO  kvm-device    /dev/kvm is there, and no driver behind it (hint: because of kvm-vendor)' 'status 1'
	[ "$(sed -n '/^=== end$/,$p' "$BATS_FILE_TMPDIR/console" | grep -c '^kvm [0-9]* 0 ')" -eq 1 ]
}
