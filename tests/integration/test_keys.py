"""Devices with identities: messages between them, verification, and calls whose keys they agree on themselves."""

import base64
import hashlib
import json
import os
import random
import signal
import unittest

import harness
import memory_search
from device import Device
from person import OneWayProxy, Person
from test_directory import server


def texts(messages):
    return [message["text"] for message in messages if message["type"] == "text"]


class Keys(unittest.TestCase):
    def setUp(self):
        self.server = self.enter(server())

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def person(self, user, device="phone"):
        return self.enter(Person(self.server, user, device))

    def waiting(self, person):
        """How many messages the server has for a device: with a token of the same names."""
        status, answer, _ = Device(self.server, person.user, person.device).call("GET", "/messages")
        self.assertEqual(200, status)
        return len(answer["messages"])


class Messages(Keys):
    def test_texts_a_file_and_a_reaction_go_between_two_devices_and_come_once(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        (sent,) = alice.send("bob", "--text", "Grüße 👋")
        self.assertEqual(("phone", "accepted"), (sent["device"], sent["state"]))
        original = alice.directory / "holiday photo.bin"
        original.write_bytes(os.urandom(3_000_000))
        alice.send("bob", "--file", original)
        text, file = bob.receive()
        self.assertEqual((sent["id"], "Grüße 👋", {"user": "alice", "device": "phone"}),
                         (text["id"], text["text"], text["from"]))
        self.assertEqual(("holiday photo.bin", 3_000_000), (file["name"], file["size"]))
        with open(file["path"], "rb") as saved:
            self.assertEqual(hashlib.sha256(original.read_bytes()).digest(), hashlib.sha256(saved.read()).digest())
        bob.send("alice", "--react", text["id"], "👍")
        (reaction,) = alice.receive()
        self.assertEqual(("reaction", text["id"], "👍", False),
                         tuple(reaction[key] for key in ("type", "message", "emoji", "remove")))
        self.assertEqual(([], []), (alice.receive(), bob.receive()))
        self.assertEqual((0, 0), (self.waiting(alice), self.waiting(bob)))

    def test_all_devices_of_a_user_get_a_message_and_confirm_it_at_once_when_they_are_there(self):
        alice = self.person("alice").init()
        bobs = [self.person("bob", name).init() for name in ("phone", "laptop")]
        running = [bob.follow() for bob in bobs]
        sent = alice.send("bob", "--text", "to both", wait=harness.DEADLINE_S)
        self.assertEqual({"phone": "confirmed", "laptop": "confirmed"}, {to["device"]: to["state"] for to in sent})
        for process, log in running:
            log.wait_for("to both")
            process.send_signal(signal.SIGINT)
            self.assertEqual(0, process.wait(harness.DEADLINE_S))

    def test_a_receiver_killed_before_its_acknowledgement_gets_through_loses_and_repeats_nothing(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        with OneWayProxy(self.server.http_port) as proxy:
            process, log = bob.follow(url=proxy.url)
            alice.send("bob", "--text", "first")
            log.wait_for("first")
            proxy.hold()
            alice.send("bob", "--text", "second")
            alice.send("bob", "--text", "third")
            # Once the third is printed the second is dealt with for good; the server heard nothing of either.
            log.wait_for("third")
            process.kill()
            process.wait()
            log.join()
        alice.send("bob", "--text", "fourth")
        self.assertGreaterEqual(self.waiting(bob), 3)
        # The third may have been printed and that not noted; nothing else comes twice, and nothing is missing.
        self.assertIn(texts(bob.receive()), (["fourth"], ["third", "fourth"]))
        self.assertEqual(0, self.waiting(bob))

    def test_a_receiver_killed_at_any_moment_loses_nothing(self):
        seed = int.from_bytes(os.urandom(4), "big")
        moments = random.Random(seed)
        alice, bob = self.person("alice").init(), self.person("bob").init()
        sent, shown, doubled = [], [], 0
        for round_ in range(4):
            for number in range(4):
                sent.append(f"{round_}.{number}")
                alice.send("bob", "--text", sent[-1])
            process, log = bob.follow()
            # After so many lines the next is being dealt with: a kill falls anywhere in there.
            for count in range(moments.randrange(4)):
                log.wait_for(f'"{round_}.{count}"')
            process.kill()
            process.wait()
            log.join()
            got = [line.split('"text":"')[1].split('"')[0] for line in log.text().splitlines() if line.endswith("}")]
            shown += got
            doubled += 1
        shown += texts(bob.receive())
        self.assertEqual(sent, sorted(set(shown), key=sent.index), f"seed {seed}: {shown}")
        # Killed between printing a message and noting that it was printed, it is printed again: one for each kill.
        self.assertLessEqual(len(shown) - len(set(shown)), doubled, f"seed {seed}: {shown}")

    def test_the_server_holds_neither_text_nor_file_in_its_memory_its_database_or_its_files(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        seed = int.from_bytes(os.urandom(4), "big")
        text, content = random.Random(seed).randbytes(2_000).hex(), random.Random(seed + 1).randbytes(30_000)
        pieces = {f"text at {at}": text[at:at + 16].encode() for at in range(0, len(text) - 15, 16)}
        pieces |= {f"file at {at}": content[at:at + 16] for at in range(0, len(content) - 15, 16)}
        (alice.directory / "plan").write_bytes(content)
        alice.send("bob", "--text", text)
        alice.send("bob", "--file", alice.directory / "plan")

        def search():
            for pid in (self.server.process.pid, *self.server.worker_pids()):
                found, searched = memory_search.Search(pieces).in_process(pid)
                self.assertEqual(set(), found, f"seed {seed}, process {pid}")
                self.assertGreater(searched, 1 << 20)
            stored = b""
            for path in self.server.directory.rglob("*"):
                if path.is_file():
                    stored += path.read_bytes()
            self.assertGreater(len(stored), len(content))
            self.assertEqual([], [name for name, piece in pieces.items() if piece in stored], f"seed {seed}")

        search()  # while both wait to be fetched
        process, log = bob.follow()
        log.wait_for('"name":"plan"')
        # What opened them has them: so the search would have found them.
        found, _ = memory_search.Search(pieces).in_process(process.pid)
        self.assertTrue(any(name.startswith("text") for name in found), f"seed {seed}")
        search()
        process.send_signal(signal.SIGINT)
        process.wait(harness.DEADLINE_S)

    def test_a_file_that_was_changed_in_the_store_is_dropped_unread(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        original = alice.directory / "letter.txt"
        original.write_text("for your eyes only" * 100)
        alice.send("bob", "--file", original)
        (blob,) = self.server.directory.glob("**/blobs/*.blob")
        content = bytearray(blob.read_bytes())
        self.assertNotIn(b"for your eyes", content)
        content[17] ^= 1
        blob.write_bytes(content)
        (file,) = bob.receive(expect=3)
        self.assertIsNone(file["path"])
        self.assertFalse((bob.directory / "letter.txt").exists())
        self.assertEqual([], bob.receive())

    def test_names_of_files_cannot_leave_the_folder_they_are_saved_in(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        name = "..\\..\\.profile"
        (alice.directory / name).write_text("x")
        alice.send("bob", "--file", alice.directory / name)
        alice.send("bob", "--file", alice.directory / name)
        paths = [file["path"] for file in bob.receive()]
        self.assertEqual([str(bob.directory / part) for part in ("_.profile", "_-2.profile")], paths)


class Recovery(Keys):
    def converse(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        alice.send("bob", "--text", "1")
        self.assertEqual(["1"], texts(bob.receive()))
        bob.send("alice", "--text", "2")
        self.assertEqual(["2"], texts(alice.receive()))
        return alice, bob

    def test_lost_sessions_heal_while_the_sender_is_there(self):
        alice, bob = self.converse()
        bob.run("device", "reset", "alice")
        process, log = bob.follow()
        (sent,) = alice.send("bob", "--text", "3", wait=harness.DEADLINE_S)
        self.assertEqual("confirmed", sent["state"])
        log.wait_for('"text":"3"')
        process.send_signal(signal.SIGINT)
        process.wait(harness.DEADLINE_S)
        bob.send("alice", "--text", "4")
        self.assertEqual(["4"], texts(alice.receive()))

    def test_lost_sessions_heal_when_the_sender_comes_back_later(self):
        alice, bob = self.converse()
        bob.run("device", "reset", "alice")
        alice.send("bob", "--text", "3")
        alice.send("bob", "--text", "4")
        self.assertEqual([], bob.receive())  # says that it cannot open them
        self.assertEqual([], alice.receive())  # sends them again
        self.assertEqual(["3", "4"], texts(bob.receive()))
        self.assertEqual([], alice.receive())
        self.assertEqual([], bob.receive())

    def test_nothing_goes_to_a_changed_identity_nor_is_taken_from_it_until_it_is_accepted(self):
        alice, bob = self.converse()
        bob.wipe()
        # Its name is taken in the directory: nobody takes another device's place by accident.
        _, err = bob.run("device", "init", "--device", "phone", expect=2)
        self.assertIn("another identity", err)
        bob.init("--replace")
        self.assertIn("HAS CHANGED", alice.send("bob", "--text", "secret", expect=4))
        self.assertEqual([], bob.receive())
        bob.send("alice", "--text", "it is me")
        self.assertEqual(["identity-changed"], [message["type"] for message in alice.receive(expect=4)])
        self.assertEqual(["identity-changed"], [message["type"] for message in alice.receive(expect=4)])
        out, _ = alice.run("verify", "bob", expect=4)
        self.assertIn("HAS CHANGED", out)
        alice.run("verify", "bob", "--accept")
        self.assertEqual(["it is me"], texts(alice.receive()))
        alice.send("bob", "--text", "secret")
        self.assertEqual(["secret"], texts(bob.receive()))

    def test_a_removed_device_is_gone_from_the_directory(self):
        alice, bob = self.converse()
        bob.run("device", "remove")
        self.assertFalse(bob.store.exists())
        self.assertIn("no registered device", alice.send("bob", "--text", "anybody there?", expect=1))


class Verification(Keys):
    def shown(self, person, peer, *options):
        out, _ = person.run("verify", peer, "--json", *options)
        (device,) = json.loads(out)["devices"]
        return device

    def test_both_sides_see_the_same_number_and_scan_each_other_crosswise(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        there, here = self.shown(alice, "bob"), self.shown(bob, "alice")
        self.assertRegex(there["safetyNumber"], r"^\d{60}$")
        self.assertEqual(there["safetyNumber"], here["safetyNumber"])
        a, b = base64.b64decode(there["qr"]), base64.b64decode(here["qr"])
        # version 2, our fingerprint, theirs: 08 02 | 1a..: lengths are all the same
        self.assertEqual((b"\x08\x02", len(a)), (a[:2], len(b)))
        half = (len(a) - 2) // 2
        self.assertEqual((a[2 + half + 4:], b[2 + half + 4:]), (b[6:2 + half], a[6:2 + half]))

    def test_a_mark_stays_until_the_identity_changes(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        self.assertEqual("new", self.shown(alice, "bob")["state"])
        self.assertEqual("verified", self.shown(alice, "bob", "--mark")["state"])
        self.assertEqual("verified", self.shown(alice, "bob")["state"])
        bob.wipe()
        bob.init("--replace")
        alice.run("verify", "bob", "--mark", expect=4)  # a changed identity cannot be marked
        self.assertEqual("known", self.shown(alice, "bob", "--accept")["state"])

    def test_a_store_locked_with_a_passphrase_opens_with_that_alone(self):
        alice = self.person("alice")
        alice.init("--store-passphrase", "correct horse")
        self.assertFalse(list(alice.directory.glob("*.key")))
        _, err = alice.run("device", "show", "--store-passphrase", "battery staple", expect=2)
        self.assertIn("cannot be opened", err)
        alice.run("device", "show", expect=2)
        alice.run("device", "show", "--store-passphrase", "correct horse")

    def test_the_store_and_its_key_are_for_their_owner_alone_and_hold_nothing_in_the_clear(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        alice.send("bob", "--text", "a text in the store of its sender")
        for path in alice.directory.glob("device*"):
            self.assertEqual(0o600, path.stat().st_mode & 0o777, path)
            self.assertNotIn(b"in the store", path.read_bytes())


class AutomaticKeys(Keys):
    def join(self, name, duration, *options):
        return self.enter(harness.Client(self.server, "demo", name, "--synthetic", "180p", "--duration", duration,
                                         *options))

    def finish(self, client):
        code, report = client.finish(120)
        self.assertEqual(0, code, client.log.text())
        return report

    def test_four_members_come_and_go_and_everybody_opens_what_is_theirs(self):
        alice = self.join("alice", 16)
        alice.log.wait_for("connected")
        bob, carol = self.join("bob", 12), self.join("carol", 12)
        carol.log.wait_for("connected")
        bob.log.wait_for("connected")
        dave = self.join("dave", 4)
        reports = {client.report_path.stem: self.finish(client) for client in (dave, bob, carol, alice)}
        for name, report in reports.items():
            for stream in report["streams"]:
                self.assertGreater(stream["opened"], 30, (name, stream))
                # What came before the first key, and what was under way when one changed: seconds of sound at most.
                self.assertLessEqual(set(stream["failures"]), {"unknown-key"}, (name, stream))
                self.assertLess(stream["failed"], 200, (name, stream))
        # Everybody saw the codes of four and of three, and those who were in the same call the same.
        codes = {name: {code["digits"] for code in report["keys"]["callCodes"]} for name, report in reports.items()}
        four = set.intersection(*codes.values())
        self.assertEqual(1, len(four), codes)
        self.assertTrue((codes["alice"] & codes["bob"] & codes["carol"]) - four, codes)
        self.assertRegex(four.pop(), r"^\d{30}$")
        for name in ("alice", "bob", "carol"):
            rotations = reports[name]["keys"]["rotations"]
            left = [rotation for rotation in rotations
                    if "dave" in [removed["user"] for removed in rotation["removed"]]]
            self.assertEqual(["leave"], [rotation["reason"] for rotation in left], rotations)
            self.assertLess(left[0]["removed"][0]["honouredAfterMs"], 5000)
            self.assertEqual([], [receipt for receipt in left[0]["receipts"] if receipt["afterMs"] is None])
            self.assertNotIn("dave", [receipt["user"] for receipt in left[0]["receipts"]])
            # Others went on opening frames of the new generation.
            self_id = next(stream["participantId"] for stream in reports["alice" if name != "alice" else "bob"]["streams"]
                           if stream["participant"] == name)
            other = reports["alice" if name != "alice" else "bob"]["keys"]["arrivals"]
            generations = {arrival["keyId"] >> 8 & 0xFF for arrival in other if arrival["participantId"] == self_id}
            self.assertGreaterEqual(len(generations), 2, other)
        # Nothing of after his leaving was ever opened by him: no generation but the first of anybody who was there.
        for arrival in reports["dave"]["keys"]["arrivals"]:
            self.assertEqual(0, arrival["keyId"] >> 8 & 0xFF, arrival)

    def test_a_device_with_a_changed_identity_is_shown_and_gets_no_key(self):
        alice = self.join("alice", 5, "--device", "phone")
        bob = self.join("bob", 5, "--device", "phone")
        for client in (alice, bob):
            self.finish(client)
        again = self.person("bob")
        again.init("--replace")
        alice = self.enter(harness.Client(self.server, "demo", "alice", "--synthetic", "180p", "--duration", 8,
                                          directory=alice.directory))
        alice.log.wait_for("connected")
        bob = self.enter(harness.Client(self.server, "demo", "bob", "--synthetic", "180p", "--duration", 5,
                                        "--store", again.store))
        code, theirs = bob.finish()
        self.assertEqual(3, code, bob.log.text())  # frames came, and there was no key for them
        self.assertEqual({"unknown-key"}, {reason for stream in theirs["streams"] for reason in stream["failures"]})
        code, ours = alice.finish()
        self.assertIn("HAS CHANGED", alice.log.text())
        self.assertEqual([{"user": "bob", "device": "phone"}], ours["keys"]["changedIdentities"])
        self.assertFalse([stream for stream in ours["streams"] if stream["opened"]])

    def test_what_is_said_in_a_call_is_heard_by_all_and_read_by_no_server(self):
        bob, carol = self.join("bob", 10), self.join("carol", 10)
        for client in (bob, carol):
            client.log.wait_for("connected")
        alice = self.join("alice", 5, "--chat", "to whom it may concern", "--reaction", "🎉")
        reports = [self.finish(client) for client in (alice, bob, carol)]
        self.assertEqual(2, reports[0]["messagesSent"])
        for report in reports[1:]:
            said = [(m["participant"], m["type"], m.get("text", m.get("emoji"))) for m in report["messages"]]
            self.assertEqual([("alice", "chat", "to whom it may concern"), ("alice", "reaction", "🎉")], said)

    def test_an_invited_user_who_comes_has_the_key_already(self):
        carol = self.person("carol").init()
        alice = self.join("alice", 12, "--invite", "carol")
        alice.log.wait_for("connected")
        # The mailbox has alice's key before carol is there.
        harness.wait_until(lambda: self.waiting(carol) > 0)
        joined = self.enter(harness.Client(self.server, "demo", "carol", "--synthetic", "180p", "--duration", 4,
                                           "--store", carol.store))
        report = self.finish(joined)
        self.assertTrue([stream for stream in report["streams"] if stream["opened"] > 30], report["streams"])

    def test_companions_come_and_go_and_the_table_says_how_the_keys_changed(self):
        alice = self.join("alice", 16, "--rotate", "bob:0-9,carol:2-6")
        report = self.finish(alice)
        self.assertEqual({"bob", "carol"}, {companion["name"] for companion in report["companions"]})
        for companion in report["companions"]:
            self.assertEqual(0, companion["exitCode"], companion)
        for row in (r"\+0.00 s +alice +first", r" s +carol +first", r" alice +leave of carol +\d+\.0 ",
                    r" bob +leave of carol +\d+\.0 ", r" alice +join "):
            self.assertRegex(alice.log.text(), row)

    def test_a_room_that_takes_one_suite_is_joined_with_it_and_left_by_whoever_insists_on_another(self):
        policies = [{"match": "demo", "e2ee": "required", "suites": ["aes256gcm"]}]
        self.server = self.enter(server(rooms={"policies": policies}))
        alice = self.join("alice", 16)
        alice.log.wait_for("connected")
        stubborn = self.join("carol", 10, "--suite", "duo")
        self.assertEqual(1, stubborn.finish()[0])
        self.assertIn("this room takes only frames sealed with aes256gcm; this client has duo, aes128gcm, aes256gcm",
                      stubborn.log.text())
        self.assertNotIn("connected", stubborn.log.text())
        bob = self.finish(self.join("bob", 4, "--suite", "aes256gcm"))
        for report in (bob, self.finish(alice)):
            self.assertEqual("aes256gcm", report["suite"])
            self.assertEqual({"alice", "bob"} - {report["name"]}, {stream["participant"] for stream in report["streams"]})
            for stream in report["streams"]:
                self.assertGreater(stream["opened"], 30, stream)

    def test_the_same_with_a_key_that_the_application_hands_out(self):
        self.server = self.enter(server(rooms={"suites": ["aes128gcm"]}))
        key = os.urandom(32).hex()
        alice, bob = (self.join(name, 5, "--key", key) for name in ("alice", "bob"))
        for client in (alice, bob):
            report = self.finish(client)
            self.assertEqual("aes128gcm", report["suite"])
            self.assertTrue([stream for stream in report["streams"] if stream["opened"] > 30], report["streams"])

    def test_a_room_with_encryption_off_seals_nothing(self):
        self.server = self.enter(harness.Server(e2ee="off"))
        alice = self.join("alice", 8)
        alice.log.wait_for("connected")
        plain = self.finish(self.join("bob", 3, "--unsealed"))
        for report in (plain, self.finish(alice)):
            self.assertIsNone(report["suite"])
            (camera,) = [stream for stream in report["streams"] if stream["source"] == "camera"]
            self.assertGreater(camera["synthetic"]["verified"], 10)

    def test_a_text_of_a_changed_identity_that_comes_during_a_call_outlives_it_and_opens_once_accepted(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        alice.send("bob", "--text", "hello")
        self.assertEqual(["hello"], texts(bob.receive()))
        bob.wipe()
        bob.init("--replace")
        in_call = self.join("alice", 8, "--store", alice.store)
        in_call.log.wait_for("connected")
        bob.send("alice", "--text", "it is me")
        in_call.log.wait_for("HAS CHANGED")
        self.finish(in_call)
        # The server has got rid of it.
        self.assertEqual(0, self.waiting(alice))
        self.assertEqual(["identity-changed"], [message["type"] for message in alice.receive(expect=4)])
        alice.run("verify", "bob", "--accept")
        self.assertEqual(["it is me"], texts(alice.receive()))
        self.assertEqual([], alice.receive())

    def test_a_text_that_was_sent_before_the_call_and_could_not_be_opened_goes_out_again_during_it(self):
        alice, bob = self.person("alice").init(), self.person("bob").init()
        alice.send("bob", "--text", "1")
        self.assertEqual(["1"], texts(bob.receive()))
        bob.send("alice", "--text", "2")
        self.assertEqual(["2"], texts(alice.receive()))
        bob.run("device", "reset", "alice")
        alice.send("bob", "--text", "3")
        self.assertEqual([], bob.receive())  # says that it cannot open it
        process, log = bob.follow()
        in_call = self.join("alice", 5, "--store", alice.store)
        log.wait_for('"text":"3"')
        self.finish(in_call)
        process.send_signal(signal.SIGINT)
        self.assertEqual(0, process.wait(harness.DEADLINE_S))
        self.assertEqual([], bob.receive())

    def test_a_text_that_comes_during_a_call_waits_for_receive(self):
        alice = self.join("alice", 8)
        alice.log.wait_for("connected")
        bob = self.person("bob").init()
        bob.send("alice", "--text", "call me back", wait=harness.DEADLINE_S)
        self.finish(alice)
        done = self.person("alice")
        (done.store,) = [path for path in alice.directory.glob("sotto/*/alice/device")]
        self.assertEqual(["call me back"], texts(done.receive()))


if __name__ == "__main__":
    unittest.main()
