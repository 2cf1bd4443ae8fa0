// Elements, made of text and never of markup: what an offer is called is shown as it is.

export function el(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

function shape(name, given, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Bars, one below the other: [name, count] of each.
export function bars(rows, label) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const svg = shape("svg", { viewBox: `0 0 480 ${rows.length * 26}`, role: "img", "aria-label": label });
  rows.forEach(([name, count], row) => {
    const width = Math.max(1, (count / most) * 190);
    svg.append(
      shape("text", { x: 218, y: row * 26 + 17, "text-anchor": "end" }, name),
      shape("rect", { class: "bar", x: 226, y: row * 26 + 5, width, height: 16, rx: 2 }),
      shape("text", { x: 232 + width, y: row * 26 + 17 }, count.toLocaleString("en")),
    );
  });
  return svg;
}

// Columns by day: {day, redeem, issue} of each day on which there was something.
export function columns(days, label) {
  const shown = days.slice(-60);
  const most = Math.max(1, ...shown.flatMap((day) => [day.redeem, day.issue]));
  const svg = shape("svg", { viewBox: "0 0 480 190", role: "img", "aria-label": label });
  const step = 440 / Math.max(shown.length, 8);
  shown.forEach((day, place) => {
    [["redeem", "bar"], ["issue", "bar second"]].forEach(([kind, name], which) => {
      const height = (day[kind] / most) * 140;
      const bar = shape("rect", {
        class: name, x: 30 + place * step + which * step * 0.4, y: 150 - height,
        width: Math.max(1, step * 0.36), height,
      });
      bar.append(shape("title", {}, `${day.day}: ${day[kind].toLocaleString("en")} ${kind}`));
      svg.append(bar);
    });
  });
  const first = shown[0], last = shown[shown.length - 1];
  if (first) svg.append(shape("text", { x: 30, y: 168 }, first.day));
  if (last !== first) svg.append(shape("text", { x: 470, y: 168, "text-anchor": "end" }, last.day));
  svg.append(
    shape("text", { x: 26, y: 18, "text-anchor": "end" }, most.toLocaleString("en")),
    shape("line", { x1: 30, x2: 470, y1: 150, y2: 150, stroke: "#d9dee6" }),
    shape("rect", { class: "bar", x: 30, y: 176, width: 10, height: 10 }),
    shape("text", { x: 45, y: 185 }, "redeemed"),
    shape("rect", { class: "bar second", x: 115, y: 176, width: 10, height: 10 }),
    shape("text", { x: 130, y: 185 }, "issued"),
  );
  return svg;
}

export function number(count) {
  return count.toLocaleString("en");
}

export function share(rate) {
  return rate === null ? "–" : `${(rate * 100).toFixed(2)}%`;
}

export function moment(text) {
  return text ? text.replace("T", " ").replace(/\.\d+/, "") : "never";
}
