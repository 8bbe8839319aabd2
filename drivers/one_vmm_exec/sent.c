#include "sent.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"

enum { MAX_NOTES = 64 << 20, FIELD_STATE = 3, FIELD_START = 22 };

struct sent {
	char *path;
	int fd;			/* -1: nothing can be noted */
	bool empty;		/* but for the reader */
	char *reader;		/* "PID START", who read the earlier driver; or NULL */
	GHashTable *arrived;	/* seq */
};

guint64 sent_start_of(int pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	GString *text = file_read(path, 4096, NULL);
	const char *at = text ? strrchr(text->str, ')') : NULL;
	guint64 start = 0;

	for (int field = FIELD_STATE - 1; at && field < FIELD_START; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = g_ascii_strtoull(at + 1, NULL, 10);
	if (text)
		g_string_free(text, TRUE);
	return start;
}

static char *our_reader(void)
{
	return g_strdup_printf("%d %" G_GUINT64_FORMAT, (int)getppid(), sent_start_of(getppid()));
}

static void take_note(Sent *s, const char *line)
{
	guint64 seq;

	if (g_str_has_prefix(line, "reader ")) {
		g_free(s->reader);
		s->reader = g_strdup(line + strlen("reader "));
	} else if (g_str_has_prefix(line, "sent ") &&
		   number_unsigned(line + strlen("sent "), 1, G_MAXUINT64, &seq, NULL)) {
		g_hash_table_add(s->arrived, g_memdup2(&seq, sizeof(seq)));
	} else if (g_str_has_prefix(line, "unread ") &&
		   number_unsigned(line + strlen("unread "), 1, G_MAXUINT64, &seq, NULL)) {
		g_hash_table_remove(s->arrived, &seq);
	}
}

static void read_notes(Sent *s)
{
	GString *text = file_read(s->path, MAX_NOTES, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text->str : "", "\n", -1);
	g_autofree char *reader = our_reader();

	for (char **line = lines; *line; line++)
		take_note(s, *line);
	if (g_strcmp0(s->reader, reader))
		g_hash_table_remove_all(s->arrived);
	if (text)
		g_string_free(text, TRUE);
}

Sent *sent_open(const char *path)
{
	Sent *s = g_new0(Sent, 1);

	s->path = g_strdup(path);
	s->fd = -1;
	s->arrived = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	read_notes(s);
	return s;
}

void sent_close(Sent *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	g_hash_table_unref(s->arrived);
	g_free(s->reader);
	g_free(s->path);
	g_free(s);
}

bool sent_arrived(const Sent *s, guint64 seq)
{
	return g_hash_table_contains(s->arrived, &seq);
}

/* A note that cannot be written costs at worst a reply that is repeated. */
static void write_note(Sent *s, const char *text)
{
	size_t len = strlen(text);

	if (s->fd >= 0 && write(s->fd, text, len) != (ssize_t)len)
		g_debug("cannot write %s", s->path);
}

static void note_reader(Sent *s)
{
	g_autofree char *reader = our_reader();
	g_autofree char *line = g_strdup_printf("reader %s\n", reader);

	write_note(s, line);
	s->empty = true;
}

void sent_begin(Sent *s)
{
	s->fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		     0600);
	note_reader(s);
}

static void note(Sent *s, const char *what, guint64 seq)
{
	g_autofree char *line = g_strdup_printf("%s %" G_GUINT64_FORMAT "\n", what, seq);

	write_note(s, line);
	s->empty = false;
}

void sent_note(Sent *s, guint64 seq)
{
	note(s, "sent", seq);
}

void sent_note_unread(Sent *s, guint64 seq)
{
	note(s, "unread", seq);
}

void sent_forget_all(Sent *s)
{
	if (s->empty || s->fd < 0 || ftruncate(s->fd, 0) < 0)
		return;
	note_reader(s);
}
