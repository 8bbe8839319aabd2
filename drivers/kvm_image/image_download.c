/* SPDX-License-Identifier: Apache-2.0 */
#include "image_download.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#include "base/progress_line.h"
#include "stop_signal.h"

/* A server that sends less for so long is taken for dead. */
enum { CONNECT_S = 20, SLOW_BYTES = 1, SLOW_S = 60, MAX_REDIRECTS = 5 };

enum { HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404, HTTP_GONE = 410 };

struct download {
	int fd;
	guint64 most, written;
	int write_errno;	/* 0: none */
	bool is_too_large;
	char *shown;		/* the URL without its query */
	struct progress_line line;
	bool is_terminal;
};

bool image_is_url(const char *operand)
{
	return g_str_has_prefix(operand, "http://") || g_str_has_prefix(operand, "https://");
}

static size_t on_data(char *bytes, size_t size, size_t count, void *data)
{
	struct download *d = data;
	size_t len = size * count;

	d->is_too_large = len > d->most - d->written;
	if (d->is_too_large)
		return 0;

	for (size_t done = 0; done < len;) {
		ssize_t n = write(d->fd, bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			d->write_errno = errno;
			return 0;
		}
		done += (size_t)n;
	}

	d->written += len;

	return len;
}

/* Anything but 0 ends the transfer. */
static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total,
		       curl_off_t up_now)
{
	struct download *d = data;

	(void)up_total;
	(void)up_now;
	d->line.total = (guint64)MAX(total, now);
	if (d->is_terminal)
		progress_line_show(&d->line, (guint64)now);

	return !stop_signal_check(NULL, "%s", d->shown);
}

static bool fail_status(const struct download *d, long status, GError **error)
{
	enum vmm_error code = VMM_ERROR_CONNECTION;

	if (status == HTTP_NOT_FOUND || status == HTTP_GONE)
		code = VMM_ERROR_NOT_FOUND;
	else if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
		code = VMM_ERROR_PERMISSION;

	return vmm_fail(error, code, "cannot download %s: the server answers %ld", d->shown,
			status);
}

static bool fail_write(const struct download *d, GError **error)
{
	if (d->write_errno)
		return vmm_fail_errno(error, d->write_errno, "cannot download %s", d->shown);

	return vmm_fail(error, VMM_ERROR_INPUT, "cannot download %s: it has more than the %"
			G_GUINT64_FORMAT " bytes that there is room for or that are allowed",
			d->shown, d->most);
}

static enum vmm_error download_class(CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_PEER_FAILED_VERIFICATION:
		return VMM_ERROR_REFUSED;
	case CURLE_URL_MALFORMAT:
		return VMM_ERROR_USAGE;
	case CURLE_ABORTED_BY_CALLBACK:
		return VMM_ERROR_CANCELLED;
	case CURLE_OUT_OF_MEMORY:
		return VMM_ERROR_NO_RESOURCE;
	default:
		return VMM_ERROR_CONNECTION;
	}
}

static bool judge_download(CURL *curl, const struct download *d, CURLcode code, GError **error)
{
	long status = 0;

	if (code == CURLE_OK)
		return true;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return fail_status(d, status, error);
	if (d->write_errno || d->is_too_large || code == CURLE_FILESIZE_EXCEEDED)
		return fail_write(d, error);

	vmm_fail(error, download_class(code), "cannot download %s: %s", d->shown,
		 curl_easy_strerror(code));
	if (download_class(code) == VMM_ERROR_CONNECTION)
		vmm_error_set_hint(error, "try curl -I %s here", d->shown);

	return false;
}

/* Names of hosts and paths never lead to a file, and nothing of ours is sent but the request. */
static void set_limits(CURL *curl, const char *url, guint64 most)
{
	const char *next = g_str_has_prefix(url, "https://") ? "https" : "http,https";

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, next);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MIN(most, G_MAXINT64));
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "kvm-image/" VMM_VERSION);
}

static bool transfer(CURL *curl, struct download *d, GError **error)
{
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, d);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	stop_signal_begin();
	code = curl_easy_perform(curl);
	stop_signal_end();
	if (d->is_terminal)
		progress_line_end(&d->line);

	return judge_download(curl, d, code, error);
}

/* Without what may be a secret. NULL with ERROR set: it has a user or a password. */
static char *shown_url(const char *url, GError **error)
{
	size_t len = strcspn(url, "?#");
	char *shown = g_strndup(url, len);
	const char *host = strstr(shown, "://") + strlen("://");

	if (!memchr(host, '@', strcspn(host, "/")))
		return shown;

	g_free(shown);
	vmm_fail(error, VMM_ERROR_USAGE, "the URL has a user or a password, which all users of "
		 "this machine could see");

	return NULL;
}

bool image_download(const char *url, const struct image_file *file, guint64 most, GError **error)
{
	struct download d = { .fd = file->fd, .most = most, .line = { .what = "downloading" } };
	CURL *curl;
	bool ok;

	d.shown = shown_url(url, error);
	if (!d.shown)
		return false;

	d.is_terminal = isatty(STDERR_FILENO);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	curl = curl_easy_init();
	ok = curl != NULL;
	if (ok) {
		set_limits(curl, url, most);
		ok = transfer(curl, &d, error);
	} else {
		vmm_fail(error, VMM_ERROR_NO_RESOURCE, "cannot download %s", d.shown);
	}

	curl_easy_cleanup(curl);
	curl_global_cleanup();
	g_free(d.shown);

	return ok;
}
