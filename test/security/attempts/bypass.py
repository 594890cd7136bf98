"""Tries, inside a sandbox, to send past the rules for destinations. Prints one JSON object: attempt -> what became of it.

The first argument is a JSON object of addresses and names (egress.test.ts). "refused: WHY" where nothing came of it,
"got: WHAT" where an answer came. What left without an answer is counted outside.
"""

import concurrent.futures
import json
import os
import random
import socket
import struct
import sys
import time

PLACE = json.loads(sys.argv[1])
OTHER, ALLOWED = PLACE["other"], PLACE["allowed"]
TIMEOUT = 1.0


def tcp(host, port, send=b"hello\n", source_port=0):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT)
        if source_port:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("0.0.0.0", source_port))
        client.connect((host, port))
        client.sendall(send)
        return f"tcp {host}:{port} {client.recv(200)!r}"


def udp(host, port, data=b"probe"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(data, (host, port))
        return f"udp {host}:{port} {client.recvfrom(200)[0]!r}"


def tcp6(host, port):
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT)
        client.connect((host, port, 0, 2 if host.startswith("fe80") else 0))
        return f"tcp6 {host}"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def icmp(host, kind):
    body = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"probe"
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as client:
        client.settimeout(TIMEOUT)
        client.sendto(body, (host, 0))
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            data, (sender, _) = client.recvfrom(500)
            if sender == host:
                return f"icmp from {sender} {data[:30]!r}"
    raise TimeoutError("no answer")


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ALLOWED, 9))
        return client.getsockname()[0]


def ip_packet(source, target, protocol, payload, options=b"", ident=0, flags=0):
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | length // 4, 0, length + len(payload), ident, flags, 64, protocol, 0,
        socket.inet_aton(source), socket.inet_aton(target),
    ) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp_payload(port, data=b"probe"):
    return struct.pack("!HHHH", 5353, port, 8 + len(data), 0) + data


