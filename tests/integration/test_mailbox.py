"""Sealed messages between devices, with real processes: order, acknowledgement, quotas, and kill -9."""

import asyncio
import json
import os
import unittest

import harness
from device import Device, DeviceSocket, b64
from test_directory import server


class Mailbox(unittest.TestCase):
    def setUp(self):
        context = server()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def device(self, user, name="phone", running=None):
        device = Device(running or self.server, user, name)
        device.register(30)
        return device

    def waiting(self, device, after=0):
        status, answer, _ = device.call("GET", f"/messages?after={after}")
        self.assertEqual(200, status)
        return answer["messages"]

    def test_messages_wait_in_order_until_they_are_acknowledged(self):
        alice, bob = Device(self.server, "alice"), self.device("bob")
        sent = []
        for _ in range(5):
            sent.append(alice.message([bob.envelope()], group="group ü"))
            self.assertEqual((200, {"unknown": [], "accepted": 1}), alice.call("POST", "/messages", sent[-1])[:2])
        got = self.waiting(bob)
        self.assertEqual([m["messageId"] for m in sent], [m["messageId"] for m in got])
        self.assertEqual([m["recipients"][0]["body"] for m in sent], [m["body"] for m in got])
        self.assertEqual({"user": "alice", "device": "phone"}, got[0]["from"])
        self.assertEqual((3, "group ü", "signal"), (got[0]["purpose"], got[0]["group"], got[0]["type"]))
        self.assertNotIn("shared", got[0])
        self.assertFalse([key for message in got for key in message if key.startswith("_")])
        self.assertEqual(got[2:], self.waiting(bob, got[1]["seq"]))
        self.assertEqual(200, bob.call("POST", "/messages/ack", {"upTo": got[2]["seq"]})[0])
        self.assertEqual(got[3:], self.waiting(bob))

    def test_they_come_at_once_over_the_socket_and_again_after_a_reconnect_until_acknowledged(self):
        async def scenario():
            alice, bob = Device(self.server, "alice"), self.device("bob")
            alice.call("POST", "/messages", alice.message([bob.envelope()]))
            async with DeviceSocket(alice) as sender:
                async with DeviceSocket(bob) as first:
                    self.assertEqual({"user": "bob", "device": "phone", "pending": 1},
                                     {key: first.attached[key] for key in ("user", "device", "pending")})
                    reply = await sender.request("send", **alice.message([bob.envelope()]))
                    self.assertEqual((True, 1, []), (reply["ok"], reply["accepted"], reply["unknown"]))
                    one, two = await first.messages(2)
                    self.assertLess(one["seq"], two["seq"])
                async with DeviceSocket(bob) as second:
                    self.assertEqual(2, second.attached["pending"])
                    self.assertEqual([one["messageId"], two["messageId"]],
                                     [m["messageId"] for m in await second.messages(2)])
                    self.assertTrue((await second.request("ack", upTo=one["seq"]))["ok"])
                async with DeviceSocket(bob) as third:
                    self.assertEqual(1, third.attached["pending"])
                    self.assertEqual([two["messageId"]], [m["messageId"] for m in await third.messages(1)])
                async with DeviceSocket(bob, after=two["seq"]) as fourth:
                    self.assertEqual(0, fourth.attached["pending"])
        asyncio.run(scenario())

    def test_the_newest_socket_of_a_device_has_its_messages_and_the_other_is_told(self):
        async def scenario():
            alice, bob = Device(self.server, "alice"), self.device("bob")
            async with DeviceSocket(bob) as old, DeviceSocket(bob) as new:
                await old.event("detached")
                alice.call("POST", "/messages", alice.message([bob.envelope()]))
                await new.messages(1)
                self.assertTrue((await old.request("ping"))["ok"])
                self.assertEqual([], old.events)
        asyncio.run(scenario())

    def test_one_body_goes_to_many_and_is_stored_once_until_the_last_has_it(self):
        alice = Device(self.server, "alice")
        friends = [self.device(f"friend-{i}") for i in range(4)]
        shared = b64(os.urandom(40_000))
        message = alice.message([f.envelope() for f in friends], shared=shared)
        message["recipients"].append({"user": "nobody", "device": "phone", "type": "signal", "body": b64(b"x")})
        self.assertEqual((200, {"accepted": 4, "unknown": [{"user": "nobody", "device": "phone"}]}),
                         alice.call("POST", "/messages", message)[:2])
        for index, friend in enumerate(friends):
            (got,) = self.waiting(friend)
            self.assertEqual((shared, message["recipients"][index]["body"]), (got["shared"], got["body"]))
            friend.call("POST", "/messages/ack", {"upTo": got["seq"]})
            self.assertEqual([], self.waiting(friend))
        # The body goes right after the last message that needs it; what is answered later was asked of storage later.
        self.assertEqual(200, friends[0].call("GET", "/keys")[0])
        self.server.process.kill()
        self.server.process.wait()
        needle = shared[:60].encode()
        # Deleted is overwritten; what the log still has of it goes when the next server takes the log in.
        self.server.log.join()
        self.server.start()
        self.assertEqual(200, alice.call("POST", "/messages", alice.message([friends[0].envelope()]))[0])
        self.server.process.terminate()
        self.server.process.wait()
        self.assertFalse(needle in (self.server.directory / "data/sotto.db").read_bytes())
        self.server.log.join()
        self.server.start()

    def test_a_repeated_send_is_answered_the_same_and_delivered_once(self):
        alice, bob = Device(self.server, "alice"), self.device("bob")
        message = alice.message([bob.envelope(), {**bob.envelope(), "device": "tablet"}])
        answers = [alice.call("POST", "/messages", message)[:2] for _ in range(3)]
        self.assertEqual([(200, {"accepted": 1, "unknown": [{"user": "bob", "device": "tablet"}]})] * 3, answers)
        self.assertEqual(1, len(self.waiting(bob)))
        # Another sender's id is another message.
        eve = Device(self.server, "eve")
        self.assertEqual(1, eve.call("POST", "/messages", message)[1]["accepted"])
        self.assertEqual(["alice", "eve"], [m["from"]["user"] for m in self.waiting(bob)])

    def test_what_is_not_to_be_stored_goes_to_attached_devices_alone(self):
        async def scenario():
            alice, bob, carol = Device(self.server, "alice"), self.device("bob"), self.device("carol")
            async with DeviceSocket(bob) as socket, DeviceSocket(alice) as sender:
                message = alice.message([bob.envelope(), carol.envelope()], store=False, shared=b64(b"all"))
                for _ in range(2):
                    reply = await sender.request("send", **message)
                    self.assertEqual((1, [{"user": "carol", "device": "phone"}]), (reply["accepted"], reply["unknown"]))
                (got,) = await socket.messages(1)
                self.assertEqual((0, b64(b"all")), (got["seq"], got["shared"]))
                self.assertTrue((await socket.request("ping"))["ok"])
                self.assertEqual([], socket.events)
            self.assertEqual([], self.waiting(carol) + self.waiting(bob))
        asyncio.run(scenario())

    def test_another_identity_finds_an_empty_mailbox_and_a_removed_device_takes_nothing(self):
        alice, bob = Device(self.server, "alice"), self.device("bob")
        alice.call("POST", "/messages", alice.message([bob.envelope()]))
        (first,) = self.waiting(bob)
        again = Device(self.server, "bob")
        again.register(1)
        self.assertEqual([], self.waiting(again))
        alice.call("POST", "/messages", alice.message([bob.envelope()]))
        self.assertGreater(self.waiting(again)[0]["seq"], first["seq"])
        again.call("DELETE", "/devices/phone")
        answer = alice.call("POST", "/messages", alice.message([bob.envelope()]))[1]
        self.assertEqual((0, 1), (answer["accepted"], len(answer["unknown"])))
        self.assertEqual([], self.waiting(again))

    def test_full_mailboxes_fast_senders_and_big_messages_are_told_apart(self):
        limits = {"mailbox_messages": 3, "send_burst": 6, "sends_per_second": 1, "max_recipients": 4,
                  "max_body_bytes": 2048, "max_shared_bytes": 4096}
        with server(messages=limits) as strict:
            alice, eve, bob = Device(strict, "alice"), Device(strict, "eve"), self.device("bob", running=strict)
            for _ in range(3):
                self.assertEqual(1, alice.call("POST", "/messages", alice.message([bob.envelope()]))[1]["accepted"])
            answer = alice.call("POST", "/messages", alice.message([bob.envelope()]))[1]
            self.assertEqual({"accepted": 0, "unknown": [{"user": "bob", "device": "phone", "full": True}]}, answer)
            bob.call("POST", "/messages/ack", {"upTo": self.waiting(bob)[0]["seq"]})
            self.assertEqual(1, alice.call("POST", "/messages", alice.message([bob.envelope()]))[1]["accepted"])
            statuses = [alice.call("POST", "/messages", alice.message([bob.envelope()])) for _ in range(6)]
            limited = [headers for status, _, headers in statuses if status == 429]
            self.assertTrue(limited)
            self.assertGreaterEqual(int(limited[0]["Retry-After"]), 1)
            for message, status in (
                    (eve.message([bob.envelope(3000)]), 413),
                    (eve.message([bob.envelope()], shared=b64(bytes(5000))), 413),
                    (eve.message([{**bob.envelope(), "device": f"d{i}"} for i in range(5)]), 400),
                    (eve.message([bob.envelope(), bob.envelope()]), 400),
                    (eve.message([]), 400), (eve.message([bob.envelope()], message_id="00"), 400),
                    (eve.message([bob.envelope()], message_id="AA" * 16), 400),
                    (eve.message([bob.envelope()], purpose=256), 400), (eve.message([bob.envelope()], group=""), 400),
                    (eve.message([{**bob.envelope(), "body": "no base64"}]), 400),
                    (eve.message([{**bob.envelope(), "type": "letter"}]), 400)):
                self.assertEqual(status, eve.call("POST", "/messages", message)[0], message)

    def test_more_than_the_window_follows_as_it_is_acknowledged(self):
        async def scenario():
            with server(messages={"window_messages": 4, "send_burst": 100}) as strict:
                alice, bob = Device(strict, "alice"), self.device("bob", running=strict)
                sent = []
                for _ in range(10):
                    sent.append(alice.message([bob.envelope()]))
                    alice.call("POST", "/messages", sent[-1])
                async with DeviceSocket(bob) as socket:
                    got = await socket.messages(4)
                    self.assertTrue((await socket.request("ping"))["ok"])
                    self.assertEqual([], [m for m in socket.events if m.get("event") == "message"])
                    while len(got) < 10:
                        await socket.request("ack", upTo=got[-1]["seq"])
                        got += await socket.messages(min(4, 10 - len(got)))
                    self.assertEqual([m["messageId"] for m in sent], [m["messageId"] for m in got])
        asyncio.run(scenario())

    def test_prekeys_running_low_are_told_to_the_device(self):
        async def scenario():
            bob, alice = Device(self.server, "bob"), Device(self.server, "alice")
            bob.register(21)
            async with DeviceSocket(bob) as socket:
                alice.bundles("bob")
                self.assertTrue((await socket.request("ping"))["ok"])
                self.assertEqual([], socket.events)
                alice.bundles("bob")
                self.assertEqual(19, (await socket.event("prekeys-low"))["remaining"])
            async with DeviceSocket(bob) as again:
                self.assertEqual(19, (await again.event("prekeys-low"))["remaining"])
        asyncio.run(scenario())

    def test_a_socket_must_say_whose_it_is_and_may_join_later_as_the_same_device_only(self):
        async def scenario():
            bob = self.device("bob")
            async with harness.Signaling(self.server) as nobody:
                reply = await nobody.request("send", **bob.message([bob.envelope()]))
                self.assertEqual("not_joined", reply["error"]["code"])
                self.assertEqual("unauthorized", (await nobody.request("attach", token="x"))["error"]["code"])
                self.assertEqual("unauthorized", (await nobody.join("demo", "bob", token=bob.token))["error"]["code"])
            async with DeviceSocket(bob) as socket:
                other = self.server.token(room="demo", user="eve", device="phone", name="Eve")
                own = self.server.token(room="demo", user="bob", device="phone", name="Bob")
                self.assertEqual("forbidden", (await socket.join("demo", "eve", token=other))["error"]["code"])
                reply = await socket.join("demo", "bob", token=own)
                self.assertTrue(reply["ok"])
                self.assertRegex(reply["room"]["call"], "^[0-9a-f]{32}$")
                self.assertEqual(([], ["duo", "aes128gcm", "aes256gcm"]), (reply["room"]["invited"], reply["room"]["suites"]))
        asyncio.run(scenario())

    def test_invited_users_are_shown_to_all_until_they_come(self):
        async def scenario():
            async with harness.Signaling(self.server) as alice, harness.Signaling(self.server) as bob, \
                    harness.Signaling(self.server) as carol:
                first = await alice.join("demo", "Alice")
                await bob.join("demo", "Bob")
                token = self.server.token(room="demo", user="carol", device="phone", name="Carol")
                self.assertEqual(["carol", "dave"], (await alice.request("invite", users=["carol", "dave"]))["users"])
                self.assertEqual(["carol", "dave"], (await bob.event("invited"))["users"])
                reply = await carol.join("demo", "Carol", token=token)
                self.assertEqual((["dave"], first["room"]["call"]), (reply["room"]["invited"], reply["room"]["call"]))
                self.assertEqual(["dave"], (await bob.event("invited"))["users"])
                self.assertEqual([], (await bob.request("uninvite", users=["dave", "nobody"]))["users"])
                self.assertEqual([], (await carol.event("invited"))["users"])
                self.assertEqual("bad_message", (await bob.request("invite", users=["x\x01"]))["error"]["code"])
        asyncio.run(scenario())

    def test_a_room_may_ask_for_suites_that_not_every_client_has(self):
        policies = [{"match": "board-*", "e2ee": "required", "suites": ["aes256gcm"]}]
        with server(rooms={"suites": ["duo", "aes128gcm"], "policies": policies}) as strict:
            async def scenario():
                async with harness.Signaling(strict) as client:
                    refused = await client.join("board-1", "Alice", suites=["duo", "aes128gcm"])
                    self.assertEqual("suite_not_allowed", refused["error"]["code"])
                    self.assertIn("aes256gcm", refused["error"]["message"])
                    reply = await client.join("board-1", "Alice", suites=["duo", "aes256gcm"])
                    self.assertEqual(["aes256gcm"], reply["room"]["suites"])
                async with harness.Signaling(strict) as client:
                    reply = await client.join("hall", "Alice", suites=["aes128gcm"])
                    self.assertEqual(["duo", "aes128gcm"], reply["room"]["suites"])
            asyncio.run(scenario())


