#include "wire/journal.h"

#include "base/number.h"

enum { MAX_TOLD = 65536, WORDS = 6 };

/* What a text says: seq to struct wire_left, and marks. */
struct reading {
	GHashTable *left;
	GPtrArray *marks;
};

/* A line: its letter, its number, and the words behind that. */
struct record {
	char letter;
	guint64 seq;
	const char *word[WORDS];
	guint count;
};

static void left_free(void *data)
{
	struct wire_left *l = data;

	g_free(l->action);
	g_free(l->document);
	g_free(l->plan);
	g_free(l->told);
	g_array_unref(l->processes);
	g_free(l);
}

/* Splits LINE in place. False: it is no record. A mark has no number. */
static bool record_parse(char *line, struct record *ret)
{
	char *at = line + 1;

	*ret = (struct record){ .letter = *line };
	if (!*line || !strchr("ABPTZM", *line))
		return false;
	while (*at == ' ' && ret->count < WORDS) {
		*at++ = '\0';
		ret->word[ret->count++] = at;
		at += strcspn(at, " ");
	}
	if (*at || !ret->count)
		return false;
	return ret->letter == 'M' ? ret->count == 1 :
	       number_unsigned(ret->word[0], 1, G_MAXUINT64, &ret->seq, NULL);
}

static void take_accepted(struct reading *r, const struct record *c)
{
	struct wire_left *l;
	gint64 accepted_s, id;

	if (c->count != 5 || g_hash_table_contains(r->left, &c->seq) ||
	    !number_signed(c->word[1], 0, G_MAXINT64, &accepted_s, NULL) ||
	    !number_signed(c->word[3], G_MININT64, G_MAXINT64, &id, NULL))
		return;
	l = g_new0(struct wire_left, 1);
	l->seq = c->seq;
	l->accepted_s = accepted_s;
	l->action = g_strdup(c->word[2]);
	l->id = id;
	l->document = g_strdup(c->word[4]);
	l->processes = g_array_new(FALSE, FALSE, sizeof(struct wire_process));
	g_hash_table_insert(r->left, &l->seq, l);
}

static void take_step(struct wire_left *l, const struct record *c)
{
	guint64 step;

	if (c->count != 3 || !number_unsigned(c->word[1], 0, G_MAXUINT, &step, NULL))
		return;
	g_free(l->plan);
	l->plan = g_strdup(c->word[2]);
	l->step = (guint)step;
	g_array_set_size(l->processes, 0);
}

static void take_process(struct wire_left *l, const struct record *c)
{
	guint64 pid, start;

	if (c->count == 3 && number_unsigned(c->word[1], 1, G_MAXINT, &pid, NULL) &&
	    number_unsigned(c->word[2], 0, G_MAXUINT64, &start, NULL)) {
		const struct wire_process process = { (int)pid, start };

		g_array_append_val(l->processes, process);
	}
}

static void take_told(struct wire_left *l, const struct record *c)
{
	gsize size;
	guchar *told;

	if (c->count != 2)
		return;
	told = g_base64_decode(c->word[1], &size);
	g_free(l->told);
	l->told = g_strndup((const char *)told, MIN(size, MAX_TOLD));
	g_free(told);
}

