"""CPU and memory of a stack's parts, read from /proc; tables and JSON of a bench."""

import json
import os
import platform
import time
import re
import urllib.request

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """(parent, microseconds of CPU of itself, of its children that have ended)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    ticks = [int(x) for x in fields[11:15]]
    return int(fields[1]), (ticks[0] + ticks[1]) * TICK_US, (ticks[2] + ticks[3]) * TICK_US


def _stats():
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = _stat(name)
            except OSError:
                pass  # it ended meanwhile
    return found


def _children(stats, pid):
    return [p for p, (parent, _, _) in stats.items() if parent == pid]


def cpu_us(stack):
    """Each part's CPU time so far. PostgreSQL is its postmaster with all its backends."""
    stats, used = _stats(), {}
    for name, part in stack.parts.items():
        pid = part.pid
        if pid not in stats:
            continue
        used[name] = sum(stats[p][1] + stats[p][2] for p in [pid, *_children(stats, pid)])
    return used


def scheduled_us(stack):
    """As cpu_us, but to the nanosecond: for parts that do next to nothing. A thread that ends takes
    its time with it."""
    stats, used = _stats(), {}
    for name, part in stack.parts.items():
        if part.pid not in stats:
            continue
        used[name] = 0
        for pid in [part.pid, *_children(stats, part.pid)]:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    used[name] += int(f.read().split()[0]) / 1000
    return used


def _busy_us():
    """Of all cores since boot: what was used, and what the host took away."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(x) for x in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_US


class Cpu:
    """CPU time of a stack's parts from now on."""

    def __init__(self, stack):
        self._stack, self._began = stack, time.monotonic()
        self._used, self._busy = cpu_us(stack), _busy_us()

    def so_far(self):
        """(microseconds by part, the share of the machine's cores that everybody else used: above
        some percent, figures of speed are not the machine's)."""
        used = {n: v - self._used.get(n, 0) for n, v in cpu_us(self._stack).items()}
        others = _busy_us() - self._busy - sum(used.values())
        share = others / ((time.monotonic() - self._began) * 1e6 * os.cpu_count())
        return used, round(max(0.0, share), 3)


def _pss_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024


def peak_rss_mb(stack):
    """Peak resident memory of each part since it was started. PostgreSQL's processes share most of
    theirs, so it is the sum of their proportional shares now."""
    peaks = {n: p.rss_peak_mb() for n, p in stack.parts.items()}
    stats, pid = _stats(), stack.postgres.process.pid
    shares = 0
    for p in [pid, *_children(stats, pid)]:
        try:
            shares += _pss_mb(p)
        except OSError:
            pass  # a backend that ended meanwhile
    peaks["postgres"] = round(shares, 1)
    return peaks


def redis_peak_mb(stack):
    info = stack.redis.command("INFO", "memory")
    peak = next(line for line in info.splitlines() if line.startswith("used_memory_peak:"))
    return round(int(peak.split(":")[1]) / 1048576, 1)


def _buckets(stack, part, name):
    """{upper bound in seconds: observations up to it} of a histogram without labels."""
    url = f"http://{stack.address(part + '-metrics')}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {float(le): float(count)
            for le, count in re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', text, re.M)}


def histogram(stack, parts, name):
    """The parts' histograms together: {upper bound in seconds: observations up to it}."""
    total = {}
    for part in parts:
        for le, count in _buckets(stack, part, name).items():
            total[le] = total.get(le, 0) + count
    return total


def quantile_ms(total, q, before=None):
    """Of a histogram's observations (since `before`), as Prometheus estimates it: evenly within a
    bucket."""
    total = {le: count - (before or {}).get(le, 0) for le, count in total.items()}
    bounds = sorted(total)
    if not bounds or not total[bounds[-1]]:
        return None
    rank, below, low = q * total[bounds[-1]], 0, 0.0
    for le in bounds:
        if total[le] >= rank:
            within = (rank - below) / (total[le] - below)
            return None if le == float("inf") else round(1000 * (low + (le - low) * within), 2)
        below, low = total[le], le
    return None


def machine():
    """One line: what it was measured on."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} x {model}, {memory_gb:.0f} GB, Linux {platform.release()}, "
            f"load {load:.1f} before the run")


def write_json(path, figures):
    if path:
        with open(path, "w", encoding="utf-8") as f:
            json.dump(figures, f, indent=1)
            f.write("\n")
