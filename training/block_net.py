"""Train the network of ``pipeline.boilerplate.model``: the same steps in JAX, AdamW, a fixed seed.

The loss of a page is the weighted cross entropy of its blocks and, added to it, one minus the F1 that its
probabilities promise, by tokens: so that a page counts by what is read of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.features import MAX_MARKS
from pipeline.boilerplate.model import CLIP, KIN_BEFORE, PLACE_DAMP, REACHES, WORD_DAMP, Bags, Weights, predict
from training.train_plan import Floats, Plan, Rows, Sample

Arrays = dict[str, Any]  # jax arrays by name
_LIKE = 0.001  # probability: rounding of single precision, and log odds that the model cuts off


@dataclass(frozen=True, slots=True)
class Sizes:
    """The fixed lengths of a batch's arrays."""

    blocks: int
    words: int
    places: int
    classes: int
    pages: int


def sizes_of(plan: Plan) -> Sizes:
    """Roomy for what pages have; what of a single page does not fit is left out."""
    return Sizes(plan.blocks, plan.blocks * 22, plan.blocks // 2, plan.blocks * 12, 64)


def fit(pages: Sequence[Sequence[Sample]], rows: Rows, *, plan: Plan) -> Weights:
    """Weights that minimise the loss over the pages, each page counting alike.

    A page may come in several forms; an epoch takes as many as ``plan.forms`` of each, drawn anew.
    """
    rng = np.random.default_rng(plan.seed)
    table = np.concatenate([one.page.table for forms in pages for one in forms]).astype(np.float64)
    mean, spread = table.mean(axis=0), table.std(axis=0)
    scale = np.where(spread < 0.005, 0, 1 / np.maximum(spread, 0.005))
    frame = {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}
    values = {name: jnp.asarray(value) for name, value in _start(table.shape[1], rows, plan, rng).items()}
    first = {name: jnp.zeros_like(value) for name, value in values.items()}
    second = {name: jnp.zeros_like(value) for name, value in values.items()}
    total = plan.epochs * sum(1 for _ in batches(_epoch(pages, rng, plan), rng, frame, plan))
    key, step = jax.random.PRNGKey(plan.seed), 0
    for _ in range(plan.epochs):
        for batch in batches(_epoch(pages, rng, plan), rng, frame, plan):
            key, mine = jax.random.split(key)
            done = min(step / total, 1.0)
            rate = plan.rate * min(1.0, 20 * done) * (0.5 + 0.5 * np.cos(np.pi * done) + 0.01)
            step += 1
            values, first, second = _step(values, first, second, batch, mine, rate, step, plan)
    trained = Weights(**frame, **{name: np.asarray(value) for name, value in values.items()})
    _check_likeness(trained, pages[0][0], plan)
    return trained


def _check_likeness(weights: Weights, one: Sample, plan: Plan) -> None:
    """Raise RuntimeError unless ``model.predict`` says what was trained here."""
    n = len(one.wanted)
    still = replace(plan, dropout=0.0, word_dropout=0.0, class_blind=0.0, blocks=max(plan.blocks, n))
    frame = {"mean": weights.mean, "scale": weights.scale}
    values = {name: getattr(weights, name) for name in weights.__slots__ if name not in frame}
    batch = _batch([one], frame, sizes_of(still))
    here = np.asarray(jax.nn.sigmoid(_forward(values, batch, jax.random.PRNGKey(0), still)))[:n]
    there = predict((weights,), one.page)
    if np.abs(here - there).max() > _LIKE:
        raise RuntimeError(f"the trainer and the model differ by {np.abs(here - there).max()}")


def _start(features: int, rows: Rows, plan: Plan, rng: np.random.Generator) -> dict[str, Floats]:
    units, reaches = plan.units, len(REACHES)

    def draw(*shape: int, spread: float) -> Floats:
        return (rng.standard_normal(shape) * spread).astype(np.float32)

    width = features + plan.word_units + plan.class_units + plan.tag_units

    def zero(*shape: int) -> Floats:
        return np.zeros(shape, dtype=np.float32)

    return {
        "words": draw(rows.words, plan.word_units, spread=0.1),
        "classes": draw(rows.classes, plan.class_units, spread=0.1),
        "tags": draw(rows.tags, plan.tag_units, spread=0.1),
        "marks": draw(rows.marks, units, spread=0.05),
        "w_block": draw(width, units, spread=np.sqrt(2 / width)),
        "b_block": zero(units),
        "attention": draw(units, 4, spread=0.3 * np.sqrt(2 / units)),
        "w_page": draw(5 * units, units, spread=0.5 * np.sqrt(2 / (5 * units))),
        "b_page": zero(units),
        "w_kin": draw(len(KIN_BEFORE), 3 * units, units, spread=0.7 * np.sqrt(2 / (3 * units))),
        "b_kin": zero(len(KIN_BEFORE), units),
        "w_near": draw(reaches, 3 * units, units, spread=0.7 * np.sqrt(2 / (3 * units))),
        "b_near": zero(reaches, units),
        "w_out": draw(units, spread=0.5 * np.sqrt(2 / units)),
        "b_out": zero(),
    }


def _epoch(pages: Sequence[Sequence[Sample]], rng: np.random.Generator, plan: Plan) -> list[Sample]:
    """Some forms of each page, in no order."""
    chosen = [forms[at] for forms in pages for at in rng.permutation(len(forms))[: plan.forms]]
    return [chosen[at] for at in rng.permutation(len(chosen))]


def batches(
    samples: Sequence[Sample], rng: np.random.Generator, frame: dict[str, Floats], plan: Plan
) -> Iterator[dict[str, NDArray[Any]]]:
    """Pages, cropped to a window each, one after another in arrays of fixed sizes."""
    sizes = sizes_of(plan)
    room = np.array([sizes.blocks, sizes.words, sizes.places, sizes.classes, sizes.classes, sizes.pages - 1])
    chosen: list[Sample] = []
    filled = np.zeros_like(room)
    for given in samples:
        one = _cropped(given, rng, plan.crop)
        page = one.page
        more = (len(one.wanted), len(page.words.ids), page.classes.n, len(page.classes.ids), len(page.tags.ids), 1)
        if chosen and (filled + more > room).any():
            yield _batch(chosen, frame, sizes)
            chosen, filled = [], np.zeros_like(room)
        chosen.append(one)
        filled += more
    if chosen:
        yield _batch(chosen, frame, sizes)


def _cropped(one: Sample, rng: np.random.Generator, size: int) -> Sample:
    n = len(one.wanted)
    if n <= size:
        return one
    low = int(rng.integers(0, n - size + 1))
    at, page = slice(low, low + size), one.page
    inside = (page.words.rows >= low) & (page.words.rows < low + size)
    words = Bags(size, page.words.rows[inside] - low, page.words.ids[inside], page.words.weights[inside])
    cut = replace(
        page, words=words, table=page.table[at], tokens=page.tokens[at], place=page.place[at], kin=page.kin[at]
    )
    return Sample(cut, one.wanted[at], one.weight[at])


def _padded(parts: Sequence[NDArray[Any]], size: int, fill: float, kind: type) -> NDArray[Any]:
    joined = np.concatenate(parts)[:size]
    return np.concatenate((joined, np.full(size - len(joined), fill))).astype(kind)


def _owners(lengths: Sequence[int], size: int, waste: int) -> NDArray[Any]:
    """Which page each row belongs to, for pages of so many rows."""
    return _padded([np.repeat(np.arange(len(lengths)), lengths)], size, waste, np.int32)


def _batch(chosen: Sequence[Sample], frame: dict[str, Floats], sizes: Sizes) -> dict[str, NDArray[Any]]:
    """The last page and the last row of every kind are waste, where padding goes."""
    lengths, n_places = [len(one.wanted) for one in chosen], [one.page.classes.n for one in chosen]
    starts, places = np.cumsum([0, *lengths[:-1]]), np.cumsum([0, *n_places[:-1]])
    table = np.concatenate([one.page.table for one in chosen])

    def bags(name: str, size: int, offsets: NDArray[np.int64], waste: int) -> dict[str, NDArray[Any]]:
        each = [getattr(one.page, name) for one in chosen]
        rows = [np.minimum(bag.rows + offset, waste) for bag, offset in zip(each, offsets, strict=True)]
        return {
            f"{name}_rows": _padded(rows, size, waste, np.int32),
            f"{name}_ids": _padded([bag.ids for bag in each], size, 0, np.int32),
            f"{name}_weights": _padded([bag.weights for bag in each], size, 0, np.float32),
        }

    scaled = np.clip((table - frame["mean"]) * frame["scale"], -CLIP, CLIP)
    n, marks = sizes.blocks, [one.page.marks[:MAX_MARKS] for one in chosen]
    return {
        "table": np.vstack((scaled, np.zeros((n - len(scaled), scaled.shape[1])))).astype(np.float32),
        "tokens": _padded([one.page.tokens + 1 for one in chosen], n, 0, np.float32),
        "wanted": _padded([one.wanted for one in chosen], n, 0, np.float32),
        "weight": _padded([one.weight for one in chosen], n, 0, np.float32),
        "page": _owners(lengths, n, sizes.pages - 1),
        "place": _padded([one.page.place + at for one, at in zip(chosen, places, strict=True)], n, 0, np.int32),
        "page_of_place": _owners(n_places, sizes.places + 1, sizes.pages - 1),
        "kin": _padded([one.page.kin + at for one, at in zip(chosen, places, strict=True)], n, 0, np.int32),
        "marks_rows": _owners([len(one) for one in marks], 64 * MAX_MARKS, sizes.pages),
        "marks_ids": _padded(marks, 64 * MAX_MARKS, 0, np.int32),
        "n_pages": np.array(len(chosen), dtype=np.float32),
        **bags("words", sizes.words, starts, n),
        **bags("classes", sizes.classes, places, sizes.places),
        **bags("tags", sizes.classes, places, sizes.places),
    }


def _forward(values: Arrays, batch: Arrays, key: Any, plan: Plan) -> Any:
    """Log odds of the blocks, as ``model.predict`` with dropout."""
    sizes = sizes_of(plan)
    keys = iter(jax.random.split(key, 32))

    def drop(hidden: Any, share: float) -> Any:
        return hidden * jax.random.bernoulli(next(keys), 1 - share, hidden.shape) / (1 - share)

    def bag(name: str, n: int, damp: float) -> Any:
        weights = batch[f"{name}_weights"]
        weights = weights * jax.random.bernoulli(next(keys), 1 - plan.word_dropout, weights.shape)
        rows = batch[f"{name}_rows"]
        if name == "classes":
            seeing = jax.random.bernoulli(next(keys), 1 - plan.class_blind, (sizes.pages,))
            weights = weights * seeing[batch["page_of_place"]][rows]
        sums = jax.ops.segment_sum(values[name][batch[f"{name}_ids"]] * weights[:, None], rows, n + 1)[:n]
        return sums / (jax.ops.segment_sum(weights, rows, n + 1)[:n, None] + damp)

    parts = (
        drop(batch["table"], plan.dropout / 2),
        drop(bag("words", sizes.blocks, WORD_DAMP), plan.dropout),
        drop(bag("classes", sizes.places, PLACE_DAMP)[batch["place"]], plan.dropout),
        drop(bag("tags", sizes.places, PLACE_DAMP)[batch["place"]], plan.dropout),
    )
    hidden = drop(jax.nn.relu(jnp.concatenate(parts, axis=1) @ values["w_block"] + values["b_block"]), plan.dropout)
    heard = jax.random.bernoulli(next(keys), 1 - plan.word_dropout, batch["marks_ids"].shape)
    marks = jax.ops.segment_sum(
        values["marks"][batch["marks_ids"]] * heard[:, None], batch["marks_rows"], sizes.pages + 1
    )[: sizes.pages]
    summary = _summaries(values, batch, hidden, sizes.pages)
    hidden = hidden + jax.nn.relu(summary @ values["w_page"] + values["b_page"] + marks)[batch["page"]]
    for at, reach in enumerate(REACHES):
        if at in KIN_BEFORE:
            kin = KIN_BEFORE.index(at)
            told = _with_kin(hidden, batch, sizes.places) @ values["w_kin"][kin] + values["b_kin"][kin]
            hidden = hidden + drop(jax.nn.relu(told), plan.dropout)
        near = jnp.concatenate(_neighbours(hidden, batch["page"], reach), axis=1)
        hidden = hidden + drop(jax.nn.relu(near @ values["w_near"][at] + values["b_near"][at]), plan.dropout)
    return hidden @ values["w_out"] + values["b_out"]


def _summaries(values: Arrays, batch: Arrays, hidden: Any, n_pages: int) -> Any:
    size, page = batch["tokens"], batch["page"]
    total = jax.ops.segment_sum(size, page, n_pages)
    mean = jax.ops.segment_sum(hidden * size[:, None], page, n_pages) / jnp.maximum(total, 1)[:, None]
    asked = hidden @ values["attention"] + jnp.log(jnp.maximum(size, 1e-6))[:, None] / 2
    highest = jax.lax.stop_gradient(jax.ops.segment_max(asked, page, n_pages))
    attention = jnp.where(size[:, None] > 0, jnp.exp(asked - highest[page]), 0)
    attention = attention / jnp.maximum(jax.ops.segment_sum(attention, page, n_pages)[page], 1e-9)
    spread = (attention[:, :, None] * hidden[:, None, :]).reshape(len(page), -1)
    return jnp.concatenate((mean, jax.ops.segment_sum(spread, page, n_pages)), axis=1)


def _with_kin(hidden: Any, batch: Arrays, n_kin: int) -> Any:
    def mean(weight: Any) -> Any:
        sums = jax.ops.segment_sum(hidden * weight[:, None], batch["kin"], n_kin)
        return sums / jnp.maximum(jax.ops.segment_sum(weight, batch["kin"], n_kin), 1)[:, None]

    size = batch["tokens"]
    means = jnp.concatenate((mean(size), mean((size > 0).astype(hidden.dtype))), axis=1)
    return jnp.concatenate((hidden, means[batch["kin"]]), axis=1)


def _neighbours(hidden: Any, page: Any, reach: int) -> tuple[Any, Any, Any]:
    zero, none = jnp.zeros((reach, hidden.shape[1])), jnp.full(reach, -1)
    before, its_page = jnp.concatenate((zero, hidden[:-reach])), jnp.concatenate((none, page[:-reach]))
    after, next_page = jnp.concatenate((hidden[reach:], zero)), jnp.concatenate((page[reach:], none))
    return before * (its_page == page)[:, None], hidden, after * (next_page == page)[:, None]


def _loss(values: Arrays, batch: Arrays, key: Any, plan: Plan) -> Any:
    odds, n_pages = _forward(values, batch, key, plan), sizes_of(plan).pages
    entropy = jnp.sum(batch["weight"] * (jax.nn.softplus(odds) - odds * batch["wanted"]))
    kept, size = jax.nn.sigmoid(odds), batch["tokens"] * (batch["weight"] > 0)
    right = jax.ops.segment_sum(kept * batch["wanted"] * size, batch["page"], n_pages)
    both = jax.ops.segment_sum((kept + batch["wanted"]) * size, batch["page"], n_pages)
    missed = jnp.sum(jnp.where(both > 0, 1 - 2 * right / jnp.maximum(both, 1e-6), 0))
    return (entropy + plan.f1_share * missed) / batch["n_pages"]


@partial(jax.jit, static_argnames="plan")
def _step(
    values: Arrays, first: Arrays, second: Arrays, batch: Arrays, key: Any, rate: float, step: int, plan: Plan
) -> tuple[Arrays, Arrays, Arrays]:
    """One step of AdamW (Loshchilov and Hutter 2019); biases do not decay."""
    slope = jax.grad(_loss)(values, batch, key, plan)
    first = {name: 0.9 * first[name] + 0.1 * slope[name] for name in values}
    second = {name: 0.999 * second[name] + 0.001 * slope[name] ** 2 for name in values}
    moved = {}
    for name, value in values.items():
        move = first[name] / (1 - 0.9**step) / (jnp.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
        decay = plan.decay if not name.startswith("b_") and value.ndim > 1 else 0
        moved[name] = value - rate * (move + decay * value)
    return moved, first, second
