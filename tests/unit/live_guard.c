/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/live_guard.h"

#define DOMAIN(devices, rest) "<domain type='test'><name>v</name><memory>1024</memory><os>" \
	"<type>hvm</type></os><devices>" devices "</devices>" rest "</domain>"
#define TPM "<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"
#define VTPM "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"
#define SEV "<launchSecurity type='sev'><policy>0x3</policy></launchSecurity>"

static const struct {
	const char *xml, *message;	/* message: NULL: nothing is forbidden */
} guests[] = {
	{ DOMAIN("", SEV), "cannot migrate domain v: its memory is encrypted (sev) and stays on "
			   "this host" },
	{ DOMAIN(TPM, ""), "cannot migrate domain v: it uses the TPM of this host, whose state "
			   "stays there" },
	{ DOMAIN(VTPM, ""), NULL },
	{ DOMAIN("", ""), NULL },
};

static void what_stays_here_is_not_migrated(void)
{
	virConnect *conn = virConnectOpen("test:///default");

	g_assert_nonnull(conn);
	for (size_t i = 0; i < G_N_ELEMENTS(guests); i++) {
		virDomain *dom = virDomainCreateXML(conn, guests[i].xml, 0);
		g_autoptr(GError) error = NULL;

		g_assert_nonnull(dom);
		g_assert_cmpint(live_guard_memory(dom, LIVE_GUARD_MIGRATE, &error), ==,
				!guests[i].message);
		g_assert_cmpstr(error ? error->message : NULL, ==, guests[i].message);
		g_assert_true(!error || vmm_is(error, VMM_ERROR_REFUSED));
		virDomainDestroy(dom);
		virDomainFree(dom);
	}

	virConnectClose(conn);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/live-guard/what-stays-here-is-not-migrated",
			what_stays_here_is_not_migrated);
	return g_test_run();
}
