"""Tries, inside a sandbox, to reach what is outside it. Prints one JSON object: attempt -> what became of it.

"refused: WHY" where the kernel said no, "got: WHAT" where something was had. Run as root and as a plain user.
"""

import ctypes
import errno
import glob
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

TARGETS = json.loads(sys.argv[1])
HOST_FILES = TARGETS["files"]
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def read(path, limit=200):
    with open(path, "rb") as file:
        return file.read(limit).decode("utf8", "replace")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return "written"


def open_device(kind, major, minor):
    path = f"/tmp/device-{kind}-{major}-{minor}"
    if os.path.exists(path):
        os.unlink(path)
    os.mknod(path, kind | 0o600, os.makedev(major, minor))
    try:
        return read(path, 16) or "opened"
    finally:
        os.unlink(path)


def mount(source, target, kind, flags=0, data=None):
    os.makedirs(target, exist_ok=True)
    encoded = data.encode() if data else None
    checked(libc.mount(source.encode(), target.encode(), kind.encode(), flags, encoded))
    return "mounted " + str(sorted(os.listdir(target))[:20])


def in_user_namespace(action):
    """What a user namespace of one's own allows must stay in the sandbox too."""
    program = f"unshare -Urm sh -c '{action}'"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=10)
    if done.returncode != 0:
        reasons = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ENODEV)
        for code in (code for code in reasons if os.strerror(code) in done.stderr):
            raise OSError(code, os.strerror(code))
        raise PermissionError("failed")
    return done.stdout.strip()[:200] or "done"


def syscall(number, *args):
    return str(checked(libc.syscall(number, *args)))


def host_file(path):
    return read(path)


def release_agent():
    """The classic way out: a cgroup v1 release agent runs as root of the host."""
    mount("cgroup", "/tmp/cg", "cgroup", 0, "rdma")
    write("/tmp/cg/release_agent", "/tmp/out")
    return "release agent set"


def existing_release_agent():
    found = [path for path in glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True)]
    if not found:
        raise FileNotFoundError("no release_agent")
    return writable(found[0])


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    return "connected"


def processes():
    """Command lines of every process that can be seen."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.append(read(f"/proc/{entry}/cmdline", 4096).replace("\0", " ").strip())
            except OSError:
                pass
    return json.dumps(found)


def devices():
    found = []
    for root, _, names in os.walk("/dev"):
        for name in names:
            mode = os.lstat(os.path.join(root, name)).st_mode
            if stat.S_ISBLK(mode):
                found.append(os.path.join(root, name))
    if not found:
        raise FileNotFoundError("no block device")
    return str(found)


def ptrace_agent():
    checked(libc.ptrace(0x4206, 1, 0, 0))  # PTRACE_SEIZE, which does not stop it as PTRACE_ATTACH would
    return "attached to process 1"


def agent_memory():
    with open("/proc/1/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    with open("/proc/1/mem", "rb") as memory:
        memory.seek(start)
        return str(len(memory.read(16))) + " bytes of the agent"


def agent_environment():
    return read("/proc/1/environ") or "empty"


def host_root_through_agent():
    """Of process 1 of the host, if that is what can be seen as 1."""
    return read("/proc/1/root" + HOST_FILES[0])


def bpf():
    attributes = struct.pack("IIII", 1, 4, 4, 1) + bytes(100)  # BPF_MAP_TYPE_HASH
    return "bpf map " + syscall(321, 0, attributes, len(attributes))


def perf_event():
    attributes = struct.pack("II", 1, 120) + bytes(112)  # PERF_TYPE_SOFTWARE
    return "perf event " + syscall(298, attributes, -1, 0, -1, 0)  # every process on the first core


def netlink_audit():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as client:
        client.bind((0, 1))  # the group that reads the log
    return "audit log"


def set_clock():
    checked(libc.clock_settime(0, struct.pack("qq", int(time.time()), 0)))
    return "clock set"


def vsock():
    with socket.socket(40, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect((2, 22))
    return "host over vsock"


def hard_link_agent():
    os.link("/.atoll/agent", "/.atoll/identity/x")
    return "linked"


def write_agent():
    with open("/.atoll/agent", "r+b") as file:
        file.write(b"#!")
    return "written"


def metadata():
    with socket.create_connection(("169.254.169.254", 80), timeout=1):
        return "connected"


def docker_of_the_host():
    with open("/proc/net/route") as routes:
        gateways = [line.split()[2] for line in routes if line.split()[1] == "00000000"]
    address = socket.inet_ntoa(struct.pack("<I", int(gateways[0], 16)))
    with socket.create_connection((address, 2375), timeout=1):
        return "connected"


def in_child(action):
    """For what changes the whole process: answers what the child says, and fails as it did."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = "+" + str(action())
        except OSError as error:
            said = "-" + str(error.errno or 0)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said.startswith("+"):
        code = int(said[1:] or 0)
        raise OSError(code, os.strerror(code))
    return said[1:]


