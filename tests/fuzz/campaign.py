"""One run of schemathesis over the whole document: examples, edges, random values, and chains along its links."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import Status, events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from tests.fuzz.aim import aim
from tests.fuzz.allowances import is_allowed
from tests.fuzz.targets import Targets

# What is wrong with a request may also be told by these.
REFUSALS = ["400", "401", "403", "404", "405", "408", "409", "410", "412", "413", "415", "416", "422"]


@dataclass(frozen=True)
class Plan:
    """How much is tried.

    Args:
        examples: random cases an operation, and as many chains in all.
        seed: for all that is drawn.
        most_seconds: when to end in any case.
        draws_wrong: whether wrong values are drawn, too, beside the systematic ones.
    """

    examples: int
    seed: int
    most_seconds: float
    draws_wrong: bool


@dataclass
class Report:
    """What came of a run."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    linked: int = 0
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        return sum(map(Counter.total, self.answers.values()))

    def share(self, label: str) -> float:
        """Of all calls to an operation, those that were answered 2xx."""
        counted = self.answers[label]
        return sum(count for status, count in counted.items() if status // 100 == 2) / counted.total()

    def as_text(self) -> str:
        lines = [f"{self.cases} cases in {self.seconds:.0f} s, {self.linked} of them along links"]
        for label in sorted(self.answers, key=self.share):
            told = " ".join(f"{status}:{count}" for status, count in sorted(self.answers[label].items()))
            lines.append(f"{self.share(label):6.1%}  {label}  {told}")
        return "\n".join(lines)


def run(service, client, subject: str, plan: Plan) -> Report:
    """Call every operation as `subject`, whose `client` makes what is needed for it."""
    report, targets = Report(), Targets(client)
    schema = schemathesis.openapi.from_url(f"{service.base_url}/openapi.json", config=_config(service, subject, plan))
    started = time.monotonic()
    with _hooked(report, targets):
        stream = from_schema(schema).execute()
        for event in stream:
            _note(event, report)
            if time.monotonic() - started > plan.most_seconds:
                stream.stop()
    targets.close()
    report.seconds = time.monotonic() - started
    return report


def _config(service, subject: str, plan: Plan) -> SchemathesisConfig:
    phases = {} if plan.draws_wrong else {"fuzzing": {"generation": {"mode": "positive"}}}
    return SchemathesisConfig.from_dict(
        {
            "seed": plan.seed,
            "base-url": service.base_url,
            "headers": {"Authorization": f"Bearer {service.token(subject, ttl_seconds=7200)}"},
            "workers": 1,
            "continue-on-failure": True,
            "request-timeout": 60,
            "cache": {"enabled": False},
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
            "generation": {"max-examples": plan.examples, "no-shrink": True, "database": "none"},
            "phases": phases,
        }
    )


@contextmanager
def _hooked(report: Report, targets: Targets) -> Iterator[None]:
    def before_call(_context, case, kwargs) -> None:
        kwargs |= aim(case, targets)

    def after_call(_context, case, response) -> None:
        method = response.request.method
        # Methods that an address doesn't take are tried, too; they belong to no operation.
        label = case.operation.label if method == case.operation.method.upper() else "methods that there are not"
        report.answers.setdefault(label, Counter())[response.status_code] += 1
        report.linked += case.meta is not None and case.meta.phase.name == "stateful"
        if method == "DELETE" and response.status_code == 204 and (case.query or {}).get("hard_delete"):
            targets.forget(case.path_parameters["file_id"])
        if label == "POST /api/v1/keys" and response.status_code == 201:
            # Everybody may have 100 only.
            targets.client.delete(f"/keys/{response.json()['id']}")

    def filter_failure(_context, failure, case, response) -> bool:
        return not is_allowed(failure, case, response)

    hooks = (before_call, after_call, filter_failure)
    for hook in hooks:
        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(hook, hook.__name__)
    try:
        yield
    finally:
        for hook in hooks:
            GLOBAL_HOOK_DISPATCHER.unregister(hook)


def _note(event: events.EngineEvent, report: Report) -> None:
    if isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.status == Status.FAILURE and check.failure_info is not None:
                    _fail(
                        report, check.name, check.failure_info.failure, event, case_id, check.failure_info.code_sample
                    )
    elif isinstance(event, events.NonFatalError):
        report.errors.append(f"{event.label}: {event.info.format()}")
    elif isinstance(event, events.FatalError):
        report.errors.append(repr(event.exception))


def _fail(
    report: Report, check: str, failure: Failure, event: events.ScenarioFinished, case_id: str, sample: str
) -> None:
    interaction = event.recorder.interactions.get(failure.case_id or case_id)
    answer = "" if interaction is None or interaction.response is None else interaction.response.text[:500]
    told = f"{failure.operation}: {check}\n{failure}\n{sample}\n{answer}"
    report.failures.setdefault((failure.operation or "", f"{check} {failure.title} {failure.message[:200]}"), told)
