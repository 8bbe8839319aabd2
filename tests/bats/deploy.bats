# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node
load fail

domain() {	# NAME NUMBER [DEVICES]
	cat <<-END
		<domain type='test'><name>$1</name><uuid>$(uuid "$2")</uuid>
		<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'>
		<one:system_datastore><![CDATA[$BATS_FILE_TMPDIR/file/0/$2]]></one:system_datastore></one:vm></metadata>
		<memory>65536</memory><os><type>hvm</type>${OS:+<loader type='pflash' readonly='yes'>/dev/null</loader>$OS}</os><devices>${3:-}</devices></domain>
	END
}

# deploy XML [OPTION...]
deploy() {
	run --separate-stderr -- "$REMOTES/deploy" "${@:2}" "$PWD/vm/deployment.0" host 9 host <<<"$1"
}

@test "deploy: prints the UUID and keeps the XML, for its owner only" {
	deploy "$(domain one-9 9)"
	assert_success
	assert_output "$(uuid 9)"
	[ "$(stat -c %a vm/deployment.0)" = 600 ]
	grep -q '<name>one-9</name>' vm/deployment.0
}

@test "deploy: a UUID that cannot be written is not exit 0; nor any other output" {
	domain one-9 9 >xml
	"$REMOTES/deploy" "$PWD/vm/deployment.0" host 9 host <xml >/dev/full 2>err || status=$?
	[ "$status" -eq 3 ]
	grep -q '^deploy: the action succeeded, but its result cannot be written: No space left on device \[no-space\]' err
	# Nobody reads it.
	status=0
	exec 5> >(true)
	wait $!
	"$REMOTES/deploy" --dry-run "$PWD/vm/deployment.0" host 9 host <xml >&5 2>err || status=$?
	exec 5>&-
	[ "$status" -eq 3 ]
	grep -q 'its result cannot be written: Broken pipe' err
	status=0
	"$REMOTES/deploy" --json "$PWD/vm/deployment.0" host 9 host <xml >/dev/full 2>err || status=$?
	[ "$status" -eq 3 ]
}

@test "deploy: the XML may be in base64" {
	deploy "$(domain one-9 9 | base64)"
	assert_success
	assert_output "$(uuid 9)"
}

@test "deploy: a VM that runs already succeeds, and nothing is written" {
	deploy "$(domain one-5 5)"
	assert_success
	assert_output "$(uuid 5)"
	[[ $stderr == *'INFO: deploy: domain one-5 runs already'* ]]
	[ ! -e vm ]
}

@test "deploy: a VM that a new libvirtd shows and then ends is not taken for one that runs" {
	local preload
	preload=$(preload_for "$BUILD/remotes/vmm/kvm/deploy" fail)
	run --separate-stderr env LD_PRELOAD="$preload" VMM_FAIL_HOW=ended "$REMOTES/deploy" "$PWD/vm/deployment.0" host 9 host <<<"$(domain one-5 5)"
	echo "$stderr"
	assert_success
	[[ $stderr != *'runs already'* ]]
	grep -q '<name>one-5</name>' vm/deployment.0
}

@test "deploy: another one of that name is an error" {
	deploy "$(domain one-5 9)"
	assert_failure 1
	[[ $(error_message) == 'deploy: cannot create domain one-5: another one of that name is running [exists] (hint: '* ]]
}

@test "deploy: --vm builds the domain itself, within what vmm_exec.cfg permits" {
	local vm='<VM><ID>9</ID><NAME>x</NAME><TEMPLATE><MEMORY>64</MEMORY><OS><ARCH>x86_64</ARCH><KERNEL>/srv/k</KERNEL></OS></TEMPLATE></VM>'
	export ONE_LOCATION=$PWD
	deploy "$vm" --vm --dry-run
	assert_failure 1
	[[ $(error_message) == "deploy: VM 9: OS/KERNEL = '/srv/k': a path of the host that domain.kernel_paths in vmm_exec.cfg does not allow [input]" ]]
	mkdir -p etc/vmm_exec
	echo 'domain: { kernel_paths = "/srv"; };' >etc/vmm_exec/vmm_exec.cfg
	deploy "$vm" --vm --dry-run
	assert_success
	[[ $output == *'<kernel>/srv/k</kernel>'* ]]
	echo 'domain: { kernel_paths = 1; };' >etc/vmm_exec/vmm_exec.cfg
	deploy "$vm" --vm --dry-run
	assert_failure 1
	[[ $(error_message) == *'domain.kernel_paths must be a "string"'* ]]
}

