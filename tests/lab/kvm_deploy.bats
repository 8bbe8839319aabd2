# SPDX-License-Identifier: Apache-2.0
# kvm_deploy.bats - deploy with real KVM: a guest under QEMU's own emulation whose processor has svm, and in it libvirtd and
# our actions, on this machine's files with a layer in memory over them. kvm-deploy-steps is what is done there.
load ../bats/helper

# The kernel's modules with what they need, in the order of loading; kvm-amd stays at hand, too.
add_modules() {	# KERNEL
	local version file
	version=$(basename "$1"/lib/modules/*)
	for file in virtio_pci virtiofs overlay kvm-amd; do
		modprobe -d "$1" -S "$version" --show-depends "$file"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		case $file in
		*.xz) xz -dc "$file" ;;
		*.zst) zstd -qdc "$file" ;;
		*) cat "$file" ;;
		esac >"lib/modules/$(basename "${file%.ko*}").ko"
		basename "${file%.ko*}" >>lib/modules/order
	done
}

setup_file() {
	local cache=${VMM_CACHE:-/var/cache/vmmexec} guest kernel name files
	guest=$("$TOP/tests/lab/build-guest" "$cache")
	kernel=$(basename "$guest")
	kernel=${kernel#guest-}
	kernel=$cache/linux-image-${kernel%-*}
	cd "$BATS_FILE_TMPDIR"
	mkdir -p root/bin root/dev root/proc root/sys root/lib/modules
	cd root
	cp "$(type -P busybox)" bin/busybox
	for name in $(bin/busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "bin/$name"
	done
	add_modules "$kernel"
	printf 'STEPS=%q REMOTES=%q\n' "$TOP/tests/lab/kvm-deploy-steps" "$BUILD/remotes" >parameters
	install -m 755 "$TOP/tests/lab/kvm-deploy-init" init
	find . | cpio -o -H newc --quiet >../initrd
	cd ..
	rm -r root
	name=$(printf '%s\n' /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd | xargs ls 2>/dev/null | head -n 1)
	"$name" --socket-path=files.sock -o source=/ -o cache=always -o sandbox=chroot >virtiofsd.log 2>&1 3>&- &
	files=$!
	until [ -S files.sock ] || ! kill -0 $files; do read -rt 0.1 <> <(:) || :; done
	timeout 1500 qemu-system-x86_64 -accel tcg -cpu EPYC,+svm,+npt -smp 2 -m 1536 -nodefaults -display none -no-reboot \
		-object memory-backend-memfd,id=memory,size=1536M,share=on -numa node,memdev=memory \
		-chardev socket,id=files,path=files.sock -device vhost-user-fs-pci,chardev=files,tag=host \
		-serial file:serial -kernel "$guest/vmlinuz" -initrd initrd -append "console=ttyS0 quiet panic=-1" </dev/null 2>/dev/null
	kill $files 2>/dev/null || true
	tr -d '\r' <serial >console
	grep -q '^=== end$' console || { tail -n 50 console; return 1; }
}

# says STATE LINE...: each LINE is one of those of that state, or the beginning of one.
says() {
	local text line
	text=$'\n'$(sed -n "/^=== $1\$/,/^=== /p" "$BATS_FILE_TMPDIR/console")
	shift
	for line; do
		[[ $text == *$'\n'"$line"* ]] || { echo "no line '$line' in:$text"; return 1; }
	done
}

@test "real KVM: a guest that shall run VMs is refused while the module does not let it" {
	says nested-off 'deploy: FEATURES/NESTED: module kvm_amd of this host does not let guests run VMs [incompatible]' 'status 1'
}

@test "real KVM: with nested on deploy starts a guest of type kvm that has svm, and its processor runs" {
	says nested-on '00000000-0000-4000-8000-000000000001' 'status 0' 'running' "<domain type='kvm'" "    <feature policy='require' name='svm'/>" 'SeaBIOS'
}

@test "real KVM: poll knows the guest, shutdown ends it" {
	says poll 'STATE' 'status 0'
	says shutdown 'status 0' 'domains: 0'
}
