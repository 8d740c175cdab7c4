// SPDX-License-Identifier: Apache-2.0
#include "CResolverShims.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

// Seconds that a server has for its answer.
static const int patience = 5;

static bool set_server(struct sockaddr_in *place, const char *text) {
  const char *colon = strrchr(text, ':');
  if (colon == NULL || (size_t)(colon - text) >= INET_ADDRSTRLEN) return false;
  char host[INET_ADDRSTRLEN] = {0};
  memcpy(host, text, (size_t)(colon - text));
  memset(place, 0, sizeof *place);
  place->sin_family = AF_INET;
  place->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
  return inet_pton(AF_INET, host, &place->sin_addr) == 1;
}

// Puts other servers in the place of those of resolv.conf.
static void set_servers(res_state state, const char *const *servers, int count) {
  if (servers == NULL) return;
  state->nscount = 0;
  for (int i = 0; i < count && state->nscount < MAXNS; i++) {
    if (set_server(&state->nsaddr_list[state->nscount], servers[i])) state->nscount++;
  }
}

static void take_lifetime(ns_rr record, cresolvershims_answer *answer) {
  // The pseudo-record of EDNS keeps flags where others keep their lifetime.
  if (ns_rr_type(record) == ns_t_opt) return;
  uint32_t seconds = ns_rr_ttl(record);
  if (!answer->has_records || seconds < answer->seconds) answer->seconds = seconds;
  answer->has_records = true;
}

static void take_address(ns_rr record, cresolvershims_answer *answer) {
  bool is_ipv6 = ns_rr_type(record) == ns_t_aaaa;
  if (!is_ipv6 && ns_rr_type(record) != ns_t_a) return;
  if (ns_rr_rdlen(record) != (is_ipv6 ? NS_IN6ADDRSZ : NS_INADDRSZ)) return;
  if (answer->count >= CRESOLVERSHIMS_ADDRESSES) return;
  char *text = answer->addresses[answer->count];
  if (inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, ns_rr_rdata(record), text, CRESOLVERSHIMS_TEXT)) {
    answer->count++;
  }
}

static void read_message(const unsigned char *bytes, int length, cresolvershims_answer *answer) {
  ns_msg message;
  if (ns_initparse(bytes, length, &message) != 0) return;
  int code = ns_msg_getflag(message, ns_f_rcode);
  if (code == ns_r_servfail) return;
  answer->outcome = code == ns_r_nxdomain ? CRESOLVERSHIMS_NO_NAME : CRESOLVERSHIMS_ANSWERED;
  const ns_sect sections[] = {ns_s_an, ns_s_ns, ns_s_ar};
  for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
    for (int i = 0; i < ns_msg_count(message, sections[s]); i++) {
      ns_rr record;
      if (ns_parserr(&message, sections[s], i, &record) != 0) return;
      take_lifetime(record, answer);
      if (sections[s] == ns_s_an) take_address(record, answer);
    }
  }
}

void cresolvershims_query(
    const char *name, int is_ipv6, const char *const *servers, int server_count,
    cresolvershims_answer *answer) {
  memset(answer, 0, sizeof *answer);
  answer->outcome = CRESOLVERSHIMS_FAILED;
  struct __res_state state;
  memset(&state, 0, sizeof state);
  if (res_ninit(&state) != 0) return;
  set_servers(&state, servers, server_count);
  state.retrans = patience;
  state.retry = 1;
  unsigned char question[NS_PACKETSZ];
  unsigned char bytes[NS_MAXMSG];
  int asked = res_nmkquery(
      &state, ns_o_query, name, ns_c_in, is_ipv6 ? ns_t_aaaa : ns_t_a, NULL, 0, NULL, question,
      sizeof question);
  if (asked > 0 && state.nscount > 0) {
    int length = res_nsend(&state, question, asked, bytes, sizeof bytes);
    if (length > 0) read_message(bytes, length, answer);
  }
  res_nclose(&state);
}

void cresolvershims_name_thread(const char *name) { (void)prctl(PR_SET_NAME, name, 0, 0, 0); }
