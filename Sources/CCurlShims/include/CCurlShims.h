// SPDX-License-Identifier: Apache-2.0
// curl's functions with variable arguments, of which Swift can import none.
#ifndef NAVARCH_CCURL_SHIMS_H
#define NAVARCH_CCURL_SHIMS_H
#include <features.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/// What curl hands on of a response; the number of bytes taken, or CURL_WRITEFUNC_PAUSE.
typedef size_t (*ccurl_receiver)(char *bytes, size_t size, size_t count, void *context);

/// Sets an option whose value is a number.
CURLcode ccurl_set_number(CURL *easy, CURLoption option, long value);
/// Sets an option whose value is a text, which curl copies.
CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *value);
/// Sets an option whose value is a list, which must outlive the transfer.
CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
/// Sets an option whose value is bytes, which curl copies.
CURLcode ccurl_set_bytes(CURL *easy, CURLoption option, const void *bytes, size_t count);
/// Sets the body of a request, which curl copies.
CURLcode ccurl_set_body(CURL *easy, const void *bytes, size_t count);
/// Sets who takes header lines and bytes of the body.
CURLcode ccurl_set_receivers(CURL *easy, ccurl_receiver header, ccurl_receiver body, void *context);
/// Sets where curl writes what went wrong; CURL_ERROR_SIZE bytes that outlive the transfer.
CURLcode ccurl_set_error_buffer(CURL *easy, char *buffer);
/// Gives connections up whose peer has not confirmed anything for so long.
CURLcode ccurl_set_dead_peer_timeout(CURL *easy, long milliseconds);
/// Whether an address is link-local, or where a cloud tells machines their secrets; true for families
/// other than IP.
bool ccurl_is_machine_service(const struct sockaddr *address);
/// Lets no connection be made to such an address, whatever name led there.
CURLcode ccurl_avoid_machine_services(CURL *easy);
/// The status of the response; 0 before there is one.
long ccurl_status(CURL *easy);

/// Sets an option of a multi handle whose value is a number.
CURLMcode ccurl_multi_set_number(CURLM *multi, CURLMoption option, long value);
/// Takes the next transfer that ended; false where there is none.
bool ccurl_multi_next_ended(CURLM *multi, CURL **easy, CURLcode *result);

/// Names the calling thread (15 bytes at most), for debuggers and `top`.
void ccurl_name_thread(const char *name);

#endif
