/* Names for what the stock admin leaves without one: its search, cells of inline tables, dates, boxes of select2. */
(() => {
  const text = (node) => (node ? node.textContent.trim().replace(/\s+/g, " ") : "");
  const nameOf = (control) => control.getAttribute("aria-label") || text(control.labels && control.labels[0]);
  const CONTROLS = "input:not([type=hidden]), select, textarea";

  const give = (control, name) => {
    if (name && !nameOf(control)) control.setAttribute("aria-label", name);
  };

  const nameCell = (cell) => {
    const heading = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
    cell.querySelectorAll(CONTROLS).forEach((control) => give(control, text(heading)));
  };

  const nameMoment = (input) => {
    const field = input.closest(".form-row").querySelector("legend, label");
    give(input, `${text(field)} ${text(input.previousSibling)}`.trim());
  };

  const nameBox = (box) => {
    const select = box.previousElementSibling;
    for (const part of box.querySelectorAll("[role=combobox], [role=textbox]")) if (select) give(part, nameOf(select));
  };

  const nameAll = () => {
    const search = document.getElementById("searchbar");
    if (search) search.setAttribute("aria-label", search.form.querySelector("[type=submit]").value);
    document.querySelectorAll(".tabular tbody td").forEach(nameCell);
    document.querySelectorAll(".datetime input").forEach(nameMoment);
    document.querySelectorAll(".select2-container").forEach(nameBox);
    document.querySelectorAll(".help-tooltip[aria-label]").forEach((sign) => sign.setAttribute("role", "img"));
  };

  addEventListener("DOMContentLoaded", () => {
    const main = document.getElementById("content");
    if (!main) return;
    nameAll();
    new MutationObserver(nameAll).observe(main, { childList: true, subtree: true }); /* select2, added rows */
  });
})();
