"use strict";
(() => {
  const table = document.getElementById("findings");
  const controls = document.getElementById("controls");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, text: row.textContent.toLowerCase() }));
  const search = document.getElementById("search");
  const fixable = document.getElementById("fixable");
  const severities = Array.from(controls.querySelectorAll("input[data-severity]"));
  const shown = document.getElementById("shown");

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(severities.filter((box) => box.checked).map((box) => box.dataset.severity));
    let count = 0;
    for (const { row, text } of rows) {
      const visible = wanted.has(row.dataset.severity)
        && (!fixable.checked || row.dataset.fix === "1")
        && words.every((word) => text.includes(word));
      row.hidden = !visible;
      if (visible) count += 1;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const numbers = rows.length > 0 && rows[0].row.cells[column].dataset.value !== undefined;
      const first = numbers ? "descending" : "ascending";
      const second = numbers ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((one, two) => {
        const [a, b] = [value(one.row, column), value(two.row, column)];
        const by = numbers ? a - b : a.localeCompare(b, "en", { numeric: true });
        return sign * by;
      });
      body.replaceChildren(...rows.map(({ row }) => row));
    });
  });
  if (heads.length > 0) heads[0].setAttribute("aria-sort", "descending");
  search.addEventListener("input", filter);
  fixable.addEventListener("change", filter);
  severities.forEach((box) => box.addEventListener("change", filter));
  controls.hidden = false;
  filter();
})();
