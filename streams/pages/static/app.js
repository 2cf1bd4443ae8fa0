// Which view is shown, and who looks at it.
import { me, may, resume, signIn } from "./api.js";
import { el } from "./dom.js";
import { list } from "./offers.js";
import { details } from "./offer.js";
import { edit } from "./edit.js";
import { proposals } from "./proposals.js";
import { till } from "./till.js";

const LOOK_AGAIN_MS = 2000;
const main = document.getElementById("main");
const dialog = document.getElementById("sign-in");
let refresh = null;
let shown = 0;

const VIEWS = [
  [/^#?\/?$/, list],
  [/^#\/new$/, edit],
  [/^#\/offer\/([^/]+)$/, details],
  [/^#\/offer\/([^/]+)\/edit$/, edit],
  [/^#\/proposals$/, proposals],
  [/^#\/till(?:\/([^/]+))?$/, till],
];

async function show() {
  const mine = (shown += 1);
  refresh = null;
  const found = VIEWS.map(([pattern, view]) => [location.hash.match(pattern), view]).find(([match]) => match);
  if (!found) {
    main.replaceChildren(el("p", {}, "There is no such page. ", el("a", { href: "#/" }, "All offers")));
    return;
  }
  const [match, view] = found;
  try {
    const made = await view(...match.slice(1).map((part) => part && decodeURIComponent(part)));
    if (mine !== shown) return;
    main.replaceChildren(made.node);
    refresh = made.refresh || null;
  } catch (error) {
    if (mine === shown) main.replaceChildren(el("p", { class: "error" }, error.message));
  }
}

// What is live asks again by itself while somebody looks.
async function lookAgain() {
  const mine = shown;
  if (refresh && !document.hidden) {
    try {
      await refresh();
      document.getElementById("away")?.remove();
    } catch (error) {
      if (mine === shown && !document.getElementById("away")) {
        main.prepend(el("p", { class: "warning", id: "away" }, `Not live: ${error.message}`));
      }
    }
  }
  setTimeout(lookAgain, LOOK_AGAIN_MS);
}

function showWho() {
  document.getElementById("who").textContent = me.name ? `${me.name}: sign out` : "Sign in";
  document.getElementById("proposals-link").hidden = !(me.approval && (may("manage") || may("approve")));
}

document.getElementById("who").addEventListener("click", async () => {
  if (me.name) {
    await signIn("");
    showWho();
    show();
    return;
  }
  document.getElementById("sign-in-error").textContent = "";
  dialog.querySelector("form").reset();
  dialog.showModal();
});

document.getElementById("sign-in-cancel").addEventListener("click", () => dialog.close());

dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await signIn(dialog.querySelector("[name=token]").value);
    dialog.close();
    showWho();
    show();
  } catch (error) {
    document.getElementById("sign-in-error").textContent = error.message;
  }
});

window.addEventListener("hashchange", show);
await resume();
showWho();
await show();
lookAgain();
