/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.so - libvirt's test driver as a host with KVM that is known by what libvirt said of it: for
 * LD_PRELOAD. A domain of type kvm becomes one of type test, and is shown as kvm again.
 *
 * VMM_HOST=DIR  capabilities.xml and domcapabilities.xml; compare: why the host cannot run a CPU
 *               (not there: it can); cpu.xml: the <cpu> of what runs (not there: as it was asked
 *               for). The name of each such call is added to DIR/calls. domains/NAME.xml: what
 *               runs, of this process and of others. gate, a FIFO: who starts a domain waits
 *               until somebody has opened it for writing.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void raise_func(const char *file, const char *function, size_t line, int domain, int code,
			int level, const char *str1, const char *str2, const char *str3, int int1,
			int int2, const char *format, ...);

static char *directory;

static void __attribute__((constructor)) begin(void)
{
	directory = g_strdup(g_getenv("VMM_HOST"));
	unsetenv("LD_PRELOAD");
}

static void __attribute__((destructor)) end(void)
{
	g_free(directory);
}

static void note(const char *name)
{
	g_autofree char *path = g_build_filename(directory, "calls", NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		return;
	dprintf(fd, "%s\n", name);
	close(fd);
}

/* As malloc() made it; NULL: no such file. */
static char *text_of(const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL), *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	return strdup(text);
}

char *virConnectGetCapabilities(virConnectPtr c G_GNUC_UNUSED)
{
	note(__func__);
	return text_of("capabilities.xml");
}

char *virConnectGetDomainCapabilities(virConnectPtr c G_GNUC_UNUSED, const char *e G_GNUC_UNUSED,
				      const char *a G_GNUC_UNUSED, const char *m G_GNUC_UNUSED,
				      const char *v G_GNUC_UNUSED, unsigned f G_GNUC_UNUSED)
{
	note(__func__);
	return text_of("domcapabilities.xml");
}

int virConnectCompareHypervisorCPU(virConnectPtr c G_GNUC_UNUSED, const char *e G_GNUC_UNUSED,
				   const char *a G_GNUC_UNUSED, const char *m G_GNUC_UNUSED,
				   const char *v G_GNUC_UNUSED, const char *x G_GNUC_UNUSED,
				   unsigned f G_GNUC_UNUSED)
{
	raise_func *raise = (raise_func *)dlsym(RTLD_DEFAULT, "virRaiseErrorFull");
	char *why = text_of("compare");

	note(__func__);
	if (!why)
		return VIR_CPU_COMPARE_SUPERSET;
	raise(__FILE__, __func__, __LINE__, VIR_FROM_CPU, VIR_ERR_CPU_INCOMPATIBLE, VIR_ERR_ERROR,
	      why, why, NULL, 0, 0, "%s", why);
	free(why);

	return VIR_CPU_COMPARE_ERROR;
}

/* TEXT with each OLD replaced by NEW. */
static char *replace(const char *text, const char *old, const char *new)
{
	g_auto(GStrv) parts = g_strsplit(text, old, -1);

	return g_strjoinv(new, parts);
}

typedef virDomainPtr create_func(virConnectPtr, const char *, unsigned);

static void wait_at_gate(void)
{
	g_autofree char *path = g_build_filename(directory, "gate", NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

virDomainPtr virDomainCreateXML(virConnectPtr c, const char *xml, unsigned f)
{
	create_func *func = (create_func *)dlsym(RTLD_NEXT, __func__);
	g_autofree char *test = replace(xml, "type=\"kvm\"", "type=\"test\"");
	virDomainPtr dom;

	note(__func__);
	wait_at_gate();
	dom = func(c, test, f);
	if (dom) {
		g_autofree char *name = g_strconcat(virDomainGetName(dom), ".xml", NULL);
		g_autofree char *path = g_build_filename(directory, "domains", name, NULL);

		g_file_set_contents(path, test, -1, NULL);
	}

	return dom;
}

/* The test driver knows only what this process has started. */
int virConnectListAllDomains(virConnectPtr c, virDomainPtr **list, unsigned f)
{
	int (*func)(virConnectPtr, virDomainPtr **, unsigned) = dlsym(RTLD_NEXT, __func__);
	create_func *create = (create_func *)dlsym(RTLD_NEXT, "virDomainCreateXML");
	g_autofree char *path = g_build_filename(directory, "domains", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	note(__func__);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL), *xml = NULL;
		virDomainPtr dom = NULL;

		if (g_file_get_contents(file, &xml, NULL, NULL))
			dom = create(c, xml, 0);
		if (dom)
			virDomainFree(dom);
	}

	return func(c, list, f);
}

/* TEXT without its <cpu> and with CPU at its end. */
static char *with_cpu(const char *text, const char *cpu)
{
	const char *first = strstr(text, "<cpu "), *last = first ? strstr(first, "</cpu>") : NULL;
	const char *end = strstr(text, "</domain>");
	int before = (int)((last ? first : end) - text);
	const char *behind = last ? last + strlen("</cpu>") : end;

	return g_strdup_printf("%.*s%.*s%s</domain>", before, text, (int)(end - behind), behind,
			       cpu);
}

/* The test driver's TEXT, which is freed, as the host would give it. */
static char *shown(char *text)
{
	char *cpu = text_of("cpu.xml");
	g_autofree char *kvm = NULL, *whole = NULL;

	if (text)
		kvm = replace(text, "<domain type='test'", "<domain type='kvm'");
	if (kvm && cpu)
		whole = with_cpu(kvm, cpu);
	free(text);
	free(cpu);

	return whole || kvm ? strdup(whole ? whole : kvm) : NULL;
}

char *virDomainGetXMLDesc(virDomainPtr d, unsigned f)
{
	char *(*func)(virDomainPtr, unsigned) = dlsym(RTLD_NEXT, __func__);

	return shown(func(d, f));
}

char *virDomainSaveImageGetXMLDesc(virConnectPtr c, const char *path, unsigned f)
{
	char *(*func)(virConnectPtr, const char *, unsigned) = dlsym(RTLD_NEXT, __func__);

	return shown(func(c, path, f));
}
