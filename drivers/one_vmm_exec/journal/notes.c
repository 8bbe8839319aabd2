/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/notes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "or_else.h"

/* A request larger than MAX_PAYLOAD is not noted: the disk has it some milliseconds later. */
enum { MODE = 0600, MODE_STEPS_MISSING = 0700 };
enum { MAX_NOTES = 64 << 20, MAX_PAYLOAD = 8 << 20, LARGE = 4 << 20 };
enum { FIELD_STATE = 3, FIELD_START = 22, NS_PER_SECOND = 1000000000 };
/* "request SEQ TIME ACTION VM DEPLOYMENT PAYLOAD" */
enum { WORD_SEQ = 1, WORD_TIME, WORD_ACTION, WORD_VM, WORD_DEPLOYMENT, WORD_PAYLOAD, WORDS };

struct notes {
	char *path;
	int fd;			/* -1: nothing can be noted */
	gsize size;		/* about */
	gsize renewed_size;	/* SIZE when they were last renewed */
	char *reader;		/* "PID START", who read the earlier driver; or NULL */
	GHashTable *arrived;	/* seq; of the earlier driver */
	GHashTable *processes;	/* seq to text; of the earlier driver */
	GHashTable *steps;	/* seq to struct noted_step; of the earlier drivers */
	GHashTable *cancelled;	/* seq; of the earlier driver */
	GHashTable *cancels;	/* seq; of ours: few, so all are kept */
	GHashTable *sent;	/* seq; of ours */
	GPtrArray *requests;	/* of struct row */
	guint64 spare_since;	/* see notes_spare_since() */
	bool missed_steps;	/* the earlier drivers did: see notes_step() */
	bool misses_steps;	/* we do */
};

guint64 notes_start_of(int pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	GString *text = file_read(path, 4096, NULL);
	const char *at = text ? strrchr(text->str, ')') : NULL;
	guint64 start = 0;

	if (at && (g_str_has_prefix(at, ") Z") || g_str_has_prefix(at, ") X")))
		at = NULL;

	for (int field = FIELD_STATE - 1; at && field < FIELD_START; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = g_ascii_strtoull(at + 1, NULL, 10);
	if (text)
		g_string_free(text, TRUE);

	return start;
}

guint64 notes_ticks(void)
{
	struct timespec now;
	guint64 ticks = (guint64)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &now);

	return (guint64)now.tv_sec * ticks + (guint64)now.tv_nsec * ticks / NS_PER_SECOND;
}

static char *our_reader(void)
{
	return g_strdup_printf("%d %" G_GUINT64_FORMAT, (int)getppid(), notes_start_of(getppid()));
}

static void add_seq(GHashTable *to, guint64 seq)
{
	g_hash_table_add(to, g_memdup2(&seq, sizeof(seq)));
}

static void take_request(Notes *n, char **word)
{
	g_autofree guchar *bytes = NULL;
	gint64 time_s, id;
	guint64 seq;
	struct row *row;
	gsize size;

	if (!number_unsigned(word[WORD_SEQ], 1, G_MAXUINT64, &seq, NULL))
		return;
	if (!number_signed(word[WORD_TIME], 0, G_MAXINT64, &time_s, NULL))
		return;
	if (!number_signed(word[WORD_VM], G_MININT64, G_MAXINT64, &id, NULL))
		return;
	row = row_new();
	row->seq = seq;
	row->accepted_s = time_s;
	row->action = g_intern_string(word[WORD_ACTION]);
	row->id = id;
	if (*word[WORD_DEPLOYMENT] == '-')
		row->deployment = NULL;
	else
		row->deployment = g_strdup(word[WORD_DEPLOYMENT]);
	bytes = g_base64_decode(word[WORD_PAYLOAD], &size);
	row->document = g_bytes_new(bytes, size);
	g_ptr_array_add(n->requests, row);
}

/* "process SEQ PID:START" */
static void take_process(Notes *n, guint64 seq, const char *process)
{
	const char *old = notes_processes(n, seq);
	char *text = old ? g_strconcat(old, " ", process, NULL) : g_strdup(process);

	g_hash_table_replace(n->processes, g_memdup2(&seq, sizeof(seq)), text);
}

static void noted_step_free(void *data)
{
	struct noted_step *s = data;

	g_free(s->plan);
	g_free(s);
}

