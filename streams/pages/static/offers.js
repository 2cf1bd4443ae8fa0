// The table of offers: found, sorted and counted by the worker, a page of it at a time.
import { getCounted } from "./api.js";
import { el, moment, number, share } from "./dom.js";

const PAGE = 50;
const wanted = { search: "", active: false, sort: "created", created_in: "", offset: 0 };
const SERVICES = ["", "outbound", "dvs", "timeline", "loyalty", "third_party"];
const COLUMNS = ["Name", "Type", "Discount", "Expiry", "Claimed by", "Issued", "Redeemed", "Rate"];

export async function list() {
  const rows = el("tbody");
  const total = el("span", { class: "soft", id: "total" });
  const place = el("span", { class: "soft" });
  const back = el("button", { type: "button", onclick: () => turn(-PAGE) }, "Back");
  const further = el("button", { type: "button", onclick: () => turn(PAGE) }, "Further");

  async function refresh() {
    const query = new URLSearchParams({ sort: wanted.sort, limit: PAGE, offset: wanted.offset });
    for (const name of ["search", "created_in"]) if (wanted[name]) query.set(name, wanted[name]);
    if (wanted.active) query.set("active", "true");
    const asked = String(query);
    const found = await getCounted(`/offers?${query}`);
    if (asked !== String(latest(query))) return;
    total.textContent = `${number(found.total)} offers`;
    const last = Math.min(wanted.offset + PAGE, found.total);
    place.textContent = found.total ? `${number(wanted.offset + 1)} to ${number(last)}` : "";
    back.disabled = wanted.offset === 0;
    further.disabled = last >= found.total;
    rows.replaceChildren(...found.said.map(row));
  }

  // The query as it would be now: an answer to an older one is not shown any more.
  function latest(query) {
    const now = new URLSearchParams(query);
    for (const name of ["search", "created_in"]) {
      if (wanted[name]) now.set(name, wanted[name]);
      else now.delete(name);
    }
    now.set("sort", wanted.sort);
    now.set("offset", wanted.offset);
    if (wanted.active) now.set("active", "true");
    else now.delete("active");
    return now;
  }

  function turn(by) {
    wanted.offset = Math.max(0, wanted.offset + by);
    refresh();
  }

  function want(name, value) {
    wanted[name] = value;
    wanted.offset = 0;
    refresh();
  }

  const search = el("input", { type: "search", id: "search", oninput: () => want("search", search.value.trim()) });
  search.value = wanted.search;
  const active = el("input", { type: "checkbox", id: "active", checked: wanted.active, onchange: () => want("active", active.checked) });
  const sort = el("select", { id: "sort", onchange: () => want("sort", sort.value) },
    ["created", "modified"].map((one) => el("option", { value: one, selected: one === wanted.sort }, `${one} last`)));
  const inside = el("select", { id: "created-in", onchange: () => want("created_in", inside.value) },
    SERVICES.map((one) => el("option", { value: one, selected: one === wanted.created_in }, one || "no service")));

  const node = el("div", {},
    el("h1", {}, "Offers"),
    el("div", { class: "tools" },
      el("label", { class: "wide" }, "Search by name", search),
      el("label", {}, "Sort by", sort),
      el("label", {}, "Made inside", inside),
      el("label", { class: "line" }, active, "Only active"), total),
    el("section", {},
      el("table", { class: "stacked", id: "offers" },
        el("thead", {}, el("tr", {}, COLUMNS.map((name, at) => el("th", { class: at > 4 ? "number" : "" }, name)))), rows),
      el("div", { class: "pages" }, back, place, further)));
  await refresh();
  return { node, refresh };
}

function row(offer) {
  const codes = offer.offer.coupons.codes.type;
  const cells = [
    el("a", { href: `#/offer/${encodeURIComponent(offer.offer_id)}` }, offer.name),
    `${codes} code${codes === "common" ? "" : "s"}`, offer.discount, moment(offer.expiry), offer.claimed_by || "nobody",
    number(offer.issued), number(offer.redeemed), share(offer.redemption_rate),
  ];
  return el("tr", { "data-offer": offer.offer_id }, cells.map((cell, at) => el("td", { class: at > 4 ? "number" : "", "data-name": COLUMNS[at] }, cell)));
}
