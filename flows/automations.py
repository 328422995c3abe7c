"""What Prefect is told to watch, so that an operator is told when something is wrong, and the event that a run ends with.

A new alert is an ``Alert`` in ``_alerts``. A sentence is a Jinja template over what the event is about; it names what is
wrong, the output, and where to look.
https://docs.prefect.io/v3/concepts/automations
"""

# No `from __future__ import annotations`: runs import this, and where a served one begins, Prefect cannot look names up.
import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from prefect.automations import Automation
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events import emit_event
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.variables import Variable

from pipeline.drift import Drift
from pipeline.errors import WinnowError
from pipeline.stages.outcomes import RunReport
from pipeline.store.fingerprint import fingerprint
from pipeline.text.safety import printable

#: The events of a run that published: nothing to look at, or something.
PUBLISHED, ALARM = "winnow.published", "winnow.alarm"
#: The variable on the server that says how many records in quarantine are too many. Whoever runs reads it at its end.
BOUND = "winnow_max_quarantined"
#: The webhook block that is installed.
BLOCK = "winnow-alerts"
FLOWS = ["winnow-ingest", "winnow-check", "winnow-prune"]
#: Of one schedule that does not fire there is one message in so long.
LATE_AGAIN = timedelta(hours=1)
MAX_MESSAGE = 1000  # characters of why a run failed


@dataclass(frozen=True, slots=True)
class Alert:
    """When an operator is told, and what."""

    name: str
    trigger: EventTrigger
    sentence: str


def announce(report: RunReport, jumps: Sequence[Drift], out: Path) -> None:
    """Emit what a run published came to, as an event; its name says whether somebody should look.

    Raises what Prefect's clients raise when the server is gone.
    """
    if not report.published:
        return
    bound, n = Variable.get(BOUND, default=None), report.counts["quarantined"]
    bound = bound if isinstance(bound, int) else None
    wrong = wrong_with(n, bound, len(jumps))
    figures = {
        "quarantined": n,
        "max_quarantined": bound,
        "drifts": len(jumps),
        "documents": report.counts["documents"],
    }
    emit_event(
        ALARM if wrong else PUBLISHED,
        {"prefect.resource.id": f"winnow.output.{fingerprint(str(out))}", "prefect.resource.name": _named(out)},
        payload={"output": _named(out), "snapshot": report.snapshot.name, **figures, "wrong": wrong},
    )


def wrong_with(n_quarantined: int, bound: int | None, n_jumps: int) -> str:
    """What is wrong with a snapshot, in words; "" for nothing."""
    parts = []
    if bound is not None and n_quarantined > bound:
        parts += [
            f"{n_quarantined:,} {'records are' if n_quarantined > 1 else 'record is'} in quarantine, more than {bound:,}"
        ]
    if n_jumps:
        parts += [f"drift is seen in {n_jumps:,} figure{'s' * (n_jumps > 1)} of its sites or rules"]
    return ", and ".join(parts)


def _named(out: Path) -> str:
    return printable(str(out))


_FLOWS = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": FLOWS})
_RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_SEE = "See {{ (flow_run | ui_url) or 'the run in the UI of Prefect' }}"


def _alerts() -> tuple[Alert, ...]:
    failed = (
        "The run {{ flow_run.name }} into {{ flow_run.parameters.out }} {{ flow_run.state.name | lower }}: "
        f"{{{{ (flow_run.state.message or 'it did not say why.') | truncate({MAX_MESSAGE}) }}}} {_SEE}"
    )
    alarm = (
        "The snapshot {{ event.payload.snapshot }} of {{ event.payload.output }} should be looked at: "
        f"{{{{ event.payload.wrong }}}}. {_SEE} and its artifacts, or `winnow report`"
    )
    late = (
        "The scheduled run {{ deployment.name }} into {{ flow_run.parameters.out }} was due at "
        "{{ flow_run.expected_start_time.isoformat(timespec='seconds') }} and has not begun: is what carries runs out "
        f"still there? {_SEE}"
    )
    ends = {f"prefect.flow-run.{name}" for name in ("Failed", "Crashed", "TimedOut")}
    return (
        Alert("failed", EventTrigger(expect=ends, match=_RUNS, match_related=_FLOWS), failed),
        Alert("alarm", EventTrigger(expect={ALARM}), alarm),
        Alert(
            "late",
            EventTrigger(
                expect={"prefect.flow-run.Late"},
                match=_RUNS,
                match_related=_FLOWS,
                for_each={"related:deployment:prefect.resource.id"},
                within=LATE_AGAIN,
            ),
            late,
        ),
    )


