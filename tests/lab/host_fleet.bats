# SPDX-License-Identifier: Apache-2.0
# host_fleet.bats - kvm-host-check and host_check on real nodes: 50 sshds at once, one that hangs, pairs of hosts, libvirt that
# is off, stopped or closed, datastores that are full or silent, a real volume group.
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
load lab
load ../bats/helper

SET=/var/tmp/one/vmm/kvm

setup() { cd "$BATS_TEST_TMPDIR" || return; }

setup_file() {
	lab_up 2
	for node in node1 node2; do
		"$LAB" install "$BUILD" $node
		lab_exec $node mkdir -p /var/tmp/one/etc/vmm/kvm
		lab_exec $node sh -c 'echo LIBVIRT_URI=qemu:///system >/var/tmp/one/etc/vmm/kvm/kvmrc'
		[ -z "$(sanitizer_of "$REMOTES/host_check")" ] || begin_with_tirpc $node
	done
}

# The sanitizer takes over functions of libtirpc and must find it at the start: host_check loads libvirt later.
begin_with_tirpc() {	# NODE
	lab_exec "$1" mv $SET/host_check $SET/host_check.program
	printf '#!/bin/sh\nLD_PRELOAD=%s ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 exec %s "$@"\n' \
		"$(ldconfig -p | sed -n 's/.*libtirpc.so.3 .* => //p' | head -n 1)" $SET/host_check.program | lab_exec "$1" tee $SET/host_check >/dev/null
	lab_exec "$1" chmod 755 $SET/host_check
}

teardown_file() { lab_down; }

on() { lab_exec "$@"; }

# Lines that COMMAND... on the front-end prints.
fleet() {
	run --separate-stderr lab_exec fe env ASAN_OPTIONS=detect_leaks=0 "$BUILD/drivers/kvm_host_check/kvm-host-check" --remote-dir /var/tmp/one \
		--type qemu "$@"
}

host() {	# OPTION...
	run --separate-stderr lab_exec node1 env ASAN_OPTIONS=detect_leaks=0 $SET/host_check --type qemu "$@"
}

# A line that begins with $1 is in the output.
line() { [[ $'\n'$output == *$'\n'"$1"* ]] || { echo "no line '$1' in: $output $stderr"; return 1; }; }

# 25 more sshds of a node, each with an address and a name of its own.
more_sshds() {	# NODE FIRST
	on "$1" sh -c "for i in \$(seq $2 $(($2 + 24))); do
		ip addr add 10.77.0.\$i/24 dev br0
		{ grep -vE '^(PidFile|ListenAddress)' /etc/ssh/sshd_config; echo PidFile /run/sshd-\$i.pid; echo ListenAddress 10.77.0.\$i; } >/run/sshd-\$i.conf
		/usr/sbin/sshd -f /run/sshd-\$i.conf
	done"
}

@test "50 real sshds at once; a host that hangs delays no other host's line" {
	more_sshds node1 100
	more_sshds node2 125
	on fe sh -c 'for i in $(seq 100 149); do echo "10.77.0.$i h$i"; done >>/etc/hosts'
	on node1 sh -c 'kill -STOP $(cat /run/sshd-120.pid)'
	lab_exec fe env ASAN_OPTIONS=detect_leaks=0 "$BUILD/drivers/kvm_host_check/kvm-host-check" --remote-dir /var/tmp/one --type qemu \
		--ssh 'ssh -o ConnectTimeout=300' --timeout 300 --only cpu-virt h{100..149} >out 2>&1 3>&- &
	for _ in $(seq 1000); do [ "$(wc -l <out)" -lt 49 ] || break; sleep 0.1; done
	[ "$(grep -c '^OK    h1[0-9][0-9]  fit$' out)" -eq 49 ]
	never grep -q h120 out
	on node1 sh -c 'kill -CONT $(cat /run/sshd-120.pid)'
	wait $!
	[ "$(tail -n 2 out)" = $'OK    h120  fit\n50 hosts: 50 fit, 0 not fit, 0 unknown' ]
}

