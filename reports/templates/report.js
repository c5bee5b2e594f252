"use strict";
// Sorting and filtering of tables. Everything is in the page without it; nothing here writes markup from text.
(() => {
  // What a cell is a number by stands in it; the rest are words.
  const number = (cell) => (cell.dataset.v === undefined ? NaN : Number(cell.dataset.v));
  const empty = (cell) => /^(-|)$/.test(cell.textContent.trim()) || cell.textContent.startsWith("n/a (");
  const words = new Intl.Collator("en", { numeric: true });

  // Numbers come before words; what is not there comes last either way.
  const sort = (table, at, down) => {
    const rows = [...table.tBodies[0].rows].map((row, place) => {
      const cell = row.cells[at];
      return { row, place, none: empty(cell), n: number(cell), text: cell.textContent };
    });
    const apart = (a, b) => {
      const [left, right] = [Number.isNaN(a.n), Number.isNaN(b.n)];
      return left || right ? left - right || words.compare(a.text, b.text) : a.n - b.n;
    };
    const compare = (a, b) => {
      if (a.none || b.none) return a.none - b.none || a.place - b.place;
      const order = apart(a, b);
      return (down ? -order : order) || a.place - b.place;
    };
    table.tBodies[0].append(...rows.sort(compare).map((r) => r.row));
  };

  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      if (head.textContent.trim() === "") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(table, at, down);
      });
    });
  };

  // Every word has to be in the row.
  const filterable = (box, table) => {
    const tools = document.createElement("div");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const status = document.createElement("span");
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase());
    tools.className = "tools";
    input.type = "search";
    input.autocomplete = "off";
    label.append("Filter rows", input);
    status.setAttribute("role", "status");
    const filter = () => {
      const wanted = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !wanted.every((word) => texts[i].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      status.textContent = `${shown} of ${rows.length} rows`;
    };
    input.addEventListener("input", filter);
    tools.append(label, status);
    box.querySelector(".scroll").before(tools);
    filter();
  };

  for (const box of document.querySelectorAll(".table")) {
    const table = box.querySelector("table");
    sortable(table);
    if ("filter" in box.dataset) filterable(box, table);
  }
})();