def chroot_and_climb():
    outside = os.open("/", os.O_RDONLY)
    os.makedirs("/tmp/jail", exist_ok=True)
    os.chroot("/tmp/jail")
    os.fchdir(outside)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    return read(HOST_FILES[0])


def join_namespaces_of_the_agent():
    for kind in ("user", "mnt", "net", "pid"):
        try:
            checked(libc.setns(os.open(f"/proc/1/ns/{kind}", os.O_RDONLY), 0))
        except OSError:
            pass  # one of them is enough
    return read(HOST_FILES[0])


def leaked_files():
    """A file that the runtime forgot to close leads out by the names above it."""
    for process in ("self", "1"):
        for number in os.listdir(f"/proc/{process}/fd"):
            try:
                return read(f"/proc/{process}/fd/{number}" + "/.." * 16 + HOST_FILES[0])
            except OSError:
                pass
    raise FileNotFoundError("no file leads out")


def copied_from_agent():
    """What a debugger of the agent may, without ptrace."""
    pidfd = int(syscall(434, 1, 0))
    return "file of the agent " + syscall(438, pidfd, 0, 0)


def not_empty(text):
    if not text.strip("\0\n "):
        raise FileNotFoundError("empty")
    return text


def kernel_addresses():
    with open("/proc/kallsyms") as symbols:
        addresses = [line.split()[0] for _, line in zip(range(200), symbols)]
    if not any(int(address, 16) for address in addresses):
        raise PermissionError(errno.EPERM, "only zeros")
    return "addresses"


def writable_of(*patterns):
    found = [path for pattern in patterns for path in glob.glob(pattern)]
    if not found:
        raise FileNotFoundError(errno.ENOENT, "none of them")
    return writable(found[0])


def writable(path):
    """Opening is enough to know: were it the host's, a value written there would do harm."""
    os.close(os.open(path, os.O_WRONLY))
    return "writable"


