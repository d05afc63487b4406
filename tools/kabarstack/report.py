"""The figures of one run: their form, their sums, how a person reads them."""

STATES = ["queued", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled",
          "expired", "suppressed", "not_expanded"]


def figures(imported, stats, simulator, peak_rss_mb):
    """What tools/demo --json writes. `simulator` is the answer of /_sim/summary."""
    seconds = 0.0
    if stats.HasField("first_sent_time") and stats.HasField("last_sent_time"):
        seconds = (stats.last_sent_time.ToNanoseconds() - stats.first_sent_time.ToNanoseconds()) / 1e9
    return {
        "import": {"rows": imported.rows, "accepted": imported.accepted, "refused": imported.refused},
        "asked": stats.asked,
        "state": {s: getattr(stats, s) for s in STATES},
        "reached": {"sent": stats.reached_sent, "delivered": stats.reached_delivered,
                    "read": stats.reached_read},
        "answers": {"yes": stats.answers_yes, "no": stats.answers_no, "other": stats.answers_other},
        "provider": {k: simulator[k] for k in ("accepted", "distinct_messages", "distinct_recipients")},
        "simulator_answers": simulator.get("answers", {}),
        "seconds": round(seconds, 3),
        "rate_per_min": round(60 * (stats.reached_sent - 1) / seconds, 1) if seconds else 0.0,
        "failed_by_reason": dict(stats.failed_by_reason),
        "peak_rss_mb": peak_rss_mb,
    }


def problems(f):
    """Each sum that does not hold, as a sentence; empty when all do."""
    wrong = []

    def must(what, left, right):
        if left != right:
            wrong.append(f"{what}: {left} is not {right}")

    state, reached, provider = f["state"], f["reached"], f["provider"]
    must("rows = accepted + refused", f["import"]["rows"], f["import"]["accepted"] + f["import"]["refused"])
    must("the states add up to asked", sum(state.values()), f["asked"])
    must("nothing is under way any more", state["queued"] + state["sending"] + state["not_expanded"], 0)
    must("reached sent = what the simulator accepted", reached["sent"], provider["distinct_messages"])
    must("nobody twice", provider["accepted"], provider["distinct_messages"])
    must("reached delivered = delivered + read", reached["delivered"], state["delivered"] + state["read"])
    must("reached read = read", reached["read"], state["read"])
    if f["simulator_answers"]:
        must("answers = what the simulator's customers wrote", sum(f["answers"].values()),
             sum(f["simulator_answers"].values()))
    if f["asked"] == 0:
        wrong.append("nothing was asked for: the segment is empty")
    return wrong


def show(f):
    print(f"   asked {f['asked']}, sent {f['reached']['sent']}, delivered {f['reached']['delivered']}, "
          f"read {f['reached']['read']}, failed {f['state']['failed']}, unknown {f['state']['unknown']}")
    print(f"   answers: YA {f['answers']['yes']}, TIDAK {f['answers']['no']}, other {f['answers']['other']}")
    print(f"   the provider accepted {f['provider']['accepted']} requests for "
          f"{f['provider']['distinct_messages']} messages to {f['provider']['distinct_recipients']} people")
    print(f"   {f['seconds']} s from first to last, {f['rate_per_min']}/min")
    for reason, count in sorted(f["failed_by_reason"].items()):
        print(f"   failed {reason}: {count}")
    print("   peak memory (MB): " + ", ".join(f"{n} {mb:.0f}" for n, mb in f["peak_rss_mb"].items()))
