"""What work costs as its input grows, told without seconds: CPU time on one size over that on a smaller one.

Linear work on ``TIMES`` the input takes ``TIMES`` the time, quadratic work ``TIMES`` squared, on any machine however
busy. ``linear`` says which it was; a test asserts it.
"""

import time

TIMES = 8
SLACK = 3  # linear work may take so many times its share: caches and memory are slower when they are larger
TRIES = 3  # one that another process disturbed proves nothing


def linear(do, make, size):
    """True if ``do(make(size))`` costs what is linear beside an eighth of it, in the best of a few tries."""
    do(make(size // TIMES))  # what is loaded at the first call is no part of it
    return any(_ratio(do, make, size, turn) < TIMES * SLACK for turn in range(TRIES))


def repeated(unit):
    """A maker of texts of so many characters: the unit again and again."""
    return lambda size: unit * (size // len(unit))


def _ratio(do, make, size, turn):
    """Of CPU times; sizes differ from turn to turn so that no cache answers. A yardstick keeps noise out of both."""
    small = size // TIMES + turn
    few, many = (cost(do, make(one)) for one in (small, small * TIMES))
    yardstick = cost(sum, range(50_000))
    return (many + yardstick) / (few + yardstick)


def cost(do, given):
    """CPU time of ``do(given)``, to be compared with that of other work in the same test and with nothing else."""
    start = time.process_time()
    do(given)
    return time.process_time() - start
