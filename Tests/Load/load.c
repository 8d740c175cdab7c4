// SPDX-License-Identifier: Apache-2.0
// An open-loop HTTP/1.1 load: N GETs a second, due at fixed times whether or not answers came.
//
//   load --url http://ADDRESS:PORT/PATH --rate N --seconds T [--host NAME]
//        [--header 'NAME: VALUE']... [--connections MAX] [--timeout-ms N] [--progress SECONDS]
//
// Prints one JSON object: requests by status, failures (no answer, or a status of 500 and above),
// and latency in milliseconds from the time a request was due, so that waiting counts. An idle
// connection that the server closes as it is used again is no failure: the GET is sent once more
// ("resent"). The first failures are named with their time. Exit status: 0 none failed, 1 some did,
// 2 usage. SIGINT and SIGTERM end it early with what was seen.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 8192, EXAMPLES_MAX = 20, EXAMPLE_MAX = 320, STATUS_MAX = 600 };

enum phase { UNUSED, IDLE, SENDING, HEAD, BODY, CHUNKED };

struct connection {
  int fd;
  enum phase phase;
  bool reused, resent, close_after;
  int status;
  size_t sent, held, body_left;
  char tail[5];  // the last bytes of a chunked body
  int64_t due, deadline;
  char head[HEAD_MAX];
};

static struct {
  const char *host;
  char path[1024], extra[4096], authority[128];
  double rate, seconds;
  int connections, timeout_ms, progress;
  struct sockaddr_in address;
} options = {.connections = 4096, .timeout_ms = 15000};

static struct {
  long sent, answered, failed, resent, dropped, by_status[STATUS_MAX];
  uint32_t *latency;  // microseconds of each answer
  size_t latency_count, latency_room;
  int examples;
  char example[EXAMPLES_MAX][EXAMPLE_MAX];
} seen;

static struct connection *connections;
static int *idle, idle_count;    // a stack: the most recently used first
static int *unused, unused_count;
static char request[8192];
static size_t request_length;
static int poller;
static int64_t started;
static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void note(const char *format, ...) {
  if (seen.examples == EXAMPLES_MAX) return;
  char *out = seen.example[seen.examples++];
  int n = snprintf(out, sizeof seen.example[0], "%.3f s: ", (double)(now() - started) / 1e6);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(out + n, sizeof seen.example[0] - (size_t)n, format, arguments);
  va_end(arguments);
  for (; *out; out++)  // it is printed inside a JSON string
    if (*out == '"' || *out == '\\') *out = '\'';
    else if ((unsigned char)*out < 32) *out = ' ';
}

static void watch(struct connection *c, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop(struct connection *c) {
  if (c->phase == IDLE) {  // out of the middle of the stack
    int index = (int)(c - connections), at = 0;
    while (idle[at] != index) at++;
    memmove(idle + at, idle + at + 1, sizeof *idle * (size_t)(--idle_count - at));
  }
  close(c->fd);
  c->phase = UNUSED;
  unused[unused_count++] = (int)(c - connections);
}

static bool dial(struct connection *c) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) return false;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
  int result = connect(c->fd, (struct sockaddr *)&options.address, sizeof options.address);
  return result == 0 || errno == EINPROGRESS;
}

static void fail(struct connection *c, const char *what) {
  int64_t due = c->due;
  bool again = c->reused && !c->resent && c->held == 0 && strcmp(what, "timeout") != 0;
  drop(c);
  if (again && unused_count > 0) {
    struct connection *fresh = &connections[unused[--unused_count]];
    int64_t deadline = c->deadline;
    *fresh = (struct connection){
        .phase = SENDING, .resent = true, .due = due, .deadline = deadline, .fd = -1};
    seen.resent++;
    if (dial(fresh)) return;
    drop(fresh);
  }
  seen.failed++;
  note("%s", what);
}

static void send_more(struct connection *c) {
  while (c->sent < request_length) {
    ssize_t n = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return watch(c, EPOLLIN | EPOLLOUT);
    if (n < 0) return fail(c, strerror(errno));
    c->sent += (size_t)n;
  }
  c->phase = HEAD;
  watch(c, EPOLLIN);
}

static void begin(int64_t due) {
  struct connection *c;
  bool fresh = idle_count == 0;
  seen.sent++;
  if (fresh && unused_count == 0) {
    seen.dropped++;
    seen.failed++;
    return note("all %d connections wait for an answer", options.connections);
  }
  c = &connections[fresh ? unused[--unused_count] : idle[--idle_count]];
  int fd = c->fd;
  *c = (struct connection){.fd = fd, .phase = SENDING, .reused = !fresh, .due = due};
  c->deadline = now() + (int64_t)options.timeout_ms * 1000;
  if (!fresh) return send_more(c);
  if (!dial(c)) fail(c, strerror(errno));
}

