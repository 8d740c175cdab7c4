# SPDX-License-Identifier: Apache-2.0
"""What all forms in JSON have in common."""
import json

JSON = "application/json"


def dump(value):
    """JSON in UTF-8, compact."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Text:
    """A form in JSON."""
    media_type = stream_type = JSON

    @staticmethod
    def error(value):
        """A Status object."""
        return dump(value)

    @staticmethod
    def frame(kind, body):
        """A frame of a watch."""
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)
