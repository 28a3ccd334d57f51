"""The engine: a bill, a policy's terms and the year so far → who pays what, to the fen.

Pure: no I/O, no clock, no randomness. Each layer sums exact products of fen and rate and rounds
once, half up. The order of layers is: basic pooled fund (统筹基金) → large-amount fund (大额) of
what lies over its cap → serious-illness insurance (大病) of what the person bore in the year →
civil-servant or enterprise supplement → medical assistance (救助) → medical account → relatives'
accounts (共济) → cash.
"""

from fractions import Fraction

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, round_micro
from yikatong.policies import terms as policy_terms
from yikatong.policies.model import (
    Accumulator,
    Layer,
    MedicalAccount,
    Policy,
    Quote,
    QuoteRequest,
    Step,
    YearToDate,
)
from yikatong.policies.terms import LayerTerms, PlainBand, Terms

_IN_SCOPE = {
    "outpatient_pooled": "outpatient_in_scope",
    "chronic_pooled": "chronic_in_scope",
    "pooled": "inpatient_in_scope",
}
"""Beside each sum of payments, the sum of the in-scope amounts they were paid for."""

_ACCOUNT_CLAUSE = "国办发〔2021〕14号 （八）"
_NOT_COVERED = Text("统筹基金不支付此类费用", "the pooled fund does not pay for this kind of care")
_CUT = Text(
    "异地就医，支付比例已按备案情况调整", "care elsewhere: the rate is changed by the filing"
)
_CAP_REACHED = Text("达到年度封顶线", "the cap of the year is reached")
_OUT_OF_SCOPE = Text(
    "目录外、超限价和先行自付部分不进入报销范围",
    "items outside the catalog, above price limits and first-pay shares are out of scope",
)


def quote(request: QuoteRequest, policy: Policy, *, draft: bool = False) -> Quote:
    """Split a bill by a policy. Raises NoPolicyOnFile where it says nothing on the kind of care.

    Of a `draft`, which somebody only tries out, nothing is remembered.
    """
    bill, year, stay = request.bill, request.year_to_date, request.stay
    earlier = year.admissions - (1 if stay.counted else 0)
    if draft:
        terms = policy_terms.terms_of_draft(policy, request.person, request.visit, earlier)
    else:
        key = policy_terms.key_of(policy, request.person, request.visit, earlier)
        terms = policy_terms.terms_of(policy, key)
    in_scope = bill.in_scope
    steps: list[Step] = []
    if in_scope < bill.total:
        steps.append(Step("scope", "", bill.total - in_scope, 0, 0, _OUT_OF_SCOPE))

    deductible = pooled = over_cap = 0
    if terms.covered:
        due = _deductible_due(terms, year, request.visit.days)
        deductible = min(max(0, due - stay.deductible), in_scope)
        if deductible:
            steps.append(Step("deductible", terms.deductible_clause, deductible, 0, 0))
        # The bands of a stay run over all of it: an interim settlement goes on where the last ended.
        start, end = stay.in_scope + deductible, stay.in_scope + in_scope
        pooled, over_cap = _pooled(terms, start, end, year, steps)
    else:
        steps.append(Step("pooled", terms.clause, in_scope, 0, 0, _NOT_COVERED))
    large_amount = _over_the_year(
        "large_amount", terms.large_amount, year.over_cap, over_cap, year.large_amount, steps
    )

    # The further layers each run over what the layers before left to the person in the year.
    borne, before = in_scope - pooled - large_amount, year.borne_in_scope
    serious_illness = _over_the_year(
        "serious_illness", terms.serious_illness, before, borne, year.serious_illness, steps
    )
    borne, before = borne - serious_illness, max(0, before - year.serious_illness)
    civil_servant = _over_the_year(
        "civil_servant", terms.civil_servant, before, borne, year.civil_servant, steps
    )
    borne, before = borne - civil_servant, max(0, before - year.civil_servant)
    assistance = _over_the_year(
        "assistance", terms.assistance, before, borne, year.assistance, steps
    )
    borne -= assistance

    funds = pooled + large_amount + serious_illness + civil_servant + assistance
    person = bill.total - funds
    payable = person if policy.account_pays == "person" else borne + bill.first_pay
    own, family = _accounts(request.medical_account, payable, steps)
    account = own + family
    answer = Quote(
        total=bill.total,
        in_scope=in_scope,
        deductible=deductible,
        pooled=pooled,
        over_cap=over_cap,
        large_amount=large_amount,
        serious_illness=serious_illness,
        civil_servant=civil_servant,
        assistance=assistance,
        medical_account=account,
        cash=person - account,
        policy=policy,
        steps=tuple(steps),
        family_account=family,
    )
    _assert_adds_up(answer)
    return answer