def _lost(silence: timedelta) -> Automation:
    """Runs that gave no sign of life are marked as crashed, and so told of as failed.

    It calls no webhook itself: where a heartbeat arrives after the end of its run, the trigger fires for a run that ended
    well (https://github.com/PrefectHQ/prefect/issues/21932). The server refuses to crash that one, so nobody is told.
    """
    beat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "TimedOut", "Cancelled", "Crashed")}
    trigger = EventTrigger(
        after={beat},
        expect={beat, *ends},
        match=_RUNS,
        match_related=_FLOWS,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        within=silence,
    )
    said = f"it gave no sign of life for {int(silence.total_seconds())} seconds; its process or its machine is gone."
    return _automation("lost", trigger, ChangeFlowRunState(state=StateType.CRASHED, message=said))


def _automation(name: str, trigger: EventTrigger, action: ActionTypes) -> Automation:
    return Automation(name=_name(name), description="Installed by winnow alerts.", trigger=trigger, actions=[action])


NAMES = ("failed", "alarm", "late", "lost")


def _name(alert: str) -> str:
    return f"winnow: {alert}"


def payload(alert: str, sentence: str) -> str:
    """What a webhook is called with: a template of a JSON object."""
    return f'{{% set text %}}{sentence}{{% endset %}}{{"alert": {json.dumps(alert)}, "text": {{{{ text | tojson }}}}}}'


def install(block: Block, *, max_quarantined: int, silence: timedelta) -> None:
    """Have the server watch and call the block, which is saved if it is new; what was installed before is replaced."""
    Variable.set(BOUND, max_quarantined, overwrite=True)
    block_id = block._block_document_id or block.save(BLOCK, overwrite=True)

    def action(alert: Alert) -> ActionTypes:
        if isinstance(block, Webhook):
            return CallWebhook(block_document_id=block_id, payload=payload(alert.name, alert.sentence))
        return SendNotification(block_document_id=block_id, subject=_name(alert.name), body=alert.sentence)

    wanted = {one.name: _automation(one.name, one.trigger, action(one)) for one in _alerts()}
    wanted["lost"] = _lost(silence)
    with get_client(sync_client=True) as client:
        there = {name: one.id for name in NAMES for one in client.read_automations_by_name(_name(name))}
    for name, automation in wanted.items():
        if name in there:
            automation.id = there[name]
            automation.update()
        else:
            automation.create()


def remove() -> int:
    """Take away what was installed; how many automations there were."""
    with get_client(sync_client=True) as client:
        there = [one for name in NAMES for one in client.read_automations_by_name(_name(name))]
        for one in there:
            client.delete_automation(one.id)
    Variable.unset(BOUND)
    with contextlib.suppress(ValueError):  # where the operator's own block was used
        Webhook.delete(BLOCK)
    return len(there)


def webhook(url: str) -> Block:
    """A new block that calls this address with JSON.

    Private addresses are allowed on purpose: the operator who holds the server's secret chose it, and a receiver on this
    machine or in its network is the usual one.
    """
    headers = {"content-type": "application/json"}
    return Webhook.model_validate({"url": url, "headers": headers, "allow_private_urls": True})


def loaded(name: str) -> Block:
    """A webhook or notification block that the operator made, by TYPE/NAME. Raises WinnowError."""
    try:
        block = Block.load(name)
    except (ValueError, RuntimeError) as error:
        raise WinnowError(
            f"{printable(name)} is no block of the server: {printable(str(error), limit=200)}",
            mend="Make it in the UI, under Blocks; its name here is TYPE/NAME, such as sendgrid-email/operators.",
        ) from None
    if not isinstance(block, Webhook | NotificationBlock):
        raise WinnowError(
            f"{printable(name)} is no block that tells anybody.", mend="Name a webhook or a notification."
        )
    return block


def greet(block: Block, out: Path) -> None:
    """Send a first message, so that one that cannot be delivered is known now. Raises WinnowError."""
    text = f"What goes wrong with {_named(out)} is told here."
    try:
        if isinstance(block, Webhook):
            asyncio.run(block.call(json.dumps({"alert": "installed", "text": text}))).raise_for_status()
        elif isinstance(block, NotificationBlock):
            with block.raise_on_failure():
                block.notify(text, _name("installed"))  # type: ignore[unused-coroutine]  # none outside of a loop
    except (httpx.HTTPError, httpx.InvalidURL, NotificationError) as error:
        raise WinnowError(
            f"A first message could not be delivered: {error or type(error).__name__}.",
            mend="Nothing was installed; mend the address or the receiver, then run it again.",
        ) from None
