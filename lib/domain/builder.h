/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builder.h - the state that all element builders share: the VM, facts that many of them need,
 * the problems found so far, and typed lookups in the VM.
 *
 * A builder never stops at a bad value: it records a problem, omits the value and continues, so
 * that one run reports all problems.
 */
#ifndef DOMAIN_BUILDER_H
#define DOMAIN_BUILDER_H

#include "domain/domain.h"

#define DOMAIN_PROBLEMS_MAX 20
#define DOMAIN_QUEUES_MAX 256
#define DOMAIN_SATA_PLACES 192	/* 32 controllers of 6 ports */

/* What a machine type is good for. */
enum domain_machine {
	DOMAIN_MACHINE_PC,
	DOMAIN_MACHINE_Q35,
	DOMAIN_MACHINE_VIRT,
	DOMAIN_MACHINE_OTHER
};

typedef struct domain_build {
	const TmplVm *vm;
	const struct domain_options *options;
	const struct domain_attach *attach;	/* NULL: a deployment */
	GPtrArray *warnings;		/* borrowed */
	GPtrArray *problems;		/* of char * */
	GPtrArray *raw;			/* borrowed nodes that RAW has put into the document */

	const char *id;			/* digits */
	const char *arch;		/* "" when unknown */
	const char *machine_name;	/* "" when unknown */
	enum domain_machine machine;
	char *directory;		/* of the VM on the host */
	const char *sd_bus;		/* bus of sd* disks */
	bool names_sd_bus;		/* it was asked for: it is written */
	guint64 vcpus;			/* current ones; 0 when not given */
	guint64 iothreads;
	guint64 next_iothread;		/* 1 to iothreads */
	guint64 memory_mib;
	bool pcie;			/* q35 or virt */
	bool validate;			/* RAW wants the document checked against the schema */
	guint n_sata;			/* SATA controllers that addresses name so far */
	guint64 places[DOMAIN_SATA_PLACES / 64];	/* bit N: place N of SATA or IDE is taken */
} DomainBuild;

/* Fills the facts above from VM. The caller clears it, whatever was noted. */
void domain_build_init(DomainBuild *b, const TmplVm *vm, const struct domain_options *options,
		       const struct domain_attach *attach, GPtrArray *warnings);
void domain_build_clear(DomainBuild *b);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DomainBuild, domain_build_clear)

/* False, with all problems in ERROR, when there are any. */
bool domain_build_check(const DomainBuild *b, GError **error);

/* Notes a problem with DEVICE (NULL: the VM). */
void domain_problem(DomainBuild *b, const TmplAttr *device, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* Notes a problem with the value HIT of PATH: "DISK 0: KEY = 'text' (place): REASON". */
void domain_bad_value(DomainBuild *b, const TmplAttr *device, const char *path,
		      const struct tmpl_hit *hit, const char *reason, ...) G_GNUC_PRINTF(5, 6);

/* Adds a warning: the domain is built nevertheless. */
void domain_warn(DomainBuild *b, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A host's libvirt must have WORD in its schemas; NULL, or these are unknown: be of SINCE. */
struct domain_gate {
	unsigned long since;
	const char *word;
};

#define GATE(version, word) ((struct domain_gate){ version, word })

bool domain_has_gate(const DomainBuild *b, struct domain_gate gate);

/*
 * Whether the host's libvirt has GATE; a problem with DEVICE when not: "WHAT needs a host with
 * libvirt 10.0.0 or later".
 */
bool domain_needs(DomainBuild *b, const TmplAttr *device, const char *what,
		  struct domain_gate gate);

/* "DISK 0", "NIC 1", "GRAPHICS"; the caller frees. */
char *domain_device_name(const TmplAttr *device);

/* The entry of WORDS that equals TEXT in any case; NULL with *REASON (caller frees) set. */
const char *domain_pick(const char *const *words, const char *text, char **reason);

struct number_range {
	guint64 min, max;
};

#define RANGE(least, most) ((struct number_range){ (least), (most) })

/*
 * Typed lookups in the VM (tmpl_vm_find()). Text: NULL when unset. Number: false when unset; true
 * with its least value, and a problem recorded, when it is no number in RANGE. Bool: false when
 * unset or invalid. Word: the entry of WORDS (NULL-terminated, lower case)
 * that equals the text in any case, NULL when unset or bad.
 */
const char *domain_text(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels);
bool domain_number(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
		   struct number_range range, guint64 *ret);
bool domain_bool(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels);
const char *domain_word(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
			const char *const *words);

/*
 * A queue count; "auto" is the number of vCPUs. False when unset, bad, or auto
 * of a VM that does not say how many vCPUs it has.
 */
bool domain_queues(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
		   guint64 *ret);

/* TEXT, or OTHERWISE when that is NULL. */
const char *domain_or(const char *text, const char *otherwise);

/* Makes element NAME below PARENT. */
xmlNode *domain_element(xmlNode *parent, const char *name);

/* The last child element of that name, made when missing. */
xmlNode *domain_child(xmlNode *parent, const char *name);

/* Whether XML can hold TEXT, for NODE; a problem when not. */
bool domain_check_text(DomainBuild *b, const xmlNode *node, const char *text);

/* Set an attribute, or the text of an element; what XML cannot hold is a problem. */
void domain_set(DomainBuild *b, xmlNode *node, const char *name, const char *value);
void domain_set_number(xmlNode *node, const char *name, guint64 value);
void domain_set_text(DomainBuild *b, xmlNode *node, const char *text);
xmlNode *domain_text_element(DomainBuild *b, xmlNode *parent, const char *name, const char *text);

/* NODE as indented text without an XML declaration. The caller frees. */
char *domain_print(const xmlNode *node);

#endif
