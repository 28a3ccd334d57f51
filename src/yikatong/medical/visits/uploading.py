"""Taking uploads of fee lines, and withdrawing them (费用明细上传、撤销). No I/O."""

from typing import Final

import msgspec

from yikatong.medical.visits import lines, orders, states
from yikatong.medical.visits.errors import CareRefused, LineRefused, OutOfOrder
from yikatong.medical.visits.model import FeeBatch, Left, SplitLine
from yikatong.medical.visits.orders import LinesDone, LinesWithdrawn
from yikatong.medical.visits.visiting import check_time, own_visit
from yikatong.medical.visits.work import Work

VISIT_LINES_MAX: Final = 20_000


def add_lines(order: orders.AddLines, sender: orders.Sender, work: Work) -> LinesDone:
    """Take an upload whole, each line split by the catalog of the treatment region, or not at all."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, order.setting)
    states.after(visit.setting, visit.state, "add_lines")
    key = (visit.person_id, visit.visit_id)
    batches = work.batches.get(key, [])
    known = {
        line.number: (line, batch)
        for batch in batches
        for line in work.lines.get((*key, batch.batch_id), ())
    }
    if len(known) + len(order.lines) > VISIT_LINES_MAX:
        raise CareRefused(
            f"一次就诊最多 {VISIT_LINES_MAX} 条明细", f"a visit has at most {VISIT_LINES_MAX} lines"
        )
    new: set[str] = set()
    for at, line in enumerate(order.lines):
        if line.number in known or line.number in new:
            raise LineRefused(
                f"lines[{at}].number",
                f"第 {at + 1} 条明细流水号 {line.number} 在本次就诊中已存在",
                f"line {at + 1}: the number {line.number} exists in this visit already",
            )
        new.add(line.number)
        check_time(line.at, work.now, f"lines[{at}].at")
    for batch in batches:
        if order.batch and batch.batch == order.batch and batch.settlement_id is not None:
            raise CareRefused(
                f"收费批次 {order.batch} 已结算，请换新的批次号",
                f"the batch {order.batch} is settled; use a new batch number",
                "batch",
            )
    split = lines.split(order.lines, work.catalog, visit.treatment_region, _giving_back(known))
    total, self_paid, over_limit, first_pay = lines.sums(split)
    batch = FeeBatch(
        person_id=visit.person_id,
        visit_id=visit.visit_id,
        batch_id=work.new_id(),
        batch=order.batch,
        settlement_id=None,
        lines_count=len(split),
        total=total,
        self_paid=self_paid,
        over_limit=over_limit,
        first_pay=first_pay,
        version=1,
    )
    work.new_batches.append((batch, split))
    return LinesDone(visit.visit_id, batch.batch_id, split)


def _giving_back(known: dict[str, tuple[SplitLine, FeeBatch]]) -> lines.Earlier:
    """Finds the unsettled line that a negative one gives back, with what is left of it."""
    given: dict[str, list[SplitLine]] = {}
    for line, _ in known.values():
        if line.gives_back is not None:
            given.setdefault(line.gives_back, []).append(line)

    def find(number: str) -> tuple[SplitLine, Left] | None:
        found = known.get(number)
        if found is None or found[1].settlement_id is not None or found[0].left is not None:
            return None
        return found[0], lines.left_of(found[0], given.get(number, ()))

    return find


def withdraw_lines(
    order: orders.WithdrawLines, sender: orders.Sender, work: Work
) -> LinesWithdrawn:
    """Take lines back that no settlement took: a batch, one line, one upload, or all."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, order.setting)
    states.after(visit.setting, visit.state, "withdraw_lines")
    key = (visit.person_id, visit.visit_id)
    count = 0
    settled = False
    kept_numbers: set[str] = set()
    changes: list[tuple[FeeBatch, list[SplitLine]]] = []
    for batch in work.batches.get(key, ()):
        found = work.lines.get((*key, batch.batch_id), [])
        named = order.batch in (None, batch.batch) and order.batch_id in (None, batch.batch_id)
        kept = [one for one in found if not (named and order.line in (None, one.number))]
        if batch.settlement_id is not None:
            settled = settled or len(kept) < len(found)
            kept = found
        # A settled line, too, may give back one that is not settled.
        kept_numbers.update(one.gives_back for one in kept if one.gives_back)
        if len(kept) < len(found):
            count += len(found) - len(kept)
            changes.append((batch, kept))
    if count == 0:
        named = "batch" if visit.setting == "outpatient" else "line"
        _nothing_to_withdraw(named, settled=settled)
    withdrawn = {
        one.number
        for batch, kept in changes
        for one in work.lines[(*key, batch.batch_id)]
        if one not in kept
    }
    if withdrawn & kept_numbers:
        raise OutOfOrder(
            "明细已有退费，请先撤销退费明细",
            "the line was given back; withdraw the line that gives it back first",
            "line",
        )
    for batch, kept in changes:
        total, self_paid, over_limit, first_pay = lines.sums(kept)
        work.rewritten_batches.append(
            (
                msgspec.structs.replace(
                    batch, lines_count=len(kept), total=total, self_paid=self_paid,
                    over_limit=over_limit, first_pay=first_pay,
                ),
                kept,
            )
        )  # fmt: skip
    return LinesWithdrawn(count)


def _nothing_to_withdraw(field: str, *, settled: bool) -> None:
    if settled:
        raise OutOfOrder(
            "明细已结算，请先撤销结算",
            "the lines are settled; reverse the settlement first",
            field,
        )
    raise OutOfOrder(
        "没有可撤销的明细，请核对批次号或明细流水号",
        "there are no such unsettled lines; compare the batch or line number",
        field,
    )