@test "deploy: --prepare makes the disks of a VM document, not of a domain" {
	deploy "$(domain one-9 9)" --prepare
	assert_failure 2
	[[ $(error_message) == 'deploy: --prepare needs --vm [usage]'* ]]
}

@test "deploy: XML that is not a domain is refused" {
	deploy ''
	assert_failure 1
	[ "$(error_message)" = "deploy: stdin: no domain XML [input] (hint: give the domain's XML, or with --vm a VM document)" ]
	deploy '<vm/>'
	assert_failure 1
	[ "$(error_message)" = 'deploy: stdin: not the XML of a domain but <vm> [input]' ]
	deploy '<domain><name>x</domain>'
	assert_failure 1
	[[ $(error_message) == 'deploy: stdin:2:1: '*'[input]' ]]
	run --separate-stderr bash -c "'$REMOTES/deploy' '$PWD/vm/deployment.0' 0<&-"
	assert_failure 1
}

@test "deploy: one level of a symbolic link is resolved, if its target exists" {
	mkdir vm
	touch vm/real
	ln -s real vm/disk.0
	ln -s nothing vm/disk.1
	ln -s real vm/other
	deploy "$(domain one-9 9 "
		<disk type='file'><source file='$PWD/vm/disk.0'/><target dev='vda'/></disk>
		<disk type='file' device='disk'><source file='$PWD/vm/disk.1'/><target dev='vdb'/></disk>
		<disk type='file' device='cdrom'><source file='$PWD/vm/disk.0'/><target dev='hdc'/></disk>
		<disk type='file' device='disk'><source file='$PWD/vm/other'/><target dev='vdd'/></disk>")"
	assert_success
	run grep -o 'file="[^"]*"' vm/deployment.0
	assert_output "file=\"$PWD/vm/real\"
file=\"$PWD/vm/disk.1\"
file=\"$PWD/vm/disk.0\"
file=\"$PWD/vm/other\""
}

@test "deploy: what the XML itself calls a backing file, and UEFI variables, lead nowhere either" {
	mkdir vm
	qemu-img create -q -f raw vm/disk.0 1M
	named() {	# BELOW-DISK
		domain one-9 9 "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$PWD/vm/disk.0'/><target dev='vda'/>$1</disk>"
	}
	deploy "$(named "<backingStore type='file'><format type='raw'/><source file='/etc/passwd'/></backingStore>")"
	assert_failure 1
	[[ $(error_message) == "deploy: disk vda: $PWD/vm/disk.0 is backed by /etc/passwd, which is not in a datastore of the VM [refused]"* ]]
	# The second of a chain, and a device.
	deploy "$(named "<backingStore type='file'><format type='raw'/><source file='$PWD/vm/disk.0'/>
		<backingStore type='block'><format type='raw'/><source dev='/dev/null'/></backingStore></backingStore>")"
	assert_failure 1
	[[ $(error_message) == *"$PWD/vm/disk.0 is backed by "* ]]
	IMAGE_BACKING_PATHS="$PWD/vm" deploy "$(named "<backingStore type='file'><format type='raw'/><source file='$PWD/vm/disk.0'/>
		<backingStore type='block'><format type='raw'/><source dev='/dev/null'/></backingStore></backingStore>")"
	assert_failure 1
	[[ $(error_message) == "deploy: disk vda: $PWD/vm/disk.0 is backed by /dev/null, "* ]]
	IMAGE_BACKING_PATHS="$PWD/vm" deploy "$(named "<backingStore type='file'><format type='raw'/><source file='$PWD/vm/disk.0'/><backingStore/></backingStore>")" --dry-run
	assert_success
	nvram() {	# ATTRIBUTES
		domain one-9 9 | sed "s|</type></os>|</type><loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram $1>$PWD/vm/vars.fd</nvram></os>|"
	}
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw vm/vars.fd 1M
	[[ $(nvram x) == *'<nvram'* ]]
	deploy "$(nvram "format='qcow2'")"
	assert_failure 1
	[[ $(error_message) == "deploy: os/nvram: $PWD/vm/vars.fd is backed by /etc/passwd, "*'[refused]'* ]]
	deploy "$(nvram "templateFormat='qcow2' template='$PWD/vm/vars.fd'")"
	assert_failure 1
	[[ $(error_message) == "deploy: os/nvram: $PWD/vm/vars.fd is backed by /etc/passwd, "* ]]
	deploy "$(nvram "")" --dry-run
	assert_success
}

