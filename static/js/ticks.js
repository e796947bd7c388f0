/* One box ticks all of a page's: <input data-tick-all="name">. No script, no need: each row has its own. */
(() => {
  const boxes = (all) => [...document.querySelectorAll(`input[type=checkbox][name="${all.dataset.tickAll}"]`)];
  document.addEventListener("change", (event) => {
    const all = document.querySelector("[data-tick-all]");
    if (!all) return;
    if (event.target === all) for (const box of boxes(all)) box.checked = all.checked;
    const ticked = boxes(all).filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes(all).length;
    all.indeterminate = ticked > 0 && !all.checked;
  });
})();
