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
 * Lists, as struct host_pair, what keeps guests from moving between hosts of ANSWERS: the two hosts
 * whose clocks differ most, if the difference is large and certain; with COMPARE also each pair
 * whose processors or machine types do not fit. ssh and libvirt are not looked at here: each host's
 * own check "peer" does that.
 */
GPtrArray *host_pairs_new(const GPtrArray *answers, bool compare);

#endif
