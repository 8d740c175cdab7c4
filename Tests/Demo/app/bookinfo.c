// SPDX-License-Identifier: Apache-2.0
// One server for every part of bookinfo: productpage, details, reviews and ratings.
//
//   bookinfo ROLE --version V --pod NAME --listen ADDRESS:PORT
//            [--details HOST:PORT] [--reviews HOST:PORT] [--ratings HOST:PORT]
//            [--via ADDRESS:PORT]
//
// productpage asks details and reviews, reviews v2 and v3 ask ratings, each by name, through
// whatever mesh is there; --via is where all of that is sent, where names do not resolve. Every
// answer is JSON and says which pod and version gave it.
//
//   GET /anything                     the role's answer
//   GET /count                        what this pod was asked: {"total":n,"shadow":n,"failed":n}
//   GET /count/reset                  the same, and back to zero
//   x-demo-delay-ms: N                the answer waits so long
//   x-demo-fail: KEY:N                the first N requests with KEY are answered 503
//   x-demo-status: N                  the answer's status
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

enum { BODY_MAX = 16384, FAIL_KEYS = 1024, STACK_SIZE = 512 * 1024 };

static const char *role, *version = "v1", *pod = "", *via;
static const char *details = "details:9080", *reviews = "reviews:9080", *ratings = "ratings:9080";
static atomic_long total, shadow, failed;

// Requests seen for each key of x-demo-fail.
static struct {
  pthread_mutex_t lock;
  char key[FAIL_KEYS][48];
  int seen[FAIL_KEYS];
} failures = {.lock = PTHREAD_MUTEX_INITIALIZER};

// What a service passes on, so that a request can be followed and routed by its user.
static const char *const forwarded[] = {
    "end-user",    "x-request-id", "traceparent",  "tracestate",        "x-b3-traceid",
    "x-b3-spanid", "x-b3-sampled", "x-b3-parentspanid", "x-demo-ratings-delay-ms",
};

static void copy_headers(const struct http_message *request, char *lines, size_t capacity) {
  size_t used = 0;
  lines[0] = 0;
  for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) {
    const char *value = http_header_value(request, forwarded[i]);
    if (!value || used + strlen(forwarded[i]) + strlen(value) + 5 > capacity) continue;
    used += (size_t)sprintf(lines + used, "%s: %s\r\n", forwarded[i], value);
  }
}

// Whether this request is one of the first N with its key.
static bool must_fail(const char *knob) {
  const char *colon = knob ? strrchr(knob, ':') : NULL;
  if (!colon || colon == knob || colon - knob >= (long)sizeof failures.key[0]) return false;
  size_t length = (size_t)(colon - knob);
  bool fail = false;
  pthread_mutex_lock(&failures.lock);
  for (int i = 0; i < FAIL_KEYS; i++) {
    char *key = failures.key[i];
    if (key[0] == 0) memcpy(key, knob, length);
    if (strncmp(key, knob, length) != 0 || key[length] != 0) continue;
    fail = failures.seen[i]++ < atoi(colon + 1);
    break;
  }
  pthread_mutex_unlock(&failures.lock);
  return fail;
}

static void pause_for(const char *milliseconds) {
  long ms = milliseconds ? atol(milliseconds) : 0;
  if (ms <= 0) return;
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0) continue;
}

// Asks another service; on anything but a JSON answer the body is null.
static int ask(const char *authority, const char *path, const char *lines, char *body,
               size_t capacity) {
  int status = http_get(via ? via : authority, authority, path, lines, body, capacity);
  if (status != 200 || body[0] != '{') strcpy(body, "null");
  return status;
}

static int answer_productpage(const char *lines, char *body) {
  char what[BODY_MAX / 4], said[BODY_MAX / 2];
  int details_status = ask(details, "/details/0", lines, what, sizeof what);
  int reviews_status = ask(reviews, "/reviews/0", lines, said, sizeof said);
  snprintf(body, BODY_MAX,
           "{\"service\":\"productpage\",\"version\":\"%s\",\"pod\":\"%s\","
           "\"details_status\":%d,\"reviews_status\":%d,\"details\":%s,\"reviews\":%s}\n",
           version, pod, details_status, reviews_status, what, said);
  return details_status == 200 && reviews_status == 200 ? 200 : 502;
}

static int answer_reviews(const char *lines, char *body) {
  char stars[BODY_MAX / 4] = "null";
  const char *color = strcmp(version, "v2") == 0 ? "black" : "red";
  int status = 200;
  if (strcmp(version, "v1") == 0)
    color = "none";
  else
    status = ask(ratings, "/ratings/0", lines, stars, sizeof stars);
  snprintf(body, BODY_MAX,
           "{\"service\":\"reviews\",\"version\":\"%s\",\"pod\":\"%s\",\"stars\":\"%s\","
           "\"ratings_status\":%d,\"ratings\":%s}\n",
           version, pod, color, status, stars);
  return 200;
}