@test "deploy: an image that leads out of the datastores is refused; IMAGE_CHECK and IMAGE_BACKING_PATHS take effect" {
	local backing
	mkdir vm other
	disk() {	# FORMAT
		domain one-9 9 "<disk type='file' device='disk'><driver name='qemu' type='$1'/><source file='$PWD/vm/disk.0'/><target dev='vda'/></disk>"
	}
	overlay() {	# BACKING
		qemu-img create -q -u -f qcow2 -b "$1" -F raw vm/disk.0 1M
	}
	overlay /etc/passwd
	deploy "$(disk qcow2)"
	assert_failure 1
	[ "$(error_message)" = "deploy: disk vda: $PWD/vm/disk.0 is backed by /etc/passwd, which is not in a datastore of the VM [refused] (hint: qemu-img rebase, or IMAGE_BACKING_PATHS in kvmrc)" ]
	[ ! -e vm/deployment.0 ]
	deploy "$(disk qcow2)" --dry-run
	assert_failure 1
	IMAGE_CHECK=warn deploy "$(disk qcow2)" --dry-run
	assert_success
	[[ $stderr == *"WARN: deploy: disk vda: $PWD/vm/disk.0 is backed by /etc/passwd, which is not in a datastore of the VM"* ]]
	IMAGE_CHECK=no deploy "$(disk qcow2)" --dry-run
	assert_success
	[[ $stderr != *passwd* ]]
	# What a guest wrote into its raw disk is not read.
	deploy "$(disk raw)" --dry-run
	assert_success

	for backing in 'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}' nbd://localhost/x; do
		overlay "$backing"
		deploy "$(disk qcow2)"
		assert_failure 1
		[[ $(error_message) == *"/disk.0 is backed by $backing, which is not a path [refused]"* ]]
	done
	rm vm/disk.0
	qemu-img create -q -f qcow2 -o data_file="$PWD/vm/data" vm/disk.0 1M
	deploy "$(disk qcow2)"
	assert_failure 1
	[[ $(error_message) == *"/disk.0 has its data in another file, $PWD/vm/data [refused]"* ]]
	deploy "$(disk vmdk)"
	assert_failure 1
	[[ $(error_message) == *'/disk.0 is declared as vmdk, but it is qcow2 [input]'* ]]

	truncate -s 1M other/base
	overlay "$PWD/other/base"
	deploy "$(disk qcow2)"
	assert_failure 1
	IMAGE_BACKING_PATHS="/srv $PWD/other" deploy "$(disk qcow2)" --dry-run
	assert_success
}

