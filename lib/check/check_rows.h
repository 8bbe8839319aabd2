/* SPDX-License-Identifier: Apache-2.0 */
/* check_rows.h - the tables of checks by subject, and the conditions that they share. */
#ifndef CHECK_CHECK_ROWS_H
#define CHECK_CHECK_ROWS_H

#include "check/check.h"

struct check_table {
	const struct check_row *rows;
	size_t n;
};

extern const struct check_table check_kvm, check_libvirt, check_secure, check_system, check_vm;

/* TEXT with its words in braces replaced. The caller frees. */
char *check_fill(const char *text, const struct check_view *v);

/* A VM was really made with /dev/kvm. */
bool check_kvm_works(const struct check_view *v);

/* "kvm_amd": the module that the host's processor needs; NULL: none, or unknown. Static. */
const char *check_vendor_module(const struct check_view *v);

/* Whether a parameter of a module is on; NULL is not. */
bool check_is_on(const char *parameter);

/* The first size in KiB of huge pages that no hugetlbfs is mounted for; 0: none. */
guint64 check_unmounted_pages(const struct check_view *v);

/* Whether libvirt's domain capabilities are known. */
bool check_has_domain(const struct check_view *v);

#endif
