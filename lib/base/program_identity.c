/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program_identity.h"

#include <elf.h>
#include <link.h>

/* Where its sections are said is not loaded with a meaning; strip(1) changes it. */
static void add_header(GChecksum *sum, const ElfW(Ehdr) *file)
{
	ElfW(Ehdr) header = *file;

	header.e_shoff = 0;
	header.e_shnum = 0;
	header.e_shstrndx = 0;
	g_checksum_update(sum, (const guchar *)&header, sizeof(header));
}

/* False: the part is not wholly in the file. */
static bool add_part(GChecksum *sum, const guchar *data, gsize size, const ElfW(Phdr) *part)
{
	gsize begin = MAX(part->p_offset, sizeof(ElfW(Ehdr)));
	gsize end = part->p_offset + part->p_filesz;

	if (part->p_offset > size || part->p_filesz > size - part->p_offset)
		return false;
	if (end > begin)
		g_checksum_update(sum, data + begin, (gssize)(end - begin));

	return true;
}

static bool add_parts(GChecksum *sum, const guchar *data, gsize size)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)data;
	gsize table = (gsize)header->e_phnum * sizeof(ElfW(Phdr));

	if (header->e_phentsize != sizeof(ElfW(Phdr)))
		return false;
	if (header->e_phoff > size || table > size - header->e_phoff)
		return false;

	add_header(sum, header);
	g_checksum_update(sum, data + header->e_phoff, (gssize)table);

	for (unsigned i = 0; i < header->e_phnum; i++) {
		ElfW(Phdr) part;

		memcpy(&part, data + header->e_phoff + i * sizeof(part), sizeof(part));
		if (part.p_type == PT_LOAD && !add_part(sum, data, size, &part))
			return false;
	}

	return true;
}

static bool is_program(const guchar *data, gsize size)
{
	const unsigned char class = sizeof(ElfW(Addr)) == 8 ? ELFCLASS64 : ELFCLASS32;

	if (size < sizeof(ElfW(Ehdr)))
		return false;
	if (memcmp(data, ELFMAG, SELFMAG) != 0)
		return false;

	return data[EI_CLASS] == class;
}

char *program_identity(const char *path, GError **error)
{
	g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const guchar *data;
	gsize size;

	if (!file)
		return NULL;

	data = (const guchar *)g_mapped_file_get_contents(file);
	size = g_mapped_file_get_length(file);
	if (!is_program(data, size) || !add_parts(sum, data, size)) {
		vmm_fail(error, VMM_ERROR_INPUT, "%s is no program of this machine", path);
		return NULL;
	}

	return g_strdup(g_checksum_get_string(sum));
}
