"""The compiled loops of signatures, their source, and signatures worked out in plain Python agree on any text."""

import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernels import TEXT, as_written, of_one_type, same

from pipeline.dedup import signature
from pipeline.dedup.signature import LINE, N_HASHES, NAME, NUMERAL, TITLE, sign
from pipeline.text.tokens import count_cjk, tokens

LOOPS = ("_walk", "_shingles", "_minhash")
WORD, MASK = (1 << 64) - 1, 0xFFFFFFFF
BREAKS = set("\n.!?:;\"“”‘’'()[]•*-—。！？：；")
NUMERALS = set("〇零○一二三四五六七八九十百千万萬亿億两兩廿卅壹贰叁肆伍陆柒捌玖拾佰仟")


def values(found):
    return (found.shingles, found.minhash, found.sequence)


def folded(char):
    if "\uff10" <= char <= "\uff5a" and char.isalnum():
        char = chr(ord(char) - 0xFEE0)
    char = char if count_cjk(char) else char.lower()[0]
    return signature._simplified().get(ord(char), ord(char))


def is_digit(token):
    return token[0].isdecimal()


def token_hash(token):
    return sum(folded(char) * signature._GOLDEN**at for at, char in enumerate(token)) & WORD


def scrambled(value):
    value &= WORD
    return (((value ^ value >> 32) * int(signature._MIX) & WORD) >> 32) & ~1


def shingles_of(found):
    places = signature._PLACES.tolist()
    hashes = [token_hash(token) for token in found]
    if len(found) < 3:
        return [scrambled(sum(value * place for value, place in zip(hashes, places, strict=False)))][: len(found)]
    runs = {scrambled(sum(hashes[at + n] * places[n] for n in range(3))) for at in range(len(found) - 2)}
    for at, token in enumerate(found):
        if is_digit(token):
            unit = hashes[at + 1] if count_cjk("".join(found[at + 1 : at + 2])) else 0
            runs.add(scrambled(hashes[at] * places[0] + unit * places[1]) | 1)
    return sorted(runs)


def mixed(value):
    value = (value ^ value >> 16) * 0x85EBCA6B & MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & MASK
    return value ^ value >> 16


def minhash_of(shingles):
    if not shingles:
        return [0] * N_HASHES
    edges = [(place << 32) // N_HASHES for place in range(N_HASHES)] + [1 << 32]
    found = {}
    for place in range(N_HASHES):
        if mine := [one for one in shingles if edges[place] <= one < edges[place + 1]]:
            found[place] = min(mine)
    turn = 0
    while len(found) < N_HASHES:
        turn += 1
        fresh = {}
        for one in shingles:
            drawn = mixed(one ^ mixed(turn))
            fresh.setdefault(drawn * N_HASHES >> 32, []).append(drawn)
        found |= {place: min(drawn) for place, drawn in fresh.items() if place not in found}
    return [found[place] for place in range(N_HASHES)]


def sequence_of(text, flags):
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    at = 0
    for token in tokens(lines):
        at = lines.index(token, at)
        before, ahead = f"\n\n{lines}"[at + 1], f"\n\n{lines}"[at]
        opens = before in BREAKS or (before == " " and ahead in BREAKS)
        named = token[0].isupper() and not is_digit(token) and not count_cjk(token[0]) and not opens
        numeral = (is_digit(token) and not count_cjk(token[0])) or token[0] in NUMERALS
        at += len(token)
        kept = (token_hash(token) * int(signature._MIX) & WORD) >> 48 & 0xFFF0
        yield kept | flags | NUMERAL * numeral | NAME * named | LINE * (before == "\n")


@given(TEXT, st.none() | TEXT)
def test_signatures_are_those_of_plain_python(text, title):
    found = sign(text, title=title)
    text = unicodedata.normalize("NFC", text)
    words = tokens(" ".join(text.split()))
    shingles = shingles_of(words)
    assert found.n_tokens == len(words)
    assert found.shingles.tolist() == shingles
    assert found.minhash.tolist() == minhash_of(shingles)
    ahead = sequence_of(unicodedata.normalize("NFC", title), TITLE) if title else ()
    assert found.sequence.tolist() == [*ahead, *sequence_of(text, 0)]


@given(TEXT, st.none() | TEXT)
def test_the_compiled_loops_say_what_their_source_says(text, title):
    compiled = sign(text, title=title)
    with as_written(signature, *LOOPS):
        assert same(values(compiled), values(sign(text, title=title)))


def test_a_long_text_says_the_same_with_blank_lines_and_without():
    """Blank lines move what is behind them, and long texts hash by place: shingles are of the text without."""
    text = "\n".join(f"word{at} 第{at}章" for at in range(8_000))
    assert same(sign(text).shingles, sign(text.replace("\n", "\n\n", 50)).shingles)


def test_each_loop_is_compiled_for_one_type_of_arrays():
    for text in ("", "碳市场", "One two 3 four.", "\n\n"):
        sign(text, title="A title")
        signature._minhash(np.unique(sign(text).shingles))
    assert of_one_type(signature, *LOOPS)