@test "deploy: chains as transfer drivers make them pass" {
	local store=$PWD/store
	mkdir -p "$store/0/9/disk.0.snap" mount
	ln -s "$PWD/mount" "$store/1"
	truncate -s 1M base.raw
	qemu-img convert -O qcow2 base.raw "$store/1/base"
	cd "$store/0/9"
	ln -s . disk.0.snap/disk.0.snap
	qemu-img create -q -f qcow2 -b "$store/1/base" -F qcow2 disk.0.snap/0
	qemu-img create -q -f qcow2 -b disk.0.snap/0 -F qcow2 disk.0.snap/1
	ln -s disk.0.snap/1 disk.0
	run --separate-stderr -- "$REMOTES/deploy" "$PWD/deployment.0" host 9 host <<<"$(domain one-9 9 "
		<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$PWD/disk.0'/><target dev='vda'/></disk>")"
	assert_success
	# Another VM's disk is no base.
	mkdir ../8
	cp "$store/1/base" ../8/disk.0
	qemu-img rebase -u -b "$store/0/8/disk.0" -F qcow2 disk.0.snap/0
	run --separate-stderr -- "$REMOTES/deploy" "$PWD/deployment.1" host 10 host <<<"$(domain one-10 4 "
		<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$PWD/disk.0'/><target dev='vda'/></disk>")"
	assert_failure 1
	[[ $(error_message) == "deploy: disk vda: $PWD/disk.0.snap/disk.0.snap/0 is backed by $store/0/8/disk.0, which is not in a datastore of the VM"* ]]
	qemu-img rebase -u -b "$store/1/base" -F qcow2 disk.0.snap/0
	# The last link of the chain is looked at, too.
	qemu-img rebase -u -b /etc/passwd -F raw "$store/1/base"
	run --separate-stderr -- "$REMOTES/deploy" "$PWD/deployment.0" host 9 host <<<"$(domain one-9 9 "
		<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$PWD/disk.0'/><target dev='vda'/></disk>")"
	assert_failure 1
	[[ $(error_message) == "deploy: disk vda: $store/1/base is backed by /etc/passwd, "* ]]
}

@test "deploy: UEFI variables are made once, from the template, for their owner only" {
	command -v qemu-img >/dev/null || skip 'no qemu-img'
	head -c 65536 /dev/urandom >template
	OVMF_NVRAM=$PWD/template deploy "$(OS="<nvram>$PWD/nv/vars</nvram>" domain one-9 9)"
	assert_success
	cmp template nv/vars
	[ "$(stat -c %a nv/vars)" = 600 ]
	echo mine >nv/vars
	OVMF_NVRAM=$PWD/template deploy "$(OS="<nvram>$PWD/nv/vars</nvram>" domain one-9 9)"
	assert_success
	[ "$(cat nv/vars)" = mine ]
	OVMF_NVRAM=$PWD/template deploy "$(OS="<nvram format='qcow2'>$PWD/nv/qcow2</nvram>" domain one-9 9)"
	assert_success
	[ "$(qemu-img info --output=json nv/qcow2 | jq -r .format)" = qcow2 ]
	[ "$(stat -c %a nv/qcow2)" = 600 ]
	[ "$(ls nv | wc -l)" -eq 2 ]
	OVMF_NVRAM=$PWD/missing deploy "$(OS="<nvram>$PWD/nv/other</nvram>" domain one-9 9)"
	assert_failure 1
	[[ $(error_message) == "deploy: cannot make the UEFI variables $PWD/nv/other: "*'(hint: see OVMF_NVRAM in kvmrc)' ]]
}

@test "deploy: UEFI variables are kept when the VM has another name" {
	mkdir vm
	echo mine >"vm/old name_VARS.fd"
	OVMF_NVRAM=$PWD/missing deploy "$(OS="<nvram>$PWD/vm/one-9_VARS.fd</nvram>" domain one-9 9)"
	assert_success
	[ "$(cat vm/one-9_VARS.fd)" = mine ]
	[ "$(ls vm)" = $'deployment.0\none-9_VARS.fd' ]
	mv vm/one-9_VARS.fd vm/a_VARS.fd
	cp vm/a_VARS.fd vm/b_VARS.fd
	OVMF_NVRAM=$PWD/missing deploy "$(OS="<nvram>$PWD/vm/one-9_VARS.fd</nvram>" domain one-9 9)"
	assert_failure 1
}

@test "deploy: UEFI variables that another VM has in a directory of many are not taken over" {
	command -v qemu-img >/dev/null || skip 'no qemu-img'
	head -c 65536 /dev/urandom >template
	mkdir nv
	echo theirs >nv/one-7_VARS.fd
	OVMF_NVRAM=$PWD/template deploy "$(OS="<nvram>$PWD/nv/one-9_VARS.fd</nvram>" domain one-9 9)"
	assert_success
	[ "$(cat nv/one-7_VARS.fd)" = theirs ]
	cmp template nv/one-9_VARS.fd
}

