"""Drives the published Python client against the server that TENSORLAKE_API_URL names."""

import asyncio
import os
import pathlib
import socket
import tempfile
import time
import unittest

from tensorlake.sandbox import (
    AsyncSandbox,
    OutputMode,
    PoolInUseError,
    PoolNotFoundError,
    ProcessStatus,
    RemoteAPIError,
    Sandbox,
    SandboxClient,
    SandboxNotFoundError,
    SandboxStatus,
    SnapshotType,
    StdinMode,
)

# Counts in memory alone; the files of a new sandbox would say nothing.
COUNTER = """setsid nohup sh -c 'i=0; while :; do i=$((i+1))
echo $i > /tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.02; done' </dev/null >/dev/null 2>&1 &"""


def lines(events):
    return [event.line for event in events]


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.client = SandboxClient()
        self.addCleanup(self.client.close)

    def test_create_and_connect_runs_and_ends_with_its_block(self):
        with self.client.create_and_connect(memory_mb=256) as sandbox:
            result = sandbox.run("python3", ["-c", "print(6 * 7)"])
            sandbox_id = sandbox.sandbox_id
            self.assertEqual(sandbox.status, SandboxStatus.RUNNING)
        self.assertEqual((result.exit_code, result.stdout), (0, "42"))
        self.assertEqual(self.client.get(sandbox_id).status, SandboxStatus.TERMINATED)

    def test_a_create_shows_what_it_asked_for(self):
        created = self.client.create(
            image="tensorlake/debian-minimal",
            name="py-asked",
            cpus=0.5,
            memory_mb=256,
            disk_mb=2048,
            timeout_secs=600,
            entrypoint=["sleep", "300"],
            allow_internet_access=False,
        )
        info = self.client.get("py-asked")
        self.client.delete("py-asked")
        self.assertEqual(info.sandbox_id, created.sandbox_id)
        self.assertEqual((info.name, info.image), ("py-asked", "tensorlake/debian-minimal"))
        self.assertEqual((info.resources.cpus, info.resources.memory_mb), (0.5, 256))
        self.assertEqual((info.timeout_secs, info.entrypoint), (600, ["sleep", "300"]))
        self.assertAlmostEqual(info.created_at.timestamp(), time.time(), delta=60)

    def test_connect_by_name_reaches_the_same_sandbox(self):
        with Sandbox.create(name="py-named", memory_mb=128) as sandbox:
            connected = Sandbox.connect("py-named")
            self.assertEqual(connected.sandbox_id, sandbox.sandbox_id)
            self.assertEqual(connected.name, "py-named")

    def test_get_or_create_makes_one_sandbox_for_a_name(self):
        first = Sandbox.get_or_create("py-one", memory_mb=128)
        second = Sandbox.get_or_create("py-one", memory_mb=128)
        self.client.delete(first.sandbox_id)
        third = Sandbox.get_or_create("py-one", memory_mb=128)
        self.addCleanup(self.client.delete, third.sandbox_id)
        self.assertEqual(first.sandbox_id, second.sandbox_id)
        self.assertNotEqual(first.sandbox_id, third.sandbox_id)
        self.assertEqual(third.run("echo", ["hi"]).stdout, "hi")

    def test_create_without_waiting_is_ready_later(self):
        pending = Sandbox.create(memory_mb=128, wait=False)
        sandbox = pending.ready()
        self.addCleanup(self.client.delete, pending.sandbox_id)
        self.assertEqual(sandbox.run("echo", ["hi"]).stdout, "hi")

    def test_list_and_rename(self):
        created = self.client.create(memory_mb=128)
        self.addCleanup(self.client.delete, created.sandbox_id)
        renamed = self.client.update_sandbox(created.sandbox_id, name="py-renamed")
        names = {info.sandbox_id: info.name for info in self.client.list()}
        self.assertEqual(renamed.name, "py-renamed")
        self.assertEqual(names[created.sandbox_id], "py-renamed")

    def test_ports_are_exposed_and_taken_back(self):
        created = self.client.create(memory_mb=128)
        self.addCleanup(self.client.delete, created.sandbox_id)
        exposed = self.client.expose_ports(created.sandbox_id, [8080], allow_unauthenticated_access=True)
        self.assertEqual(exposed.exposed_ports, [8080])
        self.assertEqual(self.client.get_port_access(created.sandbox_id).exposed_ports, [8080])
        self.assertTrue(exposed.allow_unauthenticated_access)
        taken = self.client.unexpose_ports(created.sandbox_id, [8080])
        self.assertFalse(taken.exposed_ports)
        self.assertFalse(taken.allow_unauthenticated_access)

    def test_a_named_sandbox_is_suspended_resumed_and_renamed(self):
        with self.client.create_and_connect(name="py-sleeper", memory_mb=128) as sandbox:
            sandbox.suspend(poll_interval=0.1)
            self.assertEqual(sandbox.info().status, SandboxStatus.SUSPENDED)
            sandbox.resume(poll_interval=0.1)
            self.assertEqual(sandbox.run("echo", ["awake"]).stdout, "awake")
            self.assertEqual(sandbox.update(name="py-awake").name, "py-awake")
            with self.assertRaises(RemoteAPIError) as raised:
                sandbox.update(cpus=2)
            self.assertEqual(raised.exception.status_code, 400)

    def test_deleted_sandboxes_are_archived(self):
        created = self.client.create(memory_mb=128)
        self.client.delete(created.sandbox_id)
        self.client.delete(created.sandbox_id)
        archived = self.client.list_archived(limit=5)
        one = self.client.get_archived(created.sandbox_id)
        self.assertEqual(archived.sandboxes[0].sandbox_id, created.sandbox_id)
        self.assertEqual(one.status, SandboxStatus.TERMINATED)

    def test_a_pool_is_claimed_from_changed_and_deleted(self):
        size = {"image": "tensorlake/debian-minimal", "cpus": 0.5, "memory_mb": 128}
        pool_id = self.client.create_pool(**size, max_containers=2, warm_containers=1).pool_id
        claimed = self.client.claim(pool_id)
        with self.assertRaises(PoolInUseError):
            self.client.delete_pool(pool_id)
        containers = self.client.get_pool(pool_id).containers
        self.assertIn(claimed.sandbox_id, [container.sandbox_id for container in containers])
        self.client.delete(claimed.sandbox_id)
        updated = self.client.update_pool(pool_id, **size, max_containers=3)
        self.assertEqual((updated.pool_id, updated.max_containers), (pool_id, 3))
        self.assertEqual([pool.pool_id for pool in self.client.list_pools()], [pool_id])
        self.client.delete_pool(pool_id)
        with self.assertRaises(PoolNotFoundError):
            self.client.get_pool(pool_id)

    def test_errors_have_their_types(self):
        with self.assertRaises(SandboxNotFoundError):
            self.client.get("py-nobody")
        with self.assertRaises(SandboxNotFoundError):
            self.client.delete("py-nobody")
        for fields, status in (
            ({"image": "no-such-image"}, 404),
            ({"name": "Not A Name"}, 400),
            ({"cpus": 100000}, 400),
        ):
            with self.assertRaises(RemoteAPIError) as raised:
                self.client.create(**fields)
            self.assertEqual(raised.exception.status_code, status)


class InOneSandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox.create(memory_mb=512)

    @classmethod
    def tearDownClass(cls):
        cls.sandbox.terminate()

    def shell(self, script, **options):
        return self.sandbox.run("bash", ["-c", script], **options)

    def until(self, found):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if result := found():
                return result
            time.sleep(0.05)
        self.fail("what was waited for did not come")

    def ended(self, pid):
        def info():
            found = self.sandbox.get_process(pid)
            return None if found.status == ProcessStatus.RUNNING else found

        return self.until(info)

    def test_run_tells_output_and_exit_apart(self):
        result = self.shell("echo out; echo; echo err >&2; exit 3")
        self.assertEqual((result.stdout, result.stderr, result.exit_code), ("out\n", "err", 3))

    def test_run_takes_env_directory_and_user(self):
        script = "echo $A $PWD $(id -u)"
        result = self.shell(script, env={"A": "ž"}, working_dir="/tmp", user="root")
        self.assertEqual(result.stdout, "ž /tmp 0")
        self.assertEqual(self.shell("id -un; pwd").stdout, "tl-user\n/workspace")

    def test_run_kills_at_its_timeout(self):
        self.assertEqual(self.shell("sleep 60", timeout=0.5).exit_code, -9)

    def test_a_missing_command_is_an_error(self):
        with self.assertRaises(RemoteAPIError) as raised:
            self.sandbox.run("no-such-command")
        self.assertEqual(raised.exception.status_code, 400)

    def test_processes_are_started_fed_listed_and_ended(self):
        process = self.sandbox.start_process("cat", stdin_mode=StdinMode.PIPE)
        self.sandbox.write_stdin(process.pid, b"one\ntwo")
        self.sandbox.close_stdin(process.pid)
        info = self.ended(process.pid)
        self.assertEqual((info.status, info.exit_code), (ProcessStatus.EXITED, 0))
        self.assertEqual(self.sandbox.get_stdout(process.pid).lines, ["one", "two"])
        self.assertIn(process.pid, [each.pid for each in self.sandbox.list_processes()])

    def test_processes_are_signaled_and_killed(self):
        first = self.sandbox.start_process("sleep", ["60"])
        second = self.sandbox.start_process("sleep", ["60"])
        self.sandbox.send_signal(first.pid, 15)
        self.sandbox.kill_process(second.pid)
        self.assertEqual(self.ended(first.pid).signal, 15)
        self.assertEqual(self.ended(second.pid).signal, 9)

    def test_output_is_followed_and_replayed(self):
        script = "echo 1; sleep 0.2; echo 2 >&2; sleep 0.2; echo 3; sleep 0.3"
        process = self.sandbox.start_process("bash", ["-c", script])
        live = lines(self.sandbox.follow_output(process.pid))
        replayed = lines(self.sandbox.follow_output(process.pid))
        self.assertEqual((live, replayed), (["1", "2", "3"], ["1", "2", "3"]))
        self.assertEqual(self.sandbox.get_stderr(process.pid).lines, ["2"])

    def test_each_stream_is_followed_alone(self):
        process = self.sandbox.start_process("bash", ["-c", "echo out; echo err >&2"])
        self.assertEqual(lines(self.sandbox.follow_stdout(process.pid)), ["out"])
        self.assertEqual(lines(self.sandbox.follow_stderr(process.pid)), ["err"])

    def test_a_managed_process_is_restarted_under_its_name(self):
        first = self.sandbox.start_process("sleep", ["60"], name="py-service")
        self.sandbox.restart_process("py-service")
        self.until(lambda: self.sandbox.get_process("py-service").pid != first.pid)
        self.sandbox.kill_process("py-service")

    def test_what_processes_print_is_in_the_log(self):
        self.sandbox.start_process("echo", ["printed by py"])
        found = self.until(lambda: self.sandbox.get_logs(body="printed by py").logs)
        self.assertEqual([line.body for line in found], ["printed by py"])
        self.assertTrue(self.sandbox.list_log_processes().processes)

    def test_terminals_take_input_and_tell_the_exit_code(self):
        shown = []
        script = "read line; echo got-$line; exit 3"
        pty = self.sandbox.create_pty("bash", ["-c", script], on_data=lambda data: shown.append(bytes(data)))
        pty.send_input("typed\n")
        self.assertEqual(pty.wait(timeout=60), 3)
        self.assertIn(b"got-typed", b"".join(shown))
        session = self.sandbox.create_pty_session("sleep", ["60"]).value
        url = self.sandbox.pty_ws_url(session["session_id"], session["token"])
        self.assertIn(f"/api/v1/pty/{session['session_id']}/ws", url)
        attached = self.sandbox.connect_pty(session["session_id"], session["token"])
        attached.resize(100, 30)
        attached.kill()

    def test_a_tunnel_carries_bytes(self):
        serve = "s = socket.create_server(('127.0.0.1', 7200)); print('up', flush=True); c = s.accept()[0]"
        answer = f"import socket; {serve}; c.sendall(c.recv(9).upper()); c.close()"
        process = self.sandbox.start_process("python3", ["-c", answer])
        self.until(lambda: self.sandbox.get_stdout(process.pid).lines)
        tunnel = self.sandbox.create_tunnel(7200, local_port=0)
        at = tunnel.address()
        with socket.create_connection((at.host, at.port), timeout=60) as connection:
            connection.sendall(b"ping")
            self.assertEqual(connection.recv(9), b"PING")
        tunnel.close()

    def test_file_systems_that_are_not_there_neither_come_nor_go(self):
        self.assertEqual(list(self.sandbox.list_file_systems()), [])
        for change in (
            lambda: self.sandbox.attach_file_system("none", "/mnt/later"),
            lambda: self.sandbox.detach_file_system("/mnt/later"),
        ):
            # The client takes the 404 of a file system for one of the sandbox.
            with self.assertRaises((RemoteAPIError, SandboxNotFoundError)):
                change()

    def test_discarded_output_is_not_kept(self):
        process = self.sandbox.start_process("echo", ["x"], stdout_mode=OutputMode.DISCARD)
        self.ended(process.pid)
        self.assertEqual(self.sandbox.get_output(process.pid).lines, [])

    def test_files_keep_their_bytes(self):
        content = os.urandom(2_000_000)
        self.sandbox.write_file("/tmp/py/a b+ž.bin", content)
        self.assertEqual(bytes(self.sandbox.read_file("/tmp/py/a b+ž.bin").value), content)
        entries = self.sandbox.list_directory("/tmp/py").entries
        self.assertEqual([(entry.name, entry.size) for entry in entries], [("a b+ž.bin", 2_000_000)])
        self.sandbox.delete_file("/tmp/py/a b+ž.bin")
        with self.assertRaises(RemoteAPIError) as raised:
            self.sandbox.read_file("/tmp/py/a b+ž.bin")
        self.assertEqual(raised.exception.status_code, 404)

    def test_a_local_file_is_uploaded(self):
        with tempfile.TemporaryDirectory() as folder:
            local = pathlib.Path(folder, "local.txt")
            local.write_text("from here")
            self.sandbox.upload_file(str(local), "/tmp/py-uploaded")
        self.assertEqual(self.shell("cat /tmp/py-uploaded").stdout, "from here")

    def test_the_agent_tells_health_and_version(self):
        self.assertTrue(self.sandbox.health().healthy)
        self.assertGreaterEqual(self.sandbox.daemon_info().uptime_secs, 0)