static void answer_count(const char *path, char *body) {
  bool reset = strcmp(path, "/count/reset") == 0;
  long t = reset ? atomic_exchange(&total, 0) : total;
  long s = reset ? atomic_exchange(&shadow, 0) : shadow;
  long f = reset ? atomic_exchange(&failed, 0) : failed;
  snprintf(body, BODY_MAX, "{\"total\":%ld,\"shadow\":%ld,\"failed\":%ld}\n", t, s, f);
}

// A mirrored request has "-shadow" behind its host only where DISABLE_SHADOW_HOST_SUFFIX is false.
static bool is_shadow(const struct http_message *request) {
  const char *host = http_header_value(request, "host");
  return host && strstr(host, "-shadow") != NULL;
}

static int answer_role(const struct http_message *request, char *body) {
  char lines[4096];
  atomic_fetch_add(&total, 1);
  if (is_shadow(request)) atomic_fetch_add(&shadow, 1);
  pause_for(http_header_value(request, "x-demo-delay-ms"));
  if (must_fail(http_header_value(request, "x-demo-fail"))) {
    atomic_fetch_add(&failed, 1);
    snprintf(body, BODY_MAX, "{\"service\":\"%s\",\"pod\":\"%s\",\"failed\":true}\n", role, pod);
    return 503;
  }
  copy_headers(request, lines, sizeof lines);
  if (strcmp(role, "productpage") == 0) return answer_productpage(lines, body);
  if (strcmp(role, "reviews") == 0) return answer_reviews(lines, body);
  if (strcmp(role, "ratings") == 0)
    pause_for(http_header_value(request, "x-demo-ratings-delay-ms"));
  snprintf(body, BODY_MAX,
           "{\"service\":\"%s\",\"version\":\"%s\",\"pod\":\"%s\",\"path\":\"%s\"}\n", role,
           version, pod, request->start[1]);
  return 200;
}

static int answer(const struct http_message *request, char *body) {
  if (strncmp(request->start[1], "/count", 6) == 0) {
    answer_count(request->start[1], body);
    return 200;
  }
  int status = answer_role(request, body);
  const char *wanted = http_header_value(request, "x-demo-status");
  return wanted && status == 200 ? atoi(wanted) : status;
}

static void *serve(void *context) {
  struct http_connection *connection = context;
  struct http_message *request = malloc(sizeof *request);
  char *body = malloc(BODY_MAX), head[512];
  while (request && body && http_read_head(connection, request)) {
    if (http_read_body(connection, request, body, BODY_MAX) < 0) break;
    int status = answer(request, body);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %d Status\r\ncontent-type: application/json\r\n"
                          "content-length: %zu\r\nx-demo-pod: %s\r\n\r\n",
                          status, strlen(body), pod);
    if (!http_write(connection->fd, head, (size_t)length)) break;
    if (!http_write(connection->fd, body, strlen(body)) || !request->keep_alive) break;
  }
  close(connection->fd);
  free(connection);
  free(request);
  free(body);
  return NULL;
}

static int listen_on(const char *where) {
  char host[64];
  const char *colon = strrchr(where, ':');
  if (!colon || (size_t)(colon - where) >= sizeof host) return -1;
  memcpy(host, where, (size_t)(colon - where));
  host[colon - where] = 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return -1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0)
    return -1;
  return fd;
}

static void accept_forever(int server) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC), on = 1;
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct http_connection *connection = malloc(sizeof *connection);
    pthread_t thread;
    if (connection) *connection = (struct http_connection){.fd = fd};
    if (!connection || pthread_create(&thread, &attributes, serve, connection) != 0) {
      free(connection);
      close(fd);
    }
  }
}

int main(int argc, char **argv) {
  const char *where = "127.0.0.1:9080";
  struct {
    const char *name;
    const char **value;
  } options[] = {{"--version", &version}, {"--pod", &pod},         {"--listen", &where},
                 {"--details", &details}, {"--reviews", &reviews}, {"--ratings", &ratings},
                 {"--via", &via}};
  if (argc < 2) return fprintf(stderr, "usage: bookinfo ROLE [--OPTION VALUE]...\n"), 2;
  role = argv[1];
  for (int i = 2; i + 1 < argc; i += 2)
    for (size_t o = 0; o < sizeof options / sizeof *options; o++)
      if (strcmp(argv[i], options[o].name) == 0) *options[o].value = argv[i + 1];
  signal(SIGPIPE, SIG_IGN);
  int server = listen_on(where);
  if (server < 0) return perror(where), 1;
  accept_forever(server);
}