@test "--pairs: fit when each reaches the other, else the host, the way and the command are named" {
	fleet --pairs --only peer node1 node2
	assert_success
	line 'OK    node1  fit'
	line 'OK    node2  fit'
	"$LAB" svc node2 stop
	fleet --pairs --only peer node1 node2
	assert_failure 1
	line 'FAIL  node1  peer          no libvirt of node2: '
	line '        virsh -c qemu+ssh://node2/system uri'
	"$LAB" svc node2 start
	on node1 sed -i 's/^10.77.0.2 node2/10.77.0.2 other/' /etc/hosts
	fleet --pairs --only peer node1 node2
	on node1 sed -i 's/^10.77.0.2 other/10.77.0.2 node2/' /etc/hosts
	assert_failure 1
	line 'FAIL  node1  peer          no ssh to node2: ssh failed with status 255: '
	line '        ssh -v node2 true'
	line 'OK    node2  fit'
	on node1 sh -c 'echo QEMU_PROTOCOL=qemu+tcp >>/var/tmp/one/etc/vmm/kvm/kvmrc'
	fleet --pairs --only peer,libvirt node1 node2
	assert_success
	on node1 sed -i /QEMU_PROTOCOL/d /var/tmp/one/etc/vmm/kvm/kvmrc
}

# As packages of OpenNebula have it: a host's key is kept when it is met for the first time.
keep_new_keys() {	# PART
	on "$1" sh -c 'mkdir -p /root/.ssh && mount -t tmpfs none /root/.ssh
		printf "%s\n" "Host *" "IdentityFile /etc/ssh/key" "StrictHostKeyChecking accept-new" >/root/.ssh/config
		mv /etc/ssh/ssh_config /etc/ssh/ssh_config.lab'
}

forget_new_keys() {	# PART
	on "$1" sh -c 'umount /root/.ssh; mv /etc/ssh/ssh_config.lab /etc/ssh/ssh_config'
}

@test "a key that ssh would keep is not kept: of hosts that are asked, and of those that they reach" {
	keep_new_keys fe
	keep_new_keys node1
	fleet --pairs --only peer node1 node2
	assert_failure 3
	line '?     node1  peer          ssh to node2 works, and would keep a key that it does not know yet: '
	line '        ssh node2 true'
	line 'OK    node2  fit'
	on fe test ! -e /root/.ssh/known_hosts
	on node1 test ! -e /root/.ssh/known_hosts
	on node1 ssh node2 true
	local before
	before=$(on node1 md5sum /root/.ssh/known_hosts)
	fleet --pairs --only peer node1 node2
	assert_success
	assert_equal "$(on node1 md5sum /root/.ssh/known_hosts)" "$before"
	# A key that is another's by now is no new one.
	on node1 sed -i 's/ssh-ed25519 .*/ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' /root/.ssh/known_hosts
	fleet --pairs --only peer node1 node2
	assert_failure 1
	line 'FAIL  node1  peer          no ssh to node2: '
	forget_new_keys node1
	forget_new_keys fe
}

@test "--pairs: what the real libvirts say of processors and machine types is compared" {
	fleet --pairs --json node1 node2
	assert_success
	# Both nodes are this machine: there is nothing to tell, and the whole answer is there.
	[ "$(jq -c '[(.hosts | length), (.pairs | length), ([.hosts[].checks[].id] | unique | length > 20)]' <<<"$output")" = '[2,0,true]' ]
	host --json
	[ "$(jq '.cpu | (.machines | contains("q35")) and (.features | length > 50) and .arch == "x86_64"' <<<"$output")" = true ]
}

@test "libvirt: stopped in the middle, off, closed to oneadmin" {
	on node1 sh -c 'kill -STOP $(pgrep -x libvirtd)'
	host --only libvirt --timeout 2
	on node1 sh -c 'kill -CONT $(pgrep -x libvirtd)'
	assert_failure 3
	line '?     libvirt       libvirt does not answer'
	"$LAB" svc node1 stop
	on node1 sh -c 'rm -f /usr/lib/systemd/system/libvirtd* /usr/lib/systemd/system/virtqemud* /etc/init.d/libvirtd'	# of a package that is installed
	host --only libvirt,guest-arch
	assert_failure 1
	line 'FAIL  libvirt       libvirt cannot be reached, and its daemon is no service of this host: '
	line '                    apt-get install libvirt-daemon-system'
	on node1 sh -c 'mkdir -p /usr/lib/systemd/system; touch /usr/lib/systemd/system/libvirtd.service'
	host --only libvirt
	assert_failure 1
	line 'FAIL  libvirt       libvirt cannot be reached: '
	line '                    systemctl start libvirtd'
	"$LAB" svc node1 start
	on node1 sh -c 'echo oneadmin:x:9869:9869::/:/bin/sh >>/etc/passwd; echo vmadmins:x:9870: >>/etc/group; echo "unix_sock_group = \"vmadmins\"" >>/etc/libvirt/libvirtd.conf
		chgrp vmadmins /run/libvirt/libvirt-sock; chmod 770 /run/libvirt/libvirt-sock'
	host --only libvirt
	assert_failure 1
	line 'FAIL  libvirt       libvirt does not let oneadmin in: '
	line '                    usermod -aG vmadmins oneadmin'
	on node1 sed -i 's/^vmadmins:.*/&oneadmin/' /etc/group
	host --only libvirt
	assert_success
	on node1 sed -i /^oneadmin:/d /etc/passwd
	on node1 chmod 777 /run/libvirt/libvirt-sock
}

