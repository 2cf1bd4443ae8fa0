// An offer made or changed: every field, the model's errors beside them, the offer in words first.
import { ask, get, may, me, post, reasonOf } from "./api.js";
import { el } from "./dom.js";
import { Form } from "./form.js";

const BEGIN = {
  expiry: { type: "fixed_date" },
  discount: { type: "percentage" },
  coupons: { codes: { type: "unique", charset: "alphanumeric", length: 10 } },
};

// What a preview can't know, and beside which field it is said.
const TAKEN = {
  offer_exists: ["offer_id", "there is an offer of this id: choose another"],
  offer_code_taken: ["offer_code", "another offer has this code: choose another"],
};

export async function edit(id) {
  if (!may("manage")) return { node: el("p", { class: "notice" }, "Sign in with the role manage to create or edit offers.") };
  const [schema, known] = await Promise.all([get("/api/schema"), id && get(`/offers/${encodeURIComponent(id)}`)]);
  const form = new Form(schema, known ? known.offer : BEGIN, known ? ["claim", "offer_id"] : []);
  const words = el("section", { id: "in-words", hidden: true });
  const errors = el("p", { class: "error", id: "errors" });
  const save = el("button", { type: "button", class: "main", id: "save", disabled: true, onclick: send }, me.approval ? "Propose" : "Save");
  const preview = el("button", { type: "button", id: "preview", onclick: look }, "Preview");

  const content = () => (known ? { ...form.read(), offer_id: id } : form.read());

  async function look() {
    const found = await post("/api/preview", known ? { ...content(), claim: known.offer.claim } : content());
    const left = form.showErrors(found.errors);
    const count = found.errors.length;
    errors.textContent = left.length ? left.join("; ") : count ? `${count === 1 ? "One field is" : `${count} fields are`} not right yet.` : "";
    words.hidden = count > 0;
    words.replaceChildren(el("h2", {}, "In words"), ...found.in_words.map(([, texts]) => el("ul", { class: "words" }, texts.map((text) => el("li", {}, text)))));
    save.disabled = count > 0;
  }

  async function send() {
    save.disabled = true;
    try {
      const offer = content();
      if (me.approval) {
        await post("/api/proposals", offer);
        location.hash = "#/proposals";
        return;
      }
      const { outcome } = await ask({ type: known ? "edit" : "create", offer_id: offer.offer_id, offer });
      if (outcome.outcome !== "accepted") {
        const [field, error] = TAKEN[outcome.reason] || ["", reasonOf(outcome)];
        errors.textContent = form.showErrors([{ field, error }]).map(() => error).join("");
        return;
      }
      location.hash = `#/offer/${encodeURIComponent(offer.offer_id)}`;
    } catch (error) {
      errors.textContent = error.message;
    }
  }

  // What is changed after a preview was not previewed.
  form.node.addEventListener("input", () => { save.disabled = true; });
  form.node.addEventListener("change", () => { save.disabled = true; });
  const node = el("div", {},
    el("h1", {}, known ? `Edit ${known.name}` : "New offer"),
    el("section", {}, form.node),
    errors, words, el("div", { class: "tools" }, preview, save));
  return { node };
}
