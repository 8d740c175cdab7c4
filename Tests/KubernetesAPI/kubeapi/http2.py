# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 for clients that ask for it by ALPN: many watches on one connection, as at a real server."""
import select
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .listener import with_certificate

#: As many streams as a real server lets one connection have.
MAX_STREAMS = 250
#: How long a stream's sender waits for room in the client's window.
PATIENCE = 300


class Connection:
    """One connection: a thread that reads, and one for each request."""

    def __init__(self, connection, api, hang_up):
        self.socket, self.api, self.hang_up = connection, api, hang_up
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8"))
        #: Guards `state`; notified when a window grows, a stream ends, or all do.
        self.changed = threading.Condition()
        self.requests, self.ended, self.closed = {}, set(), False

    def run(self):
        """Serves until either side hangs up."""
        self.state.initiate_connection()
        self.state.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS})
        self.flush()
        try:
            while not self.closed:
                # Reading and writing at once would break OpenSSL's state: wait first, then read alone.
                if not self.socket.pending():
                    select.select([self.socket], [], [])
                with self.changed:
                    data = self.socket.recv(65536)
                    if not data:
                        break
                    for event in self.state.receive_data(data):
                        self._take(event)
                    self.flush()
                    self.changed.notify_all()
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.close()

    def flush(self):
        """Sends what the state has to send; `changed` is held, or nobody else is there yet."""
        data = self.state.data_to_send()
        if data:
            self.socket.sendall(data)

    def close(self):
        """Ends the connection and all that goes on over it."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self.hang_up(self.socket)
        with self.api.store.changed:
            self.api.store.changed.notify_all()

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = (dict(event.headers), [])
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id][1].append(event.data)
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.ended.add(event.stream_id)
            threading.Thread(target=self._wake, daemon=True).start()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True
        if isinstance(event, h2.events.StreamEnded):
            headers, parts = self.requests.pop(event.stream_id)
            threading.Thread(target=self._answer, daemon=True,
                             args=(event.stream_id, headers, b"".join(parts))).start()

    def _wake(self):
        """Lets a watch notice that its client is gone: they wait for the store, not for streams."""
        with self.api.store.changed:
            self.api.store.changed.notify_all()

    def _answer(self, stream, headers, body):
        wire = Wire(self, stream)
        said = {k: v for k, v in headers.items() if not k.startswith(":")}
        self.api.handle(headers[":method"], headers[":path"],
                        with_certificate(said, self.socket), body, wire)


class Wire:
    """The way to answer over one stream."""

    def __init__(self, connection, stream):
        self.connection, self.stream = connection, stream

    @property
    def gone(self):
        """Whether the client wants no more."""
        return self.connection.closed or self.stream in self.connection.ended

    def begin(self, code, headers, length):
        """The head."""
        fields = [(":status", str(code))] + [(k.lower(), v) for k, v in headers.items()]
        if length is not None:
            fields.append(("content-length", str(length)))
        self._do(lambda state: state.send_headers(self.stream, fields))

    def write(self, data):
        """A part of the body, as the client's window has room for it."""
        while data:
            with self.connection.changed:
                state = self.connection.state
                there = self.connection.changed.wait_for(
                    lambda: self.gone or state.local_flow_control_window(self.stream) > 0, PATIENCE)
                if self.gone or not there:
                    raise ConnectionError
                size = min(state.local_flow_control_window(self.stream),
                           state.max_outbound_frame_size, len(data))
                self._send(lambda part=data[:size]: state.send_data(self.stream, part))
            data = data[size:]

    def end(self):
        """The body's end."""
        self._do(lambda state: state.end_stream(self.stream))

    def cut(self):
        """The connection's end, in the middle of whatever it is, for all streams."""
        self.connection.close()

    def _do(self, action):
        with self.connection.changed:
            if self.gone:
                raise ConnectionError
            self._send(lambda: action(self.connection.state))

    def _send(self, action):
        try:
            action()
            self.connection.flush()
        except (OSError, h2.exceptions.ProtocolError):
            raise ConnectionError from None
