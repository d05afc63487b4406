"""What a stack is made of, written once into its folder and the same at each start: ports, keys,
secrets, the simulator's accounts. Nothing here is for production: keys are made anew per folder.
"""

import base64
import hashlib
import json
import os
import secrets
import socket

SERVICES = ["contacts", "templates", "dispatcher", "campaigns", "triggers", "analytics"]
OUTLETS = ["toko-a", "toko-b"]


FIRST_PORT = 10240


def free_ports(count):
    """That many loopback ports, free now and likely to stay so while who has one is down.

    Below those that the kernel lends to connections: one of them lent meanwhile would keep a killed
    service from coming back. Each process looks from another place: stacks started at once on one
    machine would else find the same ones.
    """
    size = _first_lent_port() - FIRST_PORT
    start, ports = os.getpid() * 37 % size, []
    for n in range(size):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", FIRST_PORT + (start + n) % size))
                ports.append(s.getsockname()[1])
            except OSError:
                continue
        if len(ports) == count:
            return ports
    raise OSError(f"no {count} free ports between {FIRST_PORT} and {FIRST_PORT + size}")


def _first_lent_port():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
            return max(int(f.read().split()[0]), FIRST_PORT + 10_000)
    except OSError:
        return 32768


def _write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        f.write(text)


def load(folder, workers=1):
    """The folder's settings, made if they are not there yet."""
    path = os.path.join(folder, "stack.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    names = [f"{s}" for s in SERVICES] + [f"{s}-metrics" for s in SERVICES]
    names += ["gateway", "gateway-metrics", "cloudsim"]
    names += [f"worker-{i + 1}-metrics" for i in range(max(workers, 8))]
    ports = dict(zip(names, free_ports(len(names))))
    keys = {"service": secrets.token_urlsafe(24)}
    for outlet in OUTLETS:
        for role in ("owner", "operator", "viewer"):
            keys[f"{outlet}-{role}"] = secrets.token_urlsafe(24)
    settings = {
        "ports": ports,
        "keys": keys,
        "app_secret": secrets.token_hex(16),
        "verify_token": secrets.token_hex(8),
        "access_tokens": {outlet: secrets.token_urlsafe(32) for outlet in OUTLETS},
    }
    _write_private(path, json.dumps(settings, indent=1))
    return settings


def write_files(folder, settings):
    """The files that the services read."""
    entries = []
    for name, key in settings["keys"].items():
        entry = {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        if name == "service":
            entry["role"] = "SERVICE"
        else:
            outlet, role = name.rsplit("-", 1)
            entry.update(outlet=outlet, role=role.upper())
        entries.append(entry)
    _write_private(os.path.join(folder, "keys.json"), json.dumps({"keys": entries}, indent=1))
    _write_private(os.path.join(folder, "service.key"), settings["keys"]["service"])
    _write_private(os.path.join(folder, "app.secret"), settings["app_secret"])
    _write_private(os.path.join(folder, "verify.token"), settings["verify_token"])
    master = os.path.join(folder, "master.key")
    if not os.path.exists(master):
        _write_private(master, base64.b64encode(secrets.token_bytes(32)).decode())
