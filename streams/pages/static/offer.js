// One offer: what it is, how it is going, who changed it, and what can be done with it.
import { ask, get, may, me, post, reasonOf } from "./api.js";
import { bars, columns, el, moment, number, share } from "./dom.js";
import { words } from "./form.js";

const CODES_A_REQUEST = 250;
const SERVICES = ["outbound", "dvs", "timeline", "loyalty", "third_party"];

export async function details(id) {
  const path = `/offers/${encodeURIComponent(id)}`;
  const live = el("div");
  const changes = el("section");
  const config = el("pre");
  const said = el("div", { id: "said" });

  async function refresh() {
    const offer = await get(path);
    if (changed !== offer.decided.changes) await lookAtHistory(offer);
    claimed = offer.offer.claim;
    live.replaceChildren(state(offer));
  }

  let changed = null;
  let claimed = null;
  async function lookAtHistory(offer) {
    config.textContent = JSON.stringify(offer.offer, null, 2);
    changes.replaceChildren(el("h2", {}, "History of changes"), history(await get(`${path}/history`)));
    changed = offer.decided.changes;
  }

  const actions = may("manage") && el("div", { class: "tools" },
    el("a", { href: `#/offer/${encodeURIComponent(id)}/edit` }, el("button", { type: "button" }, "Edit")),
    action("Claim", () => claim(id)), action("Upload", () => upload(id)),
    action("Issue from CSV", () => issue(id, claimed)), action("Revoke", () => revoke(id), "danger"));

  function action(name, dialog, kind) {
    return el("button", { type: "button", class: kind, onclick: () => open(dialog()) }, name);
  }

  function open({ title, fields, doIt, verb, danger }) {
    const wrong = el("p", { class: "error" });
    const sure = danger && el("input", { type: "checkbox", id: "understand" });
    const go = el("button", { class: danger ? "danger" : "main", disabled: Boolean(danger), id: "do-it" }, verb);
    if (sure) sure.addEventListener("change", () => { go.disabled = !sure.checked; });
    const form = el("form", { method: "dialog" }, el("h2", {}, title), fields,
      sure && el("label", { class: "line" }, sure, `I understand: ${danger}`), wrong,
      el("menu", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go));
    const dialog = el("dialog", { onclose: () => dialog.remove() }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      wrong.textContent = "";
      try {
        const told = await doIt((text) => { go.textContent = text; });
        const [text, codes] = [told].flat();
        await refresh().catch(() => {}); // the next look says what is wrong
        said.replaceChildren(el("p", { class: "notice good" }, text),
          ...(codes ? [el("details", { class: "card", open: true }, el("summary", {}, "Codes"), el("pre", { id: "codes" }, codes))] : []));
        dialog.close();
      } catch (error) {
        wrong.textContent = error.message;
        go.textContent = verb;
        go.disabled = false;
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  await refresh();
  const full = el("details", { class: "card" }, el("summary", {}, "Full configuration"), config);
  return { node: el("div", {}, said, actions, live, full, changes), refresh };
}

function state(offer) {
  const space = offer.code_space;
  const decided = offer.decided;
  const facts = [
    ["Offer id", offer.offer_id], ["Offer code", offer.offer.offer_code], ["Claimed by", offer.claimed_by || "nobody"],
    ["Ends", moment(offer.expiry)], ["Created", `${moment(offer.created_at)} by ${offer.created_by}`],
    ["Modified", `${moment(offer.modified_at)} by ${offer.modified_by}, version ${offer.version}`],
    ["Last issued", moment(offer.last_issued_at)], ["Last redeemed", moment(offer.last_redeemed_at)],
    ["Issuing", offer.closed ? "ended: what was not issued is revoked" : "open"],
    ["Codes", space ? `${number(space.issued)} issued of ${number(space.possible)} possible` : "not generated"],
  ];
  return el("div", {},
    el("h1", {}, offer.name),
    space?.guessable && el("p", { class: "warning", id: "guessable" }, space.warning),
    el("section", { class: "counts" },
      el("div", {}, el("b", { id: "issued" }, number(offer.issued)), "issued"),
      el("div", {}, el("b", { id: "redeemed" }, number(offer.redeemed)), "redeemed"),
      el("div", {}, el("b", { id: "rate" }, share(offer.redemption_rate)), "redemption rate")),
    el("div", { class: "grid" },
      el("section", { id: "over-time" }, el("h2", {}, "Over time"),
        decided.by_day.length ? columns(decided.by_day, "Redemptions and issues by day") : el("p", { class: "soft" }, "Nothing happened yet.")),
      el("section", { id: "refusals" }, el("h2", {}, "Refused, by reason"),
        decided.refused.length ? bars(decided.refused.map((one) => [`${one.type}: ${words(one.reason).toLowerCase()}`, one.count]), "Refusals by reason") : el("p", { class: "soft" }, "Nothing was refused.")),
      el("section", {}, el("h2", {}, "Information"), el("dl", {}, facts.map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]))),
      el("section", {}, el("h2", {}, "In words"), offer.in_words.map(([, texts]) => el("ul", { class: "words" }, texts.map((text) => el("li", {}, text)))))));
}

function history(entries) {
  return el("table", { id: "history" }, el("tbody", {}, entries.toReversed().map((entry) => el("tr", {},
    el("td", {}, moment(entry.at)), el("td", {}, entry.actor || ""),
    el("td", {}, words(entry.type), entry.scope && `: ${entry.scope}`, entry.items !== undefined && `: ${number(entry.items)}`,
      (entry.changes || []).map((one) => el("div", { class: "soft" }, `${one.field}: ${JSON.stringify(one.before)} → ${JSON.stringify(one.after)}`)))))));
}

async function accepted(request) {
  const { outcome } = await ask(request);
  if (outcome.outcome !== "accepted") throw new Error(reasonOf(outcome));
  return outcome;
}

function claim(id) {
  const service = el("select", { id: "service" }, SERVICES.map((one) => el("option", {}, one)));
  const holder = el("input", { id: "holder", required: true });
  const ends = el("input", { id: "ends-at", placeholder: "2030-12-31T23:59:59+05:30" });
  return {
    title: "Claim for a service", verb: "Claim",
    fields: [el("label", {}, "Service", service), el("label", {}, "Campaign or program", holder), el("label", {}, "Campaign's end, if it has one", ends)],
    doIt: async () => {
      await accepted({ type: "claim", offer_id: id, service: service.value, holder: holder.value.trim(), ends_at: ends.value.trim() || null });
      return `Claimed by ${service.value} ${holder.value}.`;
    },
  };
}

function revoke(id) {
  const scope = el("select", { id: "scope" }, [
    ["unredeemed", "All that are not redeemed, issued or not"],
    ["unissued", "Those not issued yet"],
    ["customers", "Those of the customers named below"],
  ].map(([value, text]) => el("option", { value }, text)));
  const who = el("textarea", { id: "customers", rows: 4 });
  const named = el("label", { hidden: true }, "Customers, one a line", who);
  scope.addEventListener("change", () => { named.hidden = scope.value !== "customers"; });
  return {
    title: "Revoke coupons", verb: "Revoke", fields: [el("label", {}, "Which", scope), named],
    danger: "revoked coupons can't be used again, and this can't be undone.",
    doIt: async () => {
      const names = who.value.split(/[\s,]+/).filter(Boolean);
      if (scope.value === "customers" && !names.length) throw new Error("name at least one customer");
      const more = scope.value === "customers" ? { customer_ids: names } : {};
      const said = await accepted({ type: "revoke", offer_id: id, scope: scope.value, ...more });
      return said.revoked === null ? `Revoked: ${scope.value}.` : `Revoked: ${scope.value}, ${number(said.revoked)} coupons ended.`;
    },
  };
}

// A CSV's header and rows; quotes as RFC 4180 has them.
function readCsv(text) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign === '"' && text[at + 1] === '"') { cell += '"'; at += 1; }
      else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(cell); cell = ""; }
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[at + 1] === "\n") at += 1;
      rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += sign;
  }
  if (cell || row.length) rows.push([...row, cell]);
  return rows.map((one) => one.map((content) => content.trim())).filter((one) => one.some(Boolean));
}