// The beginning of the body, as far as it came with the head.
static const char *excerpt(const struct connection *c) {
  const char *end = memmem(c->head, c->held, "\r\n\0\n", 4);  // where take_head cut
  return end ? end + 4 : "";
}

static void finish(struct connection *c) {
  seen.answered++;
  seen.by_status[c->status < STATUS_MAX ? c->status : 0]++;
  if (c->status >= 500) {
    seen.failed++;
    note("status %d: %.200s", c->status, excerpt(c));
  }
  if (seen.latency_count < seen.latency_room)
    seen.latency[seen.latency_count++] = (uint32_t)(now() - c->due);
  if (c->close_after) return drop(c);
  c->phase = IDLE;
  idle[idle_count++] = (int)(c - connections);
}

// The value of a header in the head, or NULL; names are matched at the start of a line.
static const char *header(const char *head, const char *name) {
  size_t length = strlen(name);
  for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
    line++;
    if (strncasecmp(line, name, length) == 0 && line[length] == ':')
      return line + length + 1 + strspn(line + length + 1, " ");
  }
  return NULL;
}

// Takes bytes of the body. Returns whether it is complete.
static bool take_body(struct connection *c, const char *bytes, size_t length) {
  if (c->phase == BODY) {
    c->body_left -= length < c->body_left ? length : c->body_left;
    return c->body_left == 0;
  }
  for (size_t i = 0; i < length; i++) {
    memmove(c->tail, c->tail + 1, 4);
    c->tail[4] = bytes[i];
  }
  return memcmp(c->tail, "0\r\n\r\n", 5) == 0;
}

static void take_head(struct connection *c) {
  char *end = memmem(c->head, c->held, "\r\n\r\n", 4);
  if (!end) {
    if (c->held == HEAD_MAX - 1) fail(c, "the head is too long");
    return;
  }
  size_t rest = c->held - (size_t)(end + 4 - c->head);
  end[2] = 0;
  if (sscanf(c->head, "HTTP/1.%*c %d", &c->status) != 1) return fail(c, "malformed answer");
  const char *connection = header(c->head, "connection"), *encoding, *length;
  c->close_after = connection && strncasecmp(connection, "close", 5) == 0;
  if ((encoding = header(c->head, "transfer-encoding")) && strncasecmp(encoding, "chunked", 7) == 0)
    c->phase = CHUNKED;
  else if ((length = header(c->head, "content-length")))
    c->phase = BODY, c->body_left = strtoul(length, NULL, 10);
  else
    c->phase = BODY, c->body_left = 0;
  if ((c->phase == BODY && c->body_left == 0) || (rest && take_body(c, end + 4, rest))) finish(c);
}