class Snapshots(unittest.TestCase):
    def test_sandboxes_start_from_a_snapshot_of_files(self):
        client = SandboxClient()
        self.addCleanup(client.close)
        with client.create_and_connect(memory_mb=128) as source:
            source.write_file("/workspace/file", b"kept")
            snapshot = client.snapshot_and_wait(source.sandbox_id)
            self.assertEqual(snapshot.sandbox_id, source.sandbox_id)
            of_source = [found.snapshot_id for found in client.list_sandbox_snapshots(source.sandbox_id)]
            self.assertEqual(of_source, [snapshot.snapshot_id])
            self.assertEqual(len(list(source.list_snapshots())), 1)
            checkpoint = source.checkpoint(poll_interval=0.1)
            client.delete_snapshot(checkpoint.snapshot_id)
            source.write_file("/workspace/file", b"later")
            with client.create_and_connect(snapshot_id=snapshot.snapshot_id, memory_mb=256) as copy:
                self.assertEqual(copy.run("cat", ["/workspace/file"]).stdout, "kept")
        listed = [found.snapshot_id for found in client.list_snapshots()]
        self.assertIn(snapshot.snapshot_id, listed)
        self.assertIsNone(client.get_snapshot(snapshot.snapshot_id).error)
        client.delete_snapshot(snapshot.snapshot_id)
        with self.assertRaises(RemoteAPIError) as caught:
            client.get_snapshot(snapshot.snapshot_id)
        self.assertEqual(caught.exception.status_code, 404)

    @unittest.skipUnless(os.environ.get("ATOLL_TEST_MEMORY"), "the runtime writes no memory")
    def test_sandboxes_and_copies_count_on_from_memory(self):
        client = SandboxClient()
        self.addCleanup(client.close)
        count = "until [ -s /tmp/count ]; do sleep 0.05; done; sleep 0.2; cat /tmp/count"
        with client.create_and_connect(cpus=1, memory_mb=256) as source:
            source.run("sh", ["-c", COUNTER])
            before = int(source.run("sh", ["-c", count]).stdout)
            snapshot = client.snapshot_and_wait(source.sandbox_id, snapshot_type=SnapshotType.MEMORY)
            self.assertEqual(snapshot.snapshot_type, SnapshotType.MEMORY)
            [copy] = client.copy(source.sandbox_id).sandboxes
            self.assertEqual(copy.status, "running")
            with client.connect(copy.sandbox_id) as copied:
                self.assertGreater(int(copied.run("sh", ["-c", count]).stdout), before)
            client.delete(copy.sandbox_id)
            with client.create_and_connect(snapshot_id=snapshot.snapshot_id) as restored:
                self.assertGreater(int(restored.run("sh", ["-c", count]).stdout), before)
        client.delete_snapshot(snapshot.snapshot_id)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_sandboxes_are_made_and_used_at_the_same_time(self):
        async def work(number):
            async with await AsyncSandbox.create(memory_mb=128) as sandbox:
                await sandbox.write_file("/tmp/number", str(number).encode())
                result = await sandbox.run("cat", ["/tmp/number"])
                return result.stdout

        results = await asyncio.gather(*(work(number) for number in range(3)))
        self.assertEqual(results, ["0", "1", "2"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