async function columnsOf(input, ...names) {
  const file = input.files[0];
  if (!file) throw new Error("choose a CSV file");
  const [header, ...rows] = readCsv((await file.text()).replace(/^\ufeff/, ""));
  const places = names.map((name) => (header || []).indexOf(name));
  if (places[0] < 0) throw new Error(`line 1: a header with ${names[0]} is expected`);
  return rows.map((row, at) => {
    if (!row[places[0]]) throw new Error(`line ${at + 2}: ${names[0]} is empty`);
    return Object.fromEntries(names.map((name, place) => [name, row[places[place]]]).filter(([, content]) => content));
  });
}

function upload(id) {
  const kind = el("select", { id: "kind" }, [["upload_codes", "Codes (code, customer_id)"], ["set_audience", "Audience (customer_id)"], ["set_stores", "Stores (store_id)"]]
    .map(([value, text]) => el("option", { value }, text)));
  const file = el("input", { type: "file", id: "file", accept: ".csv,text/csv" });
  return {
    title: "Upload a CSV", verb: "Upload", fields: [el("label", {}, "What", kind), el("label", {}, "File", file)],
    doIt: async (progress) => {
      const names = { upload_codes: ["code", "customer_id"], set_audience: ["customer_id"], set_stores: ["store_id"] }[kind.value];
      const rows = await columnsOf(file, ...names);
      const parts = Math.max(1, Math.ceil(rows.length / CODES_A_REQUEST));
      for (let part = 1; part <= parts; part += 1) {
        const some = rows.slice((part - 1) * CODES_A_REQUEST, part * CODES_A_REQUEST);
        const items = kind.value === "upload_codes" ? { codes: some }
          : kind.value === "set_audience" ? { customer_ids: some.map((one) => one.customer_id) } : { store_ids: some.map((one) => one.store_id) };
        await accepted({ type: kind.value, offer_id: id, part, parts, ...items });
        progress(`${part} of ${parts}`);
      }
      return `${number(rows.length)} uploaded.`;
    },
  };
}

