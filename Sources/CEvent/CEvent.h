// SPDX-License-Identifier: Apache-2.0
// libevent 2.1's loop, HTTP server and TLS buffers, and the part of OpenSSL that they are given.
// Before libevent defines _GNU_SOURCE: the C library's types must be those of module Glibc.
#include <features.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
