"""The key directory over HTTP with real processes: contract, limits, and what must survive kill -9."""

import asyncio
import concurrent.futures
import json
import os
import threading
import unittest

import device as devices
import harness
from device import Device, b64

SECRET = "a secret of the tests that is long enough"


def server(**extra):
    settings = {"auth": {"secret": SECRET}}
    for section, values in extra.items():
        settings.setdefault(section, {}).update(values)
    return harness.Server(extra=settings)


class Directory(unittest.TestCase):
    def setUp(self):
        context = server()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def code(self, answer):
        status, body, _ = answer
        return status, body["error"]["code"]

    def test_what_a_device_registers_is_what_others_fetch_and_each_one_time_prekey_goes_out_once(self):
        bob, alice = Device(self.server, "bob"), Device(self.server, "alice")
        body = bob.register(3)
        fetched = []
        for _ in range(4):
            status, answer, _ = alice.bundles("bob")
            self.assertEqual(200, status)
            (bundle,) = answer["devices"]
            self.assertEqual(body["identityKey"], bundle["identityKey"])
            self.assertEqual(body["signedPreKey"], bundle["signedPreKey"])
            self.assertEqual(4711, bundle["registrationId"])
            fetched.append(bundle["oneTimePreKey"])
        self.assertIsNone(fetched.pop())
        self.assertEqual(body["oneTimePreKeys"], fetched)

    def test_all_devices_of_a_user_are_listed_and_fetched_and_some_may_be_named(self):
        phone, laptop = Device(self.server, "Zoë ü/ 100%", "phone"), Device(self.server, "Zoë ü/ 100%", "laptop")
        phone.register(5)
        laptop.register(5)
        path = "/users/Zo%C3%AB%20%C3%BC%2F%20100%25"
        status, answer, _ = phone.call("GET", path + "/devices")
        self.assertEqual((200, ["laptop", "phone"]), (status, [d["device"] for d in answer["devices"]]))
        self.assertEqual(b64(phone.identity.public), answer["devices"][1]["identityKey"])
        status, answer, _ = phone.call("POST", path + "/bundles", {})
        self.assertEqual(["laptop", "phone"], [d["device"] for d in answer["devices"]])
        status, answer, _ = phone.call("POST", path + "/bundles", {"devices": ["phone", "tablet"]})
        self.assertEqual(["phone"], [d["device"] for d in answer["devices"]])
        self.assertEqual((404, "unknown_device"), self.code(phone.call("POST", path + "/bundles", {"devices": ["tablet"]})))
        self.assertEqual((404, "unknown_user"), self.code(phone.bundles("nobody")))
        self.assertEqual((404, "unknown_user"), self.code(phone.call("GET", "/users/nobody/devices")))

    def test_forged_signatures_low_order_points_and_malformed_keys_are_refused_and_change_nothing(self):
        bob = Device(self.server, "bob")
        before = bob.register(2)
        forged = bob.registration(1)
        other = devices.KeyPair()
        forged["signedPreKey"]["signature"] = b64(other.sign(b"something else"))
        self.assertEqual((400, "bad_key"), self.code(bob.call("PUT", "/keys", forged)))
        self.assertEqual((400, "bad_key"), self.code(bob.call("PUT", "/keys/signed", forged["signedPreKey"])))
        p = 2**255 - 19
        for u in (0, 1, p - 1, p, p + 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
                  39382357235489614581723060781553021112529911719440698176882885853963445705823, 2**255 - 1, 2**255 + 9):
            low = bob.registration(0)
            low["oneTimePreKeys"] = [{"id": 9, "key": b64(b"\x05" + u.to_bytes(32, "little"))}]
            self.assertEqual((400, "bad_key"), self.code(bob.call("PUT", "/keys", low)), u)
        for key in (b"", b"\x05" * 32, b"\x06" + b"\x09" * 32, b"\x05" + b"\x09" * 33):
            self.assertEqual((400, "bad_key"),
                             self.code(bob.call("POST", "/keys/one-time", {"oneTimePreKeys": [{"id": 50, "key": b64(key)}]})))
        for body in ([], "x", {}, {"oneTimePreKeys": 5}, {"oneTimePreKeys": [5]}, {"oneTimePreKeys": [{"id": 0, "key": ""}]},
                     {"oneTimePreKeys": [{"id": 2**24, "key": ""}]}, {"oneTimePreKeys": [{"id": 7, "key": "no base64"}]}):
            self.assertEqual((400, "bad_message"), self.code(bob.call("POST", "/keys/one-time", body)), body)
        status, answer, _ = bob.call("GET", "/keys")
        self.assertEqual((200, before["identityKey"], 2), (status, answer["identityKey"], answer["oneTimePreKeys"]["count"]))

    def test_one_time_prekeys_are_refilled_to_the_limit_and_never_twice_with_one_id(self):
        bob, alice = Device(self.server, "bob"), Device(self.server, "alice")
        bob.register(150)
        self.assertEqual((413, "too_large"), self.code(bob.call("POST", "/keys/one-time", {"oneTimePreKeys": bob.one_time(51)})))
        bob.next_id -= 51
        status, answer, _ = bob.call("POST", "/keys/one-time", {"oneTimePreKeys": bob.one_time(50)})
        self.assertEqual((200, {"oneTimePreKeys": 200}), (status, answer))
        taken = alice.bundles("bob")[1]["devices"][0]["oneTimePreKey"]
        for again in (taken, {"id": taken["id"] + 1, "key": taken["key"]}):
            self.assertEqual((409, "duplicate_prekey"), self.code(bob.call("POST", "/keys/one-time", {"oneTimePreKeys": [again]})))
        self.assertEqual(199, bob.call("GET", "/keys")[1]["oneTimePreKeys"]["count"])

    def test_a_registration_may_be_repeated_and_brings_no_prekey_back(self):
        bob, alice = Device(self.server, "bob"), Device(self.server, "alice")
        body = bob.register(3)
        taken = alice.bundles("bob")[1]["devices"][0]["oneTimePreKey"]["id"]
        status, answer, _ = bob.call("PUT", "/keys", body)
        self.assertEqual((200, {"oneTimePreKeys": 2}), (status, answer))
        self.assertNotIn(taken, bob.call("GET", "/keys")[1]["oneTimePreKeys"]["ids"])

    def test_a_removed_device_is_gone_with_its_keys_and_only_its_own_user_may_remove_it(self):
        phone, laptop, eve = Device(self.server, "bob"), Device(self.server, "bob", "laptop"), Device(self.server, "eve")
        phone.register(3)
        laptop.register(3)
        self.assertEqual((404, "unknown_device"), self.code(eve.call("DELETE", "/devices/phone")))
        self.assertEqual(200, laptop.call("DELETE", "/devices/phone")[0])
        self.assertEqual((404, "unknown_device"), self.code(phone.call("GET", "/keys")))
        self.assertEqual(["laptop"], [d["device"] for d in eve.bundles("bob")[1]["devices"]])

    def test_tokens_are_needed_and_bad_ones_explained(self):
        bob = Device(self.server, "bob")
        self.assertEqual((401, "unauthorized"), self.code(bob.call("GET", "/keys", token="")))
        self.assertEqual((401, "unauthorized"), self.code(bob.call("GET", "/keys", token=bob.token[:-2])))
        self.assertEqual((404, "not_found"), self.code(bob.call("GET", "/nothing")))
        status, _, headers = bob.call("POST", "/keys", {})
        self.assertEqual((405, "PUT, GET"), (status, headers["Allow"]))

    def test_a_device_that_asks_too_much_is_told_to_wait(self):
        with server(clients={"messages_per_second": 1, "message_burst": 5}) as strict:
            bob, alice = Device(strict, "bob"), Device(strict, "alice")
            answers = [bob.call("GET", "/keys") for _ in range(8)]
            self.assertEqual([404] * 5, [status for status, _, _ in answers[:5]])
            self.assertIn(429, [status for status, _, _ in answers[5:]])
            self.assertEqual(404, alice.call("GET", "/keys")[0])

    def test_fetches_are_limited_for_each_target_and_in_all_and_say_when_to_come_back(self):
        with server(directory={"fetch_burst": 30, "target_fetch_burst": 5}) as strict:
            alice, eve = Device(strict, "alice"), Device(strict, "eve")
            for user in ("bob", "carol"):
                Device(strict, user).register(10)
            self.assertEqual([200] * 5, [alice.bundles("bob")[0] for _ in range(5)])
            status, answer, headers = alice.bundles("bob")
            self.assertEqual((429, "rate_limited"), (status, answer["error"]["code"]))
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
            # Nobody else is held up, and other targets are free until the sum is used up.
            self.assertEqual((200, 200), (eve.bundles("bob")[0], alice.bundles("carol")[0]))
            statuses = [alice.bundles(f"nobody-{i}")[0] for i in range(40)]
            self.assertEqual({404, 429}, set(statuses))
            self.assertEqual(24, statuses.count(404))

    def test_fifty_fetchers_at_once_get_fifty_different_prekeys(self):
        bob = Device(self.server, "bob")
        bob.register(40)
        fetchers = [Device(self.server, f"user-{i}") for i in range(50)]
        start = threading.Barrier(len(fetchers))

        def fetch(fetcher):
            start.wait()
            return fetcher.bundles("bob")[1]["devices"][0]["oneTimePreKey"]

        with concurrent.futures.ThreadPoolExecutor(len(fetchers)) as pool:
            keys = list(pool.map(fetch, fetchers))
        ids = [key["id"] for key in keys if key]
        self.assertEqual((40, 40, 10), (len(ids), len(set(ids)), keys.count(None)))

    def test_a_killed_server_never_hands_out_a_prekey_again_and_forgets_no_registration(self):
        seed = int.from_bytes(os.urandom(4), "big")
        bob = Device(self.server, "bob")
        bob.register(200)
        seen, lock = [], threading.Lock()

        def fetch(index):
            try:
                key = Device(self.server, f"user-{index}-{seed}").bundles("bob")[1]["devices"][0]["oneTimePreKey"]
                with lock:
                    seen.append(key["id"])
            except Exception:  # the server is being killed: an answer may be lost, and its key with it
                pass

        for round_ in range(3):
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                futures = [pool.submit(fetch, round_ * 100 + i) for i in range(30)]
                # In the middle of it: some have their answer, some are between commit and answer.
                next(concurrent.futures.as_completed(futures))
                self.server.kill_and_restart()
        left = set(bob.call("GET", "/keys")[1]["oneTimePreKeys"]["ids"])
        self.assertGreater(len(seen), 0)
        self.assertEqual(len(seen), len(set(seen)), f"seed {seed}: handed out twice")
        self.assertEqual(set(), left & set(seen), f"seed {seed}: still there after it went out")


