// The functions of OpenSSL's libcrypto that the module OpenSSL calls.
#include "CLate.h"
#include "late.h"

#include <openssl/opensslv.h>

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

#define FUNCTIONS(F) \
    F(ERR_clear_error) \
    F(EVP_CIPHER_CTX_ctrl) \
    F(EVP_CIPHER_CTX_free) \
    F(EVP_CIPHER_CTX_new) \
    F(EVP_CIPHER_fetch) \
    F(EVP_CIPHER_free) \
    F(EVP_DecryptFinal_ex) \
    F(EVP_DecryptInit_ex) \
    F(EVP_DecryptUpdate) \
    F(EVP_Digest) \
    F(EVP_DigestFinal_ex) \
    F(EVP_DigestInit_ex) \
    F(EVP_DigestUpdate) \
    F(EVP_DigestVerify) \
    F(EVP_DigestVerifyInit_ex) \
    F(EVP_EncryptFinal_ex) \
    F(EVP_EncryptInit_ex) \
    F(EVP_EncryptUpdate) \
    F(EVP_MD_CTX_copy_ex) \
    F(EVP_MD_CTX_free) \
    F(EVP_MD_CTX_new) \
    F(EVP_PKEY_free) \
    F(EVP_sha1) \
    F(EVP_sha256) \
    F(HMAC) \
    F(OPENSSL_init_crypto) \
    F(d2i_PUBKEY)

FUNCTIONS(STRONGROOM_LATE)

static const struct strongroom_late_function functions[] = {FUNCTIONS(STRONGROOM_LATE_ENTRY)};

const char *strongroom_load_openssl(void) {
    return strongroom_late_bind(
        "libcrypto.so." NUMBER(OPENSSL_SHLIB_VERSION), functions, sizeof functions / sizeof functions[0]);
}
