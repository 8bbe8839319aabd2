#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"

enum { MAX_JOURNALS = 16, SYNC_MS = 500, MAX_READ = 1 << 30, MAX_TOLD = 65536 };

struct journal {
	char *path;
	int fd;
	gsize size, max_bytes;
	gsize full;		/* the size at which what has ended is dropped */
	guint64 next_seq;
	GPtrArray *left, *marks;
	guint timer;		/* source id: fdatasync() is due */
};

/* What a file says: seq to struct journal_left, and marks. */
struct reading {
	GHashTable *left;
	GPtrArray *marks;
};

static void left_free(void *data)
{
	struct journal_left *l = data;

	g_free(l->action);
	g_free(l->document);
	g_free(l->plan);
	g_free(l->told);
	g_array_unref(l->pids);
	g_free(l);
}

static gboolean on_sync(gpointer data)
{
	Journal *j = data;

	j->timer = 0;
	fdatasync(j->fd);
	return G_SOURCE_REMOVE;
}

/* A full disk must not stop the VMs: what cannot be written is not kept. */
static void put(Journal *j, const char *text, gsize len)
{
	ssize_t n = write(j->fd, text, len);

	if (n < 0 || (gsize)n != len)
		g_debug("cannot write %s: %s", j->path, g_strerror(errno));
	j->size += n > 0 ? (gsize)n : 0;
	if (!j->timer)
		j->timer = g_timeout_add(SYNC_MS, on_sync, j);
}

/* The start time of PID, field 22 of its stat; 0: there is none. */
static guint64 start_of(int pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	GString *text = file_read(path, 4096, NULL);
	const char *at = text ? strrchr(text->str, ')') : NULL;
	guint64 start = 0;

	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = g_ascii_strtoull(at + 1, NULL, 10);
	if (text)
		g_string_free(text, TRUE);
	return start;
}

void journal_kill(const struct journal_left *l)
{
	for (guint i = 0; i < l->pids->len; i++) {
		const struct journal_pid *p = &g_array_index(l->pids, struct journal_pid, i);

		if (p->pid > 1 && p->start && start_of(p->pid) == p->start)
			kill(-p->pid, SIGKILL);
	}
}

static void take_accepted(struct reading *r, guint64 seq, char **w)
{
	struct journal_left *l;

	if (g_strv_length(w) != 6 || g_hash_table_contains(r->left, &seq))
		return;
	l = g_new0(struct journal_left, 1);
	l->seq = seq;
	l->accepted_s = g_ascii_strtoll(w[2], NULL, 10);
	l->action = g_strdup(w[3]);
	l->id = g_ascii_strtoll(w[4], NULL, 10);
	l->document = g_strdup(w[5]);
	l->pids = g_array_new(FALSE, FALSE, sizeof(struct journal_pid));
	g_hash_table_insert(r->left, &l->seq, l);
}

static void take_told(struct journal_left *l, const char *text)
{
	gsize size;
	guchar *told = g_base64_decode(text, &size);

	g_free(l->told);
	l->told = g_strndup((const char *)told, MIN(size, MAX_TOLD));
	g_free(told);
}

/* A record about a request that is known. What makes no sense is passed over: a crash cut it. */
static void take_record(struct reading *r, struct journal_left *l, char **w)
{
	guint n = g_strv_length(w);

	if (w[0][0] == 'B' && n == 4) {
		g_free(l->plan);
		l->plan = g_strdup(w[3]);
		l->step = (guint)g_ascii_strtoull(w[2], NULL, 10);
		g_array_set_size(l->pids, 0);
	} else if (w[0][0] == 'P' && n == 4) {
		const struct journal_pid p = { (int)g_ascii_strtoll(w[2], NULL, 10),
					       g_ascii_strtoull(w[3], NULL, 10) };

		g_array_append_val(l->pids, p);
	} else if (w[0][0] == 'T' && n == 3) {
		take_told(l, w[2]);
	} else if (w[0][0] == 'Z') {
		g_hash_table_remove(r->left, &l->seq);
		left_free(l);
	}
}

