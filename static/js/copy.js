/* <button data-copy="id" data-done="Copied"> copies the value of the input with that id, and says so. */
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const input = document.getElementById(button.dataset.copy);
    input.select();
    const said = () => {
      const word = button.querySelector("[data-word]");
      const before = word.textContent;
      word.textContent = button.dataset.done;
      setTimeout(() => { word.textContent = before; }, 2000);
    };
    /* Without TLS there is no clipboard: the text stays selected, ready for Ctrl-C. */
    if (navigator.clipboard) navigator.clipboard.writeText(input.value).then(said, () => {});
  });
})();
