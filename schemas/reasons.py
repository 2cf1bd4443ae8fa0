"""Why a request was refused, and which reason is given where several hold."""

from enum import StrEnum


class Reason(StrEnum):
    """What an outcome carries as its ``reason``."""

    INVALID_REQUEST = "invalid_request"
    REQUEST_ID_CONFLICT = "request_id_conflict"
    OFFER_NOT_FOUND = "offer_not_found"
    # offers
    OFFER_EXISTS = "offer_exists"
    OFFER_CODE_TAKEN = "offer_code_taken"
    CODE_TAKEN = "code_taken"
    FIELD_NOT_EDITABLE = "field_not_editable"
    ALREADY_CLAIMED = "already_claimed"
    CAMPAIGN_HAS_OFFER = "campaign_has_offer"
    UPLOAD_NOT_ALLOWED = "upload_not_allowed"
    INVALID_OFFER = "invalid_offer"
    # redeem, validate: the code and its coupon
    CODE_NOT_FOUND = "code_not_found"
    REDEMPTION_NOT_FOUND = "redemption_not_found"
    ALREADY_REVERSED = "already_reversed"
    COUPON_REVOKED = "coupon_revoked"
    COUPON_REDEEMED = "coupon_redeemed"
    COUPON_EXPIRED = "coupon_expired"
    OFFER_EXPIRED = "offer_expired"
    # issue, resend
    NOT_CLAIMED_BY_SERVICE = "not_claimed_by_service"
    NOT_IN_AUDIENCE = "not_in_audience"
    RECEIVED_EXCLUDED_OFFER = "received_excluded_offer"
    # redeem, validate: who, where, when, what
    NOT_STARTED = "not_started"
    CUSTOMER_REQUIRED = "customer_required"
    NOT_RECIPIENT = "not_recipient"
    CUSTOMER_EXCLUDED = "customer_excluded"
    STORE_NOT_ALLOWED = "store_not_allowed"
    OUTSIDE_TIME_WINDOW = "outside_time_window"
    BILL_AMOUNT_OUT_OF_RANGE = "bill_amount_out_of_range"
    NO_ELIGIBLE_ITEMS = "no_eligible_items"
    # limits, of issuing and of redeeming
    CUSTOMER_LIMIT_REACHED = "customer_limit_reached"
    GAP_NOT_ELAPSED = "gap_not_elapsed"
    OFFER_LIMIT_REACHED = "offer_limit_reached"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CODES_EXHAUSTED = "codes_exhausted"
    RESEND_NOT_ALLOWED = "resend_not_allowed"
    NO_ACTIVE_COUPON = "no_active_coupon"


_ALL = "invalid_request request_id_conflict offer_not_found"
_REDEEM = """code_not_found coupon_revoked coupon_redeemed coupon_expired offer_expired not_started
    customer_required not_recipient customer_excluded store_not_allowed outside_time_window
    bill_amount_out_of_range no_eligible_items customer_limit_reached gap_not_elapsed
    offer_limit_reached budget_exhausted"""
_REVERSE = "redemption_not_found already_reversed coupon_revoked coupon_expired"
_ISSUE = """offer_expired not_claimed_by_service not_in_audience received_excluded_offer
    customer_limit_reached gap_not_elapsed offer_limit_reached codes_exhausted resend_not_allowed
    no_active_coupon"""
_OFFERS = """offer_exists offer_code_taken code_taken field_not_editable already_claimed
    campaign_has_offer upload_not_allowed invalid_offer"""


def _listed(names: str) -> tuple[Reason, ...]:
    return tuple(Reason(name) for name in f"{_ALL} {names}".split())


#: The reasons a request of each type can meet, first that holds is given.
PRECEDENCE: dict[str, tuple[Reason, ...]] = {
    "issue": _listed(_ISSUE),
    "resend": _listed(_ISSUE),
    "redeem": _listed(_REDEEM),
    "validate": _listed(_REDEEM),
    "reverse": _listed(_REVERSE),
    "revoke": _listed(""),
    "create": _listed(_OFFERS),
    "edit": _listed(_OFFERS),
    "claim": _listed(_OFFERS),
    "remind": _listed(""),
    "remind_pocs": _listed(""),
}
