/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#define BEGIN "BEGIN RSA PUBLIC KEY"
#define END "END RSA PUBLIC KEY"

/* Of each block PKCS#1 takes so many bytes; a key so large that one block is left. */
enum { PADDING = 11, MIN_BYTES = 64, MAX_BYTES = 2048 };

struct monitord_key {
	EVP_PKEY *pkey;
};

/* The bytes between the two lines of PEM, of which only the letters are looked at. */
static guchar *body(const char *text, gsize *ret_len)
{
	const char *begin = strstr(text, BEGIN), *end = strstr(text, END);
	g_autofree char *base64 = NULL;

	if (!begin || !end || end < begin)
		return NULL;
	begin += strlen(BEGIN);
	begin += strspn(begin, "-");
	if (begin > end)
		return NULL;

	base64 = g_strndup(begin, (gsize)(end - begin));
	g_strdelimit(base64, "-", ' ');

	return g_base64_decode(base64, ret_len);
}

MonitordKey *monitord_key_parse(const char *text, GError **error)
{
	gsize len = 0;
	g_autofree guchar *der = body(text, &len);
	const guchar *at = der;
	EVP_PKEY *pkey = der ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)len) : NULL;
	MonitordKey *key;
	int bytes;

	ERR_clear_error();
	bytes = pkey ? EVP_PKEY_get_size(pkey) : 0;
	if (bytes < MIN_BYTES || bytes > MAX_BYTES) {
		EVP_PKEY_free(pkey);
		vmm_fail(error, VMM_ERROR_INPUT, "NETWORK/PUBKEY is not a public key in PEM "
			 "format (\"" BEGIN "\")");
		return NULL;
	}

	key = g_new(MonitordKey, 1);
	key->pkey = pkey;

	return key;
}

void monitord_key_free(MonitordKey *key)
{
	if (!key)
		return;

	EVP_PKEY_free(key->pkey);
	g_free(key);
}

static EVP_PKEY_CTX *context(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);

	if (ctx && EVP_PKEY_encrypt_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0)
		return ctx;
	EVP_PKEY_CTX_free(ctx);

	return NULL;
}

static bool encrypt(EVP_PKEY_CTX *ctx, const guchar *at, size_t len, size_t block, GByteArray *out)
{
	guchar sealed[MAX_BYTES];

	while (len) {
		size_t n = MIN(len, block), size = sizeof(sealed);

		if (!ctx || EVP_PKEY_encrypt(ctx, sealed, &size, at, n) <= 0)
			return false;

		g_byte_array_append(out, sealed, (guint)size);
		at += n;
		len -= n;
	}

	return true;
}

GByteArray *monitord_key_encrypt(const MonitordKey *key, const void *data, size_t len,
				 GError **error)
{
	EVP_PKEY_CTX *ctx = context(key->pkey);
	GByteArray *out = g_byte_array_new();
	bool ok = encrypt(ctx, data, len, (size_t)EVP_PKEY_get_size(key->pkey) - PADDING, out);

	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return out;

	ERR_clear_error();
	g_byte_array_unref(out);
	vmm_fail(error, VMM_ERROR_INTERNAL, "cannot encrypt a message with monitord's public key");

	return NULL;
}
