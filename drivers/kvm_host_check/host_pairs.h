/* SPDX-License-Identifier: Apache-2.0 */
/* host_pairs.h - whether a running guest can move from one host to another. */
#ifndef KVM_HOST_CHECK_HOST_PAIRS_H
#define KVM_HOST_CHECK_HOST_PAIRS_H

#include "host_answer.h"

struct host_pair {
	const char *from, *to;		/* borrowed from the answers */
	enum host_verdict verdict;
	char *found;			/* what stands in the way */
	char *hint;
};

/*
 * The two of ANSWERS whose clocks differ most, if it is much and for certain; with COMPARE also
 * what processors and machine types say, for each pair in which something stands in the way. ssh
 * and libvirt are check "peer" of each host. Of struct host_pair.
 */
GPtrArray *host_pairs_new(const GPtrArray *answers, bool compare);

#endif
