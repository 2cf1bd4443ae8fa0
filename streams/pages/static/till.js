// A till to try: what it would send, and what it would hear.
import { ask, may, me, reasonOf } from "./api.js";
import { el } from "./dom.js";

export async function till(given) {
  if (!may("manage")) return { node: el("p", { class: "notice" }, "Sign in with the role manage to try the till.") };
  const field = (id, name, value, more = {}) => {
    const input = el("input", { id, autocomplete: "off", ...more });
    input.value = value;
    return [input, el("label", { class: "field" }, name, input)];
  };
  const [code, codeField] = field("code", "Code", given || "", { required: true });
  const [customer, customerField] = field("customer", "Customer", "");
  const [place, placeField] = field("till", "Till", "till-1", { required: true });
  const [bill, billField] = field("bill", "Bill number", `B-${Date.now() % 100000}`, { required: true });
  const [amount, amountField] = field("amount", "Bill amount", "1499.00", { required: true, inputmode: "decimal" });
  const lines = el("textarea", { id: "lines", rows: 3, placeholder: "sku, category, brand, amount: a line each, or none" });
  const answers = el("div", { id: "answers" });
  const form = el("form", { class: "fields" }, codeField, customerField, placeField, billField, amountField,
    el("label", { class: "field whole" }, "Lines", lines),
    el("div", { class: "tools whole" }, el("button", { name: "validate" }, "Validate"), el("button", { name: "redeem", class: "main" }, "Redeem")));

  function request(type) {
    const made = {
      type, code: code.value.trim(), till_id: place.value.trim(),
      bill: { number: bill.value.trim(), amount: amount.value.trim(), currency: me.currency },
    };
    if (customer.value.trim()) made.customer_id = customer.value.trim();
    const rows = lines.value.split("\n").filter((row) => row.trim()).map((row) => row.split(",").map((part) => part.trim()));
    if (rows.length) {
      made.bill.lines = rows.map(([sku, category, brand, cost]) => ({ sku, category: category || null, brand: brand || null, quantity: 1, amount: cost || "", on_sale: false }));
    }
    return made;
  }

  async function send(made) {
    const card = el("section", {}, el("p", { class: "soft" }, `${made.type} …`));
    answers.prepend(card);
    try {
      card.replaceChildren(answer(await ask(made)));
    } catch (error) {
      card.replaceChildren(el("p", { class: "error" }, error.message));
    }
  }

  function answer({ topic, request: sent, outcome }) {
    const good = outcome.outcome === "accepted";
    const discount = outcome.discount ? `, ${outcome.discount.amount} ${outcome.discount.currency} off` : "";
    const told = good ? `${sent.type}: accepted${discount}` : `${sent.type}: refused, ${reasonOf(outcome)}`;
    const undo = good && sent.type === "redeem" && el("button", { type: "button", onclick: () => send({
      type: "reverse", redemption_id: sent.request_id, code: sent.code, customer_id: sent.customer_id, till_id: sent.till_id,
    }) }, "Reverse");
    return el("div", {}, el("h2", { class: good ? "good" : "error", "data-answer": good ? "accepted" : outcome.reason || "dead letter" }, told), undo,
      el("details", {}, el("summary", {}, `Sent to ${topic}`), el("pre", {}, JSON.stringify(sent, null, 2))),
      el("details", { open: true }, el("summary", {}, "Answered"), el("pre", {}, JSON.stringify(outcome, null, 2))));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(request(event.submitter?.name || "validate"));
  });
  return { node: el("div", {}, el("h1", {}, "Try the till"), el("section", {}, form), answers) };
}
