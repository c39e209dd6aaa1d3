"""Which bytes go into which request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyathena.filesystem.planning import equal_part_size, growing_part_size, merge_ranges, resolve, split_range
from pyathena.transport import MAX_PART_SIZE, MAX_PARTS, MIN_PART_SIZE

bounds = st.tuples(st.integers(0, 5000), st.integers(1, 500)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 3000))
def test_a_split_range_covers_every_byte_once(start: int, size: int, block: int) -> None:
    pieces = split_range(start, start + size, block)
    covered = [byte for piece in pieces for byte in range(piece.start, piece.stop or 0)]
    assert covered == list(range(start, start + size))
    assert all(piece.size == block for piece in pieces[:-1])


def test_a_block_without_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        split_range(0, 1, 0)


@given(st.none() | st.integers(-50, 50), st.none() | st.integers(-50, 50), st.integers(0, 40))
def test_bounds_are_resolved_as_python_slices_bytes(start: int | None, end: int | None, size: int) -> None:
    data = bytes(range(size))
    low, high = resolve(start, end, size)
    assert data[low:high] == data[start:end]
    assert high >= low


@given(st.lists(bounds, max_size=30), st.integers(0, 300), st.integers(1, 2000))
def test_merged_ranges_hold_each_asked_range_exactly_once(
    ranges: list[tuple[int, int]], max_gap: int, max_size: int
) -> None:
    merged = merge_ranges(ranges, max_gap=max_gap, max_size=max_size)
    assert sorted(index for one in merged for index in one.serves) == list(range(len(ranges)))
    for one in merged:
        for index in one.serves:
            assert one.start <= ranges[index][0] < ranges[index][1] <= one.stop


@given(st.lists(bounds, max_size=30), st.integers(0, 300), st.integers(1, 2000))
def test_merged_ranges_are_no_larger_than_allowed_unless_one_asked_for_is(
    ranges: list[tuple[int, int]], max_gap: int, max_size: int
) -> None:
    for one in merge_ranges(ranges, max_gap=max_gap, max_size=max_size):
        largest = max(ranges[index][1] - ranges[index][0] for index in one.serves)
        assert one.stop - one.start <= max(max_size, largest)


@given(st.lists(bounds, min_size=1, max_size=30), st.integers(0, 300))
def test_merged_ranges_read_no_gap_larger_than_allowed(ranges: list[tuple[int, int]], max_gap: int) -> None:
    for one in merge_ranges(ranges, max_gap=max_gap, max_size=10**9):
        position = one.start
        for start, stop in sorted(ranges[index] for index in one.serves):
            assert start - position <= max_gap
            position = max(position, stop)


def test_ranges_that_are_far_apart_stay_apart() -> None:
    assert [(one.start, one.stop) for one in merge_ranges([(0, 10), (100, 110)], max_gap=89, max_size=1000)] == [
        (0, 10),
        (100, 110),
    ]


def test_ten_thousand_growing_parts_hold_terabytes() -> None:
    total = sum(growing_part_size(number, MIN_PART_SIZE) for number in range(1, MAX_PARTS + 1))
    assert total == 1000 * MIN_PART_SIZE * (2**10 - 1)  # 5.4 TB, with the smallest blocks there are


@given(st.integers(1, MAX_PARTS), st.integers(MIN_PART_SIZE, 2**30))
def test_parts_never_shrink_and_stay_within_the_limits_of_s3(number: int, block: int) -> None:
    size = growing_part_size(number, block)
    assert block <= size <= MAX_PART_SIZE
    if number > 1:
        assert size >= growing_part_size(number - 1, block)


@given(st.integers(0, MAX_PARTS * MAX_PART_SIZE), st.integers(MIN_PART_SIZE, 2**30))
def test_equal_parts_suffice_and_stay_within_the_limits_of_s3(size: int, block: int) -> None:
    part = equal_part_size(size, block)
    assert block <= part <= MAX_PART_SIZE
    assert part * MAX_PARTS >= size


def test_an_object_that_no_parts_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="got 53687091200001 bytes"):
        equal_part_size(MAX_PARTS * MAX_PART_SIZE + 1, MIN_PART_SIZE)
