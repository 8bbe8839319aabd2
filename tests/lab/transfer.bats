# SPDX-License-Identifier: Apache-2.0
# transfer.bats - TM_MAD = kvm_image as it is installed, between a front-end and two nodes with a real ssh between them; onevm and
# onedatastore print a file.
load lab
load driver

IMAGE=/var/lib/one/datastores/1/abc
DIR=/var/lib/one/datastores/0/7
TM=/var/lib/one/remotes/tm/kvm_image

setup_file() {
	load lab
	load driver
	lab_up 2
	driver_install node1 node2
	lab_exec fe sh -c 'mkdir -p /srv/tm /var/lib/one/datastores/1
		printf "#!/bin/sh\ncat /srv/tm/vm.xml\n" >/usr/local/bin/onevm
		printf "#!/bin/sh\ncat /srv/tm/ds.xml\n" >/usr/local/bin/onedatastore
		chmod +x /usr/local/bin/onevm /usr/local/bin/onedatastore'
	lab_exec fe sh -c "head -c 6M /dev/urandom >$IMAGE && truncate -s 100M $IMAGE"
	vm node1
}

# vm NODE [STORAGE [DRIVER]]: what oned says of the VM and of its datastore.
vm() {
	lab_exec fe sh -c 'cat >/srv/tm/ds.xml' <<<"<DATASTORE><ID>0</ID><TEMPLATE><STORAGE>${2:-flat}</STORAGE></TEMPLATE></DATASTORE>"
	lab_exec fe sh -c 'cat >/srv/tm/vm.xml' <<-END
		<VM><ID>7</ID><LCM_STATE>7</LCM_STATE><TEMPLATE><MEMORY>64</MEMORY>
		<DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE><CLONE>NO</CLONE><SAVE>YES</SAVE><SOURCE>$IMAGE</SOURCE><FORMAT>raw</FORMAT><DRIVER>raw</DRIVER></DISK>
		<DISK><DISK_ID>1</DISK_ID><TYPE>fs</TYPE><SIZE>16</SIZE><FS>ext4</FS><DRIVER>qcow2</DRIVER></DISK>
		<DISK><DISK_ID>2</DISK_ID><TYPE>FILE</TYPE><CLONE>YES</CLONE><SOURCE>$IMAGE</SOURCE><FORMAT>raw</FORMAT><DRIVER>${3:-raw}</DRIVER></DISK></TEMPLATE>
		<HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HOSTNAME>$1</HOSTNAME><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>
	END
}

tm() { run lab_exec fe "$TM/$@"; }

done_() { [ "$status" -eq 0 ] || { echo "$output"; return 1; }; }

sum_on() { lab_exec "$1" sha256sum "$2" | cut -d ' ' -f 1; }

@test "TM_MAD kvm_image: an image goes through ssh to its host, comes back, and leaves nothing there" {
	tm ln "fe:$IMAGE" "node1:$DIR/disk.0" 7 1
	done_
	[ "$(sum_on fe "$IMAGE")" = "$(sum_on node1 "$DIR/disk.0")" ]
	tm mkimage 16 qcow2 "node1:$DIR/disk.1" 7 0
	done_
	lab_exec node1 sh -c "printf guest | dd of=$DIR/disk.0 bs=1 seek=70000000 conv=notrunc status=none"
	tm mvds "node1:$DIR/disk.0" "fe:$IMAGE" 7 1
	done_
	[ "$(sum_on fe "$IMAGE")" = "$(sum_on node1 "$DIR/disk.0")" ]
	[ "$(lab_exec fe stat -c %b "$IMAGE")" -lt 100000 ]
	tm delete "node1:$DIR" 7 0
	done_
	run lab_exec node1 ls -A /var/lib/one/datastores/0
	[ -z "$output" ]
}

@test "TM_MAD kvm_image: the connection ends while an image is on its way; nothing is left of it, and the next run is done" {
	local program=/var/tmp/one/vmm/kvm-image
	lab_exec node1 mv "$program" "$program.real"
	lab_exec node1 sh -c "cat >$program && chmod +x $program" <<-END
		#!/bin/sh
		head -c 1000000 | $program.real "\$@"
	END
	tm ln "fe:$IMAGE" "node1:$DIR/disk.0" 7 1
	[ "$status" -eq 1 ]
	[[ $output == *'what is received ends too early [connection]'* ]] || { echo "$output"; return 1; }
	run lab_exec node1 ls -A "$DIR"
	[ -z "$output" ]
	lab_exec node1 mv "$program.real" "$program"
	tm ln "fe:$IMAGE" "node1:$DIR/disk.0" 7 1
	done_
	[ "$(sum_on fe "$IMAGE")" = "$(sum_on node1 "$DIR/disk.0")" ]
	run lab_exec node1 ls -A "$DIR"
	[ "$output" = $'.kvm-image.disk.0.json\ndisk.0' ]
	tm delete "node1:$DIR" 7 0
	done_
}

sums_on() { lab_exec "$1" sh -c "cd $DIR && sha256sum disk.0 disk.1 checkpoint"; }