def _assert_adds_up(answer: Quote) -> None:
    funds = answer.pooled + answer.large_amount + answer.serious_illness
    funds += answer.civil_servant + answer.assistance
    assert funds + answer.medical_account + answer.cash == answer.total, answer
    assert answer.pooled >= 0, answer
    assert answer.large_amount >= 0, answer
    assert answer.serious_illness >= 0, answer
    assert answer.civil_servant >= 0, answer
    assert answer.assistance >= 0, answer
    assert answer.medical_account >= answer.family_account >= 0, answer
    assert answer.cash >= 0, answer
    assert 0 <= answer.deductible <= answer.in_scope <= answer.total, answer
    paid = 0
    for step in answer.steps:
        paid += step.pays
    assert paid == answer.total - answer.cash, answer


def added_to_year(request: QuoteRequest, answer: Quote) -> dict[str, int]:
    """What settling this quote adds to the accumulators, by name; amounts of zero are left out."""
    rule = answer.policy.care.get(request.visit.care)
    added = {
        "admissions": int(request.visit.care == "inpatient" and not request.stay.counted),
        "over_cap": answer.over_cap,
        "large_amount": answer.large_amount,
        "serious_illness": answer.serious_illness,
        "borne_in_scope": answer.in_scope - answer.pooled - answer.large_amount,
        "civil_servant": answer.civil_servant,
        "assistance": answer.assistance,
    }
    if rule is not None:
        if rule.deductible is not None and rule.deductible.per == "year":
            added[_deductible_sum(rule.accumulates)] = answer.deductible
        for name in {rule.accumulates, *(cap.accumulates for cap in rule.caps)}:
            added[name] = answer.pooled
            added[_IN_SCOPE[name]] = answer.in_scope - answer.deductible
    return {name: amount for name, amount in added.items() if amount}


def year_to_date_after(request: QuoteRequest, answer: Quote) -> YearToDate:
    """The accumulators once this quote is settled: what the next visit of the year starts from."""
    year = request.year_to_date
    added = added_to_year(request, answer)
    return msgspec.structs.replace(
        year, **{name: getattr(year, name) + amount for name, amount in added.items()}
    )


def _deductible_sum(accumulates: Accumulator) -> str:
    return "chronic_deductible" if accumulates == "chronic_pooled" else "outpatient_deductible"


def deductible_left(terms: Terms, year: YearToDate) -> Fen:
    """The deductible of the next visit: of a yearly one, what the year has not yet borne."""
    if terms.deductible_per != "year":
        return terms.deductible
    return max(0, terms.deductible - getattr(year, _deductible_sum(terms.accumulates)))