class Origins(unittest.TestCase):
    """Pages of other origins: refused by default, let in by name."""

    PAGE = "https://call.example.org"

    def test_pages_from_elsewhere_are_refused_over_http_and_websocket_and_programs_are_not(self):
        with server() as running:
            bob = Device(running, "bob")
            bob.register(1)
            own = f"http://127.0.0.1:{running.http_port}"
            for origin, expected in ((self.PAGE, 403), ("null", 403), (own, 200)):
                status, answer, headers = bob.call("GET", "/keys", headers={"Origin": origin})
                self.assertEqual(expected, status, origin)
                self.assertNotIn("Access-Control-Allow-Origin", headers)
            self.assertEqual(403, bob.call("PATCH", "/blobs/" + "0" * 64, raw=b"x", headers={"Origin": self.PAGE})[0])
            self.assertEqual(403, bob.call("OPTIONS", "/keys", headers={"Origin": self.PAGE})[0])

            async def connect(origin):
                async with harness.websockets.connect(running.url.replace("http", "ws") + "/ws", origin=origin):
                    return 101

            self.assertEqual(101, asyncio.run(connect(own)))
            self.assertEqual(101, asyncio.run(connect(None)))
            with self.assertRaises(harness.websockets.InvalidStatusCode) as refused:
                asyncio.run(connect(self.PAGE))
            self.assertEqual(403, refused.exception.status_code)

    def test_named_origins_are_let_in_and_told_so(self):
        with server(http={"allowed_origins": [self.PAGE]}) as running:
            bob = Device(running, "bob")
            status, _, headers = bob.call("OPTIONS", "/keys", token="", headers={
                "Origin": self.PAGE, "Access-Control-Request-Method": "PUT"})
            self.assertEqual((204, self.PAGE), (status, headers["Access-Control-Allow-Origin"]))
            self.assertIn("PUT", headers["Access-Control-Allow-Methods"])
            self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
            status, _, headers = bob.call("GET", "/keys", headers={"Origin": self.PAGE})
            self.assertEqual((404, self.PAGE, "Origin"), (status, headers["Access-Control-Allow-Origin"], headers["Vary"]))
            self.assertEqual(403, bob.call("GET", "/keys", headers={"Origin": "https://evil.example.org"})[0])

            async def connect():
                async with harness.websockets.connect(running.url.replace("http", "ws") + "/ws", origin=self.PAGE) as socket:
                    await socket.send('{"id":1,"type":"ping"}')
                    return json.loads(await socket.recv())["ok"]
            self.assertTrue(asyncio.run(connect()))


class Storage(unittest.TestCase):
    def test_the_files_are_for_the_server_alone_and_one_that_others_may_read_is_refused(self):
        with server() as running:
            data = running.directory / "data"
            self.assertEqual(0o700, data.stat().st_mode & 0o777)
            for file in data.iterdir():
                if file.is_file():
                    self.assertEqual(0, file.stat().st_mode & 0o077, file)
            running.process.kill()
            running.process.wait()
            running.log.join()
            (data / "sotto.db").chmod(0o644)
            with self.assertRaisesRegex(AssertionError, "open to other users .mode 0644., expected 0600"):
                running.start()
            (data / "sotto.db").chmod(0o600)
            running.start()

    def test_a_second_server_on_the_same_folder_is_refused(self):
        with server() as first:
            second = server(storage={"directory": str(first.directory / "data")})
            with self.assertRaisesRegex(AssertionError, "in use by another server"):
                second.start()


if __name__ == "__main__":
    unittest.main()