@test "TM_MAD kvm_image: a VM goes to another node, to the front-end and back; a receiver that is killed loses nothing" {
	local sums program=/var/tmp/one/vmm/kvm-image fe
	fe=$(lab_exec fe hostname)
	vm node1
	tm ln "fe:$IMAGE" "node1:$DIR/disk.0" 7 1
	done_
	tm mkimage 16 qcow2 "node1:$DIR/disk.1" 7 0
	done_
	lab_exec node1 sh -c "head -c 9M /dev/urandom >$DIR/checkpoint; echo '<VM/>' >$DIR/vm.xml"
	sums=$(sums_on node1)
	lab_exec node2 mv "$program" "$program.real"
	lab_exec node2 sh -c "cat >$program && chmod +x $program" <<-END
		#!/bin/sh
		case "\$*" in *receive*) ;; *) exec $program.real "\$@" ;; esac
		exec 3<&0
		$program.real "\$@" <&3 3<&- &
		sleep 0.1
		kill -KILL \$!
		exit 137
	END
	vm node2
	tm mv "node1:$DIR" "node2:$DIR" 7 0
	[ "$status" -eq 1 ]
	[ "$(sums_on node1)" = "$sums" ]
	lab_exec node2 mv "$program.real" "$program"
	tm mv "node1:$DIR" "node2:$DIR" 7 0
	done_
	[ "$(sums_on node2)" = "$sums" ]
	[ "$(lab_exec node2 stat -c %b "$DIR/disk.0")" -lt 100000 ]
	run lab_exec node1 ls -A /var/lib/one/datastores/0
	[ -z "$output" ]
	tm mv "node2:$DIR" "$fe:$DIR" 7 0
	done_
	[ "$(sums_on fe)" = "$sums" ]
	vm node1
	tm mv "$fe:$DIR" "node1:$DIR" 7 0
	done_
	[ "$(sums_on node1)" = "$sums" ]
	run lab_exec fe ls -A /var/lib/one/datastores/0
	[ -z "$output" ]
	run lab_exec node1 ls -A "$DIR"
	[ "$output" = $'.kvm-image.disk.0.json\n.kvm-image.disk.1.json\ncheckpoint\ndisk.0\ndisk.1\nvm.xml' ]
	tm delete "node1:$DIR" 7 0
	done_
}

@test "TM_MAD kvm_image: nodes that share the directory: nothing is moved and nothing is removed" {
	local DIR=/var/lib/one/shared/0/7 sum
	vm node1
	tm ln "fe:$IMAGE" "node1:$DIR/disk.0" 7 1
	done_
	sum=$(lab_exec node1 sh -c "cd $DIR && sha256sum disk.0; stat -c %i disk.0")
	vm node2
	tm mv "node1:$DIR" "node2:$DIR" 7 0
	done_
	[ "$(lab_exec node2 sh -c "cd $DIR && sha256sum disk.0; stat -c %i disk.0")" = "$sum" ]
	tm premigrate node1 node2 "$DIR" 7 0
	done_
	tm postmigrate node1 node2 "$DIR" 7 0
	done_
	tm delete "node2:$DIR" 7 0
	done_
	run lab_exec node1 ls -A /var/lib/one/shared/0
	[ "$output" != 7 ]
}

# A machine without an operating system starts at once; the disk has something that its base has not.
@test "TM_MAD kvm_image: a VM on an overlay migrates while it runs, with storage of the nodes' own; the disk is the VM's there" {
	vm node1 qcow2 qcow2
	tm clone "fe:$IMAGE" "node1:$DIR/disk.2" 7 1
	done_
	tm snap_create "node1:$DIR/disk.2" 0 7 1
	done_
	lab_exec node1 qemu-io -f qcow2 -c 'write -P 7 50M 3M' "$DIR/disk.2"
	lab_create node1 <<-END
		<domain type='$LAB_VIRTTYPE'><name>one-7</name>
		<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'><one:system_datastore>$DIR</one:system_datastore></one:vm></metadata>
		<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
		<devices><emulator>/usr/bin/qemu-kvm-one</emulator>
		<disk type='file'><driver name='qemu' type='qcow2'/><source file='$DIR/disk.2'/><target dev='vda' bus='virtio'/></disk></devices></domain>
	END
	tm snap_create "node1:$DIR/disk.2" 1 7 1
	[[ $output == *'another program has it open'*'[busy]'* ]]
	vm node2 qcow2 qcow2
	tm premigrate node1 node2 "$DIR" 7 0
	done_
	lab_exec node1 /var/tmp/one/vmm/kvm/migrate one-7 node2 node1 7 node1 <<-END
		<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$DIR</DISK_TARGET_PATH><VM><ID>7</ID><TEMPLATE/></VM>
		<DATASTORE><BASE_PATH>/var/lib/one/datastores//0</BASE_PATH><TEMPLATE><SHARED>NO</SHARED></TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>
	END
	tm postmigrate node1 node2 "$DIR" 7 0
	done_
	run lab_exec node1 ls -A /var/lib/one/datastores/0
	[ "$output" = .cache ]
	[ "$(lab_virsh node2 domstate one-7)" = running ]
	tm delete "node2:$DIR" 7 0
	[[ $output == *'another program has it open'*'[busy]'* ]]
	lab_virsh node2 destroy one-7
	lab_exec node2 sh -c "cp $DIR/.base.2 /srv/wanted && chmod 600 /srv/wanted && qemu-io -f raw -c 'write -P 7 50M 3M' /srv/wanted"
	lab_exec node2 qemu-img compare -q -f raw -F qcow2 /srv/wanted "$DIR/disk.2"
	lab_exec node2 qemu-img compare -q -f raw -F qcow2 "$DIR/.base.2" "$DIR/disk.2.snap.0"
	tm snap_revert "node2:$DIR/disk.2" 0 7 1
	done_
	tm delete "node2:$DIR" 7 0
	done_
	run lab_exec node2 ls -A /var/lib/one/datastores/0
	[ "$output" = .cache ]
}