ATTEMPTS = {
    "file of the host": lambda: host_file(HOST_FILES[0]),
    "key of the server": lambda: host_file(HOST_FILES[1]),
    "key of the operator": lambda: host_file(HOST_FILES[2]),
    "chroot and climb": lambda: in_child(chroot_and_climb),
    "namespaces of the agent": lambda: in_child(join_namespaces_of_the_agent),
    "files that leaked": leaked_files,
    "host root through /proc/1/root": host_root_through_agent,
    "processes": processes,
    "block devices": devices,
    "mknod disk": lambda: open_device(stat.S_IFBLK, os.major(TARGETS["device"]), os.minor(TARGETS["device"])),
    "mknod loop": lambda: open_device(stat.S_IFBLK, 7, 0),
    "mknod mem": lambda: open_device(stat.S_IFCHR, 1, 1),
    "mknod kmsg": lambda: open_device(stat.S_IFCHR, 1, 11),
    "mknod kvm": lambda: open_device(stat.S_IFCHR, 10, 232),
    "/dev/mem": lambda: read("/dev/mem", 16),
    "/dev/kmsg": lambda: read("/dev/kmsg"),
    "/dev/kvm": lambda: read("/dev/kvm", 1),
    "/dev/fuse": lambda: read("/dev/fuse", 1),
    "docker socket": lambda: unix_socket("/var/run/docker.sock"),
    "docker on the gateway": docker_of_the_host,
    "containerd socket": lambda: unix_socket("/run/containerd/containerd.sock"),
    "abstract socket of the host": lambda: unix_socket("\0" + TARGETS["socket"]),
    "metadata address": metadata,
    "signal to a process of the host": lambda: os.kill(TARGETS["process"], 0) or "may signal it",
    "/proc/kcore": lambda: read("/proc/kcore", 64) or "opened",
    "/proc/sysrq-trigger": lambda: writable("/proc/sysrq-trigger"),
    "core_pattern": lambda: writable("/proc/sys/kernel/core_pattern"),
    "modprobe path": lambda: writable("/proc/sys/kernel/modprobe"),
    "hotplug": lambda: writable("/sys/kernel/uevent_helper"),
    "binfmt_misc": lambda: writable("/proc/sys/fs/binfmt_misc/register"),
    "panic": lambda: writable("/proc/sys/kernel/panic"),
    "vm settings": lambda: writable("/proc/sys/vm/overcommit_memory"),
    "/sys write": lambda: writable("/sys/power/state"),
    "/proc/keys": lambda: not_empty(read("/proc/keys")),
    "/proc/timer_list": lambda: not_empty(read("/proc/timer_list")),
    "/proc/sched_debug": lambda: not_empty(read("/proc/sched_debug")),
    "/proc/kallsyms": kernel_addresses,
    "firmware variables": lambda: writable_of("/sys/firmware/efi/efivars/*", "/sys/firmware/*"),
    "limits of the own control group": lambda: writable_of(
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    ),
    "debugfs": lambda: mount("debugfs", "/tmp/debugfs", "debugfs"),
    "tracefs": lambda: mount("tracefs", "/tmp/tracefs", "tracefs"),
    "securityfs": lambda: mount("securityfs", "/tmp/securityfs", "securityfs"),
    "mount disk": lambda: mount(TARGETS["disk"], "/tmp/disk", "ext4"),
    "mount sysfs": lambda: mount("sysfs", "/tmp/sysfs", "sysfs") and writable("/tmp/sysfs/power/state"),
    "mount proc": lambda: mount("proc", "/tmp/proc", "proc") and writable("/tmp/proc/sys/kernel/core_pattern"),
    "new mount calls": lambda: "file system " + syscall(430, b"ext4", 0),
    "remount identity": lambda: checked(libc.mount(b"", b"/.atoll/identity", b"", 32 | 4096, None))
    or write("/.atoll/identity/agent.json", "{}"),
    "release agent": release_agent,
    "release agent of the sandbox": existing_release_agent,
    "user namespace: mount disk": lambda: in_user_namespace(f"mount {TARGETS['disk']} /mnt"),
    "user namespace: core_pattern": lambda: in_user_namespace(": >> /proc/sys/kernel/core_pattern"),
    "user namespace: release agent": lambda: in_user_namespace(
        "mkdir -p /tmp/c && mount -t cgroup -o memory c /tmp/c && echo /x > /tmp/c/release_agent"
    ),
    "user namespace: mount proc": lambda: in_user_namespace(
        "mount -t proc proc /mnt && : >> /mnt/sys/kernel/core_pattern"
    ),
    "user namespace: host file": lambda: in_user_namespace(f"cat {HOST_FILES[0]}"),
    "init_module": lambda: syscall(175, b"\x7fELF", 4, b""),
    "finit_module": lambda: syscall(313, 0, b"", 0),
    "kexec": lambda: syscall(246, 0, 0, 0, 0),
    "reboot": lambda: syscall(169, 0xFEE1DEAD, 672274793, 0x89ABCDEF, 0),
    "swapon": lambda: syscall(167, b"/tmp/x", 0),
    "acct": lambda: syscall(163, b"/tmp/acct"),
    "bpf": bpf,
    "perf_event_open": perf_event,
    "io_uring": lambda: "ring " + syscall(425, 1, bytes(120)),
    "userfaultfd": lambda: syscall(323, 0),
    "open_by_handle_at": lambda: syscall(304, -100, struct.pack("Iii", 8, 1, 2) + bytes(4), 0),
    "add_key": lambda: syscall(248, b"user", b"atoll", b"x", 1, -3),
    "request_key": lambda: syscall(249, b"user", b"atoll", None, 0),
    "keyctl": lambda: syscall(250, 0, -3, 1),
    "iopl": lambda: syscall(172, 3),
    "settimeofday": set_clock,
    "syslog": lambda: syscall(103, 5, 0, 0),
    "audit": netlink_audit,
    "vsock": vsock,
    "ptrace of the agent": ptrace_agent,
    "memory of the agent": agent_memory,
    "file descriptor of the agent": copied_from_agent,
    "environment of the agent": agent_environment,
    "token": lambda: read("/.atoll/identity/agent.json", 4096),
    "identity folder": lambda: write("/.atoll/identity/x", "x"),
    "agent binary": write_agent,
    "agent hard link": hard_link_agent,
    "kill the agent softly": lambda: os.kill(1, 0) or "may signal the agent",
    "sudo": lambda: subprocess.run(
        ["sudo", "-n", "id", "-u"], capture_output=True, text=True, check=True
    ).stdout.strip(),
}


ATTEMPT_SECONDS = 5


def give_up(*_):
    raise TimeoutError("no answer")


def attempt(action):
    signal.alarm(ATTEMPT_SECONDS)
    try:
        return f"got: {action()}"
    except OSError as error:
        return "refused: " + (errno.errorcode.get(error.errno or 0) or str(error))
    except Exception as error:  # noqa: BLE001 - whatever else keeps the attempt from success
        return f"refused: {type(error).__name__} {error}"
    finally:
        signal.alarm(0)


signal.signal(signal.SIGALRM, give_up)
print(json.dumps({name: attempt(action) for name, action in ATTEMPTS.items()}))
