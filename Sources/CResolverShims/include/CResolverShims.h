// SPDX-License-Identifier: Apache-2.0
// glibc's resolver, of whose state and messages Swift can import neither unions nor macros.
#ifndef CRESOLVER_SHIMS_H
#define CRESOLVER_SHIMS_H

#include <stdint.h>

/// How a question to DNS ended.
typedef enum {
  CRESOLVERSHIMS_ANSWERED,  ///< the name exists, with or without records of the kind
  CRESOLVERSHIMS_NO_NAME,   ///< there is no such name
  CRESOLVERSHIMS_FAILED,    ///< no server answered, or none could
} cresolvershims_outcome;

/// The most addresses taken of an answer.
#define CRESOLVERSHIMS_ADDRESSES 64
/// The length of an address as text, with its terminating NUL (`INET6_ADDRSTRLEN`).
#define CRESOLVERSHIMS_TEXT 46

/// What DNS answered.
typedef struct {
  cresolvershims_outcome outcome;
  int has_records;   ///< whether any section of the answer has a record with a lifetime
  uint32_t seconds;  ///< the shortest lifetime of all records, but those of EDNS
  int count;         ///< of addresses
  char addresses[CRESOLVERSHIMS_ADDRESSES][CRESOLVERSHIMS_TEXT];
} cresolvershims_answer;

/// Asks DNS for the addresses of a name, IPv4 (A) or IPv6 (AAAA), and waits for the answer: each
/// server once, for at most five seconds.
///
/// `servers` are `ADDRESS:PORT` with IPv4 addresses, NULL for those of /etc/resolv.conf. Search
/// domains and /etc/hosts do not count.
void cresolvershims_query(
    const char *name, int is_ipv6, const char *const *servers, int server_count,
    cresolvershims_answer *answer);

/// Names the calling thread, in at most 15 bytes.
void cresolvershims_name_thread(const char *name);

#endif