function issue(id, claimed) {
  const file = el("input", { type: "file", id: "file", accept: ".csv,text/csv" });
  const service = el("select", { id: "service" }, SERVICES.map((one) => el("option", { selected: one === claimed?.service }, one)));
  const holder = el("input", { id: "holder", required: true });
  holder.value = claimed?.holder || "";
  return {
    title: "Issue one coupon to each customer of a CSV", verb: "Issue",
    fields: [el("label", {}, "File with customer_id", file), el("label", {}, "Service that claimed the offer", service), el("label", {}, "Its campaign or program", holder)],
    doIt: async (progress) => {
      const rows = await columnsOf(file, "customer_id");
      const begun = `${me.name}-${Date.now().toString(36)}`.slice(0, 40);
      const refused = [], codes = ["customer_id,code"];
      for (let first = 0; first < rows.length; first += 100) {
        const requests = rows.slice(first, first + 100).map((row, at) => ({
          type: "issue", request_id: `${begun}-${first + at}`, offer_id: id, customer_id: row.customer_id,
          service: service.value, holder: holder.value.trim(),
        }));
        const found = await post("/api/requests", requests);
        codes.push(...found.filter(({ outcome }) => outcome.code).map(({ outcome }) => `${outcome.customer_id},${outcome.code}`));
        refused.push(...found.filter(({ outcome }) => outcome.outcome !== "accepted").map(({ request, outcome }) => `${request.customer_id}: ${reasonOf(outcome)}`));
        progress(`${Math.min(first + 100, rows.length)} of ${rows.length}`);
      }
      const issued = `${number(rows.length - refused.length)} of ${number(rows.length)} issued.`;
      if (refused.length) throw new Error(`${issued} Refused: ${refused.slice(0, 10).join("; ")}`);
      return [issued, codes.join("\n")];
    },
  };
}
