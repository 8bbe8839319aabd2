# SPDX-License-Identifier: Apache-2.0
# transfer.bats - TM_MAD = kvm_image as it is installed, between a front-end and a node with a real ssh between them; onevm and
# onedatastore print a file.
load lab
load driver

IMAGE=/var/lib/one/datastores/1/abc
DIR=/var/lib/one/datastores/0/7
TM=/var/lib/one/remotes/tm/kvm_image

setup_file() {
	load lab
	load driver
	lab_up 1
	driver_install node1
	lab_exec fe sh -c 'mkdir -p /srv/tm /var/lib/one/datastores/1
		printf "#!/bin/sh\ncat /srv/tm/vm.xml\n" >/usr/local/bin/onevm
		printf "#!/bin/sh\necho \"<DATASTORE><ID>0</ID><TEMPLATE/></DATASTORE>\"\n" >/usr/local/bin/onedatastore
		chmod +x /usr/local/bin/onevm /usr/local/bin/onedatastore'
	lab_exec fe sh -c "head -c 6M /dev/urandom >$IMAGE && truncate -s 100M $IMAGE"
	lab_exec fe sh -c 'cat >/srv/tm/vm.xml' <<-END
		<VM><ID>7</ID><LCM_STATE>7</LCM_STATE><TEMPLATE><MEMORY>64</MEMORY>
		<DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE><CLONE>NO</CLONE><SAVE>YES</SAVE><SOURCE>$IMAGE</SOURCE><FORMAT>raw</FORMAT><DRIVER>raw</DRIVER></DISK>
		<DISK><DISK_ID>1</DISK_ID><TYPE>fs</TYPE><SIZE>16</SIZE><FS>ext4</FS><DRIVER>qcow2</DRIVER></DISK></TEMPLATE>
		<HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HOSTNAME>node1</HOSTNAME><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>
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
