// The JSON interface, with the token of whoever signed in.

let token = sessionStorage.getItem("token") || "";
export let me = { name: null, roles: [], approval: false, currency: "" };

export class Refused extends Error {
  constructor(status, said) {
    super(said.error || `the worker says ${status}`);
    this.said = said;
  }
}

async function call(method, path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused(0, { error: "the worker doesn't answer" });
  }
  const text = await answer.text();
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    said = { error: text.trim() };
  }
  if (!answer.ok) throw new Refused(answer.status, said);
  return { said, total: Number(answer.headers.get("X-Total-Count")) };
}

export const get = async (path) => (await call("GET", path)).said;
export const getCounted = (path) => call("GET", path);
export const post = async (path, body) => (await call("POST", path, body)).said;

export async function signIn(given) {
  token = given;
  me = await get("/api/me");
  if (given && !me.name) {
    token = "";
    throw new Refused(401, { error: "nobody has this token" });
  }
  if (given) sessionStorage.setItem("token", given);
  else sessionStorage.removeItem("token");
}

export const resume = () => signIn(token).catch(() => signIn(""));
export const may = (role) => me.roles.includes(role);

// What became of one request: its outcome, or an error that names what was wrong.
export async function ask(request) {
  const [found] = await post("/api/requests", request);
  return found;
}

export function reasonOf(said) {
  if (said.dead_letter) return `${said.reason}: ${said.detail}`;
  return said.detail ? `${said.reason}: ${said.detail}` : said.reason;
}