/* "step SEQ PLAN STEP" */
static void take_step(Notes *n, guint64 seq, const char *plan, const char *number)
{
	struct noted_step *s;
	guint64 step;

	if (!number_unsigned(number, 0, G_MAXUINT, &step, NULL))
		return;

	s = g_new(struct noted_step, 1);
	*s = (struct noted_step){ g_strdup(plan), (guint)step };
	g_hash_table_replace(n->steps, g_memdup2(&seq, sizeof(seq)), s);
}

/* Replies to an oned that has ended did not reach the one that runs now. */
static void take_reader(Notes *n, const char *reader)
{
	if (g_strcmp0(n->reader, reader))
		g_hash_table_remove_all(n->arrived);

	g_free(n->reader);
	n->reader = g_strdup(reader);
}

static void take_note(Notes *n, const char *line)
{
	g_auto(GStrv) word = g_strsplit(line, " ", WORDS);
	guint count = g_strv_length(word);
	guint64 seq;

	if (count < 2)
		return;
	if (g_str_equal(word[0], "reader")) {
		take_reader(n, line + strlen("reader "));
	} else if (g_str_equal(word[0], "request") && count == WORDS) {
		take_request(n, word);
	} else if (g_str_equal(word[0], "kept")) {
		g_hash_table_remove_all(n->steps);
	} else if (number_unsigned(word[WORD_SEQ], 1, G_MAXUINT64, &seq, NULL)) {
		if (g_str_equal(word[0], "sent"))
			add_seq(n->arrived, seq);
		else if (g_str_equal(word[0], "unread"))
			g_hash_table_remove(n->arrived, &seq);
		else if (g_str_equal(word[0], "spare") && !n->spare_since)
			n->spare_since = seq;
		else if (g_str_equal(word[0], "cancel"))
			add_seq(n->cancelled, seq);
		else if (g_str_equal(word[0], "process") && count > 2)
			take_process(n, seq, word[2]);
		else if (g_str_equal(word[0], "step") && count > 3)
			take_step(n, seq, word[2], word[3]);
	}
}

static void read_notes(Notes *n)
{
	struct stat st;
	bool is_there = stat(n->path, &st) == 0;
	GString *text = file_read(n->path, MAX_NOTES, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text->str : "", "\n", -1);
	g_autofree char *reader = our_reader();

	for (char **line = lines; *line; line++)
		take_note(n, *line);
	take_reader(n, reader);
	n->missed_steps = is_there && st.st_mode & S_IXUSR;
	if (text)
		g_string_free(text, TRUE);
}

Notes *notes_open(const char *path)
{
	Notes *n = g_new0(Notes, 1);

	n->path = g_strdup(path);
	n->fd = -1;
	n->arrived = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	n->cancelled = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	n->cancels = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	n->processes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	n->steps = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, noted_step_free);
	n->sent = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	n->requests = g_ptr_array_new_with_free_func(row_free);
	read_notes(n);

	return n;
}

void notes_close(Notes *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);

	g_hash_table_unref(n->arrived);
	g_hash_table_unref(n->cancelled);
	g_hash_table_unref(n->cancels);
	g_hash_table_unref(n->processes);
	g_hash_table_unref(n->steps);
	g_hash_table_unref(n->sent);
	g_ptr_array_unref(n->requests);
	g_free(n->reader);
	g_free(n->path);
	g_free(n);
}

void notes_remove(Notes *n)
{
	unlink(n->path);
}

bool notes_arrived(const Notes *n, guint64 seq)
{
	return g_hash_table_contains(n->arrived, &seq);
}

const GPtrArray *notes_requests(const Notes *n)
{
	return n->requests;
}

const char *notes_processes(const Notes *n, guint64 seq)
{
	return g_hash_table_lookup(n->processes, &seq);
}

const struct noted_step *notes_step_of(const Notes *n, guint64 seq)
{
	return g_hash_table_lookup(n->steps, &seq);
}

/* Of a note that cannot be written whole the rest does no harm: it is no line. */
static bool write_note(Notes *n, const char *text, size_t len)
{
	if (n->fd < 0)
		return false;

	n->size += len;
	if (write(n->fd, text, len) == (ssize_t)len)
		return true;
	if (write(n->fd, "\n", 1) < 0)
		g_debug("cannot write %s", n->path);

	return false;
}

