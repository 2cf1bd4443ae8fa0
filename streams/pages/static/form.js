// A form made from a JSON Schema: every field that an offer may have, none forgotten.
import { el } from "./dom.js";

let counted = 0;

export class Form {
  constructor(schema, value, without = []) {
    this.definitions = schema.$defs || {};
    this.places = new Map();
    const properties = Object.fromEntries(Object.entries(schema.properties).filter(([name]) => !without.includes(name)));
    this.root = this.object({ ...schema, properties }, value || {}, "");
    this.node = this.root.node;
  }

  read() {
    return this.root.read() || {};
  }

  // [{field, error}] beside the fields they are about; those of no field are returned.
  showErrors(errors) {
    for (const place of this.places.values()) place.textContent = "";
    const left = [];
    for (const { field, error } of errors) {
      let path = field;
      while (path && !this.places.has(path)) path = path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
      const place = this.places.get(path);
      if (!place) {
        left.push(`${field || "offer"}: ${error}`);
        continue;
      }
      const inner = field.slice(path.length + 1);
      place.textContent += `${place.textContent ? " " : ""}${inner ? `${inner}: ` : ""}${error}`;
      for (let up = place.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    }
    return left;
  }

  resolved(schema) {
    return schema.$ref ? { ...this.definitions[schema.$ref.split("/").pop()], ...schema, $ref: undefined } : schema;
  }

  errorAt(path) {
    const place = el("span", { class: "error", "data-error": path });
    this.places.set(path, place);
    return place;
  }

  field(given, value, path, name) {
    let schema = this.resolved(given);
    let optional = false;
    if (schema.anyOf && schema.anyOf.some((one) => one.type === "null")) {
      const some = schema.anyOf.filter((one) => one.type !== "null");
      schema = some.length === 1 ? { ...schema, anyOf: undefined, ...this.resolved(some[0]) } : { ...schema, anyOf: some };
      optional = true;
    }
    if (schema.oneOf) return this.choice(schema, value, path, name);
    if (schema.type === "object") return this.part(schema, value, path, name, optional);
    if (schema.type === "array") return this.list(schema, value, path, name);
    return this.scalar(schema, value, path, name);
  }

  labelled(name, schema, path, input, whole) {
    const id = `f${(counted += 1)}`;
    input.id = input.id || id;
    return el("div", { class: whole ? "field whole" : "field" },
      el("label", { for: input.id }, words(name)), input,
      schema.description && el("span", { class: "hint" }, schema.description), this.errorAt(path));
  }

  scalar(schema, value, path, name) {
    if (schema.const !== undefined) return { node: null, read: () => schema.const };
    const shown = value ?? schema.default;
    if (schema.type === "boolean") {
      const input = el("input", { type: "checkbox", "data-field": path, checked: Boolean(shown) });
      const node = el("div", { class: "field" }, el("label", { class: "line" }, input, words(name)), this.errorAt(path));
      return { node, read: () => input.checked };
    }
    if (schema.enum) {
      const options = ["", ...schema.enum].map((one) => el("option", { value: one, selected: one === (shown ?? "") }, one || "–"));
      const input = el("select", { "data-field": path }, options);
      return { node: this.labelled(name, schema, path, input), read: () => input.value || undefined };
    }
    const whole = schema.type === "integer" || (schema.anyOf || []).some((one) => this.resolved(one).type === "integer");
    const long = (schema.maxLength || 0) > 500;
    const input = el(long ? "textarea" : "input", {
      "data-field": path, value: undefined, placeholder: (schema.examples || [])[0], autocomplete: "off",
      inputmode: schema.type === "integer" ? "numeric" : undefined,
    });
    input.value = shown === null || shown === undefined ? "" : String(shown);
    const read = () => {
      const text = input.value.trim();
      if (!text) return undefined;
      return whole && /^-?\d+$/.test(text) ? Number(text) : text;
    };
    return { node: this.labelled(name, schema, path, input, long), read };
  }

  object(schema, value, path) {
    const fields = Object.entries(schema.properties || {}).map(([name, inner]) => {
      const made = this.field(inner, value?.[name], path ? `${path}.${name}` : name, name);
      return { name, ...made };
    });
    const read = () => {
      const found = fields.map(({ name, read: one }) => [name, one()]).filter(([, content]) => content !== undefined);
      return found.length ? Object.fromEntries(found) : undefined;
    };
    return { node: el("div", { class: "fields" }, fields.map(({ node }) => node)), read };
  }

  // A section that may be left out: closed where it sets nothing.
  part(schema, value, path, name) {
    const inner = this.object(schema, value, path);
    const node = el("details", { class: "field whole", open: Boolean(value && Object.keys(value).length) },
      el("summary", {}, words(name)), el("fieldset", {}, this.errorAt(path), inner.node));
    const untouched = value ? null : JSON.stringify(inner.read());
    const read = () => {
      const found = inner.read();
      return JSON.stringify(found) === untouched ? undefined : found;
    };
    return { node, read };
  }

  choice(schema, value, path, name) {
    const kinds = Object.entries(schema.discriminator.mapping).map(([kind, ref]) => [kind, this.resolved({ $ref: ref })]);
    const select = el("select", { "data-field": `${path}.type` }, kinds.map(([kind]) => el("option", { value: kind, selected: kind === (value ?? schema.default)?.type }, words(kind))));
    const place = el("div", { class: "fields" });
    let chosen;
    const choose = () => {
      const [kind, inner] = kinds.find(([one]) => one === select.value);
      const known = (value ?? schema.default)?.type === kind ? value ?? schema.default : {};
      const properties = Object.fromEntries(Object.entries(inner.properties).filter(([one]) => one !== "type"));
      chosen = this.object({ properties }, known, path);
      place.replaceChildren(chosen.node);
    };
    select.addEventListener("change", choose);
    choose();
    const node = el("fieldset", { class: "field whole" }, el("legend", {}, words(name)), this.labelled("type", {}, path, select), place);
    return { node, read: () => ({ type: select.value, ...chosen.read() }) };
  }

  list(schema, value, path, name) {
    const item = this.resolved(schema.items);
    if (item.enum) return this.checks(schema, item.enum, value, path, name);
    if (item.type === "object") return this.objects(item, value, path, name);
    const input = el("textarea", { "data-field": path, rows: 2, placeholder: "one a line, or with commas between" });
    input.value = (value || []).join("\n");
    const read = () => {
      const found = input.value.split(/[\n,]/).map((one) => one.trim()).filter(Boolean);
      return found.length ? found : undefined;
    };
    return { node: this.labelled(name, schema, path, input), read };
  }

  checks(schema, values, value, path, name) {
    const boxes = values.map((one) => el("input", { type: "checkbox", value: one, "data-field": `${path}.${one}`, checked: (value || []).includes(one) }));
    const node = el("fieldset", { class: "field whole" }, el("legend", {}, words(name)),
      el("div", { class: "checks" }, boxes.map((box) => el("label", { class: "line" }, box, box.value))), this.errorAt(path));
    const read = () => {
      const found = boxes.filter((box) => box.checked).map((box) => box.value);
      return found.length ? found : undefined;
    };
    return { node, read };
  }

  objects(item, value, path, name) {
    let entries = [];
    const place = el("div");
    const add = (content) => {
      const entry = this.object(item, content, `${path}.${entries.length}`);
      const box = el("fieldset", {}, entry.node, el("button", { type: "button", onclick: () => {
        entries = entries.filter((one) => one !== entry);
        box.remove();
      } }, "Remove"));
      entries.push(entry);
      place.append(box);
    };
    (value || []).forEach(add);
    const node = el("details", { class: "field whole", open: Boolean(value && value.length) }, el("summary", {}, words(name)), place,
      el("button", { type: "button", "data-add": path, onclick: () => add({}) }, `Add to ${words(name)}`), this.errorAt(path));
    const read = () => {
      const found = entries.map((entry) => entry.read() || {});
      return found.length ? found : undefined;
    };
    return { node, read };
  }
}

export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
