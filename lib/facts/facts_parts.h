/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts_parts.h - what the files of this room share: reading below a directory that stands for /,
 * and the parts that facts_new() is made of. Each part fills its fields of FACTS.
 */
#ifndef FACTS_FACTS_PARTS_H
#define FACTS_FACTS_PARTS_H

#include "facts/host_facts.h"

/* TEXT, kept as long as FACTS; NULL for NULL. */
const char *facts_keep(HostFacts *facts, const char *text);

/* Joins WORD to *LIST, unless it is there. */
void facts_add(HostFacts *facts, const char **list, const char *word);

/* PATH below ROOT (NULL: /). The caller frees. */
char *facts_path(const char *root, const char *path);

/* The text of PATH, trimmed; NULL when it cannot be read. The caller frees. */
char *facts_text(const char *root, const char *path);

/* As facts_text(), kept by FACTS. */
const char *facts_line(HostFacts *facts, const char *root, const char *path);

/* Whether PATH is there. */
bool facts_there(const char *root, const char *path);

/* As facts_there(), and true for a link that leads nowhere: below a root it often does. */
bool facts_is_link(const char *root, const char *path);

/* The setting NAME = "value" of libvirt's FILE; NULL: it has none. The caller frees. */
char *facts_setting(const char *root, const char *file, const char *name);

/* Names in directory PATH that begin with PREFIX, sorted, perhaps none. g_strfreev(). */
char **facts_names(const char *root, const char *path, const char *prefix);

/* The value of "KEY : value" in TEXT, blanks around the colon allowed. The caller frees. */
char *facts_field(const char *text, const char *key);

void facts_read_cpu(HostFacts *facts, const struct facts_source *source);
void facts_read_modules(HostFacts *facts, const struct facts_source *source);
void facts_read_devices(HostFacts *facts, const struct facts_source *source);
void facts_read_system(HostFacts *facts, const struct facts_source *source);
void facts_read_firmware(HostFacts *facts, const struct facts_source *source);
void facts_read_room(HostFacts *facts, const struct facts_source *source);
void facts_read_storage(HostFacts *facts, const struct facts_source *source);

/* Logs in to each peer by ssh, several at a time. */
void facts_read_peers(HostFacts *facts, const struct facts_source *source);
void facts_read_descriptors(HostFacts *facts, const char *root);

/* Asks the libvirt of each peer that ssh reaches, several at a time. */
void facts_ask_peers(HostFacts *facts, const struct facts_source *source);

bool facts_read_libvirt(HostFacts *facts, const struct facts_source *source, GError **error);
bool facts_read_vm(HostFacts *facts, const char *root, const char *file, GError **error);

/* Reads the two documents of libvirt, each NULL when it is not known. */
bool facts_read_documents(HostFacts *facts, const struct facts_source *source,
			  const char *capabilities, const char *domcapabilities, GError **error);

/*
 * Runs ARGV; the reason why it failed as one line, or NULL when it ended with status 0: then
 * RET_OUTPUT (or NULL) is what it printed. The caller frees both.
 */
char *facts_run(const char *const *argv, unsigned limit_ms, char **ret_output);

/* Adds the features of element CPU, which may be NULL. */
void facts_read_features(HostFacts *facts, const char *cpu);

#endif
