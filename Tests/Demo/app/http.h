// SPDX-License-Identifier: Apache-2.0
// A small blocking HTTP/1.1: enough to be an application behind Envoy, and its client.
#ifndef DEMO_HTTP_H
#define DEMO_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_HEAD_MAX = 16384, HTTP_HEADERS_MAX = 96 };

struct http_header {
  const char *name;
  const char *value;
};

// One message: the head, cut into strings inside `head`, and the body's length.
struct http_message {
  char head[HTTP_HEAD_MAX];
  char *start[3];  // request: method, path, version; response: version, status, reason
  struct http_header headers[HTTP_HEADERS_MAX];
  size_t header_count;
  bool keep_alive;
};

// A connection with what has been read beyond the last message.
struct http_connection {
  int fd;
  char buffer[HTTP_HEAD_MAX];
  size_t held;
};

// Reads one head; false at the end of the stream, on an error, or on a malformed head.
bool http_read_head(struct http_connection *connection, struct http_message *message);

// Reads the body that follows a head. Returns its length, cut at `capacity`, or -1 on an error.
// `body` is always terminated by NUL; `capacity` counts that byte.
long http_read_body(struct http_connection *connection, const struct http_message *message,
                    char *body, size_t capacity);

// The value of a header (names are compared without case), or NULL.
const char *http_header_value(const struct http_message *message, const char *name);

// Writes all of it; false on an error.
bool http_write(int fd, const char *bytes, size_t length);

// GETs http://authority/path of the server at address (HOST:PORT) on a new connection, with these
// extra header lines ("name: value\r\n" each). Returns the status and puts the body there; 0 when
// no answer came.
int http_get(const char *address, const char *authority, const char *path,
             const char *header_lines, char *body, size_t capacity);

#endif