static void receive(struct connection *c) {
  char bytes[16384];
  for (;;) {
    bool head = c->phase == HEAD || c->phase == SENDING;
    ssize_t n = head ? recv(c->fd, c->head + c->held, HEAD_MAX - 1 - c->held, 0)
                     : recv(c->fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (c->phase == IDLE) return drop(c);  // the server closed it, or said what nobody asked
    if (n <= 0) return fail(c, n < 0 ? strerror(errno) : "closed without an answer");
    if (head) {
      c->held += (size_t)n;
      c->head[c->held] = 0;
      take_head(c);
    } else if (take_body(c, bytes, (size_t)n)) {
      finish(c);
    }
    if (c->phase == UNUSED || c->phase == IDLE) return;
  }
}

static void handle(struct epoll_event *event) {
  struct connection *c = event->data.ptr;
  if (c->phase == UNUSED) return;
  if (c->phase == SENDING && event->events & EPOLLOUT) send_more(c);
  if (c->phase != UNUSED && event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c);
}

static void expire(int64_t time) {
  for (int i = 0; i < options.connections; i++) {
    struct connection *c = &connections[i];
    if (c->phase >= SENDING && c->deadline < time) fail(c, "timeout");
  }
}

static int busy(void) { return options.connections - idle_count - unused_count; }

static void run(void) {
  struct epoll_event events[256];
  int64_t every = (int64_t)(1e6 / options.rate), checked = 0, told = 0;
  long planned = (long)(options.rate * options.seconds), begun = 0;
  started = now();
  while (!stopped && (begun < planned || busy() > 0)) {
    int64_t time = now();
    while (begun < planned && started + begun * every <= time) begin(started + begun++ * every);
    int count = epoll_wait(poller, events, 256, 1);
    for (int i = 0; i < count; i++) handle(&events[i]);
    if (time - checked > 100000) checked = time, expire(time);
    if (options.progress && time - told > options.progress * 1000000LL) {
      told = time;
      fprintf(stderr, "%6.1f s: %ld sent, %ld answered, %ld failed\n",
              (double)(time - started) / 1e6, seen.sent, seen.answered, seen.failed);
    }
  }
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double percentile(double p) {
  if (seen.latency_count == 0) return 0;
  size_t at = (size_t)(p / 100 * (double)(seen.latency_count - 1));
  return seen.latency[at] / 1000.0;
}

static void report(void) {
  qsort(seen.latency, seen.latency_count, sizeof *seen.latency, ascending);
  printf("{\"seconds\":%.1f,\"sent\":%ld,\"answered\":%ld,\"failed\":%ld,\"resent\":%ld,",
         (double)(now() - started) / 1e6, seen.sent, seen.answered, seen.failed, seen.resent);
  printf("\"dropped\":%ld,\"status\":{", seen.dropped);
  const char *comma = "";
  for (int i = 0; i < STATUS_MAX; i++)
    if (seen.by_status[i]) printf("%s\"%d\":%ld", comma, i, seen.by_status[i]), comma = ",";
  printf("},\"ms\":{\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p99.9\":%.2f,\"max\":%.2f},",
         percentile(50), percentile(90), percentile(99), percentile(99.9), percentile(100));
  printf("\"failures\":[");
  for (int i = 0; i < seen.examples; i++) printf("%s\"%s\"", i ? "," : "", seen.example[i]);
  printf("]}\n");
}

static bool parse_url(const char *url) {
  char host[64];
  unsigned port = 80;
  int at = 0;
  if (sscanf(url, "http://%63[0-9.]%n", host, &at) != 1) return false;
  if (url[at] == ':') port = (unsigned)strtoul(url + at + 1, NULL, 10);
  const char *path = strchr(url + at, '/');
  snprintf(options.path, sizeof options.path, "%s", path ? path : "/");
  snprintf(options.authority, sizeof options.authority, "%s:%u", host, port);
  options.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
  return inet_pton(AF_INET, host, &options.address.sin_addr) == 1;
}

static bool set(const char *name, const char *value) {
  if (strcmp(name, "--url") == 0) return parse_url(value);
  if (strcmp(name, "--host") == 0) return options.host = value, true;
  if (strcmp(name, "--rate") == 0) return (options.rate = atof(value)) > 0;
  if (strcmp(name, "--seconds") == 0) return (options.seconds = atof(value)) > 0;
  if (strcmp(name, "--connections") == 0) return (options.connections = atoi(value)) > 0;
  if (strcmp(name, "--timeout-ms") == 0) return (options.timeout_ms = atoi(value)) > 0;
  if (strcmp(name, "--progress") == 0) return (options.progress = atoi(value)) >= 0;
  size_t used = strlen(options.extra);
  if (strcmp(name, "--header") != 0 || used + strlen(value) + 3 > sizeof options.extra)
    return false;
  sprintf(options.extra + used, "%s\r\n", value);
  return true;
}

static bool prepare(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  size_t n = (size_t)options.connections;
  request_length = (size_t)snprintf(
      request, sizeof request, "GET %s HTTP/1.1\r\nhost: %s\r\n%s\r\n", options.path,
      options.host ? options.host : options.authority, options.extra);
  seen.latency_room = (size_t)(options.rate * options.seconds) + 1;
  seen.latency = malloc(seen.latency_room * sizeof *seen.latency);
  connections = calloc(n, sizeof *connections);
  idle = malloc(n * sizeof *idle);
  unused = malloc(n * sizeof *unused);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!seen.latency || !connections || !idle || !unused || poller < 0) return false;
  while (unused_count < options.connections) {
    unused[unused_count] = options.connections - 1 - unused_count;
    unused_count++;
  }
  return request_length < sizeof request;
}

int main(int argc, char **argv) {
  bool good = argc > 1 && argc % 2 == 1;
  for (int i = 1; good && i + 1 < argc; i += 2) good = set(argv[i], argv[i + 1]);
  if (!good || options.rate <= 0 || options.seconds <= 0 || !options.path[0])
    return fprintf(stderr, "usage: load --url http://ADDRESS:PORT/PATH --rate N --seconds T ...\n"),
           2;
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  signal(SIGPIPE, SIG_IGN);
  if (!prepare()) return perror("load"), 2;
  run();
  report();
  return seen.failed == 0 ? 0 : 1;
}
