"use strict";
(() => {
  const table = document.getElementById("list");
  const controls = document.getElementById("controls");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, text: row.textContent.toLowerCase() }));
  const search = document.getElementById("search");
  const boxes = Array.from(controls.querySelectorAll("input[data-group]"));
  const groups = Array.from(new Set(boxes.map((box) => box.dataset.group)));
  const shown = document.getElementById("shown");

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Map(groups.map((group) => [group, new Set(boxes
      .filter((box) => box.dataset.group === group && box.checked)
      .map((box) => box.dataset.word))]));
    let count = 0;
    for (const { row, text } of rows) {
      const visible = groups.every((group) => wanted.get(group).has(row.getAttribute(`data-${group}`)))
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
  search.addEventListener("input", filter);
  boxes.forEach((box) => box.addEventListener("change", filter));
  controls.hidden = false;
  filter();
})();