static void take_line(struct reading *r, const char *line)
{
	g_auto(GStrv) w = g_strsplit(line, " ", 7);
	struct journal_left *l;
	guint64 seq;

	if (!w[0] || !w[0][0] || w[0][1] || !w[1])
		return;
	if (w[0][0] == 'M') {
		g_ptr_array_add(r->marks, g_strdup(w[1]));
		return;
	}
	if (!number_unsigned(w[1], 1, G_MAXUINT64, &seq, NULL))
		return;
	l = g_hash_table_lookup(r->left, &seq);
	if (w[0][0] == 'A')
		take_accepted(r, seq, w);
	else if (l)
		take_record(r, l, w);
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
	const struct journal_left *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

void journal_parse(char *text, GPtrArray **ret_left, GPtrArray **ret_marks)
{
	struct reading r = {
		.left = g_hash_table_new(g_int64_hash, g_int64_equal),
		.marks = g_ptr_array_new_with_free_func(g_free),
	};
	GHashTableIter iter;
	void *left;
	char *end;

	*ret_left = g_ptr_array_new_with_free_func(left_free);
	for (; (end = strchr(text, '\n')); text = end + 1) {	/* only whole lines count */
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

static bool read_journal(const char *path, GPtrArray **ret_left, GPtrArray **ret_marks,
			 GError **error)
{
	GString *text = file_read(path, MAX_READ, error);

	if (!text)
		return false;
	for (gsize i = 0; i < text->len; i++)	/* a crash of the host may leave NULs */
		if (!text->str[i])
			text->str[i] = '\n';
	journal_parse(text->str, ret_left, ret_marks);
	g_string_free(text, TRUE);
	return true;
}

static bool open_file(Journal *j, const char *dir, GError **error)
{
	for (int i = 0; i < MAX_JOURNALS; i++) {
		g_autofree char *path = g_strdup_printf("%s/journal.%d", dir, i);
		int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return vmm_fail_errno(error, errno, "cannot open %s", path);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			j->fd = fd;
			j->path = g_steal_pointer(&path);
			return true;
		}
		close(fd);
	}
	return vmm_fail(error, VMM_ERROR_BUSY, "all journals of %s are in use", dir);
}

Journal *journal_open(const char *dir, gsize max_bytes, GError **error)
{
	Journal *j;

	if (!file_make_directory(dir, error))
		return NULL;
	j = g_new0(Journal, 1);
	if (!open_file(j, dir, error) || !read_journal(j->path, &j->left, &j->marks, error)) {
		journal_close(j);
		return NULL;
	}
	j->max_bytes = j->full = max_bytes;
	/* A line that a crash cut must not swallow the next. */
	put(j, "\n", 1);
	j->next_seq = (guint64)g_get_real_time();
	return j;
}

void journal_close(Journal *j)
{
	if (!j)
		return;
	if (j->timer)
		g_source_remove(j->timer);
	if (j->path) {
		fdatasync(j->fd);
		close(j->fd);
	}
	if (j->left)
		g_ptr_array_unref(j->left);
	if (j->marks)
		g_ptr_array_unref(j->marks);
	g_free(j->path);
	g_free(j);
}

GPtrArray *journal_left(Journal *j)
{
	return j ? j->left : NULL;
}

GPtrArray *journal_marks(Journal *j)
{
	return j ? j->marks : NULL;
}

/* The number of the request that LINE is about; 0: of none. */
static guint64 seq_of(const char *line)
{
	return line[0] && line[1] == ' ' ? g_ascii_strtoull(line + 2, NULL, 10) : 0;
}

static void note_live(GHashTable *live, const char *line)
{
	guint64 seq = seq_of(line);

	if (line[0] == 'A' && seq)
		g_hash_table_add(live, g_memdup2(&seq, sizeof(seq)));
	else if (line[0] == 'Z')
		g_hash_table_remove(live, &seq);
}

/* Line by line: documents need not be in memory for it. False: TO could not be written. */
static bool copy_live(FILE *from, FILE *to)
{
	g_autoptr(GHashTable) live = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
							   NULL);
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (getline(&line, &size, from) > 0)
		note_live(live, line);
	rewind(from);
	while ((len = getline(&line, &size, from)) > 0) {
		guint64 seq = seq_of(line);

		if (line[0] == 'M' || g_hash_table_contains(live, &seq))
			fwrite(line, 1, (size_t)len, to);
	}
	free(line);
	return !ferror(to) && fflush(to) == 0;
}

/* Drops what has ended. The new file is ours before it has the name. */
static void compact(Journal *j)
{
	g_autofree char *path = g_strconcat(j->path, ".new", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *from = fopen(j->path, "re"), *to = fd >= 0 ? fdopen(dup(fd), "a") : NULL;
	struct stat st;

	if (from && to && flock(fd, LOCK_EX | LOCK_NB) == 0 && copy_live(from, to) &&
	    fstat(fd, &st) == 0 && fdatasync(fd) == 0 && rename(path, j->path) == 0) {
		close(j->fd);
		j->fd = fd;
		fd = -1;
		j->size = (gsize)st.st_size;
	}
	if (from)
		fclose(from);
	if (to)
		fclose(to);
	if (fd >= 0)
		close(fd);
	j->full = MAX(j->max_bytes, 2 * j->size);
}

static void put_line(Journal *j, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void put_line(Journal *j, const char *format, ...)
{
	g_autofree char *line = NULL;
	va_list ap;

	va_start(ap, format);
	line = g_strdup_vprintf(format, ap);
	va_end(ap);
	put(j, line, strlen(line));
	if (j->size > j->full)
		compact(j);
}

void journal_mark(Journal *j, const char *mark)
{
	if (j)
		put_line(j, "M %s\n", mark);
}

guint64 journal_accept(Journal *j, const char *action, gint64 id, const char *document)
{
	if (!j)
		return 0;
	j->next_seq++;
	put_line(j, "A %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %s\n",
		 j->next_seq, g_get_real_time() / G_USEC_PER_SEC, action, id, document);
	return j->next_seq;
}

void journal_step(Journal *j, guint64 seq, const char *plan, guint step)
{
	if (j && seq)
		put_line(j, "B %" G_GUINT64_FORMAT " %u %s\n", seq, step, plan);
}

void journal_pid(Journal *j, guint64 seq, int pid)
{
	if (j && seq)
		put_line(j, "P %" G_GUINT64_FORMAT " %d %" G_GUINT64_FORMAT "\n", seq, pid,
			 start_of(pid));
}

void journal_told(Journal *j, guint64 seq, const char *told)
{
	g_autofree char *text = g_base64_encode((const guchar *)told,
						MIN(strlen(told), MAX_TOLD));

	if (j && seq)
		put_line(j, "T %" G_GUINT64_FORMAT " %s\n", seq, text);
}

void journal_end(Journal *j, guint64 seq, const char *how)
{
	if (j && seq)
		put_line(j, "Z %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", seq,
			 g_get_real_time() / G_USEC_PER_SEC, how);
}

static bool print_file(const char *path, GError **error)
{
	g_autoptr(GPtrArray) left = NULL;
	g_autoptr(GPtrArray) marks = NULL;

	if (!read_journal(path, &left, &marks, error))
		return false;
	printf("%s: %u not ended\n", path, left->len);
	for (guint i = 0; i < left->len; i++) {
		const struct journal_left *l = g_ptr_array_index(left, i);
		g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(l->accepted_s);
		g_autofree char *when = time ? g_date_time_format(time, "%F %T") : g_strdup("?");

		printf("%s VM %" G_GINT64_FORMAT " %s: ", when, l->id, l->action);
		if (l->plan)
			printf("step %u of %s\n", l->step + 1, l->plan);
		else
			puts("waits");
	}
	return true;
}

bool journal_print(const char *dir, GError **error)
{
	for (int i = 0; i < MAX_JOURNALS; i++) {
		g_autofree char *path = g_strdup_printf("%s/journal.%d", dir, i);

		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			return i > 0 || (puts("no journal"), true);
		if (!print_file(path, error))
			return false;
	}
	return true;
}
