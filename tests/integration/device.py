"""A device as the key directory and the mailboxes know it, over HTTP: registers real keys, fetches bundles, sends.

XEdDSA signing is here because the directory checks signatures; nothing in these tests needs sessions, so what is
sealed is random bytes.
"""

import base64
import hashlib
import http.client
import json
import os
import urllib.parse

import harness

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P


def _recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x % 2 != sign else x


def _add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    aa, bb = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    cc, dd = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = bb - aa, dd - cc, dd + cc, bb + aa
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


_X = _recover_x(BASE_Y, 0)
BASE = (_X, BASE_Y, 1, _X * BASE_Y % P)


def _encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


class KeyPair:
    """A Curve25519 pair that signs with XEdDSA."""

    def __init__(self):
        private = bytearray(os.urandom(32))
        private[0] &= 248
        private[31] = private[31] & 127 | 64
        scalar = int.from_bytes(private, "little")
        edwards = _encode(_times(scalar, BASE))
        y = int.from_bytes(edwards, "little") & (1 << 255) - 1
        self._sign_bit = edwards[31] & 128
        self._edwards = edwards
        self._scalar = scalar
        self.public = b"\x05" + ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")

    def sign(self, message):
        """The sign of the Edwards key goes into the last bit of the signature, as deployed."""
        r = int.from_bytes(hashlib.sha512(os.urandom(64)).digest(), "little") % L
        big_r = _encode(_times(r, BASE))
        h = int.from_bytes(hashlib.sha512(big_r + self._edwards + message).digest(), "little") % L
        signature = bytearray(big_r + ((r + h * self._scalar) % L).to_bytes(32, "little"))
        signature[63] |= self._sign_bit
        return bytes(signature)


def b64(data):
    return base64.b64encode(data).decode()


class Device:
    """(user, device) with its keys, a token that names no room, and one HTTP connection."""

    def __init__(self, server, user, device="phone"):
        self.server, self.user, self.device = server, user, device
        self.identity = KeyPair()
        self.next_id = 1
        self.refresh_token()

    def refresh_token(self):
        self.token = self.server.token(user=self.user, device=self.device, name=self.user)

    def call(self, method, path, body=None, headers=None, token=None, raw=None):
        """(status, JSON or bytes, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=harness.DEADLINE_S)
        try:
            data = raw if raw is not None else None if body is None else json.dumps(body).encode()
            connection.request(method, "/api/v1" + path, body=data, headers={
                "Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers.get("Content-Type") == "application/json" and content:
                content = json.loads(content)
            return answer.status, content, answer.headers
        finally:
            connection.close()

    def one_time(self, count):
        """Fresh one-time prekeys with ids that count up."""
        keys = [{"id": self.next_id + i, "key": b64(b"\x05" + os.urandom(31) + b"\x10")} for i in range(count)]
        self.next_id += count
        return keys

    def signed(self, id_=1):
        pair = KeyPair()
        return {"id": id_, "key": b64(pair.public), "signature": b64(self.identity.sign(pair.public))}

    def registration(self, count=100):
        return {"identityKey": b64(self.identity.public), "registrationId": 4711, "signedPreKey": self.signed(),
                "oneTimePreKeys": self.one_time(count)}

    def register(self, count=100):
        body = self.registration(count)
        status, answer, _ = self.call("PUT", "/keys", body)
        assert status == 200, (status, answer)
        return body

    def bundles(self, user, **body):
        return self.call("POST", f"/users/{urllib.parse.quote(user)}/bundles", body)

    def envelope(self, size=64, type_="signal"):
        """For others to send to this device."""
        return {"user": self.user, "device": self.device, "type": type_, "body": b64(os.urandom(size))}

    def message(self, recipients, message_id=None, **fields):
        return {"messageId": message_id or os.urandom(16).hex(), "purpose": 3, "group": "conversation",
                "recipients": recipients, **fields}


class DeviceSocket(harness.Signaling):
    """The WebSocket of a device that has attached."""

    def __init__(self, device, after=None):
        super().__init__(device.server)
        self.device, self.after = device, after

    async def __aenter__(self):
        await super().__aenter__()
        fields = {} if self.after is None else {"after": self.after}
        self.attached = await self.request("attach", token=self.device.token, **fields)
        return self

    async def messages(self, count):
        return [await self.event("message") for _ in range(count)]
