// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_write(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    length -= (size_t)n;
  }
  return true;
}

// Takes in some more bytes; false at the end of the stream or when the buffer is full.
static bool fill(struct http_connection *c) {
  if (c->held == sizeof c->buffer) return false;
  for (;;) {
    ssize_t n = recv(c->fd, c->buffer + c->held, sizeof c->buffer - c->held, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    c->held += (size_t)n;
    return true;
  }
}

static void consume(struct http_connection *c, size_t length) {
  memmove(c->buffer, c->buffer + length, c->held - length);
  c->held -= length;
}

const char *http_header_value(const struct http_message *m, const char *name) {
  for (size_t i = 0; i < m->header_count; i++)
    if (strcasecmp(m->headers[i].name, name) == 0) return m->headers[i].value;
  return NULL;
}

static bool parse_start(struct http_message *m, char *line) {
  m->start[0] = strsep(&line, " ");
  m->start[1] = strsep(&line, " ");
  m->start[2] = line ? line : "";
  return m->start[1] != NULL;
}

static bool parse_header(struct http_message *m, char *line) {
  char *colon = strchr(line, ':');
  if (!colon || m->header_count == HTTP_HEADERS_MAX) return false;
  *colon = 0;
  char *value = colon + 1;
  value += strspn(value, " \t");
  m->headers[m->header_count++] = (struct http_header){line, value};
  return true;
}

bool http_read_head(struct http_connection *c, struct http_message *m) {
  char *end;
  while (!(end = memmem(c->buffer, c->held, "\r\n\r\n", 4)))
    if (!fill(c)) return false;
  size_t length = (size_t)(end - c->buffer);
  memcpy(m->head, c->buffer, length);
  m->head[length] = 0;
  consume(c, length + 4);
  m->header_count = 0;
  char *rest = m->head, *line = strsep(&rest, "\n");
  line[strcspn(line, "\r")] = 0;
  if (!parse_start(m, line)) return false;
  while ((line = strsep(&rest, "\n"))) {
    line[strcspn(line, "\r")] = 0;
    if (!parse_header(m, line)) return false;
  }
  const char *connection = http_header_value(m, "connection");
  m->keep_alive = !connection || strcasecmp(connection, "close") != 0;
  return true;
}

// Moves `length` bytes of the stream to `body`, dropping what does not fit.
static bool take(struct http_connection *c, size_t length, char *body, size_t capacity,
                 size_t *written) {
  while (length > 0) {
    if (c->held == 0 && !fill(c)) return false;
    size_t n = c->held < length ? c->held : length;
    size_t room = capacity - 1 - *written, kept = n < room ? n : room;
    memcpy(body + *written, c->buffer, kept);
    *written += kept;
    consume(c, n);
    length -= n;
  }
  return true;
}

// Reads a line ending in CRLF out of the stream (a chunk's size).
static bool take_line(struct http_connection *c, char *line, size_t capacity) {
  char *end;
  while (!(end = memmem(c->buffer, c->held, "\r\n", 2)))
    if (!fill(c)) return false;
  size_t length = (size_t)(end - c->buffer);
  if (length >= capacity) return false;
  memcpy(line, c->buffer, length);
  line[length] = 0;
  consume(c, length + 2);
  return true;
}

static long read_chunks(struct http_connection *c, char *body, size_t capacity) {
  size_t written = 0;
  char line[64];
  for (;;) {
    if (!take_line(c, line, sizeof line)) return -1;
    size_t length = strtoul(line, NULL, 16);
    if (length > 0 && !take(c, length, body, capacity, &written)) return -1;
    if (!take_line(c, line, sizeof line)) return -1;
    if (length == 0) break;
  }
  body[written] = 0;
  return (long)written;
}

long http_read_body(struct http_connection *c, const struct http_message *m, char *body,
                    size_t capacity) {
  size_t written = 0;
  const char *encoding = http_header_value(m, "transfer-encoding");
  if (encoding && strcasecmp(encoding, "chunked") == 0) return read_chunks(c, body, capacity);
  const char *length = http_header_value(m, "content-length");
  if (length && !take(c, strtoul(length, NULL, 10), body, capacity, &written)) return -1;
  body[written] = 0;
  return (long)written;
}

static int dial(const char *authority) {
  char host[256];
  const char *colon = strrchr(authority, ':');
  size_t length = colon ? (size_t)(colon - authority) : strlen(authority);
  if (length >= sizeof host) return -1;
  memcpy(host, authority, length);
  host[length] = 0;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (getaddrinfo(host, colon ? colon + 1 : "80", &hints, &found) != 0) return -1;
  int fd = -1;
  for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
    fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(found);
  int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int http_get(const char *address, const char *authority, const char *path,
             const char *header_lines, char *body, size_t capacity) {
  static _Thread_local struct http_connection connection;
  static _Thread_local struct http_message answer;
  char *request = NULL;
  int status = 0;
  body[0] = 0;
  connection.held = 0;
  connection.fd = dial(address);
  if (connection.fd < 0) return 0;
  // The name in Host is what a mesh routes by; the port stays, as a client library writes it.
  int length = asprintf(&request, "GET %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n%s\r\n",
                        path, authority, header_lines);
  if (length > 0 && http_write(connection.fd, request, (size_t)length) &&
      http_read_head(&connection, &answer) &&
      http_read_body(&connection, &answer, body, capacity) >= 0)
    status = atoi(answer.start[1]);
  if (length > 0) free(request);
  close(connection.fd);
  return status;
}
