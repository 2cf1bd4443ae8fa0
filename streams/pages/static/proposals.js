// Offers that wait for another person than the one who wrote them.
import { get, may, me, post, reasonOf } from "./api.js";
import { el, moment } from "./dom.js";

export async function proposals() {
  const place = el("div", { id: "proposals" });
  const said = el("p", { class: "error" });

  async function refresh() {
    const found = await get("/api/proposals");
    const inWords = await Promise.all(found.map((one) => words(one.offer)));
    place.replaceChildren(...found.map((one, at) => card(one, inWords[at])));
    if (!found.length) place.append(el("p", { class: "soft" }, "Nothing waits for approval."));
  }

  function card(one, texts) {
    const mine = one.proposed_by === me.name;
    const settle = (what, name, kind, disabled) => el("button", { type: "button", class: kind, disabled, "data-do": what, onclick: async () => {
      said.textContent = "";
      try {
        const answer = await post(`/api/proposals/${encodeURIComponent(one.offer_id)}/${what}`, { digest: one.digest });
        if (answer && answer.outcome === "rejected") throw new Error(reasonOf(answer));
        await refresh();
      } catch (error) {
        said.textContent = error.message;
      }
    } }, name);
    return el("section", { "data-proposal": one.offer_id },
      el("h2", {}, `${one.type === "edit" ? "Edit of" : "New offer"} ${one.offer.name || one.offer_id}`),
      el("p", { class: "soft" }, `by ${one.proposed_by}, ${moment(one.proposed_at)}`),
      el("ul", { class: "words" }, texts.map((text) => el("li", {}, text))),
      el("div", { class: "tools" }, may("approve") && settle("approve", mine ? "Somebody else has to approve" : "Approve", "main", mine),
        may("manage") && settle("withdraw", "Withdraw", "", false)));
  }

  await refresh();
  return { node: el("div", {}, el("h1", {}, "Proposals"), said, place) };
}

async function words(offer) {
  if (!me.name) return [];
  const found = await post("/api/preview", offer);
  return found.errors.length ? found.errors.map((one) => `${one.field}: ${one.error}`) : found.in_words.flatMap(([, texts]) => texts);
}