static void note_reader(Notes *n)
{
	g_autofree char *reader = our_reader();
	g_autofree char *line = g_strdup_printf("reader %s\n", reader);

	n->size = 0;
	write_note(n, line, strlen(line));
}

static void note(Notes *n, const char *what, guint64 seq)
{
	g_autofree char *line = g_strdup_printf("%s %" G_GUINT64_FORMAT "\n", what, seq);

	write_note(n, line, strlen(line));
}

static int open_notes(const char *path, int how)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | how, MODE);
}

void notes_begin(Notes *n)
{
	n->fd = open_notes(n->path, O_TRUNC);
	if (n->fd >= 0 && fchmod(n->fd, MODE) < 0)
		g_debug("cannot change %s", n->path);

	note_reader(n);
}

void notes_continue(Notes *n, guint64 last)
{
	n->fd = open_notes(n->path, 0);
	/* The last line may have been cut by the end of its driver. */
	write_note(n, "\n", 1);
	note_reader(n);
	note(n, "spare", last);
}

guint64 notes_spare_since(const Notes *n)
{
	return n->spare_since;
}

static char *new_path(const Notes *n)
{
	return g_strconcat(n->path, ".new", NULL);
}

void notes_request(Notes *n, const struct row *row, const char *payload)
{
	g_autofree char *line = NULL;

	if (strlen(payload) > MAX_PAYLOAD)
		return;

	line = g_strdup_printf("request %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s %"
			       G_GINT64_FORMAT " %s %s\n", row->seq, row->accepted_s, row->action,
			       row->id, or_else(row->deployment, "-"), payload);
	write_note(n, line, strlen(line));
}

bool notes_process(Notes *n, guint64 seq, const char *process)
{
	g_autofree char *line = g_strdup_printf("process %" G_GUINT64_FORMAT " %s\n", seq, process);

	return write_note(n, line, strlen(line));
}

void notes_step(Notes *n, guint64 seq, const char *plan, guint step)
{
	g_autofree char *line = g_strdup_printf("step %" G_GUINT64_FORMAT " %s %u\n", seq, plan,
						step);

	if (n->fd < 0 || write_note(n, line, strlen(line)))
		return;

	n->misses_steps = true;
	if (fchmod(n->fd, MODE_STEPS_MISSING) < 0)
		g_debug("cannot change %s", n->path);
}

bool notes_miss_steps(const Notes *n)
{
	return n->missed_steps;
}

bool notes_are_lost(const Notes *n)
{
	return n->fd < 0 || n->misses_steps;
}

void notes_steps_kept(Notes *n)
{
	static const char line[] = "kept -\n";

	write_note(n, line, strlen(line));
}

void notes_sent(Notes *n, guint64 seq)
{
	add_seq(n->sent, seq);
	note(n, "sent", seq);
}

void notes_cancel(Notes *n, guint64 seq)
{
	add_seq(n->cancels, seq);
	note(n, "cancel", seq);
}

bool notes_cancelled(const Notes *n, guint64 seq)
{
	return g_hash_table_contains(n->cancelled, &seq);
}

void notes_unread(Notes *n, guint64 seq)
{
	note(n, "unread", seq);
}

bool notes_are_large(const Notes *n)
{
	if (n->fd < 0)
		return false;

	return n->size > LARGE + 2 * n->renewed_size;
}

bool notes_renew(Notes *n, bool (*needed)(void *data, guint64 seq), void *data)
{
	g_autofree char *path = new_path(n);
	GHashTableIter iter;
	void *seq;
	int fd;

	fd = open_notes(path, O_TRUNC);
	if (fd < 0)
		return false;

	if (n->fd >= 0)
		close(n->fd);

	n->fd = fd;
	n->misses_steps = false;
	note_reader(n);
	g_hash_table_iter_init(&iter, n->sent);
	while (g_hash_table_iter_next(&iter, &seq, NULL))
		if (needed(data, *(guint64 *)seq))
			note(n, "sent", *(guint64 *)seq);
		else
			g_hash_table_iter_remove(&iter);

	g_hash_table_iter_init(&iter, n->cancels);
	while (g_hash_table_iter_next(&iter, &seq, NULL))
		note(n, "cancel", *(guint64 *)seq);

	return true;
}

void notes_renewed(Notes *n)
{
	g_autofree char *path = new_path(n);

	n->renewed_size = n->size;
	if (rename(path, n->path) < 0)
		g_debug("cannot rename %s", path);
}
