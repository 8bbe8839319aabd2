#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { MAX_JOURNALS = 16, SYNC_MS = 500, MAX_READ = 1 << 30 };

struct journal {
	char *path;
	int fd;
	gsize size, max_bytes;
	gsize full;		/* the size at which what has ended is dropped */
	guint64 next_seq;
	GPtrArray *left, *marks;
	guint timer;		/* source id: fdatasync() is due */
};

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

void journal_kill(const struct wire_left *l)
{
	for (guint i = 0; i < l->processes->len; i++) {
		const struct wire_process *p = &g_array_index(l->processes, struct wire_process,
							      i);

		if (p->pid > 1 && p->start && start_of(p->pid) == p->start)
			kill(-p->pid, SIGKILL);
	}
}

static bool read_journal(const char *path, GPtrArray **ret_left, GPtrArray **ret_marks,
			 GError **error)
{
	GString *text = file_read(path, MAX_READ, error);

	if (!text)
		return false;
	wire_journal_parse(text->str, text->len, ret_left, ret_marks);
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

/* Drops what has ended. The new file is ours before it has the name. */
static void compact(Journal *j)
{
	g_autofree char *path = g_strconcat(j->path, ".new", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *from = fopen(j->path, "re"), *to = fd >= 0 ? fdopen(dup(fd), "a") : NULL;
	struct stat st;

	if (from && to && flock(fd, LOCK_EX | LOCK_NB) == 0 && wire_journal_copy_left(from, to) &&
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

/* Takes LINE. */
static void put_line(Journal *j, char *line)
{
	put(j, line, strlen(line));
	g_free(line);
	if (j->size > j->full)
		compact(j);
}

void journal_mark(Journal *j, const char *mark)
{
	if (j)
		put_line(j, wire_journal_mark(mark));
}

static gint64 now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

guint64 journal_accept(Journal *j, const char *action, gint64 id, const char *document)
{
	if (!j)
		return 0;
	j->next_seq++;
	put_line(j, wire_journal_accepted(j->next_seq, now_s(), action, id, document));
	return j->next_seq;
}

void journal_step(Journal *j, guint64 seq, const char *plan, guint step)
{
	if (j && seq)
		put_line(j, wire_journal_step(seq, step, plan));
}

void journal_pid(Journal *j, guint64 seq, int pid)
{
	const struct wire_process process = { pid, j && seq ? start_of(pid) : 0 };

	if (j && seq)
		put_line(j, wire_journal_process(seq, &process));
}

void journal_told(Journal *j, guint64 seq, const char *told)
{
	if (j && seq)
		put_line(j, wire_journal_told(seq, told));
}

void journal_end(Journal *j, guint64 seq, const char *how)
{
	if (j && seq)
		put_line(j, wire_journal_ended(seq, now_s(), how));
}

static bool print_file(const char *path, GError **error)
{
	g_autoptr(GPtrArray) left = NULL;
	g_autoptr(GPtrArray) marks = NULL;

	if (!read_journal(path, &left, &marks, error))
		return false;
	printf("%s: %u not ended\n", path, left->len);
	for (guint i = 0; i < left->len; i++) {
		const struct wire_left *l = g_ptr_array_index(left, i);
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
