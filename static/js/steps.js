/* The composer's steps: one draft a form, whichever way somebody comes back to it; what a choice shows and hides. */
(() => {
  "use strict";
  const fold = (text) => text.replaceAll("ي", "ی").replaceAll("ك", "ک");

  /* A new row takes the focus; htmx itself would leave it on the button. */
  document.addEventListener("htmx:afterSettle", (event) => event.target.querySelector?.("[autofocus]")?.focus());

  document.addEventListener("alpine:init", () => {
    Alpine.data("wizard", () => ({
      /* The back button brings the page anew: with its first token it is the same form, and makes no second draft. */
      async init() {
        const token = this.$root.elements.token, state = history.state || {};
        if (!token) return;
        if (!state.token) { history.replaceState({ ...state, token: token.value }, ""); return; }
        token.value = state.token;
        if (!state.sent) return;
        const answer = await fetch(`${location.pathname}?token=${encodeURIComponent(state.token)}`);
        if (answer.redirected) location.replace(answer.url);
      },
      leave() {
        const token = this.$root.elements.token;
        if (token) history.replaceState({ ...history.state, token: token.value, sent: true }, "");
      },
    }));
    Alpine.data("audience", () => ({
      keeps: false, ours: true, byBooks: true, byJobs: false,
      init() {
        const source = this.$root.querySelector("input[name=source]:checked");
        this.keeps = source ? "account" in source.dataset : !this.$root.querySelector("[name=numbers]");
        this.ours = !this.keeps;
        const kind = this.$root.querySelector("input[name=kept_kind]:checked");
        if (kind) this.turnTo(kind.value);
      },
      pick(event) {
        const account = event.target.dataset.account;
        this.keeps = account !== undefined;
        this.ours = !this.keeps;
        if (this.keeps) this.fetchLists(account);
      },
      /* What another account's provider keeps. */
      fetchLists(account) {
        const shown = document.getElementById("theirs");
        if (shown && shown.dataset.account !== account) htmx.ajax("POST", shown.dataset.url, { source: shown.form, target: shown, select: "#theirs", swap: "outerHTML" });
      },
      turn(event) { this.turnTo(event.target.value); },
      turnTo(kind) { this.byJobs = kind === "jobs"; this.byBooks = !this.byJobs; },
      stay() {},
    }));
    Alpine.data("choices", () => ({
      narrow(event) {
        const wanted = fold(event.target.value.trim().toLowerCase());
        for (const label of this.$root.querySelectorAll("[data-name]")) label.hidden = !fold(label.dataset.name.toLowerCase()).includes(wanted);
      },
      stay() {},
    }));
    /* A field that the line has no use for is switched off, so that it is not sent. */
    Alpine.data("sending", () => ({
      absence: false, noAbsence: true, clock: false, noClock: true, whole: false, alone: true, later: false, now: true,
      init() {
        const line = this.$root.querySelector("input[name=line]:checked");
        if (line) this.take(line);
        const when = this.$root.querySelector("input[name=when]:checked");
        if (when) this.turnTo(when.value);
      },
      take(line) {
        this.noAbsence = !(this.absence = "absence" in line.dataset);
        this.whole = "keeps" in line.dataset;
        this.alone = !this.whole;
        this.clock = this.later && "clock" in line.dataset;
        this.noClock = !this.clock;
      },
      pick(event) { this.take(event.target); },
      turn(event) {
        this.turnTo(event.target.value);
        if (this.later) this.$nextTick(() => this.$root.querySelector("[name=scheduled_at]").focus());
      },
      turnTo(when) {
        this.now = !(this.later = when === "at");
        const line = this.$root.querySelector("input[name=line]:checked");
        if (line) this.take(line);
      },
    }));
  });
})();