def _deductible_due(terms: Terms, year: YearToDate, days: int) -> Fen:
    left = deductible_left(terms, year)
    if terms.again_after_days and days > terms.again_after_days:
        return left * (1 + (days - 1) // terms.again_after_days)
    return left


def cap_left(terms: Terms, year: YearToDate) -> Fen | None:
    """What the pooled fund may still pay this year; None: no cap on what it pays."""
    left = [
        max(0, one.amount - getattr(year, one.cap.accumulates))
        for one in terms.caps
        if one.cap.counts == "paid"
    ]
    return min(left) if left else None


def _pooled(
    terms: Terms, start: Fen, end: Fen, year: YearToDate, steps: list[Step]
) -> tuple[Fen, Fen]:
    """What the pooled fund pays of the in-scope amounts from `start` to `end`, and what went over
    its cap to the next fund."""
    room: Fen | None = None
    over_scope = 0
    goes_on = False
    for one in terms.caps:
        if one.cap.counts == "scope":
            left = max(0, one.amount - getattr(year, _IN_SCOPE[one.cap.accumulates]))
            if end - start > left:
                over_scope = (end - start) - left
                end = start + left
                goes_on = one.cap.then is not None
        else:
            left = max(0, one.amount - getattr(year, one.cap.accumulates))
            if room is None or left < room:
                room = left
                if not over_scope:
                    goes_on = one.cap.then is not None
    if terms.over == "paid":
        slices = _slices_by_paid(terms.bands, end - start, getattr(year, terms.accumulates))
    else:
        slices = _slices(terms.bands, start, end)
    note = _CUT if terms.cut else None
    pays, over_paid = _pay("pooled", terms.clause, slices, room, note, steps)
    return pays, over_paid + over_scope if goes_on else 0


def _over_the_year(
    name: Layer,
    layer: LayerTerms | None,
    before: Fen,
    added: Fen,
    paid: Fen,
    steps: list[Step],
) -> Fen:
    """Deductible and bands run over the year's base; what this bill adds to it is paid now."""
    if layer is None:
        return 0
    start, end = max(before, layer.deductible), max(before + added, layer.deductible)
    if layer.bands_from == "deductible":
        start, end = start - layer.deductible, end - layer.deductible
    if end <= start:
        return 0
    room = None if layer.cap is None else max(0, layer.cap - paid)
    return _pay(name, layer.clause, _slices(layer.bands, start, end), room, None, steps)[0]


def _accounts(accounts: MedicalAccount, payable: Fen, steps: list[Step]) -> tuple[Fen, Fen]:
    """What the person's own account and then relatives' accounts pay, where asked to."""
    if not accounts.use:
        return 0, 0
    own = min(accounts.balance, payable)
    if own:
        steps.append(Step("medical_account", _ACCOUNT_CLAUSE, payable, WHOLE, own))
    family = min(accounts.family, payable - own)
    if family:
        steps.append(Step("family_account", _ACCOUNT_CLAUSE, payable - own, WHOLE, family))
    return own, family


_Slice = tuple[Fen | Fraction, int]
"""A part of the base and the rate it is paid at."""


def _slices(bands: tuple[PlainBand, ...], start: Fen, end: Fen) -> list[_Slice]:
    """Cut [start, end) at the borders of the bands, which are counted from zero."""
    if len(bands) == 1:
        return [(end - start, bands[0].rate)] if end > start else []
    slices: list[_Slice] = []
    for band in bands:
        upto = end if band.upto is None else min(band.upto, end)
        if upto > start:
            slices.append((upto - start, band.rate))
            start = upto
    return slices


def _slices_by_paid(bands: tuple[PlainBand, ...], base: Fen, paid: Fen) -> list[_Slice]:
    """Cut the base where the fund's payments of the year reach a band's border.

    The border may fall inside a fen of the base, so parts may be fractions; they sum to the base.
    """
    slices: list[_Slice] = []
    left: Fen | Fraction = base
    for band in bands:
        if left <= 0:
            break
        part: Fen | Fraction = left
        if band.upto is not None:
            if paid >= band.upto:
                continue
            # What is left may stay within the band: then nothing need be cut, and fen stay fen.
            if band.rate and left * band.rate >= (band.upto - paid) * WHOLE:
                part = Fraction((band.upto - paid) * WHOLE, band.rate)
                paid = band.upto
        slices.append((part, band.rate))
        left -= part
    return slices


def _pay(
    layer: Layer,
    clause: str,
    slices: list[_Slice],
    room: Fen | None,
    note: Text | None,
    steps: list[Step],
) -> tuple[Fen, Fen]:
    """Pay the slices up to `room`, rounding once; the amount paid and the base left over the cap.

    The steps' payments are differences of the rounded running sum, so they sum to the layer.
    """
    exact: int | Fraction = 0
    base: Fen | Fraction = 0
    paid = shown = 0
    over = 0
    for part, rate in slices:
        before = exact
        exact += part * rate
        base += part
        reached = _round(exact)
        capped = room is not None and exact > room * WHOLE
        if capped:
            assert room is not None
            reached = room
            # Behind the point where the fund has paid all it may: this part's rest and all others.
            used = max(0, room * WHOLE - before)
            rest = sum(other for other, _ in slices) - base + part
            over = int((2 * (rest * rate - used) + rate) // (2 * rate))
        upto = _half_up(base)
        steps.append(
            Step(
                layer, clause, upto - shown, rate, reached - paid, _CAP_REACHED if capped else note
            )
        )
        shown, paid = upto, reached
        if capped:
            break
    return paid, over


def _round(micro: int | Fraction) -> Fen:
    return round_micro(micro) if isinstance(micro, int) else _half_up(micro / WHOLE)


def _half_up(value: Fen | Fraction) -> Fen:
    if isinstance(value, int):
        return value
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
