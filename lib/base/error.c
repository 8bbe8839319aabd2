/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>

#include "base/text.h"

typedef struct {
	char *hint;
} VmmErrorPrivate;

static void vmm_error_private_init(VmmErrorPrivate *p)
{
	p->hint = NULL;
}

static void vmm_error_private_copy(const VmmErrorPrivate *from, VmmErrorPrivate *to)
{
	to->hint = g_strdup(from->hint);
}

static void vmm_error_private_clear(VmmErrorPrivate *p)
{
	g_free(p->hint);
}

G_DEFINE_EXTENDED_ERROR(VmmError, vmm_error)

static const struct {
	const char *name;
	bool retry_safe;
	const char *hint;
} classes[] = {
	[VMM_ERROR_USAGE]        = { "usage",        false, "see --help" },
	[VMM_ERROR_INPUT]        = { "input",        false, NULL },
	[VMM_ERROR_CONFIG]       = { "config",       false, NULL },
	[VMM_ERROR_NOT_FOUND]    = { "not-found",    false, NULL },
	[VMM_ERROR_EXISTS]       = { "exists",       false, NULL },
	[VMM_ERROR_BUSY]         = { "busy",         true,  "try again later" },
	[VMM_ERROR_REFUSED]      = { "refused",      false, NULL },
	[VMM_ERROR_INCOMPATIBLE] = { "incompatible", false, NULL },
	[VMM_ERROR_NO_RESOURCE]  = { "no-resource",  true,  NULL },
	[VMM_ERROR_NO_SPACE]     = { "no-space",     true,  "free space on that file system" },
	[VMM_ERROR_PERMISSION]   = { "permission",   false, NULL },
	[VMM_ERROR_TIMEOUT]      = { "timeout",      false, NULL },
	[VMM_ERROR_CANCELLED]    = { "cancelled",    false, NULL },
	[VMM_ERROR_CONNECTION]   = { "connection",   true,  NULL },
	[VMM_ERROR_GUEST]        = { "guest",        false, NULL },
	[VMM_ERROR_INTERNAL]     = { "internal",     false, NULL },
};
G_STATIC_ASSERT(G_N_ELEMENTS(classes) == VMM_ERROR_LAST);

static enum vmm_error class_of(const GError *error)
{
	if (error->domain == VMM_ERROR && error->code >= 0 && error->code < VMM_ERROR_LAST)
		return (enum vmm_error)error->code;
	if (error->domain == G_OPTION_ERROR)
		return VMM_ERROR_USAGE;

	return VMM_ERROR_INTERNAL;
}

const char *vmm_error_class(const GError *error)
{
	return classes[class_of(error)].name;
}

enum vmm_error vmm_error_of_class(const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(classes); i++)
		if (g_str_equal(classes[i].name, name))
			return (enum vmm_error)i;

	return VMM_ERROR_INTERNAL;
}

bool vmm_error_retry_safe(const GError *error)
{
	return classes[class_of(error)].retry_safe;
}

int vmm_error_exit_status(const GError *error)
{
	if (class_of(error) == VMM_ERROR_USAGE)
		return 2;
	return 1;
}

const char *vmm_error_hint(const GError *error)
{
	const VmmErrorPrivate *p = NULL;

	if (error->domain == VMM_ERROR)
		p = vmm_error_get_private(error);

	if (p && p->hint)
		return p->hint;

	return classes[class_of(error)].hint;
}

char *vmm_error_line(const GError *error)
{
	g_autofree char *valid = g_utf8_make_valid(error->message, -1);
	g_autofree char *line = text_line(valid, G_MAXSIZE);
	const char *hint = vmm_error_hint(error);

	return g_strdup_printf("%s [%s]%s%s%s", line, vmm_error_class(error),
			       hint ? " (hint: " : "", text_or(hint, ""), hint ? ")" : "");
}

void vmm_error_set_hint(GError **error, const char *format, ...)
{
	VmmErrorPrivate *p;
	va_list ap;

	if (!error)
		return;
	if (!*error)
		return;
	if ((*error)->domain != VMM_ERROR)
		return;

	p = vmm_error_get_private(*error);
	g_free(p->hint);
	va_start(ap, format);
	p->hint = g_strdup_vprintf(format, ap);
	va_end(ap);
}

bool vmm_fail(GError **error, enum vmm_error code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (error)
		*error = g_error_new_valist(VMM_ERROR, (int)code, format, ap);
	va_end(ap);

	return false;
}

bool vmm_fail_errno(GError **error, int errnum, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list ap;

	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);

	return vmm_fail(error, vmm_error_from_errno(errnum), "%s: %s", what, g_strerror(errnum));
}

enum vmm_error vmm_error_from_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ESRCH:
		return VMM_ERROR_NOT_FOUND;
	case EEXIST:
		return VMM_ERROR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return VMM_ERROR_PERMISSION;
	case ENOSPC:
	case EDQUOT:
		return VMM_ERROR_NO_SPACE;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return VMM_ERROR_NO_RESOURCE;
	case EBUSY:
	case ETXTBSY:
		return VMM_ERROR_BUSY;
	case ETIMEDOUT:
		return VMM_ERROR_TIMEOUT;
	default:
		return VMM_ERROR_INTERNAL;
	}
}

bool vmm_pass(GError **error, GError **cause)
{
	g_propagate_error(error, g_steal_pointer(cause));
	return false;
}

bool vmm_is(const GError *error, enum vmm_error code)
{
	return g_error_matches(error, VMM_ERROR, (gint)code);
}
