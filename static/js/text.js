/* The writer of a text: counts while you type, puts placeholders and kept texts in, repairs. The server's preview follows. */
(() => {
  "use strict";
  const TOKEN = /\{\{|\}\}|\{([^{}|]*)(?:\|([^{}]*))?\}/g;
  const OPTED_OUT = /لغو[\s\u200b-\u200f=:]*[1۱١]{2}[\s.\u200b-\u200f]*$/; /* as campaigns/composing/suffix.py */

  /* The text without the recipients' own words: each placeholder's fallback stands in its place. */
  const literal = (text) => text.replace(TOKEN, (token, name, fallback) => (token === "{{" ? "{" : token === "}}" ? "}" : (fallback || "").trim()));
  const isPersonal = (text) => [...text.matchAll(TOKEN)].some((match) => match[1] !== undefined);
  const withSuffix = (text, suffix) => (!suffix || OPTED_OUT.test(text) || text.trimEnd().endsWith(suffix) ? text : `${text.trimEnd()}\n${suffix}`);

  let reading = ""; /* whose text is shown: the same after the preview has come anew */

  document.addEventListener("alpine:init", () => {
    Alpine.data("writer", () => ({
      units: "—", parts: "—", left: "—", tone: "", latin: false, persian: false, personal: false, empty: true, written: false,
      part: 67, suffix: "", limit: 0, most: "", forbidden: "", keeps: false, tooLong: false, forbiddenFound: false, personalKept: false,
      area: null,
      init() {
        const given = this.$root.dataset;
        this.area = this.$root.querySelector("textarea[name=text]");
        this.part = Number(given.part) || 67;
        this.suffix = given.suffix || "";
        this.limit = Number(given.most) || 0;
        this.most = window.chapar.numbers.format(this.limit);
        this.forbidden = given.forbidden || "";
        this.keeps = "keeps" in given;
        this.count();
      },
      count() {
        const typed = this.area.value, sent = typed.trim() ? withSuffix(literal(typed), this.suffix) : "";
        const found = window.chapar.segments(sent, this.part);
        if (typed !== this.area.defaultValue) document.getElementById(`${this.area.id}_error`)?.remove(); /* what was refused is no more */
        this.empty = !typed.trim();
        this.written = !this.empty;
        this.tooLong = this.limit > 0 && [...sent].length > this.limit;
        this.forbiddenFound = this.forbidden !== "" && sent.includes(this.forbidden);
        this.personalKept = this.keeps && isPersonal(typed);
        this.latin = found.units > 0 && found.encoding === "gsm7";
        this.persian = found.units > 0 && !this.latin;
        this.personal = found.units > 0 && isPersonal(typed);
        this.tone = found.parts > 3 ? "text-error" : "";
        for (const name of ["units", "parts", "left"]) this[name] = found.units ? window.chapar.numbers.format(found[name]) : "—";
      },
      /* As if it were typed, so that Ctrl-Z takes it back. */
      write(text, start, end) {
        this.area.focus();
        this.area.setSelectionRange(start, end);
        if (start === end && !text) return;
        if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
        this.area.setRangeText(text, start, end, "end");
        this.area.dispatchEvent(new Event("input", { bubbles: true }));
      },
      insert(event) {
        const fallback = this.$root.querySelector("[data-fallback]").value.replace(/[{}|]/g, "").trim();
        const name = event.currentTarget.dataset.name;
        this.write(fallback ? `{${name}|${fallback}}` : `{${name}}`, this.area.selectionStart, this.area.selectionEnd);
      },
      /* What was repaired is what was looked at: what has been typed since is not lost. */
      repair(event) {
        if (event.currentTarget.closest("[data-typed]").dataset.typed === this.area.value) this.write(event.currentTarget.dataset.repaired, 0, this.area.value.length);
        else this.area.dispatchEvent(new Event("input", { bubbles: true }));
      },
      replace(event) { this.take(event, 0, this.area.value.length); },
      add(event) { this.take(event, this.area.selectionStart, this.area.selectionEnd); },
      take(event, start, end) {
        const text = event.currentTarget.dataset.text;
        this.shut(event);
        this.write(text, start, end);
      },
      shut(event) { event.currentTarget.closest("dialog").close(); },
      stay() {},
      press(event) { event.currentTarget.closest("dialog").querySelector("[data-press]").click(); },
    }));
    Alpine.data("readers", () => ({
      init() { if (this.$root.querySelector(`[data-show="${CSS.escape(reading)}"]`)) this.turn(reading); },
      show(event) { this.turn(event.currentTarget.dataset.show); },
      turn(to) {
        reading = to;
        for (const person of this.$root.querySelectorAll("[data-person]")) person.hidden = person.dataset.person !== to;
        for (const button of this.$root.querySelectorAll("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === to));
      },
    }));
  });
})();
