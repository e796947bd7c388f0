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

  /* A new row takes the focus; htmx itself would leave it on the button. */
  document.addEventListener("htmx:afterSettle", (event) => event.target.querySelector?.("[autofocus]")?.focus());

  document.addEventListener("alpine:init", () => {
    Alpine.data("composer", () => ({
      units: "—", parts: "—", left: "—", tone: "", latin: false, persian: false, personal: false, file: false,
      part: 67, suffix: "", limit: 0, most: "", forbidden: "", tooLong: false, forbiddenFound: false, personalKept: false,
      keeps: false, ours: true, byBooks: true, byJobs: false,
      absence: false, noAbsence: true, copy: false, noCopy: true, secure: false, noSecure: true, extras: false, clock: false, noClock: true,
      init() {
        this.remember();
        const line = this.$root.querySelector("input[name=line]:checked");
        if (line) this.take(line);
        const kind = this.$root.querySelector("input[name=kept_kind]:checked");
        if (kind) this.turnTo(kind.value);
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
        this.limit = Number(line.dataset.most);
        this.most = window.chapar.numbers.format(this.limit);
        this.forbidden = line.dataset.forbidden;
        /* a field that the line has no use for is switched off, so that it is not sent */
        this.keeps = "keeps" in line.dataset;
        this.ours = !this.keeps;
        this.noAbsence = !(this.absence = "absence" in line.dataset);
        this.noCopy = !(this.copy = "copy" in line.dataset);
        this.noSecure = !(this.secure = "secure" in line.dataset);
        this.noClock = !(this.clock = "clock" in line.dataset);
        this.extras = this.absence || this.copy || this.secure;
      },
      pick(event) { this.take(event.target); this.count(); this.fetchLists(event.target.dataset.account); },
      /* What another account's provider keeps. */
      fetchLists(account) {
        const shown = document.getElementById("theirs");
        if (this.ours || !shown || shown.dataset.account === account) return;
        htmx.ajax("POST", shown.dataset.url, { source: this.$root, target: shown, select: "#theirs", swap: "outerHTML" });
      },
      turn(event) { this.turnTo(event.target.value); },
      turnTo(kind) { this.byJobs = kind === "jobs"; this.byBooks = !this.byJobs; },
      stay() {},
      count() {
        const typed = this.$refs.text.value, sent = typed.trim() ? withSuffix(literal(typed), this.suffix) : "";
        const found = window.chapar.segments(sent, this.part);
        this.tooLong = this.limit > 0 && [...sent].length > this.limit;
        this.forbiddenFound = this.forbidden !== "" && sent.includes(this.forbidden);
        this.personalKept = this.keeps && isPersonal(typed);
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
