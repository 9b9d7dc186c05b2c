"""What a run came to: kills, the steps that they hit, faults, and whatever did not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.rounds import Round
from tests.faults.witness import Witness

ANNOUNCE_EVERY = 25


@dataclass
class Report:
    """Grows with each round; `wrong` is empty when every promise held."""

    seed: str
    kills: int = 0
    kills_that_hit_nothing: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    instants: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: dict[str, bool] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    announce: Callable[[str], object] = lambda _line: None

    def add_kill(self, done: Round) -> None:
        """One kill; only one that hit unfinished work counts."""
        self._add_wrong(done)
        if done.counts:
            self.kills += 1
            if self.kills % ANNOUNCE_EVERY == 0:
                self.announce(f"{self.kills} kills, {len(self.steps)} steps, {len(self.wrong)} promises broken")
            self.steps.update(done.steps)
            self.instants[done.name.partition(",")[0] if done.name.startswith("instead") else done.name] += 1
        else:
            self.kills_that_hit_nothing += 1

    def add_fault(self, done: Round) -> None:
        """One fault that was survived, or not."""
        self._add_wrong(done)
        self.faults[done.name] = not done.wrong
        self.announce(f"{'well ' if not done.wrong else 'WRONG'} {done.name}")

    def add_witness(self, witness: Witness) -> None:
        """What a lane's clients were told."""
        self.acknowledged.update(witness.acknowledged)
        self.answers.update(witness.answers)

    def _add_wrong(self, done: Round) -> None:
        self.wrong += [f"{done.name}: {each}" for each in done.wrong]

    def as_dict(self) -> dict:
        """Plain values only."""
        return {
            "seed": self.seed,
            "kills": self.kills,
            "kills_that_hit_nothing": self.kills_that_hit_nothing,
            "steps": dict(self.steps.most_common()),
            "instants": dict(self.instants.most_common()),
            "acknowledged": dict(self.acknowledged.most_common()),
            "answers": dict(self.answers.most_common()),
            "faults": self.faults,
            "left_out": self.left_out,
            "wrong": self.wrong,
            "seconds": round(self.seconds),
        }

    def as_text(self) -> str:
        """For a terminal."""
        lines = ["Kills by the step that they hit (one kill hits as many as there were requests at work)"]
        lines += [f"{count:>7}  {step}" for step, count in sorted(self.steps.items())]
        lines += ["", "Kills by instant"]
        lines += [f"{count:>7}  {name}" for name, count in sorted(self.instants.items())]
        lines += ["", "Acknowledged"]
        lines += [f"{count:>7}  {name}" for name, count in sorted(self.acknowledged.items())]
        lines += ["", "Faults"]
        lines += [f"  {'well' if is_well else 'WRONG':>5}  {name}" for name, is_well in self.faults.items()]
        lines += [f"  left out: {reason}" for reason in self.left_out]
        lines += ["", f"answers {dict(self.answers)}"]
        lines += [
            f"{self.kills} kills that hit unfinished work, {self.kills_that_hit_nothing} that hit none",
            f"{len(self.faults)} faults, {sum(self.acknowledged.values())} acknowledged requests",
            f"{self.seconds:.0f} s, seed {self.seed}",
            f"{len(self.wrong)} promises broken",
        ]
        return "\n".join([*lines, *self.wrong])