class Crash(unittest.TestCase):
    def test_kill_9_at_random_loses_nothing_accepted_and_repeats_nothing_acknowledged(self):
        """A sender that repeats what was not answered, a receiver that acknowledges, a server that dies between."""
        with server(messages={"send_burst": 5000, "sends_per_second": 1000}) as running:
            alice, bob = Device(running, "alice"), Device(running, "bob")
            bob.register(1)
            accepted, acknowledged, delivered = [], 0, []
            queue = [alice.message([bob.envelope()], shared=b64(os.urandom(3000))) for _ in range(120)]

            async def receive():
                nonlocal acknowledged
                try:
                    async with DeviceSocket(bob) as socket:
                        while len(delivered) < len(queue):
                            message = await socket.event("message")
                            self.assertGreater(message["seq"], acknowledged, "delivered again after it was acknowledged")
                            if message["messageId"] not in [m["messageId"] for m in delivered]:
                                delivered.append(message)
                            if (await socket.request("ack", upTo=message["seq"])).get("ok"):
                                acknowledged = message["seq"]
                except (OSError, harness.websockets.WebSocketException):
                    pass

            async def send(kill_after=None):
                try:
                    async with DeviceSocket(alice) as socket:
                        while len(accepted) < len(queue):
                            message = queue[len(accepted)]
                            if len(accepted) == kill_after:
                                # Asked and not answered: whether it is on disk is anybody's guess.
                                await socket.raw(json.dumps({"id": 999, "type": "send", **message}))
                                running.process.kill()
                                return
                            reply = await socket.request("send", **message)
                            self.assertEqual((True, 1), (reply["ok"], reply.get("accepted")), reply)
                            accepted.append(message["messageId"])
                except (OSError, harness.websockets.WebSocketException):
                    pass

            async def both(kill_after=None):
                receiver = asyncio.create_task(receive())
                await send(kill_after)
                await asyncio.wait_for(receiver, harness.DEADLINE_S)

            for kill_after in (7, 23, 58):
                asyncio.run(both(kill_after))
                running.process.wait()
                running.log.join()
                running.start()
            asyncio.run(both())
            self.assertEqual([m["messageId"] for m in queue], accepted)
            self.assertEqual(accepted, [m["messageId"] for m in delivered])
            self.assertEqual([m["shared"] for m in queue], [m["shared"] for m in delivered])


if __name__ == "__main__":
    unittest.main()
