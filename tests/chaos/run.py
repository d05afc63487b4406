"""One run: plan, scene, play, rest, judgement."""

import dataclasses
import json
import time

import facts as known
import plan as plans
from disturb import Disturber
from judge import judge, unproven
from play import Play
from scene import Scene


@dataclasses.dataclass
class Result:
    figures: dict
    findings: list
    unproven: list  # of a run in full: why it does not count

    @property
    def exact(self):
        return not self.findings

    def show(self):
        print(json.dumps(self.figures, indent=1))
        kinds = {}
        for finding in self.findings:
            kind = finding.split(":", 1)[0]
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] <= 5:
                print(f"   {finding}")
        for why in self.unproven:
            print(f"   does not count: {why}")
        print(f"NOT EXACT: {kinds}; seed {self.figures['seed']}" if kinds else
              "Exact, but does not count." if self.unproven else "Exact.", flush=True)


def run(seed, seconds, recipients, kills, patience, say, keep=False, defect="", in_full=False):
    """`in_full`: too few kills, or a fail point that nobody came by, and the run does not count."""
    plan = plans.make(seed, seconds, recipients, kills)
    scene = Scene(plan, defect=defect)
    disturber = None
    began = time.monotonic()
    try:
        say("starting the stack")
        scene.start()
        disturber = Disturber(scene.stack, scene.network, say)
        scene.prepare()
        say(f"{sum(len(p) for p in scene.audience.values())} recipients, "
            f"{len(plan.disturbances)} disturbances")
        play = Play(scene, disturber, say, patience)
        play.perform()
        say("faults off, to rest")
        moving = play.come_to_rest()
        say(f"still moving: {moving}" if moving else "at rest")
        verdict = judge(known.collect(scene, play), moving)
        for trouble in play.troubles:
            verdict.found("no answer", trouble)
        scene.stage.failed = bool(verdict.findings) or keep
        if verdict.findings:
            say(scene.stage.diagnosis())
        figures = _figures(plan, verdict, disturber, scene, time.monotonic() - began)
        figures["ordered"] = dict(play.ordered)
        why = unproven(figures, plans.wanted()) if in_full else []
        figures["does_not_count"] = why
        return Result(figures, verdict.findings, why)
    except BaseException:
        scene.stage.failed = True
        raise
    finally:
        if disturber:
            disturber.quieten()
        killed = scene.stage.stop()
        scene.network.stop()
        if killed:
            print(f"tools/chaos: did not end within 20 s of SIGTERM: {', '.join(killed)}", flush=True)


def _figures(plan, verdict, disturber, scene, seconds):
    figures = dataclasses.asdict(verdict)
    figures.pop("findings")
    summary = scene.stage.sim("summary")
    figures.update(
        kills=dict(disturber.all_kills()), kills_total=sum(disturber.all_kills().values()),
        fail_points=dict(disturber.points_hit()),
        suspensions=dict(disturber.suspensions), losses=dict(disturber.losses),
        network_faults=dict(disturber.network_faults), faults=summary["faults"],
        accepted=summary["accepted"], refused=summary["refused_total"],
        not_exact=len(verdict.findings), seconds=round(seconds, 1), defect=scene.defect,
        seed=plan.seed)
    return figures
