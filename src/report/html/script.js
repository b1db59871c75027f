"use strict";
// The page shows everything without this. Here tables learn to sort and to filter, and shapes to tell what they are.
(() => {
  // The number that a cell begins with; a dash for a number that cannot be computed sorts last.
  const number = (text) => {
    const found = /^[\u2212-]?<?[\d.]+/.exec(text.trim());
    return found ? parseFloat(found[0].replace("\u2212", "-").replace("<", "")) : NaN;
  };
  const text = (row, column) => (row.cells[column] ? row.cells[column].textContent : "");

  const sort = (table, column, heading) => {
    const body = table.tBodies[0];
    const numbers = (cell) => cell === "" || cell === "\u2013" || /^[\u2212-]?<?[\d.]+/.test(cell);
    const numeric = [...body.rows].every((row) => numbers(text(row, column).trim()));
    const known = heading.getAttribute("aria-sort");
    // Numbers begin with the highest, words with the first; the first column counts from one.
    const first = numeric && heading.classList.contains("n") && column > 0 ? "descending" : "ascending";
    const next = known === "ascending" ? "descending" : known === "descending" ? "ascending" : first;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row, place) => ({ row, place, text: text(row, column) }));
    for (const entry of rows) entry.number = number(entry.text);
    rows.sort((a, b) => {
      if (!numeric) return sign * a.text.localeCompare(b.text, "en", { numeric: true }) || a.place - b.place;
      const odd = Number.isNaN(a.number) - Number.isNaN(b.number);
      return odd || sign * (a.number - b.number || 0) || a.place - b.place;
    });
    body.append(...rows.map((entry) => entry.row));
  };

  const filterable = 12;
  document.querySelectorAll(".table > table").forEach((table) => {
    const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    if (table.tBodies[0].rows.length < 2) return;
    headings.forEach((heading, column) => {
      if (!heading.textContent) return;
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, column, heading));
    });
    const rows = [...table.tBodies[0].rows];
    if (rows.length < filterable) return;
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    label.className = "filter";
    input.type = "search";
    input.placeholder = "words to find, -words to leave out";
    input.setAttribute("aria-label", "Filter the rows of the table");
    count.textContent = `${rows.length} rows`;
    label.append("Filter", input, count);
    table.parentElement.before(label);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const cells = rows.map((row) => [...row.cells].map((cell) => cell.textContent.toLowerCase()).join("\u0000"));
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
      let shown = 0;
      rows.forEach((row, place) => {
        const has = (word) => cells[place].includes(word) || texts[place].includes(word);
        row.hidden = !words.every((word) => (word.startsWith("-") && word.length > 1 ? !has(word.slice(1)) : has(word)));
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
  });

  // Titles of shapes at once, and by touch. Without a script browsers show them after a while.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  document.querySelectorAll(".plot :not(svg) > title").forEach((title) => {
    title.parentElement.dataset.tip = title.textContent;
    title.parentElement.setAttribute("aria-label", title.textContent);
    title.remove();
  });
  const show = (event) => {
    const shape = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    tip.hidden = !shape;
    if (!shape) return;
    tip.textContent = shape.dataset.tip;
    const { innerWidth: width, innerHeight: height } = window;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, width - box.width - 4))}px`;
    tip.style.top = `${event.clientY + 18 + box.height > height ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
})();