@test "deploy: of TPM_STATE only the one file is taken" {
	mkdir -p vm tpm
	echo state >tpm/tpm2-00.permall
	echo "<VM><USER_TEMPLATE><TPM_STATE>$(tar cz tpm | base64 -w 0)</TPM_STATE></USER_TEMPLATE></VM>" >vm/vm.xml
	deploy "$(domain one-9 9)"
	assert_success
	[ "$(cat vm/tpm/tpm2-00.permall)" = state ]
	[ "$(stat -c %a vm/tpm/tpm2-00.permall)" = 600 ]
	rm -r vm/tpm
	ln -s /etc/passwd tpm/link
	echo "<VM><USER_TEMPLATE><TPM_STATE>$(tar cz tpm | base64 -w 0)</TPM_STATE></USER_TEMPLATE></VM>" >vm/vm.xml
	deploy "$(domain one-9 9)"
	assert_failure 1
	[ "$(error_message)" = 'deploy: TPM_STATE: may hold tpm/tpm2-00.permall only [input]' ]
	[ ! -e vm/tpm ]
}

@test "deploy: a vGPU is made only when needed, and released when the domain cannot be" {
	mkdir -p vm fake remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/deploy" remotes/vmm/kvm/
	printf '#!/bin/sh\ncat >>"%s/log" <<END\n$*\nEND\n' "$PWD" >fake/sudo
	chmod +x fake/sudo
	echo "SUDO=$PWD/fake/sudo" >remotes/etc/vmm/kvm/kvmrc
	REMOTES=$PWD/remotes/vmm/kvm
	deploy "$(domain one-9 9)"
	assert_success
	[ ! -e log ]
	echo '<VM><TEMPLATE><PCI><UUID>u</UUID></PCI></TEMPLATE></VM>' >vm/vm.xml
	deploy "$(domain one-9 9 '<disk/>')"
	assert_failure 1
	[ "$(cat log)" = "-n $PWD/remotes/vgpu create $PWD/vm/vm.xml
-n $PWD/remotes/vgpu delete $PWD/vm/vm.xml" ]
}

@test "deploy: snapshots are registered, parents first, and failures are reported" {
	mkdir vm
	snapshot() {	# NAME PARENT
		echo "<domainsnapshot><name>$1</name><state>running</state>${2:+<parent><name>$2</name></parent>}<creationTime>1</creationTime><memory snapshot='no'/>$(domain one-9 1 )</domainsnapshot>"
	}
	snapshot a b >vm/snap-1.xml
	snapshot b >vm/snap-2.xml
	echo 'no XML' >vm/snap-3.xml
	deploy "$(domain one-9 9)"
	assert_success
	grep -q "<uuid>$(uuid 9)</uuid>" vm/snap-1.xml
	grep -q "<uuid>$(uuid 9)</uuid>" vm/snap-2.xml
	[[ $stderr == *"WARN: deploy: $PWD/vm/snap-3.xml:1:"* ]]
	[[ $stderr != *snap-1.xml* && $stderr != *snap-2.xml* ]]
}

@test "deploy: a snapshot whose parent was never written down is registered all the same" {
	mkdir vm
	for pair in "a lost" "b a"; do
		echo "<domainsnapshot><name>${pair% *}</name><state>running</state><parent><name>${pair#* }</name></parent><creationTime>1</creationTime><memory snapshot='no'/>$(domain one-9 1 )</domainsnapshot>" >"vm/snap-${pair% *}.xml"
	done
	deploy "$(domain one-9 9)"
	assert_success
	[[ $stderr != *WARN*snap-* ]]
	never grep -q '<parent>' vm/snap-a.xml
	grep -q '<parent><name>a</name></parent>' vm/snap-b.xml
}

@test "deploy: --dry-run changes nothing and shows no password" {
	deploy "$(domain one-9 9 "<graphics type='vnc' passwd='secret'/>")" --dry-run
	assert_success
	[[ $output == 'would create this domain:'*'<name>one-9</name>'* ]]
	[[ $output != *secret* ]]
	[ ! -e vm ]
}

@test "deploy: an unreachable libvirt" {
	deploy "$(domain one-9 9)" --connect "$NOWHERE"
	assert_failure 1
	[[ $(error_message) == *'[connection]'* ]]
	[ ! -e vm ]
}
