// The functions of libcurl that the module Storage calls.
#include "CLate.h"
#include "late.h"

#define FUNCTIONS(F) \
    F(curl_easy_cleanup) \
    F(curl_easy_getinfo) \
    F(curl_easy_init) \
    F(curl_easy_perform) \
    F(curl_easy_reset) \
    F(curl_easy_setopt) \
    F(curl_easy_strerror) \
    F(curl_global_init) \
    F(curl_slist_append) \
    F(curl_slist_free_all)

FUNCTIONS(STRONGROOM_LATE)

static const struct strongroom_late_function functions[] = {FUNCTIONS(STRONGROOM_LATE_ENTRY)};

const char *strongroom_load_curl(void) {
    // The same library over GnuTLS or OpenSSL. Both take 14 to 21 ms to load, with 31 and 32 libraries. GnuTLS first:
    // Debian's git needs that one already, it takes 0.9 MB less, and it reads no configuration that OPENSSL_CONF could
    // name and which can load code.
    size_t count = sizeof functions / sizeof functions[0];
    if (!strongroom_late_bind("libcurl-gnutls.so.4", functions, count)) return NULL;
    return strongroom_late_bind("libcurl.so.4", functions, count);
}
