/* journal - what a crash may leave of one: dropping what has ended loses nothing else, and what was
 * understood is written as it was read. */
#include "wire/journal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char *lines_of(const struct wire_left *l)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *accepted = wire_journal_accepted(l->seq, l->accepted_s, l->action, l->id,
							  l->document);

	g_string_append(text, accepted);
	if (l->plan) {
		g_autofree char *step = wire_journal_step(l->seq, l->step, l->plan);

		g_string_append(text, step);
	}
	for (guint i = 0; i < l->processes->len; i++) {
		g_autofree char *process = wire_journal_process(
			l->seq, &g_array_index(l->processes, struct wire_process, i));

		g_string_append(text, process);
	}
	if (l->told) {
		g_autofree char *told = wire_journal_told(l->seq, l->told);

		g_string_append(text, told);
	}
	return g_strdup(text->str);
}

/* All that TEXT (LEN bytes, changed) leaves, as lines. */
static GString *left_of(char *text, size_t len)
{
	g_autoptr(GPtrArray) left = NULL;
	g_autoptr(GPtrArray) marks = NULL;
	GString *all = g_string_new(NULL);

	wire_journal_parse(text, len, &left, &marks);
	for (guint i = 0; i < marks->len; i++) {
		g_autofree char *mark = wire_journal_mark(g_ptr_array_index(marks, i));

		g_string_append(all, mark);
	}
	for (guint i = 0; i < left->len; i++) {
		g_autofree char *lines = lines_of(g_ptr_array_index(left, i));

		g_string_append(all, lines);
	}
	return all;
}

static GString *copied(const unsigned char *data, size_t size)
{
	FILE *from = size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "r");
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	GString *copy;

	g_assert(from && to && wire_journal_copy_left(from, to));
	fclose(from);
	fclose(to);
	copy = g_string_new_len(text, (gssize)len);
	free(text);
	return copy;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_memdup2(data, size);	/* so that ASan sees its end */
	g_autoptr(GString) copy = copied(data, size);
	g_autoptr(GString) left = left_of(text, size);
	g_autoptr(GString) still_left = left_of(copy->str, copy->len);
	g_autofree char *again = g_strdup(left->str);
	g_autoptr(GString) reread = left_of(again, left->len);

	g_assert_cmpstr(left->str, ==, still_left->str);
	g_assert_cmpstr(left->str, ==, reread->str);
	return 0;
}