static void take_line(struct reading *r, char *line)
{
	struct wire_left *l;
	struct record c;

	if (!record_parse(line, &c))
		return;
	l = c.seq ? g_hash_table_lookup(r->left, &c.seq) : NULL;
	if (c.letter == 'M') {
		g_ptr_array_add(r->marks, g_strdup(c.word[0]));
	} else if (c.letter == 'A') {
		take_accepted(r, &c);
	} else if (l && c.letter == 'B') {
		take_step(l, &c);
	} else if (l && c.letter == 'P') {
		take_process(l, &c);
	} else if (l && c.letter == 'T') {
		take_told(l, &c);
	} else if (l && c.letter == 'Z') {
		g_hash_table_remove(r->left, &c.seq);
		left_free(l);
	}
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
	const struct wire_left *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

/* A crash of the host may leave NULs. */
static void no_nuls(char *text, size_t len)
{
	for (char *nul = text; (nul = memchr(nul, '\0', len - (size_t)(nul - text)));)
		*nul = '\n';
}

void wire_journal_parse(char *text, size_t len, GPtrArray **ret_left, GPtrArray **ret_marks)
{
	struct reading r = {
		.left = g_hash_table_new(g_int64_hash, g_int64_equal),
		.marks = g_ptr_array_new_with_free_func(g_free),
	};
	const char *behind = text + len;
	GHashTableIter iter;
	void *left;
	char *end;

	*ret_left = g_ptr_array_new_with_free_func(left_free);
	no_nuls(text, len);
	for (; (end = memchr(text, '\n', (size_t)(behind - text))); text = end + 1) {
		*end = '\0';
		take_line(&r, text);
	}
	g_hash_table_iter_init(&iter, r.left);
	while (g_hash_table_iter_next(&iter, NULL, &left))
		g_ptr_array_add(*ret_left, left);
	g_ptr_array_sort(*ret_left, by_seq);
	g_hash_table_unref(r.left);
	*ret_marks = r.marks;
}

/* What wire_journal_copy_left() has at hand. */
struct copying {
	GHashTable *left;		/* numbers */
	FILE *to;
};

static void note_left(struct copying *c, const struct record *r)
{
	if (r->letter == 'A')
		g_hash_table_add(c->left, g_memdup2(&r->seq, sizeof(r->seq)));
	else if (r->letter == 'Z')
		g_hash_table_remove(c->left, &r->seq);
}

static void copy_left(struct copying *c, const struct record *r)
{
	if (r->letter != 'M' && !g_hash_table_contains(c->left, &r->seq))
		return;
	putc(r->letter, c->to);
	for (guint i = 0; i < r->count; i++)
		fprintf(c->to, " %s", r->word[i]);
	putc('\n', c->to);
}

/* Line by line: documents need not be in memory for it. */
static void each_record(FILE *from, void (*take)(struct copying *, const struct record *),
			struct copying *c)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, from)) > 0) {
		char *end = line + len;

		if (end[-1] == '\n')
			end[-1] = '\0';
		for (char *at = line, *nul; (nul = memchr(at, '\0', (size_t)(end - at)));
		     at = nul + 1) {
			struct record r;

			if (record_parse(at, &r))
				take(c, &r);
		}
	}
	free(line);
}

bool wire_journal_copy_left(FILE *from, FILE *to)
{
	g_autoptr(GHashTable) left = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
							   NULL);
	struct copying c = { .left = left, .to = to };

	each_record(from, note_left, &c);
	rewind(from);
	each_record(from, copy_left, &c);
	return !ferror(from) && fflush(to) == 0 && !ferror(to);
}

char *wire_journal_mark(const char *mark)
{
	return g_strdup_printf("M %s\n", mark);
}

char *wire_journal_accepted(guint64 seq, gint64 time_s, const char *action, gint64 id,
			    const char *document)
{
	return g_strdup_printf("A %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT
			       " %s\n", seq, time_s, action, id, document);
}

char *wire_journal_step(guint64 seq, guint step, const char *plan)
{
	return g_strdup_printf("B %" G_GUINT64_FORMAT " %u %s\n", seq, step, plan);
}

char *wire_journal_process(guint64 seq, const struct wire_process *process)
{
	return g_strdup_printf("P %" G_GUINT64_FORMAT " %d %" G_GUINT64_FORMAT "\n", seq,
			       process->pid, process->start);
}

char *wire_journal_told(guint64 seq, const char *told)
{
	g_autofree char *text = g_base64_encode((const guchar *)told,
						MIN(strlen(told), MAX_TOLD));

	return g_strdup_printf("T %" G_GUINT64_FORMAT " %s\n", seq, text);
}

char *wire_journal_ended(guint64 seq, gint64 time_s, const char *how)
{
	return g_strdup_printf("Z %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", seq, time_s,
			       how);
}
