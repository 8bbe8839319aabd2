# SPDX-License-Identifier: Apache-2.0
# build.bats - the tree itself.
load helper

@test "clang builds everything without a warning" {
	run make -C "$TOP" CC=clang O=build/clang WERROR=1 all units benches
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "make install: system-wide below DESTDIR, all below ONE_LOCATION, and users' files are kept" {
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" install
	[ -x pkg/usr/lib/one/mads/one_vmm_exec ]
	[ -x pkg/usr/bin/kvm-domain ]
	[ -x pkg/usr/bin/kvm-image ]
	[ -x pkg/usr/bin/kvm-sync-hosts ]
	[ -x pkg/usr/bin/vmmexec ]
	[ -e pkg/usr/share/man/man1/vmmexec.1 ]
	[ -e pkg/usr/share/bash-completion/completions/vmmexec ]
	[ -e pkg/usr/share/zsh/vendor-completions/_vmmexec ]
	[ -x pkg/usr/bin/kvm-host-check ]
	[ -x pkg/var/lib/one/remotes/vmm/kvm/host_check ]
	[ -x pkg/var/lib/one/remotes/vmm/kvm/deploy ]
	[ -x pkg/var/lib/one/remotes/vmm/relay ]
	[ -x pkg/var/lib/one/remotes/vmm/worker ]
	[ -x pkg/var/lib/one/remotes/im/monitord-client ]
	[ -x pkg/var/lib/one/remotes/im/kvm-probes ]
	[ -e pkg/var/lib/one/remotes/im/forecasts.py ]
	[ -x pkg/var/lib/one/remotes/im/kvm.d/monitord-client_control.sh ]
	[ -x pkg/var/lib/one/remotes/im/qemu.d/monitord-client_control.sh ]
	[ "$(cat pkg/var/lib/one/remotes/tm/kvm_image/clone)" = '#!/usr/bin/kvm-image' ]
	[ "$(cd pkg/var/lib/one/remotes/tm/kvm_image && find . -perm 755 -type f -printf '%f\n' | sort)" = \
		"$(sed -n '/^} actions/,/^};/s/^\t{ "\([a-z_]*\)".*/\1/p' "$TOP/drivers/kvm_image/transfer.c" | sort)" ]
	[ -e pkg/usr/share/man/man8/monitord-client.8 ]
	grep -q -- "-$(uname -m)\$" pkg/var/lib/one/remotes/vmm/platform
	[ -e pkg/usr/share/bash-completion/completions/kvm-sync-hosts ]
	[ -e pkg/usr/share/bash-completion/completions/kvm-host-check ]
	[ -e pkg/usr/share/man/man8/one_vmm_exec.8 ]
	[ -e pkg/usr/share/man/man5/vmm_exec.cfg.5 ]
	[ -e pkg/etc/one/vmm_exec/vmm_exec.cfg ]
	[ -e pkg/var/lib/one/remotes/etc/vmm/kvm/kvmrc ]
	[ -e pkg/usr/share/man/man1/kvm-domain.1 ]
	[ -e pkg/usr/share/man/man5/vmm_exec_kvm.conf.5 ]
	[ -e pkg/usr/share/bash-completion/completions/one_vmm_exec ]
	[ "$(stat -c '%U %a' pkg/usr/libexec/vmmexec/vgpu pkg/usr/libexec/vmmexec/vtpm_setup pkg/usr/libexec/vmmexec)" = $'root 755\nroot 755\nroot 755' ]
	[ -e pkg/usr/share/doc/vmmexec/sudoers.example ]
	make -s -C "$TOP" O="$BUILD" ONE_LOCATION="$PWD/one" install
	[ -x one/lib/mads/one_vmm_exec ]
	[ -x one/bin/kvm-domain ]
	[ -e one/share/man/man1/kvm-domain.1 ]
	[ -x one/var/remotes/vmm/kvm/deploy ]
	echo '# mine' >one/etc/vmm_exec/vmm_execrc
	run make -s -C "$TOP" O="$BUILD" ONE_LOCATION="$PWD/one" install
	[[ $output == *'kept '*'vmm_execrc; the new one is '*'vmm_execrc.new'* ]]
	[ "$(cat one/etc/vmm_exec/vmm_execrc)" = '# mine' ]
}

@test "make install: everybody can use it, whatever root's umask, and no directory is taken for a file's place" {
	(umask 077; make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" install)
	[ -z "$(find pkg/* ! -perm -004)$(find pkg/* -type d ! -perm -001)" ]
	mkdir -p other/usr/bin/kvm-image
	run make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/other" install
	[ "$status" -ne 0 ]
	[[ $output == *"cannot overwrite directory '$PWD/other/usr/bin/kvm-image'"* ]]
}

@test "make install-strip leaves out debug information; uninstall removes all but edited files" {
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" install-strip
	[ -z "$(readelf -S pkg/usr/bin/kvm-domain | grep debug_info)" ]
	find pkg/var/lib/one/remotes -type f -printf '%s\n' | awk '{ all += $1 } END { print "the set:", all; exit all > 5242880 }'
	pkg/usr/bin/kvm-domain --version
	echo '# mine' >>pkg/etc/one/vmm_exec/vmm_execrc
	touch pkg/var/lib/one/remotes/theirs
	run make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" uninstall
	[ "$status" -eq 0 ]
	[ "$output" = "kept $PWD/pkg/etc/one/vmm_exec/vmm_execrc, which was edited" ]
	[ "$(find pkg -type f | sort)" = $'pkg/etc/one/vmm_exec/vmm_execrc\npkg/var/lib/one/remotes/theirs' ]
}

@test "make uninstall removes the directories that install made, and no other, empty or not" {
	mkdir -p pkg/var/lib/one/remotes/tm/kvm_image pkg/usr/share/zsh/vendor-completions pkg/usr/lib/one pkg/etc/one
	(cd pkg && find . | sort) >before
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" install
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" install
	mkdir pkg/usr/share/man/man1/theirs
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" uninstall
	rmdir -p --ignore-fail-on-non-empty pkg/usr/share/man/man1/theirs
	(cd pkg && find . | sort) | diff before -
	make -s -C "$TOP" O="$BUILD" DESTDIR="$PWD/pkg" uninstall
	(cd pkg && find . | sort) | diff before -
}

@test "make install keeps OpenNebula's scripts of its names, make uninstall puts them back, and leaves newer ones" {
	mkdir -p one/lib/mads one/var/remotes/vmm/kvm one/var/remotes/tm/kvm_image
	for file in lib/mads/one_vmm_exec var/remotes/vmm/kvm/deploy var/remotes/vmm/kvm/cancel var/remotes/tm/kvm_image/clone; do
		printf '#!/bin/sh\necho theirs %s\n' $file >one/$file
		chmod 750 one/$file
	done
	mkdir -p one/var/remotes/im/{kvm,qemu}.d
	printf '#!/bin/sh\n' >one/var/remotes/im/kvm.d/monitord-client_control.sh
	ln -s ../kvm.d/monitord-client_control.sh one/var/remotes/im/qemu.d/monitord-client_control.sh
	ln -s /nowhere one/var/remotes/vmm/kvm/reset
	cp -a one before
	run make -s -C "$TOP" O="$BUILD" ONE_LOCATION="$PWD/one" install
	[[ $output == "7 scripts were replaced; "* ]]
	# The second finds its own files, and one that an upgrade of OpenNebula brought.
	printf '#!/usr/bin/ruby\nnewer\n' >one/var/remotes/vmm/kvm/cancel
	run make -s -C "$TOP" O="$BUILD" ONE_LOCATION="$PWD/one" install
	[[ $output == "1 scripts were replaced; "* ]]
	one/var/remotes/vmm/kvm/cancel --help >/dev/null
	printf '#!/usr/bin/ruby\nnewest\n' >one/var/remotes/vmm/kvm/poll
	run make -s -C "$TOP" O="$BUILD" ONE_LOCATION="$PWD/one" uninstall
	[ "$output" = "kept $PWD/one/var/remotes/vmm/kvm/poll, which is not ours" ]
	cp one/var/remotes/vmm/kvm/{cancel,poll} before/var/remotes/vmm/kvm
	[[ $(<before/var/remotes/vmm/kvm/cancel) == *newer ]]
	diff -r --no-dereference before one
	[ "$(stat -c %a one/var/remotes/vmm/kvm/deploy)" = 750 ]
}

@test "each installed program is hardened: PIE, RELRO, bound at start, canaries, stack clash, CET" {
	local flags program
	make -s -C "$TOP" VARIANT=release O="$BUILD" DESTDIR="$PWD/pkg" install
	flags='-fstack-protector-strong -fstack-clash-protection'
	[ "$(uname -m)" != x86_64 ] || flags+=' -fcf-protection'
	find pkg -type f -perm -u+x -not -path '*/tm/kvm_image/*' >programs
	[ "$(wc -l <programs)" -gt 30 ]
	while read -r program; do
		readelf -dW "$program" >dynamic
		grep -q 'FLAGS_1.* NOW.* PIE' dynamic || { echo "$program: not NOW and PIE"; return 1; }
		readelf -lW "$program" | grep -q GNU_RELRO || { echo "$program: no RELRO"; return 1; }
		readelf -sW "$program" | grep -q __stack_chk_fail || { echo "$program: no canary"; return 1; }
	done <programs
	readelf --debug-dump=info --dwarf-depth=1 pkg/usr/lib/one/mads/one_vmm_exec | grep DW_AT_producer >producers
	for flag in $flags; do
		never grep -vqF -e "$flag" <(grep 'GNU C' producers)
	done
}

@test "make help names the targets, make compdb every source" {
	run make -s -C "$TOP" help
	[ "$status" -eq 0 ]
	for target in demo check test-fast lint install uninstall; do grep -q "^  make $target " <<<"$output"; done
	cp -r "$TOP"/{GNUmakefile,lib,drivers,remotes,scripts,tests} .
	make -s compdb
	[ "$(jq length compile_commands.json)" -eq "$(find lib drivers remotes tests/unit tests/fuzz -name '*.c' | wc -l)" ]
	jq -e '.[0].arguments | index("-Ilib")' compile_commands.json
}

@test "every key of vmm_exec.cfg is in its manual page" {
	while read -r key; do
		grep -qF "fB${key//_/_}\\fR = " <(sed 's/\\-/-/g' "$TOP/man/vmm_exec.cfg.5") || { echo "not in vmm_exec.cfg(5): $key"; return 1; }
	done < <(sed -n 's/^	{ "\([a-z_.]*\)", .*/\1/p' "$TOP/lib/conf/cfg.c")
}

# maintainer VERSION FILE...: the scripts of a package with these files, as debian/rules makes them.
maintainer() {
	local script version=$1
	shift
	for script in preinst postinst postrm; do
		sed -e "/^#DIVERSIONS#/{r $TOP/debian/diversions" -e 'd}' "$TOP/debian/vmmexec.$script.in" | sed "s|@FILES@|$*|" >"$version.$script"
		chmod 755 "$version.$script"
	done
}

@test "Debian package: an upgrade that fails, one that succeeds, and removal leave OpenNebula's files where they belong" {
	local dir=/var/lib/one/remotes/vmm/kvm
	export DPKG_ROOT=$PWD/root DPKG_ADMINDIR=$PWD/root/var/lib/dpkg PATH=$PATH:/usr/sbin:/sbin
	mkdir -p "root$dir" "$DPKG_ADMINDIR" root/usr/share/vmmexec/default
	for file in vmm_execrc vmm_exec_kvm.conf kvmrc; do echo "# $file" >"root/usr/share/vmmexec/default/$file"; done
	for file in deploy reset poll; do echo "their $file" >"root$dir/$file"; done
	maintainer 1 $dir/deploy $dir/poll
	maintainer 2 $dir/deploy $dir/reset
	./1.preinst install
	for file in deploy poll; do echo "our $file" >"root$dir/$file"; done
	./1.postinst configure ''
	[ "$(cat root$dir/deploy root$dir/poll root$dir/reset)" = $'our deploy\nour poll\ntheir reset' ]
	[ "$(cat root/var/lib/one/remotes/etc/vmm/kvm/kvmrc)" = '# kvmrc' ]
	# As dpkg does when version 2 cannot be unpacked.
	./2.preinst upgrade 1
	./2.postrm abort-upgrade 1
	./1.postinst abort-upgrade 2
	[ "$(cat root$dir/deploy root$dir/poll root$dir/reset)" = $'our deploy\nour poll\ntheir reset' ]
	./2.preinst upgrade 1
	echo 'our reset' >root$dir/reset
	./1.postrm upgrade 2
	rm root$dir/poll
	./2.postinst configure 1
	[ "$(cat root$dir/deploy root$dir/poll root$dir/reset)" = $'our deploy\ntheir poll\nour reset' ]
	rm root$dir/deploy root$dir/reset
	./2.postrm remove
	[ "$(cat root$dir/deploy root$dir/poll root$dir/reset)" = $'their deploy\ntheir poll\ntheir reset' ]
	[ ! -e root/usr/share/vmmexec/opennebula ]
	[ -z "$(dpkg-divert --list)" ]
}

@test "RPM packages: OpenNebula's files are kept aside, an upgrade of either keeps ours, and removal gives theirs back" {
	local places=$TOP/packaging/rpm-places set=root/usr/share/vmmexec/set name=/var/lib/one/remotes/vmm/kvm/deploy
	export ROOT=$PWD/root
	mkdir -p root/usr/share/vmmexec/default "$set${name%/*}" "$set/usr/lib/one/mads" "root${name%/*}"
	for file in vmm_execrc vmm_exec_kvm.conf kvmrc; do echo "# $file" >"root/usr/share/vmmexec/default/$file"; done
	echo ours-1 >"$set$name"
	echo driver >"$set/usr/lib/one/mads/one_vmm_exec"
	echo theirs-1 >"root$name"
	"$places" take
	[ "$(cat "root$name" root/usr/lib/one/mads/one_vmm_exec)" = $'ours-1\ndriver' ]
	[ "$(cat root/var/lib/one/remotes/etc/vmm/kvm/kvmrc)" = '# kvmrc' ]
	echo theirs-2 >"root$name"	# OpenNebula is upgraded
	"$places" take
	[ "$(cat "root$name")" = ours-1 ]
	echo ours-2 >"$set$name"	# and we are
	"$places" take
	[ "$(cat "root$name")" = ours-2 ]
	echo mine >"root/etc/one/vmm_exec/vmm_execrc"
	"$places" take
	# A version that does not have a name any more gives that back; what is missing comes back, too.
	for file in poll reset; do
		echo "their $file" >"root${name%/*}/$file"
		echo "our $file" >"$set${name%/*}/$file"
	done
	"$places" take
	[ "$(cat "root${name%/*}/poll" "root${name%/*}/reset")" = $'our poll\nour reset' ]
	rm "$set${name%/*}/poll"
	"$places" take
	[ "$(cat "root${name%/*}/poll" "root${name%/*}/reset")" = $'their poll\nour reset' ]
	rm "root${name%/*}/reset"
	"$places" give-back
	[ "$(cat "root${name%/*}/poll" "root${name%/*}/reset")" = $'their poll\ntheir reset' ]
	[ "$(cat "root$name")" = theirs-2 ]
	[ ! -e root/usr/lib/one/mads/one_vmm_exec ]
	[ ! -e root/usr/share/vmmexec/opennebula ]
	[ "$(cat root/etc/one/vmm_exec/vmm_execrc)" = mine ]
	run "$places"
	[ "$status" -eq 2 ]
}