def raw(*packets):
    """Sends ready-made packets; whether any arrived is counted outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as client:
        for target, packet in packets:
            client.sendto(packet, (target, 0))
    raise TimeoutError("sent")


def raw_protocol(protocol):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as client:
        client.sendto(b"probe of another protocol", (OTHER, 0))
    raise TimeoutError("sent")


def fragments(target):
    data = udp_payload(PLACE["port"], b"x" * 64)
    source, ident = own_address(), random.randrange(1, 65535)
    raw(
        (target, ip_packet(source, target, 17, data[:8], ident=ident, flags=0x2000)),
        (target, ip_packet(source, target, 17, data[8:], ident=ident, flags=1)),
    )


def overlapping_fragments(target):
    data = udp_payload(PLACE["port"], b"x" * 64)
    source, ident = own_address(), random.randrange(1, 65535)
    raw(
        (target, ip_packet(source, target, 17, data[8:], ident=ident, flags=1)),
        (target, ip_packet(source, target, 17, data[:24], ident=ident, flags=0x2000)),
    )


def source_route():
    options = struct.pack("!BBB4s", 131, 7, 4, socket.inet_aton(OTHER)) + b"\0"
    raw((ALLOWED, ip_packet(own_address(), ALLOWED, 17, udp_payload(PLACE["port"]), options)),
        (OTHER, ip_packet(own_address(), OTHER, 17, udp_payload(PLACE["port"]), options)))


def packet_socket(source, target):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as client:
        client.sendto(ip_packet(source, target, 17, udp_payload(PLACE["port"])), ("eth0", 0x0800, 0, 6, b"\xff" * 6))
    raise TimeoutError("sent")


def labels(name):
    return b"".join(bytes([len(part)]) + part for part in name) + b"\0"


def question(name, kind=1, count=1):
    ident = random.randrange(65536)
    return struct.pack("!HHHHHH", ident, 0x0100, count, 0, 0, 0) + (name + struct.pack("!HH", kind, 1)) * count


def ask(server, name, kind=1, over="udp", port=53, count=1):
    """What a resolver answers: the bytes behind the question if there are records, else an error."""
    wire = name if isinstance(name, bytes) else labels([part.encode("idna") for part in name.rstrip(".").split(".")])
    query = question(wire, kind, count)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if over == "udp" else socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect((server, port))
        client.sendall(query if over == "udp" else struct.pack("!H", len(query)) + query)
        answer = client.recv(2000)
    answer = answer if over == "udp" else answer[2:]
    code, records = answer[3] & 15, struct.unpack("!H", answer[6:8])[0]
    if code != 0 or records == 0:
        raise PermissionError(f"code {code}, {records} records")
    return f"{records} records {answer[len(query):]!r}"


RESOLVER = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
DOTTED = labels([b"x.wild", b"example"])
NUL = labels([b"notallowed", b"example\0", b"wild", b"example", b"evil"])


def name(asked, **how):
    return lambda: ask(RESOLVER, asked, **how)


def learn_then_use(asked, target):
    """An answer that also names an address that has nothing to do with the question."""
    try:
        ask(RESOLVER, asked)
    except OSError:
        pass
    return tcp(target, PLACE["port"])


def change_route():
    done = os.system(f"ip address add {PLACE['neighbour']}/8 dev eth0 2>/dev/null; ip route replace {OTHER}/32 dev eth0 2>/dev/null")
    if done != 0:
        raise PermissionError("no right to change addresses")
    return tcp(OTHER, PLACE["port"])


def flood_then_slip():
    """What a firewall lets through when its tables are full."""
    for port in range(20000, 20400):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", (OTHER, port))
    return udp(OTHER, PLACE["port"])


def shared_source_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.settimeout(TIMEOUT)
        client.connect((ALLOWED, PLACE["port"]))
        return tcp(OTHER, PLACE["port"], source_port=client.getsockname()[1])


PORT = PLACE["port"]
ATTEMPTS = {
    "the address of another host": lambda: tcp(OTHER, PORT),
    "port 80 of another host": lambda: tcp(OTHER, 80),
    "port 443 of another host": lambda: tcp(OTHER, 443, b"\x16\x03\x01\x00\x05hello"),
    "port 22 of another host": lambda: tcp(OTHER, 22),
    "UDP": lambda: udp(OTHER, PORT),
    "QUIC": lambda: udp(OTHER, 443, b"\xc0\0\0\0\1"),
    "time over UDP": lambda: udp(OTHER, 123, b"\x1b" + bytes(47)),
    "ping": lambda: icmp(OTHER, socket.SOCK_DGRAM),
    "ping through a raw socket": lambda: icmp(OTHER, socket.SOCK_RAW),
    "GRE": lambda: raw_protocol(47),
    "SCTP": lambda: raw_protocol(132),
    "IP in IP": lambda: raw_protocol(4),
    "ESP": lambda: raw_protocol(50),
    "another resolver": lambda: ask(OTHER, "notallowed.example"),
    "another resolver, for an allowed name": lambda: ask(OTHER, "allowed.example"),
    "another resolver over TCP": lambda: ask(OTHER, "notallowed.example", over="tcp"),
    "DNS over TLS": lambda: tcp(OTHER, 853, b"\x16\x03\x01\x00\x05hello"),
    "DNS over HTTPS": lambda: tcp(OTHER, 443, b"GET /dns-query?dns=AAAA HTTP/1.1\r\n\r\n"),
    "multicast DNS": lambda: udp("224.0.0.251", 5353, question(labels([b"notallowed", b"local"]))),
    "broadcast": lambda: udp("255.255.255.255", PORT),
    "broadcast on the link": lambda: udp(PLACE["linkBroadcast"], PORT),
    "another port of the resolver": lambda: tcp(RESOLVER, PLACE["hostPort"]),
    "the host by its end of the link": lambda: tcp(PLACE["gateway"], PLACE["hostPort"]),
    "the server by its end of the link": lambda: tcp(PLACE["gateway"], PLACE["serverPort"]),
    "the host by its other address": lambda: tcp(PLACE["hostAddress"], PLACE["hostPort"]),
    "the host by its loopback": lambda: tcp("127.0.0.1", PLACE["hostPort"]),
    "the host by no address": lambda: tcp("0.0.0.0", PLACE["hostPort"]),
    "the host over UDP": lambda: udp(PLACE["hostAddress"], PLACE["hostPort"]),
    "the agent of another sandbox": lambda: tcp(PLACE["neighbour"], 9501),
    "another sandbox over UDP": lambda: udp(PLACE["neighbour"], PORT),
    "ping to another sandbox": lambda: icmp(PLACE["neighbour"], socket.SOCK_DGRAM),
    "metadata": lambda: tcp("169.254.169.254", 80, b"GET /latest/meta-data/ HTTP/1.0\r\n\r\n"),
    "metadata over UDP": lambda: udp("169.254.169.254", PORT),
    "link-local": lambda: tcp(PLACE["linkLocal"], PORT),
    "a private network": lambda: tcp(PLACE["private"], PORT),
    "a network of containers": lambda: tcp(PLACE["container"], PORT),
    "IPv6": lambda: tcp6("2001:db8::1", PORT),
    "IPv6, link-local": lambda: tcp6("fe80::1", PORT),
    "IPv6 that means IPv4": lambda: tcp6(f"::ffff:{OTHER}", PORT),
    "a forged source": lambda: raw((OTHER, ip_packet(PLACE["hostAddress"], OTHER, 17, udp_payload(PORT)))),
    "a forged source to an allowed host": lambda: raw(
        (PLACE["allowedQuiet"], ip_packet("198.51.100.7", PLACE["allowedQuiet"], 17, udp_payload(PORT)))
    ),
    "the source of another sandbox": lambda: raw(
        (PLACE["allowedQuiet"], ip_packet(PLACE["neighbour"], PLACE["allowedQuiet"], 17, udp_payload(PORT)))
    ),
    "a raw packet": lambda: raw((OTHER, ip_packet(own_address(), OTHER, 17, udp_payload(PORT)))),
    "a packet socket": lambda: packet_socket(own_address(), OTHER),
    "a packet socket with a forged source": lambda: packet_socket(PLACE["neighbour"], PLACE["allowedQuiet"]),
    "fragments": lambda: fragments(OTHER),
    "overlapping fragments": lambda: overlapping_fragments(OTHER),
    "a source route": source_route,
    "an address of one's own choice": change_route,
    "the source port of an allowed connection": shared_source_port,
    "after a flood": flood_then_slip,
    "a name that is not allowed": name("notallowed.example"),
    "a name that is not allowed, over TCP": name("notallowed.example", over="tcp"),
    "a name that is not allowed, in capitals": name("NotAllowed.EXAMPLE."),
    "text of a name that is not allowed": name("notallowed.example", kind=16),
    "everything of a name that is not allowed": name("notallowed.example", kind=255),
    "a name below an allowed one": name("below.allowed.example"),
    "a name that ends as an allowed one": name("notallowed.example.evil"),
    "an allowed name within another": name("allowed.example.evil"),
    "a name like a wildcard's": name("evil-wild.example"),
    "a name like a wildcard's, joined": name("evilwild.example"),
    "the name above a wildcard": name("wild.example"),
    "a wildcard within another name": name("a.wild.example.evil"),
    "a name that looks like an allowed one": name("\u0430llowed.example"),
    "a dot within a label": name(DOTTED),
    "a zero byte within a label": name(NUL),
    "two questions at once": name("allowed.example", count=2),
    "a denied name of an allowed wildcard": name("denied.wild.example"),
    "a denied name behind another": name("alias.wild.example"),
    "an address of a denied name": lambda: tcp(PLACE["denied"], PORT),
    "an address that a name has by the way": lambda: learn_then_use("extra.wild.example", OTHER),
    "a name of the sandbox's resolver": name("version.bind", kind=16),
    "rebinding to a private network": name("private.wild.example"),
    "rebinding to metadata": name("metadata.wild.example"),
    "rebinding to the host": name("loopback.wild.example"),
    "rebinding to another sandbox": name("neighbour.wild.example"),
    "rebinding by one address of two": name("mixed.wild.example"),
    "an IPv6 address of an allowed name": name("allowed.example", kind=28),
    "a service record of an allowed name": name("allowed.example", kind=65),
}


def attempt(action):
    try:
        return f"got: {action()}"
    except Exception as error:  # noqa: BLE001 - whatever keeps the attempt from success
        return f"refused: {type(error).__name__} {error}"


# Side by side, since most wait for an answer that does not come; every socket has a time limit.
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    outcomes = pool.map(attempt, ATTEMPTS.values())
    print(json.dumps(dict(zip(ATTEMPTS, outcomes))))
