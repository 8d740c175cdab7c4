// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CCurlShims.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

CURLcode ccurl_set_number(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode ccurl_set_bytes(CURL *easy, CURLoption option, const void *bytes, size_t count) {
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  return curl_easy_setopt(easy, option, &blob);
}

CURLcode ccurl_set_body(CURL *easy, const void *bytes, size_t count) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}

CURLcode ccurl_set_receivers(CURL *easy, ccurl_receiver header, ccurl_receiver body,
                             void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
  return code;
}

CURLcode ccurl_set_error_buffer(CURL *easy, char *buffer) {
  return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, buffer);
}

static int limit_silence(void *context, curl_socket_t socket, curlsocktype purpose) {
  unsigned milliseconds = (unsigned)(uintptr_t)context;
  (void)purpose;
  // Not a failure: without the option the kernel only takes longer to notice.
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  return CURL_SOCKOPT_OK;
}

CURLcode ccurl_set_dead_peer_timeout(CURL *easy, long milliseconds) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, limit_silence);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, (void *)(uintptr_t)milliseconds);
  return code;
}

static bool is_forbidden4(uint32_t address) {
  // Alibaba's, Azure's and Oracle's services for machines stand outside of 169.254.0.0/16.
  static const uint32_t services[] = {0x646464c8, 0xa83f8110, 0xc00000c0};
  for (size_t i = 0; i < sizeof services / sizeof *services; i++)
    if (address == services[i]) return true;
  return address >> 16 == 0xa9fe || address >> 24 == 0;
}

static bool is_forbidden6(const struct in6_addr *address) {
  static const uint8_t services[][16] = {
      {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54},   // Amazon's
      {0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}};  // Google's
  static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b};
  for (size_t i = 0; i < sizeof services / sizeof *services; i++)
    if (memcmp(address->s6_addr, services[i], 16) == 0) return true;
  if (IN6_IS_ADDR_V4MAPPED(address) || memcmp(address->s6_addr, translated, 12) == 0) {
    uint32_t inner;
    memcpy(&inner, address->s6_addr + 12, 4);
    return is_forbidden4(ntohl(inner));
  }
  return IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_UNSPECIFIED(address);
}

bool ccurl_is_machine_service(const struct sockaddr *address) {
  if (address->sa_family == AF_INET)
    return is_forbidden4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
  if (address->sa_family == AF_INET6)
    return is_forbidden6(&((const struct sockaddr_in6 *)address)->sin6_addr);
  return true;
}

static curl_socket_t open_elsewhere(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
  (void)context, (void)purpose;
  if (ccurl_is_machine_service(&address->addr)) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode ccurl_avoid_machine_services(CURL *easy) {
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_elsewhere);
}

long ccurl_status(CURL *easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

CURLMcode ccurl_multi_set_number(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

bool ccurl_multi_next_ended(CURLM *multi, CURL **easy, CURLcode *result) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    *easy = message->easy_handle;
    *result = message->data.result;
    return true;
  }
  return false;
}

void ccurl_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
