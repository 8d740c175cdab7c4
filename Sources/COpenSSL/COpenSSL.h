// SPDX-License-Identifier: Apache-2.0
// OpenSSL: keys, certificates and signatures (libcrypto), and TLS as a client (libssl).
// The functions of one kind of key or digest, without a provider between, are deprecated in OpenSSL 3:
// where the kind is known they take a third of the time.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// Macros that Swift cannot import.
static const unsigned long copenssl_name_on_one_line = XN_FLAG_ONELINE;
static const int copenssl_public_key = EVP_PKEY_PUBLIC_KEY;