@test "a datastore of its own that is full, without inodes, read-only, or whose server is gone" {
	local dir=/var/lib/one/datastores/100
	on node1 sh -c "mkdir -p $dir /var/lib/one/below; mount -t tmpfs -o size=200m,nr_inodes=8 none $dir"
	host --only disk-room
	assert_success
	[[ $output == *"$dir 0.2 GiB"* ]]
	on node1 dd if=/dev/zero of=$dir/x bs=1M count=150 status=none
	host --only disk-room
	assert_failure 1
	line 'FAIL  disk-room     no room: '
	on node1 sh -c "rm $dir/x; touch $dir/1 $dir/2 $dir/3 $dir/4 $dir/5 $dir/6 $dir/7 $dir/8 $dir/9" 2>/dev/null || true
	host --only disk-room
	assert_failure 1
	line 'FAIL  disk-room     nothing can be written: '
	[[ $output == *"$dir 0.2 GiB (100 %) without inodes"* ]]
	on node1 sh -c "umount $dir; mount -t tmpfs -o ro,size=2g none $dir"
	host --only disk-room
	line 'WARN  disk-room     a datastore is read-only: '
	on node1 sh -c "umount $dir; bindfs /var/lib/one/below $dir; kill -STOP \$(pgrep -x bindfs)"
	host --only disk-room --timeout 2
	on node1 sh -c "kill -CONT \$(pgrep -x bindfs); umount $dir"
	assert_failure 1
	line 'FAIL  disk-room     a file system does not answer: '
	[[ $output == *"$dir is silent"* ]]
	# A datastore may be a link to elsewhere.
	on node1 sh -c "rmdir $dir; mkdir -p /run/elsewhere; mount -t tmpfs -o size=1m none /run/elsewhere; ln -s /run/elsewhere $dir"
	host --only disk-room
	line 'FAIL  disk-room     no room: '
	on node1 sh -c "umount /run/elsewhere; rm $dir"
}

@test "Secure Boot is what libvirt says of q35" {
	host --require secure-boot,uefi --only secure-boot,uefi
	assert_success
	line 'OK    secure-boot   there is firmware for Secure Boot'
}

@test "CPU_MODELS with CPU_FEATURES of kvmrc: libvirt compares each with the processor" {
	local rc=/var/tmp/one/etc/vmm/kvm/kvmrc
	on node1 sh -c "echo 'CPU_MODELS=\"qemu64\"' >>$rc"
	host --only cpu-models
	assert_success
	line 'OK    cpu-models    this host can run qemu64'
	on node1 sh -c "echo 'CPU_FEATURES=\"amx-int8\"' >>$rc"
	host --require cpu-models --only cpu-models
	on node1 sed -i /^CPU_/d $rc
	assert_failure 1
	line 'FAIL  cpu-models    KVM could not run CPU_MODELS with CPU_FEATURES of kvmrc here: qemu64: '
	[[ $output == *amx-int8* ]]
}

@test "nothing is changed: no file is opened for writing, made, renamed or removed, with all that can be asked" {
	on node1 strace -f -qq -e signal=none -o /run/trace -e trace=%file \
		env ASAN_OPTIONS=detect_leaks=0 $SET/host_check --type qemu --peer node2 --storage lvm:none,rbd:none >/dev/null || true
	on node1 grep -q 'libvirt-sock' /run/trace
	# ssh asks for a passphrase on /dev/tty, libvirt and ssh have pipes and sockets.
	run on node1 grep -E 'O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|(mkdir|unlink|rename|link|symlink|mknod|chmod|chown|truncate|mount|setxattr)(at2?)?\(' /run/trace
	output=$(grep -vE '"/dev/(null|kvm|tty)"|readlink|= -1 E' <<<"$output") || true
	assert_output ''
}
