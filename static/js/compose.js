/* The composer: counts while you type, puts placeholders in, offers the fold, narrows lists. The server's preview follows. */
(() => {
  "use strict";
  const TOKEN = /\{\{|\}\}|\{([^{}|]*)(?:\|([^{}]*))?\}/g;
  const OPTED_OUT = /لغو[\s\u200c=:]*(?:11|۱۱|١١)[\s.]*$/; /* as campaigns/composing/suffix.py */
  const fold = (text) => text.replaceAll("ي", "ی").replaceAll("ك", "ک");

  /* The text without the recipients' own words: each placeholder's fallback stands in its place. */
  const literal = (text) => text.replace(TOKEN, (token, name, fallback) => (token === "{{" ? "{" : token === "}}" ? "}" : (fallback || "").trim()));
  const isPersonal = (text) => [...text.matchAll(TOKEN)].some((match) => match[1] !== undefined);
  const withSuffix = (text, suffix) => (!suffix || OPTED_OUT.test(text) ? text : `${text.trimEnd()}\n${suffix}`);

  document.addEventListener("alpine:init", () => {
    Alpine.data("composer", () => ({
      units: "—", parts: "—", left: "—", tone: "", latin: false, persian: false, personal: false, file: false,
      part: 67, suffix: "", channel: "",
      init() {
        this.remember();
        const line = this.$root.querySelector("input[name=line]:checked");
        if (line) this.take(line);
        this.file = this.file || Boolean(this.$root.querySelector("[name=remove_file], [name=file][aria-invalid=true]"));
        this.count();
      },
      /* The back button brings the page anew: with its first token it is the same form, and makes no second draft. */
      remember() {
        const token = this.$root.elements.token, state = history.state || {};
        if (!token) return;
        if (state.token) token.value = state.token;
        else history.replaceState({ ...state, token: token.value }, "");
      },
      take(line) {
        this.part = Number(line.dataset.part);
        this.suffix = line.dataset.suffix;
        this.file = line.dataset.channel === "bale";
      },
      pick(event) { this.take(event.target); this.count(); },
      count() {
        const typed = this.$refs.text.value;
        const found = window.chapar.segments(typed.trim() ? withSuffix(literal(typed), this.suffix) : "", this.part);
        if (!found.units) { this.units = this.parts = this.left = "—"; this.latin = this.persian = this.personal = false; return; }
        this.units = window.chapar.numbers.format(found.units);
        this.parts = window.chapar.numbers.format(found.parts);
        this.left = window.chapar.numbers.format(found.left);
        this.latin = found.encoding === "gsm7";
        this.persian = !this.latin;
        this.personal = isPersonal(typed);
        this.tone = found.parts > 3 ? "text-error" : "";
      },
      write(text, at) {
        const area = this.$refs.text;
        area.value = text;
        area.setSelectionRange(at, at);
        area.focus();
        area.dispatchEvent(new Event("input", { bubbles: true }));
      },
      insert(event) {
        const area = this.$refs.text, token = event.currentTarget.dataset.token, start = area.selectionStart;
        this.write(area.value.slice(0, start) + token + area.value.slice(area.selectionEnd), start + token.length);
      },
      fold() { this.write(fold(this.$refs.text.value), this.$refs.text.selectionStart); },
    }));
    Alpine.data("choices", () => ({
      narrow(event) {
        const wanted = fold(event.target.value.trim().toLowerCase());
        for (const label of this.$root.querySelectorAll("[data-name]")) label.hidden = !fold(label.dataset.name.toLowerCase()).includes(wanted);
      },
      stay() {},
    }));
    Alpine.data("reader", () => ({
      show(event) {
        const shown = event.currentTarget.dataset.show;
        for (const person of this.$root.querySelectorAll("[data-person]")) person.hidden = person.dataset.person !== shown;
        for (const button of this.$root.querySelectorAll("[data-show]")) {
          button.classList.toggle("btn-primary", button.dataset.show === shown);
          button.classList.toggle("btn-ghost", button.dataset.show !== shown);
        }
      },
    }));
  });
})();
