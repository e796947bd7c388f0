/* The import's upload: looked at before it leaves, then sent with its progress. Without this script the form just posts. */
(() => {
  "use strict";
  document.addEventListener("alpine:init", () => {
    Alpine.data("upload", () => ({
      idle: true, sending: false, moving: false, reading: false, problem: "", percent: "", sent: "", total: "", said: "",
      request: null,
      init() { this.judge(); },
      field(name) { return this.$root.elements[name]; },
      ending(file) { return file.name.includes(".") ? `.${file.name.split(".").pop().toLowerCase()}` : ""; },
      /* What the server would say after half an hour of uploading is said now. */
      judge() {
        const input = this.field("file"), file = input.files[0], name = this.field("new_name");
        const into = name.value.trim() || this.$root.querySelector("input[name=phonebooks]:checked");
        name.setCustomValidity(into ? "" : name.dataset.needed);
        this.problem = file ? this.wrongWith(file, input) : "";
      },
      wrongWith(file, input) {
        const ending = this.ending(file);
        if (ending && !this.$root.dataset.kinds.split(" ").includes(ending)) return this.$root.dataset.wrongKind;
        return file.size > Number(input.dataset.maxBytes) ? input.dataset.tooLarge : "";
      },
      send(event) {
        event.preventDefault();
        event.stopPropagation(); /* app.js would hold the form as submitted for good */
        const input = this.field("file"), file = input.files[0];
        this.problem = this.wrongWith(file, input);
        if (this.sending || this.problem) return;
        const content = new FormData(this.$root), request = this.request = new XMLHttpRequest();
        request.upload.addEventListener("progress", (at) => this.moved(at.loaded, at.total));
        request.upload.addEventListener("load", () => this.arrived());
        request.addEventListener("load", () => this.answered(request));
        for (const end of ["error", "timeout"]) request.addEventListener(end, () => this.ended(this.$root.dataset.failed));
        request.addEventListener("abort", () => this.ended(""));
        request.open("POST", this.$root.getAttribute("action") || location.href);
        request.setRequestHeader("Accept", "application/json");
        this.turn(true, false);
        this.moved(0, file.size);
        request.send(content);
      },
      turn(sending, reading) {
        this.sending = sending;
        this.idle = !sending;
        this.reading = reading;
        this.moving = sending && !reading;
      },
      moved(loaded, total) {
        const share = total ? Math.floor(100 * loaded / total) : 0;
        this.$refs.bar.value = share;
        this.percent = window.chapar.percent(share / 100);
        this.sent = window.chapar.sizeOf(loaded);
        this.total = window.chapar.sizeOf(total);
        if (share % 25 === 0) this.said = this.percent; /* a screen reader that read every step would read nothing else */
      },
      arrived() {
        this.turn(true, true);
        this.$refs.bar.removeAttribute("value");
      },
      answered(request) {
        let answer = null;
        try { answer = JSON.parse(request.responseText); } catch { /* a page: of an error, or to sign in */ }
        if (answer?.url) location.assign(answer.url);
        else this.ended(answer?.problems?.join(" ") || this.$root.dataset.failed);
      },
      ended(problem) {
        this.turn(false, false);
        this.problem = problem;
        this.request = null;
      },
      stop() { this.request?.abort(); },
    }));
  });
  /* The back button brings this page as it was left, in the middle of an upload that has long ended. */
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
